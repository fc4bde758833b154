//! A sweep made ready: its pattern, testbed and hooks read once, each point's mistakes placed where its
//! value stands.
//!
//! Contract: what was read at the start is what every trial uses, whatever happens to the files
//! meanwhile. A point that loads here loads for every trial.

use std::path::{Path, PathBuf};

use super::hook::Hook;
use super::inputs::{self, Inputs as KeptInputs};
use super::search::Search;
use super::types::Sweep;
use super::{Given, Shard, point};
use crate::yaml::{self, Diagnostic, Diagnostics, Finding, MAX_FINDINGS, Place, Source};
use crate::{pattern, testbed};

/// What stands before a key that only hooks are told.
pub const DEVICE: &str = "device.";

/// A sweep that can be run.
#[derive(Debug, Clone)]
pub struct Ready {
    /// What is to be run.
    pub sweep: Sweep,
    /// The hook before each trial.
    pub before: Option<Hook>,
    /// The hook in each trial.
    pub during: Option<Hook>,
    /// The hook after each trial.
    pub after: Option<Hook>,
    /// The hook at the end of the sweep.
    pub end: Option<Hook>,
    source: Source,
    given: Given,
    pattern: Source,
    testbed: Source,
    /// Which of the trials are run; `None`: all.
    shard: Option<Shard>,
    /// Its identity, where hooks are not known.
    known_as: Option<String>,
}

/// The two files of one trial, changes applied.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// What to send.
    pub pattern: pattern::Loaded,
    /// Where.
    pub testbed: testbed::Loaded,
}

/// Where a change comes from, so that its mistakes are reported there.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The sweep's own text, or its `--vary`.
    Sweep(Place),
    /// The n-th `--set`.
    Set(usize),
    /// Made here.
    Seed,
}

/// A change of the pattern or the testbed.
struct Applied {
    text: String,
    origin: Origin,
}

/// The testbed that a pattern names, changed by `set`; of mistakes, each point says what they are.
fn made_for(pattern: &Source, set: &[String]) -> Option<String> {
    let of_pattern = |text: &&String| !text.starts_with(testbed::PREFIX) && !text.starts_with(DEVICE);
    let source = Source {
        overrides: set.iter().filter(of_pattern).cloned().collect(),
        ..pattern.clone()
    };
    pattern::of(source).ok()?.pattern.testbed
}

/// Changes of the command line that no trial would see, for what they change is varied.
fn varied_and_set(sweep: &Sweep, given: &Given) -> Option<Diagnostics> {
    let whose = match &given.test {
        Some(id) => format!("test {id}"),
        None => "this sweep".to_owned(),
    };
    let part = |key: &str, of: &str| key.strip_prefix(of).is_some_and(|rest| rest.starts_with('.'));
    let mistake = |text: &String| {
        let set = text.split('=').next()?.trim();
        let values_of = |number: usize| {
            let points = sweep.points.iter();
            points.map(move |point| point.values.get(number).and_then(Option::as_ref))
        };
        let axes = sweep.axes.iter().enumerate();
        let mut keys = axes.flat_map(|(number, axis)| axis.keys.iter().map(move |key| (number, key)));
        // A part of what only some points replace is still there in the others.
        let (number, key) = keys.find(|(number, key)| {
            *key == set || part(key, set) || part(set, key) && values_of(*number).all(|value| value.is_some())
        })?;
        let mut values: Vec<&str> = values_of(number).flatten().map(|value| value.value.as_str()).collect();
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(*value));
        let what = format!(
            "{whose} varies `{key}` over {}, which takes the place of what is set; leave this --set out",
            yaml::shown(&values.join(", "), 200)
        );
        Some(Diagnostics::unplaced(
            &format!("--set {}", yaml::shown(text, 100)),
            what,
        ))
    };
    given.set.iter().filter_map(mistake).reduce(Diagnostics::and)
}

