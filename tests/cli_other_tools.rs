//! What other tools read of squall, by small readers as people write them: the columns of nccl-tests and perftest by
//! awk, and the counters of a running test by Python's urllib.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;
use support::{Ended, Folder, Running, list, run, squall, wait_for};

const DISPATCH: &str = "
traffic:
  - {name: ep, kind: alltoall, ranks: 4, model: M3, batch: 32, layers: 3, interval: 1ms}
  - {name: kv, kind: transfer, from: 4, to: 5, message: 64KiB, count: 40}
";

/// What awk makes of `text`.
fn awk(program: &str, folder: &Folder, text: &str) -> Vec<f64> {
    let file = folder.write("printed", text);
    let ended = run({
        let mut awk = Command::new("awk");
        awk.args([program, &file]);
        awk
    })
    .expect(0);
    let numbers = ended.stdout.split_whitespace();
    numbers
        .map(|number| {
            number
                .parse()
                .unwrap_or_else(|_| panic!("{number} in {}", ended.stdout))
        })
        .collect()
}

fn format(folder: &Folder, format: &str, more: &[&str]) -> Ended {
    let pattern = folder.text("pattern.yaml");
    let args = ["run", &pattern, "--testbed", "switch", "--format", format];
    run(squall(&[&args[..], more].concat()))
}

#[test]
fn awk_finds_the_bus_bandwidth_where_nccl_tests_has_it() {
    let folder = Folder::new();
    folder.write("pattern.yaml", DISPATCH);
    let out = folder.text("out");
    let text = format(&folder, "nccl", &["--out", &out]).expect(0).stdout;
    let found = awk("$1 ~ /^[0-9]+$/ { print $1, $2, $6, $7, $8 }", &folder, &text);
    let &[size, count, time, algbw, busbw] = &found[..] else {
        panic!("{found:?} in {text}")
    };
    // From the results, as docs/METHOD.md defines it.
    let results = std::fs::read(folder.path("out/results.json")).expect("it was written");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    let rounds = &results["traffic"][0]["rounds"];
    let of = |path: &str| rounds.pointer(path).and_then(Value::as_f64).expect("a number");
    let sent = of("/payload_bytes") / of("/completed") / 4.0;
    let near = |one: f64, other: f64| (one - other).abs() <= 0.006_f64.max(1e-4 * other);
    assert!(
        (size - sent * 4.0 / 3.0).abs() <= 1.0 && (count - sent / 3.0).abs() <= 1.0,
        "{text}"
    );
    assert!(near(time, of("/time/mean") / 1e6), "{text}");
    assert!(
        near(busbw, sent / of("/time/mean") * 1e3) && near(busbw, algbw * 3.0 / 4.0),
        "{text}"
    );
    let average = awk("/Avg bus bandwidth/ { print $NF }", &folder, &text);
    assert!(near(average[0], busbw), "{text}");
}

#[test]
fn awk_finds_a_row_for_each_point_where_perftest_has_it() {
    let folder = Folder::new();
    folder.write("pattern.yaml", DISPATCH);
    let sweep = ["--vary", "traffic.kv.message=4KiB,64KiB", "--trials", "2"];
    let text = format(&folder, "perftest", &sweep).expect(0).stdout;
    // As scripts do: after the head with BW, numbers until the next rule.
    let bandwidths = awk(
        "/BW average/ { on = 1; next } /---/ { on = 0 } on { print $1, $2, $4, $5 }",
        &folder,
        &text,
    );
    assert_eq!(
        (bandwidths[0], bandwidths[1], bandwidths[4], bandwidths[5]),
        (4096.0, 80.0, 65_536.0, 80.0),
        "{text}"
    );
    for row in bandwidths.chunks(4) {
        // Gb/s over bits of a message is millions of messages a second; printed with two digits.
        let rate = row[2] * 1e3 / (8.0 * row[0]);
        assert!((row[3] - rate).abs() < 0.01 * rate, "{row:?}");
    }
    let latencies = awk(
        "/t_typical/ { on = 1; next } /---/ { on = 0 } on { print $1, $3, $4, $5, $6, $8, $9 }",
        &folder,
        &text,
    );
    assert_eq!(latencies.len(), 14, "{text}");
    for row in latencies.chunks(7) {
        let [_, min, max, typical, mean, p99, p99_9] = row else {
            panic!("{row:?}")
        };
        assert!(
            min <= typical && min <= mean && mean <= max && typical <= p99 && p99 <= p99_9 && p99_9 <= max,
            "{row:?}"
        );
    }
}

#[test]
fn a_format_that_has_nothing_to_show_is_refused_before_anything_is_sent() {
    let folder = Folder::new();
    folder.write(
        "pattern.yaml",
        "traffic: [{name: kv, kind: transfer, from: 0, to: 1, message: 4KiB, count: 1}]\n",
    );
    let out = folder.text("out");
    let ended = format(&folder, "nccl", &["--out", &out]).expect(2);
    assert!(
        ended
            .stderr
            .contains("shows `alltoall` entries, and the pattern has none"),
        "{}",
        ended.stderr
    );
    assert!(!folder.path("out").exists());
}

