//! Random patterns, fabrics and faults, as the YAML that a user would write.
//!
//! Contract: every one fits: it is to be run, not refused. Up to a few thousand frames of each entry, so
//! that hundreds can be run. They shrink, to fewer entries and faults with smaller numbers.

use std::fmt;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// One of them.
#[derive(Clone)]
pub struct Case {
    pub pattern: String,
    pub testbed: String,
}

/// As YAML, to be copied into two files.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n--- testbed.yaml\n{}\n--- pattern.yaml\n{}",
            self.testbed, self.pattern
        )
    }
}

/// Frames of an entry at most, more or less.
const FRAMES: u64 = 2000;

/// Any of them.
pub fn any_case() -> impl Strategy<Value = Case> {
    (bed(), vec(entry(), 1..5), option::of(frame()), any::<u64>()).prop_map(|(bed, entries, outer, seed)| {
        let pmtu = |frame: &Option<Frame>| frame.as_ref().or(outer.as_ref()).map_or(4096, |frame| frame.pmtu);
        let mut pattern = format!("seed: {seed}\n");
        if let Some(outer) = &outer {
            writeln!(pattern, "frame: {}", outer.yaml).unwrap();
        }
        pattern.push_str("traffic:\n");
        for (index, entry) in entries.iter().enumerate() {
            let pmtu = pmtu(&entry.frame);
            write!(pattern, "- {{name: e{index}, {}", entry.yaml(&bed, pmtu)).unwrap();
            if let Some(frame) = entry.frame() {
                write!(pattern, ", frame: {frame}").unwrap();
            }
            match &entry.start {
                Begin::At(us) => writeln!(pattern, ", start: {us}us}}").unwrap(),
                Begin::After(us) if index > 0 => {
                    writeln!(pattern, ", after: e{}, delay: {us}us}}", index - 1).unwrap();
                }
                Begin::After(_) => pattern.push_str("}\n"),
            }
        }
        Case {
            pattern,
            testbed: bed.yaml(),
        }
    })
}

#[derive(Debug, Clone)]
struct Frame {
    pmtu: u64,
    yaml: String,
}

fn frame() -> impl Strategy<Value = Frame> {
    let tag = (
        0u16..4095,
        0u8..8,
        any::<bool>(),
        select(vec!["0x8100", "0x88A8", "0x9100"]),
    );
    let tag = tag.prop_map(|(vid, pcp, dei, tpid)| format!("{{vid: {vid}, pcp: {pcp}, dei: {dei}, tpid: {tpid}}}"));
    let ports = prop_oneof![
        Just("per-qp".to_owned()),
        Just("per-message".to_owned()),
        Just("per-packet".to_owned()),
        any::<u16>().prop_map(|port| format!("{{fixed: {port}}}")),
        (0u16..40_000, 0u16..100).prop_map(|(low, more)| format!("{{range: [{low}, {}]}}", low + more)),
    ];
    let acks = prop_oneof![
        Just("last".to_owned()),
        Just("never".to_owned()),
        Just("all".to_owned()),
        (1u32..20).prop_map(|every| format!("{{every: {every}}}")),
    ];
    // Class 3 is the lossless one unless the testbed says otherwise.
    let dscp = prop_oneof![Just(26u8), Just(26), 0u8..64];
    (
        select(vec![4096u64, 2048, 1024, 512, 256]),
        select(vec![4u8, 6]),
        dscp,
        select(vec!["ect0", "ect1", "not-ect", "ce"]),
        vec(tag, 0..3),
        prop_oneof![Just(0u32), 0x00ff_ff00u32..0x0100_0000, 0u32..0x0100_0000],
        ports,
        acks,
    )
        .prop_map(|(pmtu, ip, dscp, ecn, vlan, psn, port, ack)| {
            let mut yaml = format!(
                "{{pmtu: {pmtu}, ip: {ip}, dscp: {dscp}, ecn: {ecn}, first_psn: {psn}, source_port: {port}, ack_req: {ack}"
            );
            if !vlan.is_empty() {
                write!(yaml, ", vlan: [{}]", vlan.join(", ")).unwrap();
            }
            yaml.push('}');
            Frame { pmtu, yaml }
        })
}

#[derive(Debug, Clone)]
enum Begin {
    At(u32),
    After(u32),
}

