//! The live view of a run: two lines on standard error while it lasts, gone when it has ended.
//!
//! Contract: nothing is written when standard error is not a terminal, or is a dumb one. Updates
//! are cheap; more than a few a second are not shown. Time left is an estimate by the wall clock,
//! so it holds in virtual time too.
//!
//! Left out on purpose: any figure that is not in the report afterwards.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::units::{BitRate, Picos};

/// Steps of the bar: the run's share in thousandths.
const STEPS: u64 = 1_000;

/// What a run has done so far: totals, over all ports and entries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProgressSample {
    /// Time since the run began, by its own clock.
    pub elapsed: Picos,
    /// Frames that ports took.
    pub tx_frames: u64,
    /// Their bytes on the wire (with preamble, FCS and gap).
    pub tx_wire_bytes: u64,
    /// Frames received.
    pub rx_frames: u64,
    /// Their bytes on the wire.
    pub rx_wire_bytes: u64,
    /// Frames known to be lost by now; `None` when nobody listens.
    pub lost: Option<u64>,
    /// Frames received with CE; `None` when nobody listens.
    pub ce: Option<u64>,
    /// Share of the plan that is done, when `elapsed` does not tell: 0 to 1.
    pub done: Option<f64>,
}

/// The live view of one run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    total: Option<Picos>,
    began: Instant,
    last: ProgressSample,
}

impl Progress {
    /// A view of a run that is to take `total` by its own clock, if that is known. Nothing is shown
    /// before the first update.
    #[must_use]
    pub fn new(total: Option<Picos>) -> Progress {
        // Five times a second is as fast as anyone reads. indicatif hides on what is no terminal.
        Progress::on(total, ProgressDrawTarget::stderr_with_hz(5))
    }

    fn on(total: Option<Picos>, target: ProgressDrawTarget) -> Progress {
        let bar = ProgressBar::with_draw_target(None, target);
        Progress {
            bar,
            total: total.filter(|total| *total > Picos::ZERO),
            began: Instant::now(),
            last: ProgressSample::default(),
        }
    }

    /// Shows `sample`; rates are those since the sample before.
    pub fn update(&mut self, sample: &ProgressSample) {
        if self.bar.is_hidden() {
            return;
        }
        let share = share(sample, self.total);
        if let Some(share) = share {
            if self.bar.length().is_none() {
                // The style first: setting the length draws.
                self.bar.set_style(style("{wide_bar} {percent:>3} %\n{wide_msg}"));
                self.bar.set_length(STEPS);
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a thousand"
            )]
            self.bar.set_position((share * STEPS as f64) as u64);
        } else {
            self.bar.set_style(style("{spinner} {wide_msg}"));
        }
        let left = share.and_then(|share| left(self.began.elapsed(), share));
        self.bar.set_message(message(sample, &self.last, left));
        self.bar.tick();
        self.last = *sample;
    }

    /// Prints a line above the view, or to standard error when there is none.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| super::say(line));
    }

    /// Takes the view away, so that the summary begins on a clean line.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a wrong one would show in the tests as the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How much of the run is done, 0 to 1, if anything tells.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(sample: &ProgressSample, total: Option<Picos>) -> Option<f64> {
    let by_time = total.map(|total| sample.elapsed.0 as f64 / total.0 as f64);
    sample
        .done
        .or(by_time)
        .filter(|share| share.is_finite())
        .map(|share| share.clamp(0.0, 1.0))
}

/// Time left by the wall clock, when enough is done to tell.
fn left(spent: Duration, share: f64) -> Option<Duration> {
    (share > 0.005).then(|| spent.mul_f64((1.0 - share) / share))
}

