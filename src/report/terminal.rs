//! The summary that a person reads when a run has ended.
//!
//! Contract: nothing here that is not in the JSON file; what was not measured is a dash. The text is
//! a function of the results and the [`View`], so it can be compared.
//!
//! Left out on purpose: progress while the run lasts (`cli::progress`).

mod brief;
mod convergence;
mod inferred;
mod ptp_probes;
mod soak;
pub(crate) mod table;
pub(crate) mod text;

use std::io::IsTerminal;

use super::model::{Budget, Distribution, Kpi, Reliable, Results, Statistic, Traffic};
use crate::units::Picos;
use crate::units::shown::{self, figure, grouped, quantity};
pub use brief::brief;
pub(super) use brief::main_time;
use table::{Cell, Table, Tone, toned};
use text::{bar, harmless, sparkline, width, wrap};

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Columns.
    pub width: usize,
    /// ANSI colours.
    pub colour: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

impl View {
    /// For a file that people read: wide, plain.
    pub const FILE: View = View {
        width: 200,
        colour: false,
        unicode: true,
    };

    /// What standard output can show: colour on a terminal unless `NO_COLOR` is set or the terminal
    /// is dumb, its width (100 columns for a file), Unicode unless the locale is another.
    #[must_use]
    pub fn of_stdout() -> View {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let columns = terminal_size::terminal_size_of(std::io::stdout()).map(|(columns, _)| usize::from(columns.0));
        let tty = std::io::stdout().is_terminal();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        View {
            width: columns.unwrap_or(100).clamp(40, 160),
            colour: tty && set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb"),
            unicode: locale.is_none_or(|name| name.to_ascii_lowercase().replace('-', "").contains("utf8")),
        }
    }

    fn dash(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }

    fn dot(self) -> &'static str {
        if self.unicode { " · " } else { " | " }
    }
}

/// The long form of the summary: all that is measured, ending in a newline.
#[must_use]
pub fn render(results: &Results, view: View) -> String {
    let mut out = String::new();
    header(&mut out, results, view);
    if !results.traffic.is_empty() {
        section(&mut out, "Traffic", view);
        traffic(&mut out, results, view);
    }
    if results
        .traffic
        .iter()
        .any(|entry| times_of(entry).any(|(_, times)| times.is_some()))
    {
        section(&mut out, "Times", view);
        times(&mut out, results, view);
    }
    if !results.ports.is_empty() {
        section(&mut out, "Ports", view);
        ports(&mut out, results, view);
    }
    if !results.ptp_probes.is_empty() {
        section(&mut out, "PTP probes", view);
        ptp_probes::ptp_probes(&mut out, &results.ptp_probes, view);
    }
    if inferred::has_ecn(results) {
        section(&mut out, "ECN", view);
        inferred::ecn(&mut out, results, view);
    }
    if inferred::has_pauses(&results.inferred) {
        section(&mut out, "PFC", view);
        inferred::pauses(&mut out, &results.inferred, view);
    }
    if results.kpis.iter().any(|kpi| kpi.value.is_some()) {
        section(&mut out, "KPIs", view);
        kpis(&mut out, results, view);
    }
    if let Some(found) = &results.convergence {
        section(&mut out, "Convergence", view);
        convergence::convergence(&mut out, found, view);
    }
    if let Some(found) = &results.soak {
        section(&mut out, "Soak", view);
        soak::soak(&mut out, found, view);
    }
    section(&mut out, "Anomalies", view);
    anomalies(&mut out, results, view);
    if !results.expectations.is_empty() {
        section(&mut out, "Expectations", view);
        expectations(&mut out, results, view);
    }
    out
}

