//! PFC thresholds planted in a switch with PFC, written out here, are read back.

use std::collections::{BTreeMap, VecDeque};

use super::super::pfc::{Direction, Pausing, Place, UNFOUNDED};
use super::super::{Configured, Evidence, Inferred, infer};
use super::model::*;
use crate::measure::pause::{PauseLog, PauseMeter, ReceivedPause, pause_time};
use crate::measure::{PortRecord, trace::Trace};
use crate::units::Picos;

const PROPAGATION: u64 = 50_000;
const LATENCY: u64 = 600_000;
const LEN: u16 = 4170;

/// What happens in the model, at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A sender may send.
    Free(usize),
    /// Its frame joins the queue.
    Joins(usize, u64),
    /// The egress has sent a frame.
    Left,
    /// A PFC frame arrives at a sender: pause or resume.
    Pfc(usize, bool),
}

struct Lossless {
    passed: Vec<Passed>,
    /// When a PFC frame came to which sender, and whether it paused.
    pauses: Vec<(u64, usize, bool)>,
}

/// `senders` senders of `frames` frames each through a switch that pauses each of them by the bytes
/// that it holds of it. `stuck`: sender 0 is paused from then until then, whatever it holds.
fn lossless(senders: usize, frames: usize, xoff: u64, xon: u64, stuck: Option<(u64, u64)>) -> Lossless {
    let own = on_link(LEN);
    let pfc = on_link(60);
    let mut events: BTreeMap<(u64, u64), Event> = BTreeMap::new();
    let mut number = 0;
    let mut push = |events: &mut BTreeMap<_, _>, time: u64, event: Event| {
        number += 1;
        events.insert((time, number), event);
    };
    for sender in 0..senders {
        push(&mut events, 0, Event::Free(sender));
    }
    if let Some((from, to)) = stuck {
        push(&mut events, from, Event::Pfc(0, true));
        push(&mut events, to, Event::Pfc(0, false));
    }
    let mut left = vec![frames; senders];
    let (mut paused, mut idle) = (vec![false; senders], vec![false; senders]);
    let (mut held, mut told) = (vec![0u64; senders], vec![false; senders]);
    let mut queue: VecDeque<(usize, u64)> = VecDeque::new();
    let mut out = Lossless {
        passed: Vec::new(),
        pauses: Vec::new(),
    };
    while let Some(((now, _), event)) = events.pop_first() {
        match event {
            Event::Free(sender) => {
                idle[sender] = paused[sender];
                if !paused[sender] && left[sender] > 0 {
                    left[sender] -= 1;
                    push(&mut events, now + own, Event::Free(sender));
                    push(
                        &mut events,
                        now + own + PROPAGATION + LATENCY,
                        Event::Joins(sender, now),
                    );
                }
            }
            Event::Joins(sender, departure) => {
                held[sender] += u64::from(LEN);
                queue.push_back((sender, departure));
                if queue.len() == 1 {
                    push(&mut events, now + own, Event::Left);
                }
                if held[sender] > xoff && !told[sender] {
                    told[sender] = true;
                    push(&mut events, now + pfc + PROPAGATION, Event::Pfc(sender, true));
                }
            }
            Event::Left => {
                let (sender, departure) = queue.pop_front().unwrap();
                held[sender] -= u64::from(LEN);
                out.passed.push(Passed {
                    sent: Sent {
                        departure,
                        sender,
                        len: LEN,
                    },
                    arrival: now + PROPAGATION,
                    found: 0,
                    left: 0,
                    marked: false,
                });
                if !queue.is_empty() {
                    push(&mut events, now + own, Event::Left);
                }
                if told[sender] && held[sender] <= xon {
                    told[sender] = false;
                    push(&mut events, now + pfc + PROPAGATION, Event::Pfc(sender, false));
                }
            }
            Event::Pfc(sender, pause) => {
                out.pauses.push((now, sender, pause));
                paused[sender] = pause;
                if !pause && idle[sender] {
                    idle[sender] = false;
                    push(&mut events, now, Event::Free(sender));
                }
            }
        }
    }
    out
}

/// What is inferred of it, with what the model's senders received.
fn read(senders: usize, model: &Lossless, end: u64, leaves: usize) -> Inferred {
    read_of(senders, model, end, leaves, model.passed.len())
}

