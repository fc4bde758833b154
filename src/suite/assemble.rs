//! From the finished trials of a test to its part of the result.
//!
//! Contract: a function of the trials; no wall-clock time, so that it does not matter in how many goes they
//! were run. A KPI of the test is listed for every configuration, measured or not.

use super::model::{Anomaly, Axis, Cell, Column, Kpi, NamedChart, Point, State, Table};
use super::types::{ColumnSpec, Profile, TableSpec, Test};
use super::{model, remarks};
use crate::expect;
use crate::expect::known;
use crate::sweep::gather::{self, Gathered};
use crate::sweep::hook::plain;
use crate::sweep::{FigureName, Sweep, Term, plots, point, shown, tables};

/// The test's part of the result. `why`: why it was not run, or ended early.
#[must_use]
pub fn test(test: &Test, profile: Profile, gathered: &Gathered, why: Option<String>) -> model::Test {
    let sweep = &test.ready.sweep;
    let done = gathered.rows.len();
    let state = match done {
        0 => State::NotRun,
        _ if gathered.is_complete(sweep) => State::Complete,
        _ => State::Partial,
    };
    let mut nonconformities = test.reduced.clone();
    if done > 0 {
        nonconformities.extend(tables::nonconformities(sweep, gathered, test.draft_trials));
    }
    if profile == Profile::Quick && nonconformities.is_empty() {
        nonconformities.push("The profile is quick.".to_owned());
    }
    let about = gathered.about.as_ref();
    let specs = test.tables.iter().flat_map(|spec| tables_of(sweep, gathered, spec));
    model::Test {
        id: test.id.clone(),
        title: test.title.clone(),
        dut: test.dut.to_string(),
        objective: test.objective.clone(),
        procedure: test.procedure.clone(),
        state,
        why,
        trials: sweep.trials,
        clock: about.map(|about| about.clock.clone()),
        conforming: nonconformities.is_empty() && state == State::Complete,
        nonconformities,
        axes: sweep
            .axes
            .iter()
            .filter(|axis| !axis.is_hidden())
            .map(|axis| Axis {
                name: point::shown(&sweep.axes, axis),
                keys: axis.keys.clone(),
            })
            .collect(),
        points: (0..sweep.points.len())
            .map(|number| Point {
                values: values(sweep, number),
                trials: gathered.trials_of(number),
            })
            .collect(),
        kpis: if done > 0 { kpis(test, gathered) } else { Vec::new() },
        tables: if done > 0 {
            specs
                .chain(trends(sweep, gathered))
                .chain(counted_by_device(sweep, gathered))
                .chain(left_out(gathered))
                .collect()
        } else {
            Vec::new()
        },
        charts: plots::charts(sweep, gathered)
            .into_iter()
            .map(|(name, chart)| NamedChart { name, chart })
            .collect(),
        remarks: test.remarks.iter().flat_map(|remark| remarks::of(*remark)).collect(),
        anomalies: gathered
            .anomalies
            .iter()
            .map(|((point, kind), counted)| Anomaly {
                point: Some(*point),
                kind: kind.clone(),
                count: counted.count,
                first: counted.first.clone(),
            })
            .collect(),
        unmet_count: gathered.unmet,
        unmet: if gathered.unmet > 0 {
            shown::unmet_lines(sweep, gathered)
        } else {
            Vec::new()
        },
    }
}

fn values(sweep: &Sweep, number: usize) -> Vec<Option<String>> {
    let point = sweep.points.get(number);
    let values = point.into_iter().flat_map(|point| &point.values);
    let shown = sweep.axes.iter().zip(values).filter(|(axis, _)| !axis.is_hidden());
    shown
        .map(|(_, value)| value.as_ref().map(|value| plain(&value.value)))
        .collect()
}

/// The axes that are shown, in order: those that [`values`] has values of.
fn shown_axes(sweep: &Sweep) -> Vec<usize> {
    let axes = sweep.axes.iter().enumerate();
    axes.filter(|(_, axis)| !axis.is_hidden())
        .map(|(index, _)| index)
        .collect()
}