fn section(out: &mut String, title: &str, view: View) {
    out.push('\n');
    out.push_str(&toned(title, Tone::Strong, view));
    out.push('\n');
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn header(out: &mut String, results: &Results, view: View) {
    let run = &results.run;
    let name = harmless(&run.name);
    let mut about = vec![format!("seed {}", run.seed), run.dut.id.to_string()];
    if run.pattern != run.name {
        about.insert(0, harmless(&run.pattern));
    }
    about.extend(run.settings.iter().map(|setting| harmless(setting)));
    let head = wrap("", &format!("{name}{}{}", view.dot(), about.join(view.dot())), view);
    match head.strip_prefix(&name) {
        Some(rest) => line(out, &format!("{}{rest}", toned(&name, Tone::Strong, view))),
        None => line(out, &head),
    }
    let measured = run.measured_duration_ps.map_or(view.dash().to_owned(), picos);
    let planned = run
        .planned_duration_ps
        .map_or(String::new(), |ps| format!(" ({} planned)", picos(ps)));
    let clock = format!(
        "clock {}, departures by {}, arrivals by {}",
        run.clock, run.timestamps.tx, run.timestamps.rx
    );
    line(
        out,
        &wrap("", &[clock, format!("{measured}{planned}")].join(view.dot()), view),
    );
    if let Some(budget) = &results.calibration {
        line(out, &wrap("", &calibration_line(budget), view));
    }
    if run.interrupted {
        let cause = harmless(run.interrupted_by.as_deref().unwrap_or("unknown cause"));
        line(out, &toned(&format!("interrupted: {cause}"), Tone::Bad, view));
    }
    if run.conforming {
        line(out, "conforms to the draft's conditions");
    } else {
        line(
            out,
            &wrap("not conforming: ", &harmless(&run.nonconformities.join("; ")), view),
        );
    }
}

/// What a calibration says, in a line.
#[must_use]
pub fn calibration_line(budget: &Budget) -> String {
    let rates: Vec<String> = budget
        .lossless
        .iter()
        .filter_map(|one| Some(format!("{} at {} bytes", rate(one.rate_bps?), one.frame_bytes)))
        .collect();
    let mut parts = vec![
        format!("least delay {}", picos(budget.floor_ps)),
        format!("times told apart from {}", picos(budget.resolution_ps)),
    ];
    if let Some(error) = budget.pacing_error_ppm {
        parts.push(format!("pacing within {} ppm", figure(error)));
    }
    if !rates.is_empty() {
        parts.push(format!("lossless up to {}", rates.join(", ")));
    }
    format!("calibrated {}: {}", harmless(&budget.measured_at), parts.join(", "))
}

fn rate(bps: u64) -> String {
    quantity(float(bps), "bps")
}

fn picos(ps: u64) -> String {
    quantity(float(ps), "ps")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts, times and rates into figures of four digits"
)]
fn float(value: u64) -> f64 {
    value as f64
}

/// A count, or a dash where nobody counted.
fn count(value: Option<u64>, view: View) -> Cell {
    value.map_or_else(|| Cell::toned(view.dash(), Tone::Faint), |count| grouped(count).into())
}

/// A count that should be zero.
fn blemish(value: Option<u64>, tone: Tone, view: View) -> Cell {
    match value {
        Some(frames) if frames > 0 => Cell::toned(grouped(frames), tone),
        other => count(other, view),
    }
}

fn optional(text: Option<String>, view: View) -> Cell {
    text.map_or_else(|| Cell::toned(view.dash(), Tone::Faint), Cell::from)
}

fn traffic(out: &mut String, results: &Results, view: View) {
    let mut table = Table::new(&[
        ("entry", 0),
        ("kind", 4),
        (">flows", 5),
        (">messages", 3),
        (">frames", 0),
        (">received", 2),
        (">lost", 0),
        (">dup", 7),
        (">reord", 6),
        (">CE", 0),
        (">goodput", 1),
    ]);
    for entry in &results.traffic {
        let packets = &entry.packets;
        let messages = match entry.messages.completed {
            Some(completed) => format!("{}/{}", grouped(completed), grouped(entry.messages.sent)),
            None => grouped(entry.messages.sent),
        };
        table.row(vec![
            entry.name.as_str().into(),
            entry.kind.as_str().into(),
            grouped(entry.flows.count).into(),
            messages.into(),
            grouped(packets.sent).into(),
            count(packets.received, view),
            blemish(packets.lost, Tone::Bad, view),
            blemish(packets.duplicated, Tone::Warning, view),
            blemish(packets.reordered, Tone::Warning, view),
            optional(
                entry
                    .ecn
                    .marking_rate_percent
                    .map(|percent| format!("{} %", figure(percent))),
                view,
            ),
            optional(entry.goodput_bps.map(rate), view),
        ]);
    }
    out.push_str(&table.render(view));
    for entry in &results.traffic {
        details(out, entry, view);
    }
}

/// What the ends of reliable connections said to each other; what did not happen is left out.
fn answered(rc: &Reliable) -> String {
    let requester = &rc.requester;
    let mut said = vec![format!(
        "{} messages acknowledged",
        grouped(requester.acknowledged_messages)
    )];
    for (count, what) in [
        (requester.resent_frames, "frames sent again"),
        (requester.timeouts, "ACK timeouts"),
        (requester.naks, "NAKs"),
        (requester.rnr_naks, "RNR NAKs"),
        (requester.cnps, "CNPs"),
        (requester.rate_cuts, "rate cuts"),
    ] {
        if count > 0 {
            said.push(format!("{} {what}", grouped(count)));
        }
    }
    if let Some(reads) = &rc.reads {
        said.push(format!("{} READs asked for", grouped(reads.requests)));
        if reads.requests_again > 0 {
            said.push(format!("{} of them again", grouped(reads.requests_again)));
        }
    }
    for failed in &requester.qps_in_error {
        said.push(format!("{} QPs in error: {}", grouped(failed.qps), failed.reason));
    }
    said.join(", ")
}

