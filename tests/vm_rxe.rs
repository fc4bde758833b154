//! squall and a RoCEv2 endpoint that is not squall's: Linux's soft-RoCE in a virtual machine (scripts/vm-rxe.sh), as requester
//! and as responder, over a wire that loses, doubles, reorders, delays and harms. What results.json says is held against the
//! guest's completions and memory, and against what tshark reads in captures of both ends of the wire.
//!
//! Needs root, QEMU and packages from the distribution's mirror; says what it lacks elsewhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rxe;
mod support;
mod turn;

use std::collections::BTreeMap;
use std::process::Command;

use rxe::{Guest, Qp};
use serde_json::Value;
use support::{Running, list, number, repository, run, wait_for};
use turn::turn;

/// First of squall's QPNs.
const QPN: u32 = 17;
/// First PSN of squall's requests: a few messages before PSNs begin anew.
const PSN: u32 = 0x00ff_fff0;
/// First PSN of the guest's.
const THEIR_PSN: u32 = 0x00ff_fffa;
/// Messages of each QP.
const COUNT: usize = 12;
/// R_Key that the guest's WRITEs are given.
const RKEY: u32 = 0x1234;
/// Where the guest's regions begin, and how long they are.
const VA: u64 = 0x7f00_0000_0000;
const SIZE: usize = 1 << 20;
/// Bytes of each receive work request.
const RECEIVE: usize = 1 << 14;

/// Verbs as squall names them and as rcqp does.
const VERBS: [(&str, &str); 4] = [
    ("put", "write"),
    ("put-with-signal", "writeimm"),
    ("send", "send"),
    ("send-with-immediate", "sendimm"),
];

/// Messages of one QP.
#[derive(Clone, Copy)]
struct Traffic<'a> {
    verb: (&'a str, &'a str),
    len: u32,
    /// More arguments of rcqp.
    more: &'a str,
}

/// What is run.
struct Case<'a> {
    pmtu: u32,
    ipv6: bool,
    /// Of `rc`.
    rc: &'a str,
    traffic: &'a [Traffic<'a>],
    faults: &'a [&'a str],
    /// For how long squall listens to the guest at most.
    duration: &'a str,
    /// More keys of the peer.
    peer: &'a str,
    /// R_Key that the guest is told.
    rkey: u32,
}