/// Where `--metrics 127.0.0.1:0` says that it listens.
fn address(running: &mut Running) -> String {
    let mut found = None;
    wait_for("the address", || {
        let (_, stderr) = running.said();
        let line = stderr.lines().find_map(|line| line.strip_prefix("metrics: http://"));
        found = line.and_then(|line| line.strip_suffix("/metrics")).map(str::to_owned);
        found.is_some() || !running.is_running()
    });
    found.unwrap_or_else(|| panic!("{:?}", running.said()))
}

/// A scrape by Python's urllib; none when nobody answers any more.
fn scrape(address: &str) -> Option<String> {
    let program =
        format!("import urllib.request as u; print(u.urlopen('http://{address}/metrics', timeout=3).read().decode())");
    let answer = Command::new("python3")
        .args(["-c", &program])
        .output()
        .expect("python3 runs");
    answer
        .status
        .success()
        .then(|| String::from_utf8(answer.stdout).expect("text"))
}

fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
fn counters_of_a_run_in_real_time_are_scraped_while_it_lasts_and_garbage_does_not_disturb() {
    let folder = Folder::new();
    folder.write(
        "ring.yaml",
        "eal: {hugepages: none, telemetry: false}\nports: [{name: loop, device: net_ring0, speed: 1Gbps}]\n",
    );
    folder.write(
        "slow.yaml",
        "traffic: [{name: kv, kind: background, from: 0, to: 1, load: 10Mbps, message: 4KiB, duration: 5s}]\n",
    );
    let (pattern, testbed, out) = (folder.text("slow.yaml"), folder.text("ring.yaml"), folder.text("out"));
    let args = [
        "run",
        &pattern,
        "--testbed",
        &testbed,
        "--out",
        &out,
        "--quiet",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(squall(&args));
    let address = address(&mut running);
    let mut hangs: Vec<TcpStream> = (0..3).filter_map(|_| TcpStream::connect(&address).ok()).collect();
    for stream in &mut hangs {
        let _ = stream.write_all(b"\x16\x03garbage");
    }
    let mut seen = Vec::new();
    while running.is_running() {
        if let Some(text) = scrape(&address) {
            seen.push((
                value(&text, "squall_tx_frames_total"),
                value(&text, "squall_rx_frames_total"),
            ));
        }
    }
    running.wait().expect(0);
    let results = std::fs::read(folder.path("out/results.json")).expect("it was written");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    let port = &list(&results, "/ports")[0];
    let sent = port.pointer("/tx/frames").and_then(Value::as_f64).expect("a number");
    assert!(seen.len() > 3, "{seen:?}");
    assert!(
        seen.windows(2)
            .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1),
        "{seen:?}"
    );
    let last = seen.last().expect("it was scraped").0;
    assert!(last > 0.3 * sent && last <= sent, "{last} of {sent}");
    assert_eq!(results["traffic"][0]["packets"]["lost"], 0);
}

#[test]
fn counters_of_finished_trials_in_virtual_time_agree_with_their_results() {
    let folder = Folder::new();
    folder.write("pattern.yaml", DISPATCH);
    let (pattern, out) = (folder.text("pattern.yaml"), folder.text("out"));
    let args = [
        "run",
        &pattern,
        "--testbed",
        "switch",
        "--trials",
        "200",
        "--out",
        &out,
        "--quiet",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(squall(&args));
    let address = address(&mut running);
    let mut seen = Vec::new();
    while running.is_running() {
        seen.extend(scrape(&address));
    }
    running.wait().expect(0);
    // Frames that the first n trials sent, by their own results.
    let mut sums = vec![0.0];
    for trial in 0..200 {
        let name = format!("out/trials/point-0000/trial-{trial:04}/results.json");
        let results = std::fs::read(folder.path(&name)).expect("it was written");
        let results: Value = serde_json::from_slice(&results).expect("JSON");
        let ports = list(&results, "/ports").iter();
        let sent: f64 = ports.filter_map(|port| port.pointer("/tx/frames")?.as_f64()).sum();
        sums.push(sums[trial] + sent);
    }
    assert!(!seen.is_empty());
    for text in &seen {
        // One more may be under way.
        let (done, sent) = (
            value(text, "squall_trials_done_total"),
            value(text, "squall_tx_frames_total"),
        );
        let done = (0..=200_u32)
            .find(|number| f64::from(*number) == done)
            .expect("a whole number") as usize;
        let next = sums[(done + 1).min(200)];
        assert!(
            sums[done] <= sent && sent <= next,
            "{sent} after {done} trials is not {} to {next}",
            sums[done]
        );
        assert!(value(text, "squall_trials") == 200.0);
    }
}

#[test]
fn an_address_beyond_this_machine_is_refused() {
    let folder = Folder::new();
    folder.write("pattern.yaml", DISPATCH);
    let pattern = folder.text("pattern.yaml");
    for (address, what) in [
        ("0.0.0.0:0", "this is no loopback address"),
        ("9464", "an address and a port are needed, such as 127.0.0.1:9464"),
    ] {
        let ended = run(squall(&[
            "run",
            &pattern,
            "--testbed",
            "switch",
            "--quiet",
            "--metrics",
            address,
        ]))
        .expect(2);
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
    }
}
