//! Workers as processes of this one: started when there is work for them, given trials, listened to, ended.
//!
//! Contract: none outlives this process by more than a moment, however it ends: a worker ends with its input. One that
//! dies is an error of its trial, with what it said last.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::message::{Reply, Task, tell};
use super::worker::WORKER;
use crate::child;
use crate::sweep::run::{Told, Workers};
use crate::trial::{Trial, TrialError, Watched};
use crate::units::Picos;

/// How long an ended worker may take to leave its DPDK.
const GRACE: Duration = Duration::from_secs(5);

/// Longest wait for something to be told.
const MOMENT: Duration = Duration::from_millis(100);

/// Bytes of a worker's last words that are kept.
const LAST_WORDS: usize = 4096;

/// One worker.
struct Process {
    child: Child,
    /// Its tasks; none once it is to end.
    tasks: Option<ChildStdin>,
    /// Its last words, once it has ended.
    words: Receiver<String>,
    /// Which of those that were at its place.
    number: u64,
    busy: bool,
}

/// What the thread that listens to a worker hears.
enum Heard {
    Reply(Reply),
    /// It is no reply.
    Nonsense(String),
    /// The worker has closed its output.
    End,
}

/// What is heard, behind the place and the number of who said it.
type Line = (usize, u64, Heard);

/// Workers, a process a place.
pub(super) struct Processes {
    program: PathBuf,
    places: Vec<Option<Process>>,
    started: u64,
    heard: (Sender<Line>, Receiver<Line>),
}

impl Processes {
    /// Room for `places` workers, of which none is started yet.
    pub(super) fn new(program: PathBuf, places: usize) -> Processes {
        Processes {
            program,
            places: (0..places).map(|_| None).collect(),
            started: 0,
            heard: unbounded(),
        }
    }

    fn start(&mut self, place: usize) -> std::io::Result<Process> {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        // The first one is where everything else happens.
        let core = cores.get((place + 1) % cores.len().max(1)).map_or(0, |core| core.id);
        let mut command = Command::new(&self.program);
        command
            .args([WORKER, &core.to_string(), &self.places.len().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child::spawn(&mut command)?;
        self.started += 1;
        let number = self.started;
        if let Some(output) = child.stdout.take() {
            let tell = self.heard.0.clone();
            std::thread::spawn(move || listen(output, |heard| tell.send((place, number, heard)).is_ok()));
        }
        let (say, words) = unbounded();
        if let Some(mut errors) = child.stderr.take() {
            std::thread::spawn(move || say.send(last_words(&mut errors)));
        }
        Ok(Process {
            tasks: child.stdin.take(),
            child,
            words,
            number,
            busy: false,
        })
    }
}

/// Tells everything that a worker says, until nobody wants to hear it.
fn listen(output: impl Read, tell: impl Fn(Heard) -> bool) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let heard = serde_json::from_str(&line).map_or_else(|error| Heard::Nonsense(error.to_string()), Heard::Reply);
        if !tell(heard) {
            return;
        }
    }
    tell(Heard::End);
}

/// Reads to the end, and keeps what came last.
fn last_words(errors: &mut impl Read) -> String {
    let (mut kept, mut part) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = errors.read(&mut part) {
        kept.extend_from_slice(part.get(..read).unwrap_or_default());
        let most = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..most);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

impl Process {
    /// Waits until it has ended, or ends it; why it has ended, where it was not asked to.
    fn end(mut self) -> TrialError {
        drop(self.tasks.take());
        let until = Instant::now() + GRACE;
        let mut status = None;
        while Instant::now() < until {
            status = self.child.try_wait().ok().flatten();
            if status.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if status.is_none() {
            // Gone already is as good.
            let _ = self.child.kill();
            status = self.child.wait().ok();
        }
        let status = status.map_or_else(|| "it was lost".to_owned(), |status| status.to_string());
        let words = self.words.recv_timeout(MOMENT).unwrap_or_default();
        TrialError::Environment(format!(
            "the process that ran it ended: {status}{}",
            child::said(&words)
        ))
    }
}

impl Workers for Processes {
    fn places(&self) -> usize {
        self.places.len()
    }

    fn begin(&mut self, place: usize, trial: &Trial<'_>, folder: &Path) -> Result<(), TrialError> {
        let mut process = match self.places.get_mut(place).and_then(Option::take) {
            Some(process) => process,
            None => self.start(place).map_err(|error| {
                TrialError::Environment(format!(
                    "cannot start a process to run it: {error}; --jobs 1 needs none"
                ))
            })?,
        };
        let task = Task {
            pattern: trial.pattern.source.clone(),
            pattern_name: trial.pattern_name.to_owned(),
            testbed: trial.testbed.source.clone(),
            testbed_name: trial.testbed_name.map(str::to_owned),
            calibration: trial.calibration.cloned(),
            folder: folder.to_owned(),
        };
        let told = process.tasks.as_mut().map(|tasks| tell(tasks, &task));
        if !matches!(told, Some(Ok(()))) {
            return Err(process.end());
        }
        process.busy = true;
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(process);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<(usize, Told)> {
        let (place, number, heard) = self.heard.1.recv_timeout(MOMENT).ok()?;
        let slot = self.places.get_mut(place)?;
        let process = slot.as_mut().filter(|process| process.number == number)?;
        let over = match heard {
            Heard::Reply(Reply::Under { live, length, listens }) => {
                let watched = Watched {
                    kept: None,
                    live,
                    length,
                    listens,
                    before: Picos::ZERO,
                };
                return Some((place, Told::Under(watched)));
            }
            Heard::Reply(Reply::Over(over)) => Ok((*over).into()),
            Heard::Reply(Reply::Failed(error)) => Err(error),
            Heard::Nonsense(what) => {
                slot.take()?.end();
                let what = format!("the process that ran it said what nobody understands: {what}");
                return Some((place, Told::Over(Box::new(Err(TrialError::Environment(what))))));
            }
            Heard::End => {
                let process = slot.take()?;
                let busy = process.busy;
                let why = process.end();
                return busy.then(|| (place, Told::Over(Box::new(Err(why)))));
            }
        };
        process.busy = false;
        Some((place, Told::Over(Box::new(over))))
    }

    fn end(&mut self) {
        let busy = |process: &mut Process| process.busy;
        let mut busy: Vec<Process> = self.places.iter_mut().filter_map(|slot| slot.take_if(busy)).collect();
        // All of them are told before one is waited for.
        for process in &mut busy {
            drop(process.tasks.take());
        }
        for process in busy {
            process.end();
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in self.places.iter_mut().flatten() {
            process.busy = true;
        }
        self.end();
    }
}
