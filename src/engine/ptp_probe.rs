//! PTP probes: frames that the NICs themselves stamp, sent between the traffic's and in its class.
//!
//! Contract: a thread of its own, beside the loops, sends one probe at a time through a queue of its own,
//! so that the NIC arbitrates between it and the traffic; waits for the stamp of its departure, for the
//! receiving loop to say that it has come, and for the stamp of its arrival; and reads both clocks before
//! and after. Only one is under way because most NICs keep one stamp. A stamp counts if it lies between
//! the two readings of its own clock. Times between probes are exponential, so that what they see is what
//! there is (RFC 2330 section 11.1).
//!
//! Left out on purpose: what stamps of different clocks mean together (`measure::ptp_probe`). A probe is a
//! frame of layer 2: it has the traffic's VLAN tags and so its priority, but no DSCP, and no router
//! passes it on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::dpdk::{Eal, Error, PoolConfig, StampSource, Timesync, TscClock, TxBatch, TxPool, TxQueue};
use crate::engine::lab::Running;
use crate::measure::ptp_probe::{Reading, Stamped};
use crate::pattern::VlanTag;
use crate::plan::hop::Hop;
use crate::plan::{Plan, mix};
use crate::units::Picos;
use crate::wire::ethernet::Address;
use crate::wire::{ethernet, ptp, template, vlan};

/// `domainNumber` of probes: one that the standard leaves to users (IEEE 1588-2019 table 2), so that clocks
/// that follow a master take no notice.
pub const DOMAIN: u8 = 127;

/// Mean time between probes, over all paths together.
pub const EVERY: Picos = Picos::from_micros(1_000);

/// A departure is stamped within this, or not at all: the frame may have to wait for others in the NIC.
const STAMP_WITHIN: Picos = Picos::from_micros(20_000);

/// A probe that has not arrived by then is lost.
const ARRIVES_WITHIN: Picos = Picos::from_micros(100_000);

/// Paths that are probed at most.
const PATHS: usize = 256;

/// Probes of a path at most: with them goes what relates its clocks, and neither is any good alone.
const SAMPLES: u64 = 1 << 18;

/// A PTP Sync has come to a port, says a receiving loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Index of the port.
    pub port: usize,
    /// Who sent it.
    pub clock: [u8; 8],
    /// Its number.
    pub sequence: u16,
    /// Where the driver keeps its stamp.
    pub flags: u16,
}

impl Arrival {
    /// The arrival of `frame` at `port`, if it is a Sync.
    #[inline]
    #[must_use]
    pub fn of(port: usize, frame: &[u8], flags: u16) -> Option<Arrival> {
        let sync = ptp::of_frame(frame).filter(|message| message.message_type == ptp::SYNC)?;
        Some(Arrival {
            port,
            clock: sync.clock,
            sequence: sync.sequence,
            flags,
        })
    }
}

/// From one port to another, in one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Index of the sending port.
    pub from: usize,
    /// Index of the receiving port.
    pub to: usize,
    /// VLAN tags, outermost first: the traffic's.
    pub tags: Vec<VlanTag>,
    src: [u8; 6],
    dst: [u8; 6],
}

impl Path {
    /// The identity of the clock that a probe says it comes from (EUI-64 of the sender's address,
    /// IEEE 1588-2019 clause 7.5.2.2).
    fn clock(&self) -> [u8; 8] {
        let [a, b, c, d, e, f] = self.src;
        [a, b, c, 0xff, 0xfe, d, e, f]
    }

    fn frame(&self, sequence: u16, out: &mut [u8]) -> usize {
        let at = vlan::emit_link(Address(self.dst), Address(self.src), &self.tags, ptp::ETHERTYPE, out);
        ptp::Repr::sync(DOMAIN, self.clock(), 1, sequence).emit(&mut out[at..]);
        let len = (at + ptp::LEN).max(ethernet::MIN_FRAME_LEN);
        out[at + ptp::LEN..len].fill(0);
        len
    }
}

/// What became of the probes of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to the port.
    pub sent: u64,
    /// Not taken by the port.
    pub refused: u64,
    /// Not seen at the receiving port.
    pub lost: u64,
    /// Seen there after it had been given up.
    pub late: u64,
    /// The sending NIC gave no stamp.
    pub no_departure: u64,
    /// The receiving NIC gave no stamp.
    pub no_arrival: u64,
    /// Another Sync came to the receiving port meanwhile: the stamp may be that one's.
    pub disturbed: u64,
    /// A stamp was not between the two readings of its clock.
    pub outside: u64,
}

