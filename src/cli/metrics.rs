//! `--metrics`, of all commands that run trials.

use std::net::SocketAddr;

use super::Failure;
use crate::metrics::Metrics;

/// The flag.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MetricsArgs {
    /// Tell the counters to Prometheus while it runs, at http://ADDRESS/metrics: 127.0.0.1:PORT, on loopback only; port 0
    /// takes any, and says which
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub metrics: Option<SocketAddr>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an address and a port are needed, such as 127.0.0.1:9464 or [::1]:0".to_owned())
}

impl MetricsArgs {
    /// The listener, if one was asked for; where it is, is said unless it was to be quiet and is known.
    ///
    /// # Errors
    /// [`Failure::Input`] of an address that is not loopback, or cannot be listened on.
    pub fn listen(&self, pattern: &str, trials: usize, done: usize, quiet: bool) -> Result<Option<Metrics>, Failure> {
        let Some(address) = self.metrics else {
            return Ok(None);
        };
        let metrics = Metrics::listen(address, pattern, trials as u64, done as u64)
            .map_err(|error| Failure::Input(error.to_string()))?;
        if !quiet || address.port() == 0 {
            super::say(&format!("metrics: http://{}/metrics", metrics.address()));
        }
        Ok(Some(metrics))
    }
}
