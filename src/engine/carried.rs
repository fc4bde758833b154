//! A frame in the reference fabric: a descriptor of its first and last bytes.
//!
//! Contract: between them stand the bytes that every frame has at that place (`wire::template::filler`), which are written
//! out where somebody looks at them: [`Carried::bytes`], [`Reader`]. A frame of which that is not so, because a fault has
//! harmed it or because it is a long one that no template made, carries all of its bytes.
//!
//! Left out on purpose: when to change what (`fabric`).

use std::sync::OnceLock;

use crate::dpdk::TxFrame;
use crate::engine::batch::Batch;
use crate::fabric::{Frame, Read};
use crate::wire::class::Classes;
use crate::wire::ecn;
use crate::wire::template::{BUFFER_SLACK, HEADER_ROOM, filler, is_overwritten};

/// Bytes of the longest frame that is written: a payload of 4096 bytes, with headers, pad and ICRC.
const LONGEST: usize = HEADER_ROOM + 4096 + BUFFER_SLACK;

/// What every frame has beyond its first bytes and before its last ones.
fn clean() -> &'static [u8] {
    static CLEAN: OnceLock<Vec<u8>> = OnceLock::new();
    CLEAN.get_or_init(|| filler(LONGEST + BUFFER_SLACK))
}

/// What is known of a frame. Its memory serves one frame after another.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// Its first bytes; of a shorter frame all, and whatever stood behind it.
    head: [u8; HEADER_ROOM],
    /// Its last bytes, where it is longer.
    tail: [u8; BUFFER_SLACK],
    len: u32,
    /// All of its bytes, where those between are not the usual ones; else none.
    whole: Vec<u8>,
}

impl Descriptor {
    fn new() -> Box<Descriptor> {
        Box::new(Descriptor {
            head: [0; HEADER_ROOM],
            tail: [0; BUFFER_SLACK],
            len: 0,
            whole: Vec::new(),
        })
    }

    /// Takes down the frame of `len` bytes in `buffer`, whose other bytes are the usual ones unless it is `whole`.
    #[inline(always)]
    fn take_down(&mut self, buffer: &[u8], len: usize, is_whole: bool) {
        if let Some(head) = buffer.first_chunk() {
            self.head = *head;
        }
        if let Some(tail) = buffer.get(..len).and_then(<[u8]>::last_chunk) {
            self.tail = *tail;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a frame")]
        let len_of_frame = len as u32;
        self.len = len_of_frame;
        if is_whole | !self.whole.is_empty() {
            self.whole.clear();
            if is_whole {
                self.whole.extend_from_slice(&buffer[..len]);
            }
        }
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.len as usize
    }

    /// Writes it over the beginning of `buffer`, whose bytes from [`HEADER_ROOM`] on are the usual ones.
    #[inline(always)]
    fn write(&self, buffer: &mut [u8]) {
        if let Some(head) = buffer.first_chunk_mut() {
            *head = self.head;
        }
        if self.len() > HEADER_ROOM
            && let Some(tail) = buffer
                .get_mut(..self.len())
                .and_then(<[u8]>::last_chunk_mut::<BUFFER_SLACK>)
        {
            // What the first bytes reach into is theirs.
            let kept = (HEADER_ROOM + BUFFER_SLACK).saturating_sub(self.len());
            tail[kept..].copy_from_slice(&self.tail[kept..]);
        }
    }
}

/// One frame under way.
#[derive(Debug)]
pub struct Carried(Box<Descriptor>);

impl Carried {
    /// A frame of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Carried {
        let mut descriptor = Descriptor::new();
        let mut head = [0; HEADER_ROOM];
        let count = bytes.len().min(HEADER_ROOM);
        head[..count].copy_from_slice(&bytes[..count]);
        descriptor.head = head;
        descriptor.len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if bytes.len() > HEADER_ROOM {
            descriptor.whole = bytes.to_vec();
        }
        Carried(descriptor)
    }

    /// All of its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let Carried(descriptor) = self;
        if !descriptor.whole.is_empty() {
            return descriptor.whole.clone();
        }
        let mut bytes = clean()[..descriptor.len().max(HEADER_ROOM)].to_vec();
        descriptor.write(&mut bytes);
        bytes.truncate(descriptor.len());
        bytes
    }
}

