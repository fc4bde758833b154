//! The testbeds of `testbeds/`, built into the binary, so that their names work from any folder.

/// Name of the testbed that is used when none is given.
pub const DEFAULT: &str = "switch";

/// Name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("af-packet", include_str!("../../testbeds/af-packet.yaml")),
    ("clos", include_str!("../../testbeds/clos.yaml")),
    ("kernel-switch", include_str!("../../testbeds/kernel-switch.yaml")),
    ("leaf-spine", include_str!("../../testbeds/leaf-spine.yaml")),
    ("link-failure", include_str!("../../testbeds/link-failure.yaml")),
    ("memif", include_str!("../../testbeds/memif.yaml")),
    ("mlx5-2x400g", include_str!("../../testbeds/mlx5-2x400g.yaml")),
    ("null", include_str!("../../testbeds/null.yaml")),
    ("oversubscribed", include_str!("../../testbeds/oversubscribed.yaml")),
    ("pcap", include_str!("../../testbeds/pcap.yaml")),
    ("ring", include_str!("../../testbeds/ring.yaml")),
    ("routed-switch", include_str!("../../testbeds/routed-switch.yaml")),
    ("soak", include_str!("../../testbeds/soak.yaml")),
    ("switch", include_str!("../../testbeds/switch.yaml")),
    ("switch-25g", include_str!("../../testbeds/switch-25g.yaml")),
];
