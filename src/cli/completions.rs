//! `squall completions`: completion scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Outcome, devices::print};

/// Print a completion script: squall completions bash > /etc/bash_completion.d/squall
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written to.
pub fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "squall", &mut script);
    print(&String::from_utf8_lossy(&script))
}
