//! Why a hook failed, in words.

use std::process::ExitStatus;

use crate::child::{ChildError, said};
use crate::yaml::shown;

/// Why a hook failed.
#[derive(Debug, thiserror::Error)]
pub enum HookFailure {
    /// It did not come to an end of its own.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// It says that it failed.
    #[error("it ended with {status}{}", said(stderr))]
    Status {
        /// How it ended.
        status: ExitStatus,
        /// End of its standard error.
        stderr: String,
    },
    /// What it printed is not what is asked for.
    #[error("what it printed is not what is asked for: {what}; it began: {}", shown(begins, 200))]
    Broken {
        /// What is wrong.
        what: String,
        /// The beginning of what it printed.
        begins: String,
    },
    /// The trial was over before it was its time.
    #[error("the trial ended before it was time for it")]
    TooLate,
    /// The reference fabric is asked for its counters and there is none.
    #[error("there is no reference fabric in this testbed; `fabric` is the hook of testbeds with a `fabric:`")]
    NoFabric,
}
