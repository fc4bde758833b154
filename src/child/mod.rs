//! One run of a program: told on its standard input, heard on its standard output, ended in time.
//!
//! Contract: it never blocks longer than the time allowed and a moment, whatever the program does: hang,
//! flood its outputs, ignore its input, or leave children behind that keep the outputs open. It inherits the
//! standard streams and no other descriptor. What has to go is asked to (SIGTERM), then killed with all that
//! it started, in whatever group or session; that something was killed is said of what is gone only.
//!
//! Left out on purpose: what is run and why (`sweep::hook`, `host`).

mod family;

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::dpdk;
use crate::yaml::shown;

pub use family::{Process, end_all, named};

/// What is kept of its standard error: the end.
const MAX_ERROR: usize = 8 << 10;

/// How long a program that was asked to end has for it.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long an end of its output that is sure to come is waited for.
const MOMENT: Duration = Duration::from_millis(200);

/// What is to be run.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The program: a path, or a name to be looked for in `PATH`.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Variables of its environment, beside those of this process.
    pub environment: &'a [(String, String)],
    /// What it is told.
    pub stdin: &'a [u8],
    /// How long it may take.
    pub limit: Duration,
    /// Bytes that it may print.
    pub most: usize,
    /// Whether it is to be ended early; asked many times a second.
    pub stop: &'a dyn Fn() -> bool,
}

/// A program that has ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// End of its standard error.
    pub stderr: String,
}

/// Why there is nothing to be heard from a program.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("it cannot be started: {0}")]
    Start(std::io::Error),
    /// It took too long.
    #[error("it did not end within {} s, and {}{}", limit.as_secs_f64(), fate(left), said(stderr))]
    Timeout {
        /// The time that it had.
        limit: Duration,
        /// Who lives on.
        left: Vec<Process>,
        /// End of its standard error.
        stderr: String,
    },
    /// It was to be ended early.
    #[error("it was stopped, and {}{}", fate(left), said(stderr))]
    Stopped {
        /// Who lives on.
        left: Vec<Process>,
        /// End of its standard error.
        stderr: String,
    },
    /// It ended, but a process that it started did not and keeps its outputs open.
    #[error(
        "it ended and left a process behind that keeps its output open, which {}{}",
        fate(left),
        said(stderr)
    )]
    Orphan {
        /// Who lives on.
        left: Vec<Process>,
        /// End of its standard error.
        stderr: String,
    },
    /// It printed more than it may.
    #[error("it printed more than {most} bytes{}", said(stderr))]
    Flood {
        /// Bytes that it may print.
        most: usize,
        /// End of its standard error.
        stderr: String,
    },
}

fn fate(left: &[Process]) -> String {
    if left.is_empty() {
        return "was killed".to_owned();
    }
    format!("could not be killed: {} may still be there", named(left))
}

/// What a program wrote to its standard error, as the end of a sentence.
#[must_use]
pub fn said(stderr: &str) -> String {
    let lines: Vec<String> = stderr
        .lines()
        .map(|line| format!("\n    {}", shown(line, 300)))
        .collect();
    let skip = lines.len().saturating_sub(20);
    let lines = lines.get(skip..).unwrap_or_default();
    if lines.is_empty() {
        return "; it wrote nothing to its standard error".to_owned();
    }
    format!("; its standard error:{}", lines.concat())
}