/// What of an entry does not fit its row: losses by cause, fairness, routing.
fn details(out: &mut String, entry: &Traffic, view: View) {
    let mut say = |text: &str| line(out, &wrap(&format!("  {}: ", harmless(&entry.name)), text, view));
    let mut losses: Vec<String> = entry
        .packets
        .causes
        .iter()
        .map(|loss| format!("{} {}", grouped(loss.frames), loss.cause))
        .collect();
    if let Some(unexplained) = entry.packets.unexplained.filter(|frames| *frames != 0) {
        losses.push(format!("{unexplained} unexplained"));
    }
    if !losses.is_empty() {
        say(&format!("lost: {}", losses.join(", ")));
    }
    if let Some(rc) = &entry.rc {
        say(&answered(rc));
    }
    if entry.packets.unsent > 0 {
        say(&format!(
            "{} frames were planned and not sent",
            grouped(entry.packets.unsent)
        ));
    }
    if let Some(fairness) = entry.jfi.filter(|fairness| fairness.count > 1) {
        let index = figure(fairness.index);
        say(&format!(
            "Jain fairness {index} over {} {}",
            grouped(fairness.count),
            fairness.over
        ));
    }
    let rates: Vec<u64> = entry.flows.listed.iter().filter_map(|flow| flow.goodput_bps).collect();
    let all = rates.len() > 1 && u64::try_from(rates.len()) == Ok(entry.flows.count);
    if let Some(spread) = entry.flows.goodput_bps.filter(|_| all) {
        let line = sparkline(&rates, view);
        say(&format!(
            "goodput by flow {line} ({} to {})",
            rate(spread.min),
            rate(spread.max)
        ));
    }
    if let Some((pacing, asked)) = entry
        .pacing
        .as_ref()
        .and_then(|pacing| Some((pacing, pacing.requested_bps?)))
    {
        let held = pacing.held_ps.filter(|held| *held > 0);
        let held = held.map(|held| format!("PFC held its senders for {} in all", picos(held)));
        let off = pacing.rate_error_percent.map(|error| {
            let more = if error > 0.0 { "+" } else { "" };
            let free = if held.is_some() { " while free to send" } else { "" };
            format!("{more}{} % off{free}", figure(error))
        });
        if off.is_some() {
            let said: Vec<String> = off.into_iter().chain(held).collect();
            say(&format!("paced at {}, {}", rate(asked), said.join("; ")));
        }
    }
    if let Some(tokens) = entry.routing {
        say(&format!(
            "tokens: {} sent, {} within nodes, {} local, {} dropped, {} overflow, {} padding",
            grouped(tokens.sent),
            grouped(tokens.in_node),
            grouped(tokens.local),
            grouped(tokens.dropped),
            grouped(tokens.overflow),
            grouped(tokens.padding)
        ));
    }
}

/// An entry's distributions with what each is of.
fn times_of(entry: &Traffic) -> impl Iterator<Item = (&'static str, Option<&Distribution>)> {
    let rc = entry.rc.as_ref();
    let reads = rc.and_then(|rc| rc.reads.as_ref());
    [
        ("packet", entry.packet_latency.as_ref()),
        ("turnaround", rc.and_then(|rc| rc.turnaround.as_ref())),
        ("READ", reads.and_then(|reads| reads.time.as_ref())),
        ("message", entry.message_latency.as_ref()),
        ("flow", entry.fct.as_ref()),
        ("round", entry.rounds.as_ref().and_then(|rounds| rounds.time.as_ref())),
        (
            "lateness",
            entry.pacing.as_ref().and_then(|pacing| pacing.lateness.as_ref()),
        ),
        ("gap", entry.pacing.as_ref().and_then(|pacing| pacing.gaps.as_ref())),
        (
            "arrival gap",
            entry.pacing.as_ref().and_then(|pacing| pacing.arrival_gaps.as_ref()),
        ),
    ]
    .into_iter()
}

