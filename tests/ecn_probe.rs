//! What a probe of ECN marking sends, as captures of its plan show it: an egress that obeys PFC
//! (IEEE 802.1Q 36.1.3.3) and knows nothing of the plan holds the whole of each round and nothing
//! else.

use proptest::prelude::*;
use squall::engine::unroll::Unroll;
use squall::plan::{self, Plan};
use squall::units::{BitRate, PICOS_PER_SECOND, Picos};
use squall::wire::Frame;
use squall::{pattern, testbed};

fn plan_of(text: &str, ports: u32, speed: u64) -> Result<Plan, String> {
    let pattern = pattern::parse("probe", text, &[]).map_err(|errors| errors.to_string())?;
    let ports: Vec<String> = (0..ports)
        .map(|port| format!("  - {{name: p{port}, device: net_null{port}, speed: {speed}bps, workers: 1}}"))
        .collect();
    let testbed = format!("ports:\n{}\n", ports.join("\n"));
    let testbed = testbed::parse("probe", &testbed, &[]).map_err(|errors| errors.to_string())?;
    let speeds = vec![BitRate(speed); ports.len()];
    plan::build(&pattern, &testbed, &speeds)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// What an observer on every link sees.
enum Seen {
    Pause {
        at: Picos,
        port: usize,
        classes: u8,
        quanta: [u16; 8],
    },
    Data {
        at: Picos,
        port: usize,
        len: usize,
        dscp: u8,
    },
}

fn seen(plan: &Plan) -> Vec<Seen> {
    let mut unroll = Unroll::new(plan);
    let mut seen = Vec::new();
    while let Some(frame) = unroll.next() {
        let (at, port, len) = (frame.at, frame.port, frame.bytes.len());
        seen.push(match Frame::parse(frame.bytes).expect("it is whole") {
            Frame::Roce(packet) => Seen::Data {
                at,
                port,
                len,
                dscp: packet.dscp(),
            },
            // Offsets of IEEE 802.1Q Figure 36-1: opcode, class enable vector, eight times.
            Frame::MacControl(_) => {
                assert_eq!(frame.bytes[..6], [0x01, 0x80, 0xc2, 0, 0, 1]);
                assert_eq!(frame.bytes[12..16], [0x88, 0x08, 0x01, 0x01]);
                let quanta = |class: usize| [frame.bytes[18 + 2 * class], frame.bytes[19 + 2 * class]];
                Seen::Pause {
                    at,
                    port,
                    classes: frame.bytes[17],
                    quanta: std::array::from_fn(|class| u16::from_be_bytes(quanta(class))),
                }
            }
            Frame::Other => panic!("neither data nor control"),
        });
    }
    seen
}

/// Rounds as the held egress sees them: for each, what was queued while it was held, by sender; and
/// when it was released. Panics when a frame comes while it is not held.
fn rounds(seen: &[Seen], receiver: usize, class: usize, speed: u64) -> Vec<(Vec<u64>, Picos)> {
    let mut rounds = Vec::new();
    let mut held_until = Picos::ZERO;
    let mut round: Option<Vec<u64>> = None;
    for one in seen {
        match one {
            Seen::Pause {
                at,
                port,
                classes,
                quanta,
            } => {
                assert_eq!((*port, *classes), (receiver, 1 << class));
                if quanta[class] == 0 {
                    assert!(*at < held_until, "the pause had run out before the XON");
                    rounds.push((round.take().expect("an XON ends a hold"), *at));
                    held_until = Picos::ZERO;
                    continue;
                }
                let pause = u128::from(quanta[class]) * 512 * u128::from(PICOS_PER_SECOND) / u128::from(speed);
                let pause = u64::try_from(pause).expect("below a second");
                if round.is_some() {
                    // Renewed before half of its time is over.
                    assert!(held_until.0 - at.0 >= pause / 2, "renewed late");
                }
                round.get_or_insert_with(|| vec![0; 8]);
                held_until = Picos(at.0 + pause);
            }
            Seen::Data { at, port, .. } => {
                let round = round.as_mut().expect("a frame outside any hold");
                assert!(*at < held_until, "a frame after the pause had run out");
                round[*port] += 1;
            }
        }
    }
    assert!(round.is_none(), "a queue is left held");
    rounds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn every_frame_waits_in_a_queue_that_is_held(
        senders in 1u64..6,
        more in 0u64..300,
        repeats in 1u64..4,
        gbps in prop_oneof![Just(1u64), Just(10), Just(100), Just(400), Just(1600)],
        rate in prop_oneof![Just("100%"), Just("7%"), Just("max")],
        message in prop_oneof![Just(1u64), Just(256), Just(4096)],
        dscp in 0usize..64,
        lead in prop_oneof![Just(1u64), Just(20), Just(3000)],
        after in any::<bool>(),
    ) {
        let frames = senders + more;
        let text = format!(
            "traffic:\n- {{name: first, kind: transfer, from: 0, to: 6, message: 4096, count: 1, duration: 1us}}\n\
             - {{kind: ecn-probe, senders: {senders}, receiver: 6, frames: {frames}, repeats: {repeats}, rate: {rate},\
             message: {message}, lead: {lead}us, frame: {{dscp: {dscp}}}, {}}}\n",
            if after { "after: first, delay: 7us" } else { "start: 1ms" }
        );
        let speed = gbps * 1_000_000_000;
        let plan = plan_of(&text, 7, speed).expect("it fits");
        let all = seen(&plan);
        let Seen::Data { port: 0, .. } = all[0] else { panic!("the transfer is first") };
        let rounds = rounds(&all[1..], 6, dscp / 8, speed);
        prop_assert_eq!(rounds.len() as u64, repeats);
        let mut lens: Vec<usize> = all[1..].iter().filter_map(|one| match one {
            Seen::Data { len, dscp: own, .. } => {
                assert_eq!(usize::from(*own), dscp);
                Some(*len)
            }
            Seen::Pause { .. } => None,
        }).collect();
        lens.dedup();
        prop_assert_eq!(lens.len(), 1, "frames of one length");
        // Drained at line rate, the frames of a round are gone before the next is held.
        let drain = frames * (lens[0] as u64 + 24) * 8 * 1000 / gbps;
        for (index, (by_sender, released)) in rounds.iter().enumerate() {
            prop_assert_eq!(by_sender.iter().sum::<u64>(), frames);
            let sending = &by_sender[..usize::try_from(senders).expect("five at most")];
            let (most, least) = (sending.iter().max(), sending.iter().min());
            prop_assert!(most.expect("one") - least.expect("one") <= 1, "dealt evenly: {by_sender:?}");
            if let Some((_, next)) = rounds.get(index + 1) {
                prop_assert!(next.0 > released.0 + drain);
            }
        }
        let summary = plan.summary();
        prop_assert_eq!(summary.entries[1].packets, frames * repeats);
        prop_assert!(summary.entries[1].exact);
    }
}

/// A duration ends between rounds: no queue is left held, and what `check` says is what is sent.
#[test]
fn a_duration_cuts_no_round() {
    for duration in ["1us", "200us", "300us", "1ms"] {
        let text =
            format!("duration: {duration}\ntraffic:\n- {{kind: ecn-probe, senders: 2, frames: 101, repeats: 1000}}\n");
        let plan = plan_of(&text, 3, 100_000_000_000).expect("it fits");
        let rounds = rounds(&seen(&plan), 2, 3, 100_000_000_000);
        assert!(rounds.iter().all(|(by_sender, _)| by_sender[..3] == [51, 50, 0]));
        assert_eq!(
            plan.summary().entries[0].packets,
            101 * rounds.len() as u64,
            "{duration}"
        );
    }
}

#[test]
fn a_hold_that_is_too_short_is_refused() {
    // Two senders at 100 Gb/s: 50 frames of 4,170 bytes and 24 of overhead take 16.776 us.
    let probe = |hold: &str| {
        let text = format!("traffic:\n- {{kind: ecn-probe, senders: 2, frames: 100, lead: 10us, hold: {hold}}}\n");
        plan_of(&text, 3, 100_000_000_000)
    };
    assert!(probe("26777ns").is_ok());
    let error = probe("26776ns").expect_err("it is too short");
    assert!(error.contains("`hold`") && error.contains("26.776 us"), "{error}");
}
