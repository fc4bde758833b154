//! The one way out for frames that no plan foresaw: announcements, answers to neighbours, and whatever a transport owes its
//! peer.
//!
//! Contract: a bounded queue for each port queue, in the order of arrival within a class; the higher class goes first, and one
//! that is paused waits. Frames leave before data, through a batch of their own, and are counted apart from what was planned.
//! What does not fit is not taken, and counted. Room grows to the bound once; nothing else is allocated.
//!
//! Left out on purpose: what the frames are for.

use crate::dpdk::{BATCH, TxBatch};
use crate::engine::batch::Batch;
use crate::measure::record::Times;
use crate::units::Picos;
use crate::wire::template::{Buffer, OTHER_ROOM, overwrite};

/// Frames that wait at one port queue at most.
pub const ROOM: usize = 1024;

/// Frames that leave in one burst at most: data waits behind them.
const AT_A_TIME: usize = 32;

const CLASSES: usize = 8;

/// No slot.
const NONE: u16 = u16::MAX;

/// What a frame is for: each kind is counted for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It tells the network where a worker is.
    Announcement,
    /// It answers whoever asked for a worker, or asks for a next hop.
    Neighbour,
    /// A transport sends it: an acknowledgement, a congestion notification, a request.
    Transport,
}

impl Origin {
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// A frame of at most [`OTHER_ROOM`] bytes without FCS, with its class and what it is for. Plain data: it crosses from core
/// to core.
#[derive(Clone, Copy)]
pub struct SmallFrame {
    bytes: [u8; OTHER_ROOM],
    len: u8,
    class: u8,
    origin: Origin,
    /// The entry of the packet that it answers, and that packet's arrival.
    answers: Option<(u16, Picos)>,
}

impl SmallFrame {
    /// The frame of these bytes, in this class (priority 0 to 7); `None` when it is too long.
    #[must_use]
    pub fn new(bytes: &[u8], class: u8, origin: Origin) -> Option<SmallFrame> {
        let mut frame = SmallFrame {
            bytes: [0; OTHER_ROOM],
            len: u8::try_from(bytes.len()).ok()?,
            class: class & 7,
            origin,
            answers: None,
        };
        frame.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(frame)
    }

    /// The same as the answer to a packet of `entry` that arrived at `since`.
    #[must_use]
    pub fn answering(mut self, entry: u16, since: Picos) -> SmallFrame {
        self.answers = Some((entry, since));
        self
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// What it is for.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

/// What has become of such frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Injected {
    /// Frames that the port took, by [`Origin`].
    pub frames: [u64; Origin::COUNT],
    /// Their bytes without FCS.
    pub bytes: u64,
    /// Frames for which there was no room, by [`Origin`].
    pub refused: [u64; Origin::COUNT],
    /// Frames that waited still when the run ended.
    pub left: u64,
}

impl Injected {
    /// Frames of one origin that the port took.
    #[must_use]
    pub fn of(&self, origin: Origin) -> u64 {
        self.frames[origin as usize]
    }

    /// Frames that the port took.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.frames.iter().sum()
    }

    /// Adds what another queue has done.
    pub fn add(&mut self, other: &Injected) {
        for (mine, theirs) in [(&mut self.frames, other.frames), (&mut self.refused, other.refused)] {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
        self.bytes += other.bytes;
        self.left += other.left;
    }
}

/// The frames of one port queue, by class.
struct Waiting {
    slots: Vec<(SmallFrame, u16)>,
    /// The first free slot; each names the next.
    free: u16,
    /// First and last of each class.
    lists: [(u16, u16); CLASSES],
    /// Classes that have frames: bit n = priority n.
    ready: u8,
    count: usize,
}

impl Waiting {
    fn new() -> Waiting {
        Waiting {
            slots: Vec::new(),
            free: NONE,
            lists: [(NONE, NONE); CLASSES],
            ready: 0,
            count: 0,
        }
    }

    /// Whether there was room for `frame`.
    fn push(&mut self, frame: SmallFrame) -> bool {
        let slot = if self.free == NONE {
            if self.slots.len() == ROOM {
                return false;
            }
            self.slots.push((frame, NONE));
            u16::try_from(self.slots.len() - 1).unwrap_or(NONE)
        } else {
            let slot = self.free;
            self.free = self.slots[usize::from(slot)].1;
            self.slots[usize::from(slot)] = (frame, NONE);
            slot
        };
        let list = &mut self.lists[usize::from(frame.class)];
        match list.1 {
            NONE => list.0 = slot,
            last => self.slots[usize::from(last)].1 = slot,
        }
        list.1 = slot;
        self.ready |= 1 << frame.class;
        self.count += 1;
        true
    }

    /// The frames of classes not in `paused` in the order in which they leave, as many as there is room for in `order`.
    fn first(&self, paused: u8, order: &mut [u16]) -> usize {
        let mut found = 0;
        let mut classes = self.ready & !paused;
        while classes != 0 {
            let class = 7 - classes.leading_zeros() as usize;
            classes &= !(1 << class);
            let mut slot = self.lists[class].0;
            while slot != NONE {
                let Some(place) = order.get_mut(found) else {
                    return found;
                };
                *place = slot;
                found += 1;
                slot = self.slots[usize::from(slot)].1;
            }
        }
        found
    }

