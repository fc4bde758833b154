//! Two faults of any kinds, places and numbers, on any network, have two names.
//!
//! The witness is the fabric's own account of what it did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod anomaly_kit;
mod virtual_kit;

use alone::{Namespace, alone};
use anomaly_kit::{Choices, Planted, everybody, keeps_back, of_pair, said};
use squall::report::model::AnomalyKind as Kind;
use virtual_kit::Bench;

/// A network whose load no link is too slow for.
#[derive(Clone, Copy)]
struct Net {
    leaves: u32,
    spines: u32,
    hosts: u32,
    /// Percent of a host's line rate that it sends and receives.
    load: u32,
    /// Microseconds for which senders send.
    lasts: u64,
}

impl Net {
    fn any(any: &mut Choices) -> Net {
        let (leaves, hosts) = any.of(&[(1, 4), (1, 5), (1, 6), (2, 4), (2, 6), (3, 6), (4, 8)]);
        Net {
            leaves,
            spines: if leaves == 1 { 0 } else { any.of(&[2, 2, 3, 4]) },
            hosts,
            load: if leaves == 1 {
                any.of(&[40, 60, 75])
            } else {
                any.of(&[30, 42])
            },
            lasts: any.of(&[120, 160, 240]),
        }
    }

    fn topology(&self) -> String {
        match self.leaves {
            1 => "topology: switch".to_owned(),
            leaves => format!("topology: leaf-spine\n  leaves: {leaves}\n  spines: {}", self.spines),
        }
    }

    /// Gbit/s of every flow of a pair.
    fn rate(&self) -> u32 {
        400 * self.load / 100 / (self.hosts - 1)
    }

    fn pattern(&self, any: &mut Choices) -> String {
        let qps = if self.leaves == 1 {
            any.of(&[1, 2])
        } else {
            any.of(&[2, 4])
        };
        let frames = u64::from(self.rate()) * self.lasts * 1000 / (8 * 4150);
        everybody(
            self.hosts,
            u32::try_from(frames).unwrap(),
            &format!("{}Gbps", self.rate()),
            qps,
        )
    }

    /// A place, and what an outsider can call it.
    fn place(&self, any: &mut Choices, links: bool, switches: bool) -> (String, String) {
        loop {
            let (leaf, host) = (any.number(self.leaves.into()), any.number(self.hosts.into()));
            match any.number(4) {
                0 if links => return (format!("host{host}"), format!("ports/host{host}")),
                1 if switches && self.leaves == 1 => return ("switch0".to_owned(), "switches/switch0".to_owned()),
                1 if switches => return (format!("leaf{leaf}"), format!("switches/leaf{leaf}")),
                2 if switches && self.leaves > 1 => {
                    let spine = any.number(self.spines.into());
                    return (format!("spine{spine}"), "switches/spines".to_owned());
                }
                3 if links && self.leaves > 1 => {
                    let spine = any.number(self.spines.into());
                    return (format!("leaf{leaf}-spine{spine}"), format!("links/leaf{leaf}-spines"));
                }
                _ => {}
            }
        }
    }

    fn fault(&self, any: &mut Choices) -> Planted<String> {
        let often = if any.number(2) == 0 {
            format!("every: {}", 17 + any.number(60))
        } else {
            format!("probability: {}%", 2 + any.number(4))
        };
        let from = 20 + any.number(40);
        let to = from + 20 + any.number(self.lasts - 80);
        let (fault, kind, (at, place)) = match any.number(7) {
            0 => (format!("drop: {{{often}}}"), Kind::Loss, self.place(any, true, true)),
            1 => (
                format!("duplicate: {{{often}}}"),
                Kind::Duplicated,
                self.place(any, true, true),
            ),
            2 => (
                format!("corrupt: {{{often}}}"),
                Kind::Corrupted,
                self.place(any, true, true),
            ),
            3 => (
                format!("reorder: {{{often}, by: {}}}", 1 + any.number(4)),
                Kind::Reordered,
                self.place(any, true, true),
            ),
            4 => (
                format!(
                    "link_down: {{from: {from}us, to: {to}us, detect: {}us}}",
                    any.of(&[0, 5, 20])
                ),
                Kind::LinkDisruption,
                self.place(any, true, false),
            ),
            5 => {
                let (at, place) = self.place(any, true, false);
                let carries = if at.starts_with("host") {
                    self.rate() * (self.hosts - 1)
                } else {
                    // Of what crosses a leaf's links, one carries a part.
                    self.rate() * (self.hosts - 1) / self.spines
                };
                let speed = u64::from(carries) * any.of(&[25, 40, 60]) / 100;
                (format!("speed: {speed}Gbps"), Kind::SlowLink, (at, place))
            }
            _ => {
                let (at, place) = self.place(any, true, false);
                let fault = format!("stuck_pause: {{from: {from}us, to: {to}us}}");
                match at.strip_prefix("host") {
                    Some(host) if any.number(2) == 0 => {
                        let leaf = host.parse::<u32>().unwrap() / self.hosts.div_ceil(self.leaves);
                        let switch = if self.leaves == 1 {
                            "switch0".to_owned()
                        } else {
                            format!("leaf{leaf}")
                        };
                        (fault, Kind::StuckPause, (format!("{switch}-{at}"), place))
                    }
                    Some(host) => (fault, Kind::Silence, (at.clone(), format!("queues/host{host}/3"))),
                    None => (fault, Kind::Silence, (at, place)),
                }
            }
        };
        Planted {
            fault: format!("{{at: {at}, {fault}}}"),
            kind,
            place,
        }
    }
}

#[test]
fn any_two_faults_have_two_names_and_no_third() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut wrong = Vec::new();
        for number in 0..36 {
            let mut any = Choices(number << 20);
            let net = Net::any(&mut any);
            let pattern = net.pattern(&mut any);
            let pair = [net.fault(&mut any), net.fault(&mut any)];
            if pair.iter().all(keeps_back) {
                continue;
            }
            let faults = format!("{}, {}", pair[0].fault, pair[1].fault);
            let bed = format!("fabric:\n  {}\n  faults: [{faults}]\n", net.topology());
            let (results, fabric) = bench.run(&pattern, &bed, &[&format!("seed={number}")]);
            if let Some(why) = of_pair([&pair[0], &pair[1]], &results, &fabric) {
                let text = format!(
                    "{number}: {}, {} hosts, {} %: {faults}: {why}: {:?} of {:?}",
                    net.topology().replace("\n ", ","),
                    net.hosts,
                    net.load,
                    said(&results),
                    [0, 1].map(|at| anomaly_kit::truth(&fabric, at, &pair[at])),
                );
                wrong.push(text);
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
