//! `squall completions`: completion scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use super::shipped::Shipped;
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
    print(&with_files(args.shell, String::from_utf8_lossy(&script).into_owned()))
}

/// The script, offering files beside the names of what is shipped: clap's own has one or the other, and for fish no
/// arguments that are not options.
fn with_files(shell: Shell, mut script: String) -> String {
    for (shipped, commands) in Shipped::ALL {
        let names: Vec<&str> = shipped.names().collect();
        match shell {
            Shell::Zsh => {
                let names = names.join(" ");
                let both = format!("{{_alternative \"shipped:shipped:({names})\" \"files:file:_files\"}}'");
                script = script.replace(&format!("({names})'"), &both);
            }
            Shell::Fish => {
                let listed: String = names.iter().map(|name| format!("{name}\\t''\n")).collect();
                let listed = listed.trim_end();
                script = script.replace(&format!("-r -f -a \"{listed}\""), &format!("-r -F -a \"{listed}\""));
                for command in commands {
                    let seen: Vec<String> = (command.split(' '))
                        .map(|word| format!("__fish_seen_subcommand_from {word}"))
                        .collect();
                    let when = seen.join("; and ");
                    script += &format!("complete -c squall -n \"{when}\" -F -a \"{}\"\n", names.join(" "));
                }
            }
            // Bash looks for files where no name fits.
            _ => {}
        }
    }
    script
}