impl<'a> Case<'a> {
    fn new(pmtu: u32, traffic: &'a [Traffic<'a>], faults: &'a [&'a str]) -> Case<'a> {
        Case {
            pmtu,
            ipv6: false,
            rc: "timeout: 15",
            traffic,
            faults,
            duration: "40s",
            peer: "",
            rkey: RKEY,
        }
    }

    fn gid(&self) -> &str {
        if self.ipv6 { "fd99::64" } else { "::ffff:10.99.0.100" }
    }

    /// The workers from and to which data go, where `requester` sends the requests.
    fn ends(&self, requester: u32) -> (u32, u32) {
        if self.traffic[0].verb.1 == "read" {
            (1 - requester, requester)
        } else {
            (requester, 1 - requester)
        }
    }

    /// Starts squall; `from` and `to` are workers, 1 being the guest.
    fn squall(&self, guest: &Guest, qps: &[Qp], (from, to): (u32, u32)) -> Running {
        let says: Vec<String> = qps.iter().map(|qp| qp.says.to_string()).collect();
        guest.folder.write("peer.json", &says.join("\n"));
        let testbed = format!(
            "eal: {{hugepages: none, telemetry: false}}
resolve_timeout: 6s
ports:
  - {{name: host, device: \"net_af_packet0,iface=peer,blocksz=16384,framesz=8192,framecnt=512\", speed: 1Gbps,
     mac: \"52:54:00:99:00:64\", address: [10.99.0.100/24, \"fd99::64/64\"]}}
peers:
  - {{name: rxe, worker: 1, json: peer.json{}}}
",
            self.peer
        );
        guest.folder.write("testbed.yaml", &testbed);
        let mut pattern = format!(
            "transport: rc\nrc: {{{}}}\nduration: {}\n\
             frame: {{ip: {}, first_psn: {PSN}, first_qpn: {QPN}, rkey: {RKEY}}}\ntraffic:\n",
            self.rc,
            self.duration,
            if self.ipv6 { 6 } else { 4 }
        );
        for (index, traffic) in self.traffic.iter().enumerate() {
            pattern += &format!(
                "  - {{kind: transfer, from: {from}, to: {to}, message: {}B, count: {COUNT}, verb: {}, rate: 20Mbps, \
                 frame: {{first_qpn: {}}}}}\n",
                traffic.len,
                traffic.verb.0,
                QPN as usize + index
            );
        }
        guest.folder.write("pattern.yaml", &pattern);
        let paths = ["pattern.yaml", "testbed.yaml", "out"].map(|name| guest.folder.text(name));
        let args = [
            "run",
            "--quiet",
            "--full",
            &paths[0],
            "--testbed",
            &paths[1],
            "--out",
            &paths[2],
        ];
        let mut command = guest.beside(env!("CARGO_BIN_EXE_squall"), &args);
        command.env("NO_COLOR", "1");
        Running::start(command)
    }

    /// squall sends to the guest: its results, and the guest's end and completions of each QP.
    fn requests(&self, guest: &Guest) -> (Value, Vec<(Value, Vec<Value>)>) {
        let wire = guest.wire(self.faults);
        let mut qps = Vec::new();
        for (index, traffic) in self.traffic.iter().enumerate() {
            let receives = if matches!(traffic.verb.1, "write" | "read") {
                0
            } else {
                COUNT
            };
            let fill = if traffic.verb.1 == "read" { "" } else { "--fill 0" };
            let args = format!(
                "--rgid {} --addr {VA} {fill} --size {SIZE} --mtu {} --recvs {receives} --recv-len {RECEIVE} {}",
                self.gid(),
                self.pmtu,
                traffic.more
            );
            let qp = guest.qp(&format!("q{index}"), &args);
            guest.connect(&qp, &format!("{} {PSN} {}", QPN as usize + index, self.gid()));
            qps.push(qp);
        }
        self.squall(guest, &qps, self.ends(0)).wait().expect(0);
        let ends: Vec<_> = qps.iter().map(|qp| guest.end(qp)).collect();
        let struck = guest.unplug(wire);
        assert!(struck.iter().all(|times| *times > 0), "{:?}: {struck:?}", self.faults);
        (guest.folder.results_of("out"), ends)
    }

    /// The guest sends to squall once that is there: its results, and the guest's end and completions of each QP.
    fn answers(&self, guest: &Guest) -> (Value, Vec<(Value, Vec<Value>)>) {
        let wire = guest.wire(self.faults);
        let qp = |(index, traffic): (usize, &Traffic<'_>)| {
            let args = format!(
                "--rgid {} --psn {THEIR_PSN} --mtu {} --op {} --count {COUNT} --len {} --timeout 15 {}",
                self.gid(),
                self.pmtu,
                traffic.verb.1,
                traffic.len,
                traffic.more
            );
            guest.qp(&format!("q{index}"), &args)
        };
        let qps: Vec<Qp> = self.traffic.iter().enumerate().map(qp).collect();
        let squall = self.squall(guest, &qps, self.ends(1));
        wait_for("squall is there", || guest.folder.path("wire.heard").exists());
        for (index, qp) in qps.iter().enumerate() {
            let number = QPN as usize + index;
            guest.connect(qp, &format!("{number} {PSN} {} {VA} {}", self.gid(), self.rkey));
        }
        let ends = qps.iter().map(|qp| guest.finish(qp)).collect();
        squall.wait().expect(0);
        let struck = guest.unplug(wire);
        assert!(struck.iter().all(|times| *times > 0), "{:?}: {struck:?}", self.faults);
        (guest.folder.results_of("out"), ends)
    }
}

/// What the guest's region and receive buffers hold, and its immediates, are those of the frames that came to it.
fn memory(guest: &Guest, index: usize, completions: &[Value]) {
    let capture = guest.folder.text("guest.pcap");
    let name = format!("q{index}");
    let says: Value =
        serde_json::from_slice(&std::fs::read(guest.folder.path(&format!("share/{name}"))).unwrap()).unwrap();
    let qpn = says["qpn"].to_string();
    let numbers = [PSN.to_string(), VA.to_string(), SIZE.to_string(), RECEIVE.to_string()];
    let mut command = Command::new("python3");
    command
        .arg(repository().join("scripts/vm-rxe/taken.py"))
        .args([&capture, &qpn])
        .args(&numbers);
    let taken: Value = serde_json::from_str(&run(command).expect(0).stdout).unwrap();
    assert!(number(&taken, "/packets") > 0, "{taken}");
    let read = |path: String| std::fs::read(path).unwrap();
    let dump = format!("share/{name}.dump");
    let (held, wanted) = (read(guest.folder.text(&dump)), read(format!("{capture}.{qpn}.memory")));
    assert!(held == wanted, "{name}: the region differs");
    let (held, wanted) = (
        read(guest.folder.text(&format!("{dump}.recv"))),
        read(format!("{capture}.{qpn}.receives")),
    );
    assert!(held.starts_with(&wanted), "{name}: what was received differs");
    let good = completions.iter().filter(|one| one["status"] == 0 && one["imm"] != -1);
    let immediates: Vec<&Value> = good.map(|one| &one["imm"]).collect();
    let wanted: Vec<&Value> = list(&taken, "/immediates").iter().collect();
    assert_eq!(immediates, wanted, "{name}");
}

/// What came to the end of `capture` that asked by READ with QP `qpn` from `psn` on, one after the other.
fn read_by(guest: &Guest, capture: &str, qpn: u64, psn: u32) -> Vec<u8> {
    let capture = guest.folder.text(capture);
    let mut command = Command::new("python3");
    let numbers = [u64::from(psn), 0, SIZE as u64, 1].map(|number| number.to_string());
    command
        .arg(repository().join("scripts/vm-rxe/taken.py"))
        .args([&capture, &qpn.to_string()])
        .args(&numbers);
    run(command).expect(0);
    std::fs::read(format!("{capture}.{qpn}.memory")).unwrap()
}

/// What tshark reads in a capture: frames by opcode, of squall's if `ours`, else of the guest's. It finds nothing malformed.
fn read_by_tshark(guest: &Guest, capture: &str, ours: bool) -> BTreeMap<u64, u64> {
    let path = guest.folder.text(capture);
    let tshark = |filter: &str, fields: &[&str]| {
        let mut command = Command::new("tshark");
        command.args(["-r", &path, "-Y", filter, "-T", "fields"]);
        for field in fields {
            command.args(["-e", field]);
        }
        run(command).expect(0).stdout
    };
    assert_eq!(tshark("_ws.malformed", &["frame.number"]), "");
    let source = if ours { "52:54:00:99:00:64" } else { "52:54:00:99:00:01" };
    let filter = format!("infiniband && eth.src == {source}");
    let mut frames = BTreeMap::new();
    for line in tshark(&filter, &["infiniband.bth.opcode"]).lines() {
        *frames.entry(line.trim().parse().unwrap()).or_default() += 1;
    }
    frames
}

/// A frame at squall's end of the wire, as tshark reads it.
struct Seen {
    /// Seconds.
    time: f64,
    ours: bool,
    psn: u64,
    /// Of what answers.
    syndrome: Option<u64>,
}

fn seen(guest: &Guest) -> Vec<Seen> {
    let mut command = Command::new("tshark");
    command.args([
        "-r",
        &guest.folder.text("squall.pcap"),
        "-Y",
        "infiniband",
        "-T",
        "fields",
    ]);
    command.args(["-e", "frame.time_relative", "-e", "eth.src", "-e", "infiniband.bth.psn"]);
    command.args(["-e", "infiniband.aeth.syndrome"]);
    let text = run(command).expect(0).stdout;
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        Seen {
            time: fields[0].parse().unwrap(),
            ours: fields[1] == "52:54:00:99:00:64",
            psn: fields[2].parse().unwrap(),
            syndrome: fields[3].parse().ok(),
        }
    };
    text.lines().map(frame).collect()
}