impl Ready {
    /// Reads what the sweep names. `source` is its text; `given` what the command line says besides.
    ///
    /// # Errors
    /// Files that are not there, and what is wrong with the command line's changes of them.
    pub fn new(mut sweep: Sweep, source: Source, given: Given) -> Result<Ready, Diagnostics> {
        let file = Path::new(&source.name);
        let folder = if !source.shipped && file.exists() {
            file.parent().map(Path::to_owned)
        } else {
            None
        };
        let near = |name: &str| -> Option<PathBuf> {
            let path = folder.as_ref().filter(|_| !name.is_empty())?.join(name);
            path.exists().then_some(path)
        };
        let find = |name: &str, what: &str, shipped: &[(&str, &str)], by_us: bool| match near(name) {
            _ if by_us => yaml::find_named_by_us(name, what, shipped, &[]),
            // A folder beside the sweep hides no shipped text of its name.
            Some(path) if path.is_dir() && shipped.iter().any(|(known, _)| *known == name) => {
                yaml::find_named_by_us(name, what, shipped, &[])
            }
            Some(path) => Source::read(&path, &[]),
            None => yaml::find(name, what, shipped, &[]),
        };
        let hook = |name: &Option<String>| {
            let hook = name.as_deref().map(|name| Hook::find(name, near(name)));
            hook.transpose()
        };
        let pattern = find(&sweep.pattern, "pattern", pattern::SHIPPED, source.shipped);
        let mut by_us = source.shipped && given.testbed.is_none();
        if let (None, Ok(pattern)) = (&sweep.testbed, &pattern) {
            sweep.testbed = made_for(pattern, &given.set);
            by_us = pattern.shipped || sweep.testbed.is_none();
        }
        let name = sweep.testbed.as_deref().unwrap_or(testbed::DEFAULT);
        let testbed = find(name, "testbed", testbed::SHIPPED, by_us);
        let before = hook(&sweep.hooks.before);
        let during = hook(&sweep.hooks.during);
        let after = hook(&sweep.hooks.after);
        let end = hook(&sweep.hooks.end);
        let mut errors = varied_and_set(&sweep, &given);
        let mut note = |error: Diagnostics| {
            errors = Some(match errors.take() {
                Some(earlier) => earlier.and(error),
                None => error,
            });
        };
        if let Some(text) = given
            .set
            .iter()
            .find(|text| text.split('=').next().is_some_and(|key| key.trim() == "seed"))
        {
            let what = "each trial has a seed of its own, derived from that of --seed or of the sweep";
            note(Diagnostics::unplaced(&format!("--set {text}"), what));
        }
        let pattern = pattern.map_err(&mut note);
        let testbed = testbed.map_err(&mut note);
        let before = before.map_err(&mut note);
        let during = during.map_err(&mut note);
        let after = after.map_err(&mut note);
        let end = end.map_err(&mut note);
        match (pattern, testbed, before, during, after, end, errors) {
            (Ok(pattern), Ok(testbed), Ok(before), Ok(during), Ok(after), Ok(end), None) => Ok(Ready {
                sweep,
                // A hook of one's own may not know of the end: it is told where it is named for it.
                end: end.or_else(|| {
                    [&before, &during]
                        .into_iter()
                        .flatten()
                        .find(|hook| hook.is_shipped())
                        .cloned()
                }),
                before,
                during,
                after,
                source,
                given,
                pattern,
                testbed,
                shard: None,
                known_as: None,
            }),
            (.., errors) => Err(errors.unwrap_or_else(|| Diagnostics::unplaced("the sweep", "cannot be read"))),
        }
    }

    /// The sweep that a folder says it holds.
    ///
    /// # Errors
    /// Every mistake of its texts.
    pub(super) fn kept(kept: KeptInputs) -> Result<Ready, Diagnostics> {
        let KeptInputs {
            sweep: source,
            pattern_name,
            pattern,
            testbed,
            given,
            identity,
            ..
        } = kept;
        let of_file = !source.text.is_empty();
        let mut sweep = if of_file {
            super::of_source(&source, &given)?
        } else {
            super::of_vary(&pattern_name, &source, &given)?
        };
        if sweep.testbed.is_none() {
            sweep.testbed = made_for(&pattern, &given.set);
        }
        let ready = Ready {
            sweep,
            before: None,
            during: None,
            after: None,
            end: None,
            source,
            given,
            pattern,
            testbed,
            shard: None,
            known_as: Some(identity),
        };
        if of_file {
            Ok(ready)
        } else {
            ready.with_seed_of_pattern()
        }
    }

