//! Frames that no one of good will sends, at times that no clock shows: the recorder counts each of
//! them once, in bursts as one by one, and what is inferred of them is an answer or a reason, never a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use squall::engine::unroll::Unroll;
use squall::measure::infer::{Configured, Evidence, infer};
use squall::measure::{Recorder, SentPause};
use squall::pattern::IcrcCheck;
use squall::plan::{self, Plan};
use squall::units::{BitRate, Picos};
use squall::wire::ethernet;
use squall::{pattern, testbed};

const PORTS: usize = 5;

fn plan_of() -> Plan {
    let text = "name: t
frame: {ecn: ect0}
traffic:
  - {name: in, kind: incast, senders: 4, message: 60KB, repeats: 2, interval: 50us}
  - {name: p, kind: ecn-probe, senders: 4, frames: 40, repeats: 2, after: in}
  - {name: all, kind: alltoall, ranks: 4, experts: 8, top_k: 2, hidden: 256, batch: 8, layers: 1, iterations: 1}
";
    let pattern = pattern::parse("t", text, &[]).unwrap();
    let ports: Vec<String> = (0..PORTS)
        .map(|port| format!("  - {{name: p{port}, device: net_null{port}, workers: 1}}"))
        .collect();
    let testbed = testbed::parse("t", &format!("ports:\n{}\n", ports.join("\n")), &[]).unwrap();
    plan::build(&pattern, &testbed, &[BitRate(100_000_000_000); PORTS]).unwrap()
}

/// What is done to one frame.
#[derive(Debug, Clone)]
enum Blow {
    Flip(u16, u8),
    Cut(u16),
    Again,
    Port(u8),
    At(u64),
    Mark,
    Pause { classes: u8, quanta: u16, at: u64 },
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        (any::<u16>(), 1u8..).prop_map(|(at, with)| Blow::Flip(at, with)),
        any::<u16>().prop_map(Blow::Cut),
        Just(Blow::Again),
        (0u8..7).prop_map(Blow::Port),
        prop_oneof![any::<u64>(), 0u64..1_000_000_000, Just(u64::MAX), Just(0)].prop_map(Blow::At),
        Just(Blow::Mark),
        (
            any::<u8>(),
            prop_oneof![Just(0u16), any::<u16>()],
            prop_oneof![any::<u64>(), 0u64..1_000_000_000]
        )
            .prop_map(|(classes, quanta, at)| Blow::Pause { classes, quanta, at }),
    ]
}

fn pause_frame(classes: u8, quanta: u16) -> Vec<u8> {
    let mut frame = vec![
        0x01, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0x08, 0x01, 0x01, 0, classes,
    ];
    for _ in 0..8 {
        frame.extend(quanta.to_be_bytes());
    }
    frame.resize(ethernet::MIN_FRAME_LEN, 0);
    frame
}

