//! DPDK over many trials: EAL starts once in a process, with the devices of every testbed to come.
//!
//! Contract: nothing is started before the first trial asks for ports. Ports are opened for a trial
//! and closed when it ends; no other run can have them as long as the session lasts.

use super::lock::Locks;
use super::{TrialError, environment};
use crate::dpdk::{Eal, EalConfig};
use crate::engine::lab::{Lab, eal_config};
use crate::engine::virtual_lab;
use crate::plan::Plan;
use crate::testbed::{self, Testbed};

/// The process's DPDK, started or yet to be.
#[derive(Default)]
pub struct Session {
    eal: Option<Eal>,
    /// What EAL is to start with, where the testbeds of all trials are known beforehand.
    config: Option<EalConfig>,
    /// Processes that run trials side by side, this one included; 0 of one that runs its own.
    beside: u32,
    /// What no other run may have meanwhile. Stands last: devices are closed before.
    locks: Locks,
}

impl Session {
    /// A session of one trial, or of several whose testbeds have the same devices.
    #[must_use]
    pub fn new() -> Session {
        Session::default()
    }

    /// A session of one of `processes` that run trials in virtual time side by side. Nothing of EAL's is the same for
    /// two of them.
    #[must_use]
    pub fn beside(processes: u32) -> Session {
        Session {
            beside: processes,
            ..Session::default()
        }
    }

    /// Adds the devices of a testbed of one of the trials to come.
    ///
    /// # Errors
    /// [`TrialError::Input`] when one process cannot have them beside those of the testbeds before: EAL
    /// starts once, and a device's name means one device.
    pub fn expect(&mut self, testbed: &Testbed) -> Result<(), TrialError> {
        let config = eal_config(testbed);
        let Some(sum) = &mut self.config else {
            self.config = Some(config);
            return Ok(());
        };
        let options = |config: &EalConfig| EalConfig {
            devices: Vec::new(),
            ..config.clone()
        };
        if options(sum) != options(&config) {
            return Err(TrialError::Input(format!(
                "testbed {}: its `eal` is not the same for all trials; DPDK starts once in a process, so `eal` cannot be \
                 varied",
                testbed.name
            )));
        }
        for device in config.devices {
            match sum.devices.iter().find(|known| known.name() == device.name()) {
                None => sum.devices.push(device),
                Some(known) if *known == device => {}
                Some(_) => {
                    return Err(TrialError::Input(format!(
                        "testbed {}: two trials want the device {} with other arguments; give each its own number, as \
                         net_ring0 and net_ring1",
                        testbed.name,
                        device.name()
                    )));
                }
            }
        }
        Ok(())
    }

    /// DPDK, started if this is the first time.
    fn eal(&mut self, testbed: &Testbed) -> Result<Eal, TrialError> {
        if let Some(eal) = &self.eal {
            return Ok(eal.clone());
        }
        let mut config = self.config.clone().unwrap_or_else(|| eal_config(testbed));
        if self.beside > 0 {
            (config.processes, config.file_prefix) = (self.beside, None);
        }
        self.locks.take(&config.devices)?;
        let eal = Eal::init(&config).map_err(environment)?;
        Ok(self.eal.insert(eal).clone())
    }

    /// Takes the ports of `testbed`; starts EAL first if this is the first time.
    pub(super) fn open(&mut self, testbed: &Testbed) -> Result<Lab, TrialError> {
        Lab::open(self.eal(testbed)?, testbed).map_err(environment)
    }

    /// Makes the hosts of `fabric`, which is `testbed`'s.
    pub(super) fn start_fabric(
        &mut self,
        testbed: &Testbed,
        fabric: &testbed::Fabric,
        plan: &Plan,
    ) -> Result<virtual_lab::Running, TrialError> {
        let eal = self.eal(testbed)?;
        virtual_lab::start(&eal, fabric, plan).map_err(environment)
    }
}
