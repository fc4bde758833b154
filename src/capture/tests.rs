//! Captures by hand, after the format descriptions (pcap: draft-ietf-opsawg-pcap; pcapng:
//! draft-ietf-opsawg-pcapng), and hostile ones.

use std::io::{self, Read, Write};

use super::*;
use crate::units::Picos;

/// Byte order of a file under construction.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        let mut bytes = self.u32(magic).to_vec();
        bytes.extend(self.u16(2));
        bytes.extend(self.u16(4));
        bytes.extend([0; 8]);
        bytes.extend(self.u32(65_535));
        bytes.extend(self.u32(link));
        bytes
    }

    fn record(self, seconds: u32, fraction: u32, original_len: u32, frame: &[u8]) -> Vec<u8> {
        let len = u32::try_from(frame.len()).expect("short");
        let mut bytes = [seconds, fraction, len, original_len]
            .map(|word| self.u32(word))
            .concat();
        bytes.extend(frame);
        bytes
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let len = self.u32(u32::try_from(padded + 12).expect("short"));
        let mut bytes = self.u32(kind).to_vec();
        bytes.extend(len);
        bytes.extend(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(len);
        bytes
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let mut body = self.u16(link).to_vec();
        body.extend(self.u16(0));
        body.extend(self.u32(snap_len));
        body.extend(options);
        self.block(1, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = self.u16(code).to_vec();
        bytes.extend(self.u16(u16::try_from(value.len()).expect("short")));
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn enhanced(self, interface: u32, ticks: u64, original_len: u32, frame: &[u8]) -> Vec<u8> {
        let high = u32::try_from(ticks >> 32).expect("32 bits");
        let low = u32::try_from(ticks & 0xffff_ffff).expect("32 bits");
        let len = u32::try_from(frame.len()).expect("short");
        let mut body = [interface, high, low, len, original_len]
            .map(|word| self.u32(word))
            .concat();
        body.extend(frame);
        self.block(6, &body)
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Time, link type, original length and bytes of a frame.
type Frame = (Option<i128>, u32, usize, Vec<u8>);

/// All frames before the end or the first error, and the error's text.
fn read(bytes: &[u8]) -> (Vec<Frame>, Option<String>) {
    let mut frames = Vec::new();
    let mut reader = match CaptureReader::new(bytes, "x".to_owned()) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error.to_string())),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(record)) => {
                assert_eq!(record.index, u64::try_from(frames.len()).expect("few"));
                frames.push((record.time_ns, record.link, record.original_len, record.bytes.to_vec()));
            }
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, time) in [(MICROSECONDS, 7_000_009_000), (NANOSECONDS, 7_000_000_009)] {
            let mut file = order.pcap(magic, 1);
            file.extend(order.record(7, 9, 3, b"abc"));
            file.extend(order.record(7, 9, 1500, b""));
            let (frames, error) = read(&file);
            assert_eq!(error, None);
            assert_eq!(
                frames,
                [(Some(time), 1, 3, b"abc".to_vec()), (Some(time), 1, 1500, Vec::new())]
            );
        }
    }
}

#[test]
fn pcapng_sections_interfaces_and_all_kinds_of_packet_block() {
    let mut file = Vec::new();
    for order in [Order::Little, Order::Big] {
        file.extend(order.section());
        // Microseconds by default; nanoseconds; 2^-10 s with an offset of 5 s.
        file.extend(order.interface(1, 4, &[]));
        file.extend(order.interface(101, 0, &order.option(9, &[9])));
        let offset = match order {
            Order::Little => 5_i64.to_le_bytes(),
            Order::Big => 5_i64.to_be_bytes(),
        };
        let options = [order.option(9, &[0x8a]), order.option(14, &offset)].concat();
        file.extend(order.interface(113, 0, &options));
        file.extend(order.enhanced(0, 1 << 32, 3, b"abc"));
        file.extend(order.block(0x0bad, &[0x55; 400]));
        file.extend(order.enhanced(1, 11, 2000, b"defgh"));
        file.extend(order.enhanced(2, 1536, 1, b"i"));
        // Simple: the first interface, and its snap length of 4.
        file.extend(order.block(3, &[&order.u32(6)[..], b"jklm"].concat()));
        // Obsolete: a 16-bit interface, drops, time, lengths.
        let head = [
            &order.u16(1)[..],
            &order.u16(9),
            &order.u32(0),
            &order.u32(12),
            &order.u32(2),
            &order.u32(2),
            b"no",
        ];
        file.extend(order.block(2, &head.concat()));
    }
    let section = [
        (Some((1 << 32) * 1000), 1, 3, b"abc".to_vec()),
        (Some(11), 101, 2000, b"defgh".to_vec()),
        (Some(6_500_000_000), 113, 1, b"i".to_vec()),
        (None, 1, 6, b"jklm".to_vec()),
        (Some(12), 101, 2, b"no".to_vec()),
    ];
    let (frames, error) = read(&file);
    assert_eq!(error, None);
    assert_eq!(frames, [section.clone(), section].concat());
}