/// From each frame that fulfils `begins` to the next of squall's with the same PSN, seconds: the wire sees what comes before
/// squall does, and what leaves after it.
fn until_sent_again(frames: &[Seen], begins: impl Fn(&Seen) -> bool) -> Vec<f64> {
    let from = |(at, first): (usize, &Seen)| {
        let mut later = frames[at + 1..].iter();
        let again = later.find(|next| next.ours && next.psn == first.psn)?;
        Some(again.time - first.time)
    };
    let begun = frames.iter().enumerate().filter(|(_, frame)| begins(frame));
    begun.filter_map(from).collect()
}

const ACKNOWLEDGE: u64 = 0x11;

/// The whole that a verb's messages come to: each is complete, in the requester's and the responder's words.
#[track_caller]
fn complete(results: &Value, index: usize) -> &Value {
    let entry = &list(results, "/traffic")[index];
    assert_eq!(number(entry, "/messages/sent"), COUNT as u64, "{entry:#}");
    entry
}

#[test]
fn soft_roce_takes_what_squall_sends_at_every_pmtu() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    for pmtu in [256, 512, 1024, 2048, 4096] {
        let traffic = VERBS.map(|verb| Traffic {
            verb,
            len: 2 * pmtu + 77,
            more: "",
        });
        let mut case = Case::new(pmtu, &traffic, &[]);
        case.ipv6 = pmtu == 512;
        let (results, ends) = case.requests(&guest);
        let mut acks = 0;
        for (index, (verb, (end, completions))) in VERBS.iter().zip(&ends).enumerate() {
            let entry = complete(&results, index);
            let requester = &entry["rc"]["requester"];
            assert_eq!(
                number(requester, "/acknowledged_messages"),
                COUNT as u64,
                "{requester:#}"
            );
            assert_eq!(requester["qps_in_error"], Value::Array(Vec::new()));
            assert_eq!(
                entry["packets"]["received"],
                Value::Null,
                "nobody here has seen them come"
            );
            acks += number(requester, "/acks");
            let receives = if verb.1 == "write" { 0 } else { COUNT };
            let good = completions.iter().filter(|one| one["status"] == 0).count();
            assert_eq!(
                (good, &end["errors"]),
                (receives, &Value::from(0)),
                "{verb:?} at {pmtu}"
            );
            memory(&guest, index, completions);
        }
        let frames = read_by_tshark(&guest, "squall.pcap", true);
        let data: u64 = frames.values().sum();
        let sent: u64 = list(&results, "/traffic")
            .iter()
            .map(|entry| number(entry, "/packets/sent"))
            .sum();
        assert_eq!((data, frames.get(&ACKNOWLEDGE)), (sent, None));
        assert_eq!(
            read_by_tshark(&guest, "squall.pcap", false),
            BTreeMap::from([(ACKNOWLEDGE, acks)])
        );
    }
}

