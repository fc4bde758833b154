//! The command line: one file a subcommand, each calling the stages in order.
//!
//! Contract: everything that a library user would need lives in the stages; here are only flags,
//! files, progress and exit status. Errors go to stderr and say where, what and what to do.

mod bench;
mod calibrate;
mod check;
mod class_notes;
mod compare;
mod completions;
mod craft;
mod decode;
mod devices;
mod doctor;
mod format;
pub mod input;
mod interrupt;
mod jobs;
mod list;
mod many;
mod metrics;
mod notes;
mod ports;
pub mod progress;
mod run;
mod shipped;
mod suite;
mod sweep;
mod sweep_progress;
mod told;
mod watching;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a command did not succeed; each kind has its exit status.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The run failed, or an expectation was not met: status 1.
    #[error("{0}")]
    Run(String),
    /// The input is wrong: status 2.
    #[error("{0}")]
    Input(String),
    /// The environment is (DPDK, ports, memory, rights): status 3.
    #[error("{0}")]
    Environment(String),
}

impl Failure {
    /// The process's exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Failure::Run(_) => 1,
            Failure::Input(_) => 2,
            Failure::Environment(_) => 3,
        }
    }
}

impl From<crate::trial::TrialError> for Failure {
    fn from(error: crate::trial::TrialError) -> Failure {
        match error {
            crate::trial::TrialError::Input(text) => Failure::Input(text),
            crate::trial::TrialError::Environment(text) => Failure::Environment(text),
            crate::trial::TrialError::Stopped => Failure::Run(error.to_string()),
        }
    }
}

/// Writes a line to standard error. That nobody reads it is no reason to fail.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a subcommand returns.
pub type Outcome = Result<(), Failure>;

/// Kernel-bypass RoCEv2 packet generator and analyser on DPDK.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Sweep(sweep::Args),
    Suite(suite::Args),
    List(list::Args),
    Check(check::Args),
    Craft(craft::Args),
    Ports(ports::Args),
    Doctor(doctor::Args),
    Bench(bench::Args),
    Calibrate(calibrate::Args),
    Compare(compare::Args),
    Completions(completions::Args),
    Decode(decode::Args),
    #[command(hide = true)]
    Work(work::Args),
}

/// Runs the command line of this process and returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome: Outcome = match &cli.command {
        Command::Run(args) => run::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Suite(args) => suite::run(args),
        Command::List(args) => list::run(args),
        Command::Check(args) => check::run(args),
        Command::Craft(args) => craft::run(args),
        Command::Ports(args) => ports::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Work(args) => work::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("squall: {failure}"));
            ExitCode::from(failure.status())
        }
    }
}