    /// Takes out `slot`, the first of its class.
    fn pop(&mut self, slot: u16) -> &SmallFrame {
        let (frame, next) = &mut self.slots[usize::from(slot)];
        let list = &mut self.lists[usize::from(frame.class)];
        list.0 = *next;
        if *next == NONE {
            list.1 = NONE;
            self.ready &= !(1 << frame.class);
        }
        *next = self.free;
        self.free = slot;
        self.count -= 1;
        frame
    }
}

/// The way out of one port queue.
pub struct Injector<B = TxBatch> {
    waiting: Waiting,
    batch: B,
    /// What the batch's buffers are filled with.
    clean: Vec<u8>,
    /// What has left.
    pub stats: Injected,
    /// From the arrival of a packet to the departure of its answer, ps, by entry, as far as there were any.
    pub turnarounds: Vec<Times>,
    /// What the frames have answered that left last.
    answered: Vec<(u16, Picos)>,
}

impl<B: Batch> Injector<B> {
    /// A way out by `batch`, whose buffers are filled with `clean`.
    #[must_use]
    pub fn new(batch: B, clean: Vec<u8>) -> Injector<B> {
        Injector {
            waiting: Waiting::new(),
            batch,
            clean,
            stats: Injected::default(),
            turnarounds: Vec::new(),
            answered: Vec::with_capacity(AT_A_TIME),
        }
    }

    /// Queues a frame, and says whether there was room.
    pub fn push(&mut self, frame: SmallFrame) -> bool {
        let is_taken = self.waiting.push(frame);
        if !is_taken {
            self.stats.refused[frame.origin as usize] += 1;
        }
        is_taken
    }

    /// How many more frames there is room for.
    #[must_use]
    pub fn room(&self) -> usize {
        ROOM - self.waiting.count
    }

    /// Classes that have frames: bit n = priority n.
    #[inline(always)]
    #[must_use]
    pub fn ready(&self) -> u8 {
        self.waiting.ready
    }

    /// Frames that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.count
    }

    /// Sends frames of classes that are not in `paused`, at most so many and no more than a burst, with `departure` for
    /// ports that take one. Returns how many the port took.
    #[cold]
    pub fn serve(&mut self, queue: &mut B::Queue, paused: u8, most: usize, departure: u64) -> usize {
        const { assert!(AT_A_TIME <= BATCH) };
        let mut order = [NONE; AT_A_TIME];
        let most = most.min(AT_A_TIME);
        let found = self.waiting.first(paused, &mut order[..most]);
        let found = found.min(self.batch.refill(found));
        for (index, slot) in order[..found].iter().enumerate() {
            let (frame, _) = &self.waiting.slots[usize::from(*slot)];
            let room = self.batch.frame(index);
            let buffer = Buffer {
                bytes: room.bytes,
                mark: room.mark,
                clean: &self.clean,
            };
            overwrite(buffer, frame.bytes());
            self.batch.set_len(index, u16::from(frame.len));
            self.batch.set_departure(index, departure);
        }
        let sent = self.batch.send(queue);
        // They stay here, and are written anew.
        self.batch.discard_pending();
        for slot in &order[..sent.min(found)] {
            let frame = self.waiting.pop(*slot);
            self.stats.frames[frame.origin as usize] += 1;
            self.stats.bytes += u64::from(frame.len);
            self.answered.extend(frame.answers);
        }
        sent
    }

    /// Whether [`Injector::left_by`] has anything to note.
    #[inline(always)]
    #[must_use]
    pub fn has_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// The frames of the last [`Injector::serve`] had left by `now`.
    #[inline]
    pub fn left_by(&mut self, now: Picos) {
        for (entry, since) in self.answered.drain(..) {
            let entry = usize::from(entry);
            if self.turnarounds.len() <= entry {
                // Once for each entry.
                self.turnarounds.resize_with(entry + 1, Times::default);
            }
            self.turnarounds[entry].see(now.saturating_sub(since).0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(class: u8, number: u8) -> SmallFrame {
        SmallFrame::new(&[number; 60], class, Origin::Neighbour).unwrap()
    }

    fn all(waiting: &mut Waiting, paused: u8) -> Vec<u8> {
        let mut order = [NONE; 4];
        let mut left = Vec::new();
        loop {
            let found = waiting.first(paused, &mut order);
            if found == 0 {
                return left;
            }
            for slot in &order[..found] {
                left.push(waiting.pop(*slot).bytes()[0]);
            }
        }
    }

    #[test]
    fn higher_classes_go_first_and_paused_ones_wait() {
        let mut waiting = Waiting::new();
        for (class, number) in [(0, 1), (3, 2), (0, 3), (7, 4), (3, 5), (3, 6)] {
            assert!(waiting.push(frame(class, number)));
        }
        assert_eq!(waiting.ready, 1 << 0 | 1 << 3 | 1 << 7);
        assert_eq!(all(&mut waiting, 1 << 3), [4, 1, 3]);
        assert_eq!(waiting.ready, 1 << 3);
        assert!(waiting.push(frame(3, 7)));
        assert_eq!(all(&mut waiting, 0), [2, 5, 6, 7]);
        assert_eq!((waiting.ready, waiting.count), (0, 0));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut waiting = Waiting::new();
        for round in 0..3 {
            let taken = (0..ROOM + 10).filter(|_| waiting.push(frame(round, 0))).count();
            assert_eq!((taken, waiting.count), (ROOM, ROOM));
            assert_eq!(all(&mut waiting, 0).len(), ROOM);
        }
        assert_eq!(waiting.slots.len(), ROOM);
    }

    #[test]
    fn long_frames_are_not_small() {
        assert!(SmallFrame::new(&[0; OTHER_ROOM], 0, Origin::Neighbour).is_some());
        assert!(SmallFrame::new(&[0; OTHER_ROOM + 1], 0, Origin::Neighbour).is_none());
    }
}
