//! Frames that the reference fabric delivers are whole: marked, tagged, over IPv4 and IPv6, in
//! buffers that are used again and again.
//!
//! Contract: the witnesses are check_pcap.py and tshark, which read what was taken where a host's
//! receive ring begins; the fabric's counter says how many of them it marked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;
mod virtual_kit;

use std::path::Path;

use alone::{Namespace, alone};
use squall::engine::carried::Spare;
use squall::engine::tx::Pull;
use squall::engine::virtual_lab;
use squall::fabric::{Counters, Event};
use squall::units::Picos;
use squall::{pattern, plan, testbed, trial};
use support::skip::needs;
use support::{Folder, check_pcap, number, run};
use virtual_kit::{Bench, marked, sum};

/// Header options that put fields at other places, or change what a mark changes.
const FRAMES: [&str; 6] = [
    "{dscp: 26}",
    "{dscp: 63, ecn: ect1, source_port: per-packet}",
    "{dscp: 26, vlan: {vid: 100, pcp: 3}}",
    "{dscp: 26, ip: 6}",
    "{dscp: 62, ip: 6, ecn: ect1, vlan: [{vid: 100, tpid: 0x88A8, pcp: 3}, {vid: 7}]}",
    "{dscp: 1, vlan: [{vid: 1}, {vid: 2, pcp: 1}], pmtu: 512, first_psn: 0xfffff0}",
];

/// Messages of several lengths, whose last packets end at other places than the others: 5 × 100 of
/// 20 packets and one without a stamp.
fn pattern(frame: &str) -> String {
    format!(
        "frame: {frame}
traffic:
- {{name: big, kind: incast, senders: 5, message: 20461, count: 100, qps: 3, frame: {{pmtu: 1024}}}}
- {{name: small, kind: incast, senders: 5, message: 13, count: 300, verb: send-with-immediate}}
"
    )
}

const TESTBED: &str = "fabric:
  topology: leaf-spine
  leaves: 2
  spines: 2
  switch: {ecn: {kmin: 5KB, kmax: 300KB, pmax: 50%}, pfc: {xoff: 1MB}}
";

#[test]
fn the_analyser_finds_nothing_wrong_with_marked_frames() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for frame in FRAMES {
            let (results, fabric) = bench.balanced(&pattern(frame), TESTBED, &[]);
            let all = fabric.frames_received;
            assert_eq!(
                sum(&results, |entry| entry.packets.icrc_checked.unwrap()),
                all,
                "{frame}"
            );
            let bad = |entry: &squall::report::model::Traffic| {
                entry.packets.icrc_errors.unwrap() + entry.packets.malformed.unwrap()
            };
            assert_eq!(sum(&results, bad), 0, "{frame}");
            // The ledger has as many CE frames as were marked.
            assert!(
                marked(&fabric) > all / 10 && marked(&fabric) < all,
                "{frame}: {}",
                marked(&fabric)
            );
        }
    });
}

/// A capture of what came to hosts: nanoseconds in the writer's byte order (draft-ietf-opsawg-pcap).
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Capture {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_3c4d_u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(0xffff_u32.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        Capture(bytes)
    }

    fn push(&mut self, time: Picos, frame: &[u8]) {
        let ns = time.0 / 1000;
        let len = u32::try_from(frame.len()).unwrap();
        for word in [
            u32::try_from(ns / 1_000_000_000).unwrap(),
            u32::try_from(ns % 1_000_000_000).unwrap(),
            len,
            len,
        ] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(frame);
    }
}

/// Carries what `pattern` sends through the fabric, as the driver does, and captures what arrives.
fn carry(spare: &mut Spare, pattern: &str, testbed: &str) -> (Capture, Counters) {
    let pattern = pattern::parse("pattern.yaml", pattern, &[]).unwrap();
    let testbed = testbed::parse("testbed.yaml", testbed, &[]).unwrap();
    let testbed = testbed.sized(pattern.workers_needed());
    let config = testbed.fabric.as_ref().unwrap();
    let plan = plan::build(&pattern, &testbed, &trial::speeds(&testbed).unwrap()).unwrap();
    let mut fabric = virtual_lab::fabric(config, &plan).unwrap();
    let mut tx = virtual_lab::units(&plan);
    for host in 0..tx.len() {
        fabric.wake(host, Picos::ZERO);
    }
    let mut capture = Capture::new();
    loop {
        match fabric.next(Picos::from_micros(1_000_000)) {
            Some(Event::Idle(host)) => {
                spare.lend(tx[host].queue_mut());
                match tx[host].pull(&plan, fabric.now(), fabric.paused(host)) {
                    Pull::Sent => fabric.send(host, tx[host].queue_mut().take().unwrap().0),
                    Pull::Wait(until) if until < Picos::MAX => fabric.wake(host, until),
                    Pull::Wait(_) | Pull::Done => {}
                    other => panic!("{other:?}"),
                }
            }
            Some(Event::Received { frame, .. }) => {
                capture.push(fabric.now(), &frame.bytes());
                spare.take_back(frame);
            }
            Some(Event::Pause { .. }) => {}
            Some(Event::Quiet) | None => break,
        }
    }
    (capture, fabric.counters())
}