#[test]
fn a_cut_anywhere_gives_the_frames_before_it_and_an_error() {
    let order = Order::Little;
    let mut pcap = order.pcap(MICROSECONDS, 1);
    let mut pcapng = [order.section(), order.interface(1, 0, &[])].concat();
    let (pcap_start, pcapng_start) = (pcap.len(), pcapng.len());
    let mut pcap_ends = vec![pcap_start];
    let mut pcapng_ends = vec![pcapng_start];
    for _ in 0..3 {
        pcap.extend(order.record(0, 0, 60, &[0xee; 60]));
        pcap_ends.push(pcap.len());
        pcapng.extend(order.enhanced(0, 0, 60, &[0xee; 60]));
        pcapng_ends.push(pcapng.len());
    }
    for (file, ends) in [(pcap, pcap_ends), (pcapng, pcapng_ends)] {
        for len in (0..=file.len()).step_by(if cfg!(miri) { 7 } else { 1 }) {
            let (frames, error) = read(&file[..len]);
            let whole = ends[1..].iter().filter(|end| **end <= len).count();
            assert_eq!(frames.len(), whole, "cut to {len}");
            if ends.contains(&len) {
                assert_eq!(error, None, "cut to {len}");
            } else if len > ends[0] {
                let error = error.expect("a cut");
                let expected = format!("x: byte {} (frame {}): the file ends", ends[whole], whole + 1);
                assert!(error.starts_with(&expected), "cut to {len}: {error}");
            }
        }
    }
}

#[test]
fn hostile_lengths_are_errors_and_cost_no_memory() {
    let order = Order::Little;
    let section = [order.section(), order.interface(1, 0, &[])].concat();
    let record = |len: u32| {
        let words = [0, 0, len, len].map(|word| order.u32(word)).concat();
        [order.pcap(MICROSECONDS, 1), words].concat()
    };
    let raw_block = |kind: u32, len: u32, body: &[u8]| {
        let head = [kind, len].map(|word| order.u32(word)).concat();
        [&section[..], &head, body].concat()
    };
    let mut packet_too_long = order.enhanced(0, 0, 4, b"abcd");
    packet_too_long[20..24].copy_from_slice(&order.u32(5));
    let mut other_end = order.enhanced(0, 0, 4, b"abcd");
    let last = other_end.len() - 4;
    other_end[last..].copy_from_slice(&order.u32(32));
    let resolution = order.interface(1, 0, &order.option(9, &[40]));
    for (file, expected) in [
        (record(u32::MAX), "a record of 4294967295 bytes"),
        (record(MAX_FRAME_LEN + 1), "the file is damaged here"),
        (record(MAX_FRAME_LEN), "the file ends after 0 of the 262144 bytes"),
        (raw_block(6, u32::MAX - 3, &[]), "a block of 4294967292 bytes (at most"),
        (raw_block(6, 0, &[]), "a block of 0 bytes"),
        (raw_block(6, 8, &[]), "a block of 8 bytes"),
        (raw_block(6, 33, &[0; 40]), "a block of 33 bytes"),
        (raw_block(6, 12, &order.u32(12)), "lengths do not fit"),
        (raw_block(3, 12, &order.u32(12)), "lengths do not fit"),
        (raw_block(2, 12, &order.u32(12)), "lengths do not fit"),
        (raw_block(1, 12, &order.u32(12)), "an interface description"),
        (raw_block(0x7777, u32::MAX - 3, &[]), "the file ends within a block"),
        ([section.clone(), packet_too_long].concat(), "lengths do not fit"),
        (
            [section.clone(), other_end].concat(),
            "begins with length 36 and ends with length 32",
        ),
        (
            [section.clone(), order.enhanced(7, 0, 1, b"a")].concat(),
            "a frame of interface 7",
        ),
        ([order.section(), resolution].concat(), "resolution 0x28"),
        (
            [&[0x0a, 0x0d, 0x0d, 0x0a][..], &[0; 24]].concat(),
            "without a byte order mark",
        ),
        (order.pcap(MICROSECONDS, 1)[..10].to_vec(), "cut short after 10 of 24"),
        (vec![0x1f, 0x8b, 8, 0], "gzip"),
        (Vec::new(), "the file is empty"),
    ] {
        let (frames, error) = read(&file);
        assert!(frames.is_empty(), "{expected}");
        let error = error.unwrap_or_else(|| panic!("no error: {expected}"));
        assert!(error.contains(expected), "{error}, not {expected}");
        let mut reader = match CaptureReader::new(&file[..], "x".to_owned()) {
            Ok(reader) => reader,
            Err(_) => continue,
        };
        let _ = reader.next_frame();
        assert!(
            reader.buffer.capacity() < 4096,
            "{expected}: {}",
            reader.buffer.capacity()
        );
    }
}

