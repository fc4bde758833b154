//! Where a pattern's classes and the testbed's do not agree: what `squall check` and `squall doctor` warn
//! of.
//!
//! Contract: nothing is said of what the testbed leaves open. A network without a lossless class has none
//! that traffic could miss.

use crate::plan::feed::{Rounds, Work};
use crate::plan::{EntryPlan, Plan};
use crate::testbed::{FaultKind, Testbed, classes};
use crate::wire::class::Trust;

/// A disagreement, and what to do about it; both without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// What does not agree.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// All of them, for `plan`, which was made for `testbed`.
pub(super) fn disagreements(plan: &Plan, testbed: &Testbed) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let lossless = testbed.configured().lossless.unwrap_or(0);
    if lossless != 0 {
        let lossy = |entry: &&EntryPlan| !entry.pairs.is_empty() && lossless >> entry.class & 1 == 0;
        found.extend(
            plan.entries
                .iter()
                .filter(lossy)
                .map(|entry| in_a_lossy_class(entry, testbed, lossless)),
        );
    }
    found.extend(
        plan.entries
            .iter()
            .filter_map(|entry| trusted_otherwise(entry, testbed)),
    );
    found.extend(plan.entries.iter().filter_map(|entry| nobodys(plan, entry)));
    found.extend(stuck(plan, testbed));
    found
}

/// Classes as a testbed's keys have them.
fn set(classes: u8) -> String {
    let each = (0..8_u8).filter(|class| classes >> class & 1 == 1);
    each.map(|class| class.to_string()).collect::<Vec<_>>().join(", ")
}

/// By what the entry's frames are of their class.
fn why(entry: &EntryPlan, testbed: &Testbed) -> String {
    let (maps, frame) = (&testbed.classes, &entry.frame);
    if maps.of(frame.pcp(), Some(frame.dscp)) != entry.class {
        return "its `priority`".to_owned();
    }
    match frame.pcp() {
        Some(pcp) if maps.trust == Trust::Pcp => {
            format!("PCP {pcp} by `pcp_to_priority: {}`", classes::pcp_map(&maps.pcp))
        }
        _ => format!(
            "DSCP {} by `dscp_to_priority: {}`",
            frame.dscp,
            classes::dscp_map(&maps.dscp)
        ),
    }
}

/// RoCE traffic in a class in which the network drops.
fn in_a_lossy_class(entry: &EntryPlan, testbed: &Testbed, lossless: u8) -> Disagreement {
    let maps = &testbed.classes;
    let what = format!(
        "{} sends in class {} ({}), which the testbed says is lossy: lossless {} {}",
        entry.name,
        entry.class,
        why(entry, testbed),
        if lossless.is_power_of_two() { "is" } else { "are" },
        set(lossless)
    );
    let probe = matches!(&entry.work, Work::Rounds(Rounds { hold: Some(_), .. }));
    let consequence = if probe {
        "a switch may ignore the XOFF that is to hold its queue. "
    } else {
        ""
    };
    let point = match entry.frame.pcp() {
        Some(_) if maps.trust == Trust::Pcp => {
            let good = (0..8_u8).find(|pcp| lossless >> maps.of(Some(*pcp), None) & 1 == 1);
            good.map(|pcp| format!("a `frame.vlan` with `pcp: {pcp}`"))
        }
        _ => {
            let good = (0..64_u8).filter(|dscp| lossless >> maps.of(None, Some(*dscp)) & 1 == 1);
            let near = good.min_by_key(|dscp| dscp.abs_diff(entry.frame.dscp));
            near.map(|dscp| format!("`frame.dscp: {dscp}`"))
        }
    };
    let other = point.map_or(String::new(), |point| format!("give it {point}, or "));
    Disagreement {
        what,
        remedy: format!(
            "{consequence}{other}say in the testbed how the network finds the class (`dscp_to_priority`, `pcp_to_priority`), or \
             leave it so if it is meant"
        ),
    }
}

/// VLAN-tagged frames that a DSCP map of the network would put into another class.
fn trusted_otherwise(entry: &EntryPlan, testbed: &Testbed) -> Option<Disagreement> {
    let maps = &testbed.classes;
    let named = maps.dscp != classes::DSCP_MAPS[0].1 && maps.trust == Trust::Pcp;
    let by_tag = maps.of(entry.frame.pcp(), None);
    let by_dscp = maps.of(None, Some(entry.frame.dscp));
    let both = !entry.pairs.is_empty() && entry.frame.pcp().is_some() && by_tag == entry.class;
    (named && both && by_tag != by_dscp).then(|| Disagreement {
        what: format!(
            "{} sends VLAN-tagged frames: they are of class {by_tag} by their PCP, and would be of class {by_dscp} by their DSCP",
            entry.name
        ),
        remedy: "say `trust: dscp` in the testbed if the switch goes by the DSCP of tagged frames, as SONiC does, or \
                 `trust: pcp` stays true"
            .to_owned(),
    })
}

fn sent_in(plan: &Plan) -> u8 {
    let carried = plan.entries.iter().filter(|entry| !entry.pairs.is_empty());
    carried.fold(0, |classes, entry| classes | 1 << entry.class)
}

/// PFC frames that name no class in which anything is sent.
fn nobodys(plan: &Plan, entry: &EntryPlan) -> Option<Disagreement> {
    let sent = sent_in(plan);
    match entry.work {
        Work::Control {
            pause: false, classes, ..
        } if sent != 0 && classes & sent == 0 => Some(Disagreement {
            what: format!(
                "{} pauses {} {}, in which nothing is sent: the traffic is in {}",
                entry.name,
                if classes.is_power_of_two() { "class" } else { "classes" },
                set(classes),
                set(sent)
            ),
            remedy: "name a class of the traffic in its `classes`, or leave it so if others send in it".to_owned(),
        }),
        _ => None,
    }
}

