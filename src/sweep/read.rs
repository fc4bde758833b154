//! From a tree, or from the command line, to a [`Sweep`].
//!
//! Contract: every mistake is recorded, with its place. Whether keys and values mean anything to the
//! pattern and the testbed shows when each point is loaded (`load`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::keys::{GOAL, HOOKS, PLOT, SEARCH, SWEEP};
use super::search::{self, Goal, Search};
use super::types::{
    Axis, Change, Derived, FigureName, FigurePlot, Form, Hooks, Plot, Point, SamplesPlot, Setting, Sweep,
};
use super::{derived, point};
use crate::expect;
use crate::yaml::key::Declared;
use crate::yaml::read::{Fields, Reader};
use crate::yaml::tree::{self, Name, Node, Value};
use crate::yaml::{Finding, Place, near, shown};

/// Most values of an axis, and most points.
pub const MAX_POINTS: usize = 10_000;

/// Most trials of a point.
pub const MAX_TRIALS: u32 = 100_000;

/// Most trials of a sweep.
pub const MAX_RUNS: usize = 100_000;

/// Most axes, and most keys of one.
const MAX_AXES: usize = 16;

/// Most goals of a search.
const MAX_GOALS: usize = 8;

/// The place of derived figures.
pub const DERIVED: &str = "derived";

/// Reads a sweep; it counts only when `reader` recorded nothing. `stem` names it by default.
pub fn sweep(reader: &Reader, root: &Node, stem: &str) -> Sweep {
    let fields = reader.fields(root, "the sweep", &[&SWEEP]);
    fields.exclude(&SWEEP.vary, &SWEEP.points);
    let set = fields.node(&SWEEP.set).map_or_else(Vec::new, |node| set(&fields, node));
    fields.exclude(&SWEEP.search, &SWEEP.points);
    let searched = fields.map(&SWEEP.search).map(|fields| searched(&fields));
    let (axes, points) = match (fields.node(&SWEEP.vary), fields.node(&SWEEP.points)) {
        (None, Some(node)) => listed(&fields, node),
        (node, _) => {
            let (mut axes, mut values) = node.map(|node| vary(&fields, node)).unwrap_or_default();
            if let Some((_, axis, grid)) = searched.iter().flatten().next() {
                axes.push(axis.clone());
                values.push(grid.clone());
            }
            let place = node.map_or_else(|| fields.place_of(&SWEEP.search), |node| node.place);
            check_axes(reader, &axes, place);
            let points = combined(reader, &axes, &values, place);
            (axes, points)
        }
    };
    let search = searched.flatten().map(|(search, ..)| search);
    for change in &set {
        if let Some(key) = axes
            .iter()
            .flat_map(|axis| &axis.keys)
            .find(|key| change.keys.contains(key))
        {
            let what = format!("`{}` is in `set` although it is varied", shown(key, 100));
            reader.report(Finding::new(change.to.place, what));
        }
    }
    let axes = fields
        .node(&SWEEP.labels)
        .map_or(axes.clone(), |node| labelled(reader, node, axes));
    let derived = derived::derived(&fields, &axes);
    let plots = fields.node(&SWEEP.plots).map(|_| plots(&fields, &axes, &derived));
    let sweep = Sweep {
        name: fields.get(&SWEEP.name).unwrap_or_else(|| stem.to_owned()),
        description: fields.get(&SWEEP.description),
        draft: fields.get(&SWEEP.draft),
        pattern: fields.get(&SWEEP.pattern).unwrap_or_default(),
        testbed: fields.get(&SWEEP.testbed),
        set,
        axes,
        points,
        trials: fields.get(&SWEEP.trials),
        seed: fields.get(&SWEEP.seed),
        hooks: hooks(&fields.map_or_empty(&SWEEP.hooks)),
        // The entries' names are known when the pattern is.
        expect: expect::expectations(&fields, &SWEEP.expect, None),
        plots,
        derived,
        search,
    };
    check_size(reader, &sweep, fields.place_of(&SWEEP.trials));
    sweep
}

/// Records when there are more runs than anyone waits for.
pub fn check_size(reader: &Reader, sweep: &Sweep, place: Place) {
    let points = sweep.most_points();
    let runs = points.saturating_mul(sweep.trials as usize);
    if runs > MAX_RUNS {
        let what = format!("{points} points of {} trials are {runs} runs", sweep.trials);
        reader.report(Finding::new(place, what).allowed(format!("{MAX_RUNS} runs")));
    }
}

