//! Starting DPDK's environment abstraction layer (EAL), once per process.
//!
//! Contract: [`EalConfig`] says what is wanted in our terms; [`EalConfig::arguments`] is the one
//! place that knows EAL's command line. EAL runs as long as any [`Eal`] handle lives, and every
//! port, pool and batch holds one. What EAL does to the calling thread's CPU affinity is undone.
//!
//! Left out on purpose: lcores. EAL gets one, for its own bookkeeping; squall's threads register
//! themselves ([`super::ThreadRegistration`]).

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dpdk_sys as sys;

use super::clock::Calibration;
use super::error::{Hint, Log, errno_text, last_errno_text};
use super::ledger::{Ledger, any_loose};
use super::ring_port::Rings;
use super::thread::Affinity;
use super::{Error, Result, log, runtime_dir};
use crate::units::Bytes;

/// Whether EAL takes its memory from hugepages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hugepages {
    /// If enough of them are free and hugetlbfs is mounted.
    #[default]
    Auto,
    /// Yes, or EAL does not start.
    Required,
    /// No: `--no-huge`. Real NICs mostly want hugepages.
    None,
}

/// A device for EAL to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceArg {
    /// `--vdev`: `net_null0,no-rx=1`.
    Vdev(String),
    /// `-a`: `0000:3b:00.0,rx_vec_en=0`.
    Pci(String),
}

impl DeviceArg {
    /// The device with its arguments.
    #[must_use]
    pub fn text(&self) -> &str {
        let (DeviceArg::Vdev(text) | DeviceArg::Pci(text)) = self;
        text
    }

    /// The name under which EAL knows the device: what stands before the first comma. A PCI
    /// address without its domain gets domain 0, as EAL does it.
    #[must_use]
    pub fn name(&self) -> String {
        let (DeviceArg::Vdev(text) | DeviceArg::Pci(text)) = self;
        let name = text.split(',').next().unwrap_or(text);
        match self {
            DeviceArg::Pci(_) if name.matches(':').count() == 1 => format!("0000:{name}"),
            _ => name.to_owned(),
        }
    }
}

/// How EAL is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EalConfig {
    /// Whether memory comes from hugepages.
    pub hugepages: Hugepages,
    /// Memory that must be there: the size of EAL's heap without hugepages; with them EAL takes
    /// pages as pools are made, and this decides whether there are enough ([`Hugepages::Auto`]).
    pub memory: Bytes,
    /// Processes that start like this one side by side: [`Hugepages::Auto`] wants pages for all of them.
    pub processes: u32,
    /// Keeps EAL's memory out of the file system (`--in-memory`): nothing is left behind after a
    /// crash, and no second DPDK process can attach.
    pub in_memory: bool,
    /// `--file-prefix`; `None`: one of this process's own.
    pub file_prefix: Option<String>,
    /// Whether DPDK's telemetry socket is opened.
    pub telemetry: bool,
    /// Core that EAL counts as its main lcore; `None`: the first that this thread may run on.
    pub main_core: Option<usize>,
    /// Devices to open.
    pub devices: Vec<DeviceArg>,
    /// Opens every PCI device that is bound to a DPDK driver when no PCI device is named.
    pub all_pci: bool,
    /// Further arguments, as they are.
    pub extra_args: Vec<String>,
}

impl Default for EalConfig {
    fn default() -> EalConfig {
        EalConfig {
            hugepages: Hugepages::Auto,
            memory: Bytes(512 << 20),
            processes: 1,
            in_memory: true,
            file_prefix: None,
            telemetry: true,
            main_core: None,
            devices: Vec::new(),
            all_pci: false,
            extra_args: Vec::new(),
        }
    }
}

