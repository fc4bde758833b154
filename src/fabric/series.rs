//! A queue's true depth over time, in bounded memory.
//!
//! Contract: the greatest and the mean depth in each of up to [`POINTS`] windows of equal length; when they run
//! out, the windows become twice as long, each of two. The first are [`FIRST`] long.

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
    /// When it was set last, or the last window began.
    since: u64,
    greatest: Vec<u64>,
    /// Depth times time, byte · ps.
    areas: Vec<u128>,
}

impl Series {
    /// The depth is `depth` from `now` on.
    #[inline]
    pub fn set(&mut self, now: u64, depth: u64) {
        if now >= self.end {
            self.advance(now);
        }
        self.count_until(now);
        self.depth = depth;
        if let Some(last) = self.greatest.last_mut() {
            *last = (*last).max(depth);
        }
    }

    /// Adds what the depth was from the last change until `now`, within the last window.
    #[inline]
    fn count_until(&mut self, now: u64) {
        let area = u128::from(self.depth) * u128::from(now.saturating_sub(self.since));
        if let Some(last) = self.areas.last_mut() {
            *last += area;
        }
        self.since = now;
    }

    fn advance(&mut self, now: u64) {
        if self.window == 0 {
            self.window = FIRST;
            self.greatest.reserve_exact(POINTS);
            self.areas.reserve_exact(POINTS);
        }
        while now >= self.end {
            if self.greatest.len() == POINTS {
                for at in 0..POINTS / 2 {
                    self.greatest[at] = self.greatest[2 * at].max(self.greatest[2 * at + 1]);
                    self.areas[at] = self.areas[2 * at] + self.areas[2 * at + 1];
                }
                self.greatest.truncate(POINTS / 2);
                self.areas.truncate(POINTS / 2);
                self.window *= 2;
                self.end = (POINTS / 2) as u64 * self.window;
                continue;
            }
            // Windows in which nothing changed held what the last change left.
            self.count_until(self.end);
            self.greatest.push(self.depth);
            self.areas.push(0);
            self.end += self.window;
        }
    }

    /// Length of a window in picoseconds, and the greatest depth in each, in bytes.
    pub fn points(&self) -> (u64, &[u64]) {
        (self.window, &self.greatest)
    }

    /// The mean depth in each window but the last, which has not ended, to the nearest byte.
    pub fn means(&self) -> Vec<u64> {
        let window = u128::from(self.window.max(1));
        let whole = self.areas.len().saturating_sub(1);
        let mean = |area: &u128| u64::try_from((area + window / 2) / window).unwrap_or(u64::MAX);
        self.areas[..whole].iter().map(mean).collect()
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
        // 700 for 10 ns, 900 for 10 ns, 100 for 30 ns of 100 ns.
        assert_eq!(series.means(), [0, 0, 190, 100, 100]);
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