impl Frame for Carried {
    #[inline(always)]
    fn head(&self) -> &[u8] {
        let Carried(descriptor) = self;
        &descriptor.head[..descriptor.len().min(HEADER_ROOM)]
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn mark_ce(&mut self) {
        let Carried(descriptor) = self;
        ecn::mark_ce(&mut descriptor.head[..(descriptor.len as usize).min(HEADER_ROOM)]);
        if !descriptor.whole.is_empty() {
            ecn::mark_ce(&mut descriptor.whole);
        }
    }

    fn corrupt(self, bit: u64) -> Option<Self> {
        let mut bytes = self.bytes();
        let at = usize::try_from(bit / 8).ok()?;
        *bytes.get_mut(at)? ^= 0x80 >> (bit % 8);
        Some(Carried::of(&bytes))
    }

    fn copy(&self) -> Option<Self> {
        Some(Carried(self.0.clone()))
    }

    #[inline]
    fn prefetch(&self) {
        crate::dpdk::prefetch(&self.0.head);
    }
}

/// Descriptors that are at hand for frames to come.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "they go in and out of frames, which are small")]
pub struct Spare(Vec<Box<Descriptor>>);

/// Descriptors at hand, at most. More come back than were lent: those of frames that switches made.
const MOST_SPARE: usize = 1 << 14;

impl Spare {
    /// Takes back that of a frame which is done with.
    #[inline]
    pub fn take_back(&mut self, frame: Carried) {
        if self.0.len() < MOST_SPARE {
            self.0.push(frame.0);
        }
    }

    /// Gives one to `slot`, unless it has one.
    #[inline]
    pub fn lend(&mut self, slot: &mut Slot) {
        if slot.spare.is_none() {
            slot.spare = self.0.pop();
        }
    }
}

/// Where a host's NIC finds the one frame that its host has sent.
#[derive(Debug)]
pub struct Slot {
    classes: Classes,
    spare: Option<Box<Descriptor>>,
    sent: Option<(Carried, Read)>,
}

impl Slot {
    /// A place for frames that the network has in these classes.
    #[must_use]
    pub fn new(classes: Classes) -> Slot {
        Slot {
            classes,
            spare: None,
            sent: None,
        }
    }

    /// The frame, with what the fabric goes by.
    #[inline]
    pub fn take(&mut self) -> Option<(Carried, Read)> {
        self.sent.take()
    }
}

/// Where a host of the reference fabric writes its frames, one at a time.
pub struct Desk {
    buffer: Vec<u8>,
    mark: u64,
    /// Length of the frame that is written and not sent; 0: none is.
    len: u16,
}

impl Desk {
    /// A desk.
    #[must_use]
    pub fn new() -> Desk {
        Desk {
            buffer: clean().to_vec(),
            mark: 0,
            len: 0,
        }
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk::new()
    }
}

impl Batch for Desk {
    type Queue = Slot;

    #[inline(always)]
    fn refill(&mut self, _: usize) -> usize {
        1
    }

    #[inline(always)]
    fn held(&self) -> usize {
        1
    }

    #[inline(always)]
    fn pending(&self) -> usize {
        usize::from(self.len > 0)
    }

    #[inline(always)]
    fn frame(&mut self, _: usize) -> TxFrame<'_> {
        TxFrame {
            bytes: &mut self.buffer,
            mark: &mut self.mark,
        }
    }

    #[inline(always)]
    fn set_len(&mut self, _: usize, len: u16) {
        self.len = len;
    }

    #[inline(always)]
    fn set_departure(&mut self, _: usize, _: u64) {}

    /// Takes none while the one before is still there.
    #[inline(always)]
    fn send(&mut self, slot: &mut Slot) -> usize {
        if self.len == 0 || slot.sent.is_some() {
            return 0;
        }
        let mut descriptor = slot.spare.take().unwrap_or_else(Descriptor::new);
        descriptor.take_down(&self.buffer, usize::from(self.len), is_overwritten(self.mark));
        // Read here: the copy is not at hand at once.
        let read = Read::of(&self.buffer[..usize::from(self.len)], &slot.classes);
        slot.sent = Some((Carried(descriptor), read));
        self.len = 0;
        1
    }

    fn discard_pending(&mut self) -> usize {
        let pending = self.pending();
        self.len = 0;
        pending
    }