/// The keys of an axis or a change: one, or several separated by commas.
fn keys_of(reader: &Reader, place: Place, text: &str) -> Option<Vec<String>> {
    let keys: Vec<String> = text.split(',').map(|key| key.trim().to_owned()).collect();
    let finding = if keys.len() > MAX_AXES {
        Finding::new(place, format!("{} keys change together", keys.len())).allowed(format!("{MAX_AXES} keys"))
    } else if keys.iter().any(|key| key.split('.').any(|part| part.trim().is_empty())) {
        Finding::new(place, format!("`{}` is no key", shown(text, 100)))
            .allowed("a key as in --set (`traffic.incast.senders`, `testbed.isolated`), or several separated by commas")
    } else if keys.iter().any(|key| key == "seed") {
        Finding::new(
            place,
            "`seed` cannot be set here: each trial has a seed of its own, derived from the sweep's",
        )
    } else if let Some(twice) = keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)) {
        Finding::new(place, format!("`{}` stands here twice", shown(twice.1, 100)))
    } else {
        return Some(keys);
    };
    reader.report(finding);
    None
}

fn setting(node: &Node) -> Setting {
    Setting {
        value: node.to_string(),
        place: node.place,
    }
}

/// A map of keys and values.
fn changes(reader: &Reader, node: &Node, what: &str) -> Vec<Change> {
    let Value::Map(entries) = &node.value else {
        let finding = Finding::new(node.place, format!("{what} is {}", node.is_a()));
        reader.report(finding.allowed("a map of a key and its value (`traffic.incast.senders: 8`)"));
        return Vec::new();
    };
    let change = |(name, node): &(Name, Node)| {
        Some(Change {
            keys: keys_of(reader, name.place, &name.text)?,
            to: setting(node),
        })
    };
    entries.iter().filter_map(change).collect()
}

fn set(fields: &Fields<'_>, node: &Node) -> Vec<Change> {
    changes(fields.reader(), node, "`set`")
}

/// Records axes that share a key.
fn check_axes(reader: &Reader, axes: &[Axis], place: Place) {
    for (at, axis) in axes.iter().enumerate() {
        for key in &axis.keys {
            if axes[..at].iter().any(|earlier| earlier.keys.contains(key)) {
                reader.report(Finding::new(place, format!("`{}` is varied twice", shown(key, 100))));
            }
        }
    }
    if axes.len() > MAX_AXES {
        let what = format!("{} keys are varied", axes.len());
        reader.report(Finding::new(place, what).allowed(format!("{MAX_AXES} of them")));
    }
}

/// The axes of `vary`, and the values of each.
fn vary(fields: &Fields<'_>, node: &Node) -> (Vec<Axis>, Vec<Vec<Setting>>) {
    let reader = fields.reader();
    let Value::Map(entries) = &node.value else {
        fields.bad(&SWEEP.vary, node.place, node.is_a(), None);
        return (Vec::new(), Vec::new());
    };
    let mut axes = Vec::new();
    let mut values = Vec::new();
    for (name, list) in entries {
        let Some(keys) = keys_of(reader, name.place, &name.text) else {
            continue;
        };
        let items = match &list.value {
            Value::List(items) if !items.is_empty() => items.as_slice(),
            Value::Scalar(_) => std::slice::from_ref(list),
            _ => {
                let what = format!("`{}` is {}", shown(&name.text, 60), list.is_a());
                reader.report(Finding::new(list.place, what).allowed("a list of 1 to 10000 values (`[2, 4, 8]`)"));
                continue;
            }
        };
        axes.push(Axis { keys, label: None });
        values.push(items.iter().map(setting).collect::<Vec<_>>());
    }
    (axes, values)
}

/// What is searched for, its axis, and the values of that.
fn searched(fields: &Fields<'_>) -> Option<(Search, Axis, Vec<Setting>)> {
    let reader = fields.reader();
    let goals = fields.node(&SEARCH.goals).map(|_| goals(fields));
    let (from, to) = (fields.get(&SEARCH.from), fields.get(&SEARCH.to));
    let (resolution, log) = (fields.get(&SEARCH.resolution), fields.get(&SEARCH.spacing));
    let find = fields.get(&SEARCH.find);
    let place = fields.place_of(&SEARCH.key);
    let keys = keys_of(reader, place, &fields.get(&SEARCH.key)?)?;
    let place = fields.place_of(&SEARCH.resolution);
    let (quantity, grid) = match search::values(&from?, &to?, &resolution?, log) {
        Ok(values) => values,
        Err(why) => {
            reader.report(Finding::new(place, why));
            return None;
        }
    };
    let search = Search {
        find: find?,
        values: grid.iter().map(|(value, _)| *value).collect(),
        quantity,
        goals: goals.unwrap_or_else(|| {
            vec![Goal {
                name: "every expectation".to_owned(),
                expect: Vec::new(),
                exceed: GOAL.exceed.default,
            }]
        }),
    };
    let values = grid.into_iter().map(|(_, value)| Setting { value, place });
    Some((search, Axis { keys, label: None }, values.collect()))
}

