//! Results in the columns of tools that people and their scripts know: nccl-tests and perftest.
//!
//! Contract: columns stand where those tools put them, what squall does not measure is `N/A`, and nothing is
//! rounded but for print. Each figure is defined in `docs/METHOD.md`. Several trials of one configuration are one row.
//!
//! Left out on purpose: what those tools say beside their tables (devices, parameters, versions).

mod nccl;
mod perftest;
#[cfg(test)]
mod tests;

use super::model::{Distribution, Results, Traffic};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// squall's own tables.
    #[default]
    Text,
    /// AllToAll in the columns of nccl-tests.
    Nccl,
    /// Transfers in the columns of perftest's `ib_write_bw` and `ib_write_lat`.
    Perftest,
}

impl Format {
    /// Whether a pattern of these kinds has anything to show.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn fits<'a>(self, kinds: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let mut kinds = kinds.into_iter();
        match self {
            Format::Nccl if !kinds.any(|kind| kind == nccl::KIND) => Err(
                "--format nccl shows `alltoall` entries, and the pattern has none; use --format perftest or text"
                    .to_owned(),
            ),
            Format::Perftest if !kinds.any(|kind| perftest::KINDS.contains(&kind)) => Err(
                "--format perftest shows `transfer`, `incast` and `burst` entries, and the pattern has none; use \
                 --format nccl or text"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

/// The trials of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    name: String,
    entries: Vec<Entry>,
}

impl Configuration {
    /// One without trials yet; `name` says what is varied, and is empty where nothing is.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Configuration {
        Configuration {
            name: name.into(),
            entries: Vec::new(),
        }
    }

    /// Adds a trial.
    pub fn add(&mut self, results: &Results) {
        for traffic in &results.traffic {
            let at = self.entries.iter().position(|entry| entry.name == traffic.name);
            let at = at.unwrap_or_else(|| {
                self.entries.push(Entry {
                    name: traffic.name.clone(),
                    kind: traffic.kind.clone(),
                    ..Entry::default()
                });
                self.entries.len() - 1
            });
            if let Some(entry) = self.entries.get_mut(at) {
                entry.add(traffic);
            }
        }
    }
}

/// One entry over the trials of a configuration.
#[derive(Debug, Clone, Default)]
struct Entry {
    name: String,
    kind: String,
    /// `alltoall`: ranks.
    ranks: Option<u64>,
    /// `alltoall`: ranks of a node, where more than one.
    ranks_per_node: Option<u64>,
    /// Message length, where all messages are alike.
    message: Option<u64>,
    /// Completed rounds and their payload.
    rounds: u64,
    round_bytes: u64,
    round_time: Times,
    /// Messages wholly received.
    completed: u64,
    /// Messages per second and payload per second, of each trial.
    message_rate: Mean,
    goodput: Mean,
    latency: Times,
}

impl Entry {
    fn add(&mut self, traffic: &Traffic) {
        let parameter = |key: &str| traffic.parameters.get(key).and_then(serde_json::Value::as_u64);
        self.ranks = parameter("ranks").or(self.ranks);
        self.ranks_per_node = parameter("ranks_per_node").or(self.ranks_per_node);
        self.message = parameter("message_bytes").or(self.message);
        if let Some(rounds) = &traffic.rounds {
            self.rounds += rounds.completed;
            self.round_bytes += rounds.payload_bytes;
            self.round_time.add(rounds.time.as_ref());
        }
        if let Some(completed) = traffic.messages.completed {
            self.completed += completed;
            let seconds = traffic.active_ps.filter(|ps| *ps > 0).map(|ps| float(ps) / 1e12);
            self.message_rate.add(seconds.map(|seconds| float(completed) / seconds));
        }
        self.goodput.add(traffic.goodput_bps.map(float));
        self.latency.add(traffic.message_latency.as_ref());
    }
}

/// A mean over trials.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        self.weigh(value, 1.0);
    }

    fn weigh(&mut self, value: Option<f64>, weight: f64) {
        if let Some(value) = value {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    fn value(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// Times over trials: the least and the greatest of all, the mean of all, and the trials' mean percentiles. In ps.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    min: Option<u64>,
    max: Option<u64>,
    mean: Mean,
    p50: Mean,
    p99: Mean,
    p99_9: Mean,
}

impl Times {
    fn add(&mut self, times: Option<&Distribution>) {
        let Some(times) = times else {
            return;
        };
        self.min = Some(self.min.map_or(times.min, |least| least.min(times.min)));
        self.max = self.max.max(Some(times.max));
        self.mean.weigh(Some(times.mean), float(times.count));
        self.p50.add(Some(float(times.p50)));
        self.p99.add(Some(float(times.p99)));
        self.p99_9.add(Some(float(times.p99_9)));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts, bytes and picoseconds into figures of a report"
)]
fn float(value: u64) -> f64 {
    value as f64
}

/// A figure with so many digits behind the point, or `N/A`.
fn or_na(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "N/A".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The configurations in another tool's columns; empty for [`Format::Text`].
#[must_use]
pub fn render(format: Format, configurations: &[Configuration]) -> String {
    let kinds: &[&str] = match format {
        Format::Text => return String::new(),
        Format::Nccl => &[nccl::KIND],
        Format::Perftest => perftest::KINDS,
    };
    let rows: Vec<(&str, &Entry)> = configurations
        .iter()
        .flat_map(|configuration| {
            configuration
                .entries
                .iter()
                .map(|entry| (configuration.name.as_str(), entry))
        })
        .filter(|(_, entry)| kinds.contains(&entry.kind.as_str()))
        .collect();
    let mut out = String::new();
    // Which row is what: a comment to those tools' parsers.
    for (number, (name, entry)) in rows.iter().enumerate() {
        let text = format!("{} {name}", entry.name);
        let text = super::terminal::text::harmless(text.trim_end());
        out += &format!("# row {}: {text}\n", number + 1);
    }
    let entries: Vec<&Entry> = rows.into_iter().map(|(_, entry)| entry).collect();
    out + &match format {
        Format::Text => String::new(),
        Format::Nccl => nccl::table(&entries),
        Format::Perftest => perftest::tables(&entries),
    }
}
