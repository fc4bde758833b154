//! The sweeps of `sweeps/`, built into the binary, so that their names work from any folder.

/// Name and text of each, sorted by name.
pub const SHIPPED: &[(&str, &str)] = &[
    ("dcqcn-flows", include_str!("../../sweeps/dcqcn-flows.yaml")),
    ("ecmp", include_str!("../../sweeps/ecmp.yaml")),
    ("ecn-burst", include_str!("../../sweeps/ecn-burst.yaml")),
    ("ecn-incast", include_str!("../../sweeps/ecn-incast.yaml")),
    ("ep-kv-contention", include_str!("../../sweeps/ep-kv-contention.yaml")),
    ("latency-knee", include_str!("../../sweeps/latency-knee.yaml")),
    ("link-failure", include_str!("../../sweeps/link-failure.yaml")),
    ("longest-burst", include_str!("../../sweeps/longest-burst.yaml")),
    ("pfc-bursts", include_str!("../../sweeps/pfc-bursts.yaml")),
    ("smallest-incast", include_str!("../../sweeps/smallest-incast.yaml")),
    (
        "zero-loss-throughput",
        include_str!("../../sweeps/zero-loss-throughput.yaml"),
    ),
];
