//! The keys of `fabric` and `configured`.

use super::fabric::MAX_HOSTS;
use super::read_fabric::Tiers;
use super::{Forwarding, MarkAt};
use crate::units::{BitRate, Bytes, Picos, Share};
use crate::yaml::Classes;
use crate::yaml::form::{Int, Map, Number, Quantity, Tree, WordOr, WordOrMap, Words};
use crate::yaml::key::{Absent, Key, KeyOr, keys};

/// Rates that a link may have.
const RATE: Quantity<BitRate> = Quantity::within(BitRate(1_000_000_000), BitRate(1_600_000_000_000));
const COUNT: Int = Int(1, 32);
const DEPTH: Quantity<Bytes> = Quantity::up_to(Bytes(1 << 40));
const TIME: Quantity<Picos> = Quantity::<Picos>::ANY;
const DELAY: Quantity<Picos> = Quantity::up_to(Picos::from_micros(1000));
const SHARE: Quantity<Share> = Quantity::up_to(Share(1.0));
const OFTEN_MAP: Map = Map(&[&OFTEN]);

const EVERY: Key<u64> = Key {
    name: "every",
    form: &Int(1, u64::MAX),
    absent: Absent::Words("none"),
    doc: "every n-th frame that passes",
};
const PROBABILITY: Key<Share> = Key {
    name: "probability",
    form: &SHARE,
    absent: Absent::Words("none"),
    doc: "each frame with this probability",
};
const FROM: KeyOr<Picos> = KeyOr {
    name: "from",
    form: &TIME,
    default: Picos::ZERO,
    doc: "when it begins",
};
const TO: Key<Picos> = Key {
    name: "to",
    form: &TIME,
    absent: Absent::Words("never"),
    doc: "when it ends",
};

