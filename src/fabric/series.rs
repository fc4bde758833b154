//! A queue's true depth over time, in bounded memory.
//!
//! Contract: the greatest depth in each of up to [`POINTS`] windows of equal length; when they run
//! out, the windows become twice as long, each the greater of two. The first are [`FIRST`] long.

/// Most windows.
pub const POINTS: usize = 2048;

/// Length of the first windows in picoseconds.
pub const FIRST: u64 = 100_000;

/// The series of one queue. Nothing is allocated before the first byte.
#[derive(Debug, Clone, Default)]
pub struct Series {
    window: u64,
    /// End of the last window.
    end: u64,
    /// Depth since the last change.
    depth: u64,
    greatest: Vec<u64>,
}

impl Series {
    /// The depth is `depth` from `now` on.
    #[inline]
    pub fn set(&mut self, now: u64, depth: u64) {
        if now >= self.end {
            self.advance(now);
        }
        self.depth = depth;
        if let Some(last) = self.greatest.last_mut() {
            *last = (*last).max(depth);
        }
    }

    #[cold]
    fn advance(&mut self, now: u64) {
        if self.window == 0 {
            self.window = FIRST;
            self.greatest.reserve(POINTS);
        }
        while now / self.window >= POINTS as u64 {
            // An odd last window stands alone.
            let halves = self
                .greatest
                .chunks(2)
                .map(|pair| pair.iter().copied().max().unwrap_or(0));
            let fewer: Vec<u64> = halves.collect();
            self.greatest.clear();
            self.greatest.extend(fewer);
            self.window *= 2;
        }
        let wanted = usize::try_from(now / self.window).unwrap_or(POINTS) + 1;
        // Windows in which nothing changed held what the last change left.
        if self.greatest.len() < wanted {
            self.greatest.resize(wanted, self.depth);
        }
        self.end = self.greatest.len() as u64 * self.window;
    }

    /// Length of a window in picoseconds, and the greatest depth in each, in bytes.
    pub fn points(&self) -> (u64, &[u64]) {
        (self.window, &self.greatest)
    }
}
