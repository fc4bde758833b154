//! Whether port, cores and memory are on one NUMA node.
//!
//! Contract: of a host with one node, or of a NIC that does not say where it is, there is nothing to
//! say. Left out on purpose: virtual devices, which are nowhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::cpu::{core_list, join};
use super::{Finding, Needs, read};

const CHECK: &str = "numa";

pub(super) fn examine(root: &Path, needs: &Needs) -> Vec<Finding> {
    let nodes = nodes(root);
    if nodes.len() < 2 {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for device in &needs.devices {
        let Some(nic) = super::nic_of(root, device) else {
            continue;
        };
        let node = read(root, &format!("sys/bus/pci/devices/{}/numa_node", nic.address))
            .and_then(|text| text.parse::<i64>().ok())
            .and_then(|node| usize::try_from(node).ok());
        let Some((node, cores)) = node.and_then(|node| Some((node, nodes.get(&node)?))) else {
            continue;
        };
        let far: Vec<usize> = needs
            .cores
            .iter()
            .copied()
            .filter(|core| !cores.contains(core))
            .collect();
        if needs.cores.is_empty() {
            findings.push(Finding::warning(
                CHECK,
                format!(
                    "{} is on node {node}, and the testbed names no cores: some may be on another",
                    nic.address
                ),
                format!("name cores of its node in `cores`: {}", join(cores)),
            ));
        } else if far.is_empty() {
            findings.push(Finding::good(
                CHECK,
                format!("{} and its cores are on node {node}", nic.address),
            ));
        } else {
            findings.push(Finding::warning(
                CHECK,
                format!("{} is on node {node}, and cores {} are not", nic.address, join(&far)),
                format!("name cores of its node in `cores`: {}", join(cores)),
            ));
        }
        if !seen.contains(&node) {
            seen.push(node);
            findings.extend(memory(root, node, needs));
        }
    }
    findings
}

/// The cores of each node.
fn nodes(root: &Path) -> BTreeMap<usize, Vec<usize>> {
    let entries = fs::read_dir(root.join("sys/devices/system/node"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix("node")?.parse().ok()?;
            let list = read(root, &format!("sys/devices/system/node/{name}/cpulist"))?;
            // A node of memory only has none.
            Some((number, core_list(&list).unwrap_or_default()))
        })
        .collect()
}

/// Hugepages of that node, which the NIC's buffers are to come from.
fn memory(root: &Path, node: usize, needs: &Needs) -> Option<Finding> {
    let folder = format!("sys/devices/system/node/node{node}/hugepages");
    let sizes = fs::read_dir(root.join(&folder)).ok()?;
    let free = sizes.flatten().fold(0_u64, |sum, entry| {
        let of = || {
            let name = entry.file_name().into_string().ok()?;
            let kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            let pages: u64 = read(root, &format!("{folder}/{name}/free_hugepages"))?.parse().ok()?;
            pages.checked_mul(kib.checked_mul(1024)?)
        };
        sum.saturating_add(of().unwrap_or(0))
    });
    if free >= needs.memory.0 {
        return None;
    }
    Some(Finding::warning(
        CHECK,
        format!(
            "{} of hugepages are free on node {node}, {} are wanted: buffers would come from afar",
            crate::units::Bytes(free),
            needs.memory
        ),
        format!(
            "scripts/hugepages.sh --node {node} {}",
            needs.memory.0.div_ceil(1 << 20)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const CLASS: (&str, &str) = ("sys/bus/pci/devices/0000:af:00.0/class", "0x020000\n");
    const ON_1: (&str, &str) = ("sys/bus/pci/devices/0000:af:00.0/numa_node", "1\n");
    const NOWHERE: (&str, &str) = ("sys/bus/pci/devices/0000:af:00.0/numa_node", "-1\n");
    const NODE_0: (&str, &str) = ("sys/devices/system/node/node0/cpulist", "0-3,8-11\n");
    const NODE_1: (&str, &str) = ("sys/devices/system/node/node1/cpulist", "4-7,12-15\n");
    const FREE: (&str, &str) = (
        "sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages",
        "512\n",
    );
    const FEW: (&str, &str) = (
        "sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages",
        "3\n",
    );

    fn asked(files: &[(&str, &str)], cores: &[usize]) -> (Level, String) {
        let mut needs = needs(&["0000:af:00.0"]);
        needs.cores = cores.to_vec();
        verdict(&examine(tree(files).path(), &needs))
    }

    #[test]
    fn one_node_is_good() {
        let (level, text) = asked(&[CLASS, ON_1, NODE_0, NODE_1, FREE], &[4, 12]);
        assert_eq!(level, Level::Good);
        assert!(text.contains("0000:af:00.0 and its cores are on node 1"), "{text}");
    }

    #[test]
    fn cores_and_memory_of_another_node_are_told() {
        let (level, text) = asked(&[CLASS, ON_1, NODE_0, NODE_1, FREE], &[2, 4]);
        assert_eq!(level, Level::Warning);
        assert!(
            text.contains("cores 2 are not") && text.contains("4, 5, 6, 7, 12"),
            "{text}"
        );
        let (level, text) = asked(&[CLASS, ON_1, NODE_0, NODE_1, FEW], &[4]);
        assert_eq!(level, Level::Warning);
        assert!(text.contains("scripts/hugepages.sh --node 1 64"), "{text}");
        assert_eq!(asked(&[CLASS, ON_1, NODE_0, NODE_1, FREE], &[]).0, Level::Warning);
    }

    #[test]
    fn where_there_is_one_node_or_none_is_told_there_is_nothing_to_say() {
        assert_eq!(asked(&[CLASS, ON_1, NODE_1], &[2]), (Level::Good, String::new()));
        assert_eq!(
            asked(&[CLASS, NOWHERE, NODE_0, NODE_1], &[2]),
            (Level::Good, String::new())
        );
    }
}
