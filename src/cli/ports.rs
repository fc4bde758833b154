//! `squall ports`: what each DPDK port is and can do.

use std::fmt::Write;

use super::devices::{DeviceFlags, print};
use super::{Failure, Outcome};
use crate::dpdk::{
    self, Abilities, Eal, EalConfig, Hugepages, Link, PoolConfig, Port, PortConfig, PortInfo, RxPool, RxTimestamps,
    StampSource,
};
use crate::units::{BitRate, Bytes};

/// Show what each DPDK port can do: queues, speeds, time stamps, flow control
///
/// Without a testbed, --vdev and -a: every NIC that is bound to a DPDK driver. The ports are opened and not
/// started, so nothing is sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    devices: DeviceFlags,
    /// Start each port for a moment: many drivers know the link and their clocks only then
    #[arg(long)]
    start: bool,
    /// Do without hugepages even if there are some
    #[arg(long)]
    no_hugepages: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Enough for ports that send nothing.
pub(super) const MEMORY: Bytes = Bytes(256 << 20);

/// What one port is and can do.
pub(super) struct Described {
    pub(super) info: PortInfo,
    /// Of a started port: a stopped one has none to speak of.
    link: Option<Link>,
    pub(super) abilities: Abilities,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Environment`] when DPDK or a port does not start, [`Failure::Input`] for a wrong testbed.
pub fn run(args: &Args) -> Outcome {
    let environment = |error: dpdk::Error| Failure::Environment(error.to_string());
    let wanted = args.devices.wanted()?.eal;
    let config = EalConfig {
        hugepages: if args.no_hugepages {
            Hugepages::None
        } else {
            wanted.hugepages
        },
        // No traffic is sent.
        memory: MEMORY,
        // Nobody could connect to it in time.
        telemetry: false,
        all_pci: wanted.devices.is_empty(),
        ..wanted
    };
    let eal = Eal::init(&config).map_err(environment)?;
    let names = eal.port_names();
    let pool = if args.start {
        Some(pool(&eal, names.len()).map_err(environment)?)
    } else {
        None
    };
    let ports = names
        .iter()
        .map(|name| describe(&eal, name, pool.as_ref()))
        .collect::<dpdk::Result<Vec<Described>>>()
        .map_err(environment)?;
    print(&if args.json {
        json(&ports)
    } else {
        ports.iter().map(text).collect::<Vec<_>>().join("\n")
    })?;
    if ports.is_empty() {
        super::say(
            "squall: DPDK has no port. Name one (--vdev net_null0, -a 0000:3b:00.0), or bind a NIC to DPDK; \
             squall doctor helps",
        );
    }
    Ok(())
}

/// Buffers for every port's ring to be full. Each is large enough for the blocks of net_af_packet and
/// for jumbo frames.
pub(super) fn pool(eal: &Eal, ports: usize) -> dpdk::Result<RxPool> {
    let frames = u32::try_from(ports)
        .unwrap_or(u32::MAX)
        .saturating_mul(2 * u32::from(DESCRIPTORS))
        .max(512);
    RxPool::new(
        eal,
        &PoolConfig {
            name: "ports".to_owned(),
            frames,
            data_room: 9216,
            numa_node: None,
        },
    )
}

const DESCRIPTORS: u16 = 256;

/// Starts the port if there is a pool to start it with.
pub(super) fn describe(eal: &Eal, name: &str, pool: Option<&RxPool>) -> dpdk::Result<Described> {
    let port = Port::open(eal, name)?;
    let info = port.info()?;
    if pool.is_none() {
        return Ok(Described {
            link: None,
            abilities: port.abilities(),
            info,
        });
    }
    let config = PortConfig {
        tx_descriptors: DESCRIPTORS,
        rx_descriptors: DESCRIPTORS,
        promiscuous: false,
        ..PortConfig::default()
    };
    let port = port.start(&config, pool)?;
    Ok(Described {
        link: Some(port.link()?),
        abilities: port.abilities(),
        info,
    })
}

fn timestamps(info: &PortInfo) -> &'static str {
    match info.rx_timestamps {
        RxTimestamps::None => "none",
        RxTimestamps::DeviceClock => "device-clock",
        RxTimestamps::KernelMicros => "kernel-us",
        RxTimestamps::FarEnd => "far-end",
    }
}

/// What its times can rest on, best first.
fn sources(port: &Described) -> Vec<&'static str> {
    let sources = port.info.stamp_sources(&port.abilities);
    sources.into_iter().map(StampSource::name).collect()
}

fn mac(info: &PortInfo) -> String {
    info.mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn kernel_interface(info: &PortInfo) -> Option<String> {
    let name = nix::net::if_::if_indextoname(info.kernel_ifindex?).ok()?;
    name.into_string().ok()
}

fn text(port: &Described) -> String {
    let Described { info, link, abilities } = port;
    let yes = |has: bool| if has { "yes" } else { "no" };
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let link = link.map_or_else(
        || "known when started (--start)".to_owned(),
        |link| {
            let speed = link
                .speed
                .map_or_else(|| "speed unknown".to_owned(), |speed| speed.to_string());
            format!("{}, {speed}", if link.up { "up" } else { "down" })
        },
    );
    let speeds: Vec<String> = info.speeds.iter().map(BitRate::to_string).collect();
    let rss = match (info.rss_l3, info.rss_l4) {
        (true, true) => "IP addresses, UDP ports",
        (true, false) => "IP addresses",
        (false, true) => "UDP ports",
        (false, false) => "none",
    };
    let frame = if info.max_rx_frame == u32::MAX {
        "any".to_owned()
    } else {
        info.max_rx_frame.to_string()
    };
    let rows = [
        (
            "driver",
            format!("{} on {}", info.driver, info.bus.as_deref().unwrap_or("an unknown bus")),
        ),
        ("link", link),
        (
            "speeds",
            if speeds.is_empty() {
                "not told".to_owned()
            } else {
                speeds.join(", ")
            },
        ),
        ("MAC address", mac(info)),
        ("NUMA node", or_unknown(info.numa_node.map(|node| node.to_string()))),
        (
            "kernel interface",
            kernel_interface(info).unwrap_or_else(|| "none".to_owned()),
        ),
        (
            "queues",
            format!("{} to send, {} to receive", info.max_tx_queues, info.max_rx_queues),
        ),
        (
            "longest frame",
            format!("{frame} bytes, MTU {} to {}", info.min_mtu, info.max_mtu),
        ),
        ("RSS by", rss.to_owned()),
        ("times by", sources(port).join(", ")),
        ("Rx time stamps", timestamps(info).to_owned()),
        ("send on time stamp", yes(info.send_on_timestamp).to_owned()),
        ("PTP (IEEE 1588)", yes(abilities.timesync).to_owned()),
        ("device clock", yes(abilities.device_clock).to_owned()),
        ("flow control", yes(abilities.flow_control).to_owned()),
        ("priority flow control", yes(abilities.priority_flow_control).to_owned()),
    ];
    rows.iter().fold(format!("{}\n", info.name), |mut text, (key, value)| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {key:<22} {value}");
        text
    })
}

fn json(ports: &[Described]) -> String {
    let list: Vec<serde_json::Value> = ports
        .iter()
        .map(|port| {
            let Described { info, link, abilities } = port;
            serde_json::json!({
                "name": info.name,
                "driver": info.driver,
                "bus": info.bus,
                "link": link.map(|link| {
                    serde_json::json!({ "up": link.up, "bits_per_second": link.speed.map(|speed| speed.0) })
                }),
                "speeds_bits_per_second": info.speeds.iter().map(|speed| speed.0).collect::<Vec<u64>>(),
                "mac": mac(info),
                "numa_node": info.numa_node,
                "kernel_interface": kernel_interface(info),
                "max_tx_queues": info.max_tx_queues,
                "max_rx_queues": info.max_rx_queues,
                "min_mtu": info.min_mtu,
                "max_mtu": info.max_mtu,
                "max_rx_frame": (info.max_rx_frame != u32::MAX).then_some(info.max_rx_frame),
                "rss": { "l3": info.rss_l3, "l4": info.rss_l4 },
                "timestamps": sources(port),
                "rx_timestamps": timestamps(info),
                "send_on_timestamp": info.send_on_timestamp,
                "timesync": abilities.timesync,
                "device_clock": abilities.device_clock,
                "flow_control": abilities.flow_control,
                "priority_flow_control": abilities.priority_flow_control,
            })
        })
        .collect();
    format!(
        "{:#}\n",
        serde_json::json!({ "schema": "squall.ports/1", "dpdk": dpdk::version(), "ports": list })
    )
}