/// What was seen of a path.
#[derive(Debug, Clone)]
pub struct PathRecord {
    /// Which.
    pub path: Path,
    /// What became of its probes.
    pub counts: Counts,
    /// Readings of the sender's and the receiver's clock, next to each other.
    pub readings: Vec<(Reading, Reading)>,
    /// Probes that were stamped at both ends.
    pub stamped: Vec<Stamped>,
}

/// Paths of the traffic between ports that stamp PTP frames, each once; and how many more there are.
/// What a router is to pass on is no path of layer 2.
#[must_use]
pub fn paths(plan: &Plan, stamps: &[bool]) -> (Vec<Path>, usize) {
    let mut found: Vec<Path> = Vec::new();
    let mut more = 0;
    for entry in &plan.entries {
        for pair in &entry.pairs {
            let (src, dst) = (&plan.workers[pair.src as usize], &plan.workers[pair.dst as usize]);
            let (from, to) = (src.port, plan.arrival_port(*pair));
            let routed = plan.hop(entry, *pair) != Hop::Receiver;
            if routed || plan.is_with_peer(*pair) || !plan.ports[to].receive || !stamps[from] || !stamps[to] {
                continue;
            }
            let tags = plan.tags(entry, from);
            let known = |path: &Path| (path.from, path.to) == (from, to) && path.tags[..] == tags[..];
            if found.iter().any(known) {
                continue;
            }
            if found.len() == PATHS {
                more += 1;
                continue;
            }
            found.push(Path {
                from,
                to,
                tags: tags.to_vec(),
                src: src.mac,
                dst: dst.mac,
            });
        }
    }
    (found, more)
}

/// Takes the queues for PTP probes, switches time stamps on, and makes who sends them; `None` where the
/// traffic has no path between ports that stamp them. What stands in the way goes to `missing`, a sentence
/// each.
pub fn prepare(plan: &Plan, running: &mut Running, missing: &mut Vec<String>) -> Option<(Prober, Sender<Arrival>)> {
    let chosen: Vec<bool> = running
        .stampings
        .iter()
        .map(|stamping| stamping.source == StampSource::PtpProbe)
        .collect();
    let (wanted, _) = paths(plan, &chosen);
    let mut stations = Vec::new();
    for (index, port) in running.ports.iter_mut().enumerate() {
        let queue = if running.probe_queues[index] {
            port.take_last_tx_queue()
        } else {
            None
        };
        let used = wanted.iter().any(|path| path.from == index || path.to == index);
        stations.push(match (used, queue) {
            (false, _) => None,
            (true, None) => {
                missing.push(format!(
                    "port {} has no transmit queue to spare for them: lower its `tx_queues`.",
                    plan.ports[index].name
                ));
                None
            }
            (true, Some(queue)) => match port.timesync() {
                Ok(timesync) => Some((queue, timesync, port.effective().tx_descriptors)),
                Err(error) => {
                    missing.push(format!("{error}."));
                    None
                }
            },
        });
    }
    let stamps: Vec<bool> = stations.iter().map(Option::is_some).collect();
    let (paths, more) = paths(plan, &stamps);
    if paths.is_empty() {
        return None;
    }
    if more > 0 {
        missing.push(format!("{more} paths of the traffic have none; {} have.", paths.len()));
    }
    match Prober::new(&running.eal, plan, paths, stations) {
        Ok(probes) => Some(probes),
        Err(error) => {
            missing.push(format!("{error}."));
            None
        }
    }
}

/// One port's part in probing.
struct Station {
    timesync: Timesync,
    /// What it sends probes with; `None` on a port that only receives them.
    sender: Option<(TxQueue, TxBatch)>,
    /// Frames and bytes sent.
    sent: (u64, u64),
}

impl Station {
    fn read(&mut self, clock: &TscClock) -> Option<Reading> {
        let before = clock.now_ordered();
        let nanos = self.timesync.time()?;
        Some(Reading {
            before: before.0,
            nanos,
            after: clock.now_ordered().0,
        })
    }
}

/// Sends the probes of a run.
pub struct Prober {
    stations: Vec<Option<Station>>,
    records: Vec<PathRecord>,
    arrivals: Receiver<Arrival>,
    rng: Pcg64Mcg,
    sequence: u16,
}