/// What a figure is, in short; of a derived one, its formula.
fn definition(sweep: &Sweep, figure: &str) -> String {
    let Some(derived) = sweep.derived.iter().find(|derived| derived.name == figure) else {
        return expect::find(figure).map_or("", |known| known.doc).to_owned();
    };
    let terms = derived.terms.iter().map(|(name, term)| match term {
        Term::Figure(figure) => format!("{name} = {figure}"),
        Term::Axis(axis) => {
            let axis = sweep.axes.get(*axis).map(|axis| point::shown(&sweep.axes, axis));
            format!("{name} = {}", axis.unwrap_or_default())
        }
        Term::At(figure, at) => {
            let at = at.iter().filter_map(|(axis, value)| {
                Some(format!("{}={value}", point::shown(&sweep.axes, sweep.axes.get(*axis)?)))
            });
            format!("{name} = {figure} at {}", at.collect::<Vec<_>>().join(", "))
        }
        Term::Over { figure, of, take } => format!("{name} = {} of {figure} over {of}", take.name()),
    });
    let terms: Vec<String> = terms.collect();
    if terms.is_empty() {
        derived.formula.clone()
    } else {
        format!("{}, with {}", derived.formula, terms.join("; "))
    }
}

fn unit_of(sweep: &Sweep, figure: &FigureName) -> String {
    let derived = sweep.derived.iter().find(|derived| derived.name == figure.figure);
    let Some(derived) = derived else {
        let unit =
            expect::find(&figure.figure).and_then(|known| Some(known.unit_of(known.measure(Some(&figure.statistic))?)));
        return unit.unwrap_or("1").to_owned();
    };
    derived.unit.clone()
}

fn kpis(test: &Test, gathered: &Gathered) -> Vec<Kpi> {
    let sweep = &test.ready.sweep;
    let mut kpis = Vec::new();
    for figure in &test.kpis {
        let columns: Vec<usize> = gathered
            .columns_of(figure.scope.as_deref(), &figure.figure, &figure.statistic)
            .collect();
        let better = test.better(&figure.figure);
        for point in 0..sweep.points.len() {
            let blank = |place: String, unit: String| Kpi {
                name: figure.figure.clone(),
                statistic: figure.statistic.clone(),
                unit,
                point,
                place,
                trials: 0,
                mean: None,
                ci95: None,
                min: None,
                max: None,
                against: None,
                better,
                definition: definition(sweep, &figure.figure),
            };
            if columns.is_empty() {
                let place = figure.scope.clone().unwrap_or_else(|| "run".to_owned());
                kpis.push(blank(place, unit_of(sweep, figure)));
            }
            for (index, column) in columns
                .iter()
                .filter_map(|index| Some((*index, gathered.columns.get(*index)?)))
            {
                let blank = blank(column.place.clone(), column.unit.clone());
                kpis.push(match gathered.estimate(point, index) {
                    None => blank,
                    Some(found) => Kpi {
                        trials: found.trials,
                        mean: Some(found.mean),
                        ci95: found.ci95,
                        min: Some(found.min),
                        max: Some(found.max),
                        against: gathered.against(point, column),
                        ..blank
                    },
                });
            }
        }
    }
    kpis
}

