//! `squall bench`: how fast one core crafts and analyses on this machine.

mod peer;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use self::peer::Peer;
use super::devices::print;
use super::{Failure, Outcome};
use crate::dpdk::{Eal, HugepageSize, HugepageState, hugepages};
use crate::engine::bench::{self, Bench, BenchError, Load, RxSpeed, TxSpeed, VirtualSpeed, median};
use crate::engine::lab;
use crate::units::Bytes;

/// Measure crafting and analysing speed of one core, on net_null
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Core to measure on; default: the last that this process may use
    #[arg(long, value_name = "CORE")]
    core: Option<usize>,

    /// Seconds for each of the twenty-one measurements
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,

    /// Send in rounds, run testpmd's txonly mode on the same core in between, and print ratios
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, require_equals = true, default_missing_value = "dpdk-testpmd")]
    peer: Option<PathBuf>,

    /// Rounds with --peer
    #[arg(long, value_name = "COUNT", default_value_t = 5, requires = "peer", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

const PMTUS: [u32; 3] = [256, 1024, 4096];
const QPS: [u32; 3] = [1, 256, 65_536];

/// Runs the command.
///
/// # Errors
/// [`Failure::Run`] for a wrong frame, [`Failure::Environment`] for what DPDK refuses.
pub fn run(args: &Args) -> Outcome {
    if !(0.01..=3600.0).contains(&args.seconds) {
        return Err(Failure::Input(format!(
            "--seconds {}: allowed is 0.01 to 3600",
            args.seconds
        )));
    }
    let failed = |error: BenchError| match error {
        BenchError::WrongFrame { .. } => Failure::Run(error.to_string()),
        BenchError::Dpdk(_) | BenchError::Core(_) | BenchError::Virtual(_) => Failure::Environment(error.to_string()),
    };
    let allowed = core_affinity::get_core_ids().unwrap_or_default();
    let core = args.core.or_else(|| allowed.last().map(|core| core.id)).unwrap_or(0);
    let before = hugepages(Path::new("/"));
    let mut config = lab::eal_config(&bench::testbed());
    if before.can_give(bench::IN_HUGEPAGES.0) {
        config.memory = bench::IN_HUGEPAGES;
    }
    let eal = Eal::init(&config).map_err(|error| Failure::Environment(error.to_string()))?;
    let mut bench = Bench::new(eal.clone(), core, args.seconds).map_err(failed)?;
    let pages = Pages::used(&eal, &before);
    let mut peer = args
        .peer
        .as_deref()
        .map(|program| Peer::new(program, core, args.seconds, pages.huge));
    let mut simulated = Vec::new();
    for load in [Load::Steady, Load::Incast] {
        for (pmtu, icrc) in [(4096, false), (4096, true), (1024, false)] {
            let speed = bench::virtual_time(&eal, core, (load, pmtu, icrc), args.seconds);
            simulated.push(speed.map_err(failed)?);
        }
    }
    let mut sending = Sending::default();
    for _ in 0..if peer.is_some() { args.rounds } else { 1 } {
        sending.round(&mut bench, peer.as_mut(), &failed)?;
    }
    let tx = sending.speeds();
    let mut rx = Vec::new();
    for icrc in [false, true] {
        for pmtu in PMTUS {
            rx.push(bench.rx(pmtu, icrc));
        }
    }
    let host = Host {
        core,
        tsc_hz: eal.tsc_hz(),
        core_hz: core_hz(core),
        pages,
        peer,
    };
    print(&if args.json {
        json(&host, &tx, &rx, &simulated)
    } else {
        text(&host, &tx, &rx, &simulated)
    })
}

/// What all was measured on, and beside whom.
struct Host {
    core: usize,
    tsc_hz: u64,
    core_hz: Option<f64>,
    pages: Pages,
    peer: Option<Peer>,
}

/// The frequency at which the kernel says that a core runs just now; virtual machines often say nothing, or the nominal one.
fn core_hz(core: usize) -> Option<f64> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq");
    if let Some(khz) = std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse::<f64>().ok())
    {
        return Some(khz * 1e3);
    }
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let own = text.split("\n\n").find(|part| {
        part.lines()
            .filter_map(|line| line.strip_prefix("processor"))
            .any(|rest| rest.trim_start_matches([' ', '\t', ':']) == core.to_string())
    })?;
    let mhz = own.lines().find_map(|line| line.strip_prefix("cpu MHz"))?;
    let mhz: f64 = mhz.trim_start_matches([' ', '\t', ':']).parse().ok()?;
    Some(mhz * 1e6)
}

