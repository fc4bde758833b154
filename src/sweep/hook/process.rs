//! One run of an executable: told on its standard input, heard on its standard output, ended in time.
//!
//! Contract: it never blocks longer than the time allowed and a moment, whatever the executable does: hang,
//! flood its outputs, ignore its input, or leave children behind that keep the outputs open.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::seconds;
use crate::yaml::shown;

/// Most that a hook may print.
pub const MAX_OUTPUT: usize = 1 << 20;

/// What is kept of its standard error: the end.
const MAX_ERROR: usize = 8 << 10;

/// Why a hook failed.
#[derive(Debug, thiserror::Error)]
pub enum HookFailure {
    /// It could not be started.
    #[error("it cannot be started: {0}")]
    Start(std::io::Error),
    /// It took too long, and was killed.
    #[error("it did not end within {}, and was killed{}", seconds(*limit), said(stderr))]
    Timeout {
        /// The time that it had.
        limit: Duration,
        /// End of its standard error.
        stderr: String,
    },
    /// It ended, but a process that it started did not and keeps its outputs open.
    #[error(
        "it ended and left a process behind that keeps its output open, which was killed{}",
        said(stderr)
    )]
    Orphan {
        /// End of its standard error.
        stderr: String,
    },
    /// It says that it failed.
    #[error("it ended with {status}{}", said(stderr))]
    Status {
        /// How it ended.
        status: ExitStatus,
        /// End of its standard error.
        stderr: String,
    },
    /// It printed more than any device has counters.
    #[error("it printed more than {} bytes{}", MAX_OUTPUT, said(stderr))]
    Flood {
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

fn said(stderr: &str) -> String {
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

/// Runs `program` and returns what it printed.
pub fn run(
    program: &Path,
    environment: &[(String, String)],
    stdin: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, HookFailure> {
    let deadline = Instant::now() + limit;
    let mut child = start(program, environment)?;
    if let Some(mut pipe) = child.stdin.take() {
        let stdin = stdin.to_vec();
        // A hook that does not care for its input closes it: no failure. It is a thread because the
        // hook may print before it reads.
        std::thread::spawn(move || pipe.write_all(&stdin));
    }
    let stdout = child
        .stdout
        .take()
        .map(|pipe| listen(pipe, Keep::Beginning(MAX_OUTPUT)));
    let stderr = child.stderr.take().map(|pipe| listen(pipe, Keep::End(MAX_ERROR)));
    let status = wait(&mut child, deadline);
    if status.is_none() {
        end(&child);
        let _ = child.wait();
    }
    // What it wrote is there when the pipes are closed, which a child of the hook's may put off.
    let grace = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(200));
    let until = Instant::now() + grace;
    let printed = hear(stdout.as_ref(), until);
    let open = printed.is_none();
    if open {
        end(&child);
    }
    let printed = printed.or_else(|| hear(stdout.as_ref(), Instant::now() + Duration::from_millis(200)));
    let stderr = hear(stderr.as_ref(), Instant::now() + Duration::from_millis(200)).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr.bytes).into_owned();
    let printed = printed.unwrap_or_default();
    match status {
        None => Err(HookFailure::Timeout { limit, stderr }),
        _ if printed.cut => Err(HookFailure::Flood { stderr }),
        Some(status) if !status.success() => Err(HookFailure::Status { status, stderr }),
        _ if open => Err(HookFailure::Orphan { stderr }),
        Some(_) => Ok(printed.bytes),
    }
}

fn start(program: &Path, environment: &[(String, String)]) -> Result<Child, HookFailure> {
    let mut command = Command::new(program);
    command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: it can be ended with its children, and Ctrl-C is not for it.
        .process_group(0);
    let mut tries = 0;
    loop {
        match command.spawn() {
            // A thread that forked while the file was being written still holds it open.
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) && tries < 50 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other.map_err(HookFailure::Start),
        }
    }
}

/// Waits for the child to end; `None` when it does not in time.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        // Nobody else waits for it, so it cannot be gone.
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends the hook's process group.
fn end(child: &Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        // Gone already is as good.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
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
                    // The pipe closes, and the hook is told by SIGPIPE.
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

fn hear(stream: Option<&Receiver<Heard>>, until: Instant) -> Option<Heard> {
    let left = until.saturating_duration_since(Instant::now());
    stream.map_or_else(|| Some(Heard::default()), |stream| stream.recv_timeout(left).ok())
}
