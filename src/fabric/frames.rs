//! The slab of frames that are inside the fabric, and what the fabric remembers of each.

use super::header::Header;

/// No frame.
pub const NONE: u32 = u32::MAX;

/// What the fabric knows of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// The frame behind it in its queue, or in the list of free places.
    pub next: u32,
    pub len: u32,
    /// Host that it is for; [`NONE`]: nobody known.
    pub to: u32,
    /// Port through which it came into the switch where it is.
    pub ingress: u32,
    pub header: Header,
}

/// The slab.
#[derive(Debug)]
pub struct Frames<F> {
    frames: Vec<Option<F>>,
    metas: Vec<Meta>,
    free: u32,
}

impl<F> Frames<F> {
    pub fn new() -> Frames<F> {
        Frames {
            frames: Vec::new(),
            metas: Vec::new(),
            free: NONE,
        }
    }

    /// Takes a frame in; its number.
    #[inline]
    pub fn insert(&mut self, frame: F, meta: Meta) -> u32 {
        if let (Some(place), Some(old)) = (
            self.frames.get_mut(self.free as usize),
            self.metas.get_mut(self.free as usize),
        ) {
            let number = self.free;
            self.free = old.next;
            *place = Some(frame);
            *old = meta;
            return number;
        }
        let number = u32::try_from(self.frames.len()).unwrap_or(NONE);
        self.frames.push(Some(frame));
        self.metas.push(meta);
        number
    }

    /// Lets a frame out.
    #[inline]
    pub fn remove(&mut self, number: u32) -> Option<F> {
        self.metas[number as usize].next = self.free;
        self.free = number;
        self.frames[number as usize].take()
    }

    /// Takes the frame out of its place, which stays its own.
    pub fn take(&mut self, number: u32) -> Option<F> {
        self.frames[number as usize].take()
    }

    /// Puts it back.
    pub fn put(&mut self, number: u32, frame: F) {
        self.frames[number as usize] = Some(frame);
    }

    #[inline]
    pub fn meta(&self, number: u32) -> &Meta {
        &self.metas[number as usize]
    }

    #[inline]
    pub fn meta_mut(&mut self, number: u32) -> &mut Meta {
        &mut self.metas[number as usize]
    }

    #[inline]
    pub fn frame(&self, number: u32) -> Option<&F> {
        self.frames[number as usize].as_ref()
    }

    #[inline]
    pub fn frame_mut(&mut self, number: u32) -> Option<&mut F> {
        self.frames[number as usize].as_mut()
    }
}
