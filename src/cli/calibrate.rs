//! `squall calibrate`: the error budget of a testbed, kept for reports to quote.

use std::path::{Path, PathBuf};

use super::devices::print;
use super::interrupt::Interrupt;
use super::{Failure, Outcome, shipped};
use crate::calibrate::{self, CalibrateError, SIZES, Wanted, file};
use crate::report;
use crate::report::model::{Budget, Calibration};
use crate::testbed;
use crate::units::{BitRate, Picos};

/// Measure what the instrument adds of its own, port to port, and keep it for the reports
///
/// The ports must be joined by cables or looped, with nothing between them: whatever is between them
/// becomes part of the budget. `squall run` and `squall sweep` on the same testbed quote it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Testbed: a path, or the name of a shipped one
    #[arg(long, value_name = "FILE", default_value = testbed::DEFAULT, value_parser = shipped::TESTBED,
          hide_possible_values = true)]
    testbed: String,

    /// File to write; default: `TESTBED.calibration.json` beside the testbed, where runs find it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Change of the testbed, as ports.0.speed=10Gbps; the runs that are to find this calibration need
    /// the same; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Payload sizes of frames, bytes
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_values_t = SIZES,
          value_parser = clap::value_parser!(u32).range(24..=4096))]
    sizes: Vec<u32>,

    /// Seconds for each measurement; there are some forty
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    seconds: f64,

    /// Send through this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,

    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Input`] for a wrong testbed, [`Failure::Environment`] for ports that cannot be had,
/// [`Failure::Run`] when nothing comes from port to port.
pub fn run(args: &Args) -> Outcome {
    if !(0.01..=600.0).contains(&args.seconds) {
        return Err(Failure::Input(format!(
            "--seconds {}: allowed is 0.01 to 600",
            args.seconds
        )));
    }
    let overrides: Vec<String> = args
        .set
        .iter()
        .map(|set| set.strip_prefix(testbed::PREFIX).unwrap_or(set).to_owned())
        .collect();
    let mut loaded = testbed::load(&args.testbed, &overrides)?;
    let path = args.out.clone().unwrap_or_else(|| file::default_path(&loaded));
    let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let name = name.ok_or_else(|| Failure::Input(format!("--out {}: this is not a file's name", path.display())))?;
    if path.is_dir() {
        let what = "this is a folder; name the file to write in it";
        return Err(Failure::Input(format!("--out {}: {what}", path.display())));
    }
    // The one that it names may be the one that is to be made.
    loaded.testbed.calibration = None;
    let mut sizes = args.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let wanted = Wanted {
        sizes,
        seconds: args.seconds,
    };
    let stop = Interrupt::catch("stopping; nothing is kept")?;
    stop.starts();
    let calibration = calibrate::calibrate(
        &loaded,
        &args.testbed,
        &args.i_own_this_interface,
        &wanted,
        &stop,
        |doing| {
            if !args.quiet {
                super::say(&format!("calibrate: {doing}"));
            }
        },
    )
    .map_err(|error| match error {
        CalibrateError::Trial(error) => error.into(),
        CalibrateError::NoWay(_) | CalibrateError::Stopped => Failure::Run(error.to_string()),
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    report::write_file(
        folder.unwrap_or(Path::new(".")),
        &name,
        file::to_json(&calibration).as_bytes(),
    )
    .map_err(|error| Failure::Run(error.to_string()))?;
    if !args.quiet {
        print(&text(&calibration))?;
        super::say(&format!("calibration: {}", path.display()));
    }
    Ok(())
}

fn text(calibration: &Calibration) -> String {
    let mut lines = vec![format!("delay of single frames, testbed {}", calibration.testbed)];
    let unknown = || "unknown".to_owned();
    for one in &calibration.latency {
        lines.push(format!(
            "  {} to {}, {} bytes: least {}, p50 {}, p99 {}, max {}; each ± {} ({} to {})",
            one.from,
            one.to,
            one.frame_bytes,
            Picos(one.floor_ps),
            Picos(one.p50_ps),
            Picos(one.p99_ps),
            Picos(one.max_ps),
            one.uncertainty_ps.map_or_else(unknown, |ps| Picos(ps).to_string()),
            one.source.tx,
            one.source.rx
        ));
    }
    lines.push("highest rate without loss, on the wire".to_owned());
    for one in &calibration.lossless {
        lines.push(match (one.rate_bps, one.frames_per_second) {
            (Some(rate), Some(frames)) => {
                format!("  {} bytes: {}, {frames} frames/s", one.frame_bytes, BitRate(rate))
            }
            _ => format!("  {} bytes of payload: none", one.payload_bytes),
        });
    }
    lines.push("pacing".to_owned());
    for one in &calibration.pacing {
        lines.push(format!(
            "  {} % of that: {} asked for, {} sent, {:+.1} ppm",
            one.percent,
            BitRate(one.requested_bps),
            BitRate(one.achieved_bps),
            one.error_ppm
        ));
    }
    let Budget {
        floor_ps,
        resolution_ps,
        ..
    } = &calibration.budget;
    lines.push(format!(
        "no delay below {} can be told from the instrument's own, and none apart by less than {}",
        Picos(*floor_ps),
        Picos(*resolution_ps)
    ));
    lines.join("\n") + "\n"
}
