//! `squall check`: what a pattern would do, without a port.

use std::fmt::Write;

use super::Outcome;
use super::devices::print;
use super::input::Input;
use crate::pattern::Start;
use crate::plan::Plan;
use crate::plan::feed::{Rounds, Work};
use crate::plan::summary::Summary;
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
    let speeds = trial::speeds(&testbed.testbed)?;
    let plan = trial::plan_of(&pattern, &testbed.testbed, &speeds)?;
    let summary = plan.summary();
    print(&text(&pattern.pattern.name, &testbed.testbed.name, &plan, &summary))
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

fn text(pattern: &str, testbed: &str, plan: &Plan, summary: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{pattern} on {testbed}: the plan (seed {})\n\nTraffic", plan.seed);
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
            format!("{:.2} : 1", own.oversubscription),
        ]);
    }
    table(&mut out, &rows);
    let mut notes: Vec<String> = plan
        .ports
        .iter()
        .zip(&summary.ports)
        .filter(|(port, own)| own.offered_tx > port.speed.0)
        .map(|(port, _)| {
            format!(
                "port {} is asked to send more than its line rate: its workers share it",
                port.name
            )
        })
        .collect();
    notes.extend(plan.hairpins().into_iter().map(|port| {
        format!(
            "workers behind port {} send to each other: most switches do not return a frame to where it came from. Spread \
             them with `workers:` in the testbed, or say `loopback: true`",
            plan.ports[port].name
        )
    }));
    for (entry, own) in plan.entries.iter().zip(&summary.entries) {
        if let Work::Rounds(Rounds { hold: Some(hold), .. }) = &entry.work {
            notes.push(format!(
                "{} holds class {} with {} PFC frames from port {}, beside its frames",
                entry.name,
                hold.class,
                own.control,
                entry
                    .holder()
                    .map_or("?", |worker| plan.ports[plan.workers[worker as usize].port]
                        .name
                        .as_str())
            ));
        }
    }
    if summary.entries.iter().any(|entry| !entry.exact) {
        notes.push("~ is an estimate: the entry ends by time, not by count".to_owned());
    }
    match summary.length {
        Some(length) => {
            let _ = writeln!(out, "\nIt takes {length}.");
        }
        None => {
            let _ = writeln!(out, "\nIt has no end: stop it with Ctrl-C, or give it a `duration`.");
        }
    }
    for note in notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}