/// A capture without an end.
struct Endless {
    frame: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.frame[self.at..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.at = (self.at + len) % self.frame.len();
        Ok(len)
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let order = Order::Little;
    let endless = Endless {
        frame: order.record(1, 2, 4170, &[0x5a; 4170]),
        at: 0,
    };
    let file = io::Cursor::new(order.pcap(NANOSECONDS, 1)).chain(endless);
    let mut reader = CaptureReader::new(file, "endless".to_owned()).expect("a capture");
    let frames = if cfg!(miri) { 20 } else { 20_000 };
    for _ in 0..frames {
        let record = reader.next_frame().expect("no damage").expect("no end");
        assert_eq!(record.bytes.len(), 4170);
    }
    assert!(reader.buffer.capacity() < 65_536);
}

#[test]
fn a_written_file_is_what_the_format_says() {
    let mut writer = CaptureWriter::new(Vec::new(), "x".to_owned()).expect("memory");
    writer.write(Picos(3_000_000_000_000 + 70_999), b"abc").expect("memory");
    assert_eq!(writer.frames(), 1);
    let bytes = writer.finish().expect("memory");
    let mut expected = vec![
        0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    ];
    expected.extend([3, 0, 0, 0, 70, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c']);
    assert_eq!(bytes, expected);
    assert_eq!(read(&bytes), (vec![(Some(3_000_000_070), 1, 3, b"abc".to_vec())], None));
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let len = buf.len().min(self.0);
        self.0 -= len;
        if len == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_named_with_file_and_frame() {
    let mut writer = CaptureWriter::new(Full(24 + 16 + 60 + 20), "out.pcap".to_owned()).expect("room");
    writer.write(Picos::ZERO, &[0; 60]).expect("room");
    let error = writer.write(Picos::ZERO, &[0; 60]).expect_err("no room").to_string();
    assert!(error.starts_with("out.pcap: cannot write frame 2: "), "{error}");
    // Buffered output shows the same at the end.
    let buffered = io::BufWriter::new(Full(30));
    let mut writer = CaptureWriter::new(buffered, "out.pcap".to_owned()).expect("buffered");
    writer.write(Picos::ZERO, &[0; 60]).expect("buffered");
    assert!(writer.finish().is_err());
}

#[test]
#[cfg_attr(miri, ignore = "Miri's isolation has no files")]
fn what_cannot_be_created_or_written_is_named() {
    let error = CaptureWriter::create(Path::new("/nonexistent/out.pcap"))
        .err()
        .expect("no directory");
    assert!(
        error.to_string().starts_with("/nonexistent/out.pcap: cannot create: "),
        "{error}"
    );
    let mut writer = CaptureWriter::new(Vec::new(), "x".to_owned()).expect("memory");
    let too_long = vec![0; usize::try_from(MAX_FRAME_LEN).expect("small") + 1];
    assert!(writer.write(Picos::ZERO, &too_long).is_err());
}