fn goals(fields: &Fields<'_>) -> Vec<Goal> {
    let reader = fields.reader();
    let items = fields.items(&SEARCH.goals, 1..=MAX_GOALS);
    let goals = items.iter().map(|item| {
        let fields = reader.fields(item, "a goal", &[&GOAL]);
        let expect = expect::expectations(&fields, &GOAL.expect, None);
        if expect.is_empty() && fields.has(&GOAL.expect) && reader.clean() {
            reader.report(Finding::new(
                fields.place_of(&GOAL.expect),
                "a goal has at least one line",
            ));
        }
        Goal {
            name: fields.get(&GOAL.name).unwrap_or_default(),
            expect,
            exceed: fields.get(&GOAL.exceed),
        }
    });
    goals.collect()
}

/// The combinations of the axes' values; none, recorded, when there are too many.
fn combined(reader: &Reader, axes: &[Axis], values: &[Vec<Setting>], place: Place) -> Vec<Point> {
    for (axis, values) in axes.iter().zip(values) {
        let mut seen = HashSet::new();
        for value in values {
            if !seen.insert(&value.value) {
                let what = format!("`{}` has the value {} twice", axis.title(), shown(&value.value, 60));
                reader.report(Finding::new(value.place, what));
            }
        }
    }
    let count = values
        .iter()
        .try_fold(1_usize, |product, values| product.checked_mul(values.len()));
    if let Some(points) = count.filter(|count| *count <= MAX_POINTS) {
        return point::combinations(values, points);
    }
    let what = match count {
        Some(count) => format!("the values combine to {count} points"),
        None => "the values combine to more points than can be counted".to_owned(),
    };
    reader.report(Finding::new(place, what).allowed(format!("{MAX_POINTS} points")));
    Vec::new()
}

fn listed(fields: &Fields<'_>, node: &Node) -> (Vec<Axis>, Vec<Point>) {
    let items = fields.items(&SWEEP.points, 1..=MAX_POINTS);
    if items.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let rows: Vec<Vec<Change>> = items
        .iter()
        .map(|item| changes(fields.reader(), item, "a point"))
        .collect();
    let mut axes: Vec<Axis> = Vec::new();
    for change in rows.iter().flatten() {
        // Beyond the limit, which `check_axes` reports, more are of no use.
        if axes.len() <= MAX_AXES && !axes.iter().any(|axis| axis.keys == change.keys) {
            axes.push(Axis {
                keys: change.keys.clone(),
                label: None,
            });
        }
    }
    check_axes(fields.reader(), &axes, node.place);
    let value = |row: &[Change], axis: &Axis| {
        let change = row.iter().find(|change| change.keys == axis.keys);
        change.map(|change| change.to.clone())
    };
    let points: Vec<Point> = rows
        .iter()
        .map(|row| Point {
            values: axes.iter().map(|axis| value(row, axis)).collect(),
        })
        .collect();
    let mut seen = HashMap::new();
    for (at, (point, item)) in points.iter().zip(items).enumerate() {
        let first = *seen.entry(point::said(&axes, point)).or_insert(at);
        if first < at {
            let what = format!("point {at} is the same as point {first}");
            fields.reader().report(Finding::new(item.place, what));
        }
    }
    (axes, points)
}

fn hooks(fields: &Fields<'_>) -> Hooks {
    Hooks {
        before: fields.get(&HOOKS.before),
        during: fields.get(&HOOKS.during),
        at: fields.get(&HOOKS.at),
        after: fields.get(&HOOKS.after),
        end: fields.get(&HOOKS.end),
        timeout: Duration::from_nanos(fields.get(&HOOKS.timeout).nanos()),
    }
}

/// The charts that have a name of their own.
const NAMED: [(&str, Plot); 3] = [
    ("marking-rate", Plot::MarkingRate),
    ("marking-curve", Plot::MarkingCurve),
    ("latency-cdf", Plot::LatencyCdf),
];

