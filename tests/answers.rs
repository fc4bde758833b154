//! ACKs, NAKs, CNPs and READs as a run sends them, against frames that squall did not make: the golden vectors, and what Linux's
//! soft-RoCE answered (tests/data/answers).
//!
//! Three things of those frames are their makers' choice and are set to squall's before bytes are compared: the ECN bits, the
//! IP identification and the UDP source port. The ICRC is then computed anew, by rules written out here.

mod common;

use common::{cases, from_hex};
use serde_json::Value;
use squall::engine::answers;
use squall::engine::craft::Crafter;
use squall::measure::answering::ToSend;
use squall::plan::Plan;
use squall::transport::reads::Read;
use squall::transport::reliable::Reply;
use squall::transport::responder::Answer;
use squall::transport::schedule::{Clocking, Next, Schedule};
use squall::units::{BitRate, Picos};
use squall::wire::aeth;
use squall::wire::template::{BUFFER_SLACK, filler};
use squall::yaml::Source;
use squall::{pattern, testbed, trial};

/// A plan of one reliable connection from worker 0 to worker 1, whose frames have the header fields `frame`.
fn plan(frame: &str, cnp: &str) -> Plan {
    plan_of(&format!("message: 4KiB, cnp: {cnp}"), frame)
}

/// The same with these keys of the entry.
fn plan_of(keys: &str, frame: &str) -> Plan {
    let source = |name: &str, text: String| Source {
        name: name.to_owned(),
        text,
        overrides: Vec::new(),
        shipped: false,
    };
    let entry =
        format!("traffic:\n  - {{kind: transfer, from: 0, to: 1, count: 1, transport: rc, {keys}, frame: {frame}}}\n");
    let loaded = pattern::of(source("pattern.yaml", entry)).unwrap_or_else(|errors| panic!("{errors}"));
    let bed =
        testbed::of(source("testbed.yaml", "fabric: {}\n".to_owned())).unwrap_or_else(|errors| panic!("{errors}"));
    let bed = bed.testbed.sized(2);
    let speeds = [BitRate(100_000_000_000); 2];
    trial::plan_of(&loaded, &bed, &speeds).unwrap_or_else(|error| panic!("{error}"))
}

/// Where parts of a frame begin.
struct Places {
    l3: usize,
    ipv6: bool,
    udp: usize,
    bth: usize,
}

fn places(frame: &[u8]) -> Places {
    let tagged = frame[12..14] == [0x81, 0x00];
    let l3 = if tagged { 18 } else { 14 };
    let ipv6 = frame[l3] >> 4 == 6;
    let udp = l3 + if ipv6 { 40 } else { 20 };
    Places {
        l3,
        ipv6,
        udp,
        bth: udp + 8,
    }
}

