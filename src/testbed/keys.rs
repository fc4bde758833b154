//! The keys of a testbed: one table for each kind of map, behind the checks, the suggestions and
//! `docs/TESTBEDS.md` alike.

use super::about;
pub use super::keys_fabric::*;
use crate::yaml::read::{Section, key};

const CORES: &str = "core numbers 0 to 1023, each once: `2`, `2-5` or `[2, 4-6]`";
const MAC: &str = "a unicast MAC address (`02:00:00:00:00:01`)";

/// A whole testbed.
pub const TESTBED: Section = Section {
    name: "testbed",
    keys: &[
        key("name", "one line of text", "the file's name", "name in reports"),
        key(
            "description",
            "text without control characters",
            "none",
            "what the lab is",
        ),
        key(
            "isolated",
            "true or false",
            "false",
            "nothing but the test hangs on this network (RFC 6815); PFC frames to a real device and line-rate blasts need it",
        ),
        key("eal", "a map of EAL keys", "none", "how DPDK starts"),
        key(
            "cores",
            "auto, or a map of tx and rx",
            "auto",
            "which cores run the loops that send and receive",
        ),
        key(
            "addresses",
            "a map of ipv4 and ipv6",
            "the benchmarking ranges",
            "addresses of the workers",
        ),
        key(
            "announce_interval",
            "0, or 10 ms to 24 h",
            "15s",
            "ports with `announce` announce their workers again so often, so that no bridge forgets them; 0: once only",
        ),
        key(
            "ports",
            "a list of 1 to 256 ports",
            "required without `fabric`",
            "the DPDK ports",
        ),
        key(
            "fabric",
            "a map of fabric keys, `{}` at least",
            "none",
            "the reference fabric in place of `ports`: hosts, links and switches in virtual time",
        ),
        key(
            "dscp_to_priority",
            "standard, sonic, or a map of DSCPs (`3`, `8-15`, `default`) to 0 to 7",
            "standard",
            "class in which the network has frames of each DSCP: the DSCP's upper three bits, SONiC's default, or one's own map",
        ),
        key(
            "pcp_to_priority",
            "standard, sonic, or a map of PCPs (`3`, `0-2`, `default`) to 0 to 7",
            "standard",
            "class in which the network has VLAN-tagged frames of each PCP: that of the same number, SONiC's default, or one's own map",
        ),
        key(
            "trust",
            "pcp or dscp",
            "pcp",
            "which of the two maps decides about a frame that has a VLAN tag and a DSCP",
        ),
        key(
            "configured",
            "a map of ecn, pfc and meter",
            "none",
            "thresholds that a real switch is said to have, for comparison with what is read from outside",
        ),
        key(
            "calibration",
            "a path, from the testbed's own folder",
            "`<testbed>.calibration.json`, if it is of this testbed",
            "what `squall calibrate` has measured here, for reports to quote",
        ),
        key(
            "dut",
            "a map of text without control characters",
            "none",
            "the device under test in free words, for reports",
        ),
        key(
            "system",
            "a map of system keys",
            "not provided",
            "the draft's System Configuration (its section 14), for reports",
        ),
        key(
            "workload",
            "a map of workload keys",
            "not provided",
            "the draft's Workload Characterization (its section 14), for reports",
        ),
        key(
            "health",
            "a map of health keys",
            "not provided",
            "the draft's Fabric Health Indicators (its Table 5), for reports",
        ),
    ],
    inside: &[
        ("eal", &EAL),
        ("addresses", &ADDRESSES),
        ("cores", &CORE_LISTS),
        ("fabric", &FABRIC),
        ("system", &about::SYSTEM_KEYS),
        ("workload", &about::WORKLOAD_KEYS),
        ("health", &about::HEALTH_KEYS),
    ],
};

/// `eal`.
pub const EAL: Section = Section {
    name: "eal",
    keys: &[
        key(
            "hugepages",
            "auto, required or none",
            "auto",
            "whether hugepages are used: if there are enough, always, or never",
        ),
        key(
            "memory",
            "64 MiB to 1 TiB",
            "512 MiB; 2 GiB with a fabric",
            "memory that EAL may take",
        ),
        key(
            "file_prefix",
            "letters, digits, `-`, `_` and `.`, up to 32",
            "one for each process",
            "EAL's name for this process's files",
        ),
        key(
            "telemetry",
            "true or false",
            "true",
            "whether DPDK's telemetry socket is opened",
        ),
        key(
            "extra_args",
            "a list of arguments that neither open devices nor place threads",
            "none",
            "passed to EAL as they are",
        ),
    ],
    inside: &[],
};

