//! When rates have settled, as reported; and what max-min fairness would give each.

use crate::engine::outcome::Outcome;
use crate::measure::infer::convergence::{STRAY, Window, settling};
use crate::pattern::convergence::{Convergence, RatesOf, Target};
use crate::plan::summary::Summary;
use crate::plan::{Pace, Plan};
use crate::report::model::{self, Estimate, SettlingWindow, SteadyRate};
use crate::report::stats::jain;
use crate::units::PICOS_PER_SECOND;

/// What became of rates; none where the pattern does not ask, or nobody listens.
pub(super) fn of(plan: &Plan, summary: &Summary, outcome: &Outcome) -> Option<model::Convergence> {
    let asked = plan.convergence?;
    let seen = outcome.received.as_ref()?.rates()?;
    let pairs: Vec<&[u64]> = seen.pairs().collect();
    let entry_of = plan.entries.iter().enumerate();
    let entry_of: Vec<usize> = entry_of
        .flat_map(|(index, entry)| vec![index; entry.pairs.len()])
        .collect();
    // What sends no data has no rate.
    let sending: Vec<usize> = (0..plan.entries.len())
        .filter(|index| entry_of.contains(index))
        .collect();
    let row_of = |pair: usize| match asked.of {
        RatesOf::Pairs => pair,
        RatesOf::Entries => sending.iter().position(|index| *index == entry_of[pair]).unwrap_or(0),
    };
    let rows = match asked.of {
        RatesOf::Pairs => pairs.len(),
        RatesOf::Entries => sending.len(),
    };
    let mut rates = vec![vec![0; pairs.first().map_or(0, |pair| pair.len())]; rows];
    for (pair, windows) in pairs.iter().enumerate() {
        for (sum, bytes) in rates[row_of(pair)].iter_mut().zip(*windows) {
            *sum += bytes;
        }
    }
    let found = settling(&asked, &rates);
    let shares = max_min(plan, summary);
    let mut fair = vec![0.0; rows];
    for (pair, share) in shares.iter().enumerate() {
        fair[row_of(pair)] += share;
    }
    let all: f64 = found.steady_bps.iter().sum();
    let of_entry = |index: usize, of: &[f64]| -> f64 {
        let mine = (0..pairs.len()).filter(|pair| entry_of[*pair] == index);
        match asked.of {
            RatesOf::Pairs => mine.map(|pair| of[pair]).sum(),
            RatesOf::Entries => mine.take(1).map(|pair| of[row_of(pair)]).sum(),
        }
    };
    let headline = found.headline.and_then(|index| found.windows.get(index));
    let time = headline.and_then(settled);
    // Of who has no share there is no ratio.
    let over = |(rate, fair): (&f64, &f64)| (*fair > 0.0).then(|| rate / fair);
    let over_fair: Option<Vec<f64>> = found.steady_bps.iter().zip(&fair).map(over).collect();
    Some(model::Convergence {
        at_ps: asked.at.0,
        steady_ps: asked.steady.0,
        until_ps: asked.until.0,
        of: match asked.of {
            RatesOf::Entries => "entries",
            RatesOf::Pairs => "pairs",
        }
        .to_owned(),
        target: match asked.target {
            Target::Steady => "steady",
            Target::Fair => "fair",
        }
        .to_owned(),
        within_percent: asked.within.0 * 100.0,
        windows: found.windows.iter().map(window).collect(),
        headline_window_ps: headline.map(|window| window.size.0),
        time_ps: time,
        why_not: time
            .is_none()
            .then(|| why_not(&asked, &found.steady_bps, &found.windows)),
        rates: sending
            .iter()
            .map(|&index| {
                let steady_bps = of_entry(index, &found.steady_bps);
                SteadyRate {
                    entry: plan.entries[index].name.clone(),
                    steady_bps,
                    max_min_bps: of_entry(index, &fair),
                    share_percent: (all > 0.0).then(|| steady_bps / all * 100.0),
                }
            })
            .collect(),
        jfi: jain(&found.steady_bps),
        jfi_max_min: over_fair.and_then(|shares| jain(&shares)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "picoseconds to 16 digits")]
fn settled(window: &Window) -> Option<Estimate> {
    let (begin, before) = window.settled?;
    Some(Estimate {
        value: begin.0 as f64,
        low: before.0 as f64,
        high: Some(begin.saturating_add(window.size).0 as f64),
    })
}

fn window(window: &Window) -> SettlingWindow {
    SettlingWindow {
        size_ps: window.size.0,
        first_inside_ps: window.first_inside.map(|time| time.0),
        last_outside_ps: window.last_outside.map(|time| time.0),
        steady: window.steady.0,
        steady_outside: window.steady.1,
        settled_ps: settled(window),
    }
}

fn why_not(asked: &Convergence, steady: &[f64], windows: &[Window]) -> String {
    if steady.contains(&0.0) {
        return "A rate is nothing in the steady time.".to_owned();
    }
    let least = windows
        .iter()
        .min_by(|one, other| one.outside().total_cmp(&other.outside()));
    let Some(least) = least else {
        return "The steady time has no whole window.".to_owned();
    };
    format!(
        "No window has at most {} % of the steady time outside of {} %: of those of {}, which have least, {} of {} are.",
        STRAY * 100.0,
        asked.within.0 * 100.0,
        least.size,
        least.steady.1,
        least.steady.0
    )
}

/// The payload rate of each pair by max-min fairness (progressive filling, Bertsekas and Gallager, 6.5.2): all grow
/// alike until a lane, a sending port or a receiving port is full. What switches carry between them is not looked at.
#[expect(clippy::cast_precision_loss, reason = "rates to 16 digits")]
fn max_min(plan: &Plan, summary: &Summary) -> Vec<f64> {
    // Capacities, bits a second on the wire, and those that each pair takes of.
    let mut room: Vec<f64> = plan.ports.iter().flat_map(|port| [port.speed.0 as f64; 2]).collect();
    let mut taken: Vec<Vec<usize>> = Vec::new();
    let mut payload: Vec<f64> = Vec::new();
    for (entry, planned) in plan.entries.iter().zip(&summary.entries) {
        let seconds = planned.length.0 as f64 / PICOS_PER_SECOND as f64;
        let lanes = entry.sending_lanes().count().max(1) as f64;
        let offered = planned.wire_bytes as f64 * 8.0 / seconds / lanes;
        for lane in entry.sending_lanes() {
            let pace = match lane.pace {
                Pace::Unlimited => f64::INFINITY,
                Pace::Wire(rate) => rate.0 as f64,
            };
            room.push(pace.min(offered));
            for pair in entry
                .pairs
                .iter()
                .skip(lane.first_pair as usize)
                .take(lane.pairs as usize)
            {
                let sender = plan.workers[pair.src as usize].port;
                taken.push(vec![2 * sender, 2 * plan.arrival_port(*pair) + 1, room.len() - 1]);
                payload.push(planned.payload_bytes as f64 / planned.wire_bytes.max(1) as f64);
            }
        }
    }
    let mut share = vec![0.0; taken.len()];
    let mut growing: Vec<usize> = (0..taken.len()).collect();
    while !growing.is_empty() {
        let mut users = vec![0.0; room.len()];
        for pair in &growing {
            taken[*pair].iter().for_each(|link| users[*link] += 1.0);
        }
        let step = |link: usize| room[link] / users[link];
        let full = (0..room.len())
            .filter(|link| users[*link] > 0.0)
            .min_by(|a, b| step(*a).total_cmp(&step(*b)));
        let Some(full) = full else { break };
        let step = step(full);
        for pair in &growing {
            share[*pair] += step;
        }
        for (link, users) in users.iter().enumerate().filter(|(_, users)| **users > 0.0) {
            room[link] = if link == full {
                0.0
            } else {
                (room[link] - step * users).max(0.0)
            };
        }
        growing.retain(|pair| taken[*pair].iter().all(|link| room[*link] > 0.0));
    }
    share
        .iter()
        .zip(payload)
        .map(|(wire, payload)| wire * payload)
        .collect()
}
