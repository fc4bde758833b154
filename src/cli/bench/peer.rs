//! `dpdk-testpmd` in txonly mode, between rounds of squall's own sending.
//!
//! Contract: the peer sends on the same core, by the same driver, from pages of the same kind and from as many buffers; a
//! round's ratio is squall's rate over the mean of the peer's before and after it. Both are rates over all of their time, so
//! that what a busy machine takes from one it takes from the other.
//!
//! Left out on purpose: what squall sends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{self, Order, said};
use crate::cli::Failure;
use crate::engine::bench::median;

/// Buffers of the peer: squall's own bench has as many.
const BUFFERS: u32 = 8191;

/// Bytes of the peer's frames: its shortest.
const FRAME: u32 = 64;

/// Seconds in which the peer starts, besides those in which it sends.
const START: u32 = 3;

/// Bytes that the peer may print: some 1,500 in each second.
const MOST: usize = 8 << 20;

/// The peer, and what it has sent.
pub(super) struct Peer {
    program: PathBuf,
    core: usize,
    seconds: u32,
    huge: bool,
    /// Packets per second, before the first round and after each.
    pub rates: Vec<f64>,
}

impl Peer {
    /// `program` on `core` for about so many seconds at a time.
    pub fn new(program: &Path, core: usize, seconds: f64, huge: bool) -> Peer {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0.01 s to an hour"
        )]
        let seconds = seconds.ceil() as u32;
        Peer {
            program: program.to_owned(),
            core,
            seconds,
            huge,
            rates: Vec::new(),
        }
    }

    /// Lets it send.
    ///
    /// # Errors
    /// [`Failure::Environment`] when it cannot be started, or says nothing of what it sent.
    pub fn send(&mut self) -> Result<(), Failure> {
        let failed = |why: String| {
            let name = self.program.display();
            Failure::Environment(format!("the peer {name}: {why}"))
        };
        let total = START + self.seconds;
        let arguments = self.arguments(total);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = child::run(&Order {
            program: Path::new("timeout"),
            arguments: &arguments,
            environment: &[],
            stdin: &[],
            limit: Duration::from_secs(u64::from(total) + 20),
            most: MOST,
            stop: &|| false,
        })
        .map_err(|error| failed(error.to_string()))?;
        // What `timeout` says of a program that is not there, and of one that it must not run.
        if let Some(126 | 127) = ended.status.code() {
            return Err(failed(
                "it cannot be started (Debian and Ubuntu: apt-get install dpdk)".to_owned(),
            ));
        }
        let rate = rate(&String::from_utf8_lossy(&ended.stdout))
            .ok_or_else(|| failed(format!("it has sent nothing{}", said(&ended.stderr))))?;
        self.rates.push(rate);
        Ok(())
    }

    /// The rate that squall's of the last round is held against.
    pub fn around(&self) -> Option<f64> {
        let [.., before, after] = self.rates[..] else {
            return None;
        };
        Some(f64::midpoint(before, after))
    }

    /// Median of its rates.
    pub fn median(&self) -> f64 {
        median(self.rates.clone())
    }

    fn arguments(&self, total: u32) -> Vec<String> {
        let core = self.core;
        let mut all: Vec<String> = ["--signal=INT", "--kill-after=10"].map(str::to_owned).into();
        all.push(total.to_string());
        all.push(self.program.display().to_string());
        // Its first thread prints now and then; the second sends.
        all.push(format!("--lcores=0@{core},1@{core}"));
        let pages: &[&str] = if self.huge {
            &["--huge-unlink", "-m", "128"]
        } else {
            &["--no-huge", "-m", "256"]
        };
        all.extend(pages.iter().map(|page| (*page).to_owned()));
        all.push("--no-pci".to_owned());
        all.push("--no-telemetry".to_owned());
        all.push(format!("--file-prefix=squall-peer-{}", std::process::id()));
        all.push("--vdev=net_null0,no-rx=1".to_owned());
        all.push("--".to_owned());
        all.push("--forward-mode=txonly".to_owned());
        all.push(format!("--txpkts={FRAME}"));
        all.push(format!("--total-num-mbufs={BUFFERS}"));
        all.push("--stats-period=1".to_owned());
        all
    }
}

/// Packets per second by what testpmd prints of a port each second; the first says 0, being of no time.
fn rate(printed: &str) -> Option<f64> {
    let rates: Vec<f64> = printed
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Tx-pps:"))
        .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .filter(|rate| *rate > 0.0)
        .collect();
    (!rates.is_empty()).then(|| median(rates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_from_what_testpmd_prints() {
        let block = |pps: u64| {
            format!(
                "\n  ######################## NIC statistics for port 0  ########################\n  \
                 RX-packets: 0          RX-missed: 0          RX-bytes:  0\n  TX-packets: {pps}   TX-errors: 0  TX-bytes:  9\n\n  \
                 Throughput (since last show)\n  Rx-pps:            7          Rx-bps:            0\n  \
                 Tx-pps:     {pps:8}          Tx-bps:            0\n"
            )
        };
        assert_eq!(rate(&[0, 5_000, 7_000, 6_000].map(block).concat()), Some(6_000.0));
        assert_eq!(rate(&block(0)), None);
        assert_eq!(rate("EAL: no memory"), None);
    }

    #[test]
    fn a_round_is_held_against_what_is_around_it() {
        let mut peer = Peer::new(Path::new("testpmd"), 3, 0.2, false);
        peer.rates = vec![10.0];
        assert_eq!(peer.around(), None);
        peer.rates.extend([20.0, 40.0]);
        assert_eq!((peer.around(), peer.median()), (Some(30.0), 20.0));
        let arguments = peer.arguments(4).join(" ");
        assert!(
            arguments.contains("4 testpmd --lcores=0@3,1@3 --no-huge"),
            "{arguments}"
        );
    }
}