#[derive(Debug, Clone)]
struct Entry {
    kind: Kind,
    start: Begin,
    frame: Option<Frame>,
    /// Packets of a message.
    packets: u64,
    /// What the last one lacks.
    short: u64,
    count: u64,
    rounds: u64,
    qps: u32,
    rate: &'static str,
    verb: &'static str,
    /// For what is told apart by the kind.
    a: u64,
    b: u64,
    us: u64,
    flag: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Transfer,
    Closed,
    Timed,
    Incast,
    Burst,
    AllToAll,
    Background,
    Pfc,
    Probe,
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = select(vec![
        Kind::Incast,
        Kind::Transfer,
        Kind::Closed,
        Kind::Timed,
        Kind::Burst,
        Kind::AllToAll,
        Kind::Background,
        Kind::Pfc,
        Kind::Probe,
    ]);
    let start = prop_oneof![(0u32..50).prop_map(Begin::At), (0u32..50).prop_map(Begin::After)];
    let first = (
        kind,
        start,
        option::of(frame()),
        prop_oneof![1u64..4, 1u64..70, 100u64..600],
        0u64..4096,
        1u64..1000,
        1u64..4,
    );
    let rates = vec!["100%", "max", "50%", "7%", "messages"];
    let verbs = vec!["put", "put-with-signal", "send", "send-with-immediate"];
    let second = (
        1u32..9,
        select(rates),
        select(verbs),
        any::<u64>(),
        any::<u64>(),
        1u64..100,
        any::<bool>(),
    );
    (first, second).prop_map(
        |((kind, start, frame, packets, short, count, rounds), (qps, rate, verb, a, b, us, flag))| Entry {
            kind,
            start,
            frame,
            packets,
            short,
            count,
            rounds,
            qps,
            rate,
            verb,
            a,
            b,
            us,
            flag,
        },
    )
}

impl Entry {
    fn frame(&self) -> Option<String> {
        let own = self.frame.as_ref().map(|frame| frame.yaml.as_str());
        match self.kind {
            // MAC control frames have no header fields to set.
            Kind::Pfc => None,
            // A probe's frames must be ECN-capable.
            Kind::Probe => {
                let own = own.unwrap_or("{ecn: ect0}");
                Some(own.replace("ecn: not-ect", "ecn: ect0").replace("ecn: ce", "ecn: ect1"))
            }
            _ => own.map(str::to_owned),
        }
    }