#[test]
fn squall_takes_what_soft_roce_sends_at_every_pmtu() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    for pmtu in [256, 512, 1024, 2048, 4096] {
        let len = 2 * pmtu + 77;
        let traffic = VERBS.map(|verb| Traffic { verb, len, more: "" });
        let mut case = Case::new(pmtu, &traffic, &[]);
        case.ipv6 = pmtu == 2048;
        let (results, ends) = case.answers(&guest);
        let mut acks = 0;
        for (index, (verb, (end, completions))) in VERBS.iter().zip(&ends).enumerate() {
            let entry = complete(&results, index);
            assert_eq!(number(entry, "/messages/completed"), COUNT as u64);
            assert_eq!(
                number(entry, "/payload_bytes/received"),
                (COUNT as u64) * u64::from(len)
            );
            assert_eq!(number(entry, "/rc/responder/taken"), 3 * COUNT as u64);
            assert_eq!(number(entry, "/rc/responder/invalid"), 0);
            let own = number(entry, "/rc/responder/acks");
            acks += own;
            assert_eq!(number(entry, "/rc/turnaround/count"), own, "{entry:#}");
            assert!(number(entry, "/rc/turnaround/p50") > 0, "{:#}", entry["rc"]);
            let good = completions.iter().filter(|one| one["status"] == 0).count();
            assert_eq!((good, &end["errors"]), (COUNT, &Value::from(0)), "{verb:?} at {pmtu}");
        }
        assert_eq!(
            read_by_tshark(&guest, "guest.pcap", true),
            BTreeMap::from([(ACKNOWLEDGE, acks)])
        );
    }
}

