//! What the lab is: DPDK ports, cores, placement of workers on ports, addresses, and the switch
//! under test.
//!
//! Contract: a [`Testbed`] that exists is consistent in itself. Loading reports every mistake at
//! once, each with file, line and column.
//!
//! Left out on purpose: traffic, and anything that needs DPDK to answer (link speed, offloads).

pub mod about;
pub mod classes;
mod device;
mod eal_args;
mod fabric;
pub mod keys;
mod keys_fabric;
mod keys_peers;
mod peers;
pub mod places;
mod read;
mod read_fabric;
mod read_network;
mod shipped;
mod types;

use std::path::Path;

use crate::yaml::read::Reader;
use crate::yaml::{self, Diagnostics, Source};

pub use fabric::*;
pub use peers::{Peer, PeerQp};
pub use shipped::{DEFAULT, SHIPPED};
pub use types::*;

/// A testbed with what a report says of its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The testbed, overrides applied.
    pub testbed: Testbed,
    /// Where it came from: name, text, overrides.
    pub source: Source,
}

/// What stands before a testbed's key where keys of the pattern are meant otherwise, as in `--set`.
pub const PREFIX: &str = "testbed.";

/// Loads the file `testbed`, or the shipped testbed of that name when there is no such file;
/// `overrides` are `key=value` as in patterns (`ports.left.speed=10Gbps`).
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn load(testbed: &str, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    of(yaml::find(testbed, "testbed", SHIPPED, overrides)?)
}

/// The same for a name that the user did not type: one in a shipped pattern, or the default.
///
/// # Errors
/// As [`load`].
pub fn load_named_by_us(testbed: &str, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    of(yaml::find_named_by_us(testbed, "testbed", SHIPPED, overrides)?)
}

/// A testbed from a text that was read already.
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn of(source: Source) -> Result<Loaded, Diagnostics> {
    let testbed = parse_source(&source)?;
    Ok(Loaded { testbed, source })
}

/// Parses the text of a testbed; `name` stands for the file in messages.
///
/// # Errors
/// Every mistake of the text and of the overrides.
pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<Testbed, Diagnostics> {
    parse_source(&Source {
        name: name.to_owned(),
        text: text.to_owned(),
        overrides: overrides.to_vec(),
        shipped: false,
    })
}

fn parse_source(source: &Source) -> Result<Testbed, Diagnostics> {
    let mut findings = Vec::new();
    let Some(root) = source.tree(read::label, &mut findings) else {
        return Err(source.diagnostics(findings));
    };
    let reader = Reader::new(findings);
    let folder = Path::new(&source.name).parent().unwrap_or(Path::new(""));
    let testbed = read::testbed(&reader, &root, &source.stem(), folder);
    if reader.clean() {
        Ok(testbed)
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}
