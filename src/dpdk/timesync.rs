//! IEEE 1588 time stamps: the NIC's own, of the departure and the arrival of PTP frames.
//!
//! Contract: a handle switches them on for its port, and off when it is dropped; it keeps the port
//! running. Times are nanoseconds of that port's clock, which starts anywhere and has a rate of its own.
//! Most NICs keep one stamp a direction until it is read: who sends a second frame before that has no
//! stamp of it, and who reads late finds the stamp of the frame before. Reading asks the device, a
//! microsecond or more: this is not for the packet path.
//!
//! Left out on purpose: setting or adjusting the clock (it disturbs the stamps of some drivers), and which
//! stamp belongs to which frame.

use std::sync::Arc;

use dpdk_sys as sys;

use super::error::errno_text;
use super::port::Running;
use super::{Error, Result, log};

/// The PTP time stamps of one port, switched on. One caller at a time (`&mut`).
pub struct Timesync {
    port: u16,
    _running: Arc<Running>,
}

impl Timesync {
    pub(super) fn enable(port: u16, name: &str, running: &Arc<Running>) -> Result<Timesync> {
        // SAFETY: the port is started.
        let (code, log) = log::capture(|| unsafe { sys::squall_timesync_enable(port) });
        if code != 0 {
            return Err(Error::Port {
                port: name.to_owned(),
                action: "switch on its PTP time stamps",
                reason: errno_text(code),
                log,
            });
        }
        Ok(Timesync {
            port,
            _running: Arc::clone(running),
        })
    }

    /// What the port's clock shows, ns; `None` where the driver does not tell.
    pub fn time(&mut self) -> Option<u64> {
        // SAFETY: the port is started as long as this handle lives; the answer goes into the place given.
        self.ask(|port, nanos| unsafe { sys::squall_timesync_time(port, nanos) })
    }

    /// When the last PTP frame that was sent for a stamp departed, ns; `None` as long as it has not, or when
    /// the NIC has not stamped it.
    pub fn tx_stamp(&mut self) -> Option<u64> {
        // SAFETY: as above.
        self.ask(|port, nanos| unsafe { sys::squall_timesync_tx_stamp(port, nanos) })
    }

    /// When the PTP frame with these [`super::RxFrame::ptp_flags`] arrived, ns; `None` when the NIC has not
    /// stamped it.
    pub fn rx_stamp(&mut self, flags: u16) -> Option<u64> {
        // SAFETY: as above.
        self.ask(|port, nanos| unsafe { sys::squall_timesync_rx_stamp(port, u32::from(flags), nanos) })
    }

    fn ask(&mut self, call: impl FnOnce(u16, *mut u64) -> i32) -> Option<u64> {
        let mut nanos = 0;
        (call(self.port, &raw mut nanos) == 0).then_some(nanos)
    }
}

impl Drop for Timesync {
    fn drop(&mut self) {
        // SAFETY: the port is started until this handle is gone. Drivers log refusals, which nobody minds here.
        let (_code, _log) = log::capture(|| unsafe { sys::squall_timesync_disable(self.port) });
    }
}