/// The tables of one kind: one, or one for each value of the axis that splits them.
fn tables_of(sweep: &Sweep, gathered: &Gathered, spec: &TableSpec) -> Vec<Table> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for point in 0..sweep.points.len() {
        let value = spec.split.map(|axis| {
            let at = shown_axes(sweep).iter().position(|shown| *shown == axis);
            let value = at.and_then(|at| values(sweep, point).get(at).cloned().flatten());
            let name = sweep.axes.get(axis).map(|axis| point::shown(&sweep.axes, axis));
            format!(
                ": {} {}",
                name.unwrap_or_default(),
                value.unwrap_or_else(|| "as it is".to_owned())
            )
        });
        let title = format!("{}{}", spec.title, value.unwrap_or_default());
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, points)) => points.push(point),
            None => groups.push((title, vec![point])),
        }
    }
    let shown = shown_axes(sweep);
    let axes: Vec<usize> = (0..shown.len())
        .filter(|at| shown.get(*at).copied() != spec.split)
        .collect();
    let found: Vec<(&ColumnSpec, Option<usize>)> = spec
        .columns
        .iter()
        .map(|column| {
            let of = &column.figure;
            let at = gathered
                .columns_of(of.scope.as_deref(), &of.figure, &of.statistic)
                .next();
            (column, at)
        })
        .collect();
    let heads = axes
        .iter()
        .filter_map(|at| sweep.axes.get(*shown.get(*at)?))
        .map(|axis| Column {
            name: point::shown(&sweep.axes, axis),
            unit: String::new(),
        });
    let of_figures = found.iter().map(|(column, at)| Column {
        name: column.name.clone(),
        unit: match at.and_then(|at| gathered.columns.get(at)) {
            _ if column.yes_no => String::new(),
            Some(column) => column.unit.clone(),
            None => unit_of(sweep, &column.figure),
        },
    });
    let columns: Vec<Column> = heads.chain(of_figures).collect();
    groups
        .into_iter()
        .map(|(title, points)| Table {
            title,
            columns: columns.clone(),
            rows: points
                .into_iter()
                .map(|point| {
                    let values = values(sweep, point);
                    let of_axes = axes.iter().map(|axis| {
                        let value = values.get(*axis).cloned().flatten();
                        Cell::Text(value.unwrap_or_else(|| "as it is".to_owned()))
                    });
                    let cells = found.iter().map(|(column, at)| {
                        let found = at.and_then(|at| gathered.estimate(point, at));
                        match found {
                            None => Cell::Nothing(()),
                            Some(found) if column.yes_no => {
                                Cell::Text(if found.max > 0.0 { "yes" } else { "no" }.to_owned())
                            }
                            Some(found) => Cell::Figure {
                                mean: found.mean,
                                ci95: found.ci95,
                            },
                        }
                    });
                    of_axes.chain(cells).collect()
                })
                .collect(),
        })
        .collect()
}

/// Figures that follow from the device's own counters: of ratios of frames its table has that of the sums over its
/// readings, else the greatest over its places.
static BY_DEVICE: &[&str] = &[
    known::BUFFER_UTILIZATION.name,
    known::ECN_MARKING_RATE.name,
    known::PFC_FRAME_COUNT.name,
    known::PACKET_DROP_RATE.name,
    known::LINK_UTILIZATION.name,
];

/// What the device counted itself, to be held against what was seen from outside; none where no hook read it.
fn counted_by_device(sweep: &Sweep, gathered: &Gathered) -> Option<Table> {
    let of = |name: &&str| -> Vec<usize> {
        let all = |column: &gather::Column| column.place == "device" && column.name == **name;
        match gathered.columns.iter().position(all) {
            Some(sums) => vec![sums],
            None => gathered.columns_of(Some("device"), name, "").collect(),
        }
    };
    let found: Vec<(&str, Vec<usize>)> = BY_DEVICE
        .iter()
        .map(|name| (*name, of(name)))
        .filter(|(_, places)| !places.is_empty())
        .collect();
    let unit = |places: &[usize]| {
        let column = places.first().and_then(|at| gathered.columns.get(*at));
        column.map_or(String::new(), |column| column.unit.clone())
    };
    let greatest = |point: usize, places: &[usize]| {
        let means = places.iter().filter_map(|at| gathered.estimate(point, *at));
        means.max_by(|one, other| one.mean.total_cmp(&other.mean))
    };
    let heads = shown_axes(sweep).into_iter().filter_map(|axis| sweep.axes.get(axis));
    let heads = heads.map(|axis| Column {
        name: point::shown(&sweep.axes, axis),
        unit: String::new(),
    });
    let of_figures = found.iter().map(|(name, places)| Column {
        name: (*name).to_owned(),
        unit: unit(places),
    });
    let row = |point: usize| {
        let of_axes = values(sweep, point).into_iter();
        let of_axes = of_axes.map(|value| Cell::Text(value.unwrap_or_else(|| "as it is".to_owned())));
        let cells = found.iter().map(|(_, places)| match greatest(point, places) {
            None => Cell::Nothing(()),
            Some(found) => Cell::Figure {
                mean: found.mean,
                ci95: found.ci95,
            },
        });
        of_axes.chain(cells).collect()
    };
    (!found.is_empty()).then(|| Table {
        title:
            "By the device's own counters: rates of frames over all of them, else the greatest of its ports, queues \
                and switches"
                .to_owned(),
        columns: heads.chain(of_figures).collect(),
        rows: (0..sweep.points.len()).map(row).collect(),
    })
}

