//! The slab of frames that are inside the fabric, and what the fabric remembers of each.

use super::event::small;
use super::header::Header;

/// No frame.
pub const NONE: u32 = u32::MAX;

/// What the fabric knows of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    pub len: u32,
    /// Host that it is for; [`NONE`]: nobody known.
    pub to: u32,
    /// Port through which it came into the switch where it is.
    pub ingress: u32,
    pub header: Header,
}

#[derive(Debug)]
struct Slot<F> {
    meta: Meta,
    frame: Option<F>,
}

/// The slab.
#[derive(Debug)]
pub struct Frames<F> {
    slots: Vec<Slot<F>>,
    free: Vec<u32>,
}

impl<F> Frames<F> {
    pub fn new() -> Frames<F> {
        Frames {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Takes a frame in; its number.
    #[inline]
    pub fn insert(&mut self, frame: F, meta: Meta) -> u32 {
        let slot = Slot {
            meta,
            frame: Some(frame),
        };
        if let Some(number) = self.free.pop() {
            self.slots[number as usize] = slot;
            return number;
        }
        self.slots.push(slot);
        small(self.slots.len() - 1)
    }

    /// Lets a frame out.
    #[inline]
    pub fn remove(&mut self, number: u32) -> Option<F> {
        self.free.push(number);
        self.slots[number as usize].frame.take()
    }

    /// Takes the frame out of its place, which stays its own.
    pub fn take(&mut self, number: u32) -> Option<F> {
        self.slots[number as usize].frame.take()
    }

    /// Puts it back.
    pub fn put(&mut self, number: u32, frame: F) {
        self.slots[number as usize].frame = Some(frame);
    }

    #[inline]
    pub fn meta(&self, number: u32) -> &Meta {
        &self.slots[number as usize].meta
    }

    #[inline]
    pub fn meta_mut(&mut self, number: u32) -> &mut Meta {
        &mut self.slots[number as usize].meta
    }

    #[inline]
    pub fn frame(&self, number: u32) -> Option<&F> {
        self.slots[number as usize].frame.as_ref()
    }

    #[inline]
    pub fn frame_mut(&mut self, number: u32) -> Option<&mut F> {
        self.slots[number as usize].frame.as_mut()
    }
}
