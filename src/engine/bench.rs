//! How fast one core crafts and analyses.
//!
//! Contract: sending is the very loop of a run ([`TxUnit::step`] with a clock read for each step)
//! on a port that takes everything; receiving is the recorder on frames crafted just before, out
//! of the core's cache as a NIC with DDIO leaves them. Sampled frames are decoded in full: a wrong
//! one is an error, whatever the speed.
//!
//! Left out on purpose: a NIC's own limits, and several cores.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::dpdk::{
    Eal, PoolConfig, Port, PortConfig, Started, Stopped, ThreadRegistration, TscClock, TxPool, icrc_routine, tsc,
};
use crate::engine::craft::Crafter;
use crate::engine::tx::{Audit, TxUnit};
use crate::engine::{virtual_lab, virtual_time};
use crate::measure::Recorder;
use crate::pattern::{self, IcrcCheck};
use crate::plan::{self, Plan};
use crate::testbed::Testbed;
use crate::transport::schedule::{Clocking, Next, Schedule};
use crate::units::{BitRate, Bytes, Picos};
use crate::wire::decode::{AckreqRule, Link, decode};
use crate::wire::template::{BUFFER_SLACK, filler};
use crate::wire::{self, Opcode};

/// One frame in so many is verified.
const AUDIT: u32 = 4096;

/// Length of one slice of a measurement, in microseconds. The median slice counts: it is shorter
/// than a scheduler's time slice, so that time given to other processes falls into few of them.
const SLICE_MICROS: u64 = 250;

/// Frames analysed between two looks at the clock.
const RX_BATCH: usize = 64;

/// What could not be done, or was done wrong.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// DPDK said no.
    #[error(transparent)]
    Dpdk(#[from] crate::dpdk::Error),
    /// The core is not to be had.
    #[error("cannot pin the measuring thread to core {0}")]
    Core(usize),
    /// The virtual-time loop said no.
    #[error("{0}")]
    Virtual(String),
    /// A frame that was sent is wrong.
    #[error("of {audited} frames taken aside one is wrong ({error}): {hex}")]
    WrongFrame {
        /// Frames taken aside.
        audited: usize,
        /// What is wrong with it.
        error: String,
        /// Its bytes.
        hex: String,
    },
}

/// Speed of sending.
#[derive(Debug, Clone, PartialEq)]
pub struct TxSpeed {
    /// Opcode of the frames.
    pub opcode: Opcode,
    /// Payload bytes.
    pub pmtu: u32,
    /// QPs in turn.
    pub qps: u32,
    /// Packets per second: median of the slices.
    pub pps: f64,
    /// TSC cycles for each packet.
    pub cycles_per_packet: f64,
    /// Packets per second over all slices, whatever the core did beside.
    pub overall_pps: f64,
    /// Frames verified.
    pub verified: usize,
}

/// Speed of analysing.
#[derive(Debug, Clone, PartialEq)]
pub struct RxSpeed {
    /// Whether every ICRC was verified.
    pub icrc: bool,
    /// Payload bytes.
    pub pmtu: u32,
    /// Packets per second: median of the slices.
    pub pps: f64,
    /// Frame bytes per second.
    pub bytes_per_second: f64,
    /// TSC cycles for each packet.
    pub cycles_per_packet: f64,
}

/// Speed of virtual time.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualSpeed {
    /// What is sent.
    pub load: Load,
    /// Payload bytes.
    pub pmtu: u32,
    /// Which frames have their ICRC verified.
    pub icrc: bool,
    /// Frames of one run.
    pub frames: u64,
    /// Runs.
    pub runs: u32,
    /// Frames crafted, switched and analysed in a second of processor time: median of the runs,
    /// making ports and buffers left out.
    pub pps: f64,
    /// The same as TSC cycles for each.
    pub cycles_per_frame: f64,
}

/// What is sent in virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// 32 hosts send 4 MiB each to one other at once, four times: 128 MiB wait in one queue.
    Incast,
    /// 32 hosts send to their neighbour at 90 % of their rate: queues are short.
    Steady,
}

impl Load {
    /// In a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Load::Incast => "32-to-1 incast",
            Load::Steady => "32 pairs at 90 %",
        }
    }

    fn hosts(self) -> u32 {
        match self {
            Load::Incast => 33,
            Load::Steady => 32,
        }
    }

    fn pattern(self, pmtu: u32) -> String {
        let mut text = format!("frame: {{pmtu: {pmtu}}}\ntraffic:\n");
        match self {
            Load::Incast => text.push_str("- {kind: incast, senders: 32, message: 4MiB, repeats: 4, interval: 3ms}\n"),
            Load::Steady => {
                for host in 0..self.hosts() {
                    let next = (host + 1) % self.hosts();
                    text.push_str(&format!(
                        "- {{name: t{host}, kind: transfer, from: {host}, to: {next}, message: 4MiB, count: 8, rate: 90%}}\n"
                    ));
                }
            }
        }
        text
    }
}

/// Processor time that this process has used.
fn processor_time() -> f64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}

