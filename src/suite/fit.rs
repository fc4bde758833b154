//! What of a test fits one's own testbed, and what that testbed cannot show.
//!
//! Contract: only configurations that cannot be run are left out, each with its reason; whatever else there
//! is to be said of the testbed stands with the results.

use super::Test;
use crate::report::model::DutId;
use crate::trial;

impl Test {
    /// Leaves out the configurations that do not fit the testbed, for they need more workers than there are,
    /// say; the others are none the worse for it. Says where a switch under test has nothing to queue, and where it
    /// would have to return frames to where they came from.
    pub fn fit(&mut self) {
        let of_a_switch = self.dut == DutId::Switch;
        let mut ungathered: Vec<String> = Vec::new();
        let mut hairpins: Vec<String> = Vec::new();
        let left = self.ready.leave_out(|inputs| {
            let testbed = inputs.testbed.testbed.sized(inputs.pattern.pattern.workers_needed());
            // Where speeds are not known without the ports, the trial will tell.
            let Ok(speeds) = trial::speeds(&testbed) else {
                return Ok(());
            };
            let plan = trial::plan_of(&inputs.pattern, &testbed, &speeds)
                .map_err(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))?;
            if of_a_switch {
                let ports = plan.not_gathered(&plan.summary());
                ungathered.extend(ports.into_iter().map(|port| plan.ports[port].name.clone()));
            }
            hairpins.extend(plan.hairpins().into_iter().map(|port| plan.ports[port].name.clone()));
            Ok(())
        });
        self.reduced.extend(left.into_iter().map(|(why, points)| {
            format!(
                "Left out, for it does not fit the testbed: {} ({why}).",
                points.join("; ")
            )
        }));
        for ports in [&mut ungathered, &mut hairpins] {
            ports.sort_unstable();
            ports.dedup();
        }
        if !hairpins.is_empty() {
            self.reduced.push(format!(
                "Workers behind one port send to each other (port {}): most switches do not return a frame to where it came \
                 from, and what they do not return counts as lost.",
                hairpins.join(", ")
            ));
        }
        if !ungathered.is_empty() {
            self.reduced.push(format!(
                "Nothing queues up in the device on the way to port {}: the ports that send there carry together no more \
                 than it does. Send from more ports, or make that port slower.",
                ungathered.join(", ")
            ));
        }
    }
}
