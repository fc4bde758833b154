//! What a run says at first: the question, its answer, anomalies, one table of traffic, and where the
//! rest is.
//!
//! Contract: at most 40 lines at 100 columns; the answer stands in the first five. Whatever is left
//! out here is in the long form ([`super::render`]) and in the file.

use super::table::{Cell, Table, Tone, toned};
use super::text::{harmless, width, wrap};
use super::{View, blemish, calibration_line, line, optional, picos, rate};
use crate::pattern::{About, about};
use crate::report::answer::{self, Said, Standing};
use crate::report::model::{Distribution, Results, Traffic};
use crate::units::shown::{grouped, quantity};

/// Lines of the question and its answer together.
const ANSWER: usize = 5;

/// Lines of all anomalies together, and of one.
const ANOMALIES: usize = 12;
const ANOMALY: usize = 3;

/// Entries of the table.
const ENTRIES: usize = 10;

/// The short summary, ending in a newline. `rest` says where everything is: a line each.
#[must_use]
pub fn brief(results: &Results, rest: &[String], view: View) -> String {
    let mut out = String::new();
    answered(&mut out, results, view);
    out.push('\n');
    anomalies(&mut out, results, view);
    if !results.traffic.is_empty() {
        out.push('\n');
        table(&mut out, results, view);
    }
    out.push('\n');
    circumstances(&mut out, results, view);
    for text in rest {
        line(&mut out, &toned(&wrap("", &harmless(text), view), Tone::Faint, view));
    }
    out
}

/// The question and as much of its answer as fits.
fn answered(out: &mut String, results: &Results, view: View) {
    let run = &results.run;
    let name = harmless(&run.name);
    let question = run.question.as_deref().map(harmless).unwrap_or_default();
    let question = question.split("\n\n").next().unwrap_or_default();
    let head = if question.is_empty() {
        name.clone()
    } else {
        wrap("", &format!("{name}: {question}"), view)
    };
    let mut used = head.lines().count();
    match head.strip_prefix(&name) {
        Some(rest) => line(out, &format!("{}{rest}", toned(&name, Tone::Strong, view))),
        None => line(out, &head),
    }
    if run.interrupted {
        let cause = harmless(run.interrupted_by.as_deref().unwrap_or("unknown cause"));
        let text = format!("({cause}): figures are of what was measured until then");
        let text = wrap("  interrupted ", &text, view);
        line(out, &toned(&text, Tone::Bad, view));
        used += text.lines().count();
    }
    let said = answer::of(results);
    let widest = said.iter().map(|one| width(&harmless(&one.about))).max().unwrap_or(0);
    for one in &said {
        let text = told(one, widest, view);
        let lines = text.lines().count();
        // The first one stands whatever its length.
        if used + lines > ANSWER && used > 1 {
            continue;
        }
        used += lines;
        out.push_str(&text);
    }
}

fn told(one: &Said, widest: usize, view: View) -> String {
    let about = harmless(&one.about);
    let space = " ".repeat(widest.saturating_sub(width(&about)));
    let tone = match one.standing {
        Standing::Good => Tone::Good,
        Standing::Plain => Tone::Plain,
        Standing::Bad => Tone::Bad,
    };
    let prefix = format!("  {about}{space}  ");
    let text = wrap(&prefix, &harmless(&one.text), view);
    let rest = text.strip_prefix(prefix.as_str()).unwrap_or_default();
    format!("  {}{space}  {rest}\n", toned(&about, tone, view))
}

/// The anomalies that there is room for.
fn anomalies(out: &mut String, results: &Results, view: View) {
    let all = results.anomalies.len();
    if all == 0 {
        let none = toned("none", Tone::Good, view);
        line(out, &format!("{} {none}", toned("Anomalies:", Tone::Strong, view)));
        return;
    }
    line(out, &format!("{} {all}", toned("Anomalies:", Tone::Strong, view)));
    let mut used = 0;
    // Room for the indent of further lines, and for the mark of what is left out.
    let narrow = View {
        width: view.width.saturating_sub(6),
        ..view
    };
    for (index, anomaly) in results.anomalies.iter().enumerate() {
        let kind = anomaly.kind.name();
        let text = format!("{kind} in {}: {}", harmless(&anomaly.place), harmless(&anomaly.text));
        let text = wrap("", &text, narrow);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() > ANOMALY {
            lines.truncate(ANOMALY);
            if let Some(last) = lines.last_mut() {
                last.push_str(if view.unicode { " …" } else { "..." });
            }
        }
        // One more line is needed for how many there are besides.
        if used + lines.len() > ANOMALIES && index > 0 {
            line(out, &format!("  and {} more", all - index));
            return;
        }
        used += lines.len();
        for (at, text) in lines.iter().enumerate() {
            match text.strip_prefix(kind).filter(|_| at == 0) {
                Some(rest) => line(out, &format!("  {}{rest}", toned(kind, Tone::Warning, view))),
                None => line(out, &format!("    {text}")),
            }
        }
    }
}

