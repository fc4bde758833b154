//! The keys of a sweep, each declared once: readers, checks, suggestions and `docs/SWEEPS.md` follow.

use std::borrow::Cow;

use super::search::Find;
use super::series::Sampled;
use super::types::Take;
use crate::expect::Better;
use crate::units::{Picos, Share};
use crate::yaml::form::{Int, Line, Map, Parsed, Plain, Prose, Quantity, Tree, Words};
use crate::yaml::key::{Absent, Key, Section, keys};

const NAME: Plain = Plain {
    limit: 64,
    others: "-_",
    rule: None,
};
const FIGURE: Line = Line(200, "`[where:] FIGURE[.STATISTIC]`, as in `expect`");
const VARIED: Line = Line(1000, "a key that is varied");
const PLACES: Line = Line(200, "text in which `*` stands for any text (`leaf* to spine*`)");
const SHIPPED_PATTERN: Line = Line(
    1000,
    "a path, from this file's folder, or the name of a shipped pattern",
);
const SHIPPED_TESTBED: Line = Line(
    1000,
    "a path, from this file's folder, or the name of a shipped testbed",
);
const HOOK: Line = Line(1000, "a path, from this file's folder, or the name of a shipped hook");
const TITLE: Key<String> = Key {
    name: "title",
    form: &Line::text(200),
    absent: Absent::Words("made of the figure and the axis"),
    doc: "what stands above the chart",
};

/// How long a hook may be given.
pub const TIMEOUTS: Quantity<Picos> = Quantity::within(Picos::from_micros(100_000), Picos::from_micros(3_600_000_000));

