use super::*;
use crate::pattern::{
    AllToAll, DispatchMode, Entry, FrameOptions, IcrcCheck, Incast, Kind, Messages, Pattern, Rate, RoundSpacing,
    Routing, Spread, Transfer, Verb, Workers,
};
use crate::plan::deal::Deal;
use crate::plan::segment::Position;
use crate::plan::tests::testbed;
use crate::units::{Bytes, Share};

fn pattern(kinds: Vec<Kind>) -> Pattern {
    let entry = |(index, kind): (usize, Kind)| Entry {
        name: format!("e{index}"),
        start: Start::At(Picos::ZERO),
        duration: None,
        frame: FrameOptions::default(),
        priority: None,
        transport: crate::pattern::transport::Transport::Open,
        kind,
    };
    Pattern {
        name: "t".into(),
        description: None,
        draft: None,
        testbed: None,
        seed: 7,
        duration: None,
        sample: None,
        convergence: None,
        icrc_check: IcrcCheck::All,
        traffic: kinds.into_iter().enumerate().map(entry).collect(),
        expect: Vec::new(),
        asks: Vec::new(),
    }
}

fn messages(size: u64, qps: u32) -> Messages {
    Messages {
        verb: Verb::PutWithSignal,
        size: Bytes(size),
        transfer_bytes: None,
        qps,
        split: false,
    }
}

fn transfer(size: u64, qps: u32, count: u64, rate: Rate) -> Transfer {
    Transfer {
        pairs: 1,
        from: Workers(vec![0]),
        to: Workers(vec![1]),
        messages: messages(size, qps),
        count: Some(count),
        outstanding: None,
        rate,
    }
}

const LINE: BitRate = BitRate(100_000_000_000);

fn plan(pattern: &Pattern, ports: usize) -> Plan {
    crate::plan::build(pattern, &testbed(ports), &vec![LINE; ports]).unwrap()
}

struct Sent {
    at: Picos,
    entry: usize,
    pair: u32,
    due: Due,
    number: u32,
}

