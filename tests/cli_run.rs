//! `squall run` from the command line to results.json: everything sent is accounted for on the
//! shipped default testbed, on one that does not listen, and in a capture that others read; runs
//! that are interrupted or cannot begin say so.

mod support;

use serde_json::Value;
use support::{Folder, Running, assert_accepted, assert_balanced, list, number, repository, run, squall, wait_for};

/// The ring of testbeds/ring.yaml, for machines with and without hugepages alike.
const RING: &str = "
eal: {hugepages: none, telemetry: false}
ports:
  - {name: loop, device: net_ring0, speed: 40Gbps}
";

/// A port that writes what it sends into a file.
fn file_port(folder: &Folder, capture: &str) -> String {
    let device = format!("net_pcap0,tx_pcap={}", folder.text(capture));
    format!("  - {{name: file, device: \"{device}\", speed: 1Gbps, receive: false, announce: false}}\n")
}

fn header(isolated: bool) -> String {
    format!("isolated: {isolated}\neal: {{hugepages: none, telemetry: false}}\nports:\n")
}

/// Everything that a loop without loss must say of itself.
fn assert_lossless(results: &Value) {
    assert_balanced(results);
    for entry in list(results, "/traffic") {
        if entry["kind"] == "pfc" {
            continue;
        }
        let packets = &entry["packets"];
        assert!(number(packets, "/sent") > 0, "{entry:#}");
        assert_eq!(packets["sent"], packets["received"], "{entry:#}");
        for none in [
            "unsent",
            "lost",
            "unexplained",
            "duplicated",
            "reordered",
            "icrc_errors",
            "malformed",
        ] {
            assert_eq!(packets[none], 0, "{none} in {entry:#}");
        }
        assert_eq!(packets["icrc_checked"], packets["received"], "every ICRC is verified");
        if !packets["planned"].is_null() {
            assert_eq!(
                number(packets, "/planned"),
                number(packets, "/sent") + number(packets, "/unsent")
            );
        }
        let messages = &entry["messages"];
        assert_eq!(messages["completed"], messages["sent"], "{entry:#}");
        assert_eq!(messages["incomplete"], 0);
        let flows = list(entry, "/flows/listed");
        if number(entry, "/flows/count") == flows.len() as u64 {
            let sum = |key: &str| -> u64 { flows.iter().map(|flow| number(flow, &format!("/{key}"))).sum() };
            assert_eq!(sum("received"), number(packets, "/received"), "flows add up");
            assert_eq!(sum("sent"), number(packets, "/sent"), "flows add up");
            assert_eq!(
                sum("messages_completed"),
                number(messages, "/completed"),
                "flows add up"
            );
        }
        assert_eq!(
            number(entry, "/packet_latency/count"),
            number(packets, "/received"),
            "each packet has a delay"
        );
    }
}

/// What makes each shipped pattern last a few tenths of a second. Those without a number of messages
/// are cut by time, and a busy machine may then not come to send all that was due.
const SHORT: &[(&str, &[&str])] = &[
    (
        "alltoall-dispatch",
        &["traffic.dispatch.layers=1", "traffic.dispatch.iterations=1"],
    ),
    ("background", &["duration=150ms"]),
    ("burst-absorption", &["traffic.burst.message=200KB"]),
    ("concurrent-pairs", &["traffic.kv.message=1MB"]),
    // A loop that the scheduler holds up is no reason to send again.
    (
        "dcqcn-convergence",
        &[
            "duration=150ms",
            "convergence.at=30ms",
            "traffic.kv.rate=1Gbps",
            "traffic.dispatch.start=30ms",
            "traffic.dispatch.interval=2ms",
            "rc.timeout=20",
        ],
    ),
    (
        "dcqcn-flows",
        &[
            "duration=150ms",
            "convergence.at=30ms",
            "traffic.first.rate=200Mbps",
            "traffic.more.rate=200Mbps",
            "traffic.more.start=30ms",
            "rc.timeout=20",
        ],
    ),
    ("dcqcn-incast", &["traffic.incast.message=1MB", "rc.timeout=20"]),
    ("dcqcn-long", &["traffic.long.message=1MB"]),
    ("ecmp-collisions", &[]),
    ("ecmp-entropy", &[]),
    ("ecn-burst", &["traffic.burst.message=1MiB"]),
    ("ecn-incast", &["traffic.incast.message=1MB"]),
    ("ecn-probe", &[]),
    (
        "ep-kv-contention",
        &[
            "duration=2s",
            "traffic.kv-alone.duration=100ms",
            "traffic.kv.duration=200ms",
        ],
    ),
    ("first-look", &["traffic.incast.repeats=10"]),
    ("kv-cache", &["traffic.kv.count=1", "traffic.kv.kv_cache.context=64"]),
    ("link-failure", &["duration=100ms"]),
    ("low-latency-dispatch", &["traffic.dispatch.layers=6"]),
    ("many-qps", &["traffic.put.rate=10Gbps"]),
    ("offered-load", &["duration=30ms"]),
    ("pfc-bursts", &["duration=150ms", "traffic.burst.message=1MB"]),
    ("pfc-spread", &["duration=100ms"]),
    ("pfc-storm", &["duration=100ms"]),
    ("put-latency-loaded", &["duration=150ms"]),
    ("put-latency-unloaded", &["traffic.put.count=200"]),
    ("put-throughput", &["traffic.put.count=10"]),
    ("rc-loss", &["traffic.kv.count=4", "rc.timeout=20"]),
    ("routing-modes", &[]),
    (
        "scale",
        &[
            "duration=2s",
            "traffic.kv.duration=50ms",
            "traffic.kv.rate=10%",
            "traffic.dispatch.batch=16",
        ],
    ),
    ("soak", &["duration=100ms", "sample=20ms"]),
    (
        "wide-ep",
        &["traffic.dispatch.batch=16", "traffic.dispatch.iterations=1"],
    ),
];

