//! `squall craft`: a plan's frames in a capture, without a port.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::input::Input;
use super::{Failure, Outcome};
use crate::capture::CaptureWriter;
use crate::engine::unroll::Unroll;
use crate::trial;
use crate::units::Bytes;

/// Write the frames that a pattern would send into a capture, at their planned departure times
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,

    /// Capture to write: pcap with nanoseconds; - for standard output
    #[arg(short, long, value_name = "FILE.pcap")]
    write: PathBuf,

    /// End after so many frames, though messages may be cut short by it
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

/// A capture that would be larger is only written when `--frames` says that it is meant.
const LARGEST: u64 = 16 << 30;

/// Runs the command.
///
/// # Errors
/// [`Failure::Input`] for what is wrong with the files or the flags; [`Failure::Environment`] when
/// the capture cannot be written.
pub fn run(args: &Args) -> Outcome {
    let (pattern, testbed) = args.input.load()?;
    let testbed = testbed.testbed.sized(pattern.pattern.workers_needed());
    let speeds = trial::speeds(&testbed)?;
    let plan = trial::plan_of(&pattern, &testbed, &speeds)?;
    let summary = plan.summary();
    let planned: u64 = summary.entries.iter().map(|entry| entry.packets + entry.control).sum();
    if args.frames.is_none() {
        let Some(_) = summary.length else {
            return Err(Failure::Input(
                "the pattern has no end: give it a `duration`, or say --frames N".to_owned(),
            ));
        };
        let bytes: u64 = summary.entries.iter().map(|entry| entry.wire_bytes).sum();
        if bytes > LARGEST {
            return Err(Failure::Input(format!(
                "the pattern has {planned} frames, {} in a capture; say --frames {planned} if that is meant, or fewer",
                Bytes(bytes)
            )));
        }
    }
    let most = args.frames.unwrap_or(u64::MAX);
    let bar = ProgressBar::new(planned.min(most));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} frames, {eta} left") {
        bar.set_style(style);
    }
    let refused = |error: crate::capture::CaptureError| Failure::Environment(error.to_string());
    let mut writer = CaptureWriter::create(&args.write).map_err(refused)?;
    let mut unroll = Unroll::new(&plan);
    while writer.frames() < most {
        let Some(frame) = unroll.next() else { break };
        writer.write(frame.at, frame.bytes).map_err(refused)?;
        if writer.frames().is_multiple_of(4096) {
            bar.set_position(writer.frames());
        }
    }
    let written = writer.frames();
    writer.finish().map_err(refused)?;
    bar.finish_and_clear();
    super::say(&format!("{}: {written} frames", args.write.display()));
    Ok(())
}
