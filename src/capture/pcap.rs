//! Classic pcap files: a header of 24 bytes, then records of 16 bytes and the frame. Microseconds
//! or nanoseconds, either byte order.

use std::io::Read;

use pcap_parser::{LegacyPcapBlock, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use super::source::Source;
use super::{CaptureError, MAX_FRAME_LEN, Record};

const HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;

/// Of the header's last word (draft-ietf-opsawg-pcap section 4): the link type.
const LINK_TYPE: u32 = 0xffff;
/// And whether the upper four bits say how long an FCS is.
const FCS_PRESENT: u32 = 0x0400_0000;

/// What the file's header says about every record.
#[derive(Debug)]
pub(super) struct Header {
    link: u32,
    fcs_len: usize,
    big_endian: bool,
    /// Nanoseconds of one unit of the fraction.
    fraction_ns: i128,
}

/// Whether a file that begins so is one that [`header`] can read.
pub(super) fn is_magic(bytes: [u8; 4]) -> bool {
    const MICROSECONDS: u32 = 0xa1b2_c3d4;
    const NANOSECONDS: u32 = 0xa1b2_3c4d;
    [u32::from_le_bytes(bytes), u32::from_be_bytes(bytes)]
        .iter()
        .any(|magic| [MICROSECONDS, NANOSECONDS].contains(magic))
}

/// Reads the rest of the file's header; `buffer` holds its magic number.
pub(super) fn header<R: Read>(source: &mut Source<R>, buffer: &mut Vec<u8>) -> Result<Header, CaptureError> {
    source.fill(buffer, HEADER_LEN - buffer.len())?;
    let Ok((_, header)) = parse_pcap_header(buffer) else {
        let what = format!(
            "the pcap header is cut short after {} of {HEADER_LEN} bytes",
            buffer.len()
        );
        return Err(source.damaged(0, what));
    };
    let network = header.network.0.cast_unsigned();
    Ok(Header {
        link: network & LINK_TYPE,
        // In units of two bytes.
        fcs_len: if network & FCS_PRESENT == 0 {
            0
        } else {
            usize::try_from(network >> 28).unwrap_or(0) * 2
        },
        big_endian: header.is_bigendian(),
        fraction_ns: if header.is_nanosecond_precision() { 1 } else { 1_000 },
    })
}

/// Reads the next record.
pub(super) fn next<'b, R: Read>(
    source: &mut Source<R>,
    header: &Header,
    buffer: &'b mut Vec<u8>,
) -> Result<Option<Record<'b>>, CaptureError> {
    let byte = source.byte();
    buffer.clear();
    if !source.fill(buffer, RECORD_HEADER_LEN)? {
        if buffer.is_empty() {
            return Ok(None);
        }
        let what = format!(
            "the file ends after {} of the {RECORD_HEADER_LEN} bytes of a record header",
            buffer.len()
        );
        return Err(source.damaged(byte, what));
    }
    let word = |at: usize| {
        let bytes: [u8; 4] = buffer
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .copied()
            .unwrap_or_default();
        if header.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    // The captured length has to be judged before its bytes are read.
    let captured_len = word(8);
    if captured_len > MAX_FRAME_LEN {
        let what = format!("a record of {captured_len} bytes (at most {MAX_FRAME_LEN}): the file is damaged here");
        return Err(source.damaged(byte, what));
    }
    let captured_len = usize::try_from(captured_len).unwrap_or(usize::MAX);
    if !source.fill(buffer, captured_len)? {
        let what = format!(
            "the file ends after {} of the {captured_len} bytes of a frame",
            buffer.len() - RECORD_HEADER_LEN
        );
        return Err(source.damaged(byte, what));
    }
    let parse = if header.big_endian {
        parse_pcap_frame_be
    } else {
        parse_pcap_frame
    };
    match parse(buffer) {
        Ok((_, record)) => Ok(Some(frame(source.count_frame(), header, &record))),
        Err(_) => Err(source.damaged(byte, "a record that cannot be read")),
    }
}

fn frame<'b>(index: u64, header: &Header, record: &LegacyPcapBlock<'b>) -> Record<'b> {
    let time = i128::from(record.ts_sec) * 1_000_000_000 + i128::from(record.ts_usec) * header.fraction_ns;
    Record {
        index,
        time_ns: Some(time),
        link: header.link,
        original_len: usize::try_from(record.origlen).unwrap_or(usize::MAX),
        fcs_len: header.fcs_len,
        bytes: record.data,
    }
}