/// All that a recorder has counted.
fn all_of(recorder: &Recorder) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        recorder.entries(),
        recorder.pairs(),
        recorder.ports(),
        recorder.flows(),
        recorder.flow_latency(),
        recorder.trace().observations(),
        recorder.pauses(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_is_counted_and_every_question_answered(
        blows in prop::collection::vec((any::<prop::sample::Index>(), blow()), 0..200),
        check in prop_oneof![Just(IcrcCheck::All), Just(IcrcCheck::None), Just(IcrcCheck::OneIn(3))],
        sent in prop::collection::vec((0usize..7, any::<u64>(), any::<u8>(), any::<u16>()), 0..9),
        bursts in prop::collection::vec(1usize..65, 1..20),
    ) {
        let plan = plan_of();
        let mut frames: Vec<(usize, Vec<u8>, u64)> = Vec::new();
        let mut unroll = Unroll::new(&plan);
        while let Some(frame) = unroll.next() {
            frames.push((PORTS - 1, frame.bytes.to_vec(), frame.at.0 + 900_000));
        }
        for (index, blow) in blows {
            let at = index.index(frames.len());
            let (port, bytes, time) = frames[at].clone();
            match blow {
                Blow::Flip(place, with) => {
                    let place = usize::from(place) % bytes.len();
                    frames[at].1[place] ^= with;
                }
                Blow::Cut(len) => frames[at].1.truncate(usize::from(len) % (bytes.len() + 1)),
                Blow::Again => frames.insert(at, (port, bytes, time)),
                Blow::Port(other) => frames[at].0 = usize::from(other),
                Blow::At(other) => frames[at].2 = other,
                // The ECN field of IPv4 behind an untagged Ethernet header (RFC 3168 section 5).
                Blow::Mark => frames[at].1.get_mut(15).into_iter().for_each(|tos| *tos |= 3),
                Blow::Pause { classes, quanta, at: time } => frames.insert(at, (port, pause_frame(classes, quanta), time)),
            }
            if frames[at].1.is_empty() {
                frames[at].1.push(0);
            }
        }
        let mut recorder = Recorder::new(&plan, check);
        for (port, bytes, time) in &frames {
            recorder.frame(*port, bytes, Picos(*time));
        }
        let mut in_bursts = Recorder::new(&plan, check);
        in_bursts.verify_by(squall::dpdk::icrc_routine());
        let mut rest = &frames[..];
        for most in bursts.iter().cycle() {
            let Some((port, ..)) = rest.first() else { break };
            let len = rest.iter().take(*most).take_while(|(other, ..)| other == port).count();
            let (burst, behind) = rest.split_at(len);
            in_bursts.burst(*port, burst.iter().map(|(_, bytes, time)| (&bytes[..], Picos(*time))), |_, _| ());
            rest = behind;
        }
        prop_assert_eq!(all_of(&recorder), all_of(&in_bursts));
        let listened = frames.iter().filter(|(port, ..)| *port < PORTS).count() as u64;
        let counted: u64 = recorder.ports().iter().map(|port| port.frames).sum();
        prop_assert_eq!(counted, listened);
        let of_ports = recorder.ports().iter();
        let foreign: u64 = of_ports
            .map(|port| port.misdelivered + port.unknown + port.strangers + port.malformed + port.cnp + port.other + port.pfc_frames + port.pause_frames)
            .sum();
        let of_entries = recorder.entries().iter();
        let ours: u64 = of_entries
            .map(|entry| entry.packets + entry.duplicated + entry.too_old + entry.icrc_errors + entry.malformed)
            .sum();
        prop_assert_eq!(foreign + ours, listened);

        let sent: Vec<SentPause> = sent
            .into_iter()
            .map(|(port, time, classes, quanta)| SentPause { port, time: Picos(time), classes, quanta })
            .collect();
        let none: Vec<u64> = vec![0; plan.flows() as usize];
        let many: Vec<u64> = vec![u64::MAX; plan.flows() as usize];
        for flow_packets in [&[][..], &none, &many] {
            let evidence = Evidence {
                plan: &plan,
                trace: recorder.trace(),
                received: recorder.pauses(),
                ports: recorder.ports(),
                sent: &sent,
                flow_packets,
                configured: &Configured::default(),
                places: &[],
                end: Picos(u64::MAX),
            };
            let inferred = infer(&evidence);
            for queue in &inferred.queues {
                for marking in queue.ecn.iter().chain(queue.probe.as_ref().map(|probe| &probe.marking)) {
                    prop_assert!(marking.fit.is_some() || marking.why_not.is_some());
                    prop_assert!(marking.marked <= marking.frames);
                    let finite = |estimate: squall::measure::infer::Estimate| {
                        estimate.low <= estimate.value && estimate.value <= estimate.high && estimate.value.is_finite()
                    };
                    if let Some(fit) = marking.fit {
                        prop_assert!(finite(fit.kmin) && finite(fit.kmax) && fit.pmax.is_none_or(finite), "{:?}", fit);
                        prop_assert!(fit.kmin.value <= fit.kmax.value, "{:?}", fit);
                    }
                }
            }
        }
    }
}
