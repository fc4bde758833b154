//! The probe against a switch with planted thresholds: which frames of a round are marked follows
//! from their places alone, to the frame. What a mark says is worked out here by rule 11 of
//! docs/FABRIC.md, and nothing of squall's own inference is used.

mod support;

use support::{Folder, list, number, run, squall};

/// RDMA WRITE Only of 4,096 bytes over IPv4 (14 + 20 + 8 + 12 + 16 + 4096 + 4).
const FRAME: u64 = 4170;

#[test]
fn marks_begin_where_the_threshold_is_to_the_frame() {
    let folder = Folder::new();
    // The step that is planted, where it marks, who fills the queue and how deep.
    let cases = [
        (500_000, "enqueue", 4, 1200),
        (500_000, "dequeue", 4, 1200),
        // On a frame's boundary, and one byte to each side of it.
        (100 * FRAME, "enqueue", 3, 301),
        (100 * FRAME - 1, "enqueue", 3, 301),
        (100 * FRAME + 1, "dequeue", 1, 301),
        (5_000_000, "enqueue", 2, 1400),
    ];
    for (kmin, at, senders, frames) in cases {
        let settings = [
            format!("testbed.fabric.switch.ecn={{kmin: {kmin}, at: {at}}}"),
            format!("traffic.probe.senders={senders}"),
            format!("traffic.probe.frames={frames}"),
        ];
        let out = folder.text("out");
        let mut args = vec!["run", "ecn-probe", "--testbed", "switch", "--quiet", "--out", &out];
        for setting in &settings {
            args.extend(["--set", setting]);
        }
        run(squall(&args)).expect(0);
        let results = folder.results_of("out");
        let probe = &list(&results, "/traffic")[0];
        assert_eq!(number(probe, "/packets/lost"), 0);
        assert_eq!(number(probe, "/packets/received"), 5 * frames);
        // Marked when more than kmin waits: the frame in place n, from 0, finds n before it at enqueue, and
        // leaves as many behind as come after it at dequeue. Either way kmin / FRAME + 1 are not marked.
        let unmarked = kmin / FRAME + 1;
        assert_eq!(
            number(probe, "/ecn/received/ce"),
            5 * (frames - unmarked),
            "{kmin} bytes at {at}, {senders} senders: {probe:#}"
        );
        // The hold as the fabric saw it: the egress to the receiver was paused once in each round.
        let fabric: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path("out").join("fabric.json")).unwrap()).unwrap();
        let switch = &list(&fabric, "/switches")[0];
        let ports = list(switch, "/ports");
        let to_receiver = &list(ports.last().unwrap(), "/classes")[0];
        assert_eq!(number(to_receiver, "/xon_received"), 5, "{to_receiver:#}");
        assert_eq!(number(to_receiver, "/max_depth_bytes"), frames * FRAME);
    }
}

/// What `check` says of a queue that the switch will not let fill, and that it is true.
#[test]
fn a_share_above_the_switchs_own_threshold_is_warned_of() {
    let notes = |xoff: u64| {
        let xoff = format!("testbed.fabric.switch.pfc.xoff={xoff}");
        let args = ["check", "ecn-probe", "--testbed", "switch", "--set", &xoff];
        let said = run(squall(&args)).expect(0).stdout;
        said.lines()
            .filter(|line| line.contains("place says nothing of depth"))
            .count()
    };
    // 1,200 frames from four senders.
    assert_eq!(notes(300 * FRAME), 0);
    assert_eq!(notes(300 * FRAME - 1), 1);
    let folder = Folder::new();
    let out = folder.text("out");
    for (xoff, paused) in [(300 * FRAME, false), (300 * FRAME - 1, true)] {
        let xoff = format!("testbed.fabric.switch.pfc.xoff={xoff}");
        let args = [
            "run",
            "ecn-probe",
            "--testbed",
            "switch",
            "--quiet",
            "--out",
            &out,
            "--set",
            &xoff,
        ];
        run(squall(&args)).expect(0);
        let results = folder.results_of("out");
        let pauses: u64 = list(&results, "/ports")
            .iter()
            .map(|port| number(port, "/pfc/received_per_class/3"))
            .sum();
        assert_eq!(pauses > 0, paused, "{xoff}");
    }
}
