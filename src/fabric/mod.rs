//! The reference fabric: NICs, links and shared-buffer switches in virtual time, at the far end of
//! the ports. `docs/FABRIC.md` states all of its rules; code and page say the same.
//!
//! Contract: exact and repeatable. Time is whole picoseconds, events of one moment happen in the
//! order in which they were asked for, and every random choice is a function of the seed and of its
//! place. Frames that come in are hostile bytes: nothing in them makes the fabric panic. A frame
//! that was sent is received, counted under a cause of loss, or still inside.
//!
//! Left out on purpose: knowledge of the plan and of DPDK. Who drives it gives frames of any type
//! that is a [`Frame`].

mod build;
pub mod counters;
mod event;
mod fault;
mod flows;
mod frames;
mod header;
mod pause;
mod port;
mod random;
mod route;
mod series;
mod switch;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::testbed::{MarkAt, Scheduler};
use crate::units::Picos;
use crate::wire::class::Classes;
use crate::wire::{ethernet, pfc};

pub use build::{FabricError, check};
pub use counters::{Counters, FILE_NAME};
use event::{Events, What};
pub use fault::LONGEST_HOLD;
use frames::{Frames, Meta, NONE};
pub use header::Read;
use port::{Owner, Port, Sending};
use switch::Cause;

/// A frame as the fabric needs it, from the Ethernet header to the last byte before the FCS.
#[expect(clippy::len_without_is_empty, reason = "a frame without a byte is none")]
pub trait Frame: Sized {
    /// Its first bytes: all of its headers, and all of a frame of at most 128 bytes.
    fn head(&self) -> &[u8];
    /// How many bytes it has.
    fn len(&self) -> usize;
    /// Sets the ECN field to CE (RFC 3168 section 5), with the IPv4 header checksum updated.
    fn mark_ce(&mut self);
    /// The frame with bit `bit` flipped (bit 0 is the most significant of the first byte); `None`
    /// when there is no memory for that.
    fn corrupt(self, bit: u64) -> Option<Self>;
    /// Another frame of the same bytes; `None` when there is no memory for it.
    fn copy(&self) -> Option<Self>;
    /// The frame is about to be looked at: a queue may have held it for long.
    fn prefetch(&self) {}
}

/// What concerns a host, or ends it all.
#[derive(Debug)]
pub enum Event<F> {
    /// The host's transmitter is idle and may send, or the classes that it may send have changed.
    Idle(usize),
    /// A data frame's last bit has arrived at the host.
    Received {
        /// The host.
        host: usize,
        /// The frame.
        frame: F,
    },
    /// A PFC frame has arrived at the host, whose NIC obeys it. [`pause_frame`] gives its bytes.
    Pause {
        /// The host.
        host: usize,
        /// Classes that the frame speaks of, bit n for class n.
        classes: u8,
        /// Those that it pauses, with [`PAUSE_QUANTA`]; it resumes the others.
        paused: u8,
    },
    /// Nothing will happen any more unless a host sends or asks to be woken, but for planted faults
    /// that are still to begin or end. It does not come while a pause is being said again.
    Quiet,
}

/// Pause time of the fabric's XOFF, in quanta of 512 bit times.
pub const PAUSE_QUANTA: u16 = port::QUANTA;

/// A time less than so far ahead (10 us) is worth an event of its own, in picoseconds.
const NEAR: u64 = 10_000_000;

/// The bytes of the PFC frame that [`Event::Pause`] tells of.
#[must_use]
pub fn pause_frame(classes: u8, paused: u8) -> [u8; ethernet::MIN_FRAME_LEN] {
    let mut bytes = [0; ethernet::MIN_FRAME_LEN];
    let header = ethernet::Repr {
        dst: pfc::DESTINATION,
        src: ethernet::Address([0x0e, 0, 0, 0, 0, 1]),
        ethertype: ethernet::TYPE_MAC_CONTROL,
    };
    header.emit(&mut bytes);
    let parameters = pfc::Repr {
        class_enable: u16::from(classes),
        quanta: std::array::from_fn(|class| if paused & (1 << class) != 0 { PAUSE_QUANTA } else { 0 }),
    };
    parameters.emit(&mut bytes[ethernet::LEN..]);
    bytes
}

