//! Marking thresholds in a line: read, with their intervals, against what is configured.

use super::{Said, Standing};
use crate::report::figures::busiest_queue;
use crate::report::model::{Configured, Marking, MarkingVerdict, Queue, Results};
use crate::units::shown::{quantity, range};

/// The marking of the queue with the most marks; without one, why none was read.
pub(super) fn of(results: &Results) -> Option<Said> {
    let queue = busiest_queue(results)?;
    if queue.meter.is_some() && !has(queue.ecn.as_ref()) && queue.probe.is_none() {
        return of_meter(results);
    }
    let delays = queue.ecn.as_ref();
    let probe = queue.probe.as_ref().map(|probe| &probe.marking);
    let (main, other) = if has(delays) || !has(probe) {
        (delays.or(probe)?, probe.filter(|_| delays.is_some()))
    } else {
        (probe?, None)
    };
    let about = format!("ECN {}/{}", queue.port, queue.class);
    if !has(Some(main)) {
        // Nothing was marked and nothing was to be: not a word's worth.
        let why = main.why_not.as_deref().filter(|_| worth(results, main))?;
        let standing = standing(&[main.verdict]);
        return Some(Said::new(about, format!("not read: {why}"), standing));
    }
    let mut text = read(main);
    if let Some(other) = other.filter(|other| has(Some(other))) {
        text.push_str(&format!("; by probe {}", read(other)));
    }
    if let Some(configured) = configured(&results.inferred.configured) {
        text.push_str(&format!("; {}", verdict(main.verdict, &configured)));
    }
    let mut verdicts = vec![main.verdict];
    verdicts.extend(other.map(|other| other.verdict));
    Some(Said::new(about, text, standing(&verdicts)))
}

fn worth(results: &Results, marking: &Marking) -> bool {
    marking.marked > 0 || marking.verdict != MarkingVerdict::CannotTell || !results.run.asks.is_empty()
}

fn has(marking: Option<&Marking>) -> bool {
    marking.is_some_and(|marking| marking.kmin_bytes.is_some())
}

fn read(marking: &Marking) -> String {
    match (&marking.kmin_bytes, &marking.kmax_bytes, marking.step) {
        (Some(kmin), _, Some(true)) => format!("marks above {}", kmin.said("bytes")),
        // One threshold fits, and so may a ramp up to it.
        (Some(kmin), Some(kmax), _) if (kmax.value - kmin.value).abs() < 1.0 => format!(
            "marks above {} (Kmin {}, Kmax {})",
            quantity(kmax.value, "bytes"),
            range(kmin.low, kmin.high, "bytes"),
            range(kmax.low, kmax.high, "bytes")
        ),
        (Some(kmin), Some(kmax), _) => {
            let pmax = marking.pmax.map_or(String::new(), |pmax| {
                format!(", Pmax {}", quantity(100.0 * pmax.value, "%"))
            });
            format!("Kmin {}, Kmax {}{pmax}", kmin.said("bytes"), kmax.said("bytes"))
        }
        (Some(kmin), None, _) => format!("Kmin {}", kmin.said("bytes")),
        _ => "not read".to_owned(),
    }
}

fn configured(said: &Configured) -> Option<String> {
    let (kmin, kmax) = (said.kmin_bytes?, said.kmax_bytes?);
    let bytes = |value: u64| quantity(super::float(value), "bytes");
    Some(if kmin == kmax {
        bytes(kmin)
    } else {
        let pmax = said
            .pmax_percent
            .map_or(String::new(), |pmax| format!(", {}", quantity(pmax, "%")));
        format!("{} to {}{pmax}", bytes(kmin), bytes(kmax))
    })
}

fn verdict(verdict: MarkingVerdict, configured: &str) -> String {
    match verdict {
        MarkingVerdict::Follows => format!("as configured ({configured})"),
        MarkingVerdict::CannotTell => format!("configured {configured}"),
        MarkingVerdict::DoesNotFollow => format!("NOT as configured ({configured})"),
        MarkingVerdict::MarksNothing => format!("marks nothing, NOT as configured ({configured})"),
        MarkingVerdict::MarksEverything => format!("marks everything, NOT as configured ({configured})"),
    }
}

fn standing(verdicts: &[MarkingVerdict]) -> Standing {
    let good = |verdict: &MarkingVerdict| *verdict == MarkingVerdict::Follows;
    if verdicts
        .iter()
        .any(|verdict| !good(verdict) && *verdict != MarkingVerdict::CannotTell)
    {
        Standing::Bad
    } else if verdicts.iter().any(good) {
        Standing::Good
    } else {
        Standing::Plain
    }
}

/// The token bucket of the queue with the most marks.
pub(super) fn of_meter(results: &Results) -> Option<Said> {
    let queue: &Queue = busiest_queue(results)?;
    let meter = queue.meter.as_ref()?;
    let about = format!("ECN {}/{}", queue.port, queue.class);
    let Some(cbs) = &meter.cbs_bytes else {
        let why = meter.why_not.as_deref().unwrap_or("too few frames were marked");
        return Some(Said::new(about, format!("not read: {why}"), Standing::Plain));
    };
    let mut text = format!("marks after a burst of {}", cbs.said("bytes"));
    if let Some(cir) = &meter.cir_bps {
        text.push_str(&format!(", refilled at {}", range(cir.low, cir.high, "bps")));
    }
    if let Some(configured) = results.inferred.configured.cbs_bytes {
        let configured = quantity(super::float(configured), "bytes");
        text.push_str(&format!("; {}", verdict(meter.verdict, &configured)));
    }
    Some(Said::new(about, text, standing(&[meter.verdict])))
}
