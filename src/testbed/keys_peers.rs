//! The keys of `peers`, each declared once.

use std::net::IpAddr;

use super::peers::Unicast;
use super::read::Mac;
use crate::units::{Psn, Qpn};
use crate::yaml::form::{Hex, Int, Line, Plain, Tree, Words, not_only_digits};
use crate::yaml::key::keys;

/// A payload of a full packet that verbs know (IBTA Vol 1, 9.2.3).
const PMTU: Words<u32> = Words(&[
    ("256", 256),
    ("512", 512),
    ("1024", 1024),
    ("2048", 2048),
    ("4096", 4096),
]);

keys! {
    /// One of `peers`.
    pub PEER: Peer = "peer" {
        name: String, Plain { limit: 64, others: "-_", rule: Some(("not only digits", not_only_digits)) },
            otherwise "`peer<index>`", "name in messages and in `--set`";
        worker: u32, Int(0, 65_535), required, "the worker of the pattern that it stands for";
        port: String, Line(64, "a port's name"), otherwise "required with several ports", "the port by which it is reached";
        address: IpAddr, Unicast, otherwise "the `gid` of its `json`", "its IPv4 or IPv6 address";
        mac: [u8; 6], Mac, otherwise "asked for (ARP, neighbour discovery)", "its MAC address";
        pmtu: u32, PMTU, otherwise "its `json`'s, else the pattern's", "payload bytes of a full packet on its QPs";
        qps: (), Tree("a list of 1 to 65536 QPs", &[]), otherwise "required without `json`",
            "its QPs, in the order in which the pattern's entries take them";
        json: String, Line(4096, "a path, from the testbed's own folder"), otherwise "required without `qps`",
            "what its program has printed: JSON objects, one for each QP";
    }

    /// One of a peer's `qps`.
    pub PEER_QP: PeerQp = "peer qp" {
        qpn: u32, Int(2, Qpn::MAX as u64), required, "its number, to which requests are addressed";
        psn: u32, Int(0, Psn::MODULUS as u64 - 1), or 0, "PSN of the first packet that the peer sends";
        va: u64, Hex(0, u64::MAX), or 0, "virtual address where its region begins, for WRITE";
        rkey: u32, Hex(0, u32::MAX as u64), or 0, "R_Key of that region";
    }
}
