//! The patterns of `patterns/`, built into the binary, so that their names work from any folder.

/// Name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[("first-look", include_str!("../../patterns/first-look.yaml"))];