/// What probing has come to.
#[derive(Debug, Clone, Default)]
pub struct Probed {
    /// Each path.
    pub paths: Vec<PathRecord>,
    /// Frames and bytes sent by each port.
    pub sent: Vec<(u64, u64)>,
}

impl Prober {
    /// A prober for `paths`. `queues` has for each port the queue that probes are sent through, its time
    /// stamps, and the places in that queue's ring. Receiving loops say through the channel what has come.
    ///
    /// # Errors
    /// [`Error::Pool`]: there is no memory for a few small frames.
    pub fn new(
        eal: &Eal,
        plan: &Plan,
        paths: Vec<Path>,
        queues: Vec<Option<(TxQueue, Timesync, u16)>>,
    ) -> Result<(Prober, Sender<Arrival>), Error> {
        let (tell, arrivals) = bounded(1024);
        let mut stations = Vec::new();
        for (port, queue) in queues.into_iter().enumerate() {
            let station = match queue {
                // A pool of its own: its thread may be interrupted anywhere, and must hold up nobody then.
                Some((queue, timesync, places)) => {
                    let sends = paths.iter().any(|path| path.from == port);
                    let sender = if sends {
                        Some((queue, TxBatch::new(&pool(eal, port, places)?)))
                    } else {
                        None
                    };
                    Some(Station {
                        timesync,
                        sender,
                        sent: (0, 0),
                    })
                }
                None => None,
            };
            stations.push(station);
        }
        let record = |path| PathRecord {
            path,
            counts: Counts::default(),
            readings: Vec::new(),
            stamped: Vec::new(),
        };
        let prober = Prober {
            stations,
            records: paths.into_iter().map(record).collect(),
            arrivals,
            rng: Pcg64Mcg::seed_from_u64(mix(plan.seed ^ 0x5079_7470)),
            sequence: 0,
        };
        Ok((prober, tell))
    }

    /// Probes one path after the other, from the run's start until `over` is set.
    #[must_use]
    pub fn run(mut self, clock: &TscClock, over: &AtomicBool) -> Probed {
        let mut next = Picos::ZERO;
        let mut path = 0;
        while !over.load(Ordering::Relaxed) {
            let now = clock.now();
            // Before the run's zero the clock stands still.
            if now == Picos::ZERO || now < next {
                let left = Duration::from_nanos(next.saturating_sub(now).0 / 1000);
                std::thread::sleep(left.clamp(Duration::from_micros(20), Duration::from_millis(10)));
                continue;
            }
            next = now.saturating_add(self.pause());
            self.probe(path, clock);
            path = (path + 1) % self.records.len().max(1);
        }
        while let Ok(arrival) = self.arrivals.try_recv() {
            was_late(&mut self.records, &arrival);
        }
        Probed {
            paths: self.records,
            sent: self
                .stations
                .iter()
                .map(|station| station.as_ref().map_or((0, 0), |station| station.sent))
                .collect(),
        }
    }

