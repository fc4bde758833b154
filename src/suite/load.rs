//! From the text of a test to a [`Test`] in one profile.
//!
//! Contract: every mistake is told with its place. On a testbed without `fabric` the keys of the fabric
//! become what a device hook is told, as the test's `device` says; without a hook nothing sets them, so
//! they are not varied, and the results say so.

use super::keys::{COLUMN, REMARKS, TABLE, TEST};
use super::types::{ColumnSpec, Profile, TableSpec, Test};
use crate::expect::known;
use crate::report::model::DutId;
use crate::sweep::{self, Given, Sweep};
use crate::testbed;
use crate::yaml::key::Declared;
use crate::yaml::read::{Fields, Reader};
use crate::yaml::tree::{Name, Node, Value};
use crate::yaml::{Diagnostics, Place, Source};

/// What holds for every test of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The profile.
    pub profile: Profile,
    /// The testbed of all tests, where each is not to have its own.
    pub testbed: Option<String>,
    /// The seed, where it is not 1.
    pub seed: u64,
    /// Trials of each configuration, instead of the profile's.
    pub trials: Option<u32>,
    /// Changes of every test's pattern, testbed and device.
    pub set: Vec<String>,
    /// The hook that sets the device under test.
    pub before: Option<String>,
    /// The hook that reads its counters.
    pub after: Option<String>,
    /// The hook that leaves it as it was.
    pub end: Option<String>,
    /// The hook that disturbs it at half time, in the tests that want that.
    pub during: Option<String>,
    /// How long a hook may take, where that is not the default: a time that [`sweep::keys::TIMEOUTS`] has.
    pub hook_timeout: Option<String>,
}

impl Asked {
    /// The tests as the profile has them, each on its own reference fabric.
    #[must_use]
    pub fn new(profile: Profile) -> Asked {
        Asked {
            profile,
            testbed: None,
            seed: 1,
            trials: None,
            set: Vec::new(),
            before: None,
            after: None,
            end: None,
            during: None,
            hook_timeout: None,
        }
    }
}

/// Maps of a sweep whose keys a profile adds to.
const ADDED_TO: &[&str] = &["set", "labels", "hooks"];

/// Longest sentence.
const LONGEST: usize = 400;

