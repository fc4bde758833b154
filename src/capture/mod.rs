//! Capture files: pcap and pcapng in, pcap with nanoseconds out.
//!
//! Contract: a reader streams; it holds one frame at a time, whatever the file's size, and
//! allocates only for bytes that are there. Files are hostile: every length is checked before it
//! is believed, a bad one is an error that names file, byte and frame, never a panic. Of a file
//! that was cut, the frames before the cut come first, then the error. The framing is read here,
//! so that this holds; `pcap-parser` interprets the headers and blocks.
//!
//! Left out on purpose: compressed files, pcapng output, name resolution and other blocks that
//! carry no frame (they are skipped).

mod pcap;
mod pcapng;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use source::Source;
pub use writer::CaptureWriter;

/// The longest frame read: libpcap's own limit. Jumbo frames end near 9 KB.
pub const MAX_FRAME_LEN: u32 = 262_144;

/// What went wrong with a capture file.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It could not be opened or created.
    #[error("{path}: {action}: {source}")]
    Open {
        /// The file as named by the user.
        path: String,
        /// "cannot open" or "cannot create".
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Reading failed.
    #[error("{path}: byte {byte} (frame {frame}): cannot read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Bytes read before.
        byte: u64,
        /// Frames read before, plus one.
        frame: u64,
        /// Why.
        source: io::Error,
    },
    /// Writing failed.
    #[error("{path}: cannot write frame {frame}: {source}; what is written so far cannot be relied on")]
    Write {
        /// The file.
        path: String,
        /// The frame, counted from 1.
        frame: u64,
        /// Why.
        source: io::Error,
    },
    /// Not a capture file at all.
    #[error("{path}: {what}; pcap and pcapng files can be read")]
    NotACapture {
        /// The file.
        path: String,
        /// What it is instead.
        what: String,
    },
    /// The file is damaged or was cut.
    #[error("{path}: byte {byte} (frame {frame}): {what}")]
    Damaged {
        /// The file.
        path: String,
        /// Where the bad record or block begins.
        byte: u64,
        /// The frame that could not be read, counted from 1.
        frame: u64,
        /// What is wrong.
        what: String,
    },
}

/// One frame of a capture.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Position in the file, counted from 0.
    pub index: u64,
    /// Nanoseconds since 1970, before that negative; `None` where the format has no time (simple packet
    /// blocks).
    pub time_ns: Option<i128>,
    /// Link type number of the tcpdump.org registry; 1 is Ethernet.
    pub link: u32,
    /// Bytes that the frame had on the wire, its FCS included where `fcs_len` is not 0.
    pub original_len: usize,
    /// Bytes of FCS at the frame's end, as far as the file declares one.
    pub fcs_len: usize,
    /// Bytes captured.
    pub bytes: &'a [u8],
}

/// Reads the frames of a capture, one after the other.
#[derive(Debug)]
pub struct CaptureReader<R> {
    source: Source<R>,
    format: Format,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Header),
    PcapNg(pcapng::Section),
}

impl CaptureReader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened, or does not begin like a capture.
    pub fn open(path: &Path) -> Result<CaptureReader<File>, CaptureError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| CaptureError::Open {
            path: name.clone(),
            action: "cannot open",
            source,
        })?;
        CaptureReader::new(file, name)
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads from `input`, which errors call `name`. Buffers by itself.
    ///
    /// # Errors
    /// When it does not begin like a capture.
    pub fn new(input: R, name: String) -> Result<CaptureReader<R>, CaptureError> {
        let mut source = Source::new(input, name);
        let mut buffer = Vec::new();
        source.fill(&mut buffer, 4)?;
        let magic: [u8; 4] = match buffer.first_chunk() {
            Some(magic) => *magic,
            None => {
                return Err(source.not_a_capture(match buffer.len() {
                    0 => "the file is empty".to_owned(),
                    len => format!("the file has only {len} bytes"),
                }));
            }
        };
        let format = match magic {
            pcapng::MAGIC => Format::PcapNg(pcapng::Section::default()),
            _ if pcap::is_magic(magic) => Format::Pcap(pcap::header(&mut source, &mut buffer)?),
            [0x1f, 0x8b, ..] => {
                return Err(source.not_a_capture("this is a gzip file: unpack it first".to_owned()));
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                return Err(source.not_a_capture("this is a zstd file: unpack it first".to_owned()));
            }
            [a, b, c, d] => {
                let what = format!("the first four bytes are {a:02x} {b:02x} {c:02x} {d:02x}, no capture's");
                return Err(source.not_a_capture(what));
            }
        };
        Ok(CaptureReader { source, format, buffer })
    }

    /// The next frame, or `None` at the end of the file.
    ///
    /// # Errors
    /// When the file is damaged or ends within a frame. Nothing can be read after that.
    pub fn next_frame(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(header) => pcap::next(&mut self.source, header, &mut self.buffer),
            Format::PcapNg(section) => pcapng::next(&mut self.source, section, &mut self.buffer),
        }
    }
}
