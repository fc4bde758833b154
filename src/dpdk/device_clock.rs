//! The free-running clock of a NIC, behind the time stamps of its frames; and the kernel's clock, behind
//! those of net_pcap.
//!
//! Contract: a reading is the clock's own count, whatever its rate. A handle keeps its port running.
//!
//! Left out on purpose: what the counts mean in time (`measure::clock`).

use std::sync::Arc;
use std::time::SystemTime;

use dpdk_sys as sys;

use super::log;
use super::port::Running;

/// Reads one port's clock. One caller at a time (`&mut`).
pub struct DeviceClock {
    port: u16,
    _running: Arc<Running>,
}

impl DeviceClock {
    pub(super) fn new(port: u16, running: &Arc<Running>) -> DeviceClock {
        DeviceClock {
            port,
            _running: Arc::clone(running),
        }
    }

    /// What the clock shows, in its own ticks; `None` where the driver does not tell.
    pub fn ticks(&mut self) -> Option<u64> {
        let mut ticks = 0;
        // SAFETY: the port is started as long as this handle lives; the answer goes into our own
        // variable.
        let code = unsafe { sys::squall_read_clock(self.port, &raw mut ticks) };
        (code == 0).then_some(ticks)
    }

    /// Whether the driver tells at all. A refusal is not logged.
    pub fn is_readable(&mut self) -> bool {
        let (ticks, _log) = log::capture(|| self.ticks());
        ticks.is_some()
    }
}

/// The kernel's clock of the time of day (CLOCK_REALTIME), ns since 1970: the one by which it stamps
/// packets.
#[must_use]
pub fn kernel_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
