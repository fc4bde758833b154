//! `squall decode`: frames to fields.
//!
//! Contract: one frame at a time, so that a capture of any size passes through constant memory.
//! A broken frame is data: it is printed with its reason and changes the exit status only with
//! `--strict`. A file that cannot be read to its end is an error (status 2), after all frames
//! before the damage are printed. A reader that goes away (`| head`) ends the command quietly.

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::{Failure, Outcome};
use crate::capture::{CaptureReader, Record};
use crate::wire::decode::{AckreqRule, Decoded, Link, Outer, decode_with_fcs};
use crate::wire::{Malformed, fcs};

/// Print the frames of a capture, or a frame given in hexadecimal, as fields.
///
/// Text is one line a frame, numbered from 1 as Wireshark does, and a summary on stderr. JSON is
/// one object a line, `index` counted from 0, with fields and reasons named as in docs/DECODE.md.
/// Every frame is checked as far as one frame allows: lengths, checksums, ICRC, opcode, pad,
/// extension headers, CNP and PFC format. Encapsulations (VXLAN, Geneve, GRE, ERSPAN, MPLS, IP in IP,
/// SRv6 and others) are opened; what may carry RoCEv2 and is not read is told, and not valid.
///
/// Exit status: 0 when the input was read to its end, whatever the frames; 1 with --strict when a
/// frame is not valid; 2 when the input cannot be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A pcap or pcapng file; `-` reads standard input.
    #[arg(required_unless_present = "hex", conflicts_with = "hex")]
    file: Option<PathBuf>,

    /// A frame without its FCS (unless --fcs 4), in hexadecimal; spaces, colons and newlines are
    /// skipped. May be repeated.
    #[arg(long, value_name = "HEX")]
    hex: Vec<String>,

    /// Print one JSON object a frame.
    #[arg(long)]
    json: bool,

    /// Print every header on a line of its own.
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,

    /// Print only frames that are not valid.
    #[arg(long)]
    invalid_only: bool,

    /// Stop after this many frames have been read.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Exit with status 1 if any frame is not valid.
    #[arg(long, visible_alias = "expect-valid")]
    strict: bool,

    /// Whether the last packet of an RC SEND or WRITE must ask for an acknowledgement.
    #[arg(long, value_enum, default_value_t = Ackreq::Last)]
    ackreq: Ackreq,

    /// Bytes of FCS at the end of every frame: what the file declares, or as many as this says.
    #[arg(long, value_enum, default_value_t = FcsLen::Auto)]
    fcs: FcsLen,
}

/// The choices of `--fcs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FcsLen {
    /// What the file declares, for each frame; none where it is silent.
    Auto,
    /// None, whatever the file declares.
    #[value(name = "0")]
    None,
    /// Ethernet's four, verified.
    #[value(name = "4")]
    Four,
}

