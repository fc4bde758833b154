//! Frames of a bench that are taken aside to be looked at: as they leave, one in so many.

/// Takes one frame in so many aside, whole.
#[derive(Debug, Default)]
pub struct Audit {
    /// One frame in this many.
    pub every: u32,
    countdown: u32,
    /// The frames taken.
    pub frames: Vec<Vec<u8>>,
}

impl Audit {
    /// An audit of one frame in `every`.
    #[must_use]
    pub fn new(every: u32) -> Audit {
        Audit {
            every,
            countdown: every,
            frames: Vec::with_capacity(Audit::MOST),
        }
    }

    /// Frames kept at most.
    const MOST: usize = 4096;

    #[inline]
    pub(super) fn see(&mut self, frame: &[u8]) {
        self.countdown -= 1;
        if self.countdown == 0 {
            self.countdown = self.every;
            if self.frames.len() < Audit::MOST {
                self.frames.push(frame.to_vec());
            }
        }
    }

    /// The same for so many frames, of which it is given the n-th.
    #[inline]
    pub(super) fn see_burst(&mut self, count: usize, mut nth: impl FnMut(usize) -> Vec<u8>) {
        let mut seen = 0;
        while count - seen >= self.countdown as usize {
            seen += self.countdown as usize;
            self.countdown = self.every;
            if self.frames.len() < Audit::MOST {
                self.frames.push(nth(seen - 1));
            }
        }
        self.countdown -= u32::try_from(count - seen).unwrap_or(u32::MAX);
    }
}
