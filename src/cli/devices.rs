//! Flags of the commands that look at DPDK devices without a testbed file.

use std::io::Write;

use crate::cli::Failure;
use crate::dpdk::DeviceArg;

/// Which devices to look at.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeviceFlags {
    /// Software device to open, as "net_af_packet0,iface=veth1"; may be repeated
    #[arg(long = "vdev", value_name = "DEVICE")]
    pub vdevs: Vec<String>,
    /// NIC to open by its PCI address, as "0000:3b:00.0"; may be repeated
    #[arg(short = 'a', long = "allow", value_name = "ADDRESS")]
    pub pci: Vec<String>,
}

impl DeviceFlags {
    /// The devices, software ones first.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceArg> {
        let vdevs = self.vdevs.iter().cloned().map(DeviceArg::Vdev);
        vdevs.chain(self.pci.iter().cloned().map(DeviceArg::Pci)).collect()
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
