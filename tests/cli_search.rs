//! Searches: what they find is where it was planted, whoever stops or shares them.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Folder, list, run, squall};

const TESTBED: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
fabric:
  speed: 100Gbps
  switch: {buffer: BUFFER, alpha: ALPHA, ecn: none, pfc: {classes: 3, xoff: 10KB, headroom: 1KB}}
";

const PATTERN: &str = "
name: burst
frame: {dscp: 0, ecn: not-ect, pmtu: 1024}
traffic:
  - {name: burst, kind: incast, senders: 4, message: 64KiB, rate: max}
";

fn folder(buffer: &str, alpha: &str, search: &str) -> Folder {
    let folder = Folder::new();
    folder.write(
        "fabric.yaml",
        &TESTBED.replace("BUFFER", buffer).replace("ALPHA", alpha),
    );
    folder.write("burst.yaml", PATTERN);
    folder.write(
        "search.yaml",
        &format!("name: limit\npattern: burst.yaml\ntestbed: fabric.yaml\n{search}"),
    );
    folder
}

fn sweep(folder: &Folder, out: &str, more: &[&str]) -> Command {
    let (file, out) = (folder.text("search.yaml"), folder.text(out));
    squall(&[&["sweep", file.as_str(), "--out", out.as_str()], more].concat())
}