/// Both ends of a reliable connection behind one port, in real time: every message is acknowledged, and the port's counter has the
/// answers beside the data.
#[test]
fn a_reliable_connection_over_a_ring_delivers_every_message() {
    let folder = Folder::new();
    let ring = folder.write("ring.yaml", RING);
    let pattern = folder.write(
        "rc.yaml",
        "transport: rc\ntraffic:\n- {kind: transfer, from: 0, to: 1, message: 20000B, count: 40, qps: 4, rate: 1Gbps}\n",
    );
    let results = folder.results(0, &[&pattern, "--testbed", &ring]);
    let entry = &results["traffic"][0];
    assert_eq!(number(entry, "/messages/completed"), 40);
    assert_eq!(number(entry, "/rc/requester/acknowledged_messages"), 40);
    assert_eq!(number(entry, "/rc/requester/acknowledged_bytes"), 800_000);
    assert_eq!(number(entry, "/packets/unexplained"), 0);
    let taken = number(entry, "/rc/responder/taken");
    assert_eq!(taken, 200);
    // A busy machine may hold a loop for longer than the ACK timeout: then packets are sent again.
    assert_eq!(
        number(entry, "/packets/sent"),
        taken + number(entry, "/rc/requester/resent_frames")
    );
    let answers = number(entry, "/rc/responder/acks") + number(entry, "/rc/responder/naks");
    assert!(answers >= 40, "{answers}");
    let frames = number(&results["ports"][0], "/stats/opackets");
    assert_eq!(frames, number(entry, "/packets/sent") + answers);
}

/// The loop gives back every frame of every pattern, and our counters are the port's.
#[test]
fn every_shipped_pattern_runs_on_a_ring_without_loss() {
    let folder = Folder::new();
    let ring = folder.write("ring.yaml", RING);
    let shipped = std::fs::read_dir(repository().join("patterns")).unwrap().count();
    assert_eq!(SHORT.len(), shipped, "a pattern is missing in this test");
    for (name, settings) in SHORT {
        let mut args = vec![*name, "--testbed", &ring];
        for setting in *settings {
            args.extend(["--set", *setting]);
        }
        let results = folder.results(0, &args);
        assert_eq!(results["run"]["name"], *name);
        assert_eq!(results["run"]["interrupted"], false);
        assert_lossless(&results);
        let cut_by_time = settings.iter().any(|setting| setting.starts_with("duration"));
        let port = &results["ports"][0];
        for (theirs, ours) in [("/stats/ipackets", "/rx/frames"), ("/stats/opackets", "/tx/frames")] {
            assert_eq!(number(port, theirs), number(port, ours), "{name}: {port:#}");
        }
        assert_eq!(port["tx"]["frames"], port["rx"]["frames"], "{name}");
        let mut sent = 0;
        for entry in list(&results, "/traffic") {
            sent += number(entry, "/packets/sent");
            if let Some(responder) = entry.pointer("/rc/responder") {
                let answers = ["/acks", "/naks", "/rnr_naks", "/error_naks", "/cnps"];
                sent += answers.map(|answer| number(responder, answer)).iter().sum::<u64>();
            }
            if !cut_by_time {
                assert_eq!(
                    entry["packets"]["planned"], entry["packets"]["sent"],
                    "{name}: {entry:#}"
                );
            }
        }
        if list(&results, "/traffic")
            .iter()
            .any(|entry| entry["kind"] == "ecn-probe")
        {
            // The PFC frames that hold its queue count with the port.
            sent += number(port, "/pfc/sent_per_class/3");
        }
        assert_eq!(sent, number(port, "/tx/frames"), "{name}: entries add up to the port");
        for none in ["misdelivered", "unknown", "malformed", "other"] {
            assert_eq!(port["rx"][none], 0, "{name}: {none}");
        }
        for anomaly in list(&results, "/anomalies") {
            // A busy machine sends late; everything else would be ours.
            let late = anomaly["kind"] == "pacing" || cut_by_time && anomaly["kind"] == "unsent";
            // A loop holds no queue, and a probe has to notice.
            let probe = anomaly["text"].as_str().unwrap().starts_with("The probe says nothing.");
            assert!(late || probe, "{name}: {anomaly:#}");
        }
    }
}

