//! A test of the suite in one profile, ready to be run. `docs/SUITE.md` describes each key.

use crate::report::model::DutId;
use crate::sweep::{FigureName, Ready};

/// How large the tests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The draft's own parameters.
    Draft,
    /// Scaled down; nothing conforms.
    Quick,
}

impl Profile {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Draft => "draft",
            Profile::Quick => "quick",
        }
    }
}

/// One test.
#[derive(Debug, Clone)]
pub struct Test {
    /// Its number in the draft.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What is under test.
    pub dut: DutId,
    /// What it is for.
    pub objective: String,
    /// What is done.
    pub procedure: String,
    /// Why its results do not conform, beside what the trials say.
    pub reduced: Vec<String>,
    /// Why it cannot be run on this testbed, where that is known before its trials are looked at.
    pub not_run: Option<String>,
    /// Trials of a configuration that the draft asks for.
    pub draft_trials: usize,
    /// Its KPIs.
    pub kpis: Vec<FigureName>,
    /// Its tables.
    pub tables: Vec<TableSpec>,
    /// What is to be said of the draft.
    pub remarks: Vec<Remark>,
    /// The sweep that it is.
    pub ready: Ready,
}

/// A table in the draft's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// What stands above it.
    pub title: String,
    /// Its columns, after those of what is varied.
    pub columns: Vec<ColumnSpec>,
    /// Index of the axis that has a table for each value.
    pub split: Option<usize>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its head.
    pub name: String,
    /// What stands in it.
    pub figure: FigureName,
    /// Whether that is said as yes or no.
    pub yes_no: bool,
}

/// Where the draft contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// Table 6 against T_dispatch.
    TDispatch,
    /// Table 8 against S_KV.
    KvCache,
    /// Appendix C's opcode 0x0B.
    Opcode,
}
