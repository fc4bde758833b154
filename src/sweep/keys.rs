//! The keys of a sweep: one table for each kind of map, behind the checks, the suggestions and
//! `docs/SWEEPS.md` alike.

use crate::yaml::read::{Section, key};

/// A whole sweep.
pub const SWEEP: Section = Section {
    name: "sweep",
    keys: &[
        key("name", "one line of text", "the file's name", "name in reports"),
        key(
            "description",
            "text without control characters",
            "none",
            "the question that the sweep answers",
        ),
        key(
            "draft",
            "a section number (`8.1`)",
            "the pattern's",
            "section of the draft whose test this is",
        ),
        key(
            "pattern",
            "a path, from this file's folder, or the name of a shipped pattern",
            "required",
            "what each trial sends",
        ),
        key(
            "testbed",
            "a path, from this file's folder, or the name of a shipped testbed",
            "the pattern's, else the default testbed",
            "where",
        ),
        key(
            "set",
            "a map of a key and its value",
            "none",
            "changes of the pattern and the testbed that hold for every point",
        ),
        key(
            "vary",
            "a map of a key and a list of 1 to 10000 values",
            "none",
            "one point for each combination of the values, the last key changing fastest",
        ),
        key(
            "points",
            "a list of 1 to 10000 maps of a key and its value",
            "none",
            "the points one by one, instead of `vary`",
        ),
        key(
            "trials",
            "1 to 100000",
            "1",
            "runs of each point, each with a seed of its own",
        ),
        key(
            "seed",
            "0 to 18446744073709551615",
            "1",
            "from it the seed of each trial is derived",
        ),
        key(
            "hooks",
            "a map of before, during, at, after, end and timeout",
            "none",
            "executables that configure the device under test and read its counters",
        ),
        key(
            "expect",
            "a line or a list of lines (`lost == 0`)",
            "none",
            "what must hold of every trial, beside the pattern's own lines",
        ),
        key(
            "plots",
            "a list of marking-rate, marking-curve, latency-cdf, or maps of plot keys",
            "what the results are good for",
            "charts to draw",
        ),
        key(
            "labels",
            "a map of a varied key and its name for people",
            "the last part of the key",
            "names of what is varied, in charts and reports; an empty one leaves the key out of them",
        ),
        key(
            "derived",
            "a list of maps of derived keys",
            "none",
            "figures that follow from others, for each trial",
        ),
    ],
    inside: &[("hooks", &HOOKS)],
};

/// One of `derived`.
pub const DERIVED: Section = Section {
    name: "derived",
    keys: &[
        key(
            "name",
            "letters, digits, `-` and `_`, up to 64, beginning with a letter",
            "required",
            "the figure's name; its place is `derived`",
        ),
        key("unit", "one line of text", "`1`", "its unit"),
        key(
            "better",
            "lower, higher or neither",
            "neither",
            "which way it gets better, for `squall compare`",
        ),
        key(
            "formula",
            "an expression of the names in `let`, numbers, `+ - * / ^`, brackets and functions such as `abs` or `log2`",
            "required",
            "how it follows from them",
        ),
        key(
            "let",
            "a map of a name and a figure, or a map of term keys",
            "none",
            "what the names in the formula stand for",
        ),
    ],
    inside: &[],
};

/// One of `let`, as a map.
pub const TERM: Section = Section {
    name: "term",
    keys: &[
        key(
            "axis",
            "a key that is varied, to numbers",
            "none",
            "the value at the point, in bytes, ps, bps or percent where it has a unit",
        ),
        key(
            "figure",
            "`[where:] FIGURE[.STATISTIC]`, as in `expect`",
            "required, or `axis`",
            "a figure of the trial",
        ),
        key(
            "at",
            "a map of a varied key and its value",
            "none",
            "the figure's mean at the point that has these values, and otherwise the same",
        ),
        key(
            "of",
            "text in which `*` stands for any text (`leaf* to spine*`)",
            "none",
            "the figure at all places of that name, by `take`",
        ),
        key(
            "take",
            "max, min, mean, sum or jfi",
            "required with `of`",
            "how they are taken together",
        ),
    ],
    inside: &[],
};

/// `hooks`.
pub const HOOKS: Section = Section {
    name: "hooks",
    keys: &[
        key(
            "before",
            "a path, from this file's folder, or the name of a shipped hook",
            "none",
            "runs before each trial; configures the device when the point is a new one",
        ),
        key(
            "during",
            "a path, from this file's folder, or the name of a shipped hook",
            "none",
            "runs once in each trial on real ports, while traffic goes on; disturbs the device",
        ),
        key(
            "at",
            "a share of the pattern's `duration`, above 0% and below 100%",
            "50%",
            "when `during` runs",
        ),
        key(
            "after",
            "a path, from this file's folder, or the name of a shipped hook; fabric: the reference fabric's own counters",
            "none",
            "runs after each trial; prints the device's counters as JSON",
        ),
        key(
            "end",
            "a path, from this file's folder, or the name of a shipped hook",
            "`before`'s or `during`'s, where that is a shipped one",
            "runs once when the sweep ends, is stopped or fails; leaves the device as it was",
        ),
        key("timeout", "a time from 100ms to 1h", "60s", "how long a hook may take"),
    ],
    inside: &[],
};

/// One of `plots`, as a map.
pub const PLOT: Section = Section {
    name: "plot",
    keys: &[
        key(
            "figure",
            "`[where:] FIGURE[.STATISTIC]`, as in `expect`",
            "required, or `samples`",
            "what stands on the vertical axis: the mean over the trials of a point, with its 95 % confidence interval",
        ),
        key(
            "over",
            "a key that is varied",
            "the first one whose values are numbers",
            "what stands on the horizontal axis",
        ),
        key(
            "name",
            "letters, digits, `-` and `_`, up to 64",
            "made of the figure",
            "the file's name, without its extension",
        ),
        key(
            "log",
            "none, x, y or both",
            "x where its values span a factor of 16",
            "axes whose scale is logarithmic",
        ),
        key(
            "title",
            "one line of text",
            "made of the figure and the axis",
            "what stands above the chart",
        ),
        key("right", "a figure", "none", "a second figure, by an axis on the right"),
        key(
            "note",
            "a figure",
            "none",
            "a figure whose value stands beside each point",
        ),
        key(
            "reference",
            "line-rate",
            "none",
            "a line across the chart: the ports' line rate, for figures in GB/s",
        ),
        key(
            "split",
            "a key that is varied",
            "none",
            "a chart for each of its values",
        ),
        key(
            "rows",
            "a key that is varied",
            "none",
            "a heatmap: `over` gives its columns, this key its rows, the figure its colour",
        ),
        key(
            "places",
            "text in which `*` stands for any text (`leaf* to spine*`)",
            "none",
            "bars: the figure at each place of that name, a colour for each point",
        ),
        key(
            "samples",
            "goodput, KV_xfer_latency.p99, EP_alltoall_latency.p99, ECN_marking_rate, Link_utilization, PFC_frame_count or buffers",
            "none",
            "instead of `figure`: this one over the time of a pattern with `sample`, of the first trial of each point",
        ),
    ],
    inside: &[],
};

/// Every table, for the documentation.
pub const SECTIONS: &[&Section] = &[&SWEEP, &HOOKS, &PLOT, &DERIVED, &TERM];
