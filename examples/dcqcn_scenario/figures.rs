//! Figures of one run and over many, and how they are told.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What the model prints and squall does not measure, with the reason.
const NOT_MEASURED: [(&str, &str); 6] = [
    (
        "q_p50",
        "the fabric keeps the mean and the greatest depth in windows, not how often each depth was there",
    ),
    ("q_p99", "as q_p50"),
    (
        "conv_jain95_ms",
        "not to be asserted of one window's length; the suite's test 8.3 reports convergence by window",
    ),
    ("class0_conv_5pct_ms", "as conv_jain95_ms"),
    ("class1_conv_5pct_ms", "as conv_jain95_ms"),
    ("cnp_per_flow_ms", "no CNPs without a reaction point"),
];

/// Figures of a run, by name.
#[derive(Debug, Clone, Default)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Sets the figure `name`; one that is no number is none.
    pub fn put(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// The figure `name`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

/// One figure over seeds.
#[derive(Debug, Clone, Copy)]
pub struct Over {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of these values.
    pub sd: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

impl Over {
    #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
    fn of(values: &[f64]) -> Over {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Over {
            mean,
            sd: variance.sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// All figures over seeds.
pub struct Told(BTreeMap<String, Over>);

impl Told {
    /// Of the runs `seen`: figures that each of them has.
    pub fn of(seen: &[Figures]) -> Told {
        let names = seen.first().into_iter().flat_map(|first| first.0.keys());
        let over = |name: &String| {
            let values: Option<Vec<f64>> = seen.iter().map(|figures| figures.get(name)).collect();
            Some((name.clone(), Over::of(&values?)))
        };
        Told(names.filter_map(over).collect())
    }

    /// The figures as JSON.
    pub fn json(&self, name: &str, args: &str, seeds: u64) -> Value {
        let figure = |over: &Over| json!({"mean": over.mean, "sd": over.sd, "min": over.min, "max": over.max});
        let result: Map<String, Value> = self.0.iter().map(|(name, over)| (name.clone(), figure(over))).collect();
        let missing = NOT_MEASURED.iter().filter(|(name, _)| !self.0.contains_key(*name));
        let missing: Map<String, Value> = missing.map(|(name, why)| ((*name).to_owned(), (*why).into())).collect();
        json!({"scenario": name, "args": args, "seeds": seeds, "result": result, "not_measured": missing})
    }

    /// Writes the figures as a table, beside those of `against`; whether one is outside its tolerance.
    pub fn table(&self, against: Option<&Value>) -> bool {
        let mut outside = false;
        eprintln!("{:<22}{:>16}{:>14}{:>16}{:>16}", "", "mean", "sd", "min", "max");
        for (name, over) in &self.0 {
            let mut line = format!(
                "{name:<22}{:>16}{:>14}{:>16}{:>16}",
                shown(over.mean),
                shown(over.sd),
                shown(over.min),
                shown(over.max)
            );
            let number = |key: &str| against.and_then(|against| against[name][key].as_f64());
            if let (Some(mean), Some(sd)) = (number("mean"), number("sd")) {
                line += &format!("   there {} (sd {})", shown(mean), shown(sd));
                if let Some(most) = tolerance(name, mean, sd) {
                    let off = (over.mean - mean).abs();
                    let is = off > most;
                    outside |= is;
                    line += &format!(
                        ", off by {} of {}{}",
                        shown(off),
                        shown(most),
                        if is { ": OUTSIDE" } else { "" }
                    );
                }
            }
            eprintln!("{line}");
        }
        outside
    }
}

/// How far a mean over some seeds may be off, as the results' README says; `None`: the figure is not to be asserted.
fn tolerance(name: &str, mean: f64, sd: f64) -> Option<f64> {
    match name {
        "goodput_gbps" => Some(0.005 * mean),
        "jain" if mean >= 0.99 => Some(0.01),
        "q_mean" | "mark_frac" | "cnp_per_flow_ms" => Some((4.0 * sd).max(0.08 * mean)),
        "fct_last_us" => Some(4.0 * sd),
        "q_max" => Some(if sd == 0.0 { 4200.0 } else { 4.0 * sd }),
        _ => None,
    }
}

fn shown(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1e5 => 0,
        size if size >= 100.0 => 2,
        _ => 6,
    };
    format!("{value:.digits$}")
}
