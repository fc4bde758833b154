//! Reliable connections over the reference fabric: what is sent again and why, and that nothing is counted twice or not at all;
//! the closed loop of ECN, CNP and DCQCN against an independent model's (tests/data/dcqcn).
//!
//! Contract: expectations come from the model, from the fabric's own counters, and from arithmetic.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking"
)]

mod virtual_kit;

use squall::pattern;
use squall::report::model::{Anomaly, Reliable, Results, Traffic};
use squall::transport::dcqcn::Change;
use virtual_kit::Bench;

/// Two senders, one receiver: the model's links and switch, and a step of marks instead of a ramp.
const MODEL_SWITCH: &str = "fabric:\n  hosts: 3\n  speed: 100Gbps\n  propagation: 500ns\n  switch:\n    latency: 600ns\n    \
                            buffer: 64MB\n    pfc: none\n    ecn: {kmin: 200KB, kmax: 200KB, pmax: 100%}\n";

fn rc(entry: &Traffic) -> &Reliable {
    entry.rc.as_ref().unwrap()
}

/// What is true of every run: each transmission is received or lost for a cause, each byte is delivered once, and each answer that a
/// port took was heard by one of its requesters.
#[track_caller]
fn conserves(results: &Results) {
    let requesters = results.traffic.iter().map(|entry| rc(entry).requester.clone());
    let heard = requesters.map(|one| one.acks + one.naks + one.rnr_naks + one.error_naks + one.cnps);
    let answers = results.ports.iter().map(|port| port.rx.answers);
    assert_eq!(answers.sum::<u64>(), heard.sum::<u64>());
    for entry in &results.traffic {
        let (packets, rc) = (&entry.packets, rc(entry));
        let responder = rc.responder.unwrap();
        let received = packets.received.unwrap();
        let lost: u64 = packets.causes.iter().map(|loss| loss.frames).sum();
        assert_eq!(packets.unexplained, Some(0), "{packets:?}");
        assert_eq!(packets.sent, received + lost, "{packets:?}");
        let dropped = responder.duplicates + responder.out_of_sequence + responder.not_ready + responder.invalid;
        assert_eq!(received + responder.copies, responder.taken + dropped, "{responder:?}");
        // Each acknowledgement that answers a packet at once has its time, and what has none says why.
        assert_eq!(rc.turnaround.is_none(), rc.turnaround_missing.is_some());
        let answers = responder.acks + responder.naks + responder.rnr_naks + responder.error_naks;
        let timed = rc.turnaround.as_ref().map_or(0, |times| times.count);
        assert!(timed <= answers && (timed == 0 || rc.reads.is_none()), "{rc:?}");
        // What was taken is at most what was sent for the first time, and all of what is acknowledged.
        let first = entry.payload_bytes.sent - rc.requester.resent_bytes;
        let delivered = entry.payload_bytes.received.unwrap();
        assert!(
            rc.requester.acknowledged_bytes <= delivered && delivered <= first,
            "{rc:?}"
        );
        assert!(
            rc.requester.acknowledged_messages <= entry.messages.completed.unwrap(),
            "{rc:?} {:?} {packets:?}",
            entry.messages
        );
        // The network may copy answers, too.
        let heard = (rc.requester.acks, rc.requester.naks);
        assert!(
            responder.copies > 0 || heard.0 <= responder.acks && heard.1 <= responder.naks,
            "{rc:?}"
        );
        if rc.requester.qps_in_error.is_empty() {
            // One that has no number of messages ends by time: what was begun is finished.
            let all = entry.messages.planned.unwrap_or(entry.messages.sent);
            assert_eq!(entry.messages.completed, Some(all));
            assert_eq!(delivered, first);
            assert_eq!(rc.requester.acknowledged_bytes, delivered);
        } else {
            assert!(rc.requester.flushed_messages > 0);
            let told = results
                .anomalies
                .iter()
                .any(|anomaly| anomaly.kind.to_string() == "qp-error");
            assert!(told, "a QP that gives up says why");
        }
    }
}