/// The README's command, as it stands, on the shipped testbed.
/// "Everybody's run gives the same figures", the README says of its own.
#[test]
fn the_readme_shows_what_the_demo_prints() {
    let folder = Folder::new();
    let mut demo = squall(&["run", "ecn-incast", "--out", "out/ecn-incast"]);
    demo.current_dir(folder.path("."));
    let printed = run(demo).expect(0).stdout;
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("it is there");
    let shown = readme.split("```text\n").find(|part| part.starts_with("ecn-incast: "));
    let shown = shown
        .and_then(|part| part.split("```").next())
        .expect("the demo's output");
    assert_eq!(shown, printed);
}

#[test]
fn the_first_look_works_as_shipped() {
    let folder = Folder::new();
    let out = folder.text("first");
    let short = ["--set", "traffic.incast.repeats=20"];
    let ended = run(squall(&[&["run", "first-look", "--out", &out], &short[..]].concat())).expect(0);
    let results = folder.results_of("first");
    assert_lossless(&results);
    // 8 senders, 20 rounds, 64 KiB in 16 packets.
    assert_eq!(results["traffic"][0]["packets"]["received"], 8 * 20 * 16);
    assert_eq!(results["traffic"][0]["messages"]["completed"], 8 * 20);
    assert_eq!(results["traffic"][0]["rounds"]["completed"], 20);
    assert_eq!(results["traffic"][0]["payload_bytes"]["received"], 8 * 20 * 65536);
    assert!(
        ended.stdout.contains("2,560"),
        "the summary has the frames: {}",
        ended.stdout
    );
    assert!(
        !ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'),
        "no colours into a file"
    );
    assert!(
        !ended.stderr.contains("EAL"),
        "DPDK's log is not for users: {}",
        ended.stderr
    );
}

#[test]
fn a_port_that_does_not_listen_receives_null_and_not_zero() {
    let folder = Folder::new();
    let sink = "  - {name: sink, device: \"net_null0,no-rx=1\", speed: 10Gbps, receive: false}\n";
    let testbed = folder.write("null.yaml", &(header(false) + sink));
    let results = folder.results(
        0,
        &["put-throughput", "--testbed", &testbed, "--set", "traffic.put.count=20"],
    );
    let packets = &results["traffic"][0]["packets"];
    // 1 MB is 244 full packets and a short one.
    assert_eq!(packets["sent"], 20 * 245);
    for unknown in [
        "received",
        "lost",
        "duplicated",
        "reordered",
        "icrc_checked",
        "icrc_errors",
        "unexplained",
    ] {
        assert!(packets[unknown].is_null(), "{unknown}: {packets:#}");
    }
    assert!(results["traffic"][0]["ecn"]["received"].is_null());
    assert!(results["traffic"][0]["packet_latency"].is_null());
    assert_eq!(results["ports"][0]["stats"]["opackets"], 20 * 245);
    for kpi in list(&results, "/kpis") {
        if kpi["name"] == "Packet_drop_rate" || kpi["name"] == "ECN_marking_rate" {
            assert!(kpi["value"].is_null(), "{kpi:#}");
        }
    }
}

