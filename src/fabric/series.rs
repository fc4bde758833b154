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

    fn advance(&mut self, now: u64) {
        if self.window == 0 {
            self.window = FIRST;
            self.greatest.reserve_exact(POINTS);
        }
        while now >= self.end {
            if self.greatest.len() == POINTS {
                for at in 0..POINTS / 2 {
                    self.greatest[at] = self.greatest[2 * at].max(self.greatest[2 * at + 1]);
                }
                self.greatest.truncate(POINTS / 2);
                self.window *= 2;
                self.end = (POINTS / 2) as u64 * self.window;
                continue;
            }
            // Windows in which nothing changed held what the last change left.
            self.greatest.push(self.depth);
            self.end += self.window;
        }
    }

    /// Length of a window in picoseconds, and the greatest depth in each, in bytes.
    pub fn points(&self) -> (u64, &[u64]) {
        (self.window, &self.greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_the_greatest_depth_and_become_longer() {
        let mut series = Series::default();
        assert_eq!(series.points(), (0, &[][..]));
        series.set(250_000, 700);
        series.set(260_000, 900);
        series.set(270_000, 100);
        series.set(510_000, 50);
        assert_eq!(series.points(), (FIRST, &[0, 0, 900, 100, 100, 100][..]));
        // 2048 windows of 100 ns end at 204.8 us.
        series.set(204_700_000, 60);
        assert_eq!(series.points().1.len(), POINTS);
        series.set(204_800_000, 10);
        let (window, points) = series.points();
        assert_eq!((window, points.len()), (2 * FIRST, POINTS / 2 + 1));
        assert_eq!(points[..4], [0, 900, 100, 50]);
        assert_eq!(points[POINTS / 2 - 1..], [60, 60]);
        // A second later, windows are 2^13 times as long as at first: 2048 of 819.2 us.
        series.set(1_000_000_000_000, 5);
        let (window, points) = series.points();
        assert_eq!(window, FIRST << 13);
        assert_eq!(points.len(), 1_000_000_000_000 / (100_000 << 13) + 1);
        assert_eq!((points[0], points[1], points[points.len() - 1]), (900, 10, 10));
    }
}
