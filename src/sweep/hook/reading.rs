//! What a hook prints: the device's counters as JSON.
//!
//! Contract: only what is known, in range and bounded goes through.

use std::collections::HashSet;

use serde::Deserialize;

use super::HookFailure;
use crate::report::model::{Device, LeftOut, Reading};

/// Most readings of one trial.
const MAX_READINGS: usize = 4096;

/// Longest name of a place.
const MAX_PLACE: usize = 200;

/// Longest text about the device, and longest reason.
const MAX_ABOUT: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    #[serde(default)]
    about: Option<String>,
    readings: Vec<Reading>,
    #[serde(default)]
    left_out: Vec<LeftOut>,
}

/// Reads what the hook called `name` printed.
pub fn device(name: &str, printed: &[u8]) -> Result<Device, HookFailure> {
    let broken = |what: String| HookFailure::Broken {
        what,
        begins: String::from_utf8_lossy(printed.get(..400).unwrap_or(printed)).into_owned(),
    };
    if printed.iter().all(u8::is_ascii_whitespace) {
        return Err(broken(
            "it printed nothing; with nothing to tell, print {\"readings\": []}".to_owned(),
        ));
    }
    let read: Printed = serde_json::from_slice(printed).map_err(|error| broken(error.to_string()))?;
    let count = read.readings.len().max(read.left_out.len());
    if count > MAX_READINGS {
        return Err(broken(format!("{count} readings, where {MAX_READINGS} are allowed")));
    }
    let clean = |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
    if read.about.as_deref().is_some_and(|about| !clean(about, MAX_ABOUT)) {
        return Err(broken(format!("`about` is no line of up to {MAX_ABOUT} characters")));
    }
    let mut places = HashSet::new();
    for (index, reading) in read.readings.iter().enumerate() {
        let at = |what: &str| broken(format!("reading {index}: {what}"));
        if reading.place.trim().is_empty() || !clean(&reading.place, MAX_PLACE) {
            return Err(at("`where` is no name of up to 200 characters"));
        }
        if !places.insert(reading.place.as_str()) {
            return Err(at(&format!(
                "`where` is {:?}, as that of another reading",
                reading.place
            )));
        }
        for (key, share) in [
            ("link_utilization_percent", reading.link_utilization_percent),
            ("cpu_percent", reading.cpu_percent),
            ("memory_percent", reading.memory_percent),
        ] {
            if share.is_some_and(|share| !(0.0..=1000.0).contains(&share)) {
                return Err(at(&format!("`{key}` is no percentage")));
            }
        }
        if reading.post_fec_ber.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err(at("`post_fec_ber` is no rate of bits from 0 to 1"));
        }
    }
    for (index, left) in read.left_out.iter().enumerate() {
        let texts = [
            (&left.place, MAX_PLACE),
            (&left.what, MAX_PLACE),
            (&left.why, MAX_ABOUT),
        ];
        if texts
            .iter()
            .any(|(text, most)| text.trim().is_empty() || !clean(text, *most))
        {
            return Err(broken(format!(
                "left_out {index}: `where`, `what` and `why` are a line of text each, the last one of up to {MAX_ABOUT} characters"
            )));
        }
    }
    Ok(Device {
        hook: name.to_owned(),
        about: read.about,
        readings: read.readings,
        left_out: read.left_out,
    })
}
