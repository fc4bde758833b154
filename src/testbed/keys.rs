//! The keys of a testbed, each declared once: readers, checks, suggestions and `docs/TESTBEDS.md` follow.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::about;
use super::classes::{ClassMap, DSCP_MAPS, PCP_MAPS};
pub use super::keys_fabric::*;
pub use super::keys_peers::*;
use super::read::{ExtraArgs, Mac, Prefixed, WorkersBehind, not_hidden};
use super::read_network::{unicast4, unicast6};
use super::{Hugepages, Pacing, PfcReaction, Timestamps, WorkerCount};
use crate::units::{BitRate, Bytes, Picos};
use crate::wire::class::{DscpMap, PcpMap, STANDARD_DSCP, STANDARD_PCP, Trust};
use crate::yaml::Numbers;
use crate::yaml::form::{Flag, Int, Line, Map, Plain, Prose, Quantity, Tree, WordOrMap, Words, not_only_digits};
use crate::yaml::key::{Section, keys};

/// A VLAN that a port is in (IEEE 802.1Q clause 9.6): 0 is none, 4095 is reserved.
const VID: Int = Int(1, 4094);

const CORES: Numbers = Numbers(1023, "core numbers");

keys! {
    /// A whole testbed.
    pub TESTBED: Testbed = "testbed" {
        name: String, Line::text(200), otherwise "the file's name", "name in reports";
        description: String, Prose, none, "what the lab is";
        isolated: bool, Flag, or false,
            "nothing but the test hangs on this network (RFC 6815); PFC frames to a real device and line-rate blasts need it";
        eal: (), Map(&[&EAL]), none, "how DPDK starts";
        cores: (), WordOrMap(&[("auto", ())], &[&CORE_LISTS]), otherwise "auto",
            "which cores run the loops that send and receive";
        addresses: (), Map(&[&ADDRESSES]), otherwise "the benchmarking ranges", "addresses of the workers";
        // Shorter than any bridge forgets: Linux and most switches after 300 s, some are set to 20 or 30.
        announce_interval: Picos,
            Quantity { zero: true, least: Picos::from_micros(10_000), most: Picos::from_micros(86_400_000_000) },
            or Picos::from_micros(15_000_000),
            "ports with `announce` announce their workers again so often, so that no bridge forgets them; 0: once only";
        resolve_timeout: Picos, Quantity::within(Picos::from_micros(100_000), Picos::from_micros(600_000_000)),
            or Picos::from_micros(10_000_000),
            "so long are gateways asked for their MAC before the traffic, links that come up late included";
        ports: (), Tree("a list of 1 to 256 ports", &[]), otherwise "required without `fabric`", "the DPDK ports";
        fabric: (), Map(&[&FABRIC]), none,
            "the reference fabric in place of `ports`, `{}` at least: hosts, links and switches in virtual time";
        peers: (), Tree("a list of 1 to 256 peers", &[]), none,
            "endpoints that are not squall's: RNICs or soft-RoCE, each in the place of one worker";
        dscp_to_priority: DscpMap, ClassMap("DSCPs (`3`, `8-15`, `default`)", &DSCP_MAPS), or STANDARD_DSCP,
            "class in which the network has frames of each DSCP: the DSCP's upper three bits, SONiC's default, or one's own map";
        pcp_to_priority: PcpMap, ClassMap("PCPs (`3`, `0-2`, `default`)", &PCP_MAPS), or STANDARD_PCP,
            "class in which the network has VLAN-tagged frames of each PCP: that of the same number, SONiC's default, or one's own map";
        trust: Trust, Words(&[("pcp", Trust::Pcp), ("dscp", Trust::Dscp)]), or Trust::Pcp,
            "which of the two maps decides about a frame that has a VLAN tag and a DSCP";
        configured: (), Map(&[&CONFIGURED]), none,
            "thresholds that a real switch is said to have, for comparison with what is read from outside";
        calibration: String, Line(4096, "a path, from the testbed's own folder"),
            otherwise "`<testbed>.calibration.json`, if it is of this testbed",
            "what `squall calibrate` has measured here, for reports to quote";
        dut: (), Tree("a map of text without control characters", &[]), none,
            "the device under test in free words, for reports";
        system: (), Map(&[&about::SYSTEM_KEYS]), otherwise "not provided",
            "the draft's System Configuration (its section 14), for reports";
        workload: (), Map(&[&about::WORKLOAD_KEYS]), otherwise "not provided",
            "the draft's Workload Characterization (its section 14), for reports";
        health: (), Map(&[&about::HEALTH_KEYS]), otherwise "not provided",
            "the draft's Fabric Health Indicators (its Table 5), for reports";
    }

    /// `eal`.
    pub EAL: Eal = "eal" {
        hugepages: Hugepages, Words(&[
            ("auto", Hugepages::Auto), ("required", Hugepages::Required), ("none", Hugepages::None),
        ]), or Hugepages::Auto, "whether hugepages are used: if there are enough, always, or never";
        // A fabric's switches hold frames by the hundred megabytes; what is not used is not taken.
        memory: Bytes, Quantity::within(Bytes(64 << 20), Bytes(1 << 40)), by (Bytes(512 << 20), "a fabric", Bytes(2 << 30)),
            "memory that EAL may take";
        // It becomes a file's name: no separators.
        file_prefix: String, Plain { limit: 32, others: "-_.", rule: Some(("not beginning with `.`", not_hidden)) },
            otherwise "one for each process", "EAL's name for this process's files";
        telemetry: bool, Flag, or true, "whether DPDK's telemetry socket is opened";
        extra_args: Vec<String>, ExtraArgs, none, "passed to EAL as they are";
    }

    /// `cores` as a map.
    pub CORE_LISTS: CoreLists = "cores" {
        tx: Vec<u32>, CORES, required, "cores of loops that send";
        rx: Vec<u32>, CORES, required, "cores of loops that receive; a core in both lists runs both in turn";
    }

    /// `addresses`.
    pub ADDRESSES: Addresses = "addresses" {
        ipv4: (Ipv4Addr, u8), Prefixed { longest: 30, unicast: unicast4 }, or (Ipv4Addr::new(198, 18, 0, 1), 15),
            "address of worker 0 (RFC 2544, C.2.2); worker w has the w-th after it";
        ipv6: (Ipv6Addr, u8), Prefixed { longest: 126, unicast: unicast6 }, or (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1), 48), "the same for IPv6 (RFC 5180, section 8)";
    }

    /// One of `ports`.
    pub PORT: Port = "port" {
        name: String, Plain { limit: 64, others: "-_", rule: Some(("not only digits", not_only_digits)) },
            otherwise "`port<index>`", "name in reports and in `--set`";
        device: (), Tree(
            "a virtual device with its arguments (`net_ring0`, `net_af_packet0,iface=eth1`) or a PCI address (`0000:3b:00.0`)",
            &[],
        ), required, "what EAL is to open";
        speed: BitRate, Quantity::<BitRate>::ANY, otherwise "what the link says", "line rate to plan and pace with";
        workers: WorkerCount, WorkersBehind, or WorkerCount::Auto,
            "workers behind this port; auto shares out what the pattern needs, senders and receivers those that only send or only receive";
        mac: [u8; 6], Mac, otherwise "02:00:00 and the worker's number + 1",
            "MAC of the port's first worker; worker i adds i to its last three bytes";
        address: (), Tree("an address with its prefix length (`20.1.1.2/24`), or a list of an IPv4 and an IPv6 one", &[]),
            otherwise "what `addresses` has",
            "address of the port's first worker and its network; worker i has the i-th after it, the gateway's left out";
        gateway: (), Tree("an address (`20.1.1.1`), or a list of an IPv4 and an IPv6 one", &[]), none,
            "the router that leads to other networks; its MAC is asked for before the traffic (ARP, neighbour discovery)";
        vlan: u16, VID, none, "VLAN of frames whose entry has no `frame.vlan`; every port has one, or none";
        gateway_mac: [u8; 6], Mac, otherwise "the receiving worker's, or the gateway's",
            "destination MAC of every frame sent from here, for a DUT that routes and is not to be asked";
        loopback: bool, Flag, otherwise "true for net_ring, else false", "frames sent here come back here";
        receive: bool, Flag, otherwise "false for net_null, else true", "whether this port receives";
        announce: bool, Flag, otherwise "false for net_null and net_ring, else true",
            "before the traffic and every `announce_interval`, a gratuitous ARP or neighbour advertisement of each worker, so that bridges learn";
        answer: bool, Flag, otherwise "false for net_null, net_ring and what does not receive or is looped back, else true",
            "whether ARP requests, neighbour solicitations and echo requests (`ping`) for the workers behind this port are answered";
        tx_queues: u16, Int(1, 1024), or 1, "queues that send";
        rx_queues: u16, Int(1, 1024), or 1, "queues that receive, spread by RSS";
        descriptors: u16, Int(64, 32_768), or 1024, "ring size asked for, both directions";
        promiscuous: bool, Flag, or true, "receive whatever the destination MAC";
        pacing: Pacing, Words(&[("auto", Pacing::Auto), ("software", Pacing::Software), ("nic", Pacing::Nic)]),
            or Pacing::Auto,
            "who sees to it that frames leave at their time: the NIC (SEND_ON_TIMESTAMP; auto takes it where there is one) or the loop";
        pfc: PfcReaction, Words(&[
            ("auto", PfcReaction::Auto),
            ("nic", PfcReaction::Nic),
            ("software", PfcReaction::Software),
            ("ignore", PfcReaction::Ignore),
        ]), or PfcReaction::Auto,
            "who makes the port obey PFC and PAUSE frames: the NIC, the loop, or nobody; auto is the NIC where its driver can be \
             told to, else the loop, and nobody where the port is looped back or does not receive";
        timestamps: Timestamps, Words(&Timestamps::WORDS), or Timestamps::Auto,
            "what the times of this port's frames rest on; auto is the best that the port has";
    }
}

/// Every table, for the documentation.
pub static SECTIONS: &[&dyn Section] = &[
    &TESTBED,
    &EAL,
    &CORE_LISTS,
    &ADDRESSES,
    &PORT,
    &PEER,
    &PEER_QP,
    &FABRIC,
    &SWITCH,
    &THRESHOLDS,
    &ECN,
    &PAUSE_THRESHOLDS,
    &PFC,
    &FAULT,
    &OFTEN,
    &REORDER,
    &LINK_DOWN,
    &STUCK_PAUSE,
    &CONFIGURED,
    &LOSSLESS,
    &METER,
    &about::SYSTEM_KEYS,
    &about::WORKLOAD_KEYS,
    &about::HEALTH_KEYS,
];
