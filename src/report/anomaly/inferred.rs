//! What was read from outside and is not as it should be.
//!
//! Contract: times of software stamps are no ground for an anomaly: a scheduler's whim looks like a
//! silent switch.

use crate::report::kpi;
use crate::report::model::{
    Anomaly, AnomalyKind as Kind, Clock, DutId, MarkingVerdict, PauseDirection, Pausing, Queue, Results, TimeSource,
};
use crate::units::Picos;

/// A silence, or a pause without a reason, of less is not worth a word, ps: 10 us.
const WORTH_SAYING: u64 = 10_000_000;

/// Everything to be said about `results.inferred`.
pub(super) fn detect(results: &Results, found: &mut Vec<Anomaly>) {
    let exact = results.run.clock == Clock::Virtual || results.run.timestamps.rx == TimeSource::Nic;
    let one_switch = results
        .inferred
        .leaves
        .map_or(results.run.dut.id == DutId::Switch, |leaves| leaves == 1);
    // Behind several switches frames that are overdue may stand in a queue of another switch, which moves: what stood still
    // there is told by all flows together.
    let silence = (exact && one_switch).then_some(WORTH_SAYING);
    let mut say = |place: String, kind: Kind, text: String| found.push(Anomaly::new(kind, place, text));
    for queue in &results.inferred.queues {
        let place = kpi::place_of_queue(queue);
        of_queue(queue, silence, &mut |kind, text| say(place.clone(), kind, text));
    }
    for pausing in &results.inferred.pfc {
        let place = format!("ports/{}", pausing.port);
        of_pausing(pausing, exact, own_pause(results, pausing.class), &mut |kind, text| {
            say(place.clone(), kind, text);
        });
    }
}

fn of_queue(queue: &Queue, worth: Option<u64>, say: &mut dyn FnMut(Kind, String)) {
    if let Some(marking) = &queue.ecn {
        mismatch(marking.verdict, &marking.explanation, "", say);
    }
    if let Some(meter) = &queue.meter {
        mismatch(meter.verdict, &meter.explanation, "By a token bucket: ", say);
    }
    if let Some(probe) = &queue.probe {
        mismatch(probe.marking.verdict, &probe.marking.explanation, "By the probe: ", say);
        if probe.rounds == 0
            && let Some(why) = &probe.marking.why_not
        {
            say(Kind::Other, format!("The probe says nothing. {why}"));
        }
    }
    if let (Some(false), Some(methods)) = (queue.methods_agree, &queue.methods) {
        say(
            Kind::EcnMethodsDisagree,
            format!("Delays and the probe do not give the same thresholds. {methods}"),
        );
    }
    if let Some(silence) = queue
        .silence
        .filter(|silence| worth.is_some_and(|worth| silence.length_ps >= worth))
    {
        let recovery = silence.recovery_ps.map_or_else(
            || "the queue was not seen empty again".to_owned(),
            |time| format!("the queue was first empty {} later", Picos(time)),
        );
        let text = format!(
            "Nothing arrived for {} from {} on, although frames were overdue; {recovery}.",
            Picos(silence.length_ps),
            Picos(silence.began_ps)
        );
        say(Kind::Silence, text);
    }
}

fn mismatch(verdict: MarkingVerdict, explanation: &str, how: &str, say: &mut dyn FnMut(Kind, String)) {
    let what = match verdict {
        MarkingVerdict::Follows | MarkingVerdict::CannotTell => return,
        MarkingVerdict::DoesNotFollow => "Marking does not follow the configured thresholds. ",
        MarkingVerdict::MarksNothing | MarkingVerdict::MarksEverything => "",
    };
    say(Kind::EcnMismatch, format!("{how}{what}{explanation}"));
}

/// The longest time for which a port of ours kept the device paused in `class`, ps.
fn own_pause(results: &Results, class: u8) -> u64 {
    let sent = results.inferred.pfc.iter();
    let sent = sent.filter(|one| one.direction == PauseDirection::Sent && one.class == class);
    sent.map(|one| one.longest_ps).max().unwrap_or(0)
}

/// `own` is the longest time for which we paused the device in that class, ps: a pause that lasts no longer is what we asked for.
fn of_pausing(pausing: &Pausing, exact: bool, own: u64, say: &mut dyn FnMut(Kind, String)) {
    if pausing.direction == PauseDirection::Sent {
        return;
    }
    let class = pausing.class;
    if pausing.storm && pausing.longest_ps > own {
        let text = format!(
            "Class {class} was paused for {} without a break, {} in all: a storm.",
            Picos(pausing.longest_ps),
            Picos(pausing.paused_ps)
        );
        say(Kind::PauseStorm, text);
    }
    if let Some(unfounded) = pausing.unfounded_ps.filter(|time| exact && *time >= WORTH_SAYING) {
        let text = format!(
            "Class {class} was kept paused for {} although nothing of this port was in the device: the pause is stuck.",
            Picos(unfounded)
        );
        say(Kind::StuckPause, text);
    }
}
