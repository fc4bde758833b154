//! Patterns, testbeds and sweeps from hostile text, with hostile `--set` arguments.
//!
//! The input is the text, and after each NUL byte an override.

#![no_main]

use libfuzzer_sys::fuzz_target;
use squall::yaml::Diagnostics;
use squall::{pattern, sweep, testbed};

/// Every refusal says something, and nothing that a terminal would obey.
fn check<T>(parsed: Result<T, Diagnostics>) {
    if let Err(errors) = parsed {
        let text = errors.to_string();
        assert!(!text.is_empty());
        let obeyed = text.chars().find(|c| c.is_control() && *c != '\n');
        assert!(obeyed.is_none(), "{obeyed:?} in {text:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let mut parts = input.split('\0');
    let text = parts.next().unwrap_or_default();
    let overrides: Vec<String> = parts.map(str::to_owned).collect();
    check(pattern::parse("fuzz.yaml", text, &overrides));
    check(testbed::parse("fuzz.yaml", text, &overrides));
    check(sweep::parse("fuzz.yaml", text));
});
