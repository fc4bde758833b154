//! A D/D/1 queue behind N senders' links: the switch of these tests, in thirty lines.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::super::{Configured, Evidence, Inferred, infer};
use crate::measure::pause::{PauseLog, SentPause};
use crate::measure::trace::{Kind, Observation, Trace};
use crate::plan::Plan;
use crate::testbed::EcnThresholds;
use crate::units::{BitRate, Bytes, Picos, Share};

pub const SPEED: BitRate = BitRate(400_000_000_000);

/// A plan of `senders` senders to one receiver, a port each; the receiver's is the last.
pub fn plan(senders: usize) -> Plan {
    let text = format!(
        "name: t\nseed: 1\ntraffic:\n  - name: in\n    kind: incast\n    senders: {senders}\n    message: 1MB\n    frame: {{ecn: ect0}}\n"
    );
    let pattern = crate::pattern::parse("test", &text, &[]).unwrap();
    let testbed = crate::plan::tests::testbed(senders + 1);
    crate::plan::build(&pattern, &testbed, &vec![SPEED; senders + 1]).unwrap()
}

/// When the model's switch marks.
#[derive(Debug, Clone, Copy)]
pub struct Red {
    pub kmin: u64,
    pub kmax: u64,
    pub pmax: f64,
    pub at_dequeue: bool,
}

impl Red {
    pub fn step(threshold: u64) -> Red {
        Red {
            kmin: threshold,
            kmax: threshold,
            pmax: 1.0,
            at_dequeue: false,
        }
    }

    pub fn marks(self, depth: u64, draw: f64) -> bool {
        let (depth, kmin, kmax) = (depth as f64, self.kmin as f64, self.kmax as f64);
        let share = if depth <= kmin {
            0.0
        } else if depth > kmax {
            1.0
        } else {
            self.pmax * (depth - kmin) / (kmax - kmin)
        };
        draw < share
    }
}

/// One frame to send.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub departure: u64,
    pub sender: usize,
    pub len: u16,
}

/// What the model knows of a frame that passed.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    pub sent: Sent,
    pub arrival: u64,
    pub found: u64,
    pub left: u64,
    pub marked: bool,
}

/// Time of a frame on a link, ps: preamble, FCS and gap included.
pub fn on_link(len: u16) -> u64 {
    (u64::from(len) + 24) * 8 * 1_000_000_000_000 / SPEED.0
}

/// Passes frames through links with `latency[sender]` to one queue and out of it.
pub fn pass(sent: &[Sent], latency: &[u64], red: Option<Red>, seed: u64) -> Vec<Passed> {
    let mut queue: Vec<(u64, Sent)> = sent
        .iter()
        .map(|one| (one.departure + on_link(one.len) + latency[one.sender], *one))
        .collect();
    queue.sort_by_key(|(enters, _)| *enters);
    let mut free = 0;
    // (enters, begins, ends) of each.
    let spans: Vec<(u64, u64, u64)> = queue
        .iter()
        .map(|(enters, one)| {
            let begins = free.max(*enters);
            free = begins + on_link(one.len);
            (*enters, begins, free)
        })
        .collect();
    let mut draws = Pcg64::seed_from_u64(seed);
    let len = |at: usize| u64::from(queue[at].1.len);
    (0..queue.len())
        .map(|at| {
            let (enters, begins, ends) = spans[at];
            let found = (0..at)
                .rev()
                .take_while(|other| spans[*other].2 > enters)
                .map(len)
                .sum();
            let left = (at + 1..queue.len())
                .take_while(|other| spans[*other].0 < begins)
                .map(len)
                .sum();
            let depth = if red.is_some_and(|red| red.at_dequeue) {
                left
            } else {
                found
            };
            let draw = draws.random::<f64>();
            Passed {
                sent: queue[at].1,
                arrival: ends + 50_000,
                found,
                left,
                marked: red.is_some_and(|red| red.marks(depth, draw)),
            }
        })
        .collect()
}

/// Marks at dequeue as a switch does in which what enters at the very moment at which a frame begins to leave comes before that.
pub fn mark_with_ties(passed: &mut [Passed], latency: u64, red: Red, seed: u64) {
    let mut draws = Pcg64::seed_from_u64(seed);
    let enters: Vec<u64> = passed
        .iter()
        .map(|one| one.sent.departure + on_link(one.sent.len) + latency)
        .collect();
    for at in 0..passed.len() {
        let begins = passed[at].arrival - 50_000 - on_link(passed[at].sent.len);
        let behind = (at + 1..passed.len()).take_while(|other| enters[*other] <= begins);
        let depth = behind.map(|other| u64::from(passed[other].sent.len)).sum();
        passed[at].marked = red.marks(depth, draws.random::<f64>());
    }
}

/// Senders that each send `frames` frames of `len` bytes from `start` on, at line rate.
pub fn burst(senders: usize, frames: usize, len: u16, start: u64) -> Vec<Sent> {
    (0..frames)
        .flat_map(|n| {
            (0..senders).map(move |sender| Sent {
                departure: start + n as u64 * on_link(len),
                sender,
                len,
            })
        })
        .collect()
}

/// A trace of what passed.
pub fn trace(passed: &[Passed], port: u16) -> Trace {
    let mut trace = Trace::with_room_for(passed.len());
    let mut seq = vec![0u32; 1024];
    for one in passed {
        trace.push(Observation {
            departure: Picos(one.sent.departure),
            arrival: Picos(one.arrival),
            flow: u32::try_from(one.sent.sender).unwrap(),
            seq: seq[one.sent.sender],
            port,
            len: one.sent.len,
            class: 3,
            ecn: if one.marked { 3 } else { 2 },
            kind: Kind::First,
        });
        seq[one.sent.sender] += 1;
    }
    trace
}

/// Infers from a trace.
pub fn read(plan: &Plan, trace: &Trace, sent: &[SentPause], configured: Option<Red>) -> Inferred {
    let configured = Configured {
        ecn: configured.map(|red| EcnThresholds {
            kmin: Bytes(red.kmin),
            kmax: Bytes(red.kmax),
            pmax: Share(red.pmax),
        }),
        pfc: None,
        lossless: None,
        meter: None,
    };
    infer(&Evidence {
        plan,
        trace,
        received: &PauseLog::default(),
        ports: &[],
        places: &[],
        sent,
        flow_packets: &[],
        configured: &configured,
        end: Picos(1 << 50),
    })
}