/// The axis that `text` names: by one of its keys, or by all of them.
pub(super) fn axis_of(reader: &Reader, place: Place, text: &str, axes: &[Axis]) -> Option<usize> {
    let wanted: Vec<&str> = text.split(',').map(str::trim).collect();
    let found = axes
        .iter()
        .position(|axis| axis.keys == wanted || axis.keys.iter().any(|key| key == text.trim()));
    if found.is_none() {
        let titles: Vec<String> = axes.iter().map(Axis::title).collect();
        let what = format!("`{}` is not varied", shown(text, 100));
        let finding = Finding::new(place, what).allowed(titles.join("; "));
        let suggestion = near::nearest(text, titles.iter().map(String::as_str)).map(str::to_owned);
        reader.report(finding.suggest(suggestion));
    }
    found
}

/// The axes with their names for people.
fn labelled(reader: &Reader, node: &Node, mut axes: Vec<Axis>) -> Vec<Axis> {
    let Value::Map(entries) = &node.value else {
        let finding = Finding::new(node.place, format!("`labels` is {}", node.is_a()));
        reader.report(finding.allowed("a map of a varied key and its name (`traffic.put.qps: concurrent QPs`)"));
        return axes;
    };
    for (name, value) in entries {
        let good = |text: &&str| text.chars().count() <= 100 && !text.chars().any(char::is_control);
        let Some(text) = value.text().filter(good) else {
            reader.report(Finding::new(value.place, "a label is one line of up to 100 characters"));
            continue;
        };
        if let Some(axis) = axis_of(reader, name.place, &name.text, &axes).and_then(|at| axes.get_mut(at)) {
            axis.label = Some(text.to_owned());
        }
    }
    axes
}

fn plots(fields: &Fields<'_>, axes: &[Axis], derived: &[Derived]) -> Vec<Plot> {
    let reader = fields.reader();
    let items = fields.list(&SWEEP.plots).unwrap_or_default();
    if items.len() > 100 {
        let place = fields.place_of(&SWEEP.plots);
        fields.bad(&SWEEP.plots, place, &format!("a list of {}", items.len()), None);
        return Vec::new();
    }
    let mut plots: Vec<Plot> = Vec::new();
    for item in items {
        let plot = match &item.value {
            Value::Scalar(text) => {
                let found = NAMED.iter().find(|(name, _)| name == text);
                if found.is_none() {
                    let suggestion = near::nearest(text, NAMED.iter().map(|(name, _)| *name)).map(str::to_owned);
                    fields.bad(&SWEEP.plots, item.place, &format!("`{}`", shown(text, 60)), suggestion);
                }
                found.map(|(_, plot)| plot.clone())
            }
            _ if item.child("samples").is_some() => samples_plot(reader, item).map(Plot::Samples),
            _ => figure_plot(reader, item, axes, derived).map(|plot| Plot::Figure(Box::new(plot))),
        };
        let Some(plot) = plot else { continue };
        if plots
            .iter()
            .any(|other| point::file_name(other) == point::file_name(&plot))
        {
            let what = format!("two plots are called `{}`; give one a `name`", point::file_name(&plot));
            reader.report(Finding::new(item.place, what));
        }
        plots.push(plot);
    }
    plots
}

/// The figure that `text` names: one that squall knows, or one of `derived`.
pub(super) fn figure_name(reader: &Reader, place: Place, text: &str, derived: &[Derived]) -> Option<FigureName> {
    if let Some(name) = text.trim().strip_prefix("derived:").map(str::trim) {
        if derived.iter().any(|one| one.name == name) {
            return Some(FigureName {
                scope: Some(DERIVED.to_owned()),
                figure: name.to_owned(),
                statistic: String::new(),
            });
        }
        let names: Vec<&str> = derived.iter().map(|one| one.name.as_str()).collect();
        let finding = Finding::new(place, format!("no derived figure is called `{}`", shown(name, 60)));
        let suggestion = near::nearest(name, names.iter().copied()).map(str::to_owned);
        reader.report(finding.allowed(names.join(", ")).suggest(suggestion));
        return None;
    }
    match expect::subject(text, None) {
        Ok(subject) if subject.scope.as_ref().is_some_and(|scope| !scope.has_column()) => {
            let what = format!("tables and charts have no column for `{}`", shown(text, 100));
            reader.report(
                Finding::new(place, what).allowed("a single entry, port, port's class, queue or place of the device"),
            );
            None
        }
        Ok(subject) => Some(FigureName {
            scope: subject.scope.map(|scope| scope.to_string()),
            figure: subject.known.name.to_owned(),
            statistic: subject.measure.statistic.to_owned(),
        }),
        Err(finding) => {
            reader.report(Finding { place, ..finding });
            None
        }
    }
}

