//! Priority-based flow control (IEEE 802.1Q clause 36): pauses that ports send and obey.
//!
//! Contract: a PFC frame goes out at the next frame boundary, before data, says the state at that
//! moment, and is itself not subject to PFC. An XOFF is said again after half of its time.
//!
//! Left out on purpose: thresholds, which `switch` applies as frames come and go.

use super::event::{What, small};
use super::port::{CLASSES, Owner, QUANTA};
use super::{Event, Fabric, Frame};
use crate::wire::{self, pfc};

/// Bytes from one port in one class.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thresholds {
    pub xoff: u64,
    pub xon: u64,
    pub headroom: u64,
}

impl<F: Frame> Fabric<F> {
    /// Sends a PFC frame from an idle port that has something to say.
    pub(super) fn send_pause(&mut self, port: usize) {
        let state = &mut self.ports[port];
        let wanted = state.xoff | state.stuck;
        let changed = state.announced ^ wanted;
        let classes = changed | (state.refresh & wanted);
        state.refresh = 0;
        state.announced = wanted;
        let half = state.pause_time(QUANTA) / 2;
        for class in (0..CLASSES).filter(|class| classes & (1 << class) != 0) {
            let bit = 1 << class;
            if wanted & bit != 0 {
                state.tally[class].xoff_sent += 1;
                state.refresh_at[class] = self.now + half;
                self.events.push(self.now + half, What::Refresh, port, small(class));
                if changed & bit != 0 {
                    state.announced_since[class] = self.now;
                }
            } else {
                state.tally[class].xon_sent += 1;
                state.tally[class].holding += self.now - state.announced_since[class];
            }
        }
        if classes == 0 {
            // Only a refresh was wanted, of a pause that has ended since.
            self.start(port);
            return;
        }
        state.busy = true;
        state.sending = None;
        let sent = self.now + state.pause_wire_time();
        let argument = u32::from(classes) << 8 | u32::from(classes & wanted);
        let (peer, arrival, may_fail) = (state.peer, sent + state.propagation, state.may_fail);
        self.events.push(sent, What::Sent, port, 0);
        if !(may_fail && self.fails(port, self.now, arrival, false)) {
            self.events.push(arrival, What::Pause, peer as usize, argument);
        }
    }

    /// It is time to say a pause again.
    pub(super) fn refresh(&mut self, port: usize, class: u32) {
        let state = &mut self.ports[port];
        let due = state.refresh_at[class as usize & 7] == self.now;
        if due && state.announced & (1 << class) != 0 {
            state.refresh |= 1 << class;
            self.start(port);
        }
    }

    /// A PFC frame of the fabric's own has arrived.
    pub(super) fn pause_arrives(&mut self, port: usize, argument: u32) {
        let [_, _, classes, paused] = argument.to_be_bytes();
        if let Owner::Host(host) = self.ports[port].owner {
            self.told.push_back(Event::Pause {
                host: host as usize,
                classes,
                paused,
            });
        }
        let quanta = std::array::from_fn(|class| if paused & (1 << class) != 0 { QUANTA } else { 0 });
        self.obey(port, classes, &quanta);
    }

    /// A MAC control frame of a host has arrived at its peer, which consumes it.
    pub(super) fn control(&mut self, port: usize, frame: u32) {
        let Some(frame) = self.frames.remove(frame) else {
            return;
        };
        let parameters = match wire::Frame::parse(frame.head()) {
            Ok(wire::Frame::MacControl(bytes)) => pfc::Repr::parse(bytes).ok(),
            _ => None,
        };
        drop(frame);
        match parameters {
            Some(pfc) => {
                let [_, classes] = pfc.class_enable.to_be_bytes();
                self.obey(port, classes, &pfc.quanta);
            }
            None => self.ports[port].control_ignored += 1,
        }
    }

    /// Holds and frees the classes of a port as its peer asks (IEEE 802.1Q 36.1.3.3), at once.
    fn obey(&mut self, port: usize, classes: u8, quanta: &[u16; CLASSES]) {
        let state = &mut self.ports[port];
        let before = state.held;
        for class in (0..CLASSES).filter(|class| classes & (1 << class) != 0) {
            let bit = 1 << class;
            let time = state.pause_time(quanta[class]);
            if quanta[class] == 0 {
                state.tally[class].xon_received += 1;
                if state.held & bit != 0 {
                    state.held &= !bit;
                    state.tally[class].held += self.now - state.held_since[class];
                }
                continue;
            }
            state.tally[class].xoff_received += 1;
            if state.held & bit == 0 {
                state.held |= bit;
                state.held_since[class] = self.now;
            }
            state.held_until[class] = self.now + time;
            self.events.push(self.now + time, What::Expires, port, small(class));
        }
        self.changed(port, before);
    }

    /// A pause ends by itself, unless it was said again.
    pub(super) fn pause_expires(&mut self, port: usize, class: u32) {
        let state = &mut self.ports[port];
        let before = state.held;
        let (bit, class) = (1 << (class & 7), class as usize & 7);
        if state.held & bit != 0 && state.held_until[class] == self.now {
            state.held &= !bit;
            state.tally[class].held += self.now - state.held_since[class];
        }
        self.changed(port, before);
    }

    /// What a port may send has changed.
    fn changed(&mut self, port: usize, before: u8) {
        if self.ports[port].held == before {
            return;
        }
        self.start(port);
        let state = &self.ports[port];
        if let Owner::Host(host) = state.owner
            && !state.busy
        {
            self.told.push_back(Event::Idle(host as usize));
        }
    }
}
