//! The sweeps of `sweeps/`, built into the binary, so that their names work from any folder.

/// Name and text of each, sorted by name.
pub const SHIPPED: &[(&str, &str)] = &[
    ("dcqcn-flows", include_str!("../../sweeps/dcqcn-flows.yaml")),
    ("ecmp", include_str!("../../sweeps/ecmp.yaml")),
    ("ecn-burst", include_str!("../../sweeps/ecn-burst.yaml")),
    ("ecn-incast", include_str!("../../sweeps/ecn-incast.yaml")),
    ("ep-kv-contention", include_str!("../../sweeps/ep-kv-contention.yaml")),
    ("link-failure", include_str!("../../sweeps/link-failure.yaml")),
    ("pfc-bursts", include_str!("../../sweeps/pfc-bursts.yaml")),
];