/// The same for what the fabric's faults pause.
fn stuck(plan: &Plan, testbed: &Testbed) -> Vec<Disagreement> {
    let sent = sent_in(plan);
    let faults = testbed.fabric.iter().flat_map(|fabric| &fabric.faults);
    let pauses = faults.filter_map(|fault| match fault.kind {
        FaultKind::StuckPause { class, .. } if sent != 0 && sent >> class & 1 == 0 => Some((&fault.at, class)),
        _ => None,
    });
    let said = pauses.map(|(at, class)| Disagreement {
        what: format!(
            "the fault at {at} pauses class {class}, in which nothing is sent: the traffic is in {}",
            set(sent)
        ),
        remedy: "give its `stuck_pause` a `class` of the traffic".to_owned(),
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitRate;
    use crate::{pattern, plan, testbed};

    fn said(traffic: &str, bed: &str) -> Vec<String> {
        let pattern = pattern::parse("p.yaml", &format!("traffic:\n{traffic}"), &[]).unwrap();
        let bed = testbed::parse("t.yaml", bed, &[])
            .unwrap()
            .sized(pattern.workers_needed());
        let plan = plan::build(&pattern, &bed, &vec![BitRate(400_000_000_000); bed.ports.len()]).unwrap();
        let all = disagreements(&plan, &bed).into_iter();
        all.map(|one| format!("{}; {}", one.what, one.remedy)).collect()
    }

    const SONIC: &str = "dscp_to_priority: sonic\nfabric: {switch: {pfc: {classes: 3-4}}}\n";

    #[test]
    fn traffic_in_a_lossy_class_is_told_with_a_dscp_that_is_not() {
        let of =
            |dscp: u8| format!("  - {{name: i, kind: incast, senders: 2, message: 4KiB, frame: {{dscp: {dscp}}}}}\n");
        assert_eq!(said(&of(3), SONIC), [""; 0]);
        assert_eq!(said(&of(4), SONIC), [""; 0]);
        let [one] = said(&of(26), SONIC).try_into().unwrap();
        assert!(
            one.starts_with(
                "i sends in class 1 (DSCP 26 by `dscp_to_priority: sonic`), which the testbed says is lossy: lossless are 3, 4; \
                 give it `frame.dscp: 4`, or"
            ),
            "{one}"
        );
        // Nothing is said where the testbed has no lossless class, or does not say which.
        assert_eq!(
            said(&of(26), "dscp_to_priority: sonic\nfabric: {switch: {pfc: none}}\n"),
            [""; 0]
        );
        let ports = "ports: [{device: net_ring0}, {device: net_ring1}, {device: net_ring2}]\n";
        assert_eq!(said(&of(5), ports), [""; 0]);
        let [real] = said(&of(5), &format!("{ports}configured: {{pfc: {{classes: 3}}}}\n"))
            .try_into()
            .unwrap();
        assert!(real.contains("class 0 (DSCP 5 by `dscp_to_priority: standard`)") && real.contains("lossless is 3"));
        assert!(real.contains("`frame.dscp: 24`"), "{real}");
    }

    #[test]
    fn a_probe_in_a_lossy_class_and_a_priority_are_told_as_such() {
        let probe = "  - {name: p, kind: ecn-probe, senders: 2, frames: 10, priority: 6}\n";
        let [one] = said(probe, SONIC).try_into().unwrap();
        assert!(
            one.starts_with("p sends in class 6 (its `priority`), which the testbed says is lossy"),
            "{one}"
        );
        assert!(one.contains("a switch may ignore the XOFF"), "{one}");
    }

    #[test]
    fn tagged_frames_that_a_dscp_map_has_elsewhere_are_told() {
        let tagged =
            "  - {name: t, kind: transfer, message: 1KiB, count: 1, frame: {dscp: 4, vlan: [{vid: 5, pcp: 3}]}}\n";
        let [one] = said(tagged, SONIC).try_into().unwrap();
        assert!(
            one.contains("class 3 by their PCP")
                && one.contains("class 4 by their DSCP")
                && one.contains("`trust: dscp`")
        );
        assert_eq!(said(tagged, &format!("trust: dscp\n{SONIC}")), [""; 0]);
        let lossy = tagged.replace("pcp: 3", "pcp: 2").replace("dscp: 4", "dscp: 2");
        let [one] = said(&lossy, "fabric: {}\n").try_into().unwrap();
        assert!(
            one.contains("class 2 (PCP 2 by `pcp_to_priority: standard`)") && one.contains("`pcp: 3`"),
            "{one}"
        );
    }

    #[test]
    fn pauses_of_a_class_in_which_nothing_is_sent_are_told() {
        let storm = |classes: &str| {
            format!(
                "  - {{name: t, kind: transfer, message: 1KiB, count: 1}}\n  - {{name: s, kind: pfc, from: 1, classes: {classes}, \
                 interval: 1us, count: 3}}\n"
            )
        };
        assert_eq!(said(&storm("[3]"), "fabric: {}\n"), [""; 0]);
        assert_eq!(said(&storm("0-7"), "fabric: {}\n"), [""; 0]);
        let [one] = said(&storm("[0, 4]"), "fabric: {}\n").try_into().unwrap();
        assert!(
            one.starts_with("s pauses classes 0, 4, in which nothing is sent: the traffic is in 3"),
            "{one}"
        );
        let stuck = "fabric: {faults: [{at: host1, stuck_pause: {class: 5, from: 1us, to: 2us}}]}\n";
        let [one] = said(&storm("[3]"), stuck).try_into().unwrap();
        assert!(one.starts_with("the fault at host1 pauses class 5"), "{one}");
    }
}