/// The model counts a frame that leaves as another arrives; the reference fabric does not. A WRITE's first frame is longer by its
/// RETH, 1.28 ns: no two things happen at once then, and both agree.
fn the_closed_loop_is_the_models(bench: &mut Bench) {
    let pattern = "frame: {ecn: ect0, pmtu: 4096, ack_req: last}\ntransport: rc\nrc: {timeout: 0}\ndcqcn: paper\n\
                   traffic:\n- {kind: transfer, from: 0, to: 2, message: 64MiB, count: 1, verb: put}\n\
                   - {kind: transfer, from: 1, to: 2, message: 64MiB, count: 1, verb: put}\n";
    let measured = bench.try_run(pattern, MODEL_SWITCH, &[]).unwrap();
    let rows = |text: &str| -> Vec<Vec<f64>> {
        let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect();
        text.lines().skip(1).map(row).collect()
    };
    let model = rows(include_str!("data/dcqcn/step200k_N2.csv"));
    let is_cut: Vec<bool> = include_str!("data/dcqcn/step200k_N2.csv")
        .lines()
        .skip(1)
        .map(|line| line.contains(",cnp,"))
        .collect();
    assert!(measured.rates.len() >= model.len());
    const FRAME_TIME: f64 = 334_240.0;
    for ((wanted, is_cut), seen) in model.iter().zip(is_cut).zip(&measured.rates) {
        let change = &seen.change;
        let about = format!("{wanted:?} {seen:?}");
        assert_eq!(seen.entry as f64, wanted[1], "{about}");
        assert!((change.at.0 as f64 - wanted[0]).abs() <= FRAME_TIME, "{about}");
        assert_eq!(change.change == Change::Cut, is_cut, "{about}");
        for (ours, theirs) in [(change.rate, wanted[3]), (change.target, wanted[4])] {
            assert!((ours - theirs).abs() <= theirs * 1e-9 + 1e-3, "{about}");
        }
        // Alpha decays each 55 us, and so rises the rate: the model writes its line between the two.
        let alpha = if is_cut {
            wanted[5]
        } else {
            wanted[5] * (1.0 - 1.0 / 256.0)
        };
        assert!((change.alpha - alpha).abs() <= 1e-9, "{about}");
        assert_eq!(
            (f64::from(change.stages.0), f64::from(change.stages.1)),
            (wanted[6], wanted[7]),
            "{about}"
        );
    }
}

/// DPDK starts once in a process: the tests take turns.
#[test]
fn reliable_connections() {
    let mut bench = Bench::new();
    the_closed_loop_is_the_models(&mut bench);
    lost_reordered_doubled_and_damaged_frames_cost_time_and_no_message(&mut bench);
    a_qp_that_gives_up_says_why(&mut bench);
    a_receiver_is_not_ready(&mut bench);
    random_networks_conserve(&mut bench);
    shipped_patterns_conserve(&mut bench);
    packets_in_any_order_make_no_nak(&mut bench);
    a_mark_within_the_interval_is_told_at_its_end(&mut bench);
    reads_bring_what_they_ask_for(&mut bench);
}

/// READs, with everything that can happen to requests and responses.
fn reads_bring_what_they_ask_for(bench: &mut Bench) {
    let pattern = "frame: {ecn: ect0, first_psn: 0xffffe0, pmtu: 1024}\ntransport: rc\nrc: {timeout: 10, max_rd_atomic: 4}\n\
                   traffic:\n- {kind: transfer, from: 0-2, to: 3-5, message: 30001B, count: 12, qps: 3, verb: read}\n";
    let testbed = |faults: &str| {
        format!("fabric:\n  hosts: 6\n  speed: 100Gbps\n  switch: {{buffer: 16MB, pfc: none}}\n  faults: [{faults}]\n")
    };
    for faults in [
        "",
        "{at: host3, drop: {probability: 1%}}",
        "{at: host0, drop: {every: 97}}",
        "{at: switch0, reorder: {every: 50, by: 3}}",
        "{at: host2, duplicate: {every: 40}}",
        "{at: host5, duplicate: {every: 3}}",
        "{at: host4, drop: {probability: 3%}}",
        "{at: host1, corrupt: {every: 77}}, {at: host4, corrupt: {probability: 4%}}",
    ] {
        for set in [
            &[][..],
            &["rc.max_rd_atomic=1"],
            &["rc.window_packets=16", "traffic.0.outstanding=2"],
        ] {
            let (results, _) = bench.run(pattern, &testbed(faults), set);
            conserves(&results);
            let entry = &results.traffic[0];
            let requester = &rc(entry).requester;
            assert!(requester.qps_in_error.is_empty(), "{faults} {set:?}: {requester:?}");
            assert_eq!(entry.messages.completed, Some(36));
            let reads = rc(entry).reads.as_ref().unwrap();
            // Each message is asked for once, and again for a cause.
            assert_eq!(reads.requests - reads.requests_again, 36);
            let caused = requester.timeouts + requester.naks + reads.gaps;
            assert_eq!(reads.requests_again > 0, caused > 0, "{reads:?}");
            assert_eq!(
                caused > 0,
                !faults.is_empty() && !faults.contains("duplicate"),
                "{faults}"
            );
            let doubled = faults.starts_with("{at: host5, duplicate");
            assert!(
                !doubled || reads.requests_duplicated.unwrap() > 0,
                "{faults}: {reads:?}"
            );
            // A READ takes a way there and a way back, and no less time than its own responses.
            let (time, fct) = (reads.time.as_ref().unwrap(), entry.fct.as_ref().unwrap());
            assert_eq!(time.count, 36);
            assert!(time.min > fct.min, "{time:?} {fct:?}");
        }
    }
}