/// What the device's hook did not trust, or does not tell; none where it left nothing out.
fn left_out(gathered: &Gathered) -> Option<Table> {
    let heads = ["reading", "first where", "times", "why"].map(|name| Column {
        name: name.to_owned(),
        unit: String::new(),
    });
    let row = |((what, why), counted): (&(String, String), &gather::Counted)| {
        let cells = [
            what.clone(),
            counted.first.clone(),
            counted.count.to_string(),
            why.clone(),
        ];
        cells.map(Cell::Text).into()
    };
    (!gathered.left_out.is_empty()).then(|| Table {
        title: "What the device's hook left out of its readings".to_owned(),
        columns: heads.into(),
        rows: gathered.left_out.iter().map(row).collect(),
    })
}

/// The trends of sampled runs, a table for each configuration: the first trial's.
fn trends<'a>(sweep: &'a Sweep, gathered: &'a Gathered) -> impl Iterator<Item = Table> + 'a {
    gathered.soaks.iter().map(|(point, soak)| {
        let said = values(sweep, *point)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ");
        let said = if said.is_empty() { said } else { format!(", {said}") };
        let heads = [
            "figure",
            "where",
            "unit",
            "first",
            "last",
            "least",
            "greatest",
            "median",
            "slope per hour",
            "Mann-Kendall p",
            "variation",
            "flag",
        ];
        let unit = |name: &str| if name == "variation" { "%" } else { "" }.to_owned();
        let figure = |value: f64| Cell::Figure {
            mean: value,
            ci95: None,
        };
        let or = |value: Option<f64>| value.map_or(Cell::Nothing(()), figure);
        Table {
            title: format!(
                "Trends over {} samples of {}{said}",
                soak.samples,
                crate::units::Picos(soak.interval_ps)
            ),
            columns: heads
                .iter()
                .map(|name| Column {
                    name: (*name).to_owned(),
                    unit: unit(name),
                })
                .collect(),
            rows: soak
                .trends
                .iter()
                .map(|trend| {
                    vec![
                        Cell::Text(trend.name.clone()),
                        Cell::Text(trend.place.clone()),
                        Cell::Text(trend.unit.clone()),
                        figure(trend.first),
                        figure(trend.last),
                        figure(trend.min),
                        figure(trend.max),
                        figure(trend.median),
                        or(trend.slope_per_hour),
                        or(trend.mann_kendall_p),
                        or(trend.variation_percent),
                        Cell::Text(
                            match trend.grows {
                                Some(true) => "grows",
                                Some(false) => "does not grow",
                                None => "not judged",
                            }
                            .to_owned(),
                        ),
                    ]
                })
                .collect(),
        }
    })
}

impl Test {
    /// Which way a figure of the test gets better.
    fn better(&self, figure: &str) -> expect::Better {
        let derived = self.ready.sweep.derived.iter().find(|derived| derived.name == figure);
        derived.map_or_else(|| expect::better(figure), |derived| derived.better)
    }
}
