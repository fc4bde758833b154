//! Flags of the commands that look at DPDK devices: those of a testbed, or named one by one.

use std::io::Write;

use super::{Failure, shipped};
use crate::dpdk::{DeviceArg, EalConfig};
use crate::engine::lab::eal_config;
use crate::testbed::{self, Cores, Testbed};

/// Which devices to look at.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeviceFlags {
    /// Testbed whose devices to look at: a path, or the name of a shipped one
    #[arg(long, value_name = "FILE", value_parser = shipped::TESTBED, hide_possible_values = true)]
    testbed: Option<String>,
    /// Software device to open, as "net_af_packet0,iface=veth1"; may be repeated
    #[arg(long = "vdev", value_name = "DEVICE")]
    vdevs: Vec<String>,
    /// NIC to open by its PCI address, as "0000:3b:00.0"; may be repeated
    #[arg(short = 'a', long = "allow", value_name = "ADDRESS")]
    pci: Vec<String>,
}

/// What the flags come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// How EAL would start: the testbed's way, with its devices first.
    pub eal: EalConfig,
    /// Cores that the testbed names.
    pub cores: Vec<usize>,
    /// The testbed.
    pub testbed: Option<Testbed>,
}

impl DeviceFlags {
    /// Loads the testbed, where there is one.
    ///
    /// # Errors
    /// Every mistake of the testbed.
    pub fn wanted(&self) -> Result<Wanted, Failure> {
        let (mut eal, cores, testbed) = match &self.testbed {
            None => (EalConfig::default(), Vec::new(), None),
            Some(name) => {
                let testbed = testbed::load(name, &[])?.testbed;
                let cores = match &testbed.cores {
                    Cores::Auto => Vec::new(),
                    Cores::Lists { tx, rx } => tx.iter().chain(rx).copied().collect(),
                };
                (eal_config(&testbed), cores, Some(testbed))
            }
        };
        eal.devices.extend(self.vdevs.iter().cloned().map(DeviceArg::Vdev));
        eal.devices.extend(self.pci.iter().cloned().map(DeviceArg::Pci));
        Ok(Wanted { eal, cores, testbed })
    }
}

/// Writes a command's result to standard output. A reader that has gone away is no failure.
///
/// # Errors
/// [`Failure::Environment`] when standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Environment(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_add_to_the_testbed() {
        let flags = DeviceFlags {
            testbed: Some("mlx5-2x400g".to_owned()),
            vdevs: vec!["net_null0".to_owned()],
            pci: vec!["3b:00.7".to_owned()],
        };
        let wanted = flags.wanted().expect("a shipped testbed");
        let names: Vec<String> = wanted.eal.devices.iter().map(DeviceArg::name).collect();
        assert_eq!(names, ["0000:3b:00.0", "0000:3b:00.1", "net_null0", "0000:3b:00.7"]);
        assert_eq!(wanted.cores, [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(wanted.eal.memory, crate::units::Bytes(4 << 30));
    }

    #[test]
    fn a_wrong_testbed_is_wrong_input() {
        let flags = DeviceFlags {
            testbed: Some("rings".to_owned()),
            ..DeviceFlags::default()
        };
        assert_eq!(flags.wanted().expect_err("there is none").status(), 2);
    }
}