/// A network that reorders costs nothing then; one that loses costs a timeout for each gap.
fn packets_in_any_order_make_no_nak(bench: &mut Bench) {
    let pattern = "frame: {pmtu: 1024, first_psn: 0xffffe0}\ntransport: rc\nrc: {timeout: 8, out_of_order: true, window_packets: \
                   200}\ntraffic:\n- {kind: transfer, from: 0-2, to: 3-5, message: 20001B, count: 40, qps: 2}\n";
    let testbed = |faults: &str| {
        format!("fabric:\n  hosts: 6\n  speed: 100Gbps\n  switch: {{pfc: none}}\n  faults: [{faults}]\n")
    };
    let reordering = testbed("{at: switch0, reorder: {every: 7, by: 5}}");
    let (results, _) = bench.run(pattern, &reordering, &[]);
    conserves(&results);
    let anyhow = rc(&results.traffic[0]).requester.clone();
    assert_eq!(anyhow.naks, 0);
    assert!(results.traffic[0].packets.reordered.unwrap() > 0);
    // In order, the same network costs NAKs. Either way the last frame of all waits for others to pass it until a timeout.
    let (results, _) = bench.run(pattern, &reordering, &["rc.out_of_order=false"]);
    conserves(&results);
    let in_order = &rc(&results.traffic[0]).requester;
    assert!(
        in_order.naks > 0 && anyhow.resent_frames * 10 < in_order.resent_frames,
        "{anyhow:?} {in_order:?}"
    );
    let losing = testbed(
        "{at: host1, drop: {every: 90}}, {at: host2, duplicate: {every: 11}}, {at: switch0, reorder: {every: 9, by: 4}}",
    );
    for set in [&[][..], &["rc.ack_every=4", "rc.ack_delay=3us", "frame.ack_req=all"]] {
        let (results, _) = bench.run(pattern, &losing, set);
        conserves(&results);
        let requester = &rc(&results.traffic[0]).requester;
        assert!(requester.timeouts > 0 && requester.naks == 0, "{requester:?}");
    }
    // One in five SENDs is refused, whenever its turn comes.
    let set = &["rc.rnr_every=5", "rc.rnr_timer=1", "traffic.0.verb=send"];
    let (results, _) = bench.run(pattern, &losing, set);
    conserves(&results);
    assert!(rc(&results.traffic[0]).requester.rnr_naks > 0);
}

/// Marks all the time: a CNP each 50 us either way. Marks in bursts: the last ones of a burst are told then, too.
fn a_mark_within_the_interval_is_told_at_its_end(bench: &mut Bench) {
    let pattern = "frame: {ecn: ce}\ntransport: rc\ncnp: {interval: 50us}\ntraffic:\n\
                   - {kind: transfer, from: 0, to: 1, message: 40KiB, count: 20, rate: 200/s}\n";
    let testbed = "fabric:\n  hosts: 2\n  speed: 100Gbps\n";
    let mut cnps = |at_end: &str| {
        let (results, _) = bench.run(pattern, testbed, &[&format!("cnp.at_end={at_end}")]);
        conserves(&results);
        let own = rc(&results.traffic[0]);
        assert_eq!(own.requester.cnps, own.responder.unwrap().cnps);
        own.requester.cnps
    };
    // Each message is ten frames within 4 us, all of them marked.
    assert_eq!((cnps("false"), cnps("true")), (20, 40));
}