/// The time that says most of an entry: of whole rounds or dispatches, else of messages, else of frames.
pub(in crate::report) fn main_time(entry: &Traffic) -> Option<(&'static str, &Distribution)> {
    let round = || entry.rounds.as_ref().and_then(|rounds| rounds.time.as_ref());
    let message = || entry.message_latency.as_ref();
    if about(&entry.kind) == About::Dispatches {
        round().map(|times| ("dispatch", times))
    } else {
        message().map(|times| ("message", times)).or_else(|| {
            let frame = entry.packet_latency.as_ref()?;
            Some(("frame", frame))
        })
    }
}

fn table(out: &mut String, results: &Results, view: View) {
    let mut table = Table::new(&[
        ("entry", 0),
        ("kind", 5),
        (">messages", 4),
        (">frames", 0),
        (">lost", 0),
        (">reord", 6),
        (">CE", 1),
        (">goodput", 0),
        ("time of", 3),
        (">p50", 2),
        (">p99", 0),
    ]);
    for entry in results.traffic.iter().take(ENTRIES) {
        let packets = &entry.packets;
        let messages = match entry.messages.completed {
            Some(completed) => format!("{}/{}", grouped(completed), grouped(entry.messages.sent)),
            None => grouped(entry.messages.sent),
        };
        let time = main_time(entry);
        let marked = entry.ecn.marking_rate_percent;
        table.row(vec![
            entry.name.as_str().into(),
            entry.kind.as_str().into(),
            messages.into(),
            grouped(packets.sent).into(),
            blemish(packets.lost, Tone::Bad, view),
            blemish(packets.reordered, Tone::Warning, view),
            optional(marked.map(|percent| quantity(percent, "%")), view),
            optional(entry.goodput_bps.map(rate), view),
            Cell::from(time.map_or("", |(what, _)| what)),
            optional(time.map(|(_, times)| picos(times.p50)), view),
            optional(time.map(|(_, times)| picos(times.p99)), view),
        ]);
    }
    out.push_str(&table.render(view));
    let more = results.traffic.len().saturating_sub(ENTRIES);
    if more > 0 {
        line(out, &format!("  and {more} more entries"));
    }
    let unsent: u64 = results.traffic.iter().map(|entry| entry.packets.unsent).sum();
    if unsent > 0 {
        line(out, &format!("  {} frames were planned and not sent", grouped(unsent)));
    }
}

/// How it was measured, in a line or two.
fn circumstances(out: &mut String, results: &Results, view: View) {
    let run = &results.run;
    let mut said = vec![format!("{} clock", run.clock)];
    if run.timestamps.tx == run.timestamps.rx {
        said.push(format!("times by {}", run.timestamps.tx));
    } else {
        said.push(format!(
            "departures by {}, arrivals by {}",
            run.timestamps.tx, run.timestamps.rx
        ));
    }
    said.extend(run.measured_duration_ps.map(picos));
    said.push(format!("seed {}", run.seed));
    said.push(run.dut.id.to_string());
    said.extend(run.settings.iter().map(|setting| harmless(setting)));
    line(out, &wrap("", &said.join(view.dot()), view));
    if let Some(budget) = &results.calibration {
        line(out, &wrap("", &calibration_line(budget), view));
    }
    if run.conforming {
        line(out, "conforms to the draft's conditions");
    } else if let Some(first) = run.nonconformities.first() {
        let more = run.nonconformities.len() - 1;
        let more = if more > 0 {
            format!(" ({more} more)")
        } else {
            String::new()
        };
        line(
            out,
            &wrap("not conforming: ", &harmless(&format!("{first}{more}")), view),
        );
    }
}