/// Unrolls one port exactly.
fn unroll(plan: &Plan, port: usize) -> Vec<Sent> {
    let mut schedule = Schedule::new(plan, port, Clocking::Exact);
    let mut sent = Vec::new();
    loop {
        match schedule.next(plan, Picos::MAX) {
            Next::Packet { at, lane, due } => {
                let entry = schedule.lanes()[lane].entry;
                let first = schedule.lanes()[lane].first_pair;
                let flow = schedule.flow_mut(lane, &due);
                sent.push(Sent {
                    at,
                    entry,
                    pair: first + flow.pair,
                    due,
                    number: flow.number,
                });
            }
            Next::Done => return sent,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_transfer_leaves_as_planned_and_as_the_summary_says() {
    let p = pattern(vec![Kind::Transfer(transfer(10_000, 4, 25, Rate::Share(Share(0.5))))]);
    let plan = plan(&p, 2);
    let sent = unroll(&plan, 0);
    let summary = plan.summary();
    assert_eq!(sent.len(), 25 * 3);
    assert_eq!(summary.entries[0].packets, 75);
    assert_eq!(summary.entries[0].payload_bytes, 250_000);
    assert_eq!(sent.iter().map(|s| u64::from(s.due.payload_len)).sum::<u64>(), 250_000);
    let wire: u64 = sent.iter().map(|s| u64::from(s.due.frame_len) + 24).sum();
    assert_eq!(summary.entries[0].wire_bytes, wire);
    // Half of the line: every frame is followed by as much idle time as it took.
    for pair in sent.windows(2) {
        let took = (pair[1].at - pair[0].at)
            .0
            .abs_diff(2 * LINE.wire_time(u64::from(pair[0].due.frame_len)).0);
        assert!(took <= 1, "{took} ps off");
    }
    assert_eq!(summary.entries[0].messages, 25);
    // Each QP's PSNs count up by one, its messages are First, Middle, Last.
    for flow in 0..4 {
        let of: Vec<_> = sent.iter().filter(|s| s.due.flow == flow).collect();
        assert!(of.iter().enumerate().all(|(i, s)| s.due.seq == i as u64));
        let cycle = [Position::First, Position::Middle, Position::Last];
        assert!(of.iter().enumerate().all(|(i, s)| s.due.position == cycle[i % 3]));
    }
}

#[test]
fn lanes_of_one_port_share_its_wire_without_overlap() {
    let kinds = vec![
        Kind::Transfer(transfer(100_000, 1, 10, Rate::Share(Share(1.0)))),
        Kind::Transfer(transfer(100_000, 2, 10, Rate::Max)),
    ];
    let plan = plan(&pattern(kinds), 2);
    let sent = unroll(&plan, 0);
    for pair in sent.windows(2) {
        assert!(pair[1].at >= pair[0].at + LINE.wire_time(u64::from(pair[0].due.frame_len)));
    }
    let half = &sent[..sent.len() / 2];
    let first = half.iter().filter(|s| s.entry == 0).count();
    assert!(first.abs_diff(half.len() / 2) <= 2, "{first} of {}", half.len());
}

#[test]
fn an_incast_begins_everywhere_at_once_and_repeats_after_the_gap() {
    let incast = Incast {
        senders: Workers((0..4).collect()),
        receiver: 4,
        messages: messages(65_536, 1),
        count: 2,
        spread: Spread::Synchronised,
        repeats: 3,
        round: RoundSpacing::Gap(Picos::from_micros(50)),
        rate: Rate::Share(Share(1.0)),
    };
    let plan = plan(&pattern(vec![Kind::Incast(incast)]), 5);
    assert_eq!(plan.summary().ports[4].oversubscription, 4.0);
    // 66,484 bytes of frames and 16 × 24 more (RULES.md "Sizes"), twice.
    let round = LINE.time_of(2 * (66_484 + 16 * 24) * 8);
    for port in 0..4 {
        let sent = unroll(&plan, port);
        assert_eq!(sent.len(), 3 * 2 * 16);
        for (r, frames) in sent.chunks(32).enumerate() {
            assert_eq!(frames[0].at, Picos((round.0 + 50_000_000) * r as u64));
            assert!(frames.iter().all(|s| s.number / 2 == u32::try_from(r).unwrap()));
        }
    }
    assert_eq!(
        plan.entries[0].work.group(0, Deal { qps: 1, split: false }, 0, 3),
        Some((1, 8))
    );
}

#[test]
fn an_alltoall_sends_what_was_routed() {
    let alltoall = AllToAll {
        ranks: Workers((0..6).collect()),
        ranks_per_node: 1,
        model: None,
        experts: 12,
        top_k: 3,
        hidden: 500,
        precision: 2,
        batch: 16,
        layers: 3,
        iterations: Some(2),
        interval: Some(Picos::from_micros(5)),
        mode: DispatchMode::Normal,
        routing: Routing::TopK { skew: 0.0 },
        verb: Verb::PutWithSignal,
        qps: 4,
        split: false,
        rate: Rate::Share(Share(1.0)),
    };
    let plan = plan(&pattern(vec![Kind::AllToAll(alltoall.clone())]), 6);
    let mut pair_bytes = vec![0u64; 30];
    let mut messages = [0u64; 6];
    for port in 0..6 {
        for s in unroll(&plan, port) {
            pair_bytes[s.pair as usize] += u64::from(s.due.payload_len);
            messages[s.number as usize] += u64::from(s.due.position.is_last());
        }
    }
    for (pair, bytes) in plan.entries[0].pairs.iter().zip(&pair_bytes) {
        let tokens: u64 = (0..6)
            .map(|d| {
                let seed = mix_of(&plan);
                let routed = crate::plan::routing::Routed::route(&alltoall, seed, d);
                u64::from(routed.tokens.get(pair.src as usize, pair.dst as usize))
            })
            .sum();
        assert_eq!(*bytes, tokens * 1000, "{pair:?}");
    }
    for (dispatch, n) in messages.iter().enumerate() {
        let number = u32::try_from(dispatch).unwrap();
        assert_eq!(
            plan.entries[0].work.group(0, plan.entries[0].deal(), 0, number),
            Some((dispatch as u64, *n))
        );
    }
    assert_eq!(plan.summary().entries[0].messages, messages.iter().sum::<u64>());
}

#[test]
fn ranks_of_a_node_send_to_those_of_other_nodes_alone() {
    let text = "traffic: [{kind: alltoall, ranks: 12, ranks_per_node: 3, experts: 24, top_k: 2, hidden: 64, batch: 8, qps: 2}]";
    let of = |each: u32| {
        let set = [format!("traffic.alltoall-0.ranks_per_node={each}")];
        let pattern = crate::pattern::parse("nodes.yaml", text, &set).unwrap();
        plan(&pattern, 4)
    };
    let nodes = of(3);
    // Twelve ranks behind four ports are three behind each: with a node behind each, no port sends to itself.
    assert_eq!((nodes.hairpins(), of(1).hairpins().len()), (vec![], 4));
    let pairs = &nodes.entries[0].pairs;
    for src in 0..12 {
        let mut to: Vec<u32> = pairs
            .iter()
            .filter(|pair| pair.src == src)
            .map(|pair| pair.dst)
            .collect();
        // Ranks of a node do not all begin with the same receiver.
        assert_eq!(to[0], (src / 3 * 3 + 3 + src % 3) % 12);
        to.sort_unstable();
        let others: Vec<u32> = (0..12).filter(|dst| dst / 3 != src / 3).collect();
        assert_eq!(to, others);
    }
    let sent: u64 = (0..4).map(|port| unroll(&nodes, port).len() as u64).sum();
    assert_eq!(sent, nodes.summary().entries[0].packets);
}

/// The seed that `build` gives entry 0.
fn mix_of(plan: &Plan) -> u64 {
    crate::plan::mix(plan.seed ^ crate::plan::mix(0))
}

#[test]
fn a_closed_loop_waits_for_its_messages() {
    let mut t = transfer(10_000, 2, 4, Rate::Share(Share(1.0)));
    t.outstanding = Some(1);
    let plan = plan(&pattern(vec![Kind::Transfer(t)]), 2);
    let mut schedule = Schedule::new(&plan, 0, Clocking::Exact);
    let mut numbers = Vec::new();
    let mut last = Picos::ZERO;
    for _ in 0..4 {
        for packet in 0..3 {
            let Next::Packet { at, lane, due } = schedule.next(&plan, last + Picos::from_micros(10)) else {
                panic!("packet {packet} did not come")
            };
            last = at;
            let number = schedule.flow_mut(lane, &due).number;
            numbers.push((due.flow, number));
        }
        let blocked = schedule.next(&plan, last + Picos::from_micros(10));
        let (flow, number) = *numbers.last().unwrap();
        if numbers.len() < 12 {
            assert!(
                matches!(blocked, Next::Wait(t) if t >= last + Picos::from_micros(90_000)),
                "{blocked:?}"
            );
        }
        last = last + Picos::from_micros(7);
        schedule.complete(0, flow, number, last);
    }
    assert_eq!(schedule.next(&plan, Picos::MAX), Next::Done);
    assert_eq!(
        numbers.chunks(3).map(|c| c[0]).collect::<Vec<_>>(),
        [(0, 0), (1, 0), (0, 1), (1, 1)]
    );
}

/// Frames that leave between `from` and `to` when a loop looks at the clock every `turn`.
fn real(schedule: &mut Schedule, plan: &Plan, from: Picos, to: Picos, turn: Picos) -> Vec<Picos> {
    let mut left = Vec::new();
    let mut now = from;
    while now < to {
        while let Next::Packet { .. } = schedule.next(plan, now) {
            left.push(now);
        }
        now = now + turn;
    }
    left
}

#[test]
fn a_late_loop_keeps_its_plan_and_makes_no_burst() {
    let half = Kind::Transfer(transfer(1 << 20, 1, 400, Rate::Share(Share(0.5))));
    let plan = plan(&pattern(vec![half]), 2);
    let mut schedule = Schedule::new(&plan, 0, Clocking::Real);
    let (turn, us) = (Picos(200_000), Picos::from_micros);
    real(&mut schedule, &plan, Picos(1), us(1_000), turn);
    // Away for 4 ms: what is due then leaves a quarter faster than asked for, not at once.
    let left = real(&mut schedule, &plan, us(5_000), us(10_000), turn);
    let gap = 2 * LINE.wire_time(4154).0;
    let soonest = us(5_000).0 + 20 * gap * 4 / 5;
    assert!(left[24] >= Picos(soonest), "25 frames by {}", left[24]);
    // It takes four times as long to make up for it, and then every frame is on time again.
    let left = real(&mut schedule, &plan, us(10_000), us(40_000), turn);
    let (early, late) = (&left[..10_000], &left[left.len() - 10_000..]);
    let mean = |of: &[Picos]| (of[of.len() - 1] - of[0]).0 / (of.len() as u64 - 1);
    assert!(
        mean(early).abs_diff(gap * 4 / 5) < gap / 100,
        "{} of {gap}",
        mean(early)
    );
    assert!(mean(late).abs_diff(gap) < gap / 100, "{} of {gap}", mean(late));
    let total = plan.summary().entries[0].packets.min(40_000_000_000 / gap);
    assert!(schedule.sent()[0].packets.abs_diff(total) < total / 1000);
    assert_eq!(schedule.lanes()[0].pacer().slips().0, 0);
}

/// A loop with many queues comes by every 20 us: frames that were due in between are not late.
#[test]
fn a_loop_of_long_turns_keeps_the_rate() {
    let most = Kind::Transfer(transfer(1 << 20, 1, 100, Rate::Share(Share(0.9))));
    let plan = plan(&pattern(vec![most]), 2);
    let mut schedule = Schedule::new(&plan, 0, Clocking::Real);
    let left = real(
        &mut schedule,
        &plan,
        Picos(1),
        Picos::from_micros(9_000),
        Picos::from_micros(20),
    );
    let gap = LINE.wire_time(4154).0 * 10 / 9;
    let due = usize::try_from(9_000_000_000 / gap).unwrap();
    assert!(left.len().abs_diff(due) < due / 50, "{} of {due}", left.len());
}

#[test]
fn what_is_hopelessly_late_is_given_up_and_counted() {
    let tenth = Kind::Transfer(transfer(1 << 20, 1, 4, Rate::Share(Share(0.1))));
    let plan = plan(&pattern(vec![tenth]), 2);
    let mut schedule = Schedule::new(&plan, 0, Clocking::Real);
    assert!(matches!(schedule.next(&plan, Picos(1)), Next::Packet { .. }));
    assert!(matches!(
        schedule.next(&plan, Picos::from_micros(500_000)),
        Next::Packet { .. }
    ));
    let (often, by) = schedule.lanes()[0].pacer().slips();
    assert_eq!(often, 1);
    assert!(
        by > Picos::from_micros(399_000) && by < Picos::from_micros(400_000),
        "{by}"
    );
}

#[test]
fn duration_ends_an_endless_entry() {
    let mut t = transfer(4096, 1, 1, Rate::Share(Share(1.0)));
    t.count = None;
    let mut p = pattern(vec![Kind::Transfer(t)]);
    p.traffic[0].duration = Some(Picos::from_micros(100));
    let built = plan(&p, 2);
    let sent = unroll(&built, 0);
    assert!(sent.last().unwrap().at < Picos::from_micros(100));
    assert!(
        sent.len()
            .abs_diff(usize::try_from(built.summary().entries[0].packets).unwrap())
            <= 1
    );
    p.traffic[0].duration = None;
    p.duration = Some(Picos::from_micros(50));
    assert!(unroll(&plan(&p, 2), 0).len().abs_diff(sent.len() / 2) <= 1);
}

/// A loop that was kept from its core past the end of an entry: no message begins any more, and the
/// entry ends although the plan has messages left that were due before.
#[test]
fn a_late_loop_ends_an_entry_whose_time_is_over() {
    for outstanding in [None, Some(3)] {
        let endless = Transfer {
            count: None,
            outstanding,
            ..transfer(10_000, 2, 1, Rate::Share(Share(0.01)))
        };
        let mut p = pattern(vec![Kind::Transfer(endless)]);
        p.traffic[0].duration = Some(Picos::from_micros(1_000));
        let plan = plan(&p, 2);
        let mut schedule = Schedule::new(&plan, 0, Clocking::Real);
        let mut packets = Vec::new();
        let mut turns = 0;
        // In time for the first 100 us, and then late, by less than a lane makes up for.
        for limit in (1..100).chain(1_200..1_500).map(Picos::from_micros) {
            loop {
                turns += 1;
                assert!(turns < 1000, "it goes on for ever");
                match schedule.next(&plan, limit) {
                    Next::Packet { due, .. } => packets.push(due),
                    Next::Wait(until) if until <= limit => {}
                    _ => break,
                }
            }
        }
        assert_eq!(schedule.next(&plan, Picos::from_micros(2_000_000)), Next::Done);
        assert_eq!(schedule.take_finished().len(), 1);
        // What was begun is finished: three packets each.
        let begun = packets.iter().filter(|due| due.position.is_first()).count();
        assert_eq!(packets.iter().filter(|due| due.position.is_last()).count(), begun);
        assert_eq!(packets.len(), 3 * begun);
        assert!(begun >= 2, "{begun}");
    }
}

#[test]
fn a_lane_whose_time_is_over_before_its_turn_ends() {
    // Two lanes that want the same line: each is late by half of what it has sent.
    let mut t = transfer(64 << 10, 1, 1, Rate::Share(Share(1.0)));
    t.count = None;
    let mut p = pattern(vec![Kind::Transfer(t.clone()), Kind::Transfer(t)]);
    p.duration = Some(Picos::from_micros(100));
    let built = plan(&p, 2);
    let sent = unroll(&built, 0);
    // A message under way is finished: 16 frames of a third of a microsecond, twice.
    assert!(sent.last().unwrap().at < Picos::from_micros(115));
    let messages: u64 = sent.iter().map(|sent| u64::from(sent.due.position.is_last())).sum();
    assert_eq!(sent.len() as u64, messages * 16);

    // The same behind a clock that comes back after the end.
    let mut schedule = Schedule::new(&built, 0, Clocking::Real);
    let mut asked = 0;
    let mut last = Picos::ZERO;
    for limit in [10, 50_000, 60_000, 70_000, 80_000].map(Picos::from_micros) {
        loop {
            asked += 1;
            assert!(asked < 1_000, "no end");
            match schedule.next(&built, limit) {
                Next::Packet { at, .. } => last = last.max(at),
                Next::Control { .. } => panic!("no control frames here"),
                Next::Wait(_) | Next::Done => break,
            }
        }
    }
    assert_eq!(schedule.next(&built, Picos::MAX), Next::Done);
    // What was sent last tells the end, not the look that found nothing to send.
    let ends: Vec<Picos> = schedule.take_finished().iter().map(|(_, at)| *at).collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends.iter().max(), Some(&last));
}

/// A port that asks for frames one at a time: what of a class is paused waits, the others go on, and
/// in the end everything has left once (IEEE 802.1Q 36.1.3.3).
#[test]
fn a_paused_class_waits_and_the_others_go_on() {
    let mut p = pattern(vec![
        Kind::Transfer(transfer(40_000, 2, 3, Rate::Share(Share(1.0)))),
        Kind::Transfer(transfer(40_000, 1, 3, Rate::Share(Share(1.0)))),
    ]);
    p.traffic[0].frame.dscp = 26; // class 3
    p.traffic[1].frame.dscp = 0; // class 0
    let plan = plan(&p, 2);
    let mut schedule = Schedule::new(&plan, 0, Clocking::Pulled);
    let (mut now, mut sent) = (Picos::ZERO, [0u32; 2]);
    let (mut paused_at, mut latest) = (Picos::ZERO, Picos::ZERO);
    // Pauses class 3 for frames 5 to 14 and both for 15 to 19 of the port's turns.
    for turn in 0..1000 {
        let paused = match turn {
            5..15 => 1 << 3,
            15..20 => 1 << 3 | 1,
            _ => 0,
        };
        schedule.pause(paused);
        match schedule.next(&plan, now) {
            Next::Packet { at, lane, due } => {
                assert_eq!(at, now, "it leaves when it is asked for");
                let entry = schedule.lanes()[lane].entry;
                assert_eq!(paused & (1 << plan.entries[entry].class), 0, "turn {turn}");
                sent[entry] += 1;
                if entry == 0 {
                    latest = latest.max(now - schedule.planned());
                }
                now = now + LINE.wire_time(u64::from(due.frame_len));
            }
            Next::Wait(until) if until == Picos::MAX => assert_eq!(paused, 1 << 3 | 1, "turn {turn}"),
            Next::Wait(until) => now = until,
            Next::Done => break,
            Next::Control { .. } => panic!("there are none"),
        }
        if turn == 5 {
            paused_at = now;
        }
        if turn == 14 {
            // Nothing of class 3 has left since: the first that does is as late as the pause was long.
            latest = Picos::ZERO;
            assert!(now - paused_at > Picos::from_micros(2));
            assert!(sent[1] > sent[0], "{sent:?}");
        }
    }
    assert_eq!(sent, [30, 30]);
    assert!(latest > Picos::from_micros(2), "{latest} late at most");
    assert_eq!(schedule.next(&plan, Picos::MAX), Next::Done);
}

/// A port that is asked for three times its line rate still pauses in time: a PFC frame waits for
/// the frame that is leaving, and for nothing else.
#[test]
fn control_frames_do_not_wait_behind_data() {
    let pause = crate::pattern::Pfc {
        from: 0,
        pause: false,
        classes: 8,
        quanta: 65_535,
        interval: Picos::from_micros(7),
        count: Some(20),
    };
    let load = || Kind::Transfer(transfer(4096, 1, 1000, Rate::Share(Share(1.0))));
    let p = pattern(vec![load(), load(), load(), Kind::Pfc(pause)]);
    let plan = plan(&p, 2);
    let frame = LINE.wire_time(4174);
    for clocking in [Clocking::Exact, Clocking::Pulled] {
        let mut schedule = Schedule::new(&plan, 0, clocking);
        let (mut now, mut pauses, mut packets) = (Picos::ZERO, 0u64, 0);
        loop {
            let limit = if clocking == Clocking::Exact { Picos::MAX } else { now };
            match schedule.next(&plan, limit) {
                Next::Control { at, .. } => {
                    let late = at - Picos(7_000_000 * pauses);
                    assert!(late <= frame, "{clocking:?}: frame {pauses} is {late} late");
                    assert!(at >= now, "two frames at once");
                    pauses += 1;
                    now = at + LINE.wire_time(60);
                }
                Next::Packet { at, .. } => {
                    assert!(at >= now, "two frames at once");
                    now = at + frame;
                    packets += 1;
                }
                Next::Wait(until) => now = until,
                Next::Done => break,
            }
        }
        assert_eq!((pauses, packets), (20, 3000), "{clocking:?}");
    }
}

/// What a port is asked for is the most at any one time: entries that follow each other do not add up.
#[test]
fn entries_that_follow_each_other_do_not_add_up() {
    let full = || Kind::Transfer(transfer(40_000, 1, 3, Rate::Share(Share(1.0))));
    let mut p = pattern(vec![full(), full()]);
    let of_port = |p: &Pattern| {
        let summary = plan(p, 2).summary();
        (summary.ports[0].offered_tx, summary.ports[1].offered_rx)
    };
    // One port sends both: no more of it arrives than the port carries.
    assert_eq!(of_port(&p), (2 * LINE.0, LINE.0));
    p.traffic[1].start = Start::After {
        entry: 0,
        delay: Picos::ZERO,
    };
    assert_eq!(of_port(&p), (LINE.0, LINE.0));
    p.traffic[1].start = Start::At(Picos(1));
    assert_eq!(of_port(&p), (2 * LINE.0, LINE.0));
}

/// Oversubscription is what arrives at one time over the line rate, says when, and is that of what is sent at all.
#[test]
fn oversubscription_is_of_what_is_planned_together() {
    let to = |receiver: u32, senders: std::ops::Range<u32>, share: f64| {
        Kind::Incast(Incast {
            senders: Workers(senders.collect()),
            receiver,
            messages: messages(65_536, 1),
            count: 2,
            spread: Spread::Synchronised,
            repeats: 1,
            round: RoundSpacing::Gap(Picos::from_micros(50)),
            rate: Rate::Share(Share(share)),
        })
    };
    // Seven incasts, one after the other, in a run that ends within the first: none of the others is ever sent.
    let mut p = pattern(vec![to(4, 0..4, 1.0); 7]);
    for entry in 1..7 {
        p.traffic[entry].start = Start::After {
            entry: entry - 1,
            delay: Picos::ZERO,
        };
    }
    let of = |p: &Pattern| plan(p, 5).summary().ports[4];
    assert_eq!(of(&p).oversubscription, 4.0);
    p.duration = Some(Picos::from_micros(1));
    assert_eq!((of(&p).oversubscription, of(&p).busiest_at), (4.0, Picos::ZERO));
    // The second asks for more, later.
    let mut p = pattern(vec![to(4, 0..2, 0.5), to(4, 0..4, 1.0)]);
    p.traffic[1].start = Start::At(Picos::from_micros(100));
    let found = of(&p);
    assert_eq!(
        (found.oversubscription, found.busiest_at),
        (4.0, Picos::from_micros(100))
    );
    assert_eq!(found.offered_rx, 4 * LINE.0);
    // Each sender is asked twice for its line rate: what it cannot carry does not arrive, in either figure.
    let twice = of(&pattern(vec![to(4, 0..4, 1.0); 2]));
    assert_eq!(
        (twice.oversubscription, twice.offered_rx, twice.wanted_rx),
        (4.0, 4 * LINE.0, 8 * LINE.0)
    );
}