keys! {
    /// `fabric`.
    pub FABRIC: Fabric = "fabric" {
        topology: Tiers, Words(&[("switch", Tiers::One), ("leaf-spine", Tiers::Two), ("clos", Tiers::Three)]),
            or Tiers::One, "one switch; leaves that are each joined with all spines; pods of those below core switches";
        hosts: Option<u32>, WordOr("auto", Int(1, MAX_HOSTS as u64)), or None,
            "hosts, each with one NIC; auto takes as many as the pattern has workers";
        speed: BitRate, RATE, or BitRate(400_000_000_000), "rate of each host's link";
        propagation: Picos, DELAY, or Picos(50_000), "time from one end of each link to the other";
        leaves: u32, COUNT, or 4, "leaf switches; for clos, in each pod";
        spines: u32, COUNT, or 2, "spine switches; for clos, in each pod";
        pods: u32, COUNT, or 2, "pods of a clos";
        cores: u32, COUNT, otherwise "4, or `spines` if that is more",
            "core switches of a clos, a multiple of `spines`: core c is joined with the (c mod spines)-th spine of each pod";
        uplink_speed: BitRate, RATE, otherwise "`speed`", "rate of each link between switches";
        switch: (), Map(&[&SWITCH]), otherwise "see there", "what every switch is like";
        faults: (), Tree("a list of faults", &[]), none, "what is wrong, and where";
    }

    /// `fabric.switch`.
    pub SWITCH: Switch = "switch" {
        buffer: Bytes, Quantity::within(Bytes(10_000), Bytes(1 << 40)), or Bytes(128_000_000),
            "bytes of frames that the switch holds, headroom included";
        alpha: f64, Number(0.001, 1024.0), or 8.0,
            "dynamic threshold: a queue without PFC may hold alpha × the free shared buffer";
        latency: Picos, DELAY, or Picos(600_000), "time from a frame's arrival to its egress queue";
        forwarding: Forwarding, Words(&[
            ("store-and-forward", Forwarding::StoreAndForward), ("cut-through", Forwarding::CutThrough),
        ]), or Forwarding::StoreAndForward, "whether the latency counts from a frame's last bit or from its first";
        scheduler: bool, Words(&[("strict", false), ("dwrr", true)]), or false,
            "the highest class first, or shares by weight";
        weights: (), Tree("eight numbers from 1 to 100, class 0 first", &[]), otherwise "1 for each class",
            "weights of dwrr";
        ecn: (), WordOrMap(&[("none", ())], &[&THRESHOLDS, &ECN]), otherwise "a step at `kmin`", "marking";
        pfc: (), WordOrMap(&[("none", ())], &[&PAUSE_THRESHOLDS, &PFC]), otherwise "on, by the defaults of its keys",
            "pauses that the switch sends";
    }

    /// Marking thresholds.
    pub THRESHOLDS: Thresholds = "ecn thresholds" {
        kmin: Bytes, DEPTH, or Bytes(500_000), "up to this depth no frame is marked";
        kmax: Bytes, DEPTH, otherwise "`kmin`", "above this depth each one is; `kmin` makes a step";
        pmax: Share, Quantity::above_zero(Share(1.0)), or Share(1.0),
            "probability of a mark at `kmax`; between the two it rises in a line";
    }

    /// `fabric.switch.ecn`, beside the thresholds.
    pub ECN: Ecn = "ecn" {
        at: MarkAt, Words(&[("enqueue", MarkAt::Enqueue), ("dequeue", MarkAt::Dequeue)]), or MarkAt::Enqueue,
            "whether the depth that a frame finds decides, or the one that it leaves behind";
        classes: u8, Classes, or u8::MAX, "classes whose queues mark";
    }

    /// Pause thresholds.
    pub PAUSE_THRESHOLDS: PauseThresholds = "pfc thresholds" {
        xoff: Bytes, DEPTH, or Bytes(3_000_000),
            "above this many bytes from one port and class the sender is paused";
        xon: Bytes, DEPTH, otherwise "`xoff` less a thirtieth", "at this many or fewer it is resumed";
    }

    /// `fabric.switch.pfc`, beside the thresholds.
    pub PFC: Pfc = "pfc" {
        headroom: Bytes, DEPTH, or Bytes(200_000),
            "buffer kept for each port and class, for what still arrives after XOFF";
        classes: u8, Classes, or 1 << 3, "lossless classes";
    }

    /// One of `fabric.faults`: a place and one kind.
    pub FAULT: Fault = "fault" {
        at: (), Tree("a link (`host0`, `leaf0-spine1`) or a switch (`leaf0`)", &[]), required,
            "where; a link counts each direction by itself";
        drop: (), OFTEN_MAP, none, "frames that vanish";
        duplicate: (), OFTEN_MAP, none, "frames that come twice";
        reorder: (), Map(&[&REORDER]), none, "frames that are overtaken";
        corrupt: (), OFTEN_MAP, none, "frames with one bit flipped behind the BTH";
        ecn_ignored: (), WordOrMap(&[("none", ())], &[&THRESHOLDS]), none,
            "a switch that marks by these thresholds, or not at all, whatever its `ecn` says";
        pfc_ignored: u8, Classes, none, "a switch that carries these classes as if `pfc` did not name them";
        link_down: (), Map(&[&LINK_DOWN]), none, "a link that carries nothing for a time";
        stuck_pause: (), Map(&[&STUCK_PAUSE]), none,
            "the end of the link that is named first pauses the other one without need";
        speed: BitRate, RATE, none,
            "a link that came up at another rate than it should have, in both directions";
    }

    /// How often a fault strikes.
    pub OFTEN: Often = "often" {
        every: Key<u64> = EVERY;
        probability: Key<Share> = PROBABILITY;
    }

    /// `reorder` of a fault.
    pub REORDER: Reorder = "reorder" {
        every: Key<u64> = EVERY;
        probability: Key<Share> = PROBABILITY;
        by: u32, Int(1, 1000), or 1, "later frames of its flow that overtake it";
    }

    /// `link_down` of a fault.
    pub LINK_DOWN: LinkDown = "link_down" {
        from: KeyOr<Picos> = FROM;
        to: Key<Picos> = TO;
        detect: Picos, TIME, or Picos::ZERO, "how long the switches go on to use it";
    }

    /// `stuck_pause` of a fault.
    pub STUCK_PAUSE: StuckPause = "stuck_pause" {
        class: u8, Int(0, 7), or 3, "the class that is paused";
        from: KeyOr<Picos> = FROM;
        to: Key<Picos> = TO;
    }

    /// `configured`.
    pub CONFIGURED: Configured = "configured" {
        ecn: (), Map(&[&THRESHOLDS]), none, "marking thresholds";
        pfc: (), Map(&[&PAUSE_THRESHOLDS, &LOSSLESS]), none, "pause thresholds, and the lossless classes";
        meter: (), Map(&[&METER]), none,
            "the token bucket by which the switch marks, where it does not mark by the depth of its queue";
    }

    /// `pfc` of `configured`, beside the thresholds.
    pub LOSSLESS: Lossless = "configured pfc" {
        classes: u8, Classes, otherwise "not said", "lossless classes";
    }

    /// `meter` of `configured`.
    pub METER: Meter = "meter" {
        cir: BitRate, Quantity::above_zero(BitRate(u64::MAX)), required,
            "committed information rate, of IP packets: how fast the bucket fills (RFC 2697)";
        cbs: Bytes, DEPTH, required,
            "committed burst size, of IP packets: what a full bucket lets pass unmarked";
    }
}