fn times(out: &mut String, results: &Results, view: View) {
    let mut table = Table::new(&[
        ("entry", 0),
        ("of", 0),
        (">min", 3),
        (">p50", 0),
        (">p95", 2),
        (">p99", 0),
        (">p99.9", 2),
        (">max", 1),
        (">+/-", 3),
        ("by", 1),
        (">count", 5),
    ]);
    let mut below = Vec::new();
    for entry in &results.traffic {
        for (what, times) in times_of(entry) {
            let Some(times) = times else { continue };
            let picos = |ps: u64| Cell::from(Picos(ps).to_string());
            // Between the extremes, which are exact, a percentile has the digits of its histogram.
            let percentile = |ps: u64| {
                let exact = ps == times.min || ps == times.max;
                let rounded = text::three_digits(ps).clamp(times.min, times.max.max(times.min));
                picos(if exact { ps } else { rounded })
            };
            table.row(vec![
                entry.name.as_str().into(),
                what.into(),
                picos(times.min),
                percentile(times.p50),
                percentile(times.p95),
                percentile(times.p99),
                percentile(times.p99_9),
                picos(times.max),
                optional(times.uncertainty_ps.map(|ps| Picos(ps).to_string()), view),
                clocks(times).into(),
                grouped(times.count).into(),
            ]);
            // A sender is meant to be later by less than anyone can tell, and gaps are what they are.
            if times.below_resolution && !matches!(what, "lateness" | "gap") {
                below.push(format!("{} {what}", harmless(&entry.name)));
            }
        }
    }
    out.push_str(&table.render(view));
    if !below.is_empty() {
        let text = format!("{}: the median is less than the instrument can tell", below.join(", "));
        line(out, &wrap("  ", &text, view));
    }
    for entry in &results.traffic {
        let rounds = entry.rounds.as_ref().map_or(0, |rounds| rounds.untimed);
        let untimed = [(entry.messages.untimed.unwrap_or(0), "messages"), (rounds, "rounds")];
        let said = untimed.iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = said
            .map(|(count, what)| format!("{} {what}", grouped(*count)))
            .collect();
        if !said.is_empty() {
            let text = format!(
                "{}: {} have no time, as frames with less than 24 bytes of payload carry no stamp",
                harmless(&entry.name),
                said.join(" and ")
            );
            line(out, &wrap("  ", &text, view));
        }
    }
}

/// The clocks of departure and arrival, as `software` or `software/kernel`.
fn clocks(times: &Distribution) -> String {
    let source = times.source;
    if source.tx == source.rx {
        source.tx.to_string()
    } else {
        format!("{}/{}", source.tx, source.rx)
    }
}

fn ports(out: &mut String, results: &Results, view: View) {
    let mut table = Table::new(&[
        ("port", 0),
        ("driver", 4),
        (">speed", 3),
        (">sent", 0),
        (">tx rate", 1),
        ("", 5),
        (">received", 0),
        (">rx rate", 1),
        ("", 5),
        (">missed", 2),
        (">PFC rx", 2),
    ]);
    for port in &results.ports {
        let gauge = |achieved: Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "the length of a bar")]
            let share = achieved
                .zip(port.speed_bps)
                .map(|(bps, speed)| bps as f64 / speed as f64);
            Cell::from(share.map_or(String::new(), |share| bar(share, 8, view)))
        };
        let missed = port.stats.map(|stats| stats.imissed.saturating_add(stats.rx_nombuf));
        table.row(vec![
            port.name.as_str().into(),
            port.driver.as_str().into(),
            optional(port.speed_bps.map(rate), view),
            grouped(port.tx.frames).into(),
            optional(port.tx.achieved_bps.map(rate), view),
            gauge(port.tx.achieved_bps),
            grouped(port.rx.frames).into(),
            optional(port.rx.achieved_bps.map(rate), view),
            gauge(port.rx.achieved_bps),
            blemish(missed, Tone::Bad, view),
            count(port.pfc.received_per_class.map(|classes| classes.iter().sum()), view),
        ]);
    }
    out.push_str(&table.render(view));
}

/// KPIs of single queues are shown of runs with at most so many; all are in the file.
const QUEUES_WITH_KPIS: usize = 4;

/// KPIs of single ports are shown of testbeds with at most so many; all are in the file.
const PORTS_WITH_KPIS: usize = 2;

