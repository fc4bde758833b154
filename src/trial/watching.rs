//! What a trial tells its caller while it runs: figures so far and, of one that is sampled, its samples.
//!
//! Contract: a sample goes out once and is forgotten; what its trend needs is kept, bounded.
//!
//! Left out on purpose: files.

use std::time::SystemTime;

use super::Watched;
use crate::engine::outcome::Live;
use crate::engine::sample::Told;
use crate::plan::{EntryPlan, Plan};
use crate::report::assemble::{Inputs, samples};
use crate::report::model::{Clock, Results, SampleHeader, SampledProcess};
use crate::report::provenance;
use crate::report::samples::{Earlier, Kept};
use crate::report::soak::Trends;
use crate::units::Picos;

pub(super) struct Watching {
    seen: Watched<'static>,
    header: Option<SampleHeader>,
    trends: Option<Trends>,
    /// Samples and segments that came before this run.
    before: (u64, u32),
}

impl Watching {
    pub(super) fn new(inputs: &Inputs<'_>, plan: &Plan, clock: Clock, earlier: Option<&Earlier>) -> Watching {
        let header = samples::header(inputs, plan, clock);
        let own = header.as_ref().map(Trends::new);
        Watching {
            seen: Watched {
                kept: None,
                live: Live::default(),
                length: plan.summary().length,
                listens: plan.ports.iter().all(|port| port.receive) && !plan.entries.iter().any(EntryPlan::is_to_peer),
                before: earlier.map_or(Picos::ZERO, |earlier| Picos(earlier.done_ps)),
            },
            trends: own.map(|own| earlier.map_or(own, |earlier| earlier.trends.clone())),
            header,
            before: earlier.map_or((0, 0), |earlier| (earlier.samples, earlier.segments)),
        }
    }

    pub(super) fn begins(&self, watch: &mut impl FnMut(&Watched<'_>)) {
        watch(&Watched {
            kept: self.header.as_ref().map(Kept::Header),
            ..self.seen
        });
    }

    pub(super) fn told(&mut self, plan: &Plan, told: &Told, watch: &mut impl FnMut(&Watched<'_>)) {
        match told {
            Told::Live(live) => {
                self.seen.live = *live;
                watch(&self.seen);
            }
            Told::Sample(sampled) => {
                let process = SampledProcess {
                    at: provenance::rfc3339_millis(SystemTime::now()),
                    resident_bytes: provenance::resident_bytes(),
                    pause_ps: sampled.pause.map(|pause| pause.0),
                };
                let sample = samples::sample(plan, sampled, self.before, process);
                if let Some(trends) = &mut self.trends {
                    trends.see(&sample);
                }
                watch(&Watched {
                    kept: Some(Kept::Sample(&sample)),
                    ..self.seen
                });
            }
        }
    }

    /// Adds to `results` what the samples come to.
    pub(super) fn finish(self, results: &mut Results) {
        let Some(trends) = self.trends else { return };
        let refused = results.traffic.iter().filter(|entry| entry.times_refused.is_some());
        let untimed: Vec<String> = refused.map(|entry| format!("traffic/{}", entry.name)).collect();
        let (soak, resident) = trends.finish(&untimed);
        if self.before.1 > 0 {
            results.run.nonconformities.push(format!(
                "The run was cut short and went on: its samples are of {} parts, and all figures but those of its samples \
                 are of the last part.",
                soak.segments
            ));
            results.run.conforming = false;
        }
        results.add_soak(soak, resident);
    }
}