/// Rounds of sending, and of the peer's sending between them.
#[derive(Default)]
struct Sending {
    /// Of each measurement its rounds.
    rounds: [Vec<TxSpeed>; PMTUS.len() * QPS.len()],
    ratios: [Vec<f64>; PMTUS.len() * QPS.len()],
}

/// One measurement of sending.
struct Sent {
    /// The round of the median rate.
    speed: TxSpeed,
    /// Ratios of rates to the peer's, in order; none without a peer.
    ratios: Vec<f64>,
}

impl Sending {
    fn round(
        &mut self,
        bench: &mut Bench,
        mut peer: Option<&mut Peer>,
        failed: &dyn Fn(BenchError) -> Failure,
    ) -> Result<(), Failure> {
        if let Some(peer) = peer.as_deref_mut()
            && peer.rates.is_empty()
        {
            peer.send()?;
        }
        let all = PMTUS.iter().flat_map(|pmtu| QPS.iter().map(move |qps| (*pmtu, *qps)));
        for ((pmtu, qps), rounds) in all.zip(&mut self.rounds) {
            rounds.push(bench.tx(pmtu, qps).map_err(failed)?);
        }
        if let Some(peer) = peer {
            peer.send()?;
            if let Some(theirs) = peer.around() {
                for (ratios, rounds) in self.ratios.iter_mut().zip(&self.rounds) {
                    ratios.extend(rounds.last().map(|ours| ours.overall_pps / theirs));
                }
            }
        }
        Ok(())
    }

    fn speeds(self) -> Vec<Sent> {
        let pick = |mut rounds: Vec<TxSpeed>| {
            rounds.sort_by(|a, b| a.pps.total_cmp(&b.pps));
            let middle = rounds.len() / 2;
            rounds.into_iter().nth(middle)
        };
        let all = self.rounds.into_iter().zip(self.ratios);
        all.filter_map(|(rounds, mut ratios)| {
            ratios.sort_by(f64::total_cmp);
            pick(rounds).map(|speed| Sent { speed, ratios })
        })
        .collect()
    }
}

/// The memory pages that frames lay in.
struct Pages {
    huge: bool,
    /// Bytes of a page, of each size that was used; empty where nobody can tell.
    sizes: Vec<u64>,
}

impl Pages {
    /// Of which sizes there are fewer free pages than `before`.
    fn used(eal: &Eal, before: &HugepageState) -> Pages {
        let huge = eal.uses_hugepages();
        let after = hugepages(Path::new("/"));
        let taken = |size: &&HugepageSize| {
            let now = after.sizes.iter().find(|now| now.page_bytes == size.page_bytes);
            now.is_some_and(|now| now.free < size.free)
        };
        let sizes = if huge {
            before.sizes.iter().filter(taken).map(|size| size.page_bytes).collect()
        } else {
            Vec::new()
        };
        Pages { huge, sizes }
    }

    fn text(&self) -> String {
        if !self.huge {
            return format!(
                "pages of the default size: {} of hugepages are not free, or hugetlbfs is not mounted (scripts/hugepages.sh {})",
                bench::IN_HUGEPAGES,
                bench::IN_HUGEPAGES.0 >> 20
            );
        }
        let sizes: Vec<String> = self.sizes.iter().map(|bytes| Bytes(*bytes).to_string()).collect();
        format!(
            "hugepages{}{}",
            if sizes.is_empty() { "" } else { " of " },
            sizes.join(" and ")
        )
    }
}

fn mode(icrc: bool) -> &'static str {
    if icrc { "all" } else { "none" }
}