/// A SEND of squall's or the guest's: First, Middle and Last of a PMTU of 256.
const SENDS: [Traffic<'_>; 1] = [Traffic {
    verb: ("send", "send"),
    len: 700,
    more: "",
}];
const WRITES: [Traffic<'_>; 1] = [Traffic {
    verb: ("put-with-signal", "writeimm"),
    len: 700,
    more: "",
}];

#[test]
fn what_goes_wrong_on_the_way_is_put_right_by_both() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    // Of the requests and the answers: which side sends them.
    for (requests, answers) in [("out", "not out"), ("not out", "out")] {
        let lost_middles = format!("drop:op in (1, 7) and {requests}:2,7");
        let lost_last = format!("drop:op in (2, 9) and {requests} and ackreq:{COUNT}");
        let lost_acks = format!("drop:op==17 and syn < 32 and {answers}:1,3");
        let doubled = format!("double:op < 12 and {requests}:2,9,20");
        let swapped = format!("behind:op in (1, 7) and {requests}:3,8");
        let harmed = format!("harm:op in (0, 6) and {requests}:4");
        let late = format!("hold=40:op in (0, 6) and {requests}:5");
        for faults in [
            &[&lost_middles[..], &lost_acks][..],
            &[&lost_last],
            &[&doubled, &swapped, &harmed],
            &[&late],
        ] {
            for traffic in [&SENDS, &WRITES] {
                let case = Case::new(256, traffic, faults);
                if requests == "out" {
                    let (results, ends) = case.requests(&guest);
                    let requester = &complete(&results, 0)["rc"]["requester"];
                    assert_eq!(number(requester, "/acknowledged_messages"), COUNT as u64, "{faults:?}");
                    let good = ends[0].1.iter().filter(|one| one["status"] == 0).count();
                    assert_eq!(good, COUNT, "{faults:?}");
                    memory(&guest, 0, &ends[0].1);
                    let mends = number(requester, "/naks") + number(requester, "/timeouts");
                    assert!(mends > 0, "{faults:?}: {requester:#}");
                } else {
                    let (results, ends) = case.answers(&guest);
                    let entry = complete(&results, 0);
                    assert_eq!(number(entry, "/messages/completed"), COUNT as u64, "{faults:?}");
                    assert_eq!(number(entry, "/payload_bytes/received"), 700 * COUNT as u64);
                    let good = ends[0].1.iter().filter(|one| one["status"] == 0).count();
                    assert_eq!((good, &ends[0].0["errors"]), (COUNT, &Value::from(0)), "{faults:?}");
                }
            }
        }
    }
}

/// The guest is not ready, forbids what is asked, or is gone: squall's QPs wait or end as verbs' do.
#[test]
fn squall_as_requester_obeys_naks_and_gives_up_in_time() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    // Receive work requests come after 3 s; the timer asked for is 81.92 ms (IBTA Vol 1, table 45: code 26).
    let late = [Traffic {
        more: "--recvs 0 --late-recvs 12 --late-after 3000 --min-rnr 26",
        ..SENDS[0]
    }];
    let mut case = Case::new(256, &late, &[]);
    case.rc = "timeout: 15, rnr_retry: 7";
    let (results, ends) = case.requests(&guest);
    let requester = &complete(&results, 0)["rc"]["requester"];
    assert_eq!(number(requester, "/acknowledged_messages"), COUNT as u64);
    assert!(number(requester, "/rnr_naks") > 0, "{requester:#}");
    assert_eq!(
        ends[0].1.iter().filter(|one| one["status"] == 0).count(),
        COUNT,
        "{ends:?}"
    );
    let waits = until_sent_again(&seen(&guest), |frame| frame.syndrome == Some(0x20 | 26));
    assert!(
        !waits.is_empty() && waits.iter().all(|wait| *wait >= 0.081_92),
        "{waits:?}"
    );
    // One try and no more.
    case.rc = "timeout: 15, rnr_retry: 1";
    ends_as(&case, &guest, "RNR retry counter exceeded", 2, "/rnr_naks");
    // A QP that may not be written to (IBV_ACCESS_LOCAL_WRITE alone), and a region that is too small.
    for (more, reason) in [
        ("--access 1", "remote invalid request error"),
        ("--size 512", "remote access error"),
    ] {
        let forbidden = [Traffic { more, ..WRITES[0] }];
        ends_as(&Case::new(256, &forbidden, &[]), &guest, reason, 1, "/error_naks");
    }
    // Nobody answers.
    let mut case = Case::new(256, &WRITES, &["drop:op==17 and not out:all"]);
    case.rc = "timeout: 15, retry_count: 2";
    ends_as(&case, &guest, "transport retry counter exceeded", 3, "/timeouts");
    // The first packet is sent again twice, each time after 4.096 us · 2^15, which is 134 ms; a quarter is for the wire, which
    // may see the one that begins it late.
    let waits = until_sent_again(&seen(&guest), |frame| frame.ours && frame.psn == u64::from(PSN));
    assert!(waits.len() == 2 && waits.iter().all(|wait| *wait >= 0.1), "{waits:?}");
}

