//! pcapng files (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body, and the length
//! again. Any number of sections, each in its own byte order; any number of interfaces.

use std::io::Read;

use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, InterfaceDescriptionBlock, parse_block_be, parse_block_le};

use super::source::Source;
use super::{CaptureError, MAX_FRAME_LEN, Record};

/// How every pcapng file begins: the type of a section header block, the same in both orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Options: of an interface the length of its FCS, of a frame its flags.
const IF_FCSLEN: u16 = 13;
const FLAGS: u16 = 2;
/// Where an interface's options begin: type, length, link type, snap length.
const INTERFACE_OPTIONS_AT: usize = 16;

/// Type, length, and length again.
const FRAMING_LEN: u32 = 12;
/// A frame of the greatest length and generous options. Blocks that carry no frame are skipped
/// unread and may be longer.
const MAX_BLOCK_LEN: u32 = MAX_FRAME_LEN + 65_536;
const MAX_INTERFACES: usize = 65_536;

/// What the blocks since the last section header said.
#[derive(Debug, Default)]
pub(super) struct Section {
    started: bool,
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    /// Bytes of FCS at the end of every frame, unless the frame's own block says otherwise.
    fcs_len: usize,
    snap_len: u32,
    /// Units of time stamps in a second.
    units_per_second: u128,
    offset_seconds: i64,
}

impl Section {
    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let bytes: [u8; 4] = bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .copied()
            .unwrap_or_default();
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

/// Reads blocks up to the next one that carries a frame. The magic number of the file's first
/// block is in `buffer` at the first call.
pub(super) fn next<'b, R: Read>(
    source: &mut Source<R>,
    section: &mut Section,
    buffer: &'b mut Vec<u8>,
) -> Result<Option<Record<'b>>, CaptureError> {
    let found = loop {
        if section.started {
            buffer.clear();
        }
        let already = u64::try_from(buffer.len()).unwrap_or(0);
        let byte = source.byte() - already;
        let Some(kind) = read_block(source, section, buffer, byte)? else {
            return Ok(None);
        };
        section.started = true;
        match kind {
            SECTION_HEADER => section.interfaces.clear(),
            INTERFACE_DESCRIPTION => describe_interface(source, section, buffer, byte)?,
            PACKET | SIMPLE_PACKET | ENHANCED_PACKET => break frame_of(source, section, kind, buffer, byte)?,
            _ => {}
        }
    };
    Ok(Some(Record {
        index: source.count_frame(),
        time_ns: found.time_ns,
        link: found.link,
        original_len: found.original_len,
        fcs_len: found.fcs_len,
        bytes: buffer.get(found.start..found.start + found.len).unwrap_or_default(),
    }))
}

/// Reads one block into `buffer`, or skips it when it is of no use here. Its type; `None` at the
/// end of the file.
fn read_block<R: Read>(
    source: &mut Source<R>,
    section: &mut Section,
    buffer: &mut Vec<u8>,
    byte: u64,
) -> Result<Option<u32>, CaptureError> {
    source.fill(buffer, 8 - buffer.len())?;
    if buffer.is_empty() {
        return Ok(None);
    }
    if buffer.len() < 8 {
        return Err(source.damaged(byte, "the file ends within a block's header"));
    }
    let mut head = 8;
    if buffer.starts_with(&MAGIC) {
        source.fill(buffer, 4)?;
        section.big_endian = match buffer.get(8..12) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
            _ => return Err(source.damaged(byte, "a section header without a byte order mark")),
        };
        head = 12;
    }
    let kind = section.word(buffer, 0);
    let len = section.word(buffer, 4);
    if len < FRAMING_LEN.max(head + 4) || !len.is_multiple_of(4) {
        return Err(source.damaged(byte, format!("a block of {len} bytes, which no block can have")));
    }
    let rest = len - head;
    let wanted = matches!(
        kind,
        SECTION_HEADER | INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET
    );
    let cut = |source: &Source<R>| source.damaged(byte, format!("the file ends within a block of {len} bytes"));
    if wanted {
        if len > MAX_BLOCK_LEN {
            let what = format!("a block of {len} bytes (at most {MAX_BLOCK_LEN}): the file is damaged here");
            return Err(source.damaged(byte, what));
        }
        if !source.fill(buffer, usize::try_from(rest).unwrap_or(usize::MAX))? {
            return Err(cut(source));
        }
    } else {
        let before = buffer.len();
        if !source.skip(u64::from(rest - 4))? || !source.fill(buffer, 4)? {
            return Err(cut(source));
        }
        buffer.drain(..before);
    }
    let again = section.word(buffer, buffer.len() - 4);
    if again != len {
        let what = format!("a block begins with length {len} and ends with length {again}");
        return Err(source.damaged(byte, what));
    }
    Ok(Some(kind))
}

fn parse<'b>(section: &Section, block: &'b [u8]) -> Option<Block<'b>> {
    let parse = if section.big_endian {
        parse_block_be
    } else {
        parse_block_le
    };
    parse(block).ok().map(|(_, block)| block)
}

fn describe_interface<R: Read>(
    source: &Source<R>,
    section: &mut Section,
    buffer: &[u8],
    byte: u64,
) -> Result<(), CaptureError> {
    let Some(Block::InterfaceDescription(block)) = parse(section, buffer) else {
        return Err(source.damaged(byte, "an interface description that cannot be read"));
    };
    if section.interfaces.len() == MAX_INTERFACES {
        return Err(source.damaged(byte, format!("more than {MAX_INTERFACES} interfaces")));
    }
    let fcs_len = match option(section, buffer, INTERFACE_OPTIONS_AT, IF_FCSLEN) {
        Some([len, ..]) => if_fcslen(*len).ok_or_else(|| {
            source.damaged(
                byte,
                format!("an interface with if_fcslen {len}; 0, 2, 4, 16 and 32 are known"),
            )
        })?,
        _ => 0,
    };
    let interface = Interface {
        // The field's other half is reserved.
        link: block.linktype.0.cast_unsigned() & 0xffff,
        fcs_len,
        snap_len: block.snaplen,
        units_per_second: units_per_second(block.if_tsresol)
            .ok_or_else(|| source.damaged(byte, format!("time stamp resolution 0x{:02x}", block.if_tsresol)))?,
        offset_seconds: offset_seconds(section.big_endian, &block),
    };
    section.interfaces.push(interface);
    Ok(())
}

