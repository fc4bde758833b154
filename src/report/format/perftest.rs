//! Transfers in the columns of perftest's `ib_write_bw --report_gbits` and `ib_write_lat`.

use super::{Entry, float, or_na};

/// The kinds that are shown.
pub const KINDS: &[&str] = &["transfer", "incast", "burst"];

const LINE: &str = "---------------------------------------------------------------------------------------\n";

/// Both tables, one after the other.
pub fn tables(entries: &[&Entry]) -> String {
    let mut out = String::from(LINE);
    out += " #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]\n";
    for entry in entries {
        let bytes = or_na(entry.message.map(float), 0);
        let average = or_na(entry.goodput.value().map(|bps| bps / 1e9), 2);
        let rate = or_na(entry.message_rate.value().map(|rate| rate / 1e6), 6);
        out += &format!(
            " {bytes:<10} {:<14} {:<18} {average:<20} {rate}\n",
            entry.completed, "N/A"
        );
    }
    out += LINE;
    out += " #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]    t_stdev[usec]   \
            99% percentile[usec]   99.9% percentile[usec]\n";
    for entry in entries {
        let bytes = or_na(entry.message.map(float), 0);
        let micros = |picos: Option<f64>| or_na(picos.map(|picos| picos / 1e6), 2);
        let times = &entry.latency;
        out += &format!(
            " {bytes:<7} {:<14} {:<14} {:<12} {:<18} {:<14} {:<15} {:<22} {}\n",
            entry.completed,
            micros(times.min.map(float)),
            micros(times.max.map(float)),
            micros(times.p50.value()),
            micros(times.mean.value()),
            "N/A",
            micros(times.p99.value()),
            micros(times.p99_9.value()),
        );
    }
    out + LINE
}