/// The choices of `--ackreq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ackreq {
    /// It must, as in all traffic that squall makes.
    Last,
    /// The requester's choice, as the specification has it; UD to QP 1 may ask, as Linux's connection manager does.
    Any,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Input`] when the input cannot be read; [`Failure::Run`] when the output cannot be
/// written, or a frame is not valid and `--strict` was given.
pub fn run(args: &Args) -> Outcome {
    let mut printer = Printer::new(args, BufWriter::new(io::stdout().lock()));
    let outcome = match &args.file {
        None => decode_hex(args, &mut printer),
        Some(path) if path.as_os_str() == "-" => read_capture(
            CaptureReader::new(io::stdin().lock(), "standard input".to_owned()),
            &mut printer,
        ),
        Some(path) => read_capture(CaptureReader::open(path), &mut printer),
    };
    // What was read before an error is worth having.
    let flushed = printer.output.flush().map_err(Stop::Output);
    match outcome.and(flushed) {
        Ok(()) => {}
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(Stop::Output(error)) => return Err(Failure::Run(format!("cannot write to standard output: {error}"))),
        Err(Stop::Enough) => {}
        Err(Stop::Input(message)) => {
            printer.summary();
            return Err(Failure::Input(message));
        }
    }
    printer.summary();
    match printer.not_valid() {
        0 => Ok(()),
        _ if !args.strict => Ok(()),
        not_valid => {
            let unread = match printer.unread() {
                0 => String::new(),
                unread => format!(", {unread} of them because they were not read or not whole"),
            };
            Err(Failure::Run(format!(
                "{not_valid} of {} frames are not valid (--strict){unread}",
                printer.frames
            )))
        }
    }
}

/// Why reading stopped before the end.
enum Stop {
    /// `--count` frames were read.
    Enough,
    /// The output could not be written.
    Output(io::Error),
    /// The input could not be read.
    Input(String),
}

fn read_capture<R: Read, W: Write>(
    reader: Result<CaptureReader<R>, crate::capture::CaptureError>,
    printer: &mut Printer<'_, W>,
) -> Result<(), Stop> {
    let input_error = |error: crate::capture::CaptureError| Stop::Input(error.to_string());
    let mut reader = reader.map_err(input_error)?;
    while let Some(record) = reader.next_frame().map_err(input_error)? {
        let Some(link) = Link::from_number(record.link) else {
            return Err(Stop::Input(format!(
                "frame {}: link type {} cannot be read; Ethernet (1), raw IP (12, 14, 101, 228, 229) and Linux cooked \
                 (113, 276) can",
                record.index + 1,
                record.link
            )));
        };
        printer.frame(link, &record)?;
    }
    Ok(())
}

fn decode_hex<W: Write>(args: &Args, printer: &mut Printer<'_, W>) -> Result<(), Stop> {
    for (index, text) in (0..).zip(&args.hex) {
        let bytes = parse_hex(text).map_err(|what| Stop::Input(format!("--hex: {what}")))?;
        let record = Record {
            index,
            time_ns: None,
            link: 1,
            original_len: bytes.len(),
            fcs_len: 0,
            bytes: &bytes,
        };
        printer.frame(Link::Ethernet, &record)?;
    }
    Ok(())
}

/// Bytes from hexadecimal digits with spaces, colons, dashes or an "0x" before them.
fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let trimmed = text.trim_start();
    let digits = trimmed
        .strip_prefix("0x")
        .or_else(|| trimmed.strip_prefix("0X"))
        .unwrap_or(trimmed);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high: Option<u8> = None;
    for (at, c) in digits.chars().enumerate() {
        if c.is_whitespace() || c == ':' || c == '-' {
            continue;
        }
        let Some(digit) = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            return Err(format!("{c:?} at position {} is not a hexadecimal digit", at + 1));
        };
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push((high << 4) | digit);
                None
            }
        };
    }
    match (high, bytes.is_empty()) {
        (Some(_), _) => Err(format!("an odd number of digits: {} and a half bytes", bytes.len())),
        (None, true) => Err("no digits: give a frame, such as `--hex 0200000000020200000000010800…`".to_owned()),
        (None, false) => Ok(bytes),
    }
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    valid: bool,
    error: Option<&'static str>,
    frame_len: usize,
    fields: &'a Decoded,
    /// The layers around that, outermost first.
    #[serde(skip_serializing_if = "<[Outer]>::is_empty")]
    outer: &'a [Outer],
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ns: Option<i128>,
    /// Bytes on the wire, where the capture has fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_len: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eth_padding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcs: Option<FcsLine>,
    /// Everything wrong with the frame; the first is `error`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FaultLine<'a>>,
}

#[derive(Serialize)]
struct FcsLine {
    /// In the order of the wire.
    wire: String,
    ok: bool,
}

#[derive(Serialize)]
struct FaultLine<'a> {
    error: &'static str,
    detail: &'a str,
}

struct Printer<'a, W: Write> {
    args: &'a Args,
    output: W,
    first_time: Option<i128>,
    frames: u64,
    roce: u64,
    by_reason: [u64; Malformed::ALL.len()],
}

impl<'a, W: Write> Printer<'a, W> {
    fn new(args: &'a Args, output: W) -> Printer<'a, W> {
        Printer {
            args,
            output,
            first_time: None,
            frames: 0,
            roce: 0,
            by_reason: [0; Malformed::ALL.len()],
        }
    }

    fn not_valid(&self) -> u64 {
        self.by_reason.iter().sum()
    }

    /// Of those, the ones of which nobody can say whether they are right.
    fn unread(&self) -> u64 {
        let reasons = Malformed::ALL.iter().zip(self.by_reason);
        reasons
            .filter(|(reason, _)| reason.is_unread())
            .map(|(_, count)| count)
            .sum()
    }

    fn frame(&mut self, link: Link, record: &Record<'_>) -> Result<(), Stop> {
        let rule = match self.args.ackreq {
            Ackreq::Last => AckreqRule::Last,
            Ackreq::Any => AckreqRule::Any,
        };
        let fcs_len = match self.args.fcs {
            FcsLen::Auto => record.fcs_len,
            FcsLen::None => 0,
            FcsLen::Four => fcs::LEN,
        };
        let decoded = decode_with_fcs(link, record.bytes, record.original_len, fcs_len, rule);
        self.frames += 1;
        self.first_time = self.first_time.or(record.time_ns);
        self.roce += u64::from(decoded.is_roce());
        if let Some(error) = decoded.error() {
            self.by_reason[error.index()] += 1;
        }
        if !self.args.invalid_only || !decoded.faults.is_empty() {
            let written = if self.args.json {
                self.json(record, &decoded)
            } else {
                self.text(record, &decoded)
            };
            written.map_err(Stop::Output)?;
        }
        if self.args.count == Some(self.frames) {
            return Err(Stop::Enough);
        }
        Ok(())
    }

    fn json(&mut self, record: &Record<'_>, decoded: &Decoded) -> io::Result<()> {
        let padding = decoded.trailing_len;
        let line = Line {
            index: record.index,
            valid: decoded.faults.is_empty(),
            error: decoded.error().map(Malformed::name),
            frame_len: decoded.frame_len,
            fields: decoded,
            time_ns: record.time_ns,
            outer: &decoded.outer,
            original_len: (record.original_len > record.bytes.len()).then_some(record.original_len),
            eth_padding: (padding > 0 && !decoded.has(Malformed::TrailingBytes)).then_some(padding),
            fcs: decoded.fcs.map(|fcs| FcsLine {
                wire: format!("{:08x}", fcs.wire.swap_bytes()),
                ok: fcs.wire == fcs.computed,
            }),
            faults: decoded
                .faults
                .iter()
                .map(|fault| FaultLine {
                    error: fault.kind.name(),
                    detail: &fault.detail,
                })
                .collect(),
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        self.output.write_all(b"\n")
    }

    fn text(&mut self, record: &Record<'_>, decoded: &Decoded) -> io::Result<()> {
        write!(self.output, "{:>5}  ", record.index + 1)?;
        if let Some(time) = record.time_ns {
            let since = time.saturating_sub(self.first_time.unwrap_or(time));
            let sign = if since < 0 { "-" } else { "" };
            let since = since.unsigned_abs();
            write!(
                self.output,
                "{sign}{}.{:09}  ",
                since / 1_000_000_000,
                since % 1_000_000_000
            )?;
        }
        if self.args.verbose {
            for (at, line) in format!("{decoded:#}").lines().enumerate() {
                let indent = if at == 0 { "" } else { "       " };
                writeln!(self.output, "{indent}{line}")?;
            }
        } else {
            writeln!(self.output, "{decoded}")?;
        }
        for fault in &decoded.faults {
            writeln!(self.output, "       !! {fault}")?;
        }
        Ok(())
    }

    /// How many frames there were of which kind, for a person.
    fn summary(&self) {
        if self.args.json {
            return;
        }
        let (not_valid, unread) = (self.not_valid(), self.unread());
        let mut text = format!(
            "{} frames, {} RoCEv2, {} valid, {} invalid",
            self.frames,
            self.roce,
            self.frames - not_valid,
            not_valid - unread
        );
        if unread > 0 {
            text.push_str(&format!(", {unread} not read or not whole"));
        }
        let reasons = Malformed::ALL
            .iter()
            .zip(self.by_reason)
            .filter(|(_, count)| *count > 0);
        for (at, (reason, count)) in reasons.enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            text.push_str(&format!("{before}{count} {reason}"));
        }
        // Nothing can be done about a stderr that is gone.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_in_its_usual_forms() {
        let bytes = Ok(vec![0x01, 0x80, 0xc2]);
        for text in ["0180c2", "01:80:C2", "01 80\nc2\n", "0x0180c2", "01-80-c2"] {
            assert_eq!(parse_hex(text), bytes, "{text}");
        }
    }

    #[test]
    fn wrong_hexadecimal_says_where() {
        assert_eq!(
            parse_hex("01 8g"),
            Err("'g' at position 5 is not a hexadecimal digit".to_owned())
        );
        assert_eq!(
            parse_hex("018"),
            Err("an odd number of digits: 1 and a half bytes".to_owned())
        );
        assert!(parse_hex(" ").is_err());
    }
}