    fn yaml(&self, bed: &Bed, pmtu: u64) -> String {
        let hosts = bed.hosts;
        let message = self.packets * pmtu - self.short % pmtu;
        // So many messages of so many senders are enough.
        let count = |senders: u64| self.count.min((FRAMES / self.packets / senders).max(1));
        let from = self.a % hosts;
        let to = (from + 1 + self.b % (hosts - 1)) % hosts;
        let pairs = 1 + self.a % (hosts / 2);
        let senders = 1 + self.a % (hosts - 1);
        let (qps, verb, us) = (self.qps, self.verb, self.us);
        let each = format!("{}/s", bed.gbps * 40_000_000 / (message + 200 * self.packets) + 1);
        let rate = if self.rate == "messages" {
            each.as_str()
        } else {
            self.rate
        };
        let carried = format!("message: {message}, verb: {verb}, qps: {qps}");
        // As long as so many frames take at this share of a host's link.
        let lasting = |percent: u64| {
            let ns = FRAMES / 2 * (pmtu + 100) * 8 * 100 / (bed.gbps * percent);
            format!("duration: {}ns", 1 + self.b % ns)
        };
        match self.kind {
            Kind::Transfer if self.flag => {
                let count = count(pairs);
                format!("kind: transfer, pairs: {pairs}, count: {count}, rate: {rate}, {carried}")
            }
            Kind::Transfer => {
                let count = count(1);
                format!("kind: transfer, from: {from}, to: {to}, count: {count}, rate: {rate}, {carried}")
            }
            Kind::Closed => {
                let (count, outstanding) = (count(pairs), 1 + self.b % 8);
                format!(
                    "kind: transfer, pairs: {pairs}, count: {count}, outstanding: {outstanding}, rate: {rate}, {carried}"
                )
            }
            Kind::Timed => {
                let (outstanding, lasting) = (1 + self.b % 8, lasting(100));
                let rate = if self.rate == "messages" { "100%" } else { rate };
                let closed = if self.flag {
                    format!(", outstanding: {outstanding}")
                } else {
                    String::new()
                };
                format!("kind: transfer, from: {from}, to: {to}, {lasting}, rate: {rate}, {carried}{closed}")
            }
            Kind::Incast => {
                let (rounds, count) = (self.rounds, count(senders * self.rounds));
                let mode = match self.b % 3 {
                    0 => "",
                    1 => ", stagger: 1us",
                    _ => ", jitter: 3us",
                };
                let (rate, gap) = (if rate == "max" { "100%" } else { rate }, us);
                format!(
                    "kind: incast, senders: {senders}, count: {count}, repeats: {rounds}, gap: {gap}us, rate: {rate}, {carried}{mode}"
                )
            }
            Kind::Burst => {
                let transfers = 1 + self.b % (FRAMES / self.packets / self.rounds).clamp(1, 3 * hosts);
                let rounds = self.rounds;
                // No more workers than transfers, on either side.
                let pairs = pairs.min(transfers);
                let (last, receivers) = (pairs - 1, (hosts - 1).min(pairs + transfers - 1));
                let arrival = if self.flag { "poisson" } else { "uniform" };
                let rate = if rate == "max" { "100%" } else { rate };
                format!(
                    "kind: burst, transfers: {transfers}, from: 0-{last}, to: {pairs}-{receivers}, window: {us}us, arrival: {arrival}, \
                     bursts: {rounds}, gap: {us}us, rate: {rate}, {carried}"
                )
            }
            Kind::AllToAll => {
                let (ranks, experts, batch) = (2 + self.a % (hosts - 1), 2 + self.b % 31, 1 + self.count % 20);
                let mode = if self.flag { "low-latency" } else { "normal" };
                let rate = if self.rate == "messages" { "100%" } else { rate };
                let each = if ranks > 2 && ranks % 2 == 0 { 1 + self.b % 2 } else { 1 };
                format!(
                    "kind: alltoall, ranks: {ranks}, ranks_per_node: {each}, experts: {experts}, top_k: {}, hidden: {}, batch: {batch}, layers: {}, \
                     mode: {mode}, rate: {rate}, verb: {verb}, qps: {qps}",
                    1 + self.a % 2,
                    16 + self.short / 8,
                    self.rounds
                )
            }
            Kind::Background => {
                let percent = 1 + self.b % 100;
                let lasting = lasting(percent);
                format!("kind: background, from: {from}, to: {to}, load: {percent}%, {lasting}, {carried}")
            }
            Kind::Pfc if self.flag => {
                let quanta = self.b % 0x1_0000;
                format!("kind: pfc, from: {from}, frame_type: pause, quanta: {quanta}, interval: {us}us, count: 3")
            }
            Kind::Pfc => {
                let (quanta, class, count) = (self.b % 0x1_0000, self.b % 8, 1 + self.count % 20);
                let more = if self.count.is_multiple_of(2) { "" } else { ", 3" };
                let more = if class == 3 { "" } else { more };
                format!(
                    "kind: pfc, from: {from}, classes: [{class}{more}], quanta: {quanta}, interval: {us}us, count: {count}"
                )
            }
            Kind::Probe => {
                let frames = senders.max(self.count * 2);
                let message = 1 + (pmtu - 1) * (self.b % 5) / 4;
                format!(
                    "kind: ecn-probe, senders: {senders}, frames: {frames}, repeats: {}, message: {message}, verb: {verb}",
                    self.rounds
                )
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Bed {
    hosts: u64,
    gbps: u64,
    topology: String,
    switch: String,
    faults: Vec<String>,
}

impl Bed {
    fn yaml(&self) -> String {
        let mut yaml = format!(
            "fabric:\n  {}\n  hosts: {}\n  speed: {}Gbps\n  switch: {{{}}}\n",
            self.topology, self.hosts, self.gbps, self.switch
        );
        if !self.faults.is_empty() {
            yaml.push_str("  faults:\n");
            for fault in &self.faults {
                writeln!(yaml, "  - {fault}").unwrap();
            }
        }
        yaml
    }
}

/// How switches are joined.
#[derive(Debug, Clone, Copy)]
enum Joined {
    One,
    LeafSpine {
        leaves: u64,
        spines: u64,
    },
    Clos {
        pods: u64,
        leaves: u64,
        spines: u64,
        each: u64,
    },
}

impl Joined {
    fn yaml(self) -> String {
        match self {
            Joined::One => "topology: switch".to_owned(),
            Joined::LeafSpine { leaves, spines } => {
                format!("topology: leaf-spine\n  leaves: {leaves}\n  spines: {spines}")
            }
            Joined::Clos {
                pods,
                leaves,
                spines,
                each,
            } => format!(
                "topology: clos\n  pods: {pods}\n  leaves: {leaves}\n  spines: {spines}\n  cores: {}",
                spines * each
            ),
        }
    }

    /// A switch that is there.
    fn switch(self, any: u64) -> String {
        let of = |kinds: &[(&str, u64)]| {
            let all: Vec<String> = kinds
                .iter()
                .flat_map(|(name, count)| (0..*count).map(move |index| format!("{name}{index}")))
                .collect();
            all[usize::try_from(any % all.len() as u64).unwrap()].clone()
        };
        match self {
            Joined::One => "switch0".to_owned(),
            Joined::LeafSpine { leaves, spines } => of(&[("leaf", leaves), ("spine", spines)]),
            Joined::Clos {
                pods,
                leaves,
                spines,
                each,
            } => of(&[
                ("leaf", pods * leaves),
                ("spine", pods * spines),
                ("core", spines * each),
            ]),
        }
    }

    /// A link that is there, of hosts or between switches.
    fn link(self, hosts: u64, any: u64) -> String {
        let host = format!("host{}", any / 2 % hosts);
        if any.is_multiple_of(2) {
            return host;
        }
        match self {
            Joined::One => format!("switch0-{host}"),
            Joined::LeafSpine { leaves, spines } => {
                format!("leaf{}-spine{}", any / 2 % leaves, any / 64 % spines)
            }
            Joined::Clos {
                pods, leaves, spines, ..
            } => {
                let pod = any / 2 % pods;
                let (leaf, spine) = (any / 64 % leaves, any / 4096 % spines);
                format!("leaf{}-spine{}", pod * leaves + leaf, pod * spines + spine)
            }
        }
    }

    /// Ports of any switch at most.
    fn ports(self, hosts: u64) -> u64 {
        match self {
            Joined::One => hosts,
            Joined::LeafSpine { leaves, spines } => (hosts.div_ceil(leaves) + spines).max(leaves),
            Joined::Clos {
                pods,
                leaves,
                spines,
                each,
            } => (hosts.div_ceil(pods * leaves) + spines).max(leaves + each).max(pods),
        }
    }
}

fn bed() -> impl Strategy<Value = Bed> {
    let joined = prop_oneof![
        Just(Joined::One),
        (1u64..5, 1u64..4).prop_map(|(leaves, spines)| Joined::LeafSpine { leaves, spines }),
        (1u64..4, 1u64..3, 1u64..3, 1u64..3).prop_map(|(pods, leaves, spines, each)| Joined::Clos {
            pods,
            leaves,
            spines,
            each
        }),
    ];
    (
        prop_oneof![5 => 2u64..10, 1 => 10u64..40],
        select(vec![400u64, 100, 10, 1, 1600]),
        select(vec![400u64, 100, 25, 1, 1600]),
        select(vec!["50ns", "0ns", "777ps", "3us", "100us"]),
        joined,
        switch(),
        vec(fault(), 0..4),
    )
        .prop_map(|(hosts, gbps, uplinks, propagation, joined, switch, faults)| {
            let mut topology = format!("{}\n  propagation: {propagation}", joined.yaml());
            if !matches!(joined, Joined::One) {
                write!(topology, "\n  uplink_speed: {uplinks}Gbps").unwrap();
            }
            Bed {
                hosts,
                gbps,
                topology,
                switch: switch.yaml(joined.ports(hosts)),
                faults: faults.iter().map(|fault| fault.yaml(joined, hosts)).collect(),
            }
        })
}

#[derive(Debug, Clone)]
struct Switch {
    /// Beside headroom.
    shared_kb: u64,
    classes: Vec<u8>,
    xoff_kb: u64,
    xon_percent: u64,
    headroom_kb: u64,
    ecn: String,
    rest: String,
}

fn switch() -> impl Strategy<Value = Switch> {
    let depth = || prop_oneof![0u64..50, 0u64..1000];
    let ecn =
        (depth(), depth(), 1u64..101, any::<bool>(), any::<bool>()).prop_map(|(kmin, more, pmax, dequeue, all)| {
            let at = if dequeue { "dequeue" } else { "enqueue" };
            let classes = if all { "0-7" } else { "3" };
            let kmax = kmin + more;
            format!("{{kmin: {kmin}KB, kmax: {kmax}KB, pmax: {pmax}%, at: {at}, classes: {classes}}}")
        });
    let scheduler = prop_oneof![
        Just("strict".to_owned()),
        vec(1u32..101, 8).prop_map(|weights| format!("dwrr, weights: {weights:?}")),
    ];
    let rest = (
        select(vec!["8", "1", "0.1", "0.5", "100"]),
        select(vec!["600ns", "0ns", "5us"]),
        any::<bool>(),
        scheduler,
    )
        .prop_map(|(alpha, latency, cut, scheduler)| {
            let forwarding = if cut { "cut-through" } else { "store-and-forward" };
            format!("alpha: {alpha}, latency: {latency}, forwarding: {forwarding}, scheduler: {scheduler}")
        });
    (
        prop_oneof![20u64..150, 20u64..500, 500u64..20_000],
        prop_oneof![
            Just(vec![3u8]),
            Just(vec![]),
            Just((0u8..8).collect()),
            Just(vec![1, 3])
        ],
        prop_oneof![5u64..50, 5u64..500],
        0u64..101,
        prop_oneof![5u64..60, 5u64..300],
        prop_oneof![1 => Just("none".to_owned()), 4 => ecn],
        rest,
    )
        .prop_map(
            |(shared_kb, classes, xoff_kb, xon_percent, headroom_kb, ecn, rest)| Switch {
                shared_kb,
                classes,
                xoff_kb,
                xon_percent,
                headroom_kb,
                ecn,
                rest,
            },
        )
}

impl Switch {
    fn yaml(&self, ports: u64) -> String {
        let reserved = ports * self.classes.len() as u64 * self.headroom_kb;
        let pfc = if self.classes.is_empty() {
            "none".to_owned()
        } else {
            let (xoff, headroom) = (self.xoff_kb, self.headroom_kb);
            let xon = xoff * 10 * self.xon_percent;
            format!(
                "{{classes: {:?}, xoff: {xoff}KB, xon: {xon}, headroom: {headroom}KB}}",
                self.classes
            )
        };
        let buffer = self.shared_kb + reserved;
        format!("buffer: {buffer}KB, ecn: {}, pfc: {pfc}, {}", self.ecn, self.rest)
    }
}

#[derive(Debug, Clone)]
struct Fault {
    kind: usize,
    often: String,
    place: u64,
    by: u32,
    from: u64,
    lasts: Option<u64>,
}

fn fault() -> impl Strategy<Value = Fault> {
    let often = prop_oneof![
        (1u32..100).prop_map(|every| format!("every: {every}")),
        (1u32..2000).prop_map(|hundredths| format!("probability: {}.{:02}%", hundredths / 100, hundredths % 100)),
    ];
    (
        0usize..9,
        often,
        any::<u64>(),
        prop_oneof![1u32..10, 1u32..400, 256u32..300],
        prop_oneof![0u64..20, 0u64..200],
        option::weighted(0.7, 1u64..200),
    )
        .prop_map(|(kind, often, place, by, from, lasts)| Fault {
            kind,
            often,
            place,
            by,
            from,
            lasts,
        })
}

impl Fault {
    fn yaml(&self, joined: Joined, hosts: u64) -> String {
        let link = joined.link(hosts, self.place / 2);
        let switch = joined.switch(self.place / 2);
        // The first four go everywhere.
        let at = if self.place.is_multiple_of(2) { &link } else { &switch };
        let (often, by, from) = (&self.often, self.by, self.from);
        let to = self
            .lasts
            .map_or(String::new(), |lasts| format!(", to: {}us", from + lasts));
        match self.kind {
            0 => format!("{{at: {at}, drop: {{{often}}}}}"),
            1 => format!("{{at: {at}, duplicate: {{{often}}}}}"),
            2 => format!("{{at: {at}, reorder: {{{often}, by: {by}}}}}"),
            3 => format!("{{at: {at}, corrupt: {{{often}}}}}"),
            4 if self.lasts.is_none() => format!("{{at: {switch}, ecn_ignored: none}}"),
            4 => format!("{{at: {switch}, ecn_ignored: {{kmin: {from}KB}}}}"),
            5 => format!("{{at: {link}, link_down: {{from: {from}us{to}, detect: {by}us}}}}"),
            _ => {
                let class = if by.is_multiple_of(2) { 3 } else { by % 8 };
                format!("{{at: {link}, stuck_pause: {{class: {class}, from: {from}us{to}}}}}")
            }
        }
    }
}
