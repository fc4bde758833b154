//! The same pattern, testbed and seed give the same bytes, in one process and in another, whatever
//! ran before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::fabric::Counters;
use squall::report::{Results, to_json};
use support::{Folder, run, squall};
use virtual_kit::Bench;

/// Several kinds at once on several switches, with every kind of chance: routing, jitter, arrivals,
/// marking, hashes, faults.
const PATTERN: &str = "seed: 77
duration: 200us
frame: {dscp: 26, pmtu: 1024}
traffic:
- {name: all, kind: alltoall, ranks: 6, experts: 16, top_k: 2, hidden: 512, batch: 16, skew: 0.8, layers: 2}
- {name: rush, kind: incast, senders: 5, message: 100KB, jitter: 2us, repeats: 2, gap: 10us, after: all}
- {name: bursts, kind: burst, transfers: 9, from: 0-2, to: 5, message: 30KB, window: 20us, arrival: poisson}
- {name: loop, kind: transfer, from: 1, to: 4, message: 20KB, outstanding: 3, qps: 4, rate: 60%}
- {name: spray, kind: background, from: 2, to: 3, load: 20%, frame: {source_port: per-packet, ip: 6}}
- {name: pauses, kind: pfc, from: 5, classes: [3, 4], quanta: 300, interval: 7us}
";

const TESTBED: &str = "fabric:
  topology: clos
  pods: 2
  leaves: 2
  spines: 2
  cores: 2
  speed: 100Gbps
  switch:
    buffer: 4MB
    scheduler: dwrr
    ecn: {kmin: 10KB, kmax: 90KB, pmax: 40%}
    pfc: {xoff: 40KB, headroom: 60KB}
  faults:
  - {at: leaf0, drop: {probability: 0.5%}}
  - {at: host2, duplicate: {probability: 1%}}
  - {at: leaf1, reorder: {probability: 1%, by: 3}}
  - {at: host1, corrupt: {probability: 0.5%}}
  - {at: leaf0-spine1, link_down: {from: 2us, to: 150us, detect: 100us}}
";

/// All of a result but what is said of the machine and the wall clock.
fn comparable(json: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in json.lines() {
        let begins = |key: &str| line.trim_start().starts_with(&format!("\"{key}\":"));
        if line.starts_with("  \"environment\": {") {
            inside = true;
        }
        if !(inside || begins("started_at") || begins("wall_duration_ps")) {
            lines.push(line);
        }
        if line.starts_with("  }") {
            inside = false;
        }
    }
    assert_eq!(json.lines().filter(|line| line.contains("\"environment\"")).count(), 1);
    lines.join("\n")
}

fn texts((results, fabric): (Results, Counters)) -> (String, String) {
    (comparable(&to_json(&results)), fabric.to_json())
}

#[test]
fn twice_in_one_process_and_whatever_ran_before() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let (results, fabric) = bench.balanced(PATTERN, TESTBED, &[]);
        // There is chance in it, and everything that is to be the same happens.
        assert!(
            fabric.faults.iter().all(|fault| fault.frames > 0),
            "{:?}",
            fabric.faults
        );
        assert!(results.traffic.iter().all(|entry| entry.packets.sent > 10));
        assert!(results.traffic[1].packets.sent > 100 && results.traffic[3].messages.completed > Some(5));
        let first = texts((results, fabric));
        assert_eq!(texts(bench.balanced(PATTERN, TESTBED, &[])), first);
        // Other buffers, other lengths, more hosts, and back.
        for (pattern, testbed) in [
            ("first-look", "switch"),
            ("many-qps", "leaf-spine"),
            ("wide-ep", "clos"),
        ] {
            let one = texts(bench.balanced(pattern, testbed, &[]));
            assert_eq!(texts(bench.balanced(pattern, testbed, &[])), one, "{pattern}");
        }
        assert_eq!(texts(bench.balanced(PATTERN, TESTBED, &[])), first);
        // Another seed is another run.
        let other = texts(bench.balanced(PATTERN, TESTBED, &["seed=78"]));
        assert!(other.0 != first.0 && other.1 != first.1);
    });
}

#[test]
fn twice_from_the_command_line() {
    let folder = Folder::new();
    let (pattern, testbed) = (folder.write("p.yaml", PATTERN), folder.write("t.yaml", TESTBED));
    let of = |out: &str, file: &str| std::fs::read_to_string(folder.path(out).join(file)).unwrap();
    for out in ["one", "two"] {
        let dir = folder.text(out);
        let args = ["run", "--quiet", &pattern, "--testbed", &testbed, "--out", &dir];
        run(squall(&args)).expect(0);
    }
    let results = comparable(&of("one", "results.json"));
    assert!(results.contains("\"seed\": 77") && results.len() > 10_000);
    assert_eq!(results, comparable(&of("two", "results.json")));
    assert_eq!(of("one", "fabric.json"), of("two", "fabric.json"));
}

/// What differs is masked, and nothing else is.
#[test]
fn what_is_compared_is_all_but_machine_and_clock() {
    let json = "{\n  \"run\": {\n    \"seed\": 1,\n    \"started_at\": \"x\",\n    \"wall_duration_ps\": 3\n  },\n  \"environment\": {\n    \"cores\": {\n      \"tx\": [1]\n    },\n    \"cpus\": 2\n  },\n  \"ports\": []\n}";
    assert_eq!(
        comparable(json),
        "{\n  \"run\": {\n    \"seed\": 1,\n  },\n  \"ports\": []\n}"
    );
}
