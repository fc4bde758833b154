//! Asking for next hops before the traffic.
//!
//! Every worker asks for its gateway, and not one for all: a router learns from the question where the worker is, and has
//! not to ask for it when the first frame comes (RFC 826; RFC 4861 section 7.2.3).
//!
//! Contract: a state machine. [`Resolver::next`] says what to send, [`Resolver::heard`] is told what came, until
//! [`Resolver::is_over`]. Questions are repeated every [`AGAIN`]; who is not answered while others of its port are keeps
//! nobody waiting for longer than [`STRAGGLERS`].
//!
//! Left out on purpose: which pairs need whom (`plan::hop`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use super::heard::{Heard, Says};
use super::write;
use crate::plan::hop::{Hop, Neighbour};
use crate::plan::{EntryPlan, Pair, Plan};
use crate::units::Picos;
use crate::wire::arp;
use crate::wire::ethernet::Address;
use crate::wire::vlan::Stack;

/// From one question to the same one again.
pub const AGAIN: Picos = Picos::from_micros(500_000);

/// From one question to the next one: no router's control plane is to be flooded.
pub const APART: Picos = Picos::from_micros(20);

/// So long is waited for the answers to the other workers of ports whose gateways are known.
pub const STRAGGLERS: Picos = Picos::from_micros(2_000_000);

/// Things heard meanwhile that an error tells at most.
const TOLD: usize = 4;

/// A router that a port asks for.
struct Router {
    port: usize,
    address: IpAddr,
    tags: Stack,
    mac: Option<Address>,
    /// Something is to be sent by it.
    needed: bool,
}

/// One worker's question.
struct Question {
    worker: u32,
    router: usize,
    answered: bool,
}

/// What a port has heard.
#[derive(Default)]
struct Noise {
    frames: u64,
    said: BTreeSet<String>,
}

/// Asks for the routers of a plan.
pub struct Resolver<'a> {
    plan: &'a Plan,
    routers: Vec<Router>,
    questions: Vec<Question>,
    /// Questions by the port and the MAC address of who asks.
    by_asker: HashMap<(usize, [u8; 6]), Vec<usize>>,
    noise: Vec<Noise>,
    /// The next question of this round, when the round began, and which it is.
    next: usize,
    round: Picos,
    rounds: u32,
    open: usize,
    unknown: usize,
    timeout: Picos,
}

/// A router or peer that nobody has answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The port's name.
    pub port: String,
    /// Whom it asked for.
    pub router: IpAddr,
    /// That is a peer, and no router.
    pub peer: bool,
    /// In which VLAN.
    pub vid: Option<u16>,
    /// One of those who asked: its number, its address and its MAC address.
    pub asker: (u32, IpAddr, Address),
    /// How many asked, and how often each.
    pub questions: (usize, u32),
    /// For how long.
    pub waited: Picos,
    /// Frames that came to the port meanwhile.
    pub frames: u64,
    /// What some of them said.
    pub said: Vec<String>,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (worker, address, mac) = &self.asker;
        let vlan = self.vid.map_or_else(String::new, |vid| format!(", VLAN {vid}"));
        write!(
            f,
            "port {}: nobody answered for its {} {}: worker {worker} ({address}, {mac}{vlan})",
            self.port,
            if self.peer { "peer" } else { "gateway" },
            self.router
        )?;
        if self.questions.0 > 1 {
            write!(f, " and {} others", self.questions.0 - 1)?;
        }
        write!(f, " asked {} times in {}; ", self.questions.1, self.waited)?;
        match (self.frames, &self.said[..]) {
            (0, _) => f.write_str("nothing was heard meanwhile")?,
            (frames, []) => write!(f, "{frames} frames came meanwhile, none of them about neighbours")?,
            (frames, said) => write!(f, "{frames} frames came meanwhile, among them {}", said.join(", "))?,
        }
        f.write_str(if self.peer {
            ". Compare the `address` of the port and of the peer, and their VLANs; where it is not to be asked, say the peer's `mac`"
        } else {
            ". Compare the port's `address`, `gateway` and `vlan` with the router's; where it is not to be asked, say `gateway_mac`"
        })
    }
}