/// Reads the test in `source` as `asked`.
///
/// # Errors
/// Every mistake of the text, and files that are not there.
pub fn load(source: &Source, asked: &Asked) -> Result<Test, Diagnostics> {
    let mut findings = Vec::new();
    let Some(root) = source.tree(|_, _, _| None, &mut findings) else {
        return Err(source.diagnostics(findings));
    };
    let on_device = match &asked.testbed {
        None => None,
        Some(name) => Some(testbed::load(name, &[])?).filter(|testbed| testbed.testbed.fabric.is_none()),
    };
    let metered = on_device
        .as_ref()
        .is_some_and(|testbed| testbed.testbed.said.meter.is_some());
    let reader = Reader::new(findings);
    let fields = reader.fields(&root, "the test", &[&TEST]);
    let id = fields.get(&TEST.test).unwrap_or_default();
    let mut reduced = match asked.profile {
        Profile::Quick => sentences(&fields, &TEST.reduced),
        Profile::Draft => Vec::new(),
    };
    reduced.extend(sentences(&fields, &TEST.departs));
    let undisturbed = fields.get(&TEST.undisturbed);
    let mut not_run = None;
    let profile = match asked.profile {
        Profile::Quick => &TEST.quick,
        Profile::Draft => &TEST.draft,
    };
    let mut tree = [&TEST.sweep, profile]
        .into_iter()
        .filter_map(|key| fields.node(key).cloned())
        .reduce(|base, other| base.with(&other, ADDED_TO));
    if let (Some(tree), true) = (&mut tree, on_device.is_some()) {
        let names = renamed(fields.node(&TEST.device), metered);
        let disturbed = fields.get(&TEST.disturbed);
        hooked(tree, asked, disturbed);
        if asked.during.is_none() {
            not_run = undisturbed;
            if disturbed && not_run.is_none() {
                reduced.push(
                    "Nothing disturbed the device at half time: there is no hook that does (--during).".to_owned(),
                );
            }
        }
        let isolated = on_device.as_ref().is_some_and(|testbed| testbed.testbed.isolated);
        for name in sentences(&fields, &TEST.isolated_only).iter().filter(|_| !isolated) {
            leave_out(tree, name);
            reduced.push(format!("`{name}` is left out: the testbed is not `isolated`."));
        }
        reduced.extend(to_device(tree, &names, asked.before.is_some()));
        let says_xon = on_device
            .as_ref()
            .is_some_and(|testbed| testbed.testbed.said.pfc.is_some());
        if says_xon {
            leave_xon_to_the_device(tree);
        }
    }
    let given = Given {
        set: asked.set.clone(),
        vary: Vec::new(),
        testbed: asked.testbed.clone(),
        trials: asked.trials,
        seed: Some(asked.seed),
        test: Some(id.clone()),
    };
    let (title, objective, procedure) = (
        fields.get(&TEST.title).unwrap_or_default(),
        fields.get(&TEST.objective).unwrap_or_default(),
        fields.get(&TEST.procedure).unwrap_or_default(),
    );
    // Whatever the profile: its number of trials is the draft's.
    let draft_trials = fields.node(&TEST.draft).and_then(|draft| draft.child("trials"));
    let draft_trials = draft_trials.and_then(|trials| trials.text()?.parse().ok());
    let remarks = listed_words(&fields, &TEST.remarks, REMARKS);
    let dut = fields.get(&TEST.dut).unwrap_or(DutId::Fabric);
    let (Some(tree), true) = (tree, reader.clean()) else {
        return Err(source.diagnostics(reader.into_findings()));
    };
    let stem = format!("{id} {}", asked.profile.name());
    let ready = sweep::of_tree(source.clone(), &tree, Reader::default(), &stem, given)?;
    if on_device.is_some() && asked.after.is_none() && rests_on_loads(&ready.sweep) {
        reduced.push("Loads of links are not measured: there is no device hook that reads them (--after).".to_owned());
    }
    let kpis = fields.list(&TEST.kpis).unwrap_or_default();
    let mut kpis: Vec<sweep::FigureName> = kpis
        .iter()
        .filter_map(|node| figure(&reader, node, &ready.sweep))
        .collect();
    // A switch that marks by a token bucket has no depth to be read, but a burst.
    if metered && kpis.iter().any(|kpi| kpi.figure == known::ECN_KMIN.name) {
        for name in ["queues: ECN_CBS", "queues: ECN_CIR"] {
            kpis.extend(sweep::figure(&reader, root.place, name, &ready.sweep));
        }
    }
    let tables = fields.list(&TEST.tables).unwrap_or_default();
    let tables = tables
        .iter()
        .filter_map(|node| table(&reader, node, &ready.sweep))
        .collect();
    if !reader.clean() {
        return Err(source.diagnostics(reader.into_findings()));
    }
    Ok(Test {
        id,
        title,
        dut,
        objective: joined(&objective),
        procedure: joined(&procedure),
        reduced,
        not_run,
        draft_trials: draft_trials.unwrap_or(sweep::tables::DRAFT_TRIALS),
        kpis,
        tables,
        remarks,
        ready,
    })
}

/// Whether a figure of the test follows from loads of links, which only the device can tell.
fn rests_on_loads(sweep: &Sweep) -> bool {
    let of_device = |figure: &sweep::FigureName| {
        figure.scope.as_deref() == Some("device") && figure.figure == known::LINK_UTILIZATION.name
    };
    let mut terms = sweep.derived.iter().flat_map(|derived| &derived.terms);
    terms.any(|(_, term)| match term {
        sweep::Term::Figure(figure) | sweep::Term::At(figure, _) | sweep::Term::Over { figure, .. } => {
            of_device(figure)
        }
        sweep::Term::Axis(_) => false,
    })
}

