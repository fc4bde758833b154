//! What drivers know of priority-based flow control: obeying it, and counting it.
//!
//! Contract: names of counters are those of the drivers' sources; where one of the eight classes is
//! missing, or the driver is not in the table, there is no count rather than a zero.
//!
//! Left out on purpose: frames that reach us (`measure::pause`), and what follows.

use dpdk_sys as sys;

use super::log;

/// Has the MAC of a port that is configured and not started obey PFC frames of `classes` (bit n =
/// priority n), queue by queue, and says for which it agreed to. Such drivers (cnxk) know one class a
/// queue.
pub(super) fn obey_by_queue(port: u16, queues: u16, classes: u8) -> u8 {
    if classes.count_ones() != 1 {
        return 0;
    }
    let class = small(classes.trailing_zeros());
    let (agreed, _log) = log::capture(|| {
        (0..queues).all(|queue| {
            // SAFETY: a call by numbers; DPDK checks the port, and its driver the queue.
            unsafe { sys::squall_pfc_obey_queue(port, queue, class) == 0 }
        })
    });
    if agreed { classes } else { 0 }
}

/// The same for a started port whose driver knows all classes at once.
pub(super) fn obey(port: u16, classes: u8) -> u8 {
    let (agreed, _log) = log::capture(|| {
        let named = (0..8_u8).filter(|class| classes >> class & 1 == 1);
        // SAFETY: a call by numbers; DPDK checks the port and the priority.
        named
            .filter(|class| unsafe { sys::squall_pfc_obey(port, *class) == 0 })
            .fold(0, |sum, class| sum | 1 << class)
    });
    agreed
}

fn small(class: u32) -> u8 {
    u8::try_from(class).unwrap_or(u8::MAX)
}

/// What a driver's extended statistics say of PFC frames, by priority; `None`: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PfcCounters {
    /// PFC frames received that name the class.
    pub received: Option<[u64; 8]>,
    /// PFC frames sent that name the class.
    pub sent: Option<[u64; 8]>,
    /// For how long the class was paused by received ones, us.
    pub paused_us: Option<[u64; 8]>,
}

/// Names of one driver's counters, `{}` being the priority. Several add up.
struct Names {
    /// What the driver's name begins with.
    driver: &'static str,
    received: &'static [&'static str],
    sent: &'static [&'static str],
    paused_us: &'static [&'static str],
}

/// Frames that pause (XOFF) and that resume (XON), each counted by itself.
const INTEL_RECEIVED: &[&str] = &["rx_priority{}_xon_packets", "rx_priority{}_xoff_packets"];
const INTEL_SENT: &[&str] = &["tx_priority{}_xon_packets", "tx_priority{}_xoff_packets"];

/// Drivers that are not here count PFC by port, if at all (net_ice: `rx_xoff_packets`), or leave it to
/// the kernel (mlx5: `ethtool -S`).
const DRIVERS: &[Names] = &[
    Names {
        driver: "net_i40e",
        received: INTEL_RECEIVED,
        sent: INTEL_SENT,
        paused_us: &[],
    },
    Names {
        driver: "net_ixgbe",
        received: INTEL_RECEIVED,
        sent: INTEL_SENT,
        paused_us: &[],
    },
    Names {
        driver: "net_txgbe",
        received: &["[p{}]rx_up_xon_packets", "[p{}]rx_up_xoff_packets"],
        sent: &["[p{}]tx_up_xon_packets", "[p{}]tx_up_xoff_packets"],
        paused_us: &[],
    },
    Names {
        driver: "net_bnxt",
        received: &["rx_pfc_ena_frames_pri{}"],
        sent: &["tx_pfc_ena_frames_pri{}"],
        paused_us: &["pfc_pri{}_rx_duration_us"],
    },
    // The blocks of OCTEON 10; those of OCTEON 9 (cgx) count PAUSE frames only.
    Names {
        driver: "net_cn10k",
        received: &["rpm_rx_CBFC_pause_frames_class_{}"],
        sent: &["rpm_tx_CBFC_pause_frames_class_{}"],
        paused_us: &[],
    },
    Names {
        driver: "net_hns3",
        received: &["mac_rx_pfc_pri{}_pkt_num"],
        sent: &["mac_tx_pfc_pri{}_pkt_num"],
        paused_us: &[],
    },
    Names {
        driver: "net_cxgbe",
        received: &["rx_ppp_pri{}_packets"],
        sent: &["tx_ppp_pri{}_packets"],
        paused_us: &[],
    },
];

/// What the extended statistics of a port of `driver` say of PFC frames.
#[must_use]
pub fn pfc_counters(driver: &str, xstats: &[(String, u64)]) -> PfcCounters {
    let Some(names) = DRIVERS.iter().find(|names| driver.starts_with(names.driver)) else {
        return PfcCounters::default();
    };
    PfcCounters {
        received: by_class(names.received, xstats),
        sent: by_class(names.sent, xstats),
        paused_us: by_class(names.paused_us, xstats),
    }
}