    /// An exponential time of mean [`EVERY`], never more than ten times that.
    fn pause(&mut self) -> Picos {
        #[expect(clippy::cast_precision_loss, reason = "53 random bits")]
        let uniform = ((self.rng.next_u64() >> 11) as f64 + 1.0) / 9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 10 ms in ps"
        )]
        let pause = (-uniform.ln()).min(10.0).mul_add(EVERY.0 as f64, 0.0) as u64;
        Picos(pause)
    }

    /// Sends one probe on path `index` and waits for what becomes of it.
    fn probe(&mut self, index: usize, clock: &TscClock) {
        // What is left of a probe that was given up must not be taken for this one's.
        while let Ok(arrival) = self.arrivals.try_recv() {
            was_late(&mut self.records, &arrival);
        }
        let open = self.records.get(index).filter(|record| record.counts.sent < SAMPLES);
        let Some(path) = open.map(|record| record.path.clone()) else {
            return;
        };
        let (from, to) = (path.from, path.to);
        let stations = &mut self.stations;
        let mut read = |port: usize| stations.get_mut(port)?.as_mut()?.read(clock);
        let (Some(sending), Some(receiving)) = (read(from), read(to)) else {
            return;
        };
        if let Some(station) = stations.get_mut(to).and_then(Option::as_mut) {
            let _ = station.timesync.rx_stamp(0);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let Some(sender) = stations.get_mut(from).and_then(Option::as_mut) else {
            return;
        };
        let _ = sender.timesync.tx_stamp();
        let taken = sender.send(&path, sequence);
        if let Some(record) = self.records.get_mut(index) {
            record.counts.sent += u64::from(taken);
            record.counts.refused += u64::from(!taken);
        }
        if !taken {
            return;
        }
        let sent = wait(clock, STAMP_WITHIN, || sender.timesync.tx_stamp());

        let (identity, mut disturbed) = (path.clock(), false);
        let (arrivals, records) = (&self.arrivals, &mut self.records);
        let arrived = wait(clock, ARRIVES_WITHIN, || {
            let arrival = arrivals.try_recv().ok()?;
            if (arrival.port, arrival.clock, arrival.sequence) == (to, identity, sequence) {
                return Some(arrival);
            }
            was_late(records, &arrival);
            disturbed |= arrival.port == to;
            None
        });
        let receiver = stations.get_mut(to).and_then(Option::as_mut);
        let received = arrived.zip(receiver).and_then(|(arrival, receiver)| {
            // The frame is there, and so is its stamp, if there is one.
            wait(clock, STAMP_WITHIN, || receiver.timesync.rx_stamp(arrival.flags))
        });
        let mut read = |port: usize| stations.get_mut(port)?.as_mut()?.read(clock);
        let (Some(sending_after), Some(receiving_after)) = (read(from), read(to)) else {
            return;
        };
        let Some(record) = self.records.get_mut(index) else {
            return;
        };
        let counts = &mut record.counts;
        match (sent, arrived, received) {
            (_, None, _) => counts.lost += 1,
            (None, Some(_), _) => counts.no_departure += 1,
            (Some(_), Some(_), None) => counts.no_arrival += 1,
            (Some(_), Some(_), Some(_)) if disturbed => counts.disturbed += 1,
            (Some(sent), Some(_), Some(received)) => {
                let inside = (sending.nanos..=sending_after.nanos).contains(&sent)
                    && (receiving.nanos..=receiving_after.nanos).contains(&received);
                if !inside {
                    counts.outside += 1;
                } else {
                    // By its own clock, from a reading just before: the drift of a moment is nothing.
                    let since = sent.wrapping_sub(sending.nanos).saturating_mul(1000);
                    record.stamped.push(Stamped {
                        at: sending.before.midpoint(sending.after).saturating_add(since),
                        half: sending.after.saturating_sub(sending.before).div_ceil(2),
                        sent,
                        received,
                    });
                }
            }
        }
        record.readings.push((sending, receiving));
        record.readings.push((sending_after, receiving_after));
    }
}

/// Puts right the books of the path whose probe has come after it was given up.
fn was_late(records: &mut [PathRecord], arrival: &Arrival) {
    let its = |record: &&mut PathRecord| record.path.to == arrival.port && record.path.clock() == arrival.clock;
    if let Some(record) = records.iter_mut().find(its)
        && record.counts.lost > 0
    {
        record.counts.lost -= 1;
        record.counts.late += 1;
    }
}

impl Station {
    fn send(&mut self, path: &Path, sequence: u16) -> bool {
        let Some((queue, batch)) = &mut self.sender else {
            return false;
        };
        if batch.refill(1) == 0 {
            return false;
        }
        let frame = batch.frame(0);
        let len = path.frame(sequence, frame.bytes);
        *frame.mark = template::forget_header(*frame.mark);
        batch.set_len(0, u16::try_from(len).unwrap_or(0));
        let sent = batch.send_stamped(queue) == 1;
        batch.discard_pending();
        if sent {
            self.sent.0 += 1;
            self.sent.1 += len as u64;
        }
        sent
    }
}

/// Buffers for the probes of one port: a driver may leave as many in its ring as that has places.
fn pool(eal: &Eal, port: usize, places: u16) -> Result<TxPool, Error> {
    let config = PoolConfig {
        name: format!("ptp{port}"),
        frames: (u32::from(places) + 256).next_power_of_two() - 1,
        data_room: 128,
        numa_node: None,
    };
    TxPool::new(eal, &config, &[0; 128])
}

