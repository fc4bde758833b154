//! Which KPIs say most about a test.
//!
//! Contract: those that the draft's "Measurement" paragraph of the test names first, as far as they were
//! measured; of a KPI that has a value in many configurations, the least and the greatest.
//!
//! Left out on purpose: a judgement of them.

use crate::suite::model::{Kpi, Test};

/// Rows of a test in the summary, at most: figures, of two configurations each.
const MOST: usize = 4;

/// A KPI's name and statistic; an empty statistic: any.
type Named = (&'static str, &'static str);

/// What the draft asks for, by number of the test; the longest beginning that fits counts.
const ASKED: &[(&str, &[Named])] = &[
    ("5.1", &[("KV_xfer_bandwidth", "aggregate"), ("KV_xfer_bandwidth", "")]),
    (
        "5",
        &[
            ("KV_xfer_bandwidth", "aggregate"),
            ("KV_xfer_latency", "p50"),
            ("KV_xfer_latency", "p99"),
            ("KV_xfer_latency", "tail-spread"),
            ("JFI", ""),
        ],
    ),
    (
        "7",
        &[
            ("EP_alltoall_bandwidth", ""),
            ("EP_alltoall_latency", "p50"),
            ("EP_alltoall_latency", "p99"),
            ("KV_xfer_latency", "p99"),
        ],
    ),
    (
        "8.1",
        &[
            ("ECN_marking_rate", ""),
            ("ECN_onset_depth", ""),
            ("ECN_Kmin", ""),
            ("Fabric_Goodput", "aggregate"),
        ],
    ),
    (
        "8.2",
        &[
            ("PFC_frame_count", ""),
            ("PFC_pause_time", ""),
            ("HOL_blocking_delay", ""),
            ("Fabric_FCT", "p99"),
        ],
    ),
    (
        "8.3",
        &[
            ("Convergence_time", ""),
            ("JFI", ""),
            ("Packet_drop_rate", ""),
            ("Fabric_Goodput", ""),
        ],
    ),
    (
        "8.4",
        &[
            ("PFC_storms", ""),
            ("PFC_propagation_depth", ""),
            ("Zero_throughput", ""),
            ("Recovery_time", ""),
        ],
    ),
    ("9", &[("JFI", ""), ("Link_utilization", ""), ("Fabric_Goodput", "")]),
    (
        "12",
        &[
            ("Disruption_time", ""),
            ("Convergence_time", ""),
            ("Recovery_time", ""),
            ("Packet_drop_rate", ""),
        ],
    ),
    (
        "13",
        &[
            ("Fabric_Goodput", ""),
            ("KV_xfer_latency", "p99"),
            ("Packet_drop_rate", ""),
            ("JFI", ""),
        ],
    ),
];

/// One row of the summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Telling<'a> {
    /// The figure.
    pub kpi: &'a Kpi,
    /// Which it is of the configurations that have it: "least", "greatest", "all alike".
    pub rank: Option<&'static str>,
}

/// Whether two are the same figure, of whichever configuration.
pub(super) fn same(one: &Kpi, other: &Kpi) -> bool {
    (&one.name, &one.statistic, &one.unit, &one.place) == (&other.name, &other.statistic, &other.unit, &other.place)
}

/// The most telling KPIs of a test.
pub(super) fn of(test: &Test) -> Vec<Telling<'_>> {
    let measured: Vec<&Kpi> = test
        .kpis
        .iter()
        .filter(|kpi| kpi.mean.is_some_and(f64::is_finite))
        .collect();
    let fits =
        |number: &str| test.id == number || test.id.strip_prefix(number).is_some_and(|rest| rest.starts_with('.'));
    let asked = ASKED.iter().filter(|(number, _)| fits(number));
    let asked = asked
        .max_by_key(|(number, _)| number.len())
        .map_or(&[][..], |(_, names)| names);
    let mut chosen: Vec<&Kpi> = Vec::new();
    let named = asked.iter().filter_map(|(name, statistic)| {
        let fits = |kpi: &&&Kpi| kpi.name == *name && (statistic.is_empty() || kpi.statistic == *statistic);
        measured.iter().find(fits).copied()
    });
    // Where the draft's names do not fill the rows, the test's own order does.
    for kpi in named.chain(measured.iter().copied()) {
        if chosen.len() < MOST && !chosen.iter().any(|other| same(kpi, other)) {
            chosen.push(kpi);
        }
    }
    chosen.into_iter().flat_map(|kpi| ends(kpi, &measured)).collect()
}

/// Whether the summary has the figure of another place, too.
pub(super) fn is_of_several(all: &[Telling<'_>], kpi: &Kpi) -> bool {
    let other = |one: &Telling<'_>| {
        (&one.kpi.name, &one.kpi.statistic) == (&kpi.name, &kpi.statistic) && one.kpi.place != kpi.place
    };
    all.iter().any(other)
}

/// The least and the greatest of one figure over the configurations.
fn ends<'a>(kpi: &'a Kpi, measured: &[&'a Kpi]) -> Vec<Telling<'a>> {
    let mut all = measured.iter().copied().filter(|other| same(kpi, other));
    let Some(first) = all.next() else { return Vec::new() };
    let (mut least, mut greatest) = (first, first);
    for other in all {
        if other.mean < least.mean {
            least = other;
        }
        if other.mean > greatest.mean {
            greatest = other;
        }
    }
    let row = |kpi, rank| Telling { kpi, rank: Some(rank) };
    if least.mean == greatest.mean {
        let is_alone = measured.iter().filter(|other| same(kpi, other)).count() == 1;
        return vec![Telling {
            kpi: least,
            rank: (!is_alone).then_some("all alike"),
        }];
    }
    vec![row(least, "least"), row(greatest, "greatest")]
}

/// A configuration in a few words: what is varied, and its values.
pub(super) fn configuration(test: &Test, point: usize) -> String {
    let Some(point) = test.points.get(point) else {
        return "not in the list".to_owned();
    };
    let pairs = test.axes.iter().zip(&point.values);
    let said = pairs.filter_map(|(axis, value)| Some(format!("{} {}", axis.name, value.as_ref()?)));
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        "the only one".to_owned()
    } else {
        said.join(", ")
    }
}