/// Memory that every measurement fits into, in pages of the default size: their edges cost some.
const MEMORY: Bytes = Bytes(2 << 30);

/// The same in hugepages.
pub const IN_HUGEPAGES: Bytes = Bytes(1536 << 20);

/// The testbed that a bench wants: one net_null port, without hugepages if there are none.
#[must_use]
pub fn testbed() -> Testbed {
    let ports = "ports:\n- {device: 'net_null0,no-rx=1', speed: 400Gbps, workers: 2, receive: false}\n";
    testbed_of(&format!("eal: {{memory: {}}}\n{ports}", MEMORY.0))
}

fn testbed_of(text: &str) -> Testbed {
    match crate::testbed::parse("bench", text, &[]) {
        Ok(testbed) => testbed,
        Err(errors) => unreachable!("built-in testbed: {errors}"),
    }
}

fn plan_of(pmtu: u32, qps: u32) -> Plan {
    // Long messages: all but one frame in some thousands is a Middle packet.
    let text = format!(
        "duration: 1h\nframe: {{pmtu: {pmtu}}}\ntraffic:\n\
         - {{kind: transfer, from: 0, to: 1, message: 16MiB, count: unlimited, qps: {qps}, rate: max}}\n"
    );
    plan_on(&text, &testbed())
}

fn plan_on(text: &str, testbed: &Testbed) -> Plan {
    let pattern = match pattern::parse("bench", text, &[]) {
        Ok(pattern) => pattern,
        Err(errors) => unreachable!("built-in pattern: {errors}"),
    };
    match plan::build(&pattern, testbed, &vec![BitRate(400_000_000_000); testbed.ports.len()]) {
        Ok(plan) => plan,
        Err(errors) => unreachable!("built-in plan: {errors:?}"),
    }
}

/// The middle one of values, the upper one of two; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// One core that measures.
pub struct Bench {
    eal: Eal,
    port: Option<Port<Stopped>>,
    /// TSC cycles of one slice.
    slice: u64,
    /// Slices of one measurement, besides the first, which warms caches and branch predictors.
    slices: u64,
    _thread: ThreadRegistration,
}

impl Bench {
    /// Pins this thread to `core` and takes the port of [`testbed`] from `eal`. Each measurement
    /// takes about `seconds`.
    ///
    /// # Errors
    /// [`BenchError::Core`], [`BenchError::Dpdk`].
    pub fn new(eal: Eal, core: usize, seconds: f64) -> Result<Bench, BenchError> {
        if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
            return Err(BenchError::Core(core));
        }
        let thread = ThreadRegistration::register(&eal)?;
        let port = Port::open(&eal, "net_null0")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be 0.01 s to an hour"
        )]
        let slices = (seconds * 1e6 / SLICE_MICROS as f64) as u64;
        let slice = eal.tsc_hz() * SLICE_MICROS / 1_000_000;
        Ok(Bench {
            eal,
            port: Some(port),
            slice,
            slices,
            _thread: thread,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "rates")]
    fn rates(&self, packets: u64, cycles: u64) -> (f64, f64) {
        let per_packet = cycles as f64 / packets.max(1) as f64;
        (self.eal.tsc_hz() as f64 / per_packet, per_packet)
    }

    /// Sends WRITE Middle packets of `pmtu` bytes from `qps` QPs in turn.
    ///
    /// # Errors
    /// [`BenchError::WrongFrame`] when a frame taken aside does not decode as what it should be.
    pub fn tx(&mut self, pmtu: u32, qps: u32) -> Result<TxSpeed, BenchError> {
        let Some(stopped) = self.port.take() else {
            unreachable!("the port is put back at the end")
        };
        let plan = plan_of(pmtu, qps);
        let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
        let config = PoolConfig {
            name: "bench".to_owned(),
            frames: 8191,
            data_room: u16::try_from(clean.len().next_multiple_of(64)).unwrap_or(u16::MAX),
            numa_node: None,
        };
        let pool = TxPool::new(&self.eal, &config, &clean)?;
        let config = PortConfig {
            rx_queues: 0,
            ..PortConfig::default()
        };
        let mut port: Port<Started> = stopped.start(&config, None)?;
        let schedule = Schedule::new(&plan, 0, Clocking::Real);
        let Some(queue) = port.take_tx_queues().pop() else {
            unreachable!("one queue was asked for")
        };
        let mut unit = TxUnit::new(&plan, 0, queue, &pool, schedule, clean);
        unit.audit = Some(Audit::new(AUDIT));
        let clock = TscClock::start_now(&self.eal);
        let mut slices = Vec::new();
        let (mut packets, mut cycles) = (0, 0);
        for slice in 0..=self.slices {
            let before = unit.stats.frames;
            let begin = tsc();
            let mut end = begin;
            while end - begin < self.slice {
                // A look at the clock for each burst, as the loop of a run takes it.
                for _ in 0..16 {
                    unit.step(&plan, clock.now());
                }
                end = tsc();
            }
            // The first slice warms caches and branch predictors.
            if slice > 0 {
                slices.push(self.rates(unit.stats.frames - before, end - begin));
                packets += unit.stats.frames - before;
                cycles += end - begin;
            }
        }
        let overall_pps = self.rates(packets, cycles).0;
        let frames = unit.audit.take().map(|audit| audit.frames).unwrap_or_default();
        drop(unit);
        drop(pool);
        self.port = port.stop().ok();
        verify(&frames, pmtu)?;
        let (pps, cycles) = slices.into_iter().unzip();
        Ok(TxSpeed {
            opcode: Opcode::RcRdmaWriteMiddle,
            pmtu,
            qps,
            pps: median(pps),
            cycles_per_packet: median(cycles),
            overall_pps,
            verified: frames.len(),
        })
    }

    /// Analyses WRITE packets of `pmtu` bytes from 256 QPs.
    #[must_use]
    pub fn rx(&self, pmtu: u32, icrc: bool) -> RxSpeed {
        let plan = plan_of(pmtu, 256);
        let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
        let mut schedule = Schedule::new(&plan, 0, Clocking::Exact);
        let mut crafter = Crafter::new(&plan, &mut schedule, clean.clone());
        let mut buffers = vec![(clean.clone(), 0u64, 0usize); RX_BATCH];
        let mut recorder = Recorder::new(&plan, if icrc { IcrcCheck::All } else { IcrcCheck::None });
        recorder.verify_by(icrc_routine());
        let mut slices = Vec::new();
        let (mut bytes, mut frames) = (0u64, 0u64);
        for slice in 0..=self.slices {
            let (mut packets, mut cycles) = (0, 0);
            while cycles < self.slice {
                for (buffer, mark, len) in &mut buffers {
                    let Next::Packet { at, lane, due } = schedule.next(&plan, Picos::MAX) else {
                        break;
                    };
                    *len = crafter.write(&plan, &mut schedule, lane, &due, at, buffer, mark);
                }
                let begin = tsc();
                let burst = buffers.iter().map(|(buffer, _, len)| (&buffer[..*len], Picos(begin)));
                recorder.burst(0, burst, |_, _| ());
                cycles += tsc() - begin;
                packets += RX_BATCH as u64;
                bytes += buffers.iter().map(|(_, _, len)| *len as u64).sum::<u64>();
                frames += RX_BATCH as u64;
            }
            if slice > 0 {
                slices.push(self.rates(packets, cycles));
            }
        }
        let (pps, cycles): (Vec<f64>, Vec<f64>) = slices.into_iter().unzip();
        let pps = median(pps);
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let bytes_per_second = pps * bytes as f64 / frames.max(1) as f64;
        RxSpeed {
            icrc,
            pmtu,
            pps,
            bytes_per_second,
            cycles_per_packet: median(cycles),
        }
    }
}

