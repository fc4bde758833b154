//! What the tests of virtual time share: many trials in one process, and the ledger that holds
//! squall's counts against the reference fabric's own.
//!
//! Contract: nothing here computes an expectation from what squall reports. `fabric` is counted by
//! the device under test, `results` by the analyser; [`ledger`] says in which numbers they differ.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod random;

use std::sync::atomic::AtomicBool;

use squall::fabric::Counters;
use squall::fabric::counters::PortCounters;
use squall::report::model::{LossCause, Results, Sample, SampleHeader, Traffic};
use squall::report::samples::Kept;
use squall::trial::{Measured, Session, Trial, TrialError, Watched};
use squall::yaml::Source;
use squall::{pattern, testbed};

/// Trials one after another, through one DPDK.
#[derive(Default)]
pub struct Bench {
    session: Session,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::default()
    }

    /// Runs a pattern on a testbed, each a YAML text or the name of a shipped file.
    pub fn try_run(&mut self, pattern: &str, testbed: &str, set: &[&str]) -> Result<Measured, TrialError> {
        self.run_watched(pattern, testbed, set, &AtomicBool::new(false), || {})
    }

    /// The same, stopped when `stop` says so, with `watch` called a few times a second.
    pub fn run_watched(
        &mut self,
        pattern: &str,
        testbed: &str,
        set: &[&str],
        stop: &AtomicBool,
        mut watch: impl FnMut(),
    ) -> Result<Measured, TrialError> {
        self.run_seen(pattern, testbed, set, stop, |_| watch())
    }

    /// A run that must succeed, with the lines of its samples.
    #[track_caller]
    pub fn sampled(
        &mut self,
        pattern: &str,
        testbed: &str,
        set: &[&str],
    ) -> (Measured, Option<SampleHeader>, Vec<Sample>) {
        let (mut header, mut samples) = (None, Vec::new());
        let measured = self.run_seen(pattern, testbed, set, &AtomicBool::new(false), |seen| match seen.kept {
            Some(Kept::Header(first)) => header = Some(first.clone()),
            Some(Kept::Sample(sample)) => samples.push(sample.clone()),
            None => {}
        });
        match measured {
            Ok(measured) => (measured, header, samples),
            Err(error) => panic!("{error}\n{set:?}\n{testbed}\n{pattern}"),
        }
    }

    fn run_seen(
        &mut self,
        pattern: &str,
        testbed: &str,
        set: &[&str],
        stop: &AtomicBool,
        watch: impl FnMut(&Watched<'_>),
    ) -> Result<Measured, TrialError> {
        let split = |of_testbed: bool| -> Vec<String> {
            let of = set.iter().filter(|key| key.starts_with(testbed::PREFIX) == of_testbed);
            of.map(|key| key.trim_start_matches(testbed::PREFIX).to_owned())
                .collect()
        };
        let loaded = if pattern.contains('\n') {
            pattern::of(text("pattern.yaml", pattern, split(false)))
        } else {
            pattern::load(pattern, &split(false))
        };
        let loaded = loaded.map_err(|error| TrialError::Input(error.to_string()))?;
        let bed = if testbed.contains('\n') {
            testbed::of(text("testbed.yaml", testbed, split(true)))
        } else {
            testbed::load(testbed, &split(true))
        };
        let bed = bed.map_err(|error| TrialError::Input(error.to_string()))?;
        let trial = Trial {
            pattern: &loaded,
            pattern_name: "pattern.yaml",
            testbed: &bed,
            testbed_name: Some("testbed.yaml"),
            owned_interfaces: &[],
            calibration: None,
            earlier: None,
        };
        trial.run(&mut self.session, stop, watch)
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn run(&mut self, pattern: &str, testbed: &str, set: &[&str]) -> (Results, Counters) {
        match self.try_run(pattern, testbed, set) {
            Ok(measured) => (measured.results, measured.fabric.expect("a fabric's counters")),
            Err(error) => panic!("{error}\n{set:?}\n{testbed}\n{pattern}"),
        }
    }

    /// The same, whose ledger must balance.
    #[track_caller]
    pub fn balanced(&mut self, pattern: &str, testbed: &str, set: &[&str]) -> (Results, Counters) {
        let (results, fabric) = self.run(pattern, testbed, set);
        if let Err(differences) = ledger(&results, &fabric) {
            panic!("{differences}\n{set:?}\n{testbed}\n{pattern}\n{:#?}", results.anomalies);
        }
        (results, fabric)
    }
}

fn text(name: &str, text: &str, overrides: Vec<String>) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
        overrides,
        shipped: false,
    }
}