/// The first option of this code behind the fixed part of a block, which is whole in `block`.
fn option<'b>(section: &Section, block: &'b [u8], at: usize, code: u16) -> Option<&'b [u8]> {
    let mut rest = block.get(at..block.len().checked_sub(4)?)?;
    loop {
        let (head, behind) = rest.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let [found, len] = [[a, b], [c, d]].map(|half| {
            if section.big_endian {
                u16::from_be_bytes(half)
            } else {
                u16::from_le_bytes(half)
            }
        });
        let len = usize::from(len);
        match found {
            // opt_endofopt
            0 => return None,
            _ if found == code => return behind.get(..len),
            _ => rest = behind.get(len.next_multiple_of(4)..)?,
        }
    }
}

/// Bytes of FCS. The specification says bits, and writes 4 for Ethernet's; programs write bytes.
fn if_fcslen(value: u8) -> Option<usize> {
    match value {
        0 | 2 | 4 => Some(usize::from(value)),
        16 | 32 => Some(usize::from(value / 8)),
        _ => None,
    }
}

/// epb_flags, bits 5 to 8: bytes of FCS; 0 is not known.
fn flags_fcs_len(section: &Section, flags: &[u8]) -> Option<usize> {
    let flags = (flags.len() == 4).then(|| section.word(flags, 0))?;
    usize::try_from((flags >> 5) & 0xf).ok().filter(|len| *len != 0)
}

/// if_tsresol: a negative power of 10, or of 2 when the top bit is set.
fn units_per_second(resolution: u8) -> Option<u128> {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 {
        10_u128.checked_pow(exponent)
    } else {
        1_u128.checked_shl(exponent)
    }
}

/// if_tsoffset, which `pcap-parser` takes for little-endian whatever the section says.
fn offset_seconds(big_endian: bool, block: &InterfaceDescriptionBlock<'_>) -> i64 {
    if big_endian {
        block.if_tsoffset.swap_bytes()
    } else {
        block.if_tsoffset
    }
}

struct Found {
    time_ns: Option<i128>,
    link: u32,
    fcs_len: usize,
    original_len: usize,
    /// Where in the block the frame lies.
    start: usize,
    len: usize,
}

fn frame_of<R: Read>(
    source: &Source<R>,
    section: &Section,
    kind: u32,
    block: &[u8],
    byte: u64,
) -> Result<Found, CaptureError> {
    // Type, length, interface, time stamp (two words), captured and original length.
    const FRAME_AT: usize = 28;
    let bad = || source.damaged(byte, "a packet block whose lengths do not fit");
    let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let (interface, ticks, len, original_len, start) = match kind {
        SIMPLE_PACKET => {
            let Some(Block::SimplePacket(packet)) = parse(section, block) else {
                return Err(bad());
            };
            (0, None, packet.origlen, packet.origlen, 12)
        }
        ENHANCED_PACKET => {
            let Some(Block::EnhancedPacket(packet)) = parse(section, block) else {
                return Err(bad());
            };
            let ticks = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
            (packet.if_id, Some(ticks), packet.caplen, packet.orig_len(), FRAME_AT)
        }
        // The obsolete packet block, which `pcap-parser` does not know: as the enhanced one, but
        // with a 16-bit interface and a drop count in the first word.
        _ if block.len() < FRAME_AT + 4 => return Err(bad()),
        _ => {
            let word = |at| section.word(block, at);
            let interface = if section.big_endian {
                word(8) >> 16
            } else {
                word(8) & 0xffff
            };
            let ticks = (u64::from(word(12)) << 32) | u64::from(word(16));
            (interface, Some(ticks), word(20), word(24), FRAME_AT)
        }
    };
    let Some(interface) = section.interfaces.get(size(interface)) else {
        let what = format!("a frame of interface {interface}, which no block has described");
        return Err(source.damaged(byte, what));
    };
    let len = match (kind, interface.snap_len) {
        (SIMPLE_PACKET, snap_len) if snap_len != 0 => len.min(snap_len),
        _ => len,
    };
    let end = start.checked_add(size(len)).filter(|end| *end <= block.len() - 4);
    if end.is_none() {
        return Err(bad());
    }
    let flags = match kind {
        SIMPLE_PACKET => None,
        _ => option(section, block, start + size(len).next_multiple_of(4), FLAGS),
    };
    Ok(Found {
        time_ns: ticks.map(|ticks| interface.nanoseconds(ticks)),
        link: interface.link,
        fcs_len: flags
            .and_then(|flags| flags_fcs_len(section, flags))
            .unwrap_or(interface.fcs_len),
        original_len: size(original_len),
        start,
        len: size(len),
    })
}

impl Interface {
    /// Since 1970.
    fn nanoseconds(&self, ticks: u64) -> i128 {
        // Below 2^94.
        let since_offset = u128::from(ticks) * 1_000_000_000 / self.units_per_second;
        let offset = i128::from(self.offset_seconds) * 1_000_000_000;
        i128::try_from(since_offset).unwrap_or(i128::MAX).saturating_add(offset)
    }
}
