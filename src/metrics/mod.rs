//! A running test's counters for Prometheus: an HTTP listener on loopback, and the text that it answers with.
//!
//! Contract: nobody who scrapes, hangs or sends garbage can hold up a run, make it grow or keep a scraper out: one thread
//! serves at most 64 connections, each for about a second, from a copy of a dozen numbers that the control loop updates.
//! The packet path knows nothing of it. Any address that is not loopback is refused.
//!
//! Left out on purpose: TLS, names and passwords, which a listener on loopback needs not; histories, which Prometheus keeps.

mod http;
mod text;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::report::Results;
use crate::trial::Watched;

/// Counters of frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent, and their bytes.
    pub tx: (u64, u64),
    /// Received, and their bytes.
    pub rx: (u64, u64),
    /// Received with CE.
    pub ce: u64,
    /// Lost; known when a trial has ended.
    pub lost: u64,
}

impl Counts {
    fn plus(self, other: Counts) -> Counts {
        let add = |one: (u64, u64), other: (u64, u64)| (one.0 + other.0, one.1 + other.1);
        Counts {
            tx: add(self.tx, other.tx),
            rx: add(self.rx, other.rx),
            ce: self.ce + other.ce,
            lost: self.lost + other.lost,
        }
    }

    /// What a finished trial comes to.
    #[must_use]
    pub fn of(results: &Results) -> Counts {
        let sum = |pick: fn(&crate::report::model::Port) -> u64| results.ports.iter().map(pick).sum();
        let entries = || results.traffic.iter();
        Counts {
            tx: (sum(|port| port.tx.frames), sum(|port| port.tx.bytes)),
            rx: (sum(|port| port.rx.frames), sum(|port| port.rx.bytes)),
            ce: entries()
                .filter_map(|entry| entry.ecn.received)
                .map(|received| received.ce)
                .sum(),
            lost: entries().filter_map(|entry| entry.packets.lost).sum(),
        }
    }
}

/// Everything that is told.
#[derive(Debug, Clone, Default)]
struct State {
    pattern: String,
    trials: u64,
    done: u64,
    /// The points under way; the one that was begun last is the last.
    points: Vec<PointState>,
}

/// Of one point.
#[derive(Debug, Clone, Default)]
struct PointState {
    name: String,
    /// Of its finished trials.
    before: Counts,
    /// Its trials under way, by their places.
    under: BTreeMap<usize, Under>,
}

impl PointState {
    fn counts(&self) -> Counts {
        let under = self.under.values().map(|under| under.now);
        under.fold(self.before, Counts::plus)
    }
}

/// Of a trial under way.
#[derive(Debug, Clone, Copy, Default)]
struct Under {
    now: Counts,
    /// Sent to listening receivers and not there yet.
    outstanding: u64,
    elapsed_seconds: f64,
    length_seconds: Option<f64>,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The address is not loopback.
    #[error(
        "--metrics {0}: this is no loopback address, and what a test does is nobody's business beyond this machine; use \
         127.0.0.1:PORT, and forward it if need be (ssh -L)"
    )]
    Beyond(SocketAddr),
    /// The address cannot be listened on.
    #[error("--metrics {address}: cannot listen there: {source}; choose another port, or 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A listener, and the counters that it tells. It ends when this is dropped.
#[derive(Debug)]
pub struct Metrics {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Metrics {
    /// Listens on `address`; port 0 takes one that is free. `trials` are to come, of which `done` are done already.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn listen(address: SocketAddr, pattern: &str, trials: u64, done: u64) -> Result<Metrics, MetricsError> {
        if !address.ip().is_loopback() {
            return Err(MetricsError::Beyond(address));
        }
        let state = Arc::new(Mutex::new(State {
            pattern: pattern.to_owned(),
            trials,
            done,
            // Until one begins.
            points: vec![PointState::default()],
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&state);
        let body = move || text::of(&locked(&told).clone());
        let address = http::serve(address, &stop, body).map_err(|source| MetricsError::Listen { address, source })?;
        Ok(Metrics { address, state, stop })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A trial of this point begins at a place, where the one before has ended. Counters of another point begin at 0,
    /// under its own label.
    pub fn begins(&self, place: usize, point: &str) {
        let mut state = locked(&self.state);
        for known in &mut state.points {
            known.under.remove(&place);
        }
        state
            .points
            .retain(|known| known.name == point || !known.under.is_empty());
        let known = state.points.iter().position(|known| known.name == point);
        let mut own = known.map_or_else(PointState::default, |index| state.points.remove(index));
        point.clone_into(&mut own.name);
        own.under.insert(place, Under::default());
        state.points.push(own);
    }

    /// What the trial under way at a place has come to.
    pub fn seen(&self, place: usize, watched: &Watched) {
        let live = &watched.live;
        let mut state = locked(&self.state);
        let known = state.points.iter_mut();
        let Some(under) = known.filter_map(|point| point.under.get_mut(&place)).next() else {
            return;
        };
        *under = Under {
            now: Counts {
                tx: live.tx,
                rx: live.rx,
                ce: live.ce,
                lost: 0,
            },
            outstanding: if watched.listens {
                live.expected.saturating_sub(live.received)
            } else {
                0
            },
            elapsed_seconds: text::seconds(live.elapsed),
            length_seconds: watched.length.map(text::seconds),
        };
    }

    /// The trial at a place has ended with these results.
    pub fn finished(&self, place: usize, results: &Results) {
        let mut state = locked(&self.state);
        if let Some(point) = state.points.iter_mut().find(|point| point.under.contains_key(&place)) {
            point.before = point.before.plus(Counts::of(results));
            // How long it was stays until another begins.
            if let Some(under) = point.under.get_mut(&place) {
                (under.now, under.outstanding) = (Counts::default(), 0);
            }
        }
        state.done += 1;
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        http::wake(self.address);
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Numbers are whole whatever a thread did that died.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