/// Whether a name cannot be taken for a number.
pub(super) fn begins_with_a_letter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn samples_plot(reader: &Reader, node: &Node) -> Option<SamplesPlot> {
    let fields = reader.fields(node, "a plot", &[&PLOT]);
    let of_figures: [&dyn Declared; 9] = [
        &PLOT.figure,
        &PLOT.over,
        &PLOT.right,
        &PLOT.note,
        &PLOT.reference,
        &PLOT.split,
        &PLOT.rows,
        &PLOT.places,
        &PLOT.log,
    ];
    for key in of_figures {
        fields.exclude(&PLOT.samples, key);
    }
    let name = fields.get(&PLOT.name);
    let title = fields.get(&PLOT.title);
    let figure = fields.get(&PLOT.samples)?;
    Some(SamplesPlot {
        name: name.unwrap_or_else(|| {
            let text = fields.text(&PLOT.samples).unwrap_or_default().replace('.', "-");
            format!("samples-{text}")
        }),
        title,
        figure,
    })
}

fn figure_plot(reader: &Reader, node: &Node, axes: &[Axis], derived: &[Derived]) -> Option<FigurePlot> {
    let fields = reader.fields(node, "a plot", &[&PLOT]);
    fields.require(&PLOT.figure);
    fields.exclude(&PLOT.rows, &PLOT.places);
    let axis = |key: &dyn Declared| {
        let text = fields.text(key)?;
        axis_of(reader, fields.place_of(key), text, axes)
    };
    let figure = |key: &dyn Declared| {
        let text = fields.text(key)?;
        figure_name(reader, fields.place_of(key), text, derived)
    };
    let (log, name, title) = (fields.get(&PLOT.log), fields.get(&PLOT.name), fields.get(&PLOT.title));
    let (over, split, rows) = (axis(&PLOT.over), axis(&PLOT.split), axis(&PLOT.rows));
    let (right, note) = (figure(&PLOT.right), figure(&PLOT.note));
    let places = fields.get(&PLOT.places);
    let line_rate = fields.get(&PLOT.reference).unwrap_or(false);
    let figure = figure(&PLOT.figure)?;
    let made = || {
        let scope = figure
            .scope
            .as_deref()
            .map_or(String::new(), |scope| format!("{scope}-"));
        let text = format!("{scope}{}", figure.title());
        text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-")
    };
    Some(FigurePlot {
        name: name.unwrap_or_else(made),
        title,
        over,
        log,
        right,
        note,
        line_rate,
        split,
        form: match (rows, places) {
            (Some(rows), _) => Form::Heat(rows),
            (None, Some(places)) => Form::Places(places),
            (None, None) => Form::Lines,
        },
        figure,
    })
}

/// The axes and points of `--vary` arguments: `key=v1,v2,…`, each value YAML; keys that change together
/// are separated by commas. Places are [`Place::Override`] with the argument's number.
pub fn varied(reader: &Reader, arguments: &[String]) -> (Vec<Axis>, Vec<Point>) {
    let mut axes = Vec::new();
    let mut values = Vec::new();
    for (index, text) in arguments.iter().enumerate() {
        let place = Place::Override(index);
        let Some((keys, list)) = text.split_once('=') else {
            let finding = Finding::new(place, "there is no `=`");
            reader.report(finding.allowed("key=v1,v2,…, as traffic.incast.senders=2,4,8"));
            continue;
        };
        let Some(keys) = keys_of(reader, place, keys) else {
            continue;
        };
        let mut findings = Vec::new();
        let node = tree::parse(&format!("[{list}]"), |_| place, &mut findings);
        let broken = !findings.is_empty();
        findings.into_iter().for_each(|finding| reader.report(finding));
        let items = match node.map(|node| node.value) {
            Some(Value::List(items)) if !items.is_empty() => items,
            _ if broken => continue,
            _ => {
                reader.report(Finding::new(place, "there is no value").allowed("key=v1,v2,…"));
                continue;
            }
        };
        axes.push(Axis { keys, label: None });
        values.push(items.iter().map(setting).collect::<Vec<_>>());
    }
    let place = Place::Override(arguments.len().saturating_sub(1));
    check_axes(reader, &axes, place);
    let points = combined(reader, &axes, &values, place);
    (axes, points)
}