/// Entries that carry data: MAC control frames end at the next port, and are no one's loss.
pub fn data(results: &Results) -> impl Iterator<Item = &Traffic> {
    results.traffic.iter().filter(|entry| entry.kind != "pfc")
}

/// Frames that `entry` lost for this cause.
pub fn lost_to(entry: &Traffic, cause: LossCause) -> u64 {
    let of = entry.packets.causes.iter().filter(|loss| loss.cause == cause);
    of.map(|loss| loss.frames).sum()
}

/// Over all entries that carry data.
pub fn sum(results: &Results, of: impl Fn(&Traffic) -> u64) -> u64 {
    data(results).map(of).sum()
}

/// Frames that the switches marked.
pub fn marked(fabric: &Counters) -> u64 {
    let ports = fabric.switches.iter().flat_map(|switch| &switch.ports);
    let classes = ports.flat_map(|port| &port.classes);
    classes.map(|class| class.marked_frames).sum()
}

/// Sums of a port's classes: frames and bytes sent, frames and bytes received.
fn sums(port: &PortCounters) -> [u64; 4] {
    let mut sums = [0; 4];
    for class in &port.classes {
        let own = [
            class.sent_frames,
            class.sent_bytes,
            class.received_frames,
            class.received_bytes,
        ];
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum += own;
        }
    }
    sums
}

/// Bytes of a MAC control frame without FCS (IEEE 802.3 clause 31.3).
const CONTROL_LEN: u64 = 60;

struct Differences(Vec<String>);

impl Differences {
    fn same(&mut self, what: impl Into<String>, ours: u64, theirs: u64) {
        if ours != theirs {
            self.0.push(format!("{}: {ours} is not {theirs}", what.into()));
        }
    }

    fn holds(&mut self, what: impl Into<String>, holds: bool) {
        if !holds {
            self.0.push(what.into());
        }
    }
}

/// Conservation to the frame, and squall's counts against the fabric's. Wants `icrc_check: all`.
pub fn ledger(results: &Results, fabric: &Counters) -> Result<(), String> {
    let mut wrong = Differences(Vec::new());
    // The fabric's own account (docs/FABRIC.md, "What is counted").
    wrong.same(
        "fabric: received + lost + inside, and sent + duplicated",
        fabric.frames_received + fabric.lost.total() + fabric.frames_inside,
        fabric.frames_sent + fabric.frames_duplicated,
    );
    for entry in data(results) {
        of_entry(&mut wrong, entry);
    }
    wrong.same(
        "frames sent",
        sum(results, |entry| entry.packets.sent),
        fabric.frames_sent,
    );
    // Every frame that the fabric delivered is one of these.
    let whole = |entry: &Traffic| {
        let packets = &entry.packets;
        let of = [
            packets.received,
            packets.duplicated,
            packets.too_late,
            packets.icrc_errors,
            packets.malformed,
        ];
        of.iter().map(|frames| frames.unwrap_or_default()).sum()
    };
    let ports = results.ports.iter().map(|port| &port.rx);
    let strange: u64 = ports.map(|rx| rx.unknown + rx.malformed + rx.misdelivered).sum();
    wrong.same(
        "frames delivered",
        sum(results, whole) + strange,
        fabric.frames_received,
    );
    wrong.same("frames that belong to nobody", strange, 0);
    let undone = fabric.lost.total() + fabric.frames_inside;
    let spoilt = fabric.frames_duplicated + fabric.faults.iter().filter(|f| f.fault == "corrupt").count() as u64;
    if spoilt == 0 {
        let late = sum(results, |entry| entry.packets.too_late.unwrap_or_default());
        wrong.same(
            "frames lost in the DUT",
            sum(results, |entry| lost_to(entry, LossCause::LostInDut)),
            undone,
        );
        wrong.same(
            "frames lost or late",
            sum(results, |entry| entry.packets.lost.unwrap_or_default()),
            undone + late,
        );
        if undone + late == 0 {
            let sent_ce = sum(results, |entry| entry.ecn.sent.ce);
            let got_ce = sum(results, |entry| entry.ecn.received.map_or(0, |ecn| ecn.ce));
            wrong.same("CE frames", got_ce, marked(fabric) + sent_ce);
        }
    }
    of_ports(&mut wrong, results, fabric);
    let wrong = wrong.0;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{:?}", wrong.join("\n"), fabric.lost))
    }
}

