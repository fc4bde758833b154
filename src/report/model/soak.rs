//! What the samples of a long run come to.

use serde::{Deserialize, Serialize};

/// The trend of a run that was sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// A sample's length.
    pub interval_ps: u64,
    /// Samples of full length while messages were being sent: what trends are made of.
    pub samples: u64,
    /// Uninterrupted parts of the run.
    pub segments: u32,
    /// First samples that the trend of resident memory leaves out.
    pub warm_up_samples: u64,
    /// Whether the resident memory of squall's process grew; none where it was watched for less than a
    /// minute. Its figures are in `environment`: no two runs are alike in them.
    pub resident_memory_grows: Option<bool>,
    /// Each figure that was sampled.
    pub trends: Vec<Trend>,
}

/// How one figure went over the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// The figure: the draft's name where it has one.
    pub name: String,
    /// Unit of its values.
    pub unit: String,
    /// What it is a figure of: `run`, `ports/<name>` or `traffic/<name>`.
    #[serde(rename = "where")]
    pub place: String,
    /// Samples in which it was measured.
    pub samples: u64,
    /// The first of them.
    pub first: f64,
    /// The last.
    pub last: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The median.
    pub median: f64,
    /// Slope per hour of the run's clock: the median over all pairs of samples (Theil–Sen).
    pub slope_per_hour: Option<f64>,
    /// Mann–Kendall's S: pairs of samples that rise minus pairs that fall.
    pub mann_kendall_s: i64,
    /// Probability of an S so far from 0 where there is no trend, two-sided; none of fewer than four samples.
    pub mann_kendall_p: Option<f64>,
    /// Greatest minus least, over the median.
    pub variation_percent: Option<f64>,
    /// Whether it grows; none of a figure whose growth is no sign of anything wrong.
    pub grows: Option<bool>,
}