/// Runs `load` through one switch of the reference fabric, again and again for about `seconds` of
/// processor time: that of others, on a machine that is not ours alone, does not count.
///
/// # Errors
/// What DPDK or the driver refuses.
pub fn virtual_time(
    eal: &Eal,
    core: usize,
    (load, pmtu, icrc): (Load, u32, bool),
    seconds: f64,
) -> Result<VirtualSpeed, BenchError> {
    let testbed = testbed_of("fabric: {}\n").sized(load.hosts());
    let Some(fabric) = &testbed.fabric else {
        unreachable!("it has just been written")
    };
    let plan = plan_on(&load.pattern(pmtu), &testbed);
    let check = if icrc { IcrcCheck::All } else { IcrcCheck::None };
    let mut rates = Vec::new();
    let mut frames = 0;
    let mut spent = 0.0;
    while spent < seconds {
        let running = virtual_lab::start(eal, fabric, &plan)?;
        let begin = processor_time();
        let outcome = virtual_time::run(&plan, running, check, core, &AtomicBool::new(false), |_| {});
        let took = processor_time() - begin;
        frames = outcome
            .map_err(BenchError::Virtual)?
            .made
            .iter()
            .map(|sent| sent.packets)
            .sum();
        spent += took;
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        rates.push(frames as f64 / took);
    }
    let runs = u32::try_from(rates.len()).unwrap_or(u32::MAX);
    let pps = median(rates);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let cycles_per_frame = eal.tsc_hz() as f64 / pps;
    Ok(VirtualSpeed {
        load,
        pmtu,
        icrc,
        frames,
        runs,
        pps,
        cycles_per_frame,
    })
}

/// Decodes every frame in full.
fn verify(frames: &[Vec<u8>], pmtu: u32) -> Result<(), BenchError> {
    for frame in frames {
        let decoded = decode(Link::Ethernet, frame, frame.len(), AckreqRule::Last);
        let wrong = match decoded.error() {
            Some(error) => Some(error.to_string()),
            None => match wire::Frame::parse(frame) {
                Ok(wire::Frame::Roce(packet)) if packet.payload().len() == pmtu as usize => None,
                _ => Some(format!("it is no RoCEv2 packet with {pmtu} bytes")),
            },
        };
        if let Some(error) = wrong {
            let hex = frame.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(BenchError::WrongFrame {
                audited: frames.len(),
                error,
                hex,
            });
        }
    }
    Ok(())
}