/// Text whose lines are broken where the file's are, as one paragraph.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sentences(fields: &Fields<'_>, key: &dyn Declared) -> Vec<String> {
    let items = fields.list(key).unwrap_or_default();
    let sentence = |item: &Node| {
        let good = |text: &&str| text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        let text = item.text().filter(good);
        if text.is_none() {
            fields.bad(key, item.place, item.is_a(), None);
        }
        text.map(str::to_owned)
    };
    items.iter().filter_map(sentence).collect()
}

fn listed_words<T: Copy>(fields: &Fields<'_>, key: &dyn Declared, words: &[(&'static str, T)]) -> Vec<T> {
    let items = fields.list(key).unwrap_or_default();
    let word = |item: &Node| {
        let found = words.iter().find(|(word, _)| item.text() == Some(word));
        if found.is_none() {
            fields.bad(key, item.place, item.text().unwrap_or(item.is_a()), None);
        }
        found.map(|(_, value)| *value)
    };
    items.iter().filter_map(word).collect()
}

/// A figure: text, or what YAML makes of `incast: lost`.
fn figure(reader: &Reader, node: &Node, sweep: &Sweep) -> Option<sweep::FigureName> {
    let text = match &node.value {
        Value::Map(entries) => match entries.as_slice() {
            [(name, value)] => value.text().map(|text| format!("{}: {text}", name.text)),
            _ => None,
        },
        _ => node.text().map(str::to_owned),
    };
    sweep::figure(reader, node.place, &text.unwrap_or_default(), sweep)
}

fn table(reader: &Reader, node: &Node, sweep: &Sweep) -> Option<TableSpec> {
    let fields = reader.fields(node, "a table", &[&TABLE]);
    let split = fields
        .text(&TABLE.split)
        .and_then(|text| sweep::axis(reader, fields.place_of(&TABLE.split), text, sweep));
    let columns = fields
        .list(&TABLE.figures)
        .unwrap_or_default()
        .iter()
        .filter_map(|node| {
            let is_column = node.child("figure").is_some();
            if !is_column {
                let figure = figure(reader, node, sweep)?;
                return Some(ColumnSpec {
                    name: figure.to_string(),
                    figure,
                    yes_no: false,
                });
            }
            let fields = reader.fields(node, "a column", &[&COLUMN]);
            let text = fields.text(&COLUMN.figure)?;
            let figure = sweep::figure(reader, fields.place_of(&COLUMN.figure), text, sweep)?;
            Some(ColumnSpec {
                name: fields.get(&COLUMN.name).unwrap_or_else(|| figure.to_string()),
                yes_no: fields.get(&COLUMN.words).unwrap_or(false),
                figure,
            })
        });
    Some(TableSpec {
        columns: columns.collect(),
        title: fields.get(&TABLE.title)?,
        split,
    })
}

/// What becomes of keys of the fabric on a real device: the test's `device`, then what holds everywhere.
fn renamed(device: Option<&Node>, metered: bool) -> Vec<(String, Option<String>)> {
    let mut names: Vec<(String, Option<String>)> = Vec::new();
    if let Some(Value::Map(entries)) = device.map(|node| &node.value) {
        names.extend(
            entries
                .iter()
                .map(|(name, node)| (name.text.clone(), node.text().map(str::to_owned))),
        );
    }
    // A switch that marks by a token bucket has the burst in place of the depth.
    let (kmin, kmax) = if metered {
        (Some("testbed.configured.meter.cbs"), None)
    } else {
        // The draft has one threshold: a step, whatever the testbed says of a slope.
        (
            Some("testbed.configured.ecn.kmin, testbed.configured.ecn.kmax"),
            Some("testbed.configured.ecn.kmax"),
        )
    };
    let known = [
        ("testbed.fabric.switch.ecn.kmin", kmin),
        ("testbed.fabric.switch.ecn.kmax", kmax),
        ("testbed.fabric.switch.pfc.xoff", Some("testbed.configured.pfc.xoff")),
        ("testbed.fabric.switch.pfc.xon", Some("testbed.configured.pfc.xon")),
    ];
    names.extend(known.map(|(from, to)| (from.to_owned(), to.map(str::to_owned))));
    names
}