impl<'a> Resolver<'a> {
    /// For the gateways of `plan`, with so much time; `None` where there is none to be asked for.
    #[must_use]
    pub fn new(plan: &'a Plan, timeout: Picos) -> Option<Resolver<'a>> {
        let mut resolver = Resolver {
            plan,
            routers: Vec::new(),
            questions: Vec::new(),
            by_asker: HashMap::new(),
            noise: plan.ports.iter().map(|_| Noise::default()).collect(),
            next: 0,
            round: Picos::ZERO,
            rounds: 0,
            open: 0,
            unknown: 0,
            timeout,
        };
        let mut asked: BTreeSet<(u32, usize)> = BTreeSet::new();
        let mut known: BTreeMap<(usize, IpAddr, Stack), usize> = BTreeMap::new();
        for entry in &plan.entries {
            for pair in &entry.pairs {
                let back = Pair {
                    src: pair.dst,
                    dst: pair.src,
                };
                for (pair, sends) in [(*pair, true), (back, entry.transport.rc().is_some())] {
                    let worker = pair.src;
                    if plan.workers[worker as usize].peer {
                        continue;
                    }
                    let port = plan.workers[worker as usize].port;
                    let (asked_for, needed) = match plan.hop(entry, pair) {
                        Hop::Peer(address) => (Some(address), sends),
                        hop => (gateway(plan, entry, port), sends && matches!(hop, Hop::Gateway(_))),
                    };
                    let Some(address) = asked_for else { continue };
                    let router = *known
                        .entry((port, address, plan.tags(entry, port)))
                        .or_insert_with_key(|key| {
                            resolver.routers.push(Router {
                                port,
                                address,
                                tags: key.2,
                                mac: None,
                                needed: false,
                            });
                            resolver.routers.len() - 1
                        });
                    resolver.routers[router].needed |= needed;
                    if asked.insert((worker, router)) {
                        let asker = (port, plan.workers[worker as usize].mac);
                        let number = resolver.questions.len();
                        resolver.by_asker.entry(asker).or_default().push(number);
                        resolver.questions.push(Question {
                            worker,
                            router,
                            answered: false,
                        });
                    }
                }
            }
        }
        resolver.open = resolver.questions.len();
        resolver.unknown = resolver.routers.iter().filter(|router| router.needed).count();
        (resolver.unknown > 0).then_some(resolver)
    }

    /// Writes the next question that is due at `now` to the beginning of `out`; its port and length. `None`: none is due.
    pub fn next(&mut self, now: Picos, out: &mut [u8]) -> Option<(usize, usize)> {
        loop {
            let due = Picos(self.round.0.saturating_add(APART.0.saturating_mul(self.next as u64)));
            if now < due {
                return None;
            }
            let Some(question) = self.questions.get(self.next) else {
                let again = self.round.saturating_add(AGAIN).max(due);
                if now < again {
                    return None;
                }
                (self.next, self.round) = (0, now);
                continue;
            };
            self.rounds += u32::from(self.next == 0);
            self.next += 1;
            if !question.answered {
                return Some(self.ask(question, out));
            }
        }
    }

    fn ask(&self, question: &Question, out: &mut [u8]) -> (usize, usize) {
        let router = &self.routers[question.router];
        let worker = &self.plan.workers[question.worker as usize];
        let mac = Address(worker.mac);
        let len = match router.address {
            IpAddr::V4(target) => {
                let packet = arp::Repr {
                    operation: arp::REQUEST,
                    sender_mac: mac,
                    sender_ip: worker.ipv4,
                    target_mac: Address([0; 6]),
                    target_ip: target,
                };
                write::arp(Address::BROADCAST, mac, &router.tags, &packet, out)
            }
            IpAddr::V6(target) => write::solicitation(mac, worker.ipv6, target, &router.tags, out),
        };
        (router.port, len)
    }

    /// Takes note of a frame that came to `port`; `heard` is what it says about neighbours.
    pub fn heard(&mut self, port: usize, heard: Option<&Heard<'_>>) {
        let Some(noise) = self.noise.get_mut(port) else { return };
        noise.frames += 1;
        let Some(heard) = heard else { return };
        let (who, mac, text) = match heard.says {
            Says::Arp(packet) if packet.operation == arp::REPLY => {
                let (ip, mac) = (packet.sender_ip, packet.sender_mac);
                (IpAddr::from(ip), mac, format!("an ARP reply that {ip} is at {mac}"))
            }
            Says::Advertisement(said) => {
                let text = format!("an advertisement that {} is at {}", said.target, said.mac);
                (said.target.into(), said.mac, text)
            }
            Says::Arp(packet) => {
                let text = format!("an ARP request of {} for {}", packet.sender_ip, packet.target_ip);
                return noise.tell(text);
            }
            Says::Solicitation { src, solicitation } => {
                return noise.tell(format!("a solicitation of {src} for {}", solicitation.target));
            }
            Says::Echo { src, dst, .. } => return noise.tell(format!("an echo request of {src} for {dst}")),
        };
        noise.tell(match heard.link.tags.vid() {
            Some(vid) => format!("{text} in VLAN {vid}"),
            None => text,
        });
        if mac.is_multicast() {
            return;
        }
        for router in &mut self.routers {
            let its = router.port == port && router.address == who && router.tags.vid() == heard.link.tags.vid();
            if its && router.mac.is_none() {
                router.mac = Some(mac);
                self.unknown -= usize::from(router.needed);
            }
        }
        let asked = self.by_asker.get(&(port, heard.link.dst.0));
        for number in asked.into_iter().flatten() {
            let question = &mut self.questions[*number];
            let router = &self.routers[question.router];
            if router.address == who && router.mac.is_some() && !question.answered {
                question.answered = true;
                self.open -= 1;
            }
        }
    }

    /// Whether there is nothing more to wait for at `now`.
    #[must_use]
    pub fn is_over(&self, now: Picos) -> bool {
        self.open == 0 || now >= self.timeout || self.unknown == 0 && now >= STRAGGLERS
    }

    /// Where the routers are, the port's index first.
    ///
    /// # Errors
    /// Those that nobody has answered for and that something is to be sent by.
    pub fn finish(self, now: Picos) -> Result<Vec<(usize, Neighbour)>, Vec<Unanswered>> {
        let missing: Vec<Unanswered> = (0..self.routers.len())
            .filter(|router| self.routers[*router].needed && self.routers[*router].mac.is_none())
            .filter_map(|router| self.unanswered(router, now))
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let found = self.routers.into_iter().filter_map(|router| {
            let neighbour = Neighbour {
                address: router.address,
                tags: router.tags,
                mac: router.mac?,
            };
            Some((router.port, neighbour))
        });
        Ok(found.collect())
    }

    fn unanswered(&self, number: usize, now: Picos) -> Option<Unanswered> {
        let router = &self.routers[number];
        let mut askers = self.questions.iter().filter(|question| question.router == number);
        let first = askers.next()?;
        let worker = &self.plan.workers[first.worker as usize];
        let address = worker.address(router.address.is_ipv6());
        let noise = &self.noise[router.port];
        Some(Unanswered {
            port: self.plan.ports[router.port].name.clone(),
            router: router.address,
            peer: self.plan.ports[router.port].gateway(router.address.is_ipv6()) != Some(router.address),
            vid: router.tags.vid(),
            asker: (first.worker, address, Address(worker.mac)),
            questions: (1 + askers.count(), self.rounds),
            waited: now,
            frames: noise.frames,
            said: noise.said.iter().cloned().collect(),
        })
    }
}

impl Noise {
    fn tell(&mut self, text: String) {
        if self.said.len() < TOLD {
            self.said.insert(text);
        }
    }
}

/// The gateway of a port for the frames of an entry, where it is to be asked for.
fn gateway(plan: &Plan, entry: &EntryPlan, port: usize) -> Option<IpAddr> {
    let port = &plan.ports[port];
    if port.gateway_mac.is_some() || port.loopback || !port.receive {
        return None;
    }
    port.gateway(entry.frame.ipv6)
}

#[cfg(test)]
mod tests {
    use super::super::heard::tests::{ROUTER, tag};
    use super::*;
    use crate::units::BitRate;
    use crate::wire::icmpv6;

