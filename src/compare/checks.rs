//! A comparison as checks: a figure that got worse is a test that failed.

use super::model::{Comparison, Finding};
use super::shown::summary;
use crate::report::checks::{Check, Checks, Ended, Group};
use crate::units::shown::quantity;

impl Comparison {
    /// Each figure that differs, and those that are the same as far as they are listed. `worse`, `changed`: whether those
    /// figures have failed.
    #[must_use]
    pub fn checks(&self, worse: bool, changed: bool) -> Checks {
        let all = Check {
            name: summary(self),
            ended: Ended::Met,
        };
        let listed = [
            (&self.worse, worse),
            (&self.changed, changed),
            (&self.better, false),
            (&self.listed_same, false),
        ];
        let each = listed
            .into_iter()
            .flat_map(|(findings, fails)| findings.iter().map(move |finding| check(finding, fails)));
        Checks {
            name: "squall compare".to_owned(),
            groups: vec![Group {
                name: format!("{} against {}", self.b, self.a),
                checks: std::iter::once(all).chain(each).collect(),
                notes: self.warnings.clone(),
            }],
        }
    }
}

fn check(finding: &Finding, fails: bool) -> Check {
    let at = &finding.at;
    let test = at.test.as_ref().map_or(String::new(), |test| format!("test {test}, "));
    let configuration = match at.configuration.as_str() {
        "" => String::new(),
        text => format!("{text}, "),
    };
    let value = |mean: f64| quantity(mean, &at.unit);
    let percent = finding
        .difference_percent
        .map_or(String::new(), |percent| format!(" ({percent:+.3} %)"));
    Check {
        name: format!("{test}{configuration}{}: {}", at.place, at.figure),
        ended: if fails {
            Ended::Unmet(format!(
                "{}, and was {}{percent}",
                value(finding.b.mean),
                value(finding.a.mean)
            ))
        } else {
            Ended::Met
        },
    }
}
