//! The keys of a test of the suite: one table for each kind of map, behind the checks, the suggestions and
//! `docs/SUITE.md` alike.

use crate::yaml::read::{Section, key};

/// A whole test.
pub const TEST: Section = Section {
    name: "test",
    keys: &[
        key("test", "the draft's number (`8.1`)", "required", "which test this is"),
        key(
            "title",
            "one line of text",
            "required",
            "its title, in the draft's words",
        ),
        key(
            "dut",
            "DUT-S or DUT-F",
            "required",
            "what is under test (draft, Table 1)",
        ),
        key(
            "objective",
            "text without control characters",
            "required",
            "what the test is for",
        ),
        key(
            "procedure",
            "text without control characters",
            "required",
            "what is done",
        ),
        key(
            "sweep",
            "a map of the keys of a sweep",
            "required",
            "what all profiles have in common; paths and names as in a sweep",
        ),
        key(
            "draft",
            "a map of the keys of a sweep",
            "required",
            "what the profile `draft` adds or says instead: the draft's own parameters",
        ),
        key(
            "quick",
            "a map of the keys of a sweep",
            "required",
            "what the profile `quick` adds or says instead; `set`, `labels` and `hooks` are added to",
        ),
        key(
            "reduced",
            "a list of sentences",
            "required",
            "what the profile `quick` makes smaller: why its results do not conform",
        ),
        key(
            "departs",
            "a list of sentences",
            "none",
            "where the test departs from the draft in every profile: why its results do not conform",
        ),
        key(
            "device",
            "a map of a key of the fabric and the key that takes its place",
            "none",
            "on a testbed without `fabric`: what a hook is told instead; `null` leaves the key out",
        ),
        key(
            "isolated_only",
            "a list of names of traffic entries",
            "none",
            "on a testbed with real ports that is not `isolated`: entries that are left out",
        ),
        key(
            "disturbed",
            "true or false",
            "false",
            "on a testbed without `fabric`: whether the hook of --during disturbs the device at half time",
        ),
        key(
            "undisturbed",
            "a line of text",
            "none",
            "on a testbed without `fabric` and without a hook of --during: why the test is not run then",
        ),
        key(
            "kpis",
            "a list of figures, as in `expect`; derived ones too",
            "required",
            "the KPIs of the test; the first four are in the summary",
        ),
        key(
            "tables",
            "a list of maps of table keys",
            "none",
            "tables in the draft's form",
        ),
        key(
            "remarks",
            "a list of t-dispatch, kv-cache and opcode",
            "none",
            "where the draft contradicts itself, to be said in the report",
        ),
    ],
    inside: &[],
};

/// One of `tables`.
pub const TABLE: Section = Section {
    name: "suite-table",
    keys: &[
        key("title", "one line of text", "required", "what stands above it"),
        key(
            "figures",
            "a list of figures, or of maps of column keys",
            "required",
            "its columns, after those of what is varied; a row for each point",
        ),
        key(
            "split",
            "a key that is varied",
            "none",
            "a table for each of its values",
        ),
    ],
    inside: &[],
};

/// One of a table's `figures`, as a map.
pub const COLUMN: Section = Section {
    name: "suite-column",
    keys: &[
        key("figure", "a figure", "required", "what stands in it"),
        key("name", "one line of text", "the figure's name", "its head"),
        key(
            "words",
            "yes-no",
            "none",
            "`yes` where the figure is above zero in any trial, else `no`",
        ),
    ],
    inside: &[],
};

/// The draft's tests that are not here.
pub const ABSENT: Section = Section {
    name: "absent",
    keys: &[
        key("test", "the draft's number", "required", "which test"),
        key("title", "one line of text", "required", "its title"),
        key("reason", "one line of text", "required", "why it is not here"),
    ],
    inside: &[],
};

/// Every table, for the documentation.
pub const SECTIONS: &[&Section] = &[&TEST, &TABLE, &COLUMN];