#[test]
fn pause_frames_are_counted_by_class_on_both_sides() {
    let folder = Folder::new();
    let ring = folder.write("ring.yaml", RING);
    let pattern = folder.write(
        "pauses.yaml",
        "traffic:
  - {kind: pfc, from: 0, classes: [0, 3], interval: 100us, count: 40}
  - {kind: pfc, from: 1, classes: 3, quanta: 0, interval: 100us, count: 7}
  - {kind: pfc, from: 1, frame_type: pause, interval: 100us, count: 5}
",
    );
    let results = folder.results(0, &[&pattern, "--testbed", &ring]);
    let pfc = &results["ports"][0]["pfc"];
    let expected = serde_json::json!([40, 0, 0, 47, 0, 0, 0, 0]);
    assert_eq!(
        (&pfc["sent_per_class"], &pfc["received_per_class"]),
        (&expected, &expected)
    );
    assert_eq!((&pfc["pause_sent"], &pfc["pause_received"]), (&5.into(), &5.into()));
    assert_eq!(pfc["received_source"], "frames");
    assert_eq!(results["ports"][0]["rx"]["frames"], 52);
}

/// What a port really was given, written down by libpcap and judged by check_pcap.py.
#[test]
fn what_a_port_sends_is_what_craft_writes() {
    let folder = Folder::new();
    let testbed = folder.write("file.yaml", &(header(false) + &file_port(&folder, "sent.pcap")));
    for (name, short) in [
        ("first-look", "traffic.incast.repeats=12"),
        ("low-latency-dispatch", "traffic.dispatch.layers=6"),
        ("kv-cache", "traffic.kv.count=1"),
        ("routing-modes", "traffic.top-k.layers=2"),
    ] {
        // Closed loops wait for completions, which nobody hears here.
        let open = ["--set", "traffic.kv.outstanding=null"];
        let mut args = vec![name, "--testbed", &testbed, "--set", short];
        if name == "kv-cache" {
            args.extend(open);
        }
        let results = folder.results(0, &args);
        let sent: u64 = list(&results, "/traffic")
            .iter()
            .map(|entry| number(entry, "/packets/sent"))
            .sum();
        let summary = assert_accepted(&folder.path("sent.pcap"), &["--ackreq", "exact", "--strict"]);
        assert_eq!(number(&summary, "/frames"), sent, "{name}");
        assert_eq!(number(&summary, "/icrc_ok"), sent, "{name}");
        let bytes: u64 = list(&results, "/traffic")
            .iter()
            .map(|entry| number(entry, "/payload_bytes/sent"))
            .sum();
        assert_eq!(number(&summary, "/payload_bytes"), bytes, "{name}");
        let messages: u64 = list(&results, "/traffic")
            .iter()
            .map(|entry| number(entry, "/messages/sent"))
            .sum();
        assert_eq!(number(&summary, "/messages"), messages, "{name}");

        // The same flows with the same packets as in the plan that `craft` writes down.
        let crafted = folder.text("crafted.pcap");
        let mut craft = squall(&["craft", "-w", &crafted]);
        craft.args(&args);
        run(craft).expect(0);
        let planned = assert_accepted(&folder.path("crafted.pcap"), &["--ackreq", "exact", "--strict"]);
        let flows = |summary: &Value| -> Vec<String> {
            let keys = [
                "src",
                "dst",
                "destqp",
                "packets",
                "messages",
                "payload_bytes",
                "pmtu",
                "first_psn",
                "last_psn",
                "dscp",
            ];
            let mut flows: Vec<String> = list(summary, "/flows")
                .iter()
                .map(|flow| keys.map(|key| flow[key].to_string()).join(" "))
                .collect();
            flows.sort();
            flows
        };
        assert_eq!(flows(&summary), flows(&planned), "{name}");
    }
}

