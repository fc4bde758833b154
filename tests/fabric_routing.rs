//! Ways through the fabric, against a search over the topologies as docs/FABRIC.md states them.

mod fabric_kit;

use std::collections::{BTreeMap, BTreeSet};

use fabric_kit::{Said, Senders, fabric, number};
use proptest::prelude::*;

const LEN: usize = 1226;
const WIRE: u64 = 25_000;
const PROPAGATION: u64 = 50_000;
const LATENCY: u64 = 600_000;

/// Links between switches by name, lower end first (rule 21), and hosts with their leaves.
struct Network {
    yaml: &'static str,
    links: Vec<(String, String)>,
    hosts: Vec<String>,
}

fn leaf_spine() -> Network {
    let mut links = Vec::new();
    for leaf in 0..3 {
        for spine in 0..3 {
            links.push((format!("leaf{leaf}"), format!("spine{spine}")));
        }
    }
    Network {
        yaml: "topology: leaf-spine, leaves: 3, spines: 3",
        links,
        // Seven hosts in blocks of three.
        hosts: (0..7).map(|host| format!("leaf{}", host / 3)).collect(),
    }
}

fn clos() -> Network {
    let mut links = Vec::new();
    for pod in 0..2 {
        for spine in 0..2 {
            for leaf in 0..2 {
                links.push((format!("leaf{}", 2 * pod + leaf), format!("spine{}", 2 * pod + spine)));
            }
            for core in [spine, spine + 2] {
                links.push((format!("spine{}", 2 * pod + spine), format!("core{core}")));
            }
        }
    }
    Network {
        yaml: "topology: clos, pods: 2, leaves: 2, spines: 2, cores: 4",
        links,
        hosts: (0..8).map(|host| format!("leaf{}", host / 2)).collect(),
    }
}

/// Links on a shortest path that goes up, then down; `None` without one.
fn distance(links: &[&(String, String)], from: &str, to: &str) -> Option<u64> {
    // Places, and whether the path has turned down there.
    let mut at: BTreeSet<(String, bool)> = BTreeSet::from([(from.to_owned(), false)]);
    for steps in 0..6 {
        if at.iter().any(|(place, _)| place == to) {
            return Some(steps);
        }
        let mut next = BTreeSet::new();
        for (low, high) in links {
            if at.contains(&(low.clone(), false)) {
                next.insert((high.clone(), false));
            }
            if at.iter().any(|(place, _)| place == high) {
                next.insert((low.clone(), true));
            }
        }
        at = next;
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_frame_arrives_by_a_shortest_way_exactly_when_there_is_one(
        three_tiers in any::<bool>(),
        dead in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        seed in 0_u64..100,
    ) {
        let network = if three_tiers { clos() } else { leaf_spine() };
        let dead: BTreeSet<usize> = dead.iter().map(|index| index.index(network.links.len())).collect();
        let faults: Vec<String> = dead
            .iter()
            .map(|link| format!("{{at: {}-{}, link_down: {{}}}}", network.links[*link].0, network.links[*link].1))
            .collect();
        let yaml = format!("{{{}, faults: [{}]}}", network.yaml, faults.join(", "));
        let alive: Vec<_> = (0..network.links.len())
            .filter(|link| !dead.contains(link))
            .map(|link| &network.links[link])
            .collect();
        let hosts = network.hosts.len();
        let mut fabric = fabric(&yaml, hosts, seed);
        let mut senders = Senders::new(hosts);
        let mut expected = BTreeMap::new();
        let mut departed = Vec::new();
        for from in 0..hosts {
            for to in (0..hosts).filter(|to| *to != from) {
                // One at a time: nobody waits.
                let at = departed.len() as u64 * 10_000_000;
                let number = u32::try_from(departed.len()).expect("few");
                departed.push(at);
                senders.push(at, &Said { number, ..Said::new(from, to, LEN) });
                if let Some(links) = distance(&alive, &network.hosts[from], &network.hosts[to]) {
                    let delay = (links + 2) * (WIRE + PROPAGATION) + (links + 1) * LATENCY;
                    expected.insert(number, (at + delay, to));
                }
            }
        }
        let trace = senders.run(&mut fabric, u64::MAX);
        let received: BTreeMap<u32, (u64, usize)> =
            trace.received.iter().map(|(at, host, frame)| (number(frame), (*at, *host))).collect();
        prop_assert_eq!(&received, &expected);
        let lost = fabric.counters().lost;
        prop_assert_eq!(lost.no_route, (departed.len() - expected.len()) as u64);
        prop_assert_eq!(lost.total(), lost.no_route);
    }
}

#[test]
fn what_came_from_above_does_not_go_up_again() {
    // A frame for leaf2's hosts is on its way from a core to spine2 when the link to leaf2 dies; the
    // cores, spine0 and leaf0 would know another way, but it is past them.
    let yaml = "{topology: clos, pods: 2, leaves: 2, spines: 2, cores: 2, faults: [{at: leaf2-spine2, link_down: {from: WHEN}}]}";
    // Two links up take 75 + 600 ns each; the third, down to spine2, ends at 2025 ns, and the frame
    // joins at 2625 ns.
    let mut lost = Vec::new();
    for when in ["2us", "3us"] {
        for seed in 0..8 {
            let mut fabric = fabric(&yaml.replace("WHEN", when), 8, seed);
            let mut senders = Senders::new(8);
            senders.push(0, &Said::new(0, 4, LEN));
            let trace = senders.run(&mut fabric, u64::MAX);
            let counters = fabric.counters();
            lost.push((
                when,
                counters.lost.no_route,
                counters.lost.total(),
                trace.received.len(),
            ));
        }
    }
    // Half of the seeds take that way. At 3 us the frame is through, or on the next link.
    assert!(
        lost.contains(&("2us", 1, 1, 0)) && lost.contains(&("2us", 0, 0, 1)),
        "{lost:?}"
    );
    assert!(
        lost.iter().all(|(when, no_route, ..)| *when == "2us" || *no_route == 0),
        "{lost:?}"
    );
}