/// The case's only QP ends for this reason, after so many of what is counted there.
#[track_caller]
fn ends_as(case: &Case<'_>, guest: &Guest, reason: &str, times: u64, counted: &str) {
    let (results, _) = case.requests(guest);
    let requester = &list(&results, "/traffic")[0]["rc"]["requester"];
    let wanted = serde_json::json!([{"reason": reason, "qps": 1}]);
    assert_eq!(requester["qps_in_error"], wanted, "{requester:#}");
    assert_eq!(number(requester, counted), times, "{requester:#}");
}

/// squall refuses, and the guest hears why.
#[test]
fn soft_roce_hears_why_squall_refuses() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    let mut case = Case::new(256, &SENDS, &[]);
    case.rc = "rnr_every: 3, rnr_timer: 14";
    let (results, ends) = case.answers(&guest);
    let entry = complete(&results, 0);
    assert_eq!(number(entry, "/messages/completed"), COUNT as u64);
    assert!(number(entry, "/rc/responder/rnr_naks") >= COUNT as u64 / 3, "{entry:#}");
    assert_eq!(ends[0].1.iter().filter(|one| one["status"] == 0).count(), COUNT);
    // Messages of another PMTU, and a key that squall has not given out.
    let mut other = Case::new(512, &WRITES, &[]);
    other.peer = ", pmtu: 256";
    let mut key = Case::new(256, &WRITES, &[]);
    key.rkey = RKEY + 1;
    for (mut case, status) in [(other, "remote invalid request error"), (key, "remote access error")] {
        case.duration = "3s";
        let (results, ends) = case.answers(&guest);
        let first = &ends[0].1[0];
        assert_eq!(first["status_text"], status, "{first:#}");
        let responder = &list(&results, "/traffic")[0]["rc"]["responder"];
        assert_eq!(number(responder, "/error_naks"), 1, "{responder:#}");
        assert_eq!(number(responder, "/taken"), 0, "{responder:#}");
    }
}

/// A READ of a PMTU of 256: First, Middle and Last.
const READS: [Traffic<'_>; 1] = [Traffic {
    verb: ("read", "read"),
    len: 700,
    more: "",
}];

/// Requests, and First, Middle and Last of responses.
const READ_OPCODES: [u64; 4] = [0x0c, 0x0d, 0x0e, 0x0f];

/// squall has what the guest's region holds.
#[track_caller]
fn brought(guest: &Guest, results: &Value, len: u32) {
    let entry = complete(results, 0);
    assert_eq!(number(entry, "/messages/completed"), COUNT as u64, "{entry:#}");
    let bytes = COUNT * len as usize;
    assert_eq!(number(entry, "/payload_bytes/received"), bytes as u64);
    assert_eq!(
        number(entry, "/rc/requester/acknowledged_messages"),
        COUNT as u64,
        "{entry:#}"
    );
    let (requests, again) = (
        number(entry, "/rc/reads/requests"),
        number(entry, "/rc/reads/requests_again"),
    );
    assert_eq!(requests - again, COUNT as u64);
    // As rcqp fills its region.
    let held = |at: usize| (at * 7 + (at >> 8) * 13).to_le_bytes()[0];
    let wanted: Vec<u8> = (0..bytes).map(held).collect();
    let got = read_by(guest, "squall.pcap", u64::from(QPN), PSN);
    assert!(got.starts_with(&wanted), "what was read differs");
}