/// SIGINT when a run that would last an hour is well under way: everything is accounted for, the
/// frames that a file port took are in its file, and the status says that it was cut short.
#[test]
fn an_interrupted_run_reports_what_it_measured() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new();
        let ring = "  - {name: loop, device: net_ring0, speed: 10Gbps, workers: 2}\n";
        let testbed = header(true)
            + ring
            + file_port(&folder, "sent.pcap")
                .replace("}\n", ", workers: 1}\n")
                .as_str();
        let testbed = folder.write("both.yaml", &testbed);
        let pattern = folder.write(
            "long.yaml",
            "duration: 1h
traffic:
  - {name: load, kind: background, from: 0, to: 1, load: 200Mbps}
  - {name: loop, kind: transfer, from: 1, to: 0, message: 20000, outstanding: 2, rate: 100Mbps}
  - {name: pauses, kind: pfc, from: 2, classes: 5, interval: 200us}
",
        );
        let out = folder.text("out");
        let mut running = Running::start(squall(&["run", &pattern, "--testbed", &testbed, "--out", &out]));
        let sent = folder.path("sent.pcap");
        wait_for("frames in the capture", || {
            assert!(running.is_running(), "{:?}", running.said());
            std::fs::metadata(&sent).is_ok_and(|file| file.len() > 200_000)
        });
        running.signal(signal);
        let ended = running.wait().expect(1);
        assert!(ended.stderr.contains("ended early"), "{}", ended.stderr);
        assert!(ended.stdout.contains("load"), "the summary is there: {}", ended.stdout);
        let results = folder.results_of("out");
        assert_eq!(results["run"]["interrupted"], true);
        assert!(results["run"]["interrupted_by"].as_str().unwrap().contains("user"));
        let kinds: Vec<&Value> = list(&results, "/anomalies")
            .iter()
            .map(|anomaly| &anomaly["kind"])
            .collect();
        assert!(kinds.contains(&&Value::from("interrupted")), "{kinds:?}");
        assert_balanced(&results);
        for entry in &list(&results, "/traffic")[..2] {
            assert!(number(entry, "/packets/sent") > 100, "{entry:#}");
            assert_eq!(entry["packets"]["sent"], entry["packets"]["received"], "{entry:#}");
            assert!(number(entry, "/messages/completed") > 0);
        }
        let capture = assert_accepted(&sent, &["--allow-empty"]);
        let pauses = number(&results, "/ports/1/pfc/sent_per_class/5");
        assert_eq!(number(&capture, "/pfc_frames"), pauses);
        assert_eq!(number(&results, "/ports/1/tx/frames"), pauses);
        assert_eq!(number(&results, "/traffic/2/packets/sent"), pauses);
    }
}

/// A shared-memory port whose other end never comes: it takes nothing, and nothing counts as sent.
#[test]
fn a_port_that_takes_nothing_ends_the_run_and_has_sent_nothing() {
    let folder = Folder::new();
    let device = format!(
        "net_memif0,role=server,bsize=8192,socket={}",
        folder.text("nobody.sock")
    );
    let testbed = folder.write(
        "memif.yaml",
        &format!(
            "{}  - {{name: deaf, device: \"{device}\", speed: 1Gbps, loopback: true}}\n",
            header(true)
        ),
    );
    let pattern = folder.write(
        "both.yaml",
        "traffic:
  - {name: put, kind: transfer, message: 10000, count: 100, rate: 400Mbps}
  - {name: pauses, kind: pfc, from: 1, classes: [2, 5], interval: 50us, count: 100}
",
    );
    let out = folder.text("out");
    let ended = run(squall(&["run", &pattern, "--testbed", &testbed, "--out", &out])).expect(1);
    assert!(
        ended.stderr.contains("port deaf has taken no frame"),
        "{}",
        ended.stderr
    );
    let results = folder.results_of("out");
    assert_eq!(results["run"]["interrupted"], true);
    for entry in list(&results, "/traffic") {
        assert_eq!(entry["packets"]["sent"], 0, "{entry:#}");
        assert!(number(entry, "/packets/unsent") > 0, "{entry:#}");
        for sent in ["/messages/sent", "/payload_bytes/sent", "/frame_bytes/sent"] {
            assert_eq!(number(entry, sent), 0, "{sent} of {entry:#}");
        }
    }
    assert_eq!(results["traffic"][0]["packets"]["received"], 0);
    assert_eq!(
        results["traffic"][0]["packets"]["lost"], 0,
        "what was never sent is not lost"
    );
    let flow = &results["traffic"][0]["flows"]["listed"][0];
    assert_eq!(
        (&flow["sent"], &flow["messages_sent"], &flow["lost"]),
        (&0.into(), &0.into(), &0.into())
    );
    let port = &results["ports"][0];
    assert_eq!(
        (&port["tx"]["frames"], &port["tx"]["bytes"]),
        (&0.into(), &0.into()),
        "{port:#}"
    );
    assert!(number(port, "/tx/unsent") > 0);
    assert_eq!(
        port["pfc"]["sent_per_class"],
        serde_json::json!([0, 0, 0, 0, 0, 0, 0, 0])
    );
    assert_eq!(number(port, "/stats/opackets"), 0);
}

