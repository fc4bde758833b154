//! Contradictions and warnings that follow from the results themselves.
//!
//! Contract: each is a sentence with the numbers in it, so that a reader can judge it without the
//! rest. The order is that of the model: run, ports, traffic, inferred.
//!
//! Left out on purpose: what happened to single frames and where, which the frames tell and results do not
//! (`assemble::faults`); CE marks, which are a figure and no defect.

pub(super) mod advice;
mod inferred;
mod pacing;

use super::kpi::place_of;
use super::model::{Anomaly, AnomalyKind as Kind, LossCause, Port, Results, Soak, Traffic};
use crate::measure::group::OPEN;
use crate::units::shown::{change, rounded};

/// Significant digits of figures that a sentence sets against each other.
const DIGITS: i32 = 6;

/// What messages do not wholly arrive of.
const LOSSES: [Kind; 9] = [
    Kind::Loss,
    Kind::TailDrop,
    Kind::PfcMismatch,
    Kind::HeadroomLoss,
    Kind::LossBehindPause,
    Kind::LinkDisruption,
    Kind::AddressUnresolved,
    Kind::Corrupted,
    Kind::Reordered,
];

/// Everything to be said about `results`.
pub(super) fn detect(results: &Results) -> Vec<Anomaly> {
    let mut found = Vec::new();
    if results.run.interrupted {
        let cause = results.run.interrupted_by.as_deref().unwrap_or("an unknown cause");
        let text = format!("The run ended early ({cause}): figures are of what was measured until then.");
        found.push(Anomaly::new(Kind::Interrupted, "run".to_owned(), text));
    }
    let flooded = results.anomalies.iter().any(|anomaly| anomaly.kind == Kind::Flood);
    for port in &results.ports {
        let place = format!("ports/{}", port.name);
        of_port(port, flooded, &mut |kind, text| {
            found.push(Anomaly::new(kind, place.clone(), text));
        });
    }
    for entry in &results.traffic {
        let place = place_of(entry);
        of_entry(results, entry, &mut |kind, text| {
            found.push(Anomaly::new(kind, place.clone(), text));
        });
    }
    inferred::detect(results, &mut found);
    found
}

/// What grew over the samples of a long run.
pub(super) fn growths(soak: &Soak) -> Vec<Anomaly> {
    let grown = soak.trends.iter().filter(|trend| trend.grows == Some(true));
    let mut found: Vec<Anomaly> = grown
        .map(|trend| {
            let text = format!(
                "{} grew over {} samples, from {} to {}: {} an hour.",
                trend.name,
                trend.samples,
                rounded(trend.first, &trend.unit, DIGITS),
                rounded(trend.last, &trend.unit, DIGITS),
                change(trend.slope_per_hour.unwrap_or_default(), &trend.unit)
            );
            Anomaly::new(Kind::Growth, trend.place.clone(), text)
        })
        .collect();
    if soak.resident_memory_grows == Some(true) {
        let text = "The resident memory of squall's own process grew: environment.resident_memory has it.";
        found.push(Anomaly::new(Kind::Growth, "run", text));
    }
    found
}

fn of_port(port: &Port, flooded: bool, say: &mut dyn FnMut(Kind, String)) {
    let rx = &port.rx;
    if port.tx.unsent > 0 {
        say(
            Kind::Unsent,
            format!("The port did not take {} that were due.", frames(port.tx.unsent)),
        );
    }
    if port.tx.untimed > 0 {
        let text = format!(
            "The NIC was to send {} at their time, and its clock was not known: they left at once.",
            frames(port.tx.untimed)
        );
        say(Kind::Pacing, text);
    }
    if let Some(stats) = &port.stats {
        let missed = stats.imissed.saturating_add(stats.rx_nombuf);
        if missed > 0 {
            say(
                Kind::OwnLoss,
                format!(
                    "Our receive side lost {} (imissed {}, rx_nombuf {}): not the DUT's doing. More RX cores, queues or \
                     descriptors may mend it.",
                    frames(missed),
                    stats.imissed,
                    stats.rx_nombuf
                ),
            );
        }
        if stats.oerrors > 0 {
            say(
                Kind::OwnLoss,
                format!(
                    "The port reports {} that it could not send (oerrors).",
                    frames(stats.oerrors)
                ),
            );
        }
        if stats.ierrors > 0 {
            say(
                Kind::Corrupted,
                format!(
                    "The port refused {} received in error (ierrors).",
                    frames(stats.ierrors)
                ),
            );
        }
        for (what, theirs, ours) in [
            ("sent", stats.opackets, port.tx.frames),
            ("received", stats.ipackets, port.rx.frames),
        ] {
            if theirs != ours {
                let text = format!("The port counts {} {what}, our loops {ours}.", frames(theirs));
                say(Kind::CountersDisagree, text);
            }
        }
    }
    if rx.misdelivered > 0 && !flooded {
        let text = format!(
            "{} arrived here whose receiver is behind another port.",
            frames(rx.misdelivered)
        );
        say(Kind::Misdelivered, text);
    }
    if rx.unknown > 0 {
        let text = format!("{} of RoCEv2 belong to no flow of the plan.", frames(rx.unknown));
        say(Kind::UnknownFlow, text);
    }
    if rx.strangers > 0 {
        let text = format!(
            "{} to queue pairs of the plan are not of this run: another run's frames arrived, or another host's. They \
             are in no figure of the traffic, and took a part of the network. Stop who sends them, or separate the two: \
             other ports, a VLAN, `addresses`, `frame.first_qpn`.",
            frames(rx.strangers)
        );
        say(Kind::Strangers, text);
    }
    if rx.bad_answers > 0 {
        let text = format!(
            "{} that answer requesters behind this port (ACKs, NAKs, CNPs) arrived with a wrong ICRC, and were not heard.",
            frames(rx.bad_answers)
        );
        say(Kind::Corrupted, text);
    }
    if rx.malformed > 0 {
        say(
            Kind::Malformed,
            format!("{} of RoCEv2 cannot be decoded.", frames(rx.malformed)),
        );
    }
}