    #[inline(always)]
    fn prefetch(&self) {}
}

/// Buffers in which frames are written out for the recorder, a burst at a time.
pub struct Reader {
    buffers: Vec<Vec<u8>>,
}

impl Reader {
    /// For bursts of at most so many frames.
    #[must_use]
    pub fn new(most: usize) -> Reader {
        Reader {
            buffers: vec![clean().to_vec(); most],
        }
    }

    /// Writes out `frames`; those for which there is no buffer are left out.
    #[inline]
    pub fn write<T>(&mut self, frames: &[(Carried, T)]) {
        for ((Carried(descriptor), _), buffer) in frames.iter().zip(&mut self.buffers) {
            if descriptor.whole.is_empty() {
                descriptor.write(buffer);
            }
        }
    }

    /// The bytes of `frames`, which were just written out, each with what stands beside it.
    #[inline]
    pub fn read<'a, T: Copy>(&'a self, frames: &'a [(Carried, T)]) -> impl Iterator<Item = (&'a [u8], T)> {
        frames
            .iter()
            .zip(&self.buffers)
            .map(|((Carried(descriptor), beside), buffer)| {
                let bytes = if descriptor.whole.is_empty() {
                    &buffer[..descriptor.len()]
                } else {
                    &descriptor.whole[..]
                };
                (bytes, *beside)
            })
    }

    /// Makes the buffers of `frames` what they were before.
    #[inline]
    pub fn clear<T>(&mut self, frames: &[(Carried, T)]) {
        for ((Carried(descriptor), _), buffer) in frames.iter().zip(&mut self.buffers) {
            let tail = descriptor.len().saturating_sub(BUFFER_SLACK).max(HEADER_ROOM)..descriptor.len();
            if let (Some(tail), Some(clean)) = (buffer.get_mut(tail.clone()), clean().get(tail)) {
                tail.copy_from_slice(clean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a desk's buffer has it, and as the bytes it is.
    fn written(len: usize) -> Vec<u8> {
        let mut bytes = clean()[..len].to_vec();
        let head = len.min(HEADER_ROOM);
        for (at, byte) in (0u8..).zip(&mut bytes[..head]) {
            *byte = at ^ 0x5a;
        }
        let tail = len.saturating_sub(7)..len;
        bytes[tail].fill(0xee);
        bytes
    }

    fn carry(desk: &mut Desk, spare: &mut Spare, bytes: &[u8]) -> Carried {
        let mut slot = Slot::new(Classes::default());
        spare.lend(&mut slot);
        desk.buffer = clean().to_vec();
        desk.buffer[..bytes.len()].copy_from_slice(bytes);
        desk.set_len(0, u16::try_from(bytes.len()).unwrap());
        assert_eq!((desk.pending(), desk.send(&mut slot), desk.pending()), (1, 1, 0));
        slot.take().unwrap().0
    }

    /// Descriptors and buffers serve frames of every length in turn, and each comes out as it went in.
    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        let (mut desk, mut spare, mut reader) = (Desk::new(), Spare::default(), Reader::new(3));
        let lengths = (60..300).chain([LONGEST - BUFFER_SLACK, 4170, 130]);
        let frames: Vec<Vec<u8>> = lengths.map(written).collect();
        for three in frames.chunks(3) {
            let mut carried: Vec<(Carried, u8)> = Vec::new();
            for bytes in three {
                let frame = carry(&mut desk, &mut spare, bytes);
                assert_eq!(&frame.bytes(), bytes);
                assert_eq!(Carried::of(bytes).bytes(), *bytes);
                carried.push((frame, 7));
            }
            // One of other bytes is among them, and serves again as one of the usual.
            carried[1].0 = carry(&mut desk, &mut spare, &three[0]).corrupt(8 * 59 + 3).unwrap();
            let mut harmed = three[0].clone();
            harmed[59] ^= 0x10;
            reader.write(&carried);
            let read: Vec<Vec<u8>> = reader.read(&carried).map(|(bytes, _)| bytes.to_vec()).collect();
            assert_eq!(read[0], three[0]);
            assert_eq!(read[1], harmed);
            assert_eq!(read[2], three[2]);
            reader.clear(&carried);
            carried.into_iter().for_each(|(frame, _)| spare.take_back(frame));
        }
    }
}
