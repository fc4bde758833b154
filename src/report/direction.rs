//! Which way a figure gets better: what tells an improvement from a regression wherever two results meet.
//!
//! Contract: a name that this table does not know has no direction. What changed is told then, and not
//! whether that is good.
//!
//! Left out on purpose: by how much a figure must differ to count (`compare`).

use serde::{Deserialize, Serialize};

/// Which way a figure gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Less is better: a latency, a loss.
    Lower,
    /// More is better: a throughput, a fairness.
    Higher,
    /// Neither: a threshold, a rate of marks. That it changed is what matters.
    Neither,
}

impl Better {
    /// The word for it, as in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        }
    }
}

/// Figures of which less is better: waiting, loss, and what a reader must be warned of.
const LOWER: &[&str] = &[
    "unsent",
    "lost",
    "unexplained",
    "duplicated",
    "reordered",
    "icrc_errors",
    "malformed",
    "incomplete",
    "tokens_dropped",
    "tokens_overflow",
    "cut_off",
    "anomalies",
    "KV_xfer_latency",
    "Fabric_FCT",
    "EP_alltoall_latency",
    "Packet_drop_rate",
    "PFC_frame_count",
    "PFC_pause_time",
    "PFC_storms",
    "PFC_propagation_depth",
    "HOL_blocking_delay",
    "HOL_held_time",
    "Zero_throughput",
    "Recovery_time",
    "Disruption_time",
    "Disruption_loss",
    "Convergence_time",
    "packet_latency",
    "round_time",
    "dropped",
    "soak_growths",
    "longest_gap",
    "longest_outage",
    "KV_xfer_latency_variation",
    "Switch_CPU",
    "Switch_memory",
    "Post_FEC_BER",
    "CRC_errors",
    "Routing_flaps",
];

/// Figures of which more is better: what got through, and how evenly.
const HIGHER: &[&str] = &[
    "received",
    "messages",
    "KV_xfer_bandwidth",
    "EP_alltoall_bandwidth",
    "BusBW",
    "Fabric_Goodput",
    "contended_rate",
    "JFI",
    "Buffer_absorbed",
];

/// Which way `figure` gets better; its name alone, or with its statistic (`KV_xfer_latency.p99`).
///
/// Marks and thresholds are what a switch was told to do; sent frames and busy links are what we asked of it:
/// they have no better way.
#[must_use]
pub fn better(figure: &str) -> Better {
    let name = figure.split_once('.').map_or(figure, |(name, _)| name);
    if LOWER.contains(&name) {
        Better::Lower
    } else if HIGHER.contains(&name) {
        Better::Higher
    } else {
        Better::Neither
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    #[test]
    fn a_figure_has_the_direction_of_its_name_whatever_the_statistic() {
        assert_eq!(better("KV_xfer_latency.p99"), Better::Lower);
        assert_eq!(better("KV_xfer_latency.tail-spread"), Better::Lower);
        assert_eq!(better("KV_xfer_latency"), Better::Lower);
        assert_eq!(better("KV_xfer_bandwidth.aggregate"), Better::Higher);
        assert_eq!(better("JFI"), Better::Higher);
        assert_eq!(better("ECN_Kmin"), Better::Neither);
        assert_eq!(better("ECN_marking_rate"), Better::Neither);
        assert_eq!(better("of nobody"), Better::Neither);
    }

    #[test]
    fn the_table_names_figures_that_there_are_each_once() {
        let mut all: Vec<&str> = LOWER.iter().chain(HIGHER).copied().collect();
        for name in &all {
            assert!(expect::find(name).is_some(), "{name}");
        }
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        // The figures without a direction, said once more, so that a new figure is thought about.
        let neither: Vec<&str> = expect::known()
            .map(|known| known.name)
            .filter(|name| better(name) == Better::Neither)
            .collect();
        assert_eq!(
            neither,
            [
                "sent",
                "ce",
                "tokens_padding",
                "ECN_marking_rate",
                "PFC_XOFF",
                "PFC_XON",
                "ECN_onset_delay",
                "ECN_onset_frame",
                "ECN_onset_depth",
                "ECN_Kmin",
                "ECN_Kmax",
                "ECN_Pmax",
                "ECN_probe_onset_depth",
                "ECN_probe_Kmin",
                "ECN_probe_Kmax",
                "ECN_probe_Pmax",
                "ECN_CBS",
                "ECN_CIR",
                "Oversubscription",
                "Link_utilization",
                "Buffer_utilization",
                "Buffer_watermark",
                "marked",
            ]
        );
    }
}