fn kpis(out: &mut String, results: &Results, view: View) {
    let mut rows: Vec<([String; 3], String)> = Vec::new();
    let mut index = 0;
    while let Some(first) = results.kpis.get(index) {
        // Statistics of one figure stand next to one another: one line for all of them.
        let same = |kpi: &&Kpi| (&kpi.name, &kpi.place, &kpi.unit) == (&first.name, &first.place, &first.unit);
        let group: Vec<&Kpi> = results.kpis.iter().skip(index).take_while(same).collect();
        index += group.len();
        // The table of ports has the figures of each; beyond a few, this would only repeat it.
        if first.place.starts_with("ports/") && results.ports.len() > PORTS_WITH_KPIS
            || first.place.starts_with("queues/") && results.inferred.queues.len() > QUEUES_WITH_KPIS
        {
            continue;
        }
        let values: Vec<String> = group
            .iter()
            .filter_map(|kpi| statistic(kpi, is_exact(results, kpi), view))
            .collect();
        if values.is_empty() {
            continue;
        }
        let trials = if first.trials > 1 {
            format!(" ({} trials)", first.trials)
        } else {
            String::new()
        };
        let place = first
            .place
            .split_once('/')
            .map_or(first.place.as_str(), |(_, name)| name);
        let test = first
            .test
            .as_deref()
            .map_or("", |test| test.trim_start_matches("Test "));
        let label = [first.name.as_str(), place, test].map(harmless);
        rows.push((label, harmless(&format!("{}{trials}", values.join(", ")))));
    }
    let widths = [0, 1, 2].map(|column| rows.iter().map(|(label, _)| width(&label[column])).max().unwrap_or(0));
    for (label, values) in &rows {
        let mut prefix = String::new();
        for (text, widest) in label.iter().zip(widths).filter(|(_, widest)| *widest > 0) {
            let space = " ".repeat(widest - width(text));
            prefix.push_str(&format!("  {text}{space}"));
        }
        // The figures are what counts: where they do not fit they get lines of their own.
        if width(&prefix) > view.width / 2 && width(&prefix) + 2 + width(values) > view.width {
            line(out, prefix.trim_end());
            line(out, &wrap("      ", values, view));
        } else {
            line(out, &wrap(&format!("{prefix}  "), values, view));
        }
    }
}

/// Whether a time is one that all of its kind took, and so carries no rounding.
fn is_exact(results: &Results, kpi: &Kpi) -> bool {
    let of_place = |entry: &&Traffic| super::kpi::place_of(entry) == kpi.place;
    let mut times = results.traffic.iter().filter(of_place).flat_map(times_of);
    #[expect(clippy::cast_precision_loss, reason = "picoseconds into a figure")]
    times.any(|(_, times)| {
        times.is_some_and(|times| times.min == times.max && kpi.value == Some(times.max as f64 / 1e6))
    })
}

fn statistic(kpi: &Kpi, exact: bool, view: View) -> Option<String> {
    use Statistic::{P50, P95, P99, P999, TailSpread, Value};
    let number = kpi.value?;
    // A percentile has three digits; its mean over trials has what the trials' scatter gives it.
    let rounded = matches!(kpi.statistic, P50 | P95 | P99 | P999 | TailSpread) && !exact && kpi.trials < 2;
    let spread = kpi.ci95.filter(|of| of.high > of.low);
    let value = match spread {
        Some(of) => shown::estimate(number, of.low, Some(of.high), &kpi.unit, view.unicode),
        None if rounded => shown::rounded(number, &kpi.unit, 3),
        None => quantity(number, &kpi.unit),
    };
    Some(match kpi.statistic {
        Value | Statistic::PerSecond => value,
        P999 => format!("p99.9 {value}"),
        other => format!("{other} {value}"),
    })
}

fn expectations(out: &mut String, results: &Results, view: View) {
    for expected in &results.expectations {
        let (word, tone) = if expected.met {
            ("met", Tone::Good)
        } else {
            ("unmet", Tone::Bad)
        };
        let text = wrap("         ", &harmless(&expected.to_string()), view);
        let rest = text.get(9..).unwrap_or_default();
        line(
            out,
            &format!("  {}{}{rest}", toned(word, tone, view), " ".repeat(7 - word.len())),
        );
    }
}

fn anomalies(out: &mut String, results: &Results, view: View) {
    if results.anomalies.is_empty() {
        line(out, &format!("  {}", toned("none", Tone::Good, view)));
    }
    for anomaly in &results.anomalies {
        let label = toned(anomaly.kind.name(), Tone::Warning, view);
        line(out, &format!("  {label} in {}", harmless(&anomaly.place)));
        line(out, &wrap("    ", &harmless(&anomaly.text), view));
        for (what, text) in [("Likely: ", &anomaly.means), ("Next: ", &anomaly.next)] {
            if !text.is_empty() {
                line(out, &wrap("    ", &harmless(&format!("{what}{text}")), view));
            }
        }
    }
}
