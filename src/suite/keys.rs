//! The keys of a test of the suite, each declared once: readers, checks, suggestions and `docs/SUITE.md` follow.

use super::types::Remark;
use crate::report::model::DutId;
use crate::yaml::form::{Flag, Line, Prose, Tree, Words};
use crate::yaml::key::{Section, keys};

const SWEEP: Tree = Tree("a map of the keys of a sweep", &[&crate::sweep::keys::SWEEP]);
const SENTENCES: Tree = Tree("a list of sentences", &[]);

/// The remarks of the suite.
pub const REMARKS: &[(&str, Remark)] = &[
    ("t-dispatch", Remark::TDispatch),
    ("kv-cache", Remark::KvCache),
    ("opcode", Remark::Opcode),
];

keys! {
    /// A whole test.
    pub TEST: Test = "test" {
        test: String, Line(10, "the draft's number (`8.1`)"), required, "which test this is";
        title: String, Line::text(200), required, "its title, in the draft's words";
        dut: DutId, Words(DutId::WORDS), required, "what is under test (draft, Table 1)";
        objective: String, Prose, required, "what the test is for";
        procedure: String, Prose, required, "what is done";
        sweep: (), SWEEP, required, "what all profiles have in common; paths and names as in a sweep";
        draft: (), SWEEP, required, "what the profile `draft` adds or says instead: the draft's own parameters";
        quick: (), SWEEP, required,
            "what the profile `quick` adds or says instead; `set`, `labels` and `hooks` are added to";
        reduced: (), SENTENCES, required, "what the profile `quick` makes smaller: why its results do not conform";
        departs: (), SENTENCES, none,
            "where the test departs from the draft in every profile: why its results do not conform";
        device: (), Tree("a map of a key of the fabric and the key that takes its place", &[]), none,
            "on a testbed without `fabric`: what a hook is told instead; `null` leaves the key out";
        isolated_only: (), Tree("a list of names of traffic entries", &[]), none,
            "on a testbed with real ports that is not `isolated`: entries that are left out";
        disturbed: bool, Flag, or false,
            "on a testbed without `fabric`: whether the hook of --during disturbs the device at half time";
        undisturbed: String, Line::text(200), none,
            "on a testbed without `fabric` and without a hook of --during: why the test is not run then";
        kpis: (), Tree("a list of figures, as in `expect`; derived ones too", &[]), required,
            "the KPIs of the test; the first four are in the summary";
        tables: (), Tree("a list of maps of table keys", &[]), none, "tables in the draft's form";
        remarks: (), Tree("a list of t-dispatch, kv-cache and opcode", &[]), none,
            "where the draft contradicts itself, to be said in the report";
    }

    /// One of `tables`.
    pub TABLE: Table = "suite-table" {
        title: String, Line::text(200), required, "what stands above it";
        figures: (), Tree("a list of figures, or of maps of column keys", &[]), required,
            "its columns, after those of what is varied; a row for each point";
        split: String, Line(1000, "a key that is varied"), none, "a table for each of its values";
    }

    /// One of a table's `figures`, as a map.
    pub COLUMN: Column = "suite-column" {
        figure: String, Line(200, "a figure"), required, "what stands in it";
        name: String, Line::text(100), otherwise "the figure's name", "its head";
        words: bool, Words(&[("yes-no", true)]), otherwise "none",
            "`yes` where the figure is above zero in any trial, else `no`";
    }

    /// The draft's tests that are not here.
    pub ABSENT: Absent = "absent" {
        test: String, Line(300, "the draft's number"), required, "which test";
        title: String, Line::text(300), required, "its title";
        reason: String, Line::text(300), required, "why it is not here";
    }
}

/// Every table, for the documentation.
pub static SECTIONS: &[&dyn Section] = &[&TEST, &TABLE, &COLUMN];
