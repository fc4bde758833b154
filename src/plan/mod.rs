//! Pattern × testbed → flows, messages and departures.

pub mod routing;