#[test]
fn exit_statuses_tell_input_from_environment() {
    let folder = Folder::new();
    let ring = folder.write("ring.yaml", RING);
    let failing = |code: i32, args: &[&str], words: &[&str]| {
        let ended = run(squall(args)).expect(code);
        for word in words {
            assert!(ended.stderr.contains(word), "{args:?}: no {word:?} in {}", ended.stderr);
        }
        assert_eq!(ended.stdout, "", "{args:?}: errors go to stderr");
    };
    // 2: the input.
    failing(2, &["run", "no-such-pattern"], &["no-such-pattern"]);
    failing(2, &["run", "frist-look"], &["first-look"]);
    failing(
        2,
        &["run", "first-look", "--set", "traffic.incast.sendrs=3"],
        &["senders"],
    );
    failing(
        2,
        &["check", "first-look", "--testbed", "no-such-testbed"],
        &["no-such-testbed"],
    );
    failing(
        2,
        &[
            "craft",
            "first-look",
            "-w",
            &folder.text("x.pcap"),
            "--set",
            "traffic.incast.message=1TB",
        ],
        &["2 GiB"],
    );
    failing(2, &["decode", &folder.text("no-such.pcap")], &["no-such.pcap"]);
    failing(2, &["no-such-command"], &["no-such-command"]);
    let pauses = header(false) + &file_port(&folder, "refused.pcap");
    let pauses = folder.write("pauses.yaml", &pauses);
    failing(2, &["run", "pfc-storm", "--testbed", &pauses], &["isolated"]);
    assert!(
        !folder.path("refused.pcap").exists(),
        "refused before a port was opened"
    );
    // 3: the environment.
    for (device, words) in [
        ("net_nonsense0", vec!["net_nonsense0"]),
        ("net_af_packet0,iface=nosuch0", vec!["net_af_packet0"]),
        ("0000:fe:1f.7", vec!["0000:fe:1f.7"]),
    ] {
        let testbed = folder.write(
            "broken.yaml",
            &format!(
                "{}  - {{name: broken, device: \"{device}\", speed: 1Gbps}}\n",
                header(false)
            ),
        );
        failing(3, &["run", "background", "--testbed", &testbed], &words);
    }
    let cores = folder.write("cores.yaml", &format!("cores: {{tx: [1023], rx: [1023]}}\n{RING}"));
    failing(3, &["run", "background", "--testbed", &cores], &["1023"]);
    failing(
        3,
        &[
            "craft",
            "first-look",
            "--frames",
            "9",
            "-w",
            &folder.text("no/such/folder.pcap"),
        ],
        &["folder.pcap"],
    );
    // A folder that cannot be made is the user's to fix, and known before anything is sent.
    let file = folder.write("file", "");
    failing(
        2,
        &["run", "background", "--testbed", &ring, "--out", &format!("{file}/out")],
        &["--out"],
    );
}

#[test]
fn completions_are_the_shells_own_language() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef squall"),
        ("fish", "complete -c squall"),
    ] {
        let script = run(squall(&["completions", shell])).expect(0).stdout;
        assert!(script.contains(word), "{shell}: {script}");
        for command in ["run", "check", "craft", "decode", "ports", "doctor"] {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
        if support::skip::needs(&[shell]) {
            let folder = Folder::new();
            let path = folder.write("completion", &script);
            let mut parse = std::process::Command::new(shell);
            parse.args(["-n", &path]);
            let ended = run(parse).expect(0);
            assert_eq!(ended.stderr, "", "{shell} -n");
        }
    }
}

#[test]
fn what_the_testbed_says_of_the_system_is_in_the_results_as_it_was_said() {
    let folder = Folder::new();
    let testbed = format!("{RING}system: {{model: Llama-3 70B, accelerators: 96}}\nhealth: {{fec: 3e-15}}\n");
    folder.write("testbed.yaml", &testbed);
    folder.write(
        "one.yaml",
        "traffic: [{name: kv, kind: transfer, from: 0, to: 1, message: 4KiB, count: 1}]\n",
    );
    let pattern = folder.text("one.yaml");
    let (testbed, out) = (folder.text("testbed.yaml"), folder.text("out"));
    run(squall(&[
        "run",
        &pattern,
        "--testbed",
        &testbed,
        "--out",
        &out,
        "--quiet",
        "--set",
        "testbed.workload.arrivals=20/s, Poisson",
    ]))
    .expect(0);
    let text = std::fs::read(folder.path("out/results.json")).expect("it was written");
    let results: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(
        results["run"]["about"],
        serde_json::json!({
            "system": {"accelerators": "96", "model": "Llama-3 70B"},
            "workload": {"arrivals": "20/s, Poisson"},
            "health": {"fec": "3e-15"},
        })
    );
}