impl EalConfig {
    /// EAL's command line, program name first.
    #[must_use]
    pub fn arguments(&self, with_hugepages: bool, main_core: usize) -> Vec<String> {
        let mut args = vec!["squall".to_owned()];
        let mut add = |parts: &[&str]| args.extend(parts.iter().map(|&part| part.to_owned()));
        // One lcore, number 0, wherever it runs: lcore numbers end at RTE_MAX_LCORE, CPUs do not.
        add(&["--lcores", &format!("0@{main_core}")]);
        let prefix = self
            .file_prefix
            .clone()
            .unwrap_or_else(|| format!("squall-{}", std::process::id()));
        add(&["--file-prefix", &prefix]);
        if !with_hugepages {
            add(&["--no-huge", "-m", &self.memory.0.div_ceil(1 << 20).max(1).to_string()]);
        }
        // --no-huge is in memory by itself, and EAL refuses the two together (it counts the former
        // as --legacy-mem); what is left in the file system then is the shared configuration.
        match (self.in_memory, with_hugepages) {
            (true, true) => add(&["--in-memory"]),
            (true, false) => add(&["--no-shconf"]),
            (false, _) => {}
        }
        if !self.telemetry {
            add(&["--no-telemetry"]);
        }
        let mut pci = false;
        for device in &self.devices {
            match device {
                DeviceArg::Vdev(text) => add(&["--vdev", text]),
                DeviceArg::Pci(text) => {
                    pci = true;
                    add(&["-a", text]);
                }
            }
        }
        if !pci && !self.all_pci {
            add(&["--no-pci"]);
        }
        args.extend(self.extra_args.iter().cloned());
        args
    }
}

/// So much memory may be asked for whatever the machine has: what is not used is not taken.
const ALWAYS_ASKED_FOR: u64 = 4 << 30;

/// Whether EAL was started, by whatever way that went: `rte_eal_init` cannot be repeated.
static STARTED: AtomicBool = AtomicBool::new(false);

/// The running EAL. Clones are handles of the same one; the last one gone cleans up.
#[derive(Clone)]
pub struct Eal(Arc<Running>);

struct Running {
    hugepages: bool,
    tsc_hz: u64,
    start_log: Log,
    ledger: Ledger,
    /// What was plugged in at the start.
    devices: Vec<DeviceArg>,
    /// Ports that have an owner.
    open: Mutex<HashSet<u16>>,
    pluggable: Mutex<Pluggable>,
}

/// Devices that come and go after the start. Its lock is held while one does.
#[derive(Default)]
struct Pluggable {
    /// Names of devices whose port was closed.
    closed: HashSet<String>,
    /// Ring ports by name, from the making of the device until it is taken out.
    rings: HashMap<String, Weak<Rings>>,
}

impl std::fmt::Debug for Eal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eal")
            .field("hugepages", &self.0.hugepages)
            .field("tsc_hz", &self.0.tsc_hz)
            .finish()
    }
}

impl Eal {
    /// Starts EAL with every device of `config` opened as a port.
    ///
    /// # Errors
    /// [`Error::AlreadyStarted`] from the second call on; [`Error::Start`] with what EAL logged and,
    /// where it is known, what to do; [`Error::NoPort`] when a device did not become a port.
    pub fn init(config: &EalConfig) -> Result<Eal> {
        let refused = |reason: String, hint: Hint| Error::Start {
            reason,
            log: Log::default(),
            hint,
        };
        let hugepages = match config.hugepages {
            Hugepages::None => false,
            Hugepages::Required => true,
            Hugepages::Auto => {
                let wanted = config.memory.0.saturating_mul(u64::from(config.processes));
                super::hugepages(Path::new("/")).can_give(wanted)
            }
        };
        // Without hugepages EAL writes a table of all pages at once, and what is more than the machine has kills it.
        let total = super::hugepages::memory_total(Path::new("/")).unwrap_or(u64::MAX);
        if !hugepages && config.memory.0 > total.max(ALWAYS_ASKED_FOR) {
            let reason = format!(
                "{} of memory are asked for, and this machine has {}",
                config.memory,
                Bytes(total)
            );
            return Err(refused(reason, Hint::new("lower `eal.memory` in the testbed")));
        }
        let affinity = Affinity::of_this_thread();
        let main_core = config.main_core.or_else(|| affinity.first_core()).unwrap_or(0);
        let args = config
            .arguments(hugepages, main_core)
            .into_iter()
            .map(CString::new)
            .collect::<std::result::Result<Vec<CString>, _>>()
            .map_err(|error| refused(format!("an argument holds a NUL byte: {error}"), Hint::default()))?;
        let argc = c_int::try_from(args.len())
            .map_err(|_| refused(format!("{} arguments are too many", args.len()), Hint::default()))?;
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(Error::AlreadyStarted);
        }
        log::install();
        if config.file_prefix.is_none() {
            runtime_dir::remove_at_exit();
        }
        let calibration = Calibration::begin();

