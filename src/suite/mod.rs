//! The draft's tests by their numbers: what each is, its trials, and the report of all of them.
//!
//! Contract: a test is data (`suites/`): the sweep that it is, in a profile, and what its report shows. A
//! suite's result is a function of its trials: stopped and resumed any number of times, it is the same.
//!
//! Left out on purpose: flags, signals, the terminal (`cli`); how a trial is run (`trial`, `sweep`).

pub mod assemble;
pub mod csv;
mod fit;
pub mod folder;
pub mod grids;
pub mod html;
pub mod keys;
mod load;
pub mod model;
mod remarks;
pub mod report;
mod shipped;
pub mod shown;
mod types;

use crate::yaml::key::Key;
use crate::yaml::read::Reader;
use crate::yaml::tree::Value;
use crate::yaml::{Diagnostics, Source, near};

pub use load::Asked;
pub use shipped::{ABSENT, SHIPPED};
pub use types::*;

/// The test of this number, or in this file, as `asked`.
///
/// # Errors
/// A number that there is no test of, with the reason where the draft has one; every mistake of the file.
pub fn test(name: &str, asked: &Asked) -> Result<Test, Diagnostics> {
    let Some((id, text)) = SHIPPED.iter().find(|(id, _)| *id == name) else {
        let absent = absent(ABSENT)?;
        if let Some(one) = absent.iter().find(|one| one.id == name) {
            let what = format!("{}: this test is not here. {}", one.title, one.reason);
            return Err(Diagnostics::unplaced(name, what));
        }
        let ids: Vec<&str> = SHIPPED.iter().map(|(id, _)| *id).collect();
        let hint =
            near::nearest(name, ids.iter().copied()).map_or(String::new(), |near| format!("; did you mean {near}?"));
        let what = format!("the suite has no test of this number; it has {}{hint}", ids.join(", "));
        return Err(Diagnostics::unplaced(name, what));
    };
    let source = Source {
        name: format!("suites/{id}.yaml"),
        text: (*text).to_owned(),
        overrides: Vec::new(),
        shipped: true,
    };
    load::load(&source, asked)
}

/// Reads the list of the draft's other tests.
///
/// # Errors
/// Every mistake of it.
pub fn absent(text: &str) -> Result<Vec<model::Absent>, Diagnostics> {
    let source = Source {
        name: "suites/absent.yaml".to_owned(),
        text: text.to_owned(),
        overrides: Vec::new(),
        shipped: true,
    };
    let mut findings = Vec::new();
    let root = source.tree(|_, _, _| None, &mut findings);
    let reader = Reader::new(findings);
    let mut list = Vec::new();
    if let Some(Value::List(items)) = root.as_ref().map(|root| &root.value) {
        for node in items {
            let fields = reader.fields(node, "a test", &[&keys::ABSENT]);
            let line = |key: &Key<String>| fields.get(key).unwrap_or_default();
            list.push(model::Absent {
                id: line(&keys::ABSENT.test),
                title: line(&keys::ABSENT.title),
                reason: line(&keys::ABSENT.reason),
            });
        }
    }
    if reader.clean() {
        Ok(list)
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}

// The example that the browser's test opens.
#[cfg(test)]
#[path = "../../tests/suite_kit/mod.rs"]
mod kit;
