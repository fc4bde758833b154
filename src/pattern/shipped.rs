//! The patterns of `patterns/`, built into the binary, so that their names work from any folder.

/// Name and text of each, sorted by name.
pub const SHIPPED: &[(&str, &str)] = &[
    (
        "alltoall-dispatch",
        include_str!("../../patterns/alltoall-dispatch.yaml"),
    ),
    ("background", include_str!("../../patterns/background.yaml")),
    ("burst-absorption", include_str!("../../patterns/burst-absorption.yaml")),
    ("concurrent-pairs", include_str!("../../patterns/concurrent-pairs.yaml")),
    (
        "dcqcn-convergence",
        include_str!("../../patterns/dcqcn-convergence.yaml"),
    ),
    ("dcqcn-flows", include_str!("../../patterns/dcqcn-flows.yaml")),
    ("dcqcn-incast", include_str!("../../patterns/dcqcn-incast.yaml")),
    ("dcqcn-long", include_str!("../../patterns/dcqcn-long.yaml")),
    ("ecmp-collisions", include_str!("../../patterns/ecmp-collisions.yaml")),
    ("ecmp-entropy", include_str!("../../patterns/ecmp-entropy.yaml")),
    ("ecn-burst", include_str!("../../patterns/ecn-burst.yaml")),
    ("ecn-incast", include_str!("../../patterns/ecn-incast.yaml")),
    ("ecn-probe", include_str!("../../patterns/ecn-probe.yaml")),
    ("ep-kv-contention", include_str!("../../patterns/ep-kv-contention.yaml")),
    ("first-look", include_str!("../../patterns/first-look.yaml")),
    ("kv-cache", include_str!("../../patterns/kv-cache.yaml")),
    ("link-failure", include_str!("../../patterns/link-failure.yaml")),
    (
        "low-latency-dispatch",
        include_str!("../../patterns/low-latency-dispatch.yaml"),
    ),
    ("many-qps", include_str!("../../patterns/many-qps.yaml")),
    ("offered-load", include_str!("../../patterns/offered-load.yaml")),
    ("pfc-bursts", include_str!("../../patterns/pfc-bursts.yaml")),
    ("pfc-spread", include_str!("../../patterns/pfc-spread.yaml")),
    ("pfc-storm", include_str!("../../patterns/pfc-storm.yaml")),
    (
        "put-latency-loaded",
        include_str!("../../patterns/put-latency-loaded.yaml"),
    ),
    (
        "put-latency-unloaded",
        include_str!("../../patterns/put-latency-unloaded.yaml"),
    ),
    ("put-throughput", include_str!("../../patterns/put-throughput.yaml")),
    ("rc-loss", include_str!("../../patterns/rc-loss.yaml")),
    ("routing-modes", include_str!("../../patterns/routing-modes.yaml")),
    ("scale", include_str!("../../patterns/scale.yaml")),
    ("soak", include_str!("../../patterns/soak.yaml")),
    ("wide-ep", include_str!("../../patterns/wide-ep.yaml")),
];
