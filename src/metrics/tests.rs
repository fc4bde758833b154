//! Scraped as Prometheus does, and as it never would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Metrics, MetricsError};
use crate::engine::outcome::Live;
use crate::report::tests::example::results;
use crate::trial::Watched;
use crate::units::Picos;

fn ask(metrics: &Metrics, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(metrics.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    // A reset is an answer too.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn scrape(metrics: &Metrics) -> String {
    ask(metrics, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn listen() -> Metrics {
    Metrics::listen("127.0.0.1:0".parse().unwrap(), "a \"b\"\\c", 3, 1).unwrap()
}

#[test]
fn what_is_seen_is_told_and_a_finished_trial_agrees_with_its_results() {
    let metrics = listen();
    metrics.begins(0, "senders=4");
    metrics.seen(
        0,
        &Watched {
            live: Live {
                elapsed: Picos(1_500_000_000_000),
                tx: (10, 1000),
                rx: (7, 700),
                expected: 10,
                received: 7,
                ce: 2,
            },
            length: Some(Picos(2_000_000_000_000)),
            listens: true,
            kept: None,
            before: Picos::ZERO,
        },
    );
    let text = scrape(&metrics);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(
        text.contains("\nsquall_tx_frames_total{pattern=\"a \\\"b\\\"\\\\c\",point=\"senders=4\"} 10\n"),
        "{text}"
    );
    for (name, wanted) in [
        ("squall_rx_bytes_total", 700.0),
        ("squall_ce_frames_total", 2.0),
        ("squall_outstanding_frames", 3.0),
        ("squall_run_elapsed_seconds", 1.5),
        ("squall_run_planned_seconds", 2.0),
        ("squall_trials", 3.0),
        ("squall_trials_done_total", 1.0),
    ] {
        assert!(value(&text, name) == wanted, "{name} in {text}");
    }
    let results = results();
    metrics.finished(0, &results);
    let json = serde_json::to_value(&results).unwrap();
    let sum = |list: &str, path: &str| -> f64 {
        let items = json[list].as_array().unwrap().iter();
        items.filter_map(|item| item.pointer(path)?.as_f64()).sum()
    };
    let text = scrape(&metrics);
    for (name, wanted) in [
        ("squall_tx_frames_total", sum("ports", "/tx/frames")),
        ("squall_rx_frames_total", sum("ports", "/rx/frames")),
        ("squall_ce_frames_total", sum("traffic", "/ecn/received/ce")),
        ("squall_lost_frames_total", sum("traffic", "/packets/lost")),
        ("squall_trials_done_total", 2.0),
    ] {
        assert!(value(&text, name) == wanted, "{name} is not {wanted} in {text}");
    }
    // Another point begins at 0; the same goes on.
    metrics.begins(0, "senders=4");
    assert!(value(&scrape(&metrics), "squall_tx_frames_total") > 0.0);
    metrics.begins(0, "senders=8");
    assert!(value(&scrape(&metrics), "squall_tx_frames_total") == 0.0);
}

#[test]
fn garbage_and_hanging_scrapers_do_not_disturb() {
    let metrics = listen();
    // They connect, and say nothing, or a little, or never enough.
    let mut silent: Vec<TcpStream> = (0..12)
        .map(|_| TcpStream::connect(metrics.address()).unwrap())
        .collect();
    for stream in silent.iter_mut().take(6) {
        stream.write_all(b"GET /met").unwrap();
    }
    for request in [&b"\x00\xff\x16\x03\x01garbage\r\n\r\n"[..], b"\r\n\r\n", b"GET\r\n\r\n"] {
        assert!(ask(&metrics, request).starts_with("HTTP/1.1 400 "), "{request:?}");
    }
    assert!(ask(&metrics, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&metrics, b"GET /etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    ask(&metrics, &[b'x'; 100_000]);
    // Telling it takes no longer than ever: nobody is waited for.
    let begun = Instant::now();
    for _ in 0..1000 {
        metrics.begins(0, "p");
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(scrape(&metrics).starts_with("HTTP/1.1 200 OK\r\n"));
    drop(silent);
}

#[test]
fn idle_connections_keep_no_scraper_out() {
    let metrics = listen();
    // More than are served at a time, and each new one younger than all scrapes before it.
    let mut idle = Vec::new();
    for _ in 0..4 {
        for number in 0..60 {
            let mut stream = TcpStream::connect(metrics.address()).unwrap();
            if number % 3 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
            }
            idle.push(stream);
        }
        let mut scraper = TcpStream::connect(metrics.address()).unwrap();
        // Not a measure of speed: long after what four served one after another would take.
        scraper.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        scraper.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    // Those whose time is over are told so, or were put out for others.
    for mut stream in idle {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[test]
fn only_loopback_and_only_a_free_port() {
    let beyond = Metrics::listen("0.0.0.0:0".parse().unwrap(), "p", 1, 0);
    assert!(matches!(beyond, Err(MetricsError::Beyond(_))));
    let metrics = listen();
    let taken = Metrics::listen(metrics.address(), "p", 1, 0);
    assert!(matches!(taken, Err(MetricsError::Listen { .. })));
    assert!(
        taken
            .unwrap_err()
            .to_string()
            .contains("choose another port, or 0 for any")
    );
}