/// Puts the hooks of the command line in place of the fabric's own.
fn hooked(tree: &mut Node, asked: &Asked, disturbed: bool) {
    let Value::Map(entries) = &mut tree.value else { return };
    entries.retain(|(name, _)| name.text != "hooks");
    let hook = |key: &str, value: &Option<String>| Some((name(key), scalar(value.as_ref()?)));
    let during = hook("during", &asked.during).filter(|_| disturbed);
    let named = [
        hook("before", &asked.before),
        hook("after", &asked.after),
        during,
        hook("end", &asked.end),
    ];
    let mut hooks: Vec<(Name, Node)> = named.into_iter().flatten().collect();
    if !hooks.is_empty() {
        hooks.extend(hook("timeout", &asked.hook_timeout));
        let place = tree.place;
        entries.push((
            name("hooks"),
            Node {
                place,
                value: Value::Map(hooks),
            },
        ));
    }
}

/// Where XOFF is varied and XON is not, the XON that the testbed says of the switch goes with one XOFF only: it is
/// taken out, and each XOFF has the one that stands below it by default.
fn leave_xon_to_the_device(tree: &mut Node) {
    let (xoff, xon) = ("testbed.configured.pfc.xoff", "testbed.configured.pfc.xon");
    let Value::Map(entries) = &tree.value else { return };
    let varied = varied_keys(entries);
    if varied.iter().any(|key| key == xoff) && !varied.iter().any(|key| key == xon) {
        set_to_null(tree, xon);
    }
}

/// Takes a traffic entry out of the pattern, and its keys out of what is set and varied.
fn leave_out(tree: &mut Node, entry: &str) {
    let Value::Map(entries) = &mut tree.value else { return };
    let of_entry = format!("traffic.{entry}.");
    for (section, node) in entries.iter_mut() {
        if let (Value::Map(changes), "set" | "vary" | "labels") = (&mut node.value, section.text.as_str()) {
            changes.retain_mut(|(name, _)| {
                let keys = name
                    .text
                    .split(',')
                    .map(str::trim)
                    .filter(|key| !key.starts_with(&of_entry));
                let kept: Vec<&str> = keys.collect();
                name.text = kept.join(", ");
                !name.text.is_empty()
            });
        }
    }
    set_to_null(tree, &format!("traffic.{entry}"));
}

/// Takes `key` out of the pattern or the testbed, at every point.
fn set_to_null(tree: &mut Node, key: &str) {
    let place = tree.place;
    let none = (
        name(key),
        Node {
            place,
            value: Value::Null,
        },
    );
    let Value::Map(entries) = &mut tree.value else { return };
    match entries.iter_mut().find(|(section, _)| section.text == "set") {
        Some((_, node)) => {
            if let Value::Map(changes) = &mut node.value {
                changes.push(none);
            }
        }
        None => entries.push((
            name("set"),
            Node {
                place,
                value: Value::Map(vec![none]),
            },
        )),
    }
}

fn name(text: &str) -> Name {
    Name {
        place: Place::START,
        text: text.to_owned(),
    }
}

fn scalar(text: &str) -> Node {
    Node {
        place: Place::START,
        value: Value::Scalar(text.to_owned()),
    }
}