/// The same of a trace that has room for so many frames.
fn read_of(senders: usize, model: &Lossless, end: u64, leaves: usize, room: usize) -> Inferred {
    let plan = plan(senders);
    let whole = trace(&model.passed, u16::try_from(senders).unwrap());
    let mut trace = Trace::with_room_for(room);
    whole.observations().iter().for_each(|one| trace.push(*one));
    let mut log = PauseLog::default();
    let mut ports = vec![PortRecord::default(); senders + 1];
    for (time, sender, pause) in &model.pauses {
        let mut quanta = [0; 8];
        quanta[3] = if *pause { 0xffff } else { 0 };
        ports[*sender].paused[3].see(Picos(*time), pause_time(quanta[3], SPEED));
        log.push(ReceivedPause {
            port: u16::try_from(*sender).unwrap(),
            classes: 8,
            time: Picos(*time),
            quanta,
        });
    }
    let places: Vec<Place> = (0..=senders)
        .map(|port| Place {
            leaf: u32::try_from(port % leaves).unwrap(),
            pod: 0,
            uplink: None,
        })
        .collect();
    infer(&Evidence {
        plan: &plan,
        trace: &trace,
        received: &log,
        ports: &ports,
        sent: &[],
        flow_packets: &[],
        configured: &Configured::default(),
        places: &places,
        end: Picos(end),
    })
}

fn of(inferred: &Inferred, port: usize) -> &Pausing {
    let mut mine = inferred
        .pausing
        .iter()
        .filter(|one| one.port == port && one.direction == Direction::Received);
    let found = mine.next().unwrap();
    assert!(mine.next().is_none());
    found
}

#[test]
fn thresholds_are_read_to_the_frame() {
    for (senders, xoff, xon) in [
        (2, 100_000, 50_000),
        (4, 10_000, 5_000),
        (8, 1_000_000, 900_000),
        (3, 300_000, 10_000),
    ] {
        let model = lossless(senders, 3_000, xoff, xon, None);
        let inferred = read(senders, &model, 1 << 40, 1);
        for port in 0..senders {
            let pausing = of(&inferred, port);
            let (read_off, read_on) = (pausing.xoff.as_ref().unwrap(), pausing.xon.as_ref().unwrap());
            let frame = f64::from(LEN);
            for (read, planted) in [(read_off, xoff), (read_on, xon)] {
                let context = format!("{senders} {planted}: {read:?}");
                assert!((read.threshold.value - planted as f64).abs() <= frame, "{context}");
                assert!(
                    read.threshold.low <= planted as f64 && planted as f64 <= read.threshold.high,
                    "{context}"
                );
                assert!(read.readings.len() > 1, "{context}");
            }
            // A switch that counts what has just arrived may have counted so much more.
            let on_the_way = (LATENCY + PROPAGATION) as f64 * SPEED.0 as f64 / 8e12;
            assert!(read_off.uncertainty as f64 <= on_the_way + 2.0 * frame, "{read_off:?}");
            assert!(!pausing.storm && pausing.unfounded.unwrap() < UNFOUNDED, "{pausing:?}");
        }
        assert_eq!(inferred.propagation, Some(1));
        // Behind two leaves it is not known whose bytes they are.
        let inferred = read(senders, &model, 1 << 40, 2);
        assert_eq!(inferred.propagation, Some(3));
        let first = of(&inferred, 0);
        assert!(first.xoff.is_none() && first.why_not.is_some() && first.total > Picos::ZERO);
    }
}

#[test]
fn pause_time_is_that_of_the_model() {
    let model = lossless(4, 2_000, 100_000, 50_000, None);
    let inferred = read(4, &model, 1 << 40, 1);
    for port in 0..4 {
        // The model never lets a pause run out, so what it paused is the sum of the spans between.
        let mine: Vec<_> = model.pauses.iter().filter(|(_, sender, _)| *sender == port).collect();
        let pairs = mine.chunks(2).map(|two| two[1].0 - two[0].0);
        let pausing = of(&inferred, port);
        assert_eq!(pausing.total, Picos(pairs.clone().sum()));
        assert_eq!(pausing.longest, Picos(pairs.clone().max().unwrap()));
        assert_eq!(pausing.meter.pauses, pairs.len() as u64);
    }
}

#[test]
fn a_pause_without_a_reason_stands_out() {
    // Paused for 60 us though the little that it had in the switch was gone after a few.
    let model = lossless(2, 400, 1_000_000, 900_000, Some((5_000_000, 65_000_000)));
    let inferred = read(2, &model, 1 << 40, 1);
    let stuck = of(&inferred, 0).unfounded.unwrap();
    assert!(
        stuck > Picos::from_micros(40) && stuck < Picos::from_micros(60),
        "{stuck}"
    );
    assert!(!inferred.pausing.iter().any(|one| one.port == 1));
}

#[test]
fn a_pause_kept_up_is_a_storm() {
    let mut meter = PauseMeter::default();
    let full = pause_time(0xffff, SPEED);
    for n in 0..25 {
        meter.see(Picos(n * full.0 / 2), full);
    }
    let plan = plan(2);
    let mut ports = vec![PortRecord::default(); 3];
    ports[1].paused[3] = meter;
    let nothing = Trace::with_room_for(0);
    let inferred = infer(&Evidence {
        plan: &plan,
        trace: &nothing,
        received: &PauseLog::default(),
        ports: &ports,
        sent: &[],
        flow_packets: &[],
        configured: &Configured::default(),
        places: &[],
        end: Picos(1 << 50),
    });
    let pausing = of(&inferred, 1);
    assert!(pausing.storm, "{pausing:?}");
    assert_eq!(pausing.total, Picos(12 * full.0 + full.0));
    assert!(pausing.xoff.is_none() && pausing.why_not.is_some());
    assert_eq!(inferred.propagation, None);
}