fn json(host: &Host, tx: &[Sent], rx: &[RxSpeed], simulated: &[VirtualSpeed]) -> String {
    let two = |ratio: &f64| (ratio * 100.0).round() / 100.0;
    let tx: Vec<_> = tx
        .iter()
        .map(|Sent { speed, ratios }| {
            let mut line = json!({
                "opcode": speed.opcode.name(), "pmtu": speed.pmtu, "qps": speed.qps, "pps": speed.pps.round(),
                "cycles_per_packet": (speed.cycles_per_packet * 10.0).round() / 10.0,
                "overall_pps": speed.overall_pps.round(), "verified": speed.verified,
            });
            if !ratios.is_empty() {
                line["ratio"] = json!({
                    "median": two(&median(ratios.clone())),
                    "least": ratios.first().map(two), "greatest": ratios.last().map(two),
                });
            }
            line
        })
        .collect();
    let rx: Vec<_> = rx
        .iter()
        .map(|speed| {
            json!({
                "icrc": mode(speed.icrc), "pmtu": speed.pmtu, "pps": speed.pps.round(),
                "cycles_per_packet": (speed.cycles_per_packet * 10.0).round() / 10.0,
                "bytes_per_second": speed.bytes_per_second.round(),
            })
        })
        .collect();
    let simulated: Vec<_> = simulated
        .iter()
        .map(|speed| {
            json!({
                "load": speed.load.name(), "pmtu": speed.pmtu, "icrc": mode(speed.icrc), "frames": speed.frames,
                "runs": speed.runs, "pps": speed.pps.round(),
                "cycles_per_frame": (speed.cycles_per_frame * 10.0).round() / 10.0,
            })
        })
        .collect();
    let peer = host.peer.as_ref().map(|peer| {
        json!({
            "pps": peer.median().round(),
            "rounds": peer.rates.iter().map(|rate| rate.round()).collect::<Vec<_>>(),
        })
    });
    let pages = json!({"huge": host.pages.huge, "bytes": host.pages.sizes});
    format!(
        "{}\n",
        json!({
            "core": host.core, "tsc_hz": host.tsc_hz, "core_hz": host.core_hz, "pages": pages, "peer": peer,
            "tx": tx, "rx": rx, "virtual": simulated,
        })
    )
}

fn text(host: &Host, tx: &[Sent], rx: &[RxSpeed], simulated: &[VirtualSpeed]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a frequency")]
    let tsc = host.tsc_hz as f64 / 1e9;
    let at = host.core_hz.map_or_else(String::new, |hz| {
        format!(", the core at {:.2} GHz by the kernel", hz / 1e9)
    });
    let mut out = format!(
        "one core (CPU {}), net_null, frames as `run` sends them; TSC {tsc:.2} GHz{at}\n{}\n\n",
        host.core,
        host.pages.text()
    );
    let _ = writeln!(
        out,
        "sending       PMTU     QPs   Mpps  cycles a packet  frames verified{}",
        if host.peer.is_some() { "  of the peer's" } else { "" }
    );
    for Sent { speed, ratios } in tx {
        let _ = write!(
            out,
            "  WRITE Middle {:>4}  {:>6}  {:>5.1}  {:>15.1}  {:>15}",
            speed.pmtu,
            speed.qps,
            speed.pps / 1e6,
            speed.cycles_per_packet,
            speed.verified
        );
        if let (Some(least), Some(greatest)) = (ratios.first(), ratios.last()) {
            let middle = median(ratios.clone());
            let _ = write!(out, "  {middle:.2} ({least:.2} to {greatest:.2})");
        }
        out.push('\n');
    }
    if let Some(peer) = &host.peer {
        let _ = writeln!(
            out,
            "  testpmd txonly, 64 B    {:>5.1}  (no sequence, no ICRC; ratios are of overall rates, median of rounds and range)",
            peer.median() / 1e6
        );
    }
    let _ = writeln!(
        out,
        "\nanalysing     PMTU    ICRC   Mpps  cycles a packet             GB/s"
    );
    for speed in rx {
        let _ = writeln!(
            out,
            "  WRITE Middle {:>4}  {:>6}  {:>5.1}  {:>15.1}  {:>15.1}",
            speed.pmtu,
            mode(speed.icrc),
            speed.pps / 1e6,
            speed.cycles_per_packet,
            speed.bytes_per_second / 1e9
        );
    }
    let _ = writeln!(
        out,
        "\nvirtual time        PMTU    ICRC   Mpps  cycles a frame   (crafted, switched and analysed, by processor time)"
    );
    for speed in simulated {
        let _ = writeln!(
            out,
            "  {:<16}  {:>4}  {:>6}  {:>5.2}  {:>14.1}",
            speed.load.name(),
            speed.pmtu,
            mode(speed.icrc),
            speed.pps / 1e6,
            speed.cycles_per_frame
        );
    }
    out
}