fn be(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// Sets ECN to not-ECT, the identification to 0 and the source port to `port`; checksum and ICRC follow.
fn as_squall_chooses(frame: &mut [u8], port: &[u8]) {
    let Places { l3, ipv6, udp, bth } = places(frame);
    if ipv6 {
        frame[l3 + 1] &= !0x30;
    } else {
        frame[l3 + 1] &= !0x03;
        frame[l3 + 4..l3 + 6].fill(0);
        frame[l3 + 10..l3 + 12].fill(0);
        let words = frame[l3..l3 + 20].chunks(2).map(be).sum::<u32>();
        let folded = (words & 0xffff) + (words >> 16);
        let sum = !(folded + (folded >> 16)) & 0xffff;
        frame[l3 + 10] = sum.to_be_bytes()[2];
        frame[l3 + 11] = sum.to_be_bytes()[3];
    }
    frame[udp..udp + 2].copy_from_slice(port);
    // What a network may change is ones; eight bytes of ones stand for a local route header (IBTA Annex A17.9.2).
    let end = frame.len() - 4;
    let mut covered = vec![0xff; 8];
    covered.extend_from_slice(&frame[l3..end]);
    let mut ones: Vec<usize> = vec![udp + 6, udp + 7, bth + 4];
    if ipv6 {
        ones.extend([l3 + 1, l3 + 2, l3 + 3, l3 + 7]);
        covered[8] |= 0x0f;
    } else {
        ones.extend([l3 + 1, l3 + 8, l3 + 10, l3 + 11]);
    }
    for at in ones {
        covered[8 + at - l3] = 0xff;
    }
    frame[end..].copy_from_slice(&crc32fast::hash(&covered).to_le_bytes());
}

/// Reads the frame, has the same said by squall, and compares bytes.
#[track_caller]
fn rebuilt(name: &str, frame: &[u8]) {
    let Places { l3, ipv6, bth, .. } = places(frame);
    let class = be(&frame[l3..l3 + 4]);
    let (dscp, ttl) = if ipv6 {
        ((class >> 22) & 63, frame[l3 + 7])
    } else {
        ((class >> 18) & 63, frame[l3 + 8])
    };
    let tag = if l3 == 18 {
        let tci = be(&frame[14..16]);
        format!(
            "[{{vid: {}, pcp: {}, dei: {}}}]",
            tci & 0xfff,
            tci >> 13,
            tci >> 12 & 1 == 1
        )
    } else {
        "[]".to_owned()
    };
    let is_cnp = frame[bth] == 0x81;
    let qpn = be(&frame[bth + 5..bth + 8]);
    let options = format!(
        "{{ip: {}, dscp: {}, ttl: {ttl}, vlan: {tag}, pkey: {}, migreq: {}, first_qpn: {qpn}}}",
        if ipv6 { 6 } else { 4 },
        // A CNP's own DSCP is its key's.
        if is_cnp { 0 } else { dscp },
        be(&frame[bth + 2..bth + 4]),
        // A CNP has 0 whatever data has.
        is_cnp || frame[bth + 1] & 0x40 != 0,
    );
    let mut plan = plan(&options, &format!("{{dscp: {}}}", if is_cnp { dscp } else { 0 }));
    // An answer goes from the receiver to the sender.
    for (worker, mac, ip_at) in [(0, &frame[..6], true), (1, &frame[6..12], false)] {
        let worker = &mut plan.workers[worker];
        worker.mac.copy_from_slice(mac);
        if ipv6 {
            let at = l3 + if ip_at { 24 } else { 8 };
            worker.ipv6 = <[u8; 16]>::try_from(&frame[at..at + 16]).expect("16 bytes").into();
        } else {
            let at = l3 + if ip_at { 16 } else { 12 };
            worker.ipv4 = <[u8; 4]>::try_from(&frame[at..at + 4]).expect("4 bytes").into();
        }
    }
    let answer = (!is_cnp).then(|| Answer {
        meaning: aeth::Repr::parse(&frame[bth + 12..bth + 16])
            .expect("an AETH")
            .meaning(),
        psn: be(&frame[bth + 9..bth + 12]),
        msn: be(&frame[bth + 13..bth + 16]),
    });
    let owed = ToSend {
        entry: 0,
        pair: 0,
        qp: 0,
        answer,
        since: None,
    };
    let mut bytes = [0xa5; answers::LONGEST];
    let len = answers::write(&plan, &owed, &mut bytes).expect("the plan has the QP");
    let ours = &bytes[..len];
    let port = places(ours).udp;
    let mut theirs = frame.to_vec();
    as_squall_chooses(&mut theirs, &ours[port..port + 2]);
    assert_eq!(ours, theirs, "{name}");
}

#[test]
fn answers_are_the_golden_vectors_own() {
    let mut seen = Vec::new();
    for case in cases("golden.jsonl") {
        let opcode = &case.value["fields"]["bth"]["opcode"];
        if case.value["valid"] == true && (*opcode == 0x11 || *opcode == 0x81) {
            rebuilt(&case.name, &case.frame);
            seen.push(case.name);
        }
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

/// The next frame of a port of `plan`, told beforehand what `told` says.
fn next_frame(plan: &Plan, port: usize, told: Option<Reply>, skip: usize) -> Vec<u8> {
    let mut schedule = Schedule::new(plan, port, Clocking::Pulled);
    let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
    let mut crafter = Crafter::new(plan, &mut schedule, clean.clone());
    let now = Picos::from_micros(1000);
    if let Some(told) = told {
        schedule.on_reply(plan, 0, 0, told, now);
    }
    let mut frame = Vec::new();
    for _ in 0..=skip {
        let Next::Packet { lane, due, .. } = schedule.next(plan, now + Picos(1_000_000)) else {
            panic!("no frame is due");
        };
        let (mut buffer, mut mark) = (clean.clone(), 0);
        let len = crafter.write(plan, &mut schedule, lane, &due, now, &mut buffer, &mut mark);
        frame = buffer[..len].to_vec();
    }
    frame
}

/// READ requests byte for byte; of responses all but the payload, which is squall's own, and an ICRC that is right.
#[test]
fn reads_are_the_golden_vectors_own() {
    let mut seen = Vec::new();
    for case in cases("golden.jsonl") {
        let fields = &case.value["fields"];
        let opcode = fields["bth"]["opcode"].as_u64().unwrap_or(0);
        if case.value["valid"] != true || !(0x0c..=0x10).contains(&opcode) {
            continue;
        }
        let Places { l3, bth, .. } = places(&case.frame);
        assert_eq!(l3, 14, "{}: not one of IPv4 without a tag", case.name);
        let number = |value: &Value| value.as_u64().unwrap();
        let (psn, qpn) = (number(&fields["bth"]["psn"]), number(&fields["bth"]["destqp"]));
        let is_request = opcode == 0x0c;
        let payload = number(&fields["payload"]["len"]);
        let (va, rkey, asked) = match &fields["reth"] {
            Value::Null => ("0".to_owned(), 0, payload),
            reth => (
                reth["va"].as_str().unwrap().to_owned(),
                number(&reth["rkey"]),
                number(&reth["dmalen"]),
            ),
        };
        // Of which READ a response is the n-th packet.
        let (before, len) = match opcode {
            0x0d => (0, 2 * payload),
            0x0e => (1, 3 * payload),
            0x0f => (1, 4096 + payload),
            _ => (0, asked),
        };
        let ecn = if is_request { "not-ect" } else { "ect0" };
        let frame = format!(
            "{{dscp: {}, ecn: {ecn}, ttl: 64, first_qpn: {qpn}, first_psn: {}, va: {va}, rkey: {rkey}, pmtu: {}, ack_req: last}}",
            number(&fields["ip"]["dscp"]),
            psn - before,
            if opcode == 0x10 { 256 } else { 4096 }
        );
        let mut plan = plan_of(&format!("message: {len}B, verb: read"), &frame);
        // Requests go from the receiver of the data, responses to it.
        let ends = if is_request { [1, 0] } else { [0, 1] };
        for (worker, mac, ip_at) in [(ends[0], &case.frame[6..12], 12), (ends[1], &case.frame[..6], 16)] {
            let worker = &mut plan.workers[worker];
            worker.mac.copy_from_slice(mac);
            worker.ipv4 = <[u8; 4]>::try_from(&case.frame[l3 + ip_at..l3 + ip_at + 4])
                .unwrap()
                .into();
        }
        let msn = fields["aeth"]["msn"].as_u64().unwrap_or(0);
        let read = Read {
            seq: psn - before,
            end: psn - before + len.div_ceil(4096),
            number: 0,
            msn: u32::try_from(msn).unwrap(),
            va: 0,
            len: u32::try_from(len).unwrap(),
        };
        let ours = if is_request {
            next_frame(&plan, 1, None, 0)
        } else {
            next_frame(&plan, 0, Some(Reply::Read(read)), usize::try_from(before).unwrap())
        };
        let port = places(&ours).udp;
        let mut theirs = case.frame.clone();
        if is_request {
            as_squall_chooses(&mut theirs, &ours[port..port + 2]);
        } else {
            // The same headers around squall's payload.
            let at = bth + 12 + if fields["aeth"].is_null() { 0 } else { 4 };
            let end = theirs.len() - 4;
            theirs[at..end].copy_from_slice(&ours[at..end]);
            as_squall_chooses(&mut theirs, &ours[port..port + 2]);
            // That makes frames not-ECT: what it makes of ours is the same frame.
            let mut same = ours.clone();
            as_squall_chooses(&mut same, &ours[port..port + 2]);
            assert_eq!(same[end..], ours[end..], "{}: the ICRC covers no ECN", case.name);
            assert_eq!(same, theirs, "{}", case.name);
            seen.push(case.name);
            continue;
        }
        assert_eq!(ours, theirs, "{}", case.name);
        seen.push(case.name);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn answers_are_those_of_soft_roce() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/answers/soft-roce.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        rebuilt(case["name"].as_str().unwrap(), &from_hex(case["hex"].as_str().unwrap()));
        seen += 1;
    }
    assert_eq!(seen, 8);
}

/// Answers have a VLAN priority of their own in the outermost tag, and the data's without one.
#[test]
fn answers_have_the_priority_that_they_are_given() {
    for (keys, acks, cnps) in [
        ("cnp: {}", 3, 3),
        ("rc: {ack_pcp: 6}, cnp: {pcp: 7}", 6, 7),
        ("rc: {ack_pcp: 0}, cnp: {}", 0, 3),
    ] {
        let plan = plan_of(
            &format!("message: 4KiB, {keys}"),
            "{vlan: [{vid: 5, tpid: 0x88A8, pcp: 3}, {vid: 6, pcp: 2}]}",
        );
        let ack = Answer {
            meaning: squall::transport::responder::UNLIMITED,
            psn: 1,
            msn: 1,
        };
        for (answer, wanted) in [(Some(ack), acks), (None, cnps)] {
            let owed = ToSend {
                entry: 0,
                pair: 0,
                qp: 0,
                answer,
                since: None,
            };
            let mut bytes = [0xa5; answers::LONGEST];
            answers::write(&plan, &owed, &mut bytes).expect("the plan has the QP");
            let tci = |at: usize| be(&bytes[at..at + 2]);
            assert_eq!(
                (tci(14), tci(18)),
                (wanted << 13 | 5, 2 << 13 | 6),
                "{keys}: {answer:?}"
            );
        }
    }
}