/// The guest has what squall sent it.
#[track_caller]
fn has_brought(guest: &Guest, (end, completions): &(Value, Vec<Value>), entry: &Value, len: u32) {
    assert_eq!(number(entry, "/messages/sent"), COUNT as u64, "{entry:#}");
    assert_eq!(entry["packets"]["received"], Value::Null);
    let good = completions.iter().filter(|one| one["status"] == 0).count();
    assert_eq!((good, &end["errors"]), (COUNT, &Value::from(0)), "{completions:?}");
    let says: Value = serde_json::from_slice(&std::fs::read(guest.folder.path("share/q0")).unwrap()).unwrap();
    let wanted = read_by(guest, "guest.pcap", number(&says, "/qpn"), THEIR_PSN);
    let held = std::fs::read(guest.folder.path("share/q0.dump")).unwrap();
    let bytes = COUNT * len as usize;
    assert!(held[..bytes] == wanted[..bytes], "the region differs");
    assert!(
        wanted[..bytes].iter().any(|byte| *byte != 0),
        "there is nothing to compare"
    );
}

#[test]
fn reads_go_both_ways_at_every_pmtu() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    for pmtu in [256, 512, 1024, 2048, 4096] {
        let traffic = [Traffic {
            len: 2 * pmtu + 77,
            ..READS[0]
        }];
        let mut case = Case::new(pmtu, &traffic, &[]);
        case.ipv6 = pmtu == 1024;
        let each = |opcodes: &[u64]| -> BTreeMap<u64, u64> { opcodes.iter().map(|op| (*op, COUNT as u64)).collect() };
        let (results, _) = case.requests(&guest);
        brought(&guest, &results, traffic[0].len);
        assert_eq!(read_by_tshark(&guest, "squall.pcap", true), each(&READ_OPCODES[..1]));
        assert_eq!(read_by_tshark(&guest, "squall.pcap", false), each(&READ_OPCODES[1..]));
        let (results, ends) = case.answers(&guest);
        let entry = &list(&results, "/traffic")[0];
        has_brought(&guest, &ends[0], entry, traffic[0].len);
        assert_eq!(number(entry, "/rc/reads/requests_taken"), COUNT as u64);
        assert_eq!(read_by_tshark(&guest, "guest.pcap", true), each(&READ_OPCODES[1..]));
    }
}

#[test]
fn reads_survive_what_goes_wrong_on_the_way() {
    let _turn = turn();
    let Some(guest) = Guest::boot() else { return };
    for faults in [
        &["drop:op==14:2,7", "drop:op==12:3"][..],
        &["drop:op==13:1,4", "drop:op==15:12"],
        &[
            "double:op==12:2,5",
            "double:op in (13, 14, 15):3,11",
            "behind:op==14:3,8",
        ],
        &["harm:op==14:4", "harm:op==12:6", "hold=40:op==13:5"],
    ] {
        let case = Case::new(256, &READS, faults);
        let (results, _) = case.requests(&guest);
        brought(&guest, &results, READS[0].len);
        let (results, ends) = case.answers(&guest);
        has_brought(&guest, &ends[0], &list(&results, "/traffic")[0], READS[0].len);
    }
    // A key that nobody has given out, either way.
    let mut case = Case::new(256, &READS, &[]);
    case.duration = "3s";
    case.rkey = RKEY + 1;
    let (results, ends) = case.answers(&guest);
    assert_eq!(ends[0].1[0]["status_text"], "remote access error", "{ends:?}");
    let entry = &list(&results, "/traffic")[0];
    assert!(number(entry, "/rc/reads/requests_refused") > 0, "{entry:#}");
    let forbidden = [Traffic {
        more: "--access 1",
        ..READS[0]
    }];
    ends_as(
        &Case::new(256, &forbidden, &[]),
        &guest,
        "remote invalid request error",
        1,
        "/error_naks",
    );
}