/// Those of reliable connections, each on its own testbed.
fn shipped_patterns_conserve(bench: &mut Bench) {
    let mut seen = Vec::new();
    for (name, _) in pattern::SHIPPED {
        let loaded = pattern::load(name, &[]).unwrap().pattern;
        if loaded.traffic.iter().all(|entry| entry.transport.rc().is_none()) {
            continue;
        }
        let (results, _) = bench.run(name, &loaded.testbed.unwrap(), &[]);
        conserves(&results);
        let rc = rc(&results.traffic[0]);
        assert!(rc.requester.qps_in_error.is_empty(), "{name}: {rc:?}");
        seen.push((*name, rc.requester.resent_frames > 0, rc.requester.rate_cuts > 0));
    }
    let right = [
        ("dcqcn-convergence", false, true),
        ("dcqcn-flows", false, true),
        ("dcqcn-incast", false, true),
        ("dcqcn-long", false, true),
        ("rc-loss", true, false),
    ];
    assert_eq!(seen, right);
}

fn lost_reordered_doubled_and_damaged_frames_cost_time_and_no_message(bench: &mut Bench) {
    let pattern = "frame: {ecn: ect0, first_psn: 0xffffe0, pmtu: 1024}\ntransport: rc\nrc: {timeout: 10}\ntraffic:\n\
                   - {kind: incast, senders: 0-3, receiver: 4, message: 100001B, repeats: 3, qps: 3, count: 8, verb: put}\n";
    let testbed = |faults: &str| {
        format!("fabric:\n  hosts: 6\n  speed: 100Gbps\n  switch: {{buffer: 16MB, pfc: none}}\n  faults: [{faults}]\n")
    };
    for faults in [
        "",
        "{at: host4, drop: {probability: 1%}}",
        "{at: host0, drop: {every: 97}}",
        "{at: switch0, reorder: {every: 50, by: 3}}",
        "{at: host2, duplicate: {every: 40}}",
        "{at: host1, corrupt: {every: 77}}",
        "{at: host4, drop: {probability: 1%}}, {at: host0, drop: {every: 97}}, {at: switch0, reorder: {every: 50, by: 3}}, {at: \
         host2, duplicate: {every: 40}}, {at: host1, corrupt: {every: 77}}",
    ] {
        for set in [&[][..], &["rc.window_packets=16", "rc.ack_every=4", "rc.ack_delay=5us"]] {
            let (results, fabric) = bench.run(pattern, &testbed(faults), set);
            conserves(&results);
            // What is damaged is a packet or an answer, and each is said to be.
            let of_packets = results.traffic[0].packets.icrc_errors.unwrap();
            let of_answers: u64 = results.ports.iter().map(|port| port.rx.bad_answers).sum();
            let is_damaged = faults.starts_with("{at: host1, corrupt");
            if is_damaged {
                assert_eq!(of_packets + of_answers, fabric.faults[0].frames);
            }
            assert_eq!(of_answers > 0, faults.contains("corrupt"));
            let told =
                |anomaly: &&Anomaly| anomaly.text.contains("that answer requesters") && anomaly.place == "ports/host1";
            let told = results.anomalies.iter().filter(told).count();
            assert_eq!(told, usize::from(of_answers > 0), "{:#?}", results.anomalies);
            let again = rc(&results.traffic[0]).requester.resent_frames;
            assert_eq!(
                again > 0,
                !faults.is_empty() && !faults.starts_with("{at: host2"),
                "{faults}: {again}"
            );
        }
    }
}

/// A QP whose packets never arrive ends after its retries; the others go on.
fn a_qp_that_gives_up_says_why(bench: &mut Bench) {
    let pattern = "transport: rc\nrc: {timeout: 1, retry_count: 3}\ntraffic:\n\
                   - {kind: incast, senders: 0-1, receiver: 2, message: 20000B, repeats: 2}\n";
    let testbed = "fabric:\n  hosts: 3\n  speed: 100Gbps\n  faults: [{at: host1, drop: {every: 1}}]\n";
    let (results, _) = bench.run(pattern, testbed, &[]);
    conserves(&results);
    let requester = &rc(&results.traffic[0]).requester;
    assert_eq!(requester.qps_in_error.len(), 1);
    assert_eq!((requester.qps_in_error[0].qps, requester.timeouts), (1, 4));
    assert_eq!(requester.qps_in_error[0].reason, "transport retry counter exceeded");
    assert_eq!((requester.acknowledged_messages, requester.flushed_messages), (2, 2));
    // Five packets of each of two messages, sent once and three times again.
    assert_eq!(requester.resent_frames, 30);
}

