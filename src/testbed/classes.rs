//! `dscp_to_priority`, `pcp_to_priority` and `trust`: by what the network puts frames into classes.
//!
//! Contract: what a map does not name is as in `standard`, or as its `default` says. [`dscp_map`] and
//! [`pcp_map`] spell a map as it can be read again.
//!
//! Left out on purpose: what the maps mean for a frame (`wire::class`).

use super::keys::TESTBED;
use crate::wire::class::{DscpMap, Maps, PRIORITIES, PcpMap, SONIC_DSCP, SONIC_PCP, STANDARD_DSCP, STANDARD_PCP};
use crate::yaml::key::Form;
use crate::yaml::read::{At, Fields, parse_int};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{near, shown};

/// The maps that have a name.
pub const DSCP_MAPS: [(&str, DscpMap); 2] = [("standard", STANDARD_DSCP), ("sonic", SONIC_DSCP)];

/// The same for PCP.
pub const PCP_MAPS: [(&str, PcpMap); 2] = [("standard", STANDARD_PCP), ("sonic", SONIC_PCP)];

/// The key under which a map says what all that it does not name is.
const DEFAULT: &str = "default";

/// `outer`'s maps.
pub(super) fn read(outer: &Fields<'_>) -> Maps {
    Maps {
        dscp: outer.get(&TESTBED.dscp_to_priority),
        pcp: outer.get(&TESTBED.pcp_to_priority),
        trust: outer.get(&TESTBED.trust),
    }
}

/// A name, or a map of code points and ranges of them, which are called so, to priorities.
pub(super) struct ClassMap<const N: usize>(pub &'static str, pub &'static [(&'static str, [u8; N])]);

impl<const N: usize> Form<[u8; N]> for ClassMap<N> {
    fn allowed(&self) -> String {
        let names: Vec<&str> = self.1.iter().map(|(name, _)| *name).collect();
        format!(
            "{}, or a map of {} to 0 to {}",
            names.join(", "),
            self.0,
            PRIORITIES - 1
        )
    }
    fn read(&self, at: At<'_, '_>) -> Option<[u8; N]> {
        map(at, self.1)
    }
    fn show(&self, map: &[u8; N]) -> String {
        spelled(map, self.1)
    }
}

fn map<const N: usize>(at: At<'_, '_>, names: &[(&'static str, [u8; N])]) -> Option<[u8; N]> {
    let (outer, key) = (at.fields, at.key);
    let Value::Map(entries) = &at.node.value else {
        return at.word(names);
    };
    let named = |text: &str| names.iter().find(|(name, _)| *name == text).map(|(_, map)| *map);
    let bad = |node: &Node, what: &str, suggestion: Option<String>| {
        let found = node
            .text()
            .map_or_else(|| node.is_a().to_owned(), |text| format!("`{}`", shown(text, 60)));
        outer.bad(key, node.place, &format!("a map with {found} {what}"), suggestion);
    };
    let mut base = named("standard")?;
    let mut said: [Option<u8>; N] = [None; N];
    for (name, value) in entries {
        let priority = value.text().and_then(priority);
        if name.text == DEFAULT {
            match priority.map(|all| [all; N]).or_else(|| named(value.text()?)) {
                Some(map) => base = map,
                None => {
                    let words = names.iter().map(|(name, _)| *name);
                    let suggestion = value.text().and_then(|text| near::nearest(text, words));
                    bad(value, "as its default", suggestion.map(str::to_owned));
                }
            }
            continue;
        }
        let Some((first, last)) = range::<N>(&name.text) else {
            let found = format!("a map with `{}` as a key", shown(&name.text, 60));
            let suggestion = near::nearest(&name.text, [DEFAULT]).map(str::to_owned);
            outer.bad(key, name.place, &found, suggestion.or_else(|| reversed(&name.text)));
            continue;
        };
        if priority.is_none() {
            bad(value, &format!("for {}", name.text), None);
        }
        for (place, point) in said[first..=last].iter_mut().zip(first..) {
            if place.is_some() {
                outer.bad(key, name.place, &format!("a map with {point} in it twice"), None);
                break;
            }
            // What is wrong is there too, and reported already.
            *place = priority.or(Some(0));
        }
    }
    for (priority, said) in base.iter_mut().zip(said) {
        *priority = said.unwrap_or(*priority);
    }
    Some(base)
}

fn priority(text: &str) -> Option<u8> {
    let priority = parse_int(text.trim()).and_then(|priority| u8::try_from(priority).ok())?;
    (priority < PRIORITIES).then_some(priority)
}

/// `3` or `8-15`, below N.
fn range<const N: usize>(text: &str) -> Option<(usize, usize)> {
    let point = |text: &str| usize::try_from(parse_int(text)?).ok().filter(|point| *point < N);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (point(first)?, point(last)?);
    (first <= last).then_some((first, last))
}

/// `7-0` was meant as `0-7`.
fn reversed(text: &str) -> Option<String> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (parse_int(first)?, parse_int(last)?);
    (first > last).then(|| format!("{last}-{first}"))
}

/// A DSCP map as a testbed says it: its name, or a map in YAML.
#[must_use]
pub fn dscp_map(map: &DscpMap) -> String {
    spelled(map, &DSCP_MAPS)
}

/// The same for a PCP map.
#[must_use]
pub fn pcp_map(map: &PcpMap) -> String {
    spelled(map, &PCP_MAPS)
}

fn spelled<const N: usize>(map: &[u8; N], names: &[(&str, [u8; N])]) -> String {
    if let Some((name, _)) = names.iter().find(|(_, named)| named == map) {
        return (*name).to_owned();
    }
    let count = |priority: u8| map.iter().filter(|other| **other == priority).count();
    let usual = (0..PRIORITIES)
        .rev()
        .max_by_key(|priority| count(*priority))
        .unwrap_or(0);
    let mut parts = vec![format!("{DEFAULT}: {usual}")];
    let mut point = 0;
    for run in map.chunk_by(|one, next| one == next) {
        let last = point + run.len() - 1;
        match run[0] {
            priority if priority == usual => {}
            priority if point == last => parts.push(format!("{point}: {priority}")),
            priority => parts.push(format!("{point}-{last}: {priority}")),
        }
        point = last + 1;
    }
    format!("{{{}}}", parts.join(", "))
}