fn by_class(names: &[&str], xstats: &[(String, u64)]) -> Option<[u64; 8]> {
    if names.is_empty() {
        return None;
    }
    let mut counts = [0_u64; 8];
    for (class, count) in counts.iter_mut().enumerate() {
        for name in names {
            let name = name.replace("{}", &class.to_string());
            let (_, value) = xstats.iter().find(|(other, _)| *other == name)?;
            *count = count.saturating_add(*value);
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(names: &[&str], value: impl Fn(u64) -> u64) -> Vec<(String, u64)> {
        let of_class = |class: u64| {
            names
                .iter()
                .map(move |name| (name.replace('#', &class.to_string()), class))
        };
        let mut stats = vec![("rx_good_packets".to_owned(), 99)];
        stats.extend((0..8).flat_map(of_class).map(|(name, class)| (name, value(class))));
        stats
    }

    #[test]
    fn frames_that_pause_and_that_resume_add_up() {
        let names = [
            "rx_priority#_xon_packets",
            "rx_priority#_xoff_packets",
            "tx_priority#_xon_packets",
        ];
        let found = pfc_counters("net_i40e", &stats(&names, |class| class * 10));
        assert_eq!(found.received, Some([0, 20, 40, 60, 80, 100, 120, 140]));
        assert_eq!(found.sent, None, "half of what a class sends is not what it sends");
        assert_eq!(found.paused_us, None);
    }

    #[test]
    fn a_driver_that_says_how_long_is_believed() {
        let names = [
            "rx_pfc_ena_frames_pri#",
            "tx_pfc_ena_frames_pri#",
            "pfc_pri#_rx_duration_us",
        ];
        let found = pfc_counters("net_bnxt", &stats(&names, |class| 7 + class));
        let counts = Some([7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!((found.received, found.sent, found.paused_us), (counts, counts, counts));
    }

    #[test]
    fn what_a_driver_does_not_tell_is_not_zero() {
        for (driver, name) in [
            ("net_ice", "rx_priority#_xoff_packets"),
            ("mlx5_pci", "rx_prio#_buf_discard_packets"),
            ("net_af_packet", "rx_priority#_xoff_packets"),
        ] {
            let found = pfc_counters(driver, &stats(&[name], |_| 1));
            assert_eq!(found, PfcCounters::default(), "{driver}");
        }
        let mut some = stats(&["mac_rx_pfc_pri#_pkt_num"], |_| 1);
        assert!(pfc_counters("net_hns3", &some).received.is_some());
        some.retain(|(name, _)| name != "mac_rx_pfc_pri7_pkt_num");
        assert_eq!(pfc_counters("net_hns3", &some).received, None);
    }

    /// The drivers themselves as the witness: every name, or the parts of which they make it, stands in
    /// the installed library.
    #[test]
    fn names_are_those_of_the_installed_drivers() {
        let Some(folder) = plugins() else {
            eprintln!("skipped: no folder with DPDK's drivers here");
            return;
        };
        let mut seen = 0;
        for names in DRIVERS {
            let files: &[&str] = match names.driver {
                "net_cn10k" => &["librte_common_cnxk.so"],
                "net_i40e" => &["librte_net_i40e.so"],
                "net_ixgbe" => &["librte_net_ixgbe.so"],
                "net_txgbe" => &["librte_net_txgbe.so"],
                "net_bnxt" => &["librte_net_bnxt.so"],
                "net_hns3" => &["librte_net_hns3.so"],
                "net_cxgbe" => &["librte_net_cxgbe.so"],
                other => panic!("which file has {other}?"),
            };
            for file in files {
                let Ok(library) = std::fs::read(folder.join(file)) else {
                    continue;
                };
                seen += 1;
                let holds = |text: &str| library.windows(text.len()).any(|window| window == text.as_bytes());
                for name in names.received.iter().chain(names.sent).chain(names.paused_us) {
                    let whole = holds(&name.replace("{}", "3"));
                    let parts = match name.split_once("{}_").or_else(|| name.split_once("{}]")) {
                        Some(("[p", rest)) => holds("[p%u]%s") && holds(rest),
                        Some((stem, rest)) => holds(&format!("{stem}%u_%s")) && holds(rest),
                        None => false,
                    };
                    assert!(whole || parts, "{name} in {file}");
                }
            }
        }
        assert!(seen > 0 || !folder.join("librte_net_i40e.so").exists());
    }

    fn plugins() -> Option<std::path::PathBuf> {
        let folder = super::super::pmd_path();
        (!folder.is_empty()).then(|| folder.into())
    }
}
