//! Arguments that are a path or the name of something shipped, so that shells can complete the name.
//!
//! Contract: any text is taken; the names are suggestions.

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

use crate::{pattern, suite, sweep, testbed};

/// A path, or one of these names.
#[derive(Debug, Clone, Copy)]
pub struct Shipped(&'static [(&'static str, &'static str)]);

/// Patterns.
pub const PATTERN: Shipped = Shipped(pattern::SHIPPED);
/// Testbeds.
pub const TESTBED: Shipped = Shipped(testbed::SHIPPED);
/// Sweeps.
pub const SWEEP: Shipped = Shipped(sweep::SHIPPED);
/// Tests of the suite, by the draft's numbers.
pub const TEST: Shipped = Shipped(suite::SHIPPED);

impl Shipped {
    /// All lists, each with the commands that take a name of it as an argument of its own.
    pub const ALL: [(Shipped, &'static [&'static str]); 4] = [
        (PATTERN, &["run", "check", "craft"]),
        (TESTBED, &[]),
        (SWEEP, &["sweep"]),
        (TEST, &["suite run"]),
    ];

    /// The names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

impl TypedValueParser for Shipped {
    type Value = String;

    fn parse_ref(
        &self,
        cmd: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}
