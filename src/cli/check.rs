//! `squall check`: what a pattern would do, without a port.

use std::fmt::Write;

use super::Outcome;
use super::devices::print;
use super::input::Input;
use super::notes::notes;
use crate::pattern::Start;
use crate::plan::Plan;
use crate::plan::summary::Summary;
use crate::testbed::Testbed;
use crate::trial;
use crate::units::{BitRate, Bytes, Picos, Share};

/// Validate a pattern and print its plan; sends nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
}

/// Runs the command.
///
/// # Errors
/// [`super::Failure::Input`] with everything that is wrong.
pub fn run(args: &Args) -> Outcome {
    let (pattern, testbed) = args.input.load()?;
    let testbed = testbed.testbed.sized(pattern.pattern.workers_needed());
    trial::check_fabric(&testbed)?;
    let speeds = trial::speeds(&testbed)?;
    let plan = trial::plan_of(&pattern, &testbed, &speeds)?;
    print(&text(&pattern.pattern.name, &testbed, &plan, &plan.summary()))
}

fn row(out: &mut String, widths: &[usize], cells: &[String]) {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Names to the left, figures to the right.
        let _ = if index < 2 {
            write!(line, "  {cell:<width$}")
        } else {
            write!(line, "  {cell:>width$}")
        };
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|c| c.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    for cells in rows {
        row(out, &widths, cells);
    }
}

fn length(time: Picos) -> String {
    if time == Picos::MAX {
        "until stopped".to_owned()
    } else {
        time.to_string()
    }
}

fn text(pattern: &str, testbed: &Testbed, plan: &Plan, summary: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{pattern} on {}: the plan (seed {})\n\nTraffic",
        testbed.name, plan.seed
    );
    let head = [
        "entry",
        "kind",
        "flows",
        "messages",
        "frames",
        "payload",
        "bytes",
        "begins",
        "sends for",
        "class",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (entry, own) in plan.entries.iter().zip(&summary.entries) {
        let about = if own.exact { "" } else { "~" };
        rows.push(vec![
            entry.name.clone(),
            entry.kind.to_owned(),
            own.flows.to_string(),
            format!("{about}{}", own.messages),
            format!("{about}{}", own.packets),
            format!("{about}{}", Bytes(own.payload_bytes)),
            format!("{about}{}", own.payload_bytes),
            match entry.start {
                Start::At(_) => own.start.to_string(),
                Start::After { entry, .. } => format!("~{} (after {})", own.start, plan.entries[entry].name),
            },
            length(own.length),
            if entry.pairs.is_empty() {
                "-".to_owned()
            } else {
                entry.class.to_string()
            },
        ]);
    }
    table(&mut out, &rows);
    let _ = writeln!(out, "\nPorts");
    let head = [
        "port",
        "line rate",
        "workers",
        "offered tx",
        "of line",
        "offered rx",
        "oversubscription",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (port, own) in plan.ports.iter().zip(&summary.ports) {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = own.offered_tx as f64 / port.speed.0 as f64;
        rows.push(vec![
            port.name.clone(),
            port.speed.to_string(),
            own.workers.to_string(),
            BitRate(own.offered_tx).to_string(),
            Share(share).to_string(),
            BitRate(own.offered_rx).to_string(),
            match own.offered_rx {
                0 => format!("{:.2} : 1", own.oversubscription),
                _ => format!("{:.2} : 1 at {}", own.oversubscription, own.busiest_at),
            },
        ]);
    }
    table(&mut out, &rows);
    match summary.length {
        Some(length) => {
            let _ = writeln!(out, "\nIt takes {length}.");
        }
        None => {
            let _ = writeln!(out, "\nIt has no end: stop it with Ctrl-C, or give it a `duration`.");
        }
    }
    for note in notes(plan, summary, testbed) {
        let _ = writeln!(out, "note: {note}");
    }
    out
}
