//! `squall bench`: how fast one core crafts and analyses on this machine.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::devices::print;
use super::{Failure, Outcome};
use crate::dpdk::{Eal, HugepageSize, HugepageState, hugepages};
use crate::engine::bench::{self, Bench, BenchError, Load, RxSpeed, TxSpeed, VirtualSpeed};
use crate::engine::lab;
use crate::engine::virtual_lab::Pools;
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

    /// Seconds for each of the eighteen measurements
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
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
    let mut tx = Vec::new();
    for pmtu in PMTUS {
        for qps in QPS {
            tx.push(bench.tx(pmtu, qps).map_err(failed)?);
        }
    }
    let mut rx = Vec::new();
    for icrc in [false, true] {
        for pmtu in PMTUS {
            rx.push(bench.rx(pmtu, icrc));
        }
    }
    let mut simulated = Vec::new();
    for load in [Load::Steady, Load::Incast] {
        // As many buffers as the load needs: those of a longer queue would not stay in the caches.
        let mut pools = Pools::default();
        for (pmtu, icrc) in [(4096, false), (4096, true), (1024, false)] {
            let speed = bench::virtual_time((&eal, &mut pools), core, (load, pmtu, icrc), args.seconds);
            simulated.push(speed.map_err(failed)?);
        }
    }
    let pages = Pages::used(&eal, &before);
    print(&if args.json {
        json(&pages, &tx, &rx, &simulated)
    } else {
        text(core, &pages, &tx, &rx, &simulated)
    })
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

fn json(pages: &Pages, tx: &[TxSpeed], rx: &[RxSpeed], simulated: &[VirtualSpeed]) -> String {
    let tx: Vec<_> = tx
        .iter()
        .map(|speed| {
            json!({
                "opcode": speed.opcode.name(), "pmtu": speed.pmtu, "qps": speed.qps, "pps": speed.pps.round(),
                "cycles_per_packet": (speed.cycles_per_packet * 10.0).round() / 10.0,
                "verified": speed.verified,
            })
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
    format!(
        "{}\n",
        json!({"pages": {"huge": pages.huge, "bytes": pages.sizes}, "tx": tx, "rx": rx, "virtual": simulated})
    )
}

fn text(core: usize, pages: &Pages, tx: &[TxSpeed], rx: &[RxSpeed], simulated: &[VirtualSpeed]) -> String {
    let mut out = format!(
        "one core (CPU {core}), net_null, frames as `run` sends them\n{}\n\n",
        pages.text()
    );
    let _ = writeln!(
        out,
        "sending       PMTU     QPs   Mpps  cycles a packet  frames verified"
    );
    for speed in tx {
        let _ = writeln!(
            out,
            "  WRITE Middle {:>4}  {:>6}  {:>5.1}  {:>15.1}  {:>15}",
            speed.pmtu,
            speed.qps,
            speed.pps / 1e6,
            speed.cycles_per_packet,
            speed.verified
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
