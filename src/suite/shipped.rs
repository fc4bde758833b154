//! The tests of `suites/`, built into the binary.

/// Number and text of each, in the draft's order.
pub const SHIPPED: &[(&str, &str)] = &[
    ("5.1", include_str!("../../suites/5.1.yaml")),
    ("5.2", include_str!("../../suites/5.2.yaml")),
    ("5.3", include_str!("../../suites/5.3.yaml")),
    ("7.1", include_str!("../../suites/7.1.yaml")),
    ("7.2", include_str!("../../suites/7.2.yaml")),
    ("7.3", include_str!("../../suites/7.3.yaml")),
    ("7.4", include_str!("../../suites/7.4.yaml")),
    ("8.1", include_str!("../../suites/8.1.yaml")),
    ("8.2", include_str!("../../suites/8.2.yaml")),
    ("8.3", include_str!("../../suites/8.3.yaml")),
    ("8.4", include_str!("../../suites/8.4.yaml")),
    ("9.3", include_str!("../../suites/9.3.yaml")),
    ("12.1", include_str!("../../suites/12.1.yaml")),
    ("12.3", include_str!("../../suites/12.3.yaml")),
    ("13.1", include_str!("../../suites/13.1.yaml")),
    ("13.3", include_str!("../../suites/13.3.yaml")),
];

/// The draft's other tests, and why they are not here.
pub const ABSENT: &str = include_str!("../../suites/absent.yaml");