/// `cores` as a map.
pub const CORE_LISTS: Section = Section {
    name: "cores",
    keys: &[
        key("tx", CORES, "required", "cores of loops that send"),
        key(
            "rx",
            CORES,
            "required",
            "cores of loops that receive; a core in both lists runs both in turn",
        ),
    ],
    inside: &[],
};

/// `addresses`.
pub const ADDRESSES: Section = Section {
    name: "addresses",
    keys: &[
        key(
            "ipv4",
            "a unicast address with its prefix length, 1 to 30 (`198.18.0.1/15`)",
            "198.18.0.1/15",
            "address of worker 0; worker w has the w-th after it (RFC 2544, C.2.2)",
        ),
        key(
            "ipv6",
            "a unicast address with its prefix length, 1 to 126 (`2001:2::1/48`)",
            "2001:2::1/48",
            "the same for IPv6 (RFC 5180, section 8)",
        ),
    ],
    inside: &[],
};

/// One of `ports`.
pub const PORT: Section = Section {
    name: "port",
    keys: &[
        key(
            "name",
            "letters, digits, `-` and `_`, up to 64, not only digits",
            "`port<index>`",
            "name in reports and in `--set`",
        ),
        key(
            "device",
            "a virtual device with its arguments (`net_ring0`, `net_af_packet0,iface=eth1`) or a PCI address (`0000:3b:00.0`)",
            "required",
            "what EAL is to open",
        ),
        key(
            "speed",
            "a bit rate (`400Gbps`)",
            "what the link says",
            "line rate to plan and pace with",
        ),
        key(
            "workers",
            "auto, senders, receivers, or 1 to 65536",
            "auto",
            "workers behind this port; auto shares out what the pattern needs, senders and receivers those that only send or only receive",
        ),
        key(
            "mac",
            MAC,
            "02:00:00 and the worker's number + 1",
            "MAC of the port's first worker; worker i adds i to its last three bytes",
        ),
        key(
            "gateway_mac",
            MAC,
            "the receiving worker's",
            "destination MAC of every frame sent from here, for a DUT that routes",
        ),
        key(
            "loopback",
            "true or false",
            "true for net_ring, else false",
            "frames sent here come back here",
        ),
        key(
            "receive",
            "true or false",
            "false for net_null, else true",
            "whether this port receives",
        ),
        key(
            "announce",
            "true or false",
            "false for net_null and net_ring, else true",
            "before the traffic and every `announce_interval`, a gratuitous ARP or neighbour advertisement of each worker, so that bridges learn",
        ),
        key("tx_queues", "1 to 1024", "1", "queues that send"),
        key("rx_queues", "1 to 1024", "1", "queues that receive, spread by RSS"),
        key(
            "descriptors",
            "64 to 32768",
            "1024",
            "ring size asked for, both directions",
        ),
        key(
            "promiscuous",
            "true or false",
            "true",
            "receive whatever the destination MAC",
        ),
        key(
            "pacing",
            "auto, software or nic",
            "auto",
            "who sees to it that frames leave at their time: the NIC (SEND_ON_TIMESTAMP; auto takes it where there is one) or the loop",
        ),
        key(
            "pfc",
            "auto, nic, software or ignore",
            "auto",
            "who makes the port obey PFC and PAUSE frames: the NIC, the loop, or nobody; auto is the NIC where its driver can be \
             told to, else the loop, and nobody where the port is looped back or does not receive",
        ),
        key(
            "timestamps",
            "auto, nic, ptp-probe, kernel or software",
            "auto",
            "what the times of this port's frames rest on; auto is the best that the port has",
        ),
    ],
    inside: &[],
};

/// Every table, for the documentation.
pub const SECTIONS: &[&Section] = &[
    &TESTBED,
    &EAL,
    &CORE_LISTS,
    &ADDRESSES,
    &PORT,
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