/// The fabric.
#[derive(Debug)]
pub struct Fabric<F> {
    now: u64,
    events: Events,
    frames: Frames<F>,
    /// NICs first, one a host; then the switches' ports.
    ports: Vec<Port>,
    switches: Vec<switch::Switch>,
    routes: route::Routes,
    /// In which class a frame is: in its sender's NIC, and in every switch.
    classes: Classes,
    /// MAC address to host, sorted.
    macs: Vec<(u64, u32)>,
    /// Those looked for last, by their last byte.
    near: Box<[(u64, u32); 256]>,
    hosts: usize,
    inside: u64,
    /// What is to be told before anything else happens.
    told: VecDeque<Event<F>>,
    scheduler: Scheduler,
    mark_at: MarkAt,
    lossless: u8,
    pfc: pause::Thresholds,
    frames_sent: u64,
    frames_received: u64,
    faults: fault::Faults,
}

impl<F: Frame> Fabric<F> {
    /// Says that frames for `mac` go to `host`.
    pub fn attach(&mut self, mac: [u8; 6], host: usize) {
        let [a, b, c, d, e, f] = mac;
        let key = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let Some(host) = u32::try_from(host).ok().filter(|_| host < self.hosts) else {
            return;
        };
        match self.macs.binary_search_by_key(&key, |(mac, _)| *mac) {
            Ok(at) => self.macs[at].1 = host,
            Err(at) => self.macs.insert(at, (key, host)),
        }
        self.near.fill((u64::MAX, NONE));
    }

    /// Says in which class frames are from now on, where it is not by the standard maps.
    pub fn classify(&mut self, classes: Classes) {
        self.classes = classes;
    }

    /// The time of what was told last.
    #[must_use]
    pub fn now(&self) -> Picos {
        Picos(self.now)
    }

