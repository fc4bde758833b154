//! Writing a pcap file with nanoseconds.
//!
//! Two fixed headers of little-endian numbers are all there is to it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{CaptureError, MAX_FRAME_LEN};
use crate::units::{PICOS_PER_SECOND, Picos};

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
const LINK_ETHERNET: u32 = 1;

/// Writes frames to a pcap file. Call [`CaptureWriter::finish`]: an error at the very end (a full
/// disk) shows only there.
#[must_use = "without `finish`, an error at the end goes unseen"]
pub struct CaptureWriter<W: Write> {
    output: W,
    name: String,
    frames: u64,
}

impl CaptureWriter<BufWriter<Box<dyn Write>>> {
    /// Creates the file, or overwrites it; `-` is standard output.
    ///
    /// # Errors
    /// When it cannot be created or written to.
    pub fn create(path: &Path) -> Result<Self, CaptureError> {
        let (output, name): (Box<dyn Write>, String) = if path.as_os_str() == "-" {
            (Box::new(io::stdout()), "standard output".to_owned())
        } else {
            let name = path.display().to_string();
            let file = File::create(path).map_err(|source| CaptureError::Open {
                path: name.clone(),
                action: "cannot create",
                source,
            })?;
            (Box::new(file), name)
        };
        CaptureWriter::new(BufWriter::with_capacity(1 << 18, output), name)
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Writes to `output`, which errors call `name`. Does not buffer.
    ///
    /// # Errors
    /// When the file's header cannot be written.
    pub fn new(output: W, name: String) -> Result<Self, CaptureError> {
        let mut writer = CaptureWriter {
            output,
            name,
            frames: 0,
        };
        let mut header = [0; 24];
        header[0..4].copy_from_slice(&NANOSECOND_MAGIC.to_le_bytes());
        header[4..6].copy_from_slice(&VERSION[0].to_le_bytes());
        header[6..8].copy_from_slice(&VERSION[1].to_le_bytes());
        header[16..20].copy_from_slice(&MAX_FRAME_LEN.to_le_bytes());
        header[20..24].copy_from_slice(&LINK_ETHERNET.to_le_bytes());
        let result = writer.output.write_all(&header);
        result.map_err(|source| writer.error(source))?;
        Ok(writer)
    }

    /// Appends a frame (Ethernet header to the last byte before the FCS). Its time is `departure`
    /// after 1970, rounded down to a nanosecond.
    ///
    /// # Errors
    /// When it cannot be written, or is longer than [`MAX_FRAME_LEN`].
    pub fn write(&mut self, departure: Picos, frame: &[u8]) -> Result<(), CaptureError> {
        let len = u32::try_from(frame.len()).ok().filter(|len| *len <= MAX_FRAME_LEN);
        let Some(len) = len else {
            let what = format!(
                "a frame of {} bytes; a capture holds {MAX_FRAME_LEN} at most",
                frame.len()
            );
            return Err(self.error(io::Error::new(io::ErrorKind::InvalidInput, what)));
        };
        // 2^64 ps are 213 days: both fit.
        let seconds = u32::try_from(departure.0 / PICOS_PER_SECOND).unwrap_or(u32::MAX);
        let nanoseconds = u32::try_from(departure.0 % PICOS_PER_SECOND / 1_000).unwrap_or(0);
        let mut header = [0; 16];
        for (field, value) in header
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .zip([seconds, nanoseconds, len, len])
        {
            *field = value.to_le_bytes();
        }
        let result = self
            .output
            .write_all(&header)
            .and_then(|()| self.output.write_all(frame));
        result.map_err(|source| self.error(source))?;
        self.frames += 1;
        Ok(())
    }

    /// Frames written so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes out what is buffered and gives the output back.
    ///
    /// # Errors
    /// When that fails.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        let result = self.output.flush();
        result.map_err(|source| self.error(source))?;
        Ok(self.output)
    }

    fn error(&self, source: io::Error) -> CaptureError {
        CaptureError::Write {
            path: self.name.clone(),
            frame: self.frames + 1,
            source,
        }
    }
}
