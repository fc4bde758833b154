//! The time stamp counter (TSC) as a clock in picoseconds.
//!
//! Contract: reading takes one instruction; a conversion one 64×64-bit multiplication and a shift,
//! off by at most one picosecond, without overflow for as long as [`Picos`] lasts. The frequency is
//! measured against the kernel's CLOCK_MONOTONIC_RAW, because EAL's own figure is rounded to 10 MHz.
//!
//! Left out on purpose: CPUs whose TSC stops or changes speed; `squall doctor` warns of them.

use super::eal::Eal;
use crate::units::{PICOS_PER_SECOND, Picos};

/// The time stamp counter of this core.
#[inline(always)]
#[must_use]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 CPU has RDTSC, and Linux lets user space run it.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: reads a counter, needs no EAL.
        unsafe { dpdk_sys::squall_tsc() }
    }
}

/// The same, read after everything before it in the program has been done, and before anything after it
/// begins: for a reading that says that something has happened by then.
///
/// A plain reading takes no part in the order of loads. A processor that waits for a cache line from
/// another core reads the counter meanwhile, so that a frame of that core seems to have come before it
/// was sent. LFENCE waits on every x86 (on AMD's because Linux sets it so), ISB on Arm (DPDK).
#[inline(always)]
#[must_use]
pub fn tsc_ordered() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::_mm_lfence;
        // SAFETY: every x86-64 CPU has LFENCE.
        let wait = || unsafe { _mm_lfence() };
        wait();
        let cycles = tsc();
        wait();
        cycles
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: reads a counter, needs no EAL.
        unsafe { dpdk_sys::squall_tsc_ordered() }
    }
}

/// A factor as a multiplication and a right shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ratio {
    multiplier: u64,
    shift: u32,
}

impl Ratio {
    /// `numerator / denominator` to 63 bits or so.
    fn new(numerator: u64, denominator: u64) -> Ratio {
        let (numerator, denominator) = (u128::from(numerator), u128::from(denominator.max(1)));
        // The largest shift for which the multiplier fits into 64 bits; `numerator << 64` fits 128.
        let mut shift = 64;
        loop {
            let multiplier = ((numerator << shift) + denominator / 2) / denominator;
            match u64::try_from(multiplier) {
                Ok(multiplier) => return Ratio { multiplier, shift },
                Err(_) if shift > 0 => shift -= 1,
                Err(_) => {
                    return Ratio {
                        multiplier: u64::MAX,
                        shift: 0,
                    };
                }
            }
        }
    }

    #[inline(always)]
    fn of(self, value: u64) -> u64 {
        let product = (u128::from(value) * u128::from(self.multiplier)) >> self.shift;
        u64::try_from(product).unwrap_or(u64::MAX)
    }
}

/// Time since a start, read from the TSC.
#[derive(Debug, Clone, Copy)]
pub struct TscClock {
    start: u64,
    hz: u64,
    to_picos: Ratio,
    to_cycles: Ratio,
}

impl TscClock {
    /// A clock that shows zero now.
    #[must_use]
    pub fn start_now(eal: &Eal) -> TscClock {
        TscClock::new(tsc(), eal.tsc_hz())
    }

    /// A clock that shows zero when the counter, of `hz` cycles a second, is at `start`.
    #[must_use]
    pub fn new(start: u64, hz: u64) -> TscClock {
        TscClock {
            start,
            hz,
            to_picos: Ratio::new(PICOS_PER_SECOND, hz),
            to_cycles: Ratio::new(hz, PICOS_PER_SECOND),
        }
    }

    /// Cycles a second.
    #[must_use]
    pub fn hz(&self) -> u64 {
        self.hz
    }

    /// Time since the start; zero before it.
    #[inline(always)]
    #[must_use]
    pub fn now(&self) -> Picos {
        self.at(tsc())
    }

    /// The same, not earlier than anything that the program has read before: see [`tsc_ordered`].
    #[inline(always)]
    #[must_use]
    pub fn now_ordered(&self) -> Picos {
        self.at(tsc_ordered())
    }

    /// The time at which the counter is at `cycles`; zero before the start.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, cycles: u64) -> Picos {
        Picos(self.to_picos.of(cycles.saturating_sub(self.start)))
    }

    /// The time at which the counter is at `cycles`, ps; negative before the start.
    #[must_use]
    pub fn signed(&self, cycles: u64) -> i64 {
        let picos = |cycles: u64| i64::try_from(self.to_picos.of(cycles)).unwrap_or(i64::MAX);
        match cycles.checked_sub(self.start) {
            Some(since) => picos(since),
            None => -picos(self.start - cycles),
        }
    }

    /// The counter's value at `time`: for a loop that compares cycles rather than convert each.
    #[inline(always)]
    #[must_use]
    pub fn cycles_at(&self, time: Picos) -> u64 {
        self.start.saturating_add(self.to_cycles.of(time.0))
    }
}