keys! {
    /// A whole sweep.
    pub SWEEP: Sweep = "sweep" {
        name: String, Line::text(200), otherwise "the file's name", "name in reports";
        description: String, Prose, none, "the question that the sweep answers";
        draft: String, Line(40, "a section number (`8.1`)"), otherwise "the pattern's",
            "section of the draft whose test this is";
        pattern: String, SHIPPED_PATTERN, required, "what each trial sends";
        testbed: String, SHIPPED_TESTBED, otherwise "the pattern's, else the default testbed", "where";
        set: (), Tree("a map of a key and its value", &[]), none,
            "changes of the pattern and the testbed that hold for every point";
        vary: (), Tree("a map of a key and a list of 1 to 10000 values", &[]), none,
            "one point for each combination of the values, the last key changing fastest";
        points: (), Tree("a list of 1 to 10000 maps of a key and its value", &[]), none,
            "the points one by one, instead of `vary`";
        trials: u32, Int(1, super::read::MAX_TRIALS as u64), or 1, "runs of each point, each with a seed of its own";
        seed: u64, Int(0, u64::MAX), or 1, "from it the seed of each trial is derived";
        search: (), Map(&[&SEARCH]), none,
            "finds the greatest or the least value of a key at which trials hold to goals, instead of running every value";
        hooks: (), Map(&[&HOOKS]), none,
            "executables that configure the device under test and read its counters";
        expect: (), crate::expect::LINES, none, "what must hold of every trial, beside the pattern's own lines";
        plots: (), Tree("a list of marking-rate, marking-curve, latency-cdf, or maps of plot keys", &[]),
            otherwise "what the results are good for", "charts to draw";
        labels: (), Tree("a map of a varied key and its name for people", &[]), otherwise "the last part of the key",
            "names of what is varied, in charts and reports; an empty one leaves the key out of them";
        derived: (), Tree("a list of maps of derived keys", &[]), none,
            "figures that follow from others, for each trial";
    }

    /// `search`.
    pub SEARCH: Search = "search" {
        key: String, Line(1000, "a key as in `vary`, or several separated by commas"), required,
            "what is searched for; with `vary`, a search of its own for each point of that";
        find: Find, Words(Find::WORDS), required, "the greatest or the least value at which the goals hold";
        from: String, Line(40, "a number with the key's unit"), required, "the least value";
        to: String, Line(40, "a number with the key's unit, above `from`"), required, "the greatest value";
        resolution: String, Line(40, "a number with the key's unit; with `spacing: log` a share"), required,
            "how far apart the values are that are told apart, 1000 of them at most";
        spacing: bool, Words(&[("linear", false), ("log", true)]), or false,
            "values that far apart, or each by that share above the one before";
        goals: (), Tree("a list of 1 to 8 maps of goal keys", &[]), otherwise "the `expect` lines of the sweep and the pattern",
            "what is to hold, several of which are searched for with the same trials";
    }

    /// One of `goals`.
    pub GOAL: Goal = "goal" {
        name: String, Line::text(100), required, "its name in reports";
        expect: (), crate::expect::LINES, required, "what must hold of a trial";
        exceed: Share, Parsed {
            allowed: "a share of trials, 0% to below 100%",
            parse: |text| text.parse().ok().filter(|share: &Share| (0.0..1.0).contains(&share.0)),
            near: |_| None,
            show: ToString::to_string,
        }, or Share(0.0), "share of a value's trials that may fail it";
    }

    /// One of `derived`.
    pub DERIVED: Derived = "derived" {
        name: String, Plain { rule: Some(("beginning with a letter", super::read::begins_with_a_letter)), ..NAME },
            required, "the figure's name; its place is `derived`";
        unit: Cow<'static, str>, Line::text(40), or Cow::Borrowed("1"), "its unit";
        better: Better, Words(&[
            ("lower", Better::Lower), ("higher", Better::Higher), ("neither", Better::Neither),
        ]), or Better::Neither, "which way it gets better, for `squall compare`";
        formula: String, Line(
            400,
            "an expression of the names in `let`, numbers, `+ - * / ^`, brackets and functions such as `abs` or `log2`",
        ), required, "how it follows from them";
        r#let: (), Tree("a map of a name and a figure, or a map of term keys", &[&TERM]), none,
            "what the names in the formula stand for";
    }

    /// One of `let`, as a map.
    pub TERM: Term = "term" {
        axis: String, Line(1000, "a key that is varied, to numbers"), none,
            "the value at the point, in bytes, ps, bps or percent where it has a unit";
        figure: String, FIGURE, otherwise "required, or `axis`", "a figure of the trial";
        at: (), Tree("a map of a varied key and its value", &[]), none,
            "the figure's mean at the point that has these values, and otherwise the same";
        of: String, PLACES, none, "the figure at all places of that name, by `take`";
        take: Take, Words(Take::WORDS), otherwise "required with `of`", "how they are taken together";
    }

    /// `hooks`.
    pub HOOKS: Hooks = "hooks" {
        before: String, HOOK, none, "runs before each trial; configures the device when the point is a new one";
        during: String, HOOK, none,
            "runs once in each trial on real ports, while traffic goes on; disturbs the device";
        at: Share, Parsed {
            allowed: "a share of the pattern's `duration`, above 0% and below 100%",
            parse: |text| text.parse().ok().filter(|share: &Share| share.0 > 0.0 && share.0 < 1.0),
            near: |_| None,
            show: ToString::to_string,
        }, or Share(0.5), "when `during` runs";
        after: String, Line(
            1000,
            "a path, from this file's folder, or the name of a shipped hook; fabric: the reference fabric's own counters",
        ), none, "runs after each trial; prints the device's counters as JSON";
        end: String, HOOK, otherwise "`before`'s or `during`'s, where that is a shipped one",
            "runs once when the sweep ends, is stopped or fails; leaves the device as it was";
        timeout: Picos, TIMEOUTS, or Picos::from_micros(60_000_000), "how long a hook may take";
    }

    /// One of `plots`, as a map.
    pub PLOT: Plot = "plot" {
        figure: String, FIGURE, otherwise "required, or `samples`",
            "what stands on the vertical axis: the mean over the trials of a point, with its 95 % confidence interval";
        over: String, VARIED, otherwise "the first one whose values are numbers", "what stands on the horizontal axis";
        name: String, NAME, otherwise "made of the figure", "the file's name, without its extension";
        log: (bool, bool), Words(&[
            ("none", (false, false)), ("x", (true, false)), ("y", (false, true)), ("both", (true, true)),
        ]), otherwise "x where its values span a factor of 16", "axes whose scale is logarithmic";
        title: Key<String> = TITLE;
        right: String, FIGURE, none, "a second figure, by an axis on the right";
        note: String, FIGURE, none, "a figure whose value stands beside each point";
        reference: bool, Words(&[("line-rate", true)]), otherwise "none",
            "a line across the chart: the ports' line rate, for figures in GB/s";
        split: String, VARIED, none, "a chart for each of its values";
        rows: String, VARIED, none,
            "a heatmap: `over` gives its columns, this key its rows, the figure its colour";
        places: String, PLACES, none, "bars: the figure at each place of that name, a colour for each point";
        samples: Sampled, Words(Sampled::WORDS), none,
            "instead of `figure`: this one over the time of a pattern with `sample`, of the first trial of each point";
    }
}

/// Every table, for the documentation.
pub static SECTIONS: &[&dyn Section] = &[&SWEEP, &SEARCH, &GOAL, &HOOKS, &PLOT, &DERIVED, &TERM];