/// Runs a program to its end.
///
/// # Errors
/// [`ChildError`]; nothing of the program is left then, or the error says what.
pub fn run(order: &Order<'_>) -> Result<Ended, ChildError> {
    let deadline = Instant::now() + order.limit;
    let mut child = start(order)?;
    family::started(child.id());
    if let Some(mut pipe) = child.stdin.take() {
        let stdin = order.stdin.to_vec();
        // A program that does not care for its input closes it: no failure. It is a thread because the
        // program may print before it reads.
        std::thread::spawn(move || pipe.write_all(&stdin));
    }
    let most = order.most;
    let stdout = child.stdout.take().map(|pipe| listen(pipe, Keep::Beginning(most)));
    let stderr = child.stderr.take().map(|pipe| listen(pipe, Keep::End(MAX_ERROR)));
    let mut verdict = wait(&mut child, deadline, order.stop);
    let mut left = Vec::new();
    let mut killed = false;
    let mut end = |child: &mut Child| {
        if !std::mem::replace(&mut killed, true) {
            left = end(child);
        }
    };
    if !matches!(verdict, Verdict::Ended(_)) {
        end(&mut child);
    }
    // What it wrote is there when the pipes are closed, which a child of its may put off.
    let until = deadline.max(Instant::now() + MOMENT);
    let mut printed = hear(stdout.as_ref(), until, order.stop);
    let open = printed.is_none() && matches!(verdict, Verdict::Ended(_));
    if open {
        if (order.stop)() {
            verdict = Verdict::Stopped;
        }
        end(&mut child);
    }
    family::waited_for(child.id());
    let moment = || Instant::now() + MOMENT;
    printed = printed.or_else(|| hear(stdout.as_ref(), moment(), &|| false));
    let stderr = hear(stderr.as_ref(), moment(), &|| false).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr.bytes).into_owned();
    let printed = printed.unwrap_or_default();
    match verdict {
        Verdict::Stopped => Err(ChildError::Stopped { left, stderr }),
        Verdict::TooLate => Err(ChildError::Timeout {
            limit: order.limit,
            left,
            stderr,
        }),
        Verdict::Ended(_) if printed.cut => Err(ChildError::Flood { most, stderr }),
        Verdict::Ended(status) if open && status.success() => Err(ChildError::Orphan { left, stderr }),
        Verdict::Ended(status) => Ok(Ended {
            status,
            stdout: printed.bytes,
            stderr,
        }),
    }
}

fn start(order: &Order<'_>) -> Result<Child, ChildError> {
    family::prepare();
    let mut command = Command::new(order.program);
    command
        .args(order.arguments)
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C is not for it.
        .process_group(0);
    spawn(&mut command).map_err(ChildError::Start)
}

/// Starts a program that gets nothing of DPDK's.
///
/// # Errors
/// As [`Command::spawn`].
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let mut tries = 0;
    loop {
        dpdk::close_on_exec();
        match command.spawn() {
            // A thread that forked while the file was being written still holds it open.
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) && tries < 50 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// How it went with a program.
enum Verdict {
    Ended(ExitStatus),
    TooLate,
    Stopped,
}

/// Waits for the child to end, to run out of time, or to be stopped.
fn wait(child: &mut Child, deadline: Instant, stop: &dyn Fn() -> bool) -> Verdict {
    let mut pause = Duration::from_millis(1);
    loop {
        // Nobody else waits for it, so it cannot be gone.
        if let Ok(Some(status)) = child.try_wait() {
            return Verdict::Ended(status);
        }
        if stop() {
            return Verdict::Stopped;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Verdict::TooLate;
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Asks the program to end, then ends it with everybody who is there because of it; returns who lives on.
fn end(child: &mut Child) -> Vec<Process> {
    if !matches!(child.try_wait(), Ok(Some(_)))
        && let Ok(group) = i32::try_from(child.id())
    {
        // Gone already is as good.
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        wait(child, Instant::now() + GRACE, &|| false);
    }
    let left = end_all();
    // Does not wait for one that could not be killed.
    let _ = child.try_wait();
    left
}

/// Which part of a stream is kept.
#[derive(Clone, Copy)]
enum Keep {
    /// So many bytes, and reading ends.
    Beginning(usize),
    /// So many bytes before its end.
    End(usize),
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// There was more than was to be kept.
    cut: bool,
}

/// Reads a stream in a thread.
fn listen(mut pipe: impl Read + Send + 'static, keep: Keep) -> Receiver<Heard> {
    let (tell, hear) = channel();
    std::thread::spawn(move || {
        let mut heard = Heard::default();
        let mut chunk = [0; 8192];
        loop {
            let read = match pipe.read(&mut chunk) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            heard.bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            match keep {
                Keep::Beginning(most) if heard.bytes.len() > most => {
                    heard.cut = true;
                    heard.bytes.truncate(most);
                    // The pipe closes, and the program is told by SIGPIPE.
                    break;
                }
                Keep::End(most) if heard.bytes.len() > 2 * most => {
                    heard.bytes.drain(..heard.bytes.len() - most);
                }
                _ => {}
            }
        }
        // Nobody may wait any more.
        let _ = tell.send(heard);
    });
    hear
}

/// What was heard once the stream is closed; `None` when it is not by then, or the wait is over early.
fn hear(stream: Option<&Receiver<Heard>>, until: Instant, stop: &dyn Fn() -> bool) -> Option<Heard> {
    let Some(stream) = stream else {
        return Some(Heard::default());
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match stream.recv_timeout(left.min(Duration::from_millis(20))) {
            Ok(heard) => return Some(heard),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if left.is_zero() || stop() => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests;