/// Asks until there is an answer, or for `long`; once more after that, as this thread may have been
/// interrupted meanwhile.
fn wait<T>(clock: &TscClock, long: Picos, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = clock.now().saturating_add(long);
    loop {
        let late = clock.now() >= until;
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if late {
            return None;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::VlanTag;

    /// Three workers behind a port each; the first two send to the third, in two classes.
    fn plan(change: impl FnOnce(&mut crate::testbed::Testbed)) -> Plan {
        let text = "
traffic:
  - {name: tagged, kind: incast, senders: 2, message: 4KiB, frame: {vlan: {vid: 100, pcp: 3}}}
  - {name: bare, kind: incast, senders: 2, message: 4KiB}
";
        let pattern = crate::pattern::parse("test", text, &[]).unwrap();
        let mut testbed = crate::plan::tests::testbed(3);
        change(&mut testbed);
        crate::plan::build(&pattern, &testbed, &[crate::units::BitRate(1_000_000_000); 3]).unwrap()
    }

    fn ends(paths: &[Path]) -> Vec<(usize, usize, usize)> {
        paths.iter().map(|path| (path.from, path.to, path.tags.len())).collect()
    }

    #[test]
    fn paths_are_those_of_the_traffic_by_class_between_ports_that_stamp() {
        let all = plan(|_| ());
        let (found, more) = paths(&all, &[true; 3]);
        assert_eq!(
            (ends(&found), more),
            (vec![(0, 2, 1), (1, 2, 1), (0, 2, 0), (1, 2, 0)], 0)
        );
        let (found, _) = paths(&all, &[false, true, true]);
        assert_eq!(ends(&found), [(1, 2, 1), (1, 2, 0)]);
        assert_eq!(paths(&all, &[true, true, false]), (vec![], 0));
        let routed = plan(|testbed| testbed.ports[0].gateway_mac = Some([2, 0, 0, 0, 9, 9]));
        assert_eq!(ends(&paths(&routed, &[true; 3]).0), [(1, 2, 1), (1, 2, 0)]);
        let looped = plan(|testbed| testbed.ports.iter_mut().for_each(|port| port.loopback = true));
        assert_eq!(
            ends(&paths(&looped, &[true; 3]).0),
            [(0, 0, 1), (1, 1, 1), (0, 0, 0), (1, 1, 0)]
        );
    }

    #[test]
    fn a_probe_that_comes_too_late_is_not_lost() {
        let (found, _) = paths(&plan(|_| ()), &[true; 3]);
        let record = |path: &Path| PathRecord {
            path: path.clone(),
            counts: Counts {
                lost: 1,
                ..Counts::default()
            },
            readings: Vec::new(),
            stamped: Vec::new(),
        };
        let mut records: Vec<PathRecord> = found.iter().take(2).map(record).collect();
        let arrival = Arrival {
            port: 2,
            clock: found[1].clock(),
            sequence: 9,
            flags: 0,
        };
        was_late(&mut records, &arrival);
        // A second copy of it, and somebody else's.
        was_late(&mut records, &arrival);
        was_late(
            &mut records,
            &Arrival {
                clock: [7; 8],
                ..arrival
            },
        );
        let counts: Vec<(u64, u64)> = records.iter().map(|one| (one.counts.lost, one.counts.late)).collect();
        assert_eq!(counts, [(1, 0), (0, 1)]);
    }

    #[test]
    fn a_probe_is_a_sync_in_the_class_of_the_traffic() {
        let tag = VlanTag {
            tpid: 0x8100,
            vid: 10,
            pcp: 3,
            dei: false,
        };
        let path = Path {
            from: 0,
            to: 1,
            tags: vec![tag],
            src: [2, 0, 0, 0, 0, 1],
            dst: [2, 0, 0, 0, 0, 2],
        };
        let mut out = [0xa5; 128];
        let len = path.frame(0x1234, &mut out);
        // 18 bytes of link header, 44 of Sync; as IEEE 802.1Q and 1588 have them.
        let expected: [u8; 62] = [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0x60, 0x0a, 0x88, 0xf7, // link
            0, 2, 0, 44, 127, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // to the clock identity
            2, 0, 0, 0xff, 0xfe, 0, 0, 1, 0, 1, 0x12, 0x34, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(out[..len], expected);
        let arrival = Arrival::of(7, &out[..len], 1).unwrap();
        assert_eq!(
            (arrival.port, arrival.sequence, arrival.clock),
            (7, 0x1234, path.clock())
        );
        out[18] = 0x08;
        assert_eq!(Arrival::of(7, &out[..len], 1), None, "a Follow_Up is not stamped");
    }
}