/// A measurement of the TSC's frequency, from [`Calibration::begin`] to [`Calibration::finish`].
pub(super) struct Calibration(Pair);

/// One instant on both clocks.
#[derive(Clone, Copy)]
struct Pair {
    tsc: u64,
    nanos: u64,
}

/// Shorter measurements are drawn out to this: 50 ns of reading error are one part in a million.
const SHORTEST_NANOS: u64 = 50_000_000;

impl Calibration {
    pub(super) fn begin() -> Calibration {
        Calibration(Pair::read())
    }

    /// Cycles a second.
    pub(super) fn finish(&self) -> u64 {
        let begin = self.0;
        let due = begin.nanos + SHORTEST_NANOS;
        if let Some(rest) = due.checked_sub(raw_nanos()) {
            std::thread::sleep(std::time::Duration::from_nanos(rest));
        }
        let end = Pair::read();
        let nanos = u128::from(end.nanos.saturating_sub(begin.nanos).max(1));
        let cycles = u128::from(end.tsc.saturating_sub(begin.tsc));
        u64::try_from((cycles * 1_000_000_000 + nanos / 2) / nanos)
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

impl Pair {
    /// The tightest of several readings: an interrupt between the two clocks would spoil one.
    fn read() -> Pair {
        let reading = |_| {
            let before = tsc_ordered();
            let nanos = raw_nanos();
            let after = tsc_ordered();
            let width = after.saturating_sub(before);
            (
                width,
                Pair {
                    tsc: before + width / 2,
                    nanos,
                },
            )
        };
        let best = (0..16).map(reading).min_by_key(|(width, _)| *width);
        best.map_or_else(
            || Pair {
                tsc: tsc(),
                nanos: raw_nanos(),
            },
            |(_, pair)| pair,
        )
    }
}

fn raw_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Linux since 2.6.28; the answer goes into our own variable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    #[test]
    fn a_second_is_a_second() {
        let clock = TscClock::new(1_000, 2_596_100_000);
        assert_eq!(clock.at(1_000), Picos::ZERO);
        assert_eq!(clock.at(0), Picos::ZERO);
        assert_eq!(
            (clock.signed(1_000), clock.signed(0), clock.signed(2_000)),
            (0, -385_193, 385_193)
        );
        assert!(clock.at(1_000 + 2_596_100_000).0.abs_diff(PICOS_PER_SECOND) <= 1);
        // A week, against arithmetic in 128 bits.
        let cycles = 7 * 86_400 * 2_596_100_000_u64 + 12_345;
        let exact = u128::from(cycles) * u128::from(PICOS_PER_SECOND) / 2_596_100_000;
        assert!(u128::from(clock.at(1_000 + cycles).0).abs_diff(exact) <= 1);
    }

    proptest! {
        #[test]
        fn conversions_are_exact_to_a_picosecond_or_a_cycle(
            hz in 1_000_000_u64..10_000_000_000,
            picos in 0_u64..PICOS_PER_SECOND * 86_400,
        ) {
            let clock = TscClock::new(0, hz);
            let exact = u128::from(picos) * u128::from(hz) / u128::from(PICOS_PER_SECOND);
            let cycles = clock.cycles_at(Picos(picos));
            prop_assert!(u128::from(cycles).abs_diff(exact) <= 1);
            let back = u128::from(cycles) * u128::from(PICOS_PER_SECOND) / u128::from(hz);
            prop_assert!(u128::from(clock.at(cycles).0).abs_diff(back) <= 1);
        }
    }

    /// What another core has read and handed over is never later than an ordered reading after it. A plain
    /// one is earlier once in some thousands of times, by up to microseconds.
    #[test]
    fn an_ordered_reading_comes_after_what_was_read_before() {
        /// On a cache line of its own.
        #[repr(align(128))]
        struct Shared(AtomicU64);
        let (theirs, over) = (Shared(AtomicU64::new(0)), AtomicBool::new(false));
        let (mut news, mut last) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    theirs.0.store(tsc(), Ordering::Release);
                    for _ in 0..50 {
                        std::hint::spin_loop();
                    }
                }
            });
            // As many turns as take a second or so; where both threads share a core, few bring news.
            for _ in 0..20_000_000 {
                let sent = theirs.0.load(Ordering::Acquire);
                let now = tsc_ordered();
                if sent != last {
                    if now < sent {
                        over.store(true, Ordering::Relaxed);
                        panic!("read {} cycles before it was written", sent - now);
                    }
                    (news, last) = (news + 1, sent);
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(news > 0, "nothing came over");
    }

    #[test]
    fn calibration_repeats_itself() {
        let first = Calibration::begin().finish();
        let second = Calibration::begin().finish();
        // Within 100 ppm on a busy machine; a wrong unit or a rounded constant is far outside.
        assert!(first.abs_diff(second) < first / 10_000, "{first} and {second}");
    }
}