fn of_entry(wrong: &mut Differences, entry: &Traffic) {
    let (packets, name) = (&entry.packets, &entry.name);
    let received = packets.received.unwrap_or_default();
    let named: u64 = packets.causes.iter().map(|loss| loss.frames).sum();
    wrong.same(format!("{name}: received + causes"), received + named, packets.sent);
    wrong.holds(format!("{name}: unexplained"), packets.unexplained == Some(0));
    wrong.same(
        format!("{name}: lost"),
        packets.lost.unwrap_or_default(),
        packets.sent - received,
    );
    wrong.same(
        format!("{name}: ICRCs checked"),
        packets.icrc_checked.unwrap_or_default(),
        received
            + [
                packets.icrc_errors,
                packets.duplicated,
                packets.too_late,
                packets.malformed,
            ]
            .iter()
            .map(|n| n.unwrap_or_default())
            .sum::<u64>(),
    );
    let ecn = entry.ecn.received.map_or(0, |ecn| ecn.total());
    wrong.same(format!("{name}: a codepoint each"), ecn, received);
    if let Some(planned) = packets.planned {
        wrong.same(
            format!("{name}: planned, and sent + unsent"),
            planned,
            packets.sent + packets.unsent,
        );
    }
    let flows = &entry.flows;
    if flows.count == flows.listed.len() as u64 {
        let sent = flows.listed.iter().map(|flow| flow.sent).sum();
        let got = flows.listed.iter().map(|flow| flow.received.unwrap_or_default()).sum();
        wrong.same(format!("{name}: sent by flow"), sent, packets.sent);
        wrong.same(format!("{name}: received by flow"), got, received);
    }
}

fn of_ports(wrong: &mut Differences, results: &Results, fabric: &Counters) {
    wrong.same("hosts", results.ports.len() as u64, fabric.hosts.len() as u64);
    for (port, nic) in results.ports.iter().zip(&fabric.hosts) {
        let name = &port.name;
        let [sent, sent_bytes, received, received_bytes] = sums(nic);
        // Of MAC control frames the NIC counts the classes that they name.
        let (made, made_bytes) = (
            port.tx.frames.saturating_sub(sent),
            port.tx.bytes.saturating_sub(sent_bytes),
        );
        wrong.same(format!("{name}: control bytes sent"), made_bytes, made * CONTROL_LEN);
        let named = &port.pfc.sent_per_class;
        let pauses = port.pfc.pause_sent;
        wrong.holds(
            format!("{name}: {made} control frames sent of {named:?} and {pauses}"),
            made >= pauses + named.iter().max().unwrap_or(&0) && made <= pauses + named.iter().sum::<u64>(),
        );
        let (came, came_bytes) = (
            port.rx.frames.saturating_sub(received),
            port.rx.bytes.saturating_sub(received_bytes),
        );
        wrong.same(
            format!("{name}: control bytes received"),
            came_bytes,
            came * CONTROL_LEN,
        );
        let counted = port.pfc.received_per_class.unwrap_or_default();
        wrong.holds(
            format!("{name}: {came} control frames received of {counted:?}"),
            came >= *counted.iter().max().unwrap_or(&0) && came <= counted.iter().sum::<u64>(),
        );
        for (class, ours) in counted.iter().enumerate() {
            let theirs = nic.classes.iter().find(|own| usize::from(own.class) == class);
            let theirs = theirs.map_or(0, |own| own.xoff_received + own.xon_received);
            wrong.same(format!("{name}: PFC frames received of class {class}"), *ours, theirs);
        }
        wrong.same(format!("{name}: unsent"), port.tx.unsent, 0);
        wrong.same(format!("{name}: not RoCEv2"), port.rx.other, 0);
    }
}
