//! Where a mistake is, what it is, and how all of them are printed.
//!
//! Contract: a [`Diagnostic`] is complete in itself, so that those of a pattern and of a testbed
//! can be printed together; text from the input is printed without its control characters.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use saphyr_parser::Marker;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::set::{self, Label};
use super::tree::{self, Node};
use super::{MAX_FINDINGS, MAX_TEXT};
use crate::files;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line and column, both from 1; the column counts characters.
    Text {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// The n-th `--set`, from 0.
    Override(usize),
}

impl Place {
    /// Where a text begins.
    pub const START: Place = Place::Text { line: 1, column: 1 };
}

/// A mistake, not yet tied to the text that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What is allowed, when that can be said in a line.
    pub allowed: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Finding {
    /// A mistake with nothing to add.
    #[must_use]
    pub fn new(place: Place, what: impl Into<String>) -> Finding {
        Finding {
            place,
            what: what.into(),
            allowed: None,
            suggestion: None,
        }
    }

    /// The same with what is allowed.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Finding {
        self.allowed = Some(allowed.into());
        self
    }

    /// The same with what was probably meant, if anything.
    #[must_use]
    pub fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Finding {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

/// A text and the overrides that go with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Name for messages: the path as the user typed it.
    pub name: String,
    /// The text.
    pub text: String,
    /// `--set` values, in order, as typed.
    pub overrides: Vec<String>,
    /// The text came with squall, and so does what it names.
    pub shipped: bool,
}

impl Source {
    /// Reads a file of at most [`MAX_TEXT`] bytes of UTF-8.
    ///
    /// # Errors
    /// One diagnostic when it cannot be read, is too long, or is not text.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Source, Diagnostics> {
        let mut source = Source {
            name: path.display().to_string(),
            text: String::new(),
            overrides: overrides.to_vec(),
            shipped: false,
        };
        if path.as_os_str().is_empty() {
            return Err(Diagnostics::unplaced("\"\"", "a file's name is missing here"));
        }
        let bytes = match files::read_named(path, MAX_TEXT as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                let what = format!("the file is longer than {MAX_TEXT} bytes");
                return Err(Diagnostics::unplaced(&source.name, what));
            }
            Err(error) => {
                let what = format!("the file cannot be read: {error}");
                return Err(Diagnostics::unplaced(&source.name, what));
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                source.text = text;
                Ok(source)
            }
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                source.text = String::from_utf8_lossy(bytes.get(..good).unwrap_or_default()).into_owned();
                let line = source.text.matches('\n').count() + 1;
                let column = source.text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
                let what = "the file is not UTF-8 text from here on";
                Err(source.diagnostics(vec![Finding::new(Place::Text { line, column }, what)]))
            }
        }
    }

    /// The text as a tree, overrides applied; `label` names elements of lists in overrides.
    /// Mistakes go to `findings`; `None` when the text cannot be understood.
    pub fn tree(&self, label: Label, findings: &mut Vec<Finding>) -> Option<Node> {
        let place = |mark: &Marker| Place::Text {
            line: mark.line().max(1),
            column: mark.col() + 1,
        };
        let mut root = if self.text.len() > MAX_TEXT {
            findings.push(Finding::new(
                Place::START,
                format!("the text is longer than {MAX_TEXT} bytes"),
            ));
            None
        } else {
            tree::parse(&self.text, place, findings)
        }?;
        for (index, text) in self.overrides.iter().enumerate() {
            set::apply(&mut root, index, text, label, findings);
        }
        Some(root)
    }

    /// SHA-256 of the text in lower-case hexadecimal; overrides are not part of it.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(self.text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The file's name without folder and extension.
    #[must_use]
    pub fn stem(&self) -> String {
        let stem = Path::new(&self.name).file_stem();
        stem.map_or_else(|| self.name.clone(), |stem| stem.to_string_lossy().into_owned())
    }

    /// Findings as diagnostics, in the order of the text, each once.
    #[must_use]
    pub fn diagnostics(&self, mut findings: Vec<Finding>) -> Diagnostics {
        findings.sort_by(|a, b| (a.place, &a.what).cmp(&(b.place, &b.what)));
        findings.dedup();
        let more = findings.len().saturating_sub(MAX_FINDINGS);
        findings.truncate(MAX_FINDINGS);
        let items = findings.into_iter().map(|finding| self.diagnostic(finding)).collect();
        Diagnostics { items, more }
    }

    /// Places `item` at `place` of this text.
    pub fn place(&self, item: &mut Diagnostic, place: Place) {
        let there = self.diagnostic(Finding::new(place, ""));
        (item.file, item.position, item.excerpt) = (there.file, there.position, there.excerpt);
        item.change = there.change;
    }

    fn diagnostic(&self, finding: Finding) -> Diagnostic {
        let (file, position, change) = match finding.place {
            Place::Text { line, column } => (self.name.clone(), Some((line, column)), None),
            Place::Override(index) => {
                let typed = self.overrides.get(index).map_or("", String::as_str);
                (format!("--set {}", shown(typed, 100)), None, Some(index))
            }
        };
        Diagnostic {
            excerpt: position.and_then(|(line, column)| Excerpt::cut(&self.text, line, column)),
            file,
            position,
            change,
            what: finding.what,
            allowed: finding.allowed,
            suggestion: finding.suggestion,
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the user named it, or `--set key=value`.
    pub file: String,
    /// Line and column from 1; `None` for an override or a file that cannot be read.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub what: String,
    /// What is allowed.
    pub allowed: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
    /// The line that it is in.
    pub excerpt: Option<Excerpt>,
    /// Which override it is in, counted from 0.
    pub change: Option<usize>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.what)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        Ok(())
    }
}