fn of_entry(results: &Results, entry: &Traffic, say: &mut dyn FnMut(Kind, String)) {
    let packets = &entry.packets;
    if packets.unsent > 0 {
        say(
            Kind::Unsent,
            format!("{} were planned and not sent.", frames(packets.unsent)),
        );
    }
    if let Some((received, unexplained)) = packets.received.zip(packets.unexplained).filter(|(_, n)| *n != 0) {
        let named: u64 = packets.causes.iter().map(|loss| loss.frames).sum();
        let text = format!(
            "{} sent are not {received} received plus {named} lost for named causes: {unexplained} unexplained.",
            packets.sent
        );
        say(Kind::Unaccounted, text);
    }
    let own: u64 = packets
        .causes
        .iter()
        .filter(|loss| {
            matches!(
                loss.cause,
                LossCause::NotTransmitted | LossCause::ReceiveMissed | LossCause::Undivided
            )
        })
        .map(|loss| loss.frames)
        .sum();
    if own > 0 {
        say(
            Kind::OwnLoss,
            format!(
                "{} of the lost were lost, or may have been, by our own ports.",
                frames(own)
            ),
        );
    }
    // What is said already, place by place, is not said again of the entry.
    let told = |kind: Kind| results.anomalies.iter().any(|anomaly| anomaly.kind == kind);
    if let Some(errors) = packets.icrc_errors.filter(|n| *n > 0 && !told(Kind::Corrupted)) {
        let checked = packets.icrc_checked.unwrap_or(errors);
        say(
            Kind::Corrupted,
            format!("{} of {checked} checked have a wrong ICRC.", frames(errors)),
        );
    }
    if let Some(malformed) = packets.malformed.filter(|n| *n > 0) {
        say(Kind::Malformed, format!("{} cannot be decoded.", frames(malformed)));
    }
    if let Some(duplicated) = packets.duplicated.filter(|n| *n > 0 && !told(Kind::Duplicated)) {
        say(
            Kind::Duplicated,
            format!("{} arrived that had arrived before.", frames(duplicated)),
        );
    }
    // Of frames that were lost, or came in another form, it is only what follows.
    let explained = LOSSES.iter().any(|kind| told(*kind)) && packets.lost.is_some_and(|lost| lost > 0);
    if let Some(incomplete) = entry.messages.incomplete.filter(|n| *n > 0 && !explained) {
        let text = format!(
            "{incomplete} of {} messages sent did not wholly arrive.",
            entry.messages.sent
        );
        say(Kind::IncompleteMessages, text);
    }
    if let Some(given_up) = entry.messages.given_up.filter(|n| *n > 0) {
        let text = format!(
            "{given_up} messages belong to rounds, dispatches or transfers that are in no figure: senders had drawn so far \
             apart that more than {OPEN} were under way."
        );
        say(Kind::Other, text);
    }
    for failed in entry.rc.iter().flat_map(|rc| &rc.requester.qps_in_error) {
        let text = format!(
            "{} of {} QPs ended in the error state: {}.",
            failed.qps, entry.flows.count, failed.reason
        );
        say(Kind::QpError, text);
    }
    ecn(entry, say);
    pacing::of_entry(results, entry, say);
}

fn ecn(entry: &Traffic, say: &mut dyn FnMut(Kind, String)) {
    let sent = &entry.ecn.sent;
    let Some(received) = &entry.ecn.received else { return };
    // A codepoint that nobody sent: bleaching clears it, RFC 3168 section 5 allows only ECT → CE.
    if sent.not_ect == 0 && received.not_ect > 0 {
        say(
            Kind::EcnBleached,
            format!(
                "{} sent ECN-capable arrived as not ECN-capable.",
                frames(received.not_ect)
            ),
        );
    }
    let capable = received.ect0.saturating_add(received.ect1).saturating_add(received.ce);
    if sent.not_ect > 0 && sent.not_ect == sent.total() && capable > 0 {
        say(
            Kind::EcnForged,
            format!("{} sent not ECN-capable arrived with ECT or CE.", frames(capable)),
        );
    }
    for (name, was_sent, arrived) in [
        ("ECT(0)", sent.ect0, received.ect0),
        ("ECT(1)", sent.ect1, received.ect1),
    ] {
        if was_sent == 0 && arrived > 0 && sent.not_ect < sent.total() {
            say(
                Kind::EcnForged,
                format!("{} arrived with {name}, which nobody sent.", frames(arrived)),
            );
        }
    }
}

/// `"1 frame"`, `"12 frames"`.
pub(super) fn frames(count: u64) -> String {
    if count == 1 {
        "1 frame".to_owned()
    } else {
        format!("{count} frames")
    }
}