/// Frames were kept only until 80 us: what sender 0 had in the switch then arrived later, and a pause that
/// went on is neither without a reason nor judged as to what it cost.
#[test]
fn what_lies_beyond_the_trace_is_not_judged() {
    let micros = |time: u64| time * 1_000_000;
    let mut passed: Vec<(usize, u64, u64)> = vec![(0, 0, 1), (0, 2, 100)];
    passed.extend((2..120).map(|time| (1, time, time + 1)));
    passed.sort_by_key(|(_, _, arrival)| *arrival);
    let frame = |(sender, departure, arrival): (usize, u64, u64)| Passed {
        sent: Sent {
            departure: micros(departure),
            sender,
            len: LEN,
        },
        arrival: micros(arrival),
        found: 0,
        left: 0,
        marked: false,
    };
    let model = Lossless {
        passed: passed.into_iter().map(frame).collect(),
        pauses: vec![(micros(3), 0, true), (micros(85), 0, false)],
    };
    let whole = read(2, &model, micros(200), 1);
    assert_eq!(of(&whole, 0).unfounded, Some(Picos::ZERO));
    assert_eq!(whole.victims[0].unwrap().held, Some(Picos::from_micros(82)));
    let cut = read_of(2, &model, micros(200), 1, 79);
    assert_eq!(cut.until, Some(Picos::from_micros(81)));
    assert_eq!(of(&cut, 0).unfounded, None);
    assert_eq!(cut.victims[0].unwrap().held, None);
    // A pause that was over by then is judged as before.
    let model = Lossless {
        pauses: vec![(micros(3), 0, true), (micros(60), 0, false)],
        ..model
    };
    let cut = read_of(2, &model, micros(200), 1, 79);
    assert_eq!(cut.victims[0].unwrap().held, Some(Picos::from_micros(57)));
}

/// More stands in the switch when it lets a sender go than when it stopped it: that is no threshold.
#[test]
fn an_xon_above_its_xoff_is_none() {
    let micros = |time: u64| time * 1_000_000;
    let frame = |departure: u64, arrival: u64| Passed {
        sent: Sent {
            departure: micros(departure),
            sender: 0,
            len: LEN,
        },
        arrival: micros(arrival),
        found: 0,
        left: 0,
        marked: false,
    };
    // One alone, then forty of which none comes out before the pause is over.
    let passed = std::iter::once(frame(0, 1)).chain((10..50).map(|time| frame(time, 30 + time)));
    let held_at = |off: u64, on: u64| Lossless {
        passed: passed.clone().collect(),
        pauses: vec![(micros(off), 0, true), (micros(on), 0, false)],
    };
    let upside_down = read(1, &held_at(15, 38), micros(200), 1);
    let pausing = of(&upside_down, 0);
    assert!(pausing.xoff.is_some(), "{pausing:?}");
    assert_eq!(pausing.xon, None);
    assert!(pausing.why_not.as_deref().unwrap().contains("XON reads above XOFF"));
    // Let go when most has come out: both are read.
    let upright = read(1, &held_at(38, 75), micros(200), 1);
    let pausing = of(&upright, 0);
    let (xoff, xon) = (pausing.xoff.as_ref().unwrap(), pausing.xon.as_ref().unwrap());
    assert!(xon.threshold.value < xoff.threshold.value, "{pausing:?}");
}

/// Nothing is ever alone: the unloaded delay lies between a frame's own time on the link and the least that was
/// seen. XOFF is read with all that this leaves open, or not at all.
#[test]
fn xoff_is_not_read_as_if_delays_were_nothing() {
    for (senders, xoff, xon) in [
        (2, 100_000u64, 50_000u64),
        (4, 500_000, 480_000),
        (3, 2_000_000, 1_000_000),
    ] {
        let mut model = lossless(senders, 3_000, xoff, xon, None);
        // A first frame without a time of its own: the next one finds the link busy, and so on.
        model.passed[0].sent.departure = u64::MAX;
        let inferred = read(senders, &model, 1 << 40, 1);
        for port in 0..senders {
            let pausing = of(&inferred, port);
            match &pausing.xoff {
                Some(read) => {
                    let (low, high) = (read.threshold.low, read.threshold.high);
                    assert!(low <= xoff as f64 && xoff as f64 <= high, "{read:?}");
                    // The latency is not known, and at 400 Gb/s it is 30 KB.
                    assert!(high - low > 25_000.0, "{read:?}");
                }
                None => {
                    let why = pausing.why_not.as_ref().unwrap();
                    assert!(why.contains("XOFF is between") && why.contains("alone"), "{why}");
                }
            }
        }
    }
}
