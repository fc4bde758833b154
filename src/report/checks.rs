//! What was checked, as CI services want to know it: each check by name, and how it ended.
//!
//! Contract: a check that was not met, or could not be made, says why in words that need nothing else. The form is
//! JUnit's, as Jenkins, GitLab and GitHub's actions read it; no times are told, so that the same results are the same bytes.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::model::{Expected, Results};

/// Everything that one command has checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checks {
    /// What was run.
    pub name: String,
    /// By run, test of a suite, or comparison.
    pub groups: Vec<Group>,
}

/// Checks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The checks.
    pub checks: Vec<Check>,
    /// What else was seen, a line each.
    pub notes: Vec<String>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is checked, and of which configuration.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Met,
    /// What was measured is not what was expected.
    Unmet(String),
    /// Nothing could be measured.
    Broken(String),
    /// It was left out.
    Skipped(String),
}

impl Check {
    /// A check of one line at one place.
    #[must_use]
    pub fn of_line(expected: &Expected) -> Check {
        Check {
            name: line_of(expected),
            ended: if expected.met {
                Ended::Met
            } else {
                Ended::Unmet(expected.to_string())
            },
        }
    }
}

/// An expectation and its place.
#[must_use]
pub fn line_of(expected: &Expected) -> String {
    match &expected.place {
        Some(place) => format!("{} ({place})", expected.text),
        None => expected.text.clone(),
    }
}

impl Checks {
    /// Those of a single run.
    #[must_use]
    pub fn of_run(results: &Results) -> Checks {
        let whole = Check {
            name: "the run is whole".to_owned(),
            ended: match &results.run.interrupted_by {
                Some(cause) => Ended::Broken(format!("it ended early: {cause}")),
                None => Ended::Met,
            },
        };
        let lines = results.expectations.iter().map(Check::of_line);
        let notes = results.anomalies.iter();
        Checks {
            name: "squall run".to_owned(),
            groups: vec![Group {
                name: results.run.name.clone(),
                checks: std::iter::once(whole).chain(lines).collect(),
                notes: notes
                    .map(|anomaly| format!("{}: {}: {}", anomaly.kind.name(), anomaly.place, anomaly.text))
                    .collect(),
            }],
        }
    }

    /// Those of a command that failed before it could check anything.
    #[must_use]
    pub fn of_failure(name: &str, why: &str) -> Checks {
        Checks {
            name: name.to_owned(),
            groups: vec![Group {
                name: name.to_owned(),
                checks: vec![Check {
                    name: name.to_owned(),
                    ended: Ended::Broken(why.to_owned()),
                }],
                notes: Vec::new(),
            }],
        }
    }

    /// What did not end as it should: group, check, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let each = self
            .groups
            .iter()
            .flat_map(|group| group.checks.iter().map(move |check| (group, check)));
        each.filter_map(|(group, check)| match &check.ended {
            Ended::Unmet(why) | Ended::Broken(why) => Some((group.name.as_str(), check.name.as_str(), why.as_str())),
            Ended::Met | Ended::Skipped(_) => None,
        })
    }

    /// As JUnit's XML.
    ///
    /// # Errors
    /// Text that cannot be written as XML, which there is none of.
    pub fn to_junit(&self) -> Result<String, String> {
        let mut report = Report::new(self.name.as_str());
        for group in &self.groups {
            let mut suite = TestSuite::new(group.name.as_str());
            for check in &group.checks {
                let status = match &check.ended {
                    Ended::Met => TestCaseStatus::success(),
                    Ended::Unmet(why) => non_success(NonSuccessKind::Failure, why),
                    Ended::Broken(why) => non_success(NonSuccessKind::Error, why),
                    Ended::Skipped(why) => {
                        let mut status = TestCaseStatus::skipped();
                        status.set_message(why.as_str());
                        status
                    }
                };
                let mut case = TestCase::new(check.name.as_str(), status);
                case.set_classname(group.name.as_str());
                suite.add_test_case(case);
            }
            if !group.notes.is_empty() {
                suite.set_system_out(group.notes.join("\n"));
            }
            report.add_test_suite(suite);
        }
        report.to_string().map_err(|error| error.to_string())
    }
}

fn non_success(kind: NonSuccessKind, why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_message(why.lines().next().unwrap_or_default())
        .set_description(why);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_element_and_hostile_text_is_text() {
        let check = |name: &str, ended| Check {
            name: name.to_owned(),
            ended,
        };
        let checks = Checks {
            name: "squall run".to_owned(),
            groups: vec![Group {
                name: "a <b> & \"c\"".to_owned(),
                checks: vec![
                    check("met", Ended::Met),
                    check("lost == 0", Ended::Unmet("<3 frames>\nin all".to_owned())),
                    check("broken", Ended::Broken("no \u{1b}[31mport".to_owned())),
                    check("left out", Ended::Skipped("no PFC".to_owned())),
                ],
                notes: vec!["loss: ]]> </testsuite>".to_owned()],
            }],
        };
        let xml = checks.to_junit().unwrap();
        for count in ["tests=\"4\"", "failures=\"1\"", "errors=\"1\"", "skipped=\"1\""] {
            assert_eq!(xml.matches(count).count(), 2, "{xml}");
        }
        assert!(xml.contains("message=\"&lt;3 frames&gt;\""), "{xml}");
        assert!(xml.contains("<skipped message=\"no PFC\"/>"), "{xml}");
        assert!(
            !xml.contains('\u{1b}') && xml.matches("</testsuite>").count() == 1,
            "{xml}"
        );
        assert_eq!(
            checks.failed().map(|(_, name, _)| name).collect::<Vec<_>>(),
            ["lost == 0", "broken"]
        );
    }
}