/// The line of figures.
fn message(now: &ProgressSample, before: &ProgressSample, left: Option<Duration>) -> String {
    let over = now.elapsed.saturating_sub(before.elapsed).0;
    let rates = |frames: u64, frames_before: u64, bytes: u64, bytes_before: u64| {
        let frames = per_second(frames.saturating_sub(frames_before), over);
        // Three digits after the point dance too fast to be read.
        let bits = per_second(bytes.saturating_sub(bytes_before).saturating_mul(8), over);
        let step = bits
            .checked_ilog10()
            .map_or(1, |digits| 10_u64.pow(digits.saturating_sub(2)));
        format!("{}  {}", BitRate(bits / step * step), packet_rate(frames))
    };
    let mut parts = vec![
        format!(
            "tx {}",
            rates(now.tx_frames, before.tx_frames, now.tx_wire_bytes, before.tx_wire_bytes)
        ),
        format!(
            "rx {}",
            rates(now.rx_frames, before.rx_frames, now.rx_wire_bytes, before.rx_wire_bytes)
        ),
    ];
    parts.extend(now.lost.map(|lost| format!("lost {lost}")));
    parts.extend(now.ce.map(|ce| format!("CE {ce}")));
    parts.extend(left.map(|left| format!("{} left", seconds(left))));
    parts.join(" | ")
}

/// `count` within `over` picoseconds, for each second.
fn per_second(count: u64, over: u64) -> u64 {
    let rate = u128::from(count) * 1_000_000_000_000 / u128::from(over.max(1));
    if over == 0 {
        0
    } else {
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

fn packet_rate(per_second: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let rate = per_second as f64;
    match per_second {
        0..=999 => format!("{per_second} pps"),
        1_000..=999_999 => format!("{:.1} kpps", rate / 1e3),
        _ => format!("{:.2} Mpps", rate / 1e6),
    }
}

/// `"3 s"`, `"2 min 05 s"`, `"1 h 02 min"`.
pub(super) fn seconds(time: Duration) -> String {
    let whole = time.as_secs_f64().ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, saturating"
    )]
    let whole = whole as u64;
    match whole {
        0..=99 => format!("{whole} s"),
        100..=5_999 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: ProgressSample = ProgressSample {
        elapsed: Picos::from_micros(1_000_000),
        tx_frames: 1_000_000,
        tx_wire_bytes: 4_000_000_000,
        rx_frames: 1_000_000,
        rx_wire_bytes: 4_000_000_000,
        lost: Some(0),
        ce: Some(0),
        done: None,
    };

    #[test]
    fn figures_are_of_the_time_between_two_samples() {
        let now = ProgressSample {
            elapsed: Picos::from_micros(1_200_000),
            tx_frames: 1_500_000,
            tx_wire_bytes: 6_089_000_000,
            rx_frames: 1_000_120,
            rx_wire_bytes: 4_000_480_000,
            lost: Some(12),
            ce: None,
            ..BEFORE
        };
        let text = message(&now, &BEFORE, Some(Duration::from_millis(2_100)));
        assert_eq!(
            text,
            "tx 83.5 Gbps  2.50 Mpps | rx 19.2 Mbps  600 pps | lost 12 | 3 s left"
        );
        let still = message(&BEFORE, &BEFORE, None);
        assert_eq!(still, "tx 0 bps  0 pps | rx 0 bps  0 pps | lost 0 | CE 0");
    }

    #[test]
    fn time_left_follows_the_wall_clock_and_the_share() {
        let sample = |elapsed, done| ProgressSample {
            elapsed: Picos::from_micros(elapsed),
            done,
            ..BEFORE
        };
        let total = Some(Picos::from_micros(4_000_000));
        assert_eq!(share(&sample(1_000_000, None), total), Some(0.25));
        assert_eq!(share(&sample(1_000_000, Some(0.5)), total), Some(0.5));
        assert_eq!(share(&sample(9_000_000, None), total), Some(1.0));
        assert_eq!(share(&sample(9_000_000, None), None), None);
        assert_eq!(left(Duration::from_secs(10), 0.25), Some(Duration::from_secs(30)));
        assert_eq!(left(Duration::from_secs(10), 0.0), None);
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(seconds(Duration::from_secs(7_320)), "2 h 02 min");
    }
}