    /// What of it is kept in its folder; none for a part of a larger text, which is kept elsewhere.
    #[must_use]
    pub fn inputs_of_folder(&self) -> Option<KeptInputs> {
        self.given.test.is_none().then(|| KeptInputs {
            schema: inputs::SCHEMA.to_owned(),
            sweep: self.source.clone(),
            pattern_name: self.sweep.pattern.clone(),
            pattern: self.pattern.clone(),
            testbed: self.testbed.clone(),
            given: self.given.clone(),
            identity: self.identity(),
        })
    }

    /// Leaves all trials but those of a shard to others.
    ///
    /// # Errors
    /// A search, whose next point follows from all trials before it.
    pub fn share(&mut self, shard: Shard) -> Result<(), Diagnostics> {
        if self.sweep.search.is_some() {
            let what = "a search goes by what all its trials have found, and cannot be shared out in shards; --jobs runs them side by side";
            return Err(Diagnostics::unplaced("--shard", what));
        }
        self.shard = Some(shard);
        Ok(())
    }

    /// The part of the trials that is run; none where it is all.
    #[must_use]
    pub fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// The sweep with the pattern's seed, where no other was asked for.
    ///
    /// # Errors
    /// Every mistake of the pattern.
    pub(super) fn with_seed_of_pattern(mut self) -> Result<Ready, Diagnostics> {
        if self.given.seed.is_none() {
            self.sweep.seed = pattern::of(self.pattern.clone())?.pattern.seed;
        }
        Ok(self)
    }

    /// Leaves out the points that do not load, and those of which `keep` says why, and returns each reason with
    /// the points in words. Where no point is left, none is left out: the check of the sweep says what is wrong.
    pub fn leave_out(&mut self, mut keep: impl FnMut(&Inputs) -> Result<(), String>) -> Vec<(String, Vec<String>)> {
        let mut left: Vec<(String, Vec<String>)> = Vec::new();
        let mut kept = Vec::new();
        for (number, point) in self.sweep.points.iter().enumerate() {
            let loaded = self.inputs(number, 0).map_err(|errors| errors.sentence());
            match loaded.and_then(|inputs| keep(&inputs)) {
                Ok(()) => kept.push(point.clone()),
                Err(why) => {
                    let said = point::said(&self.sweep.axes, point);
                    match left.iter_mut().find(|(known, _)| *known == why) {
                        Some((_, points)) => points.push(said),
                        None => left.push((why, vec![said])),
                    }
                }
            }
        }
        if kept.is_empty() {
            // Then the sweep itself does not fit, which its check says.
            return Vec::new();
        }
        self.sweep.points = kept;
        left
    }

    /// A point in words.
    #[must_use]
    pub fn said(&self, point: usize) -> String {
        self.sweep.said(point)
    }

    /// How many trials there are of all points together, or in the shard; of a search, how many there are at most.
    #[must_use]
    pub fn trials(&self) -> usize {
        let all = self.sweep.most_points() * self.sweep.trials as usize;
        self.shard.map_or(all, |shard| shard.share_of(all))
    }

    /// The testbed as it was named; `None` for the built-in one.
    #[must_use]
    pub fn testbed_name(&self) -> Option<&str> {
        self.sweep.testbed.as_deref()
    }

    /// The changes that belong to `prefix`, without it, in order: the file's `set`, the command line's,
    /// the point's.
    fn changes(&self, point: usize, wanted: impl Fn(&str) -> Option<&str>) -> Vec<Applied> {
        let place = |text: &str, place: Place| Applied {
            text: text.to_owned(),
            origin: Origin::Sweep(place),
        };
        let mut changes = Vec::new();
        for change in &self.sweep.set {
            for key in change.keys.iter().filter_map(|key| wanted(key)) {
                changes.push(place(&format!("{key}={}", change.to.value), change.to.place));
            }
        }
        for (index, text) in self.given.set.iter().enumerate() {
            if let Some(text) = wanted(text.trim()) {
                changes.push(Applied {
                    text: text.to_owned(),
                    origin: Origin::Set(index),
                });
            }
        }
        let values = self.sweep.points.get(point).map_or(&[][..], |point| &point.values);
        for (axis, value) in self.sweep.axes.iter().zip(values) {
            let Some(value) = value else { continue };
            for key in axis.keys.iter().filter_map(|key| wanted(key)) {
                changes.push(place(&format!("{key}={}", value.value), value.place));
            }
        }
        changes
    }

