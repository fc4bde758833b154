//! The flags that say what to send and where, shared by the commands that make a plan.
//!
//! Contract: the mistakes of the pattern and of the testbed are reported together, with status 2.

use super::{Failure, shipped};
use crate::yaml::Diagnostics;
use crate::{pattern, testbed};

impl From<Diagnostics> for Failure {
    fn from(errors: Diagnostics) -> Failure {
        Failure::Input(errors.to_string())
    }
}

/// Which pattern, with what changes, on which testbed.
#[derive(Debug, Clone, clap::Args)]
pub struct Input {
    /// Pattern: a path, or the name of a shipped one
    #[arg(value_parser = shipped::PATTERN, hide_possible_values = true)]
    pub pattern: String,

    /// Testbed: a path, or the name of a shipped one [default: the pattern's, else switch]
    #[arg(long, value_name = "FILE", value_parser = shipped::TESTBED, hide_possible_values = true)]
    pub testbed: Option<String>,

    /// Seed of every random choice, instead of the pattern's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Change of the pattern: seed=7, traffic.NAME.message=1MiB, traffic.0.frame.pmtu=1024; or of the
    /// testbed: testbed.ports.0.speed=10Gbps; the value is YAML, null takes a key out; may be given
    /// more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Input {
    /// Loads both files.
    ///
    /// # Errors
    /// Every mistake of both of them.
    pub fn load(&self) -> Result<(pattern::Loaded, testbed::Loaded), Diagnostics> {
        let (of_testbed, mut of_pattern) = split(&self.set);
        of_pattern.extend(self.seed.map(|seed| format!("seed={seed}")));
        let pattern = pattern::load(&self.pattern, &of_pattern);
        let of_pattern = pattern.as_ref().ok();
        let own = self.own_testbed(of_pattern);
        let by_us = self.testbed.is_none() && (own.is_none() || of_pattern.is_some_and(|one| one.source.shipped));
        let name = own.unwrap_or(testbed::DEFAULT);
        let testbed = if by_us {
            testbed::load_named_by_us(name, &of_testbed)
        } else {
            testbed::load(name, &of_testbed)
        };
        let testbed = testbed
            .map_err(|errors| errors.placed(|_, item| item.file = item.file.replacen("--set ", "--set testbed.", 1)));
        match (pattern, testbed) {
            (Ok(pattern), Ok(testbed)) => Ok((pattern, testbed)),
            (Err(one), Err(other)) => Err(one.and(other)),
            (Err(errors), _) | (_, Err(errors)) => Err(errors),
        }
    }

    /// Path or name of the testbed that `pattern` runs on.
    #[must_use]
    pub fn testbed_of<'a>(&'a self, pattern: &'a pattern::Loaded) -> &'a str {
        self.own_testbed(Some(pattern)).unwrap_or(testbed::DEFAULT)
    }

    /// The testbed that somebody named.
    fn own_testbed<'a>(&'a self, pattern: Option<&'a pattern::Loaded>) -> Option<&'a str> {
        let of_pattern = pattern.and_then(|pattern| pattern.pattern.testbed.as_deref());
        self.testbed.as_deref().or(of_pattern)
    }
}

/// Changes of the testbed, without their prefix, and those of the pattern.
fn split(set: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut of_testbed, mut of_pattern) = (Vec::new(), Vec::new());
    for change in set {
        match change.trim_start().strip_prefix(testbed::PREFIX) {
            Some(rest) => of_testbed.push(rest.to_owned()),
            None => of_pattern.push(change.clone()),
        }
    }
    (of_testbed, of_pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(pattern: &str, testbed: &str, set: &[&str]) -> Input {
        Input {
            pattern: pattern.to_owned(),
            testbed: Some(testbed.to_owned()),
            seed: Some(9),
            set: set.iter().map(|set| (*set).to_owned()).collect(),
        }
    }

    #[test]
    fn the_seed_flag_goes_before_everything_else() {
        let (pattern, testbed) = input("first-look", "ring", &["seed=7"])
            .load()
            .expect("both are shipped");
        assert_eq!((pattern.pattern.seed, testbed.testbed.name.as_str()), (9, "ring"));
        assert_eq!(pattern.source.overrides, ["seed=7", "seed=9"]);
    }

    #[test]
    fn a_pattern_names_the_testbed_that_it_was_made_for_and_the_flag_goes_before_it() {
        let of = |pattern: &str, testbed: Option<&str>| {
            let mut input = input(pattern, "", &[]);
            input.testbed = testbed.map(str::to_owned);
            input.load().expect("all are shipped").1.testbed.name
        };
        assert_eq!(of("link-failure", None), "link-failure");
        assert_eq!(of("link-failure", Some("switch")), "switch");
        assert_eq!(of("ecn-incast", None), testbed::DEFAULT);
    }

    #[test]
    fn mistakes_of_both_files_come_together_with_status_2() {
        let failure: Failure = input("fist-look", "rings", &[])
            .load()
            .expect_err("neither is there")
            .into();
        assert_eq!(failure.status(), 2);
        let text = failure.to_string();
        assert!(text.starts_with("2 mistakes\n"), "{text}");
        assert!(
            text.contains("did you mean `first-look`?") && text.contains("did you mean `ring`?"),
            "{text}"
        );
        let failure = input("first-look", "ring", &["sed=1"]).load().expect_err("no such key");
        assert!(
            failure.to_string().starts_with("--set sed=1: unknown key `sed`"),
            "{failure}"
        );
    }

    #[test]
    fn keys_of_the_testbed_are_set_beside_those_of_the_pattern() {
        let set = ["testbed.ports.loop.speed=10Gbps", "seed=3", "testbed.isolated=true"];
        let (pattern, testbed) = input("first-look", "ring", &set).load().expect("both are shipped");
        assert_eq!(
            testbed.testbed.ports[0].speed,
            Some(crate::units::BitRate(10_000_000_000))
        );
        assert!(testbed.testbed.isolated);
        assert_eq!(pattern.source.overrides, ["seed=3", "seed=9"]);
        let failure = input("first-look", "ring", &["testbed.ports.0.sped=1Gbps"]).load();
        let text = failure.expect_err("no such key").to_string();
        assert!(
            text.starts_with("--set testbed.ports.0.sped=1Gbps: unknown key `sped`"),
            "{text}"
        );
    }
}