/// A receiver that is not ready is asked again after its timer, and too often ends the QP.
fn a_receiver_is_not_ready(bench: &mut Bench) {
    let pattern = "transport: rc\nrc: {rnr_every: 3, rnr_timer: 1}\ntraffic:\n\
                   - {kind: transfer, from: 0, to: 1, message: 20000B, count: 30, verb: send}\n";
    let testbed = "fabric:\n  hosts: 2\n  speed: 100Gbps\n";
    let (results, _) = bench.run(pattern, testbed, &[]);
    conserves(&results);
    let (requester, responder) = (
        &rc(&results.traffic[0]).requester,
        rc(&results.traffic[0]).responder.unwrap(),
    );
    // Nothing waits: every ACK and RNR NAK leaves at once, and behind nothing.
    let times = rc(&results.traffic[0]).turnaround.as_ref().unwrap();
    assert_eq!((times.count, times.max), (responder.acks + responder.rnr_naks, 0));
    // Two are taken, the third is refused and taken as the first of the next three.
    assert_eq!((requester.rnr_naks, responder.rnr_naks), (14, 14));
    assert_eq!(requester.timeouts, 0);
    let (results, _) = bench.run(pattern, testbed, &["rc.rnr_every=1", "rc.rnr_retry=2"]);
    conserves(&results);
    let requester = &rc(&results.traffic[0]).requester;
    assert_eq!(requester.qps_in_error[0].reason, "RNR retry counter exceeded");
    assert_eq!((requester.rnr_naks, requester.acknowledged_messages), (3, 0));
}

/// Closed loops of many shapes, with faults: nothing is lost without a cause, and nothing is delivered twice.
fn random_networks_conserve(bench: &mut Bench) {
    let mut state = 0x5eed_u64;
    let mut pick = |choices: &[&str]| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        choices[usize::try_from(state >> 33).unwrap() % choices.len()].to_owned()
    };
    for number in 0..200 {
        let kind = pick(&[
            "{kind: incast, senders: 0-3, receiver: 4, message: SIZE, repeats: 2, qps: QPS, verb: VERB}",
            "{kind: transfer, from: 0-2, to: 3-5, message: SIZE, count: 12, qps: QPS, outstanding: 3, verb: VERB}",
            "{kind: alltoall, ranks: 0-3, batch: 16, hidden: 512, top_k: 2, experts: 8, iterations: 3, qps: QPS, interval: 50us}",
            "{kind: burst, transfers: 6, message: SIZE, verb: VERB}",
        ]);
        let kind = kind
            .replace("SIZE", &pick(&["1B", "300B", "4KiB", "65537B", "300001B"]))
            .replace("QPS", &pick(&["1", "2", "5"]))
            .replace(
                "VERB",
                &pick(&["put", "put-with-signal", "send", "send-with-immediate", "read", "read"]),
            );
        let pattern = format!(
            "seed: {number}\nframe: {{ecn: ect0, pmtu: {}, first_psn: {}, ack_req: {}}}\ntransport: rc\nrc: {{timeout: {}, \
             retry_count: {}, window_packets: {}, window_messages: {}, ack_every: {}, ack_delay: {}, rnr_every: {}, rnr_timer: \
             1, out_of_order: {}}}\ndcqcn: {}\ntraffic:\n- {kind}\n",
            pick(&["256", "1024", "4096"]),
            pick(&["0", "0xfffff0", "0x7fffff"]),
            pick(&["last", "all", "{every: 5}"]),
            pick(&["8", "10", "12"]),
            pick(&["1", "7"]),
            pick(&["1", "4", "64", "100000"]),
            pick(&["1", "2", "1000"]),
            pick(&["1", "3"]),
            pick(&["0us", "3us"]),
            pick(&["0", "0", "5"]),
            pick(&["false", "false", "true"]),
            pick(&["none", "paper", "connectx", "hpcc"]),
        );
        let testbed = format!(
            "fabric:\n  hosts: 10\n  speed: 100Gbps\n  switch: {{buffer: {}, pfc: none, ecn: {{kmin: 20KB, kmax: 100KB, pmax: \
             10%}}}}\n  faults: [{}{}]\n",
            pick(&["64MB", "400KB", "100KB"]),
            pick(&[
                "",
                "{at: host4, drop: {probability: 1%}}, ",
                "{at: host0, drop: {every: 23}}, ",
                "{at: host1, corrupt: {every: 31}}, "
            ]),
            pick(&[
                "",
                "{at: switch0, reorder: {every: 40, by: 3}}",
                "{at: host2, duplicate: {every: 17}}"
            ]),
        );
        let (results, _) = bench.run(&pattern, &testbed, &[]);
        conserves(&results);
    }
}