    fn plan(ip: u8) -> Plan {
        let text = format!("traffic: [{{kind: incast, senders: 3, message: 4KiB}}]\nframe: {{ip: {ip}}}\n");
        let pattern = crate::pattern::parse("t", &text, &[]).unwrap();
        let text = "ports:
  - {name: a, device: 'net_af_packet0,iface=x0', workers: 3, address: [20.1.1.2/24, '2001:db8:1::2/64'], gateway: [20.1.1.1, '2001:db8:1::1'], vlan: 5}
  - {name: b, device: 'net_af_packet1,iface=x1', workers: 1, address: [20.1.2.2/24, '2001:db8:2::2/64'], gateway: [20.1.2.1, '2001:db8:2::1'], vlan: 6}
";
        let testbed = crate::testbed::parse("t", text, &[]).unwrap_or_else(|error| panic!("{error}"));
        crate::plan::build(&pattern, &testbed, &[BitRate(10_000_000_000); 2]).unwrap()
    }

    const TIMEOUT: Picos = Picos::from_micros(3_000_000);

    /// All questions that are due at `now`.
    fn questions(resolver: &mut Resolver<'_>, now: Picos) -> Vec<(usize, Vec<u8>)> {
        let mut out = [0xa5; 192];
        std::iter::from_fn(|| {
            resolver
                .next(now, &mut out)
                .map(|(port, len)| (port, out[..len].to_vec()))
        })
        .collect()
    }

