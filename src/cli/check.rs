//! `squall check`: what a pattern would do, without a port.

use std::fmt::Write;

use serde_json::{Value, json};

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
use crate::yaml::Diagnostics;

/// Validate a pattern and print its plan; sends nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,

    /// Print the plan, or every mistake, as JSON
    #[arg(long)]
    json: bool,
}

/// The schema of `--json`.
const SCHEMA: &str = "squall.check/1";

/// Runs the command.
///
/// # Errors
/// [`super::Failure::Input`] with everything that is wrong.
pub fn run(args: &Args) -> Outcome {
    let (pattern, testbed) = match args.input.load() {
        Err(mistakes) if args.json => {
            print(&format!("{:#}\n", mistaken(&mistakes)))?;
            return Err(mistakes.into());
        }
        loaded => loaded?,
    };
    let testbed = testbed.testbed.sized(pattern.pattern.workers_needed());
    trial::check_fabric(&testbed)?;
    let speeds = trial::speeds(&testbed)?;
    let plan = trial::plan_of(&pattern, &testbed, &speeds)?;
    let summary = plan.summary();
    print(&if args.json {
        format!("{:#}\n", planned(&pattern.pattern.name, &testbed, &plan, &summary))
    } else {
        text(&pattern.pattern.name, &testbed, &plan, &summary)
    })
}

/// Mistakes for programs, each with its place.
fn mistaken(mistakes: &Diagnostics) -> Value {
    let each = mistakes.items.iter().map(|mistake| {
        json!({
            "file": mistake.file, "line": mistake.position.map(|(line, _)| line),
            "column": mistake.position.map(|(_, column)| column), "what": mistake.what, "allowed": mistake.allowed,
            "suggestion": mistake.suggestion,
        })
    });
    json!({"schema": SCHEMA, "mistakes": each.collect::<Vec<_>>()})
}

/// The plan for programs.
fn planned(pattern: &str, testbed: &Testbed, plan: &Plan, summary: &Summary) -> Value {
    let entries = plan.entries.iter().zip(&summary.entries).map(|(entry, own)| {
        json!({
            "name": entry.name, "kind": entry.kind, "flows": own.flows, "messages": own.messages, "frames": own.packets,
            "control_frames": own.control, "payload_bytes": own.payload_bytes, "wire_bytes": own.wire_bytes,
            "starts_ps": own.start.0, "length_ps": (own.length != Picos::MAX).then_some(own.length.0),
            "exact": own.exact, "class": (!entry.pairs.is_empty()).then_some(entry.class),
        })
    });
    let ports = plan.ports.iter().zip(&summary.ports).map(|(port, own)| {
        json!({
            "name": port.name, "speed_bps": port.speed.0, "workers": own.workers, "offered_tx_bps": own.offered_tx,
            "offered_rx_bps": own.offered_rx, "oversubscription": own.oversubscription,
            "busiest_at_ps": own.busiest_at.0,
        })
    });
    json!({
        "schema": SCHEMA, "mistakes": [], "pattern": pattern, "testbed": testbed.name, "seed": plan.seed,
        "length_ps": summary.length.map(|length| length.0), "traffic": entries.collect::<Vec<_>>(),
        "ports": ports.collect::<Vec<_>>(), "notes": notes(plan, summary, testbed),
    })
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