/// The line that a mistake is in, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    line: usize,
    text: String,
    caret: usize,
}

impl Excerpt {
    /// Characters before and after the mistake that are shown.
    const AROUND: usize = 70;

    fn cut(text: &str, line: usize, column: usize) -> Option<Excerpt> {
        let whole = text.lines().nth(line.checked_sub(1)?)?;
        let before = column.saturating_sub(1);
        let skip = before.saturating_sub(Excerpt::AROUND);
        let shown: String = whole.chars().skip(skip).take(2 * Excerpt::AROUND).map(plain).collect();
        let text = shown.trim_end().to_owned();
        (!text.is_empty()).then_some(Excerpt {
            line,
            text,
            caret: before - skip,
        })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>6} | {}", self.line, self.text)?;
        write!(f, "       | {:caret$}^", "", caret = self.caret)
    }
}

/// A character that a terminal shows as one column and does not obey.
fn plain(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Text from the input for a message: at most `limit` characters, no control characters.
#[must_use]
pub fn shown(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).map(plain).collect();
    if short.len() < text.len() && text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

/// All mistakes of one or more texts; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// In the order of the text.
    pub items: Vec<Diagnostic>,
    /// Mistakes beyond [`MAX_FINDINGS`], which are only counted.
    pub more: usize,
}

impl Diagnostics {
    /// One mistake that no position goes with.
    #[must_use]
    pub fn unplaced(file: &str, what: impl Into<String>) -> Diagnostics {
        let diagnostic = Diagnostic {
            file: shown(file, 300),
            position: None,
            what: what.into(),
            allowed: None,
            suggestion: None,
            excerpt: None,
            change: None,
        };
        Diagnostics {
            items: vec![diagnostic],
            more: 0,
        }
    }

    /// These mistakes and those of another text.
    #[must_use]
    pub fn and(mut self, other: Diagnostics) -> Diagnostics {
        self.items.extend(other.items);
        self.more += other.more;
        self
    }

    /// The same, each mistake that is in an override placed by `place`: overrides that were not typed
    /// as `--set` stand somewhere else.
    #[must_use]
    pub fn placed(mut self, place: impl Fn(usize, &mut Diagnostic)) -> Diagnostics {
        for item in &mut self.items {
            if let Some(change) = item.change {
                place(change, item);
            }
        }
        self
    }

    /// The same, each mistake once.
    #[must_use]
    pub fn distinct(mut self) -> Diagnostics {
        let mut seen = Vec::new();
        for item in std::mem::take(&mut self.items) {
            if !seen.contains(&item) {
                seen.push(item);
            }
        }
        self.more += seen.len().saturating_sub(MAX_FINDINGS);
        seen.truncate(MAX_FINDINGS);
        self.items = seen;
        self
    }

    /// What is wrong, without the places, on one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut whats: Vec<&str> = self.items.iter().map(|item| item.what.as_str()).collect();
        whats.dedup();
        whats.join("; ")
    }

    /// How many mistakes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.items.len() + self.more
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([only], 0) = (self.items.as_slice(), self.more) {
            return write!(f, "{only}");
        }
        write!(f, "{} mistakes", self.count())?;
        for item in &self.items {
            write!(f, "\n{item}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            name: "dir/a.yaml".into(),
            text: text.into(),
            overrides: vec!["x=\u{1b}[31m".into()],
            shipped: false,
        }
    }

    #[test]
    fn a_mistake_is_printed_with_its_line_and_a_caret() {
        let finding = Finding::new(Place::Text { line: 2, column: 3 }, "`b` is 5")
            .allowed("1 to 4")
            .suggest(Some("4"));
        assert_eq!(
            source("a: 1\n  b: 5\n").diagnostics(vec![finding]).to_string(),
            "dir/a.yaml:2:3: `b` is 5; allowed: 1 to 4; did you mean `4`?\n     2 |   b: 5\n       |   ^"
        );
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_text_each_once_overrides_last() {
        let at = |line| Place::Text { line, column: 1 };
        let findings = vec![
            Finding::new(Place::Override(0), "o"),
            Finding::new(at(3), "three"),
            Finding::new(at(1), "one"),
            Finding::new(at(3), "three"),
        ];
        let text = source("1\n2\n3\n").diagnostics(findings).to_string();
        let expected = "3 mistakes\ndir/a.yaml:1:1: one\n     1 | 1\n       | ^\n\
                        dir/a.yaml:3:1: three\n     3 | 3\n       | ^\n--set x=\u{fffd}[31m: o";
        assert_eq!(text, expected);
    }

    #[test]
    fn only_so_many_are_kept_but_all_are_counted() {
        let findings = (0..MAX_FINDINGS + 7)
            .map(|i| Finding::new(Place::START, format!("mistake {i}")))
            .collect();
        let diagnostics = source("").diagnostics(findings);
        assert_eq!(diagnostics.items.len(), MAX_FINDINGS);
        assert_eq!(diagnostics.count(), MAX_FINDINGS + 7);
        assert!(diagnostics.to_string().ends_with("and 7 more"));
    }

    #[test]
    fn the_digest_is_that_of_the_text() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            source("abc").sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_mistake() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Excerpt::cut(&text, 1, 501).expect("there is such a line");
        assert_eq!(excerpt.text.chars().nth(excerpt.caret), Some('X'));
        assert!(excerpt.text.len() <= 2 * Excerpt::AROUND);
    }
}