    /// The answer of a router that has all addresses.
    fn answer(question: &[u8]) -> Vec<u8> {
        let mut out = [0; 192];
        let heard = Heard::parse(question).unwrap();
        let (dst, tags) = (heard.link.src, &heard.link.tags);
        let len = match heard.says {
            Says::Arp(packet) => write::arp(dst, ROUTER, tags, &arp::Repr::reply_to(&packet, ROUTER), &mut out),
            Says::Solicitation { src, solicitation } => {
                let message = icmpv6::Repr {
                    router: true,
                    solicited: true,
                    overrides: true,
                    target: solicitation.target,
                    mac: ROUTER,
                };
                write::advertisement((dst, ROUTER, tags), &message, src, &mut out)
            }
            _ => panic!(),
        };
        out[..len].to_vec()
    }

    #[test]
    fn every_worker_asks_and_the_answer_is_the_next_hop() {
        for ip in [4, 6] {
            let plan = plan(ip);
            let mut resolver = Resolver::new(&plan, TIMEOUT).unwrap();
            let late = Picos::from_micros(1000);
            assert_eq!(questions(&mut resolver, Picos::ZERO).len(), 1, "one after the other");
            let rest = questions(&mut resolver, late);
            assert_eq!(rest.iter().map(|(port, _)| *port).collect::<Vec<_>>().len(), 3);
            assert!(!resolver.is_over(late));
            // The first one is not answered, and asks again.
            for (port, question) in rest {
                let reply = answer(&question);
                resolver.heard(port, Heard::parse(&reply).as_ref());
            }
            assert!(!resolver.is_over(late), "one worker has not been answered");
            assert!(resolver.is_over(STRAGGLERS));
            let again = questions(&mut resolver, AGAIN);
            assert_eq!(again.len(), 1);
            let reply = answer(&again[0].1);
            resolver.heard(again[0].0, Heard::parse(&reply).as_ref());
            assert!(resolver.is_over(AGAIN));
            let found = resolver.finish(AGAIN).unwrap();
            assert_eq!(found.len(), 2);
            let mut known = plan.clone();
            for (port, neighbour) in found {
                known.ports[port].neighbours.push(neighbour);
            }
            let (entry, pair) = (&known.entries[0], known.entries[0].pairs[0]);
            assert_eq!(known.destination_mac(entry, pair), ROUTER.0);
        }
    }

    #[test]
    fn silence_is_told_with_who_asked_whom_and_what_was_heard() {
        let plan = plan(4);
        let mut resolver = Resolver::new(&plan, TIMEOUT).unwrap();
        let mut asked = 0;
        for time in 0..=30 {
            asked += questions(&mut resolver, Picos::from_micros(100_000 * time)).len();
        }
        assert_eq!(asked, 4 * 6 + 1, "six rounds, and the beginning of a seventh");
        // The gateway of another VLAN, and something else altogether.
        let mut reply = [0; 192];
        let request = arp::Repr {
            operation: arp::REQUEST,
            sender_mac: Address(plan.workers[0].mac),
            sender_ip: plan.workers[0].ipv4,
            target_mac: Address([0; 6]),
            target_ip: [20, 1, 1, 1].into(),
        };
        let packet = arp::Repr::reply_to(&request, ROUTER);
        let len = write::arp(Address(plan.workers[0].mac), ROUTER, &[tag(9)], &packet, &mut reply);
        resolver.heard(0, Heard::parse(&reply[..len]).as_ref());
        resolver.heard(0, None);
        assert!(resolver.is_over(TIMEOUT));
        let missing = resolver.finish(TIMEOUT).unwrap_err();
        assert_eq!(missing.len(), 1, "nothing is sent by the receiver's gateway");
        let text = missing[0].to_string();
        for part in [
            "port a: nobody answered for its gateway 20.1.1.1: worker 0 (20.1.1.2, 02:00:00:00:00:01, VLAN 5) and 2 others",
            "2 frames came meanwhile, among them an ARP reply that 20.1.1.1 is at 02:aa:00:00:00:01 in VLAN 9.",
            "`gateway_mac`",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn who_needs_no_router_asks_nobody() {
        let pattern =
            crate::pattern::parse("t", "traffic: [{kind: incast, senders: 3, message: 4KiB}]\n", &[]).unwrap();
        let plan =
            crate::plan::build(&pattern, &crate::plan::tests::testbed(2), &[BitRate(10_000_000_000); 2]).unwrap();
        assert!(Resolver::new(&plan, TIMEOUT).is_none());
    }
}
