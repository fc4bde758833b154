//! The figures that a pattern asks about: `asks`.
//!
//! Left out on purpose: how they are shown (`report::answer`).

use super::Scope;
use super::read::{line, subject};
use crate::yaml::Finding;
use crate::yaml::form::Tree;
use crate::yaml::key::Declared;
use crate::yaml::read::Fields;

/// Most figures that one pattern asks about: an answer is read at a glance.
const LIMIT: usize = 16;

/// A figure, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The line as it stands in the file.
    pub text: String,
    /// Where, as of an [`super::Expectation`]; `None`: wherever it is measured.
    pub scope: Option<Scope>,
    /// Name of the figure.
    pub figure: &'static str,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: &'static str,
}

impl Asked {
    /// Reads `[where:] FIGURE[.STATISTIC]`; `places` as in [`super::expectations`].
    ///
    /// # Errors
    /// What is wrong with it; the finding's place is the caller's to set.
    pub fn parse(text: &str, places: Option<&[&str]>) -> Result<Asked, Finding> {
        let subject = subject(text, places)?;
        Ok(Asked {
            text: text.trim().to_owned(),
            scope: subject.scope,
            figure: subject.known.name,
            statistic: subject.measure.statistic,
        })
    }
}

/// The value of a key of figures.
pub const FIGURES: Tree = Tree("`[where:] FIGURE[.STATISTIC]`, or a list of them, as in `expect`", &[]);

/// Reads the list under `key`, each item as [`Asked::parse`] has it; `places` as in [`super::expectations`].
pub fn asked(fields: &Fields<'_>, key: &dyn Declared, places: Option<&[&str]>) -> Vec<Asked> {
    let items = fields.list(key).unwrap_or_default();
    if items.len() > LIMIT {
        fields.bad(key, fields.place_of(key), &format!("a list of {}", items.len()), None);
        return Vec::new();
    }
    let mut read = Vec::new();
    for item in items {
        match line(item).and_then(|text| Asked::parse(&text, places)) {
            Ok(asked) => read.push(asked),
            Err(finding) => fields.reader().report(Finding {
                place: item.place,
                ..finding
            }),
        }
    }
    read
}
