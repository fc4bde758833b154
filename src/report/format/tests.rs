//! The arithmetic by hand, and the tables as users' scripts read them.

use super::{Configuration, Format, render};
use crate::report::model::*;
use crate::report::tests::example::results;

/// Lines that scripts take for data: neither comments nor rules, split at white space.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| line.split_whitespace().collect())
        .collect()
}

/// The example's AllToAll, as if of four ranks: two rounds of 12,000,000 bytes in 100 µs on average.
fn alltoall() -> Results {
    let mut results = results();
    for entry in results.traffic.iter_mut().filter(|entry| entry.kind == "alltoall") {
        entry.parameters.insert("ranks".to_owned(), 4.into());
        let rounds = entry.rounds.as_mut().unwrap();
        rounds.completed = 2;
        rounds.payload_bytes = 24_000_000;
        let time = rounds.time.as_mut().unwrap();
        time.mean = 100e6;
        time.count = 2;
    }
    results
}

#[test]
fn alltoall_by_hand_in_the_columns_of_nccl_tests() {
    let mut one = Configuration::new("");
    one.add(&alltoall());
    let text = render(Format::Nccl, &[one]);
    // A rank sends 12,000,000 / 4 = 3,000,000 bytes to three others, and would keep 1,000,000: size 4,000,000, of which
    // 1,000,000 to each. In 100 µs that is 40 GB/s; over the bus 30.
    let columns: Vec<&str> = rows(&text).remove(0);
    assert_eq!(
        columns,
        [
            "4000000", "1000000", "uint8", "none", "-1", "100.00", "40.00", "30.00", "N/A", "N/A", "N/A", "N/A", "N/A"
        ]
    );
    assert!(text.contains("# Avg bus bandwidth    : 30.0000\n"), "{text}");
    let head: Vec<&str> = text.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(
        head,
        [
            "#", "size", "count", "type", "redop", "root", "time", "algbw", "busbw", "#wrong", "time", "algbw",
            "busbw", "#wrong"
        ]
    );
}

#[test]
fn trials_are_one_row_and_configurations_are_many() {
    let mut slower = alltoall();
    for entry in slower.traffic.iter_mut().filter(|entry| entry.kind == "alltoall") {
        entry.rounds.as_mut().unwrap().time.as_mut().unwrap().mean = 300e6;
    }
    let mut one = Configuration::new("ranks=4");
    one.add(&alltoall());
    one.add(&slower);
    let mut other = Configuration::new("ranks=5");
    other.add(&slower);
    let text = render(Format::Nccl, &[one, other]);
    let times: Vec<&str> = rows(&text).iter().map(|row| row[5]).collect();
    assert_eq!(times, ["200.00", "300.00"]);
    assert!(text.starts_with("# row 1: ep ranks=4\n# row 2: ep ranks=5\n"), "{text}");
}

#[test]
fn transfers_by_hand_in_the_columns_of_perftest() {
    let mut results = results();
    let entry = &mut results.traffic[0];
    entry.parameters.insert("message_bytes".to_owned(), 65_536.into());
    entry.messages.completed = Some(788);
    entry.active_ps = Some(4_000_000_000);
    entry.goodput_bps = Some(93_068_401_777);
    entry.message_latency = entry.message_latency.clone().map(|times| Distribution {
        min: 50_000_000,
        p50: 62_500_000,
        mean: 75e6,
        p99: 150_000_000,
        p99_9: 200_000_000,
        max: 250_000_000,
        ..times
    });
    results.traffic.truncate(1);
    let mut one = Configuration::new("");
    one.add(&results);
    let text = render(Format::Perftest, &[one]);
    let rows = rows(&text);
    // 788 messages in 4 ms are 197,000 a second.
    assert_eq!(rows[0], ["65536", "788", "N/A", "93.07", "0.197000"]);
    assert_eq!(
        rows[1],
        [
            "65536", "788", "50.00", "250.00", "62.50", "75.00", "N/A", "150.00", "200.00"
        ]
    );
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with(" #bytes")).collect();
    assert_eq!(
        heads[0],
        " #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]"
    );
    assert!(heads[1].starts_with(" #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]"));
}

#[test]
fn what_was_not_measured_is_not_there() {
    let mut results = alltoall();
    for entry in results.traffic.iter_mut().filter(|entry| entry.kind == "alltoall") {
        entry.rounds = None;
    }
    let mut one = Configuration::new("");
    one.add(&results);
    let text = render(Format::Nccl, &[one]);
    assert!(text.contains("N/A           N/A     uint8"), "{text}");
    assert!(text.ends_with("# Avg bus bandwidth    : N/A\n"), "{text}");
    assert!(Format::Nccl.fits(["transfer"]).is_err());
    assert!(Format::Perftest.fits(["alltoall", "incast"]).is_ok());
    assert!(Format::Text.fits([]).is_ok());
}
