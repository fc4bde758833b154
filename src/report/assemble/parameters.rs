//! What an entry was asked for.
//!
//! Contract: numbers in the report's units (bytes, ps), names of the result model.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::plan::EntryPlan;
use crate::plan::feed::Work;

/// What was asked for, in the pattern's words where they survive planning.
pub(super) fn of(entry: &EntryPlan) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("pairs", json!(entry.pairs.len()));
    put("qps", json!(entry.qps));
    if entry.split {
        put("split", json!("qps"));
    }
    put("pmtu", json!(entry.frame.pmtu));
    put("dscp", json!(entry.frame.dscp));
    if !entry.pairs.is_empty() {
        put("class", json!(entry.class));
    }
    match &entry.work {
        Work::Continuous {
            sizes,
            count,
            outstanding,
            period,
        } => {
            put("message_bytes", json!(sizes.message));
            put("transfer_bytes", json!(sizes.transfer_bytes()));
            put("count", json!(count));
            put("outstanding", json!(outstanding));
            put("period_ps", json!(period.map(|period| period.0)));
        }
        Work::Rounds(rounds) => {
            put("message_bytes", json!(rounds.sizes.message));
            put("transfer_bytes", json!(rounds.sizes.transfer_bytes()));
            put("rounds", json!(rounds.rounds));
            put("period_ps", json!(rounds.period.0));
            if let Some(hold) = rounds.hold {
                put("frames", json!(rounds.messages()));
                put("class", json!(hold.class));
                put("lead_ps", json!(hold.lead.0));
                put("hold_ps", json!(hold.release.0));
            }
        }
        Work::Dispatch(dispatch) => {
            put("ranks", json!(dispatch.ranks));
            if dispatch.ranks_per_node > 1 {
                put("ranks_per_node", json!(dispatch.ranks_per_node));
            }
            put("token_bytes", json!(dispatch.token_bytes));
            put("dispatches", json!(dispatch.count));
            put("dispatches_routed", json!(dispatch.matrices.len()));
        }
        Work::Control {
            pause,
            classes,
            quanta,
            interval,
            count,
        } => {
            put("frame_type", json!(if *pause { "pause" } else { "pfc" }));
            put(
                "classes",
                json!((0..8).filter(|class| classes >> class & 1 == 1).collect::<Vec<u8>>()),
            );
            put("quanta", json!(quanta));
            put("interval_ps", json!(interval.0));
            put("count", json!(count));
        }
    }
    out
}