/// Puts what a device hook is told in place of the fabric's keys. `before`: whether there is a hook that
/// sets them. What is left out is said, a sentence each.
fn to_device(tree: &mut Node, names: &[(String, Option<String>)], before: bool) -> Vec<String> {
    let mut left_out = Vec::new();
    let Value::Map(entries) = &mut tree.value else {
        return left_out;
    };
    for (section, node) in entries.iter_mut() {
        let varied = section.text == "vary" || section.text == "points";
        match (&mut node.value, section.text.as_str()) {
            (Value::Map(changes), "set" | "vary") => keep(changes, names, varied, before, &mut left_out),
            (Value::List(points), "points") => {
                for point in points.iter_mut() {
                    if let Value::Map(changes) = &mut point.value {
                        keep(changes, names, varied, before, &mut left_out);
                    }
                }
                // Points that nothing tells apart any more are one.
                let mut seen: Vec<String> = Vec::new();
                points.retain(|point| {
                    let said = point.to_string();
                    let new = !seen.contains(&said);
                    seen.push(said);
                    new
                });
            }
            _ => {}
        }
    }
    let varied = varied_keys(entries);
    for (section, node) in entries.iter_mut() {
        match (&mut node.value, section.text.as_str()) {
            (Value::Map(labels), "labels") => {
                keep(labels, names, false, before, &mut Vec::new());
                labels.retain(|(name, _)| varied.contains(&name.text));
            }
            (Value::List(plots), "plots") => plots.iter_mut().for_each(|plot| redrawn(plot, names, &varied)),
            _ => {}
        }
    }
    let empty = |node: &Node| match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(points) => points.iter().all(|point| point.to_string() == "{}"),
        _ => false,
    };
    entries.retain(|(name, node)| !(matches!(name.text.as_str(), "set" | "vary" | "points") && empty(node)));
    // A testbed of its own is the fabric that the test was made for.
    entries.retain(|(name, _)| name.text != "testbed");
    left_out.sort();
    left_out.dedup();
    left_out
}

/// Every key that is varied, each by itself and as it stands with others.
fn varied_keys(entries: &[(Name, Node)]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut take = |node: &Node| {
        if let Value::Map(changes) = &node.value {
            keys.extend(changes.iter().map(|(name, _)| name.text.clone()));
        }
    };
    for (section, node) in entries {
        match (&node.value, section.text.as_str()) {
            (Value::Map(_), "vary") => take(node),
            (Value::List(points), "points") => points.iter().for_each(&mut take),
            _ => {}
        }
    }
    let single: Vec<String> = keys
        .iter()
        .flat_map(|text| text.split(',').map(|key| key.trim().to_owned()))
        .collect();
    keys.extend(single);
    keys
}

/// A plot over what is still varied.
fn redrawn(plot: &mut Node, names: &[(String, Option<String>)], varied: &[String]) {
    let Value::Map(entries) = &mut plot.value else { return };
    entries.retain_mut(|(name, node)| {
        if !matches!(name.text.as_str(), "over" | "rows" | "split") {
            return true;
        }
        let Value::Scalar(text) = &mut node.value else {
            return true;
        };
        if let Some((_, to)) = names.iter().find(|(from, _)| from == text) {
            to.as_deref().unwrap_or_default().clone_into(text);
        }
        varied.contains(text)
    });
}

fn keep(
    changes: &mut Vec<(Name, Node)>,
    names: &[(String, Option<String>)],
    varied: bool,
    before: bool,
    left_out: &mut Vec<String>,
) {
    changes.retain_mut(|(name, _)| {
        let keys: Vec<String> = name.text.split(',').map(|key| key.trim().to_owned()).collect();
        let mut kept: Vec<String> = Vec::new();
        for key in keys {
            if !key.starts_with("testbed.fabric.") {
                kept.push(key);
                continue;
            }
            let target = names
                .iter()
                .find(|(from, _)| *from == key)
                .and_then(|(_, to)| to.clone());
            match target {
                Some(_) if !before && varied => left_out.push(format!(
                    "`{key}` is not varied: there is no device hook that sets it (--before)."
                )),
                Some(target) if !kept.contains(&target) => kept.push(target),
                Some(_) => {}
                None if varied => left_out.push(format!("`{key}` is not varied: only the reference fabric has it.")),
                None => {}
            }
        }
        name.text = kept.join(", ");
        !kept.is_empty()
    });
}