/// Frames that tshark takes for CE, and those with an IPv4 checksum that it calls wrong.
fn tshark(path: &Path) -> Option<(u64, u64)> {
    if !needs(&["tshark"]) {
        return None;
    }
    let count = |filter: &str| {
        let mut command = std::process::Command::new("tshark");
        command.args([
            "-n",
            "-o",
            "ip.check_checksum:TRUE",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-Y",
            filter,
        ]);
        command.arg("-r").arg(path);
        run(command).expect(0).stdout.lines().count() as u64
    };
    let ce = count("ip.dsfield.ecn == 3 or ipv6.tclass.ecn == 3");
    // 1 is "Good", of every IPv4 header.
    Some((ce, count("ip and not ip.checksum.status == 1")))
}

#[test]
fn outside_witnesses_find_every_delivered_frame_whole() {
    alone(Namespace::Ours, || {
        let folder = Folder::new();
        let path = folder.path("arrived.pcap");
        let mut spare = Spare::default();
        for frame in FRAMES {
            // Twice with the same descriptors: a mark that stayed in one would show in the second run.
            for time in 0..2 {
                let (capture, fabric) = carry(&mut spare, &pattern(frame), TESTBED);
                std::fs::write(&path, &capture.0).unwrap();
                let seen = check_pcap(&path, &[]);
                let what = format!("{frame}, time {time}: {seen:#}");
                // With a source port of its own each packet takes its own way, and they come out of order.
                if frame.contains("per-packet") {
                    assert_eq!(seen["violations"].get("icrc"), None, "{what}");
                    assert_eq!(seen["violations"].get("ipv4_checksum"), None, "{what}");
                } else {
                    assert_eq!(seen["ok"], true, "{what}");
                }
                let all = fabric.frames_sent;
                assert_eq!(
                    (number(&seen, "/rocev2_frames"), number(&seen, "/icrc_ok")),
                    (all, all),
                    "{what}"
                );
                let flows = seen["flows"].as_array().unwrap();
                let ce: u64 = flows.iter().map(|flow| flow["ecn"]["ce"].as_u64().unwrap_or(0)).sum();
                assert_eq!(number(&seen, "/flows_not_shown"), 0);
                assert_eq!(ce, marked(&fabric), "{what}");
                assert!(ce > all / 10);
                if time == 1
                    && let Some(theirs) = tshark(&path)
                {
                    assert_eq!(theirs, (ce, 0), "{what}");
                }
            }
        }
    });
}

#[test]
fn a_corrupted_frame_is_one_frame() {
    alone(Namespace::Ours, || {
        let folder = Folder::new();
        let path = folder.path("arrived.pcap");
        let mut spare = Spare::default();
        for frame in FRAMES {
            let faulty = format!("{TESTBED}  faults: [{{at: host1, corrupt: {{every: 7}}}}]\n");
            let (capture, fabric) = carry(&mut spare, &pattern(frame), &faulty);
            let struck = fabric.faults[0].frames;
            assert!(struck > 100);
            std::fs::write(&path, &capture.0).unwrap();
            let seen = check_pcap(&path, &[]);
            // A flipped bit may break more than the ICRC; nothing has a right ICRC that was struck.
            assert_eq!(
                number(&seen, "/icrc_ok"),
                fabric.frames_sent - struck,
                "{frame}: {seen:#}"
            );
            // The descriptors serve again.
            let (capture, fabric) = carry(&mut spare, &pattern(frame), TESTBED);
            std::fs::write(&path, &capture.0).unwrap();
            assert_eq!(
                number(&check_pcap(&path, &[]), "/icrc_ok"),
                fabric.frames_sent,
                "{frame}"
            );
        }
    });
}