    /// Data frames inside.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.inside
    }

    /// Classes that the host's NIC must not send now, bit n for class n.
    #[must_use]
    pub fn paused(&self, host: usize) -> u8 {
        self.nic(host).map_or(0, |port| self.ports[port].held)
    }

    /// Whether the host's transmitter is idle.
    #[must_use]
    pub fn idle(&self, host: usize) -> bool {
        self.nic(host)
            .is_some_and(|port| !self.ports[port].busy && !self.ports[port].can_send())
    }

    fn nic(&self, host: usize) -> Option<usize> {
        (host < self.hosts).then_some(host)
    }

    /// Asks for [`Event::Idle`] of `host` at `at`, in place of what was asked before. When the
    /// transmitter is busy then, the event comes when it is idle.
    pub fn wake(&mut self, host: usize, at: Picos) {
        let Some(port) = self.nic(host) else { return };
        let at = at.0.max(self.now);
        if self.ports[port].wake_at != at {
            self.ports[port].wake_at = at;
            self.push_wake(port, at);
        }
    }

    /// An event that wakes the NIC at `at` or, where one that lies far ahead comes before, there: it
    /// then asks again. A host that thinks better of a distant time over and over has one event of
    /// it, and not thousands.
    fn push_wake(&mut self, port: usize, at: u64) {
        let state = &mut self.ports[port];
        if at - self.now > NEAR {
            if state.far_wake > self.now && state.far_wake <= at {
                return;
            }
            state.far_wake = at;
        }
        self.events.push(at, What::Wake, port, 0);
    }

    /// Hands the NIC of `host` a frame, which begins to leave now. When the transmitter is busy or
    /// the class paused, it waits in the NIC.
    pub fn send(&mut self, host: usize, frame: F) {
        let read = Read::of(frame.head(), &self.classes);
        self.send_as(host, frame, &read);
    }

    /// [`Fabric::send`] of a frame that was read where it was written, by the same classes: a copy that has just been made is
    /// not at hand at once.
    #[inline]
    pub fn send_as(&mut self, host: usize, frame: F, read: &Read) {
        let Some(port) = self.nic(host) else { return };
        let header = read.header;
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let to = self.host_of(read.destination);
        let meta = Meta {
            len,
            to,
            ingress: NONE,
            header,
        };
        let number = self.frames.insert(frame, meta);
        if !header.control {
            self.inside += 1;
            self.frames_sent += 1;
        }
        let port_state = &mut self.ports[port];
        if header.control {
            port_state.urgent.push_back(number);
            self.start(port);
            return;
        }
        port_state.queues[usize::from(header.class & 7)].depth += u64::from(len);
        self.enqueue(port, number, len, header.class);
    }

    /// The host that has this MAC address, or [`NONE`].
    #[inline]
    fn host_of(&mut self, mac: u64) -> u32 {
        let [.., low] = mac.to_be_bytes();
        let near = &mut self.near[usize::from(low)];
        if near.0 != mac {
            let Ok(at) = self.macs.binary_search_by_key(&mac, |(mac, _)| *mac) else {
                return NONE;
            };
            *near = self.macs[at];
        }
        near.1
    }

    /// A frame joins the queue of `port` of its class, where its bytes count already, and leaves if it may.
    #[inline]
    fn enqueue(&mut self, port: usize, frame: u32, len: u32, class: u8) {
        let state = &mut self.ports[port];
        if state.passes(class, &self.scheduler) {
            self.leave_queue(port, frame, len, class);
        } else {
            state.push(frame, len, class);
            self.start(port);
        }
    }

    /// Runs to the next event that concerns a host and tells it; `None` when none comes up to
    /// `until`, which is the time now.
    pub fn next(&mut self, until: Picos) -> Option<Event<F>> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Some(event);
            }
            let Some(event) = self.events.pop(until.0) else {
                if self.events.len() == self.faults.pending {
                    return Some(Event::Quiet);
                }
                self.now = self.now.max(until.0);
                return None;
            };
            self.now = event.time;
            let port = event.port as usize;
            match event.what {
                What::Sent => {
                    self.sent(port);
                    if let Owner::Host(host) = self.ports[port].owner
                        && !self.ports[port].busy
                    {
                        return Some(Event::Idle(host as usize));
                    }
                }
                What::Arrives => {
                    if let Some(event) = self.arrives(port, event.argument) {
                        return Some(event);
                    }
                }
                What::Joins => {
                    if let Owner::Switch(switch) = self.ports[port].owner {
                        self.join(switch as usize, port, event.argument);
                    }
                }
                What::Control => self.control(port, event.argument),
                What::Pause => self.pause_arrives(port, event.argument),
                What::Expires => self.pause_expires(port, event.argument),
                What::Refresh => self.refresh(port, event.argument),
                What::Wake => {
                    if self.ports[port].wake_at == event.time {
                        self.ports[port].wake_at = u64::MAX;
                        if !self.ports[port].busy {
                            return Some(Event::Idle(port));
                        }
                    } else if self.ports[port].far_wake == event.time && self.ports[port].wake_at != u64::MAX {
                        self.push_wake(port, self.ports[port].wake_at);
                    }
                }
                What::Fault => self.switch_faults(),
                What::Release => self.release(event.argument),
            }
        }
    }

    /// Begins to send at an idle port what is next: PFC first, then data.
    #[inline]
    fn start(&mut self, port: usize) {
        let state = &mut self.ports[port];
        if state.busy {
            return;
        }
        if (state.announced ^ (state.xoff | state.stuck)) | state.refresh != 0 {
            self.send_pause(port);
            return;
        }
        // A host's own MAC control frames are not subject to PFC either.
        if let Some(frame) = state.urgent.pop_front() {
            self.launch_control(port, frame);
            return;
        }
        let Some((first, class)) = state.pop(&self.scheduler) else {
            return;
        };
        // The one behind it may have waited for long.
        if let Some(next) = state.queues[usize::from(class & 7)].waiting.front()
            && let Some(next) = self.frames.frame(next.frame)
        {
            next.prefetch();
        }
        self.leave_queue(port, first.frame, first.len, class);
    }

    /// A frame begins to leave the queue of its class.
    #[inline]
    fn leave_queue(&mut self, port: usize, frame: u32, len: u32, class: u8) {
        let state = &mut self.ports[port];
        if self.mark_at == MarkAt::Dequeue && matches!(state.owner, Owner::Switch(_)) {
            let left = state.queues[usize::from(class & 7)].depth - u64::from(len);
            self.mark(port, frame, left);
        }
        let meta = self.frames.meta(frame);
        let state = &mut self.ports[port];
        let sent = self.now + state.wire_time(len);
        state.busy = true;
        state.sending = Some(Sending {
            len,
            class: class & 7,
            ingress: meta.ingress,
        });
        if let Some(flows) = &mut state.flows {
            flows.see(meta.header.tuple);
        }
        self.events.push(sent, What::Sent, port, 0);
        match state.faults {
            NONE => self.fly(port, frame, len),
            first => self.strike(first, port, frame),
        }
    }

    /// A MAC control frame of a host begins to leave.
    #[cold]
    fn launch_control(&mut self, port: usize, frame: u32) {
        let meta = self.frames.meta(frame);
        let state = &mut self.ports[port];
        let sent = self.now + state.wire_time(meta.len);
        state.busy = true;
        state.sending = None;
        if let Some(flows) = &mut state.flows {
            flows.see(meta.header.tuple);
        }
        let (peer, arrival, may_fail) = (state.peer, sent + state.propagation, state.may_fail);
        self.events.push(sent, What::Sent, port, 0);
        if may_fail && self.fails(port, self.now, arrival, false) {
            self.frames.remove(frame);
        } else {
            self.events.push(arrival, What::Control, peer as usize, frame);
        }
    }

    /// A data frame is on its way over the link of `port`.
    #[inline]
    fn fly(&mut self, port: usize, frame: u32, len: u32) {
        let state = &self.ports[port];
        let (peer, propagation) = (state.peer, state.propagation);
        let sent = self.now + state.wire_time(len);
        let there = &self.ports[peer as usize];
        let from = if there.cut_through { self.now } else { sent };
        let joins = from + propagation + there.latency;
        if state.may_fail && self.fails(port, self.now, from + propagation, true) {
            self.lose(port, frame, Cause::LinkDown);
            return;
        }
        self.events.push(joins, What::Arrives, peer as usize, frame);
    }

    /// A port has sent its frame, and sends the next.
    #[inline]
    fn sent(&mut self, port: usize) {
        let state = &mut self.ports[port];
        state.busy = false;
        if let Some(sending) = state.sending.take() {
            let class = usize::from(sending.class);
            let len = u64::from(sending.len);
            let queue = &mut state.queues[class];
            queue.depth -= len;
            let tally = &mut state.tally[class];
            tally.sent_frames += 1;
            tally.sent_bytes += len;
            if let Owner::Switch(switch) = state.owner {
                queue.series.set(self.now, queue.depth);
                self.leave(switch as usize, sending);
            }
        }
        self.start(port);
    }

    /// A data frame is at the end of a link.
    #[inline]
    fn arrives(&mut self, port: usize, frame: u32) -> Option<Event<F>> {
        let meta = self.frames.meta(frame);
        let state = &mut self.ports[port];
        let tally = &mut state.tally[usize::from(meta.header.class & 7)];
        tally.received_frames += 1;
        tally.received_bytes += u64::from(meta.len);
        match state.owner {
            Owner::Switch(switch) => {
                let faults = self.switches[switch as usize].faults;
                if faults == NONE {
                    self.enters(port, frame);
                } else {
                    self.strike(faults, port, frame);
                }
                None
            }
            Owner::Host(host) => {
                self.inside -= 1;
                self.frames_received += 1;
                let frame = self.frames.remove(frame)?;
                Some(Event::Received {
                    host: host as usize,
                    frame,
                })
            }
        }
    }

    /// A frame is to join its queue now, unless it has to be there as a whole before.
    #[inline]
    fn enters(&mut self, port: usize, frame: u32) {
        if let Owner::Switch(switch) = self.ports[port].owner {
            let switch = switch as usize;
            if !(self.ports[port].cut_through && self.must_be_stored(switch, port, frame)) {
                self.join(switch, port, frame);
            }
        }
    }

    /// A frame that goes on at a higher rate than it came cannot be cut through: it joins its queue
    /// when it is there as a whole.
    fn must_be_stored(&mut self, switch: usize, port: usize, frame: u32) -> bool {
        let meta = self.frames.meta(frame);
        let state = &self.ports[port];
        let faster = self
            .route(switch, port, meta)
            .is_some_and(|egress| self.ports[egress].rate() > state.rate());
        if faster {
            let whole = self.now + state.wire_time(meta.len);
            self.events.push(whole, What::Joins, port, frame);
        }
        faster
    }

    /// A frame is lost at a port.
    fn lose(&mut self, port: usize, frame: u32, cause: Cause) {
        let meta = self.frames.meta(frame);
        let tally = &mut self.ports[port].tally[usize::from(meta.header.class & 7)];
        tally.dropped[cause as usize] += 1;
        tally.dropped_bytes += u64::from(meta.len);
        self.inside -= 1;
        self.frames.remove(frame);
    }
}
