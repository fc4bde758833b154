//! `--json`, `--junit` and the annotations of CI services: what programs read of a command.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::{Failure, Outcome, say};
use crate::report::checks::Checks;
use crate::report::{self, WriteError};

/// Failed checks that get an annotation: GitHub shows ten of a step.
const ANNOTATIONS: usize = 10;

/// The flags.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Told {
    /// Print the results as JSON, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub junit: Junit,
}

/// `--junit`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Junit {
    /// Write what was checked as JUnit XML, for CI services: each expectation is a test case
    #[arg(long = "junit", value_name = "FILE")]
    file: Option<PathBuf>,

    #[arg(skip)]
    told: Cell<bool>,
}

impl Junit {
    /// Writes the file, and annotations where a service shows them.
    ///
    /// # Errors
    /// [`Failure::Environment`]: the file cannot be written.
    pub fn tell(&self, checks: &Checks) -> Outcome {
        if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") {
            for (group, name, why) in checks.failed().take(ANNOTATIONS) {
                say(&annotation(group, name, why));
            }
        }
        self.told.set(true);
        let Some(file) = &self.file else { return Ok(()) };
        let text = checks
            .to_junit()
            .map_err(|why| Failure::Environment(format!("--junit {}: {why}", file.display())))?;
        write(file, &text).map_err(|error| Failure::Environment(format!("--junit {error}")))
    }

    /// The same for a command that ended with `outcome` before anything was told: CI is to see more than that a file
    /// is missing.
    ///
    /// # Errors
    /// `outcome`'s.
    pub fn end(&self, name: &str, outcome: Outcome) -> Outcome {
        if let (Err(failure), false) = (&outcome, self.told.get()) {
            self.tell(&Checks::of_failure(name, &failure.to_string()))?;
        }
        outcome
    }
}

fn write(file: &Path, text: &str) -> Result<(), WriteError> {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    report::write_file(folder.unwrap_or(Path::new(".")), &name, text.as_bytes()).map(|_| ())
}

/// GitHub's workflow command for an error.
fn annotation(group: &str, name: &str, why: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::error title={}::{}", property(&format!("{group}: {name}")), data(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_whatever_it_says() {
        assert_eq!(
            annotation("a,b", "traffic: lost == 0", "3 % of\n12 lost"),
            "::error title=a%2Cb%3A traffic%3A lost == 0::3 %25 of%0A12 lost"
        );
    }
}