    /// What only hooks are told: keys without `device.`, and their values as YAML. As in a pattern, the last
    /// one holds, and `null` takes a key out.
    #[must_use]
    pub fn device_settings(&self, point: usize) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = Vec::new();
        for change in self.changes(point, |key| key.strip_prefix(DEVICE)) {
            let Some((key, value)) = change.text.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            settings.retain(|(known, _)| *known != key);
            if value != "null" {
                settings.push((key, value));
            }
        }
        settings
    }

    /// The pattern and the testbed of one trial.
    ///
    /// # Errors
    /// Every mistake of both, those of changes placed where the change stands.
    pub fn inputs(&self, point: usize, trial: u32) -> Result<Inputs, Diagnostics> {
        let of_testbed = self.changes(point, |key| key.strip_prefix(testbed::PREFIX));
        let mut of_pattern = self.changes(point, |key| {
            let other = key.starts_with(testbed::PREFIX) || key.starts_with(DEVICE);
            (!other).then_some(key)
        });
        of_pattern.push(Applied {
            text: format!("seed={}", point::seed(self.sweep.seed, point, trial)),
            origin: Origin::Seed,
        });
        let with = |source: &Source, changes: &[Applied]| Source {
            overrides: changes.iter().map(|change| change.text.clone()).collect(),
            ..source.clone()
        };
        let pattern = pattern::of(with(&self.pattern, &of_pattern)).map_err(|errors| self.placed(errors, &of_pattern));
        let testbed = testbed::of(with(&self.testbed, &of_testbed)).map_err(|errors| self.placed(errors, &of_testbed));
        match (pattern, testbed) {
            (Ok(pattern), Ok(testbed)) => Ok(Inputs { pattern, testbed }),
            (Err(one), Err(other)) => Err(one.and(other)),
            (Err(errors), _) | (_, Err(errors)) => Err(errors),
        }
    }

    /// Loads every point, and hands each to `check`, which may find more.
    ///
    /// # Errors
    /// Every mistake of every point, each once.
    pub fn check(&self, mut check: impl FnMut(usize, &Inputs) -> Result<(), Diagnostics>) -> Result<(), Diagnostics> {
        let mut errors: Option<Diagnostics> = None;
        let mut note = |error: Diagnostics| {
            let all = match errors.take() {
                Some(earlier) => earlier.and(error).distinct(),
                None => error,
            };
            let enough = all.count() >= MAX_FINDINGS;
            errors = Some(all);
            enough
        };
        for point in 0..self.sweep.points.len() {
            let outcome = self.inputs(point, 0).and_then(|inputs| {
                self.check_places(&inputs)?;
                self.check_during(&inputs)?;
                check(point, &inputs)
            });
            if let Err(error) = outcome
                && note(error)
            {
                break;
            }
        }
        if !self.sweep.axes.is_empty() && self.before.is_none() && self.during.is_none() && self.after.is_none() {
            // One with a name for people is words in tables, whether anybody is told it or not.
            let unnamed = self.sweep.axes.iter().filter(|axis| axis.label.is_none());
            let keys = unnamed.flat_map(|axis| &axis.keys);
            if let Some(key) = keys.into_iter().find(|key| key.starts_with(DEVICE)) {
                note(Diagnostics::unplaced(
                    &self.source.name,
                    format!("`{key}` is for hooks, and there is none"),
                ));
            }
        }
        errors.map_or(Ok(()), Err)
    }

    /// Whether the places that the sweep's own expectations name are there, and a search has some to hold to.
    fn check_places(&self, inputs: &Inputs) -> Result<(), Diagnostics> {
        let search = self.sweep.search.as_ref();
        let asked = search.is_some_and(Search::asks_expectations);
        if asked && self.sweep.expect.is_empty() && inputs.pattern.pattern.expect.is_empty() {
            let what =
                "`search` has no `goals`, and neither the sweep nor its pattern has an `expect` line that could hold";
            return Err(Diagnostics::unplaced(&self.source.name, what));
        }
        let entries = inputs.pattern.pattern.traffic.iter();
        let names: Vec<&str> = entries.map(|entry| entry.name.as_str()).collect();
        let testbed = inputs.testbed.testbed.sized(inputs.pattern.pattern.workers_needed());
        let ports: Vec<&str> = testbed.ports.iter().map(|port| port.name.as_str()).collect();
        let findings: Vec<Finding> = self
            .sweep
            .expect
            .iter()
            .chain(
                search
                    .iter()
                    .flat_map(|search| &search.goals)
                    .flat_map(|goal| &goal.expect),
            )
            .filter_map(|(place, expectation)| {
                let entries = expectation.check_place(&names);
                let finding = entries.and_then(|()| expectation.check_ports(&ports, None)).err()?;
                Some(Finding {
                    place: *place,
                    ..finding
                })
            })
            .collect();
        if findings.is_empty() {
            return Ok(());
        }
        Err(self.source.diagnostics(findings))
    }

    /// Whether there is a time in a trial for the hook that is to run then, and a device to disturb.
    fn check_during(&self, inputs: &Inputs) -> Result<(), Diagnostics> {
        let Some(hook) = &self.during else { return Ok(()) };
        let what = if *hook == Hook::Fabric {
            "`hooks.during` cannot be `fabric`, which only has counters to read after a trial"
        } else if inputs.testbed.testbed.fabric.is_some() {
            "`hooks.during` is for real ports: simulated time does not wait for a hook. Plant a fault in the testbed's \
             `fabric.faults` instead"
        } else if inputs.pattern.pattern.duration.is_none() {
            "`hooks.during` needs a `duration` in the pattern: `at` is a share of it"
        } else {
            return Ok(());
        };
        Err(Diagnostics::unplaced(&self.source.name, what))
    }

    /// Mistakes of changes where the changes stand.
    fn placed(&self, errors: Diagnostics, changes: &[Applied]) -> Diagnostics {
        errors.placed(|index, item| match changes.get(index).map(|change| change.origin) {
            Some(Origin::Sweep(place)) => self.place(item, place),
            Some(Origin::Set(index)) => {
                let typed = self.given.set.get(index).map_or("", String::as_str);
                item.file = format!("--set {}", yaml::shown(typed, 100));
            }
            Some(Origin::Seed) | None => {}
        })
    }

    /// Places a mistake in the sweep's own text.
    fn place(&self, item: &mut Diagnostic, place: Place) {
        self.source.place(item, place);
        if matches!(place, Place::Override(_)) {
            item.file = item.file.replacen("--set ", "--vary ", 1);
        }
    }

    /// What makes this sweep the one that it is, as text: whoever goes on with a folder must have the
    /// same. The version of squall is not part of it, nor is the number of trials: more can be asked
    /// for later, and those that are done count.
    #[must_use]
    pub fn identity(&self) -> String {
        if let Some(identity) = &self.known_as {
            return identity.clone();
        }
        let hook = |hook: &Option<Hook>| hook.as_ref().map(Hook::sha256);
        let mut value = serde_json::json!({
            "journal": super::journal::SCHEMA,
            "results": crate::report::model::SCHEMA,
            "sweep": self.source.sha256(),
            "name": self.sweep.name,
            "vary": self.source.overrides,
            "set": self.given.set,
            "seed": self.sweep.seed,
            "pattern": self.pattern.sha256(),
            "testbed": self.testbed.sha256(),
            "before": hook(&self.before),
            "after": hook(&self.after),
        });
        // Folders of sweeps without one were made before there was one.
        if let Some(during) = hook(&self.during) {
            value["during"] = serde_json::Value::from(during);
        }
        if self.sweep.hooks.end.is_some() {
            value["end"] = serde_json::json!(hook(&self.end));
        }
        value.to_string()
    }
}