        // EAL keeps pointers into its arguments (and reorders the vector): both live for ever. That
        // happens once per process.
        let mut argv: Vec<*mut c_char> = args.into_iter().map(CString::into_raw).collect();
        argv.push(std::ptr::null_mut());
        let argv = Box::leak(argv.into_boxed_slice());
        let (code, start_log) = log::capture(|| {
            let _quiet = log::StdoutOff::new();
            let _exit = log::ExitGuard::new();
            // SAFETY: argc NUL-terminated strings and a closing null pointer, all leaked above; no
            // other call to EAL can be under way, because STARTED was false.
            unsafe { sys::rte_eal_init(argc, argv.as_mut_ptr()) }
        });
        let errno = if code < 0 { last_errno_text() } else { String::new() };
        affinity.restore();
        if code < 0 {
            let hint = start_hint(&start_log, hugepages);
            return Err(Error::Start {
                reason: errno,
                log: start_log,
                hint,
            });
        }
        let eal = Eal(Arc::new(Running {
            hugepages,
            tsc_hz: calibration.finish(),
            start_log,
            ledger: Ledger::default(),
            devices: config.devices.clone(),
            open: Mutex::default(),
            pluggable: Mutex::default(),
        }));
        // SAFETY: EAL runs; called once, before any port or pool exists.
        let code = unsafe { sys::squall_timestamps_register() };
        if code != 0 {
            let reason = format!(
                "no room for the time stamp field of packet buffers: {}",
                errno_text(code)
            );
            return Err(refused(reason, Hint::default()));
        }
        for device in &config.devices {
            eal.port_id(&device.name())?;
        }
        Ok(eal)
    }

    /// Whether memory comes from hugepages.
    #[must_use]
    pub fn uses_hugepages(&self) -> bool {
        self.0.hugepages
    }

    /// Frequency of the time stamp counter, measured against the kernel's raw monotonic clock while
    /// EAL started; good to a few parts per million. (EAL's own figure is rounded to 10 MHz.)
    #[must_use]
    pub fn tsc_hz(&self) -> u64 {
        self.0.tsc_hz
    }

    /// What EAL and the drivers logged at the start, without the usual chatter.
    #[must_use]
    pub fn start_log(&self) -> &[String] {
        &self.0.start_log.0
    }

    /// Names of all ports, in the order of DPDK's port numbers.
    #[must_use]
    pub fn port_names(&self) -> Vec<String> {
        let ids = std::iter::successors(Some(next_port(0)), |&id| Some(next_port(id.checked_add(1)?)));
        ids.take_while(|&id| u32::from(id) < sys::RTE_MAX_ETHPORTS)
            .filter_map(port_name)
            .collect()
    }

    /// DPDK's number of the port called `name`.
    pub(super) fn port_id(&self, name: &str) -> Result<u16> {
        if let Some(id) = port_id(name) {
            return Ok(id);
        }
        let names = self.port_names();
        let available = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        Err(Error::NoPort {
            device: name.to_owned(),
            available,
            log: self.0.start_log.clone(),
            hint: Hint::new("squall doctor tells which drivers and permissions are missing"),
        })
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Takes the port called `name` for one owner; with it, the rings that it is made of. A device whose
    /// port was closed is plugged in again, as it was at the start.
    pub(super) fn claim(&self, name: &str) -> Result<(u16, Option<Arc<Rings>>)> {
        // Stands before the lock, and so is dropped after it: the last handle of rings takes the lock.
        let rings;
        let mut pluggable = locked(&self.0.pluggable);
        rings = match pluggable.rings.get(name).map(Weak::upgrade) {
            // Its last handle is about to take it out.
            Some(None) => return Err(Error::PortInUse { port: name.to_owned() }),
            Some(rings) => rings,
            None => None,
        };
        if pluggable.closed.contains(name) {
            match &rings {
                Some(rings) => {
                    unplug(c"vdev", name);
                    rings.plug()?;
                }
                None => self.plug_in_again(name)?,
            }
            pluggable.closed.remove(name);
        }
        let id = self.port_id(name)?;
        if !locked(&self.0.open).insert(id) {
            return Err(Error::PortInUse { port: name.to_owned() });
        }
        Ok((id, rings))
    }

    /// Makes the device called `name` of `rings`.
    pub(super) fn plug_rings(&self, name: &str, rings: &Arc<Rings>) -> Result<()> {
        let mut pluggable = locked(&self.0.pluggable);
        if pluggable.rings.contains_key(name) || port_id(name).is_some() {
            return Err(Error::PortInUse { port: name.to_owned() });
        }
        rings.plug()?;
        pluggable.rings.insert(name.to_owned(), Arc::downgrade(rings));
        Ok(())
    }

    /// Takes out the device called `name`, made of rings whose last handle is going. Whether it is gone.
    pub(super) fn unplug_rings(&self, name: &str) -> bool {
        let mut pluggable = locked(&self.0.pluggable);
        unplug(c"vdev", name);
        let gone = port_id(name).is_none();
        if gone {
            pluggable.rings.remove(name);
            pluggable.closed.remove(name);
        }
        gone
    }

    /// The owner has gone, and left the port as it was.
    pub(super) fn release(&self, port: u16) {
        locked(&self.0.open).remove(&port);
    }

    /// The owner has gone. Closes its stopped port, so that nothing of it holds a buffer any more.
    pub(super) fn close(&self, port: u16, name: &str) {
        let mut pluggable = locked(&self.0.pluggable);
        // SAFETY: the port was claimed, is stopped, and nobody has a handle of it any more.
        let (_code, _log) = log::capture(|| unsafe { sys::rte_eth_dev_close(port) });
        pluggable.closed.insert(name.to_owned());
        self.release(port);
    }

    /// Without its port the device is still there for EAL: it is taken out and put in again.
    fn plug_in_again(&self, name: &str) -> Result<()> {
        let Some(device) = self.0.devices.iter().find(|device| device.name() == name) else {
            return Ok(());
        };
        let (bus, text) = match device {
            DeviceArg::Vdev(text) => (c"vdev", text),
            DeviceArg::Pci(text) => (c"pci", text),
        };
        let arguments = text.split_once(',').map_or("", |(_, arguments)| arguments);
        let (Ok(c_name), Ok(c_arguments)) = (CString::new(name), CString::new(arguments)) else {
            return Ok(());
        };
        unplug(bus, name);
        let (code, log) = log::capture(|| {
            // SAFETY: EAL runs; NUL-terminated strings that live during the call.
            unsafe { sys::rte_eal_hotplug_add(bus.as_ptr(), c_name.as_ptr(), c_arguments.as_ptr()) }
        });
        if code == 0 {
            return Ok(());
        }
        Err(Error::Port {
            port: name.to_owned(),
            action: "open the device again",
            reason: errno_text(code),
            log,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if any_loose() {
            // Somebody keeps a frame, whose memory goes with EAL: it stays for the rest of the process.
            return;
        }
        // SAFETY: EAL was started, and nothing made from it is left: every port, pool and batch holds
        // an Eal, and there is no loose frame. Ports that were never started are closed by this.
        let (_code, _log) = log::capture(|| unsafe { sys::rte_eal_cleanup() });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn next_port(from: u16) -> u16 {
    // SAFETY: takes any number; RTE_MAX_ETHPORTS means that there is none.
    unsafe { sys::rte_eth_find_next(from) }
}

/// DPDK's number of the port called `name`, if there is one.
fn port_id(name: &str) -> Option<u16> {
    let name = CString::new(name).ok()?;
    let mut id = 0;
    // SAFETY: a NUL-terminated string and a place for the answer, both alive.
    let code = unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut id) };
    (code == 0).then_some(id)
}

/// Takes a device, which has no port that anybody uses, out of EAL. What matters is whether it is gone
/// afterwards, not whether it was there.
fn unplug(bus: &CStr, name: &str) {
    let Ok(name) = CString::new(name) else { return };
    // SAFETY: EAL runs; NUL-terminated strings that live during the call.
    let (_code, _log) = log::capture(|| unsafe { sys::rte_eal_hotplug_remove(bus.as_ptr(), name.as_ptr()) });
}

fn port_name(id: u16) -> Option<String> {
    let mut name = [0 as c_char; sys::RTE_ETH_NAME_MAX_LEN as usize];
    // SAFETY: the buffer has the size that DPDK's documentation asks for.
    let code = unsafe { sys::rte_eth_dev_get_name_by_port(id, name.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: DPDK wrote a NUL-terminated string into it.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

/// What to do about a start that failed, told from what EAL logged.
fn start_hint(log: &Log, hugepages: bool) -> Hint {
    let says = |text: &str| log.0.iter().any(|line| line.contains(text));
    if says("unavailable") && says("--lcores") {
        return Hint::new("EAL finds the cores in /sys: mount it, and name a core that this process may run on");
    }
    if says("no mounted hugetlbfs") {
        return Hint::new("mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages, or hugepages: none");
    }
    if says("Cannot get hugepage information") || says("free hugepages") && hugepages {
        return Hint::new("echo 512 > /proc/sys/vm/nr_hugepages (1 GiB in pages of 2 MiB), or hugepages: none");
    }
    if says("Cannot allocate memory") || says("Cannot init memory") {
        return Hint::new("there is not enough memory: lower memory, or free some");
    }
    if says("Permission denied") || says("Operation not permitted") {
        return Hint::new("this needs root, or the capabilities that squall doctor names");
    }
    if says("is world-writable") || says("world writable") {
        return Hint::new("DPDK loads no drivers from a folder that everyone can write to: chmod o-w it");
    }
    if says("Cannot find") || says("cannot attach the device") || says("failed to parse device") {
        return Hint::new("there is no such device or driver; see squall doctor, and dpdk-devbind.py --status");
    }
    Hint::default()
}

/// DPDK's version at run time, as "DPDK 22.11.11".
#[must_use]
pub fn version() -> String {
    // SAFETY: returns a static string; needs no EAL.
    let text = unsafe { sys::rte_version() };
    // SAFETY: a NUL-terminated string, see above.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// DPDK's version that squall was compiled against, as "22.11.11".
#[must_use]
pub fn build_version() -> &'static str {
    env!("SQUALL_DPDK_BUILD_VERSION")
}

/// The folder from which EAL loads its drivers; empty when DPDK was built without one.
#[must_use]
pub fn pmd_path() -> String {
    // SAFETY: returns a static string.
    let text = unsafe { sys::squall_pmd_path() };
    // SAFETY: a NUL-terminated string, see above.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(config: &EalConfig, hugepages: bool) -> String {
        config.arguments(hugepages, 3).join(" ")
    }

    #[test]
    fn arguments_follow_the_configuration() {
        let config = EalConfig {
            file_prefix: Some("t".to_owned()),
            telemetry: false,
            memory: Bytes((64 << 20) + 1),
            devices: vec![DeviceArg::Vdev("net_null0,no-rx=1".to_owned())],
            extra_args: vec!["--log-level=8".to_owned()],
            ..EalConfig::default()
        };
        assert_eq!(
            joined(&config, false),
            "squall --lcores 0@3 --file-prefix t --no-huge -m 65 --no-shconf --no-telemetry \
             --vdev net_null0,no-rx=1 --no-pci --log-level=8"
        );
        let pci = EalConfig {
            devices: vec![DeviceArg::Pci("3b:00.0".to_owned())],
            ..config
        };
        assert_eq!(
            joined(&pci, true),
            "squall --lcores 0@3 --file-prefix t --in-memory --no-telemetry -a 3b:00.0 --log-level=8"
        );
    }

    #[test]
    fn device_names_are_what_eal_calls_them() {
        assert_eq!(DeviceArg::Vdev("net_ring0,nodeaction=x".to_owned()).name(), "net_ring0");
        assert_eq!(DeviceArg::Pci("3b:00.0,a=1".to_owned()).name(), "0000:3b:00.0");
        assert_eq!(DeviceArg::Pci("0001:3b:00.0".to_owned()).name(), "0001:3b:00.0");
    }
}