fn summary(folder: &Folder, out: &str) -> Value {
    let text = std::fs::read_to_string(folder.path(out).join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

/// What a search found of its n-th goal and group: the numbers of the values.
fn bracket(summary: &Value, number: usize) -> (Option<f64>, Option<f64>) {
    let found = &list(summary, "/search")[number];
    let value = |side: &str| {
        let text = found[side]["value"].as_str()?;
        let bytes: Result<squall::units::Bytes, _> = text.parse();
        #[expect(clippy::cast_precision_loss, reason = "a size of a message")]
        text.parse().ok().or_else(|| bytes.ok().map(|bytes| bytes.0 as f64))
    };
    (value("holds"), value("fails"))
}

/// A queue in a class without PFC may hold alpha times what is free: α/(1+α) of what the headrooms leave of the buffer
/// (docs/FABRIC.md). n senders of m bytes at once leave (n − 1) m of frames in it when the last of them has come.
#[test]
fn the_longest_burst_is_what_the_buffer_holds() {
    for (senders, buffer, alpha) in [
        (2_u32, 300_000_u32, 8_u32),
        (3, 450_000, 2),
        (7, 700_000, 1),
        (5, 1_000_000, 4),
    ] {
        let search = format!(
            "set: {{traffic.burst.senders: {senders}}}\nsearch: {{key: traffic.burst.message, find: greatest, from: 10KB, to: 900KB, \
             resolution: 1KB, goals: [{{name: no loss, expect: lost == 0}}]}}\n"
        );
        let folder = folder(&format!("{buffer}B"), &alpha.to_string(), &search);
        run(sweep(&folder, "out", &["--quiet"])).expect(0);
        let found = summary(&folder, "out");
        let (Some(holds), Some(fails)) = bracket(&found, 0) else {
            panic!("{:#}", found["search"])
        };
        assert!((fails - holds - 1000.0).abs() < 0.5);
        let free = f64::from(buffer) - f64::from(senders + 1) * 1000.0;
        let most = free * f64::from(alpha) / f64::from(1 + alpha);
        // A frame of 1024 bytes of payload has 1,086 in the buffer, RETH and immediate of each message aside.
        let frame = 1024.0 + 62.0;
        let limit = most / (frame / 1024.0) / f64::from(senders - 1);
        let off = 2.0 * frame + 1000.0;
        assert!(
            holds - off < limit && limit < fails + off,
            "{senders} senders, {buffer} bytes, alpha {alpha}: {holds} to {fails}, {limit}"
        );
    }
}

const MANY: &str = "
vary: {frame.pmtu: [1024, 4096]}
trials: 2
search:
  key: traffic.burst.senders
  find: least
  from: 2
  to: 24
  resolution: 1
  goals:
    - {name: a loss, expect: lost > 0}
    - {name: a quarter lost, expect: Packet_drop_rate > 250000 ppm}
    - {name: the impossible, expect: Packet_drop_rate > 999999 ppm}
hooks: {after: fabric}
";

/// Least numbers are found too, several goals share their trials, what cannot be found is told; and it is all the same
/// side by side, and after a part of the trials was lost.
#[test]
fn it_goes_on_where_it_was_and_finds_the_same_side_by_side() {
    let folder = folder("500KB", "8", MANY);
    let ended = run(sweep(&folder, "one", &["--jobs", "1"])).expect(0);
    let one = summary(&folder, "one");
    for group in 0..2 {
        let (loss, _) = bracket(&one, 3 * group);
        let (more, less) = bracket(&one, 3 * group + 1);
        assert!(
            loss.is_some() && more > loss && less == more.map(|senders| senders - 1.0),
            "{:#}",
            one["search"]
        );
        assert_eq!(bracket(&one, 3 * group + 2), (None, Some(24.0)));
    }
    assert!(
        ended.stdout.contains("the impossible: not even at 24"),
        "{}",
        ended.stdout
    );
    let run_points = list(&one, "/points").len();
    assert!(run_points < 2 * 15, "{run_points} points of 46 were run");

    run(sweep(&folder, "two", &["--jobs", "2", "--quiet"])).expect(0);
    let text = |out: &str, name: &str| std::fs::read_to_string(folder.path(out).join(name)).expect(name);
    for name in ["trials.csv", "summary.csv", "summary.json", "summary.txt"] {
        assert_eq!(text("one", name), text("two", name), "{name}");
    }
    // A part of the trials is lost, as if the machine had gone down before them.
    let trials = folder.path("two").join("trials");
    let points = std::fs::read_dir(&trials)
        .expect("trials")
        .flatten()
        .map(|item| item.path());
    let mut points: Vec<_> = points.collect();
    points.sort();
    for point in points.iter().step_by(3) {
        std::fs::remove_dir_all(point).expect("removed");
    }
    run(sweep(&folder, "two", &["--jobs", "1", "--quiet"])).expect(0);
    assert_eq!(text("one", "summary.json"), text("two", "summary.json"));
    assert!(text("one", "report.html").contains("Every limit in words"));
}

#[test]
fn what_cannot_be_searched_is_refused_where_it_stands() {
    let of = |search: &str| {
        let folder = folder("500KB", "8", search);
        run(sweep(&folder, "out", &["--dry-run"])).expect(2).stderr
    };
    for (search, why) in [
        (
            "search: {key: traffic.burst.senders, find: greatest, from: 2, to: 9, resolution: 1}",
            "`search` has no `goals`",
        ),
        (
            "expect: lost == 0\nsearch: {key: traffic.burst.senders, find: greatest, from: 9, to: 2, resolution: 1}",
            "`from` 9 is not below `to` 2",
        ),
        (
            "expect: lost == 0\nsearch: {find: greatest, from: 2, to: 9, resolution: 1}",
            "`key`",
        ),
        (
            "expect: lost == 0\nsearch: {key: traffic.burst.senders, find: largest, from: 2, to: 9, resolution: 1}",
            "greatest or least",
        ),
        (
            "search: {key: traffic.burst.senders, find: least, from: 2, to: 9, resolution: 1, goals: [{name: a, expect: [lots > 0]}]}",
            "lots",
        ),
        (
            "vary: {traffic.burst.senders: [2, 3]}\nexpect: lost == 0\n\
             search: {key: traffic.burst.senders, find: least, from: 2, to: 9, resolution: 1}",
            "`traffic.burst.senders` is varied twice",
        ),
    ] {
        let said = of(search);
        assert!(said.contains(why) && said.contains("search.yaml:"), "{search}: {said}");
    }
}
