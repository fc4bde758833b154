//! What the tests of the built command share: running it bounded in time, folders of their own,
//! results and captures as data, and the independent witness check_pcap.py.
//!
//! Contract: no process outlives its test, and a process that hangs fails its test with its output.
//! Nothing here uses squall's own library: what the command wrote is read by other means.

#![allow(dead_code, reason = "every test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../skip/mod.rs"]
pub mod skip;
pub mod veth;

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time after which a process is taken to hang; no test comes near it on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// One switch that marks, in virtual time and without hugepages, so that tests may run beside one another.
pub const FABRIC: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
fabric:
  switch: {ecn: {kmin: 20KB, kmax: 60KB, pmax: 50%}}
";

/// The repository's folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The command under test, without colours, with `args`.
pub fn squall(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(args).env("NO_COLOR", "1");
    command
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal, if one did.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Fails the test unless the process ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(
            (self.code, self.signal),
            (Some(code), None),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A running process, killed when dropped.
pub struct Running {
    child: Child,
    stdout: File,
    stderr: File,
    what: String,
}

impl Running {
    /// Starts `command`. Its output goes to files: no pipe fills up.
    pub fn start(mut command: Command) -> Running {
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap());
        let what = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        Running {
            child,
            stdout,
            stderr,
            what,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it the signal of this name.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// What it has written to standard output and standard error so far.
    pub fn said(&mut self) -> (String, String) {
        (read(&mut self.stdout), read(&mut self.stderr))
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends; fails the test after [`PATIENCE`].
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                let said = self.said();
                panic!("{} hangs\n--- stdout\n{}\n--- stderr\n{}", self.what, said.0, said.1);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = self.said();
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &mut File) -> String {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    // At an offset of our own: the process's is shared with this handle.
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `command` to its end.
#[track_caller]
pub fn run(command: Command) -> Ended {
    Running::start(command).wait()
}

/// Waits until `happened`, and fails the test with `what` when it does not within [`PATIENCE`].
#[track_caller]
pub fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder of a test's own, gone with it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new one.
    pub fn new() -> Folder {
        Folder(tempfile::Builder::new().prefix("squall-test-").tempdir().unwrap())
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.text(name)
    }

    /// Runs a pattern to its end, expecting `code`, and returns its results.
    #[track_caller]
    pub fn results(&self, code: i32, args: &[&str]) -> Value {
        let out = self.text("out");
        let mut command = squall(&["run", "--quiet", "--out", &out]);
        command.args(args);
        run(command).expect(code);
        self.results_of("out")
    }

    /// `results.json` of the output folder of this name.
    #[track_caller]
    pub fn results_of(&self, out: &str) -> Value {
        let path = self.path(out).join("results.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let results: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(results["schema"], "squall.results/1");
        results
    }
}

/// An unsigned integer at a JSON pointer.
#[track_caller]
pub fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).unwrap_or(&Value::Null);
    found.as_u64().unwrap_or_else(|| panic!("{pointer} is {found}"))
}

/// Elements of the list at a JSON pointer.
#[track_caller]
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("{pointer} is no list"))
}

/// What must hold of every entry whose receivers listen: `sent` = `received` + causes + unexplained,
/// and nothing unexplained; of every port: its counters are those of our loops.
#[track_caller]
pub fn assert_balanced(results: &Value) {
    for entry in list(results, "/traffic") {
        let packets = &entry["packets"];
        if packets["received"].is_null() {
            continue;
        }
        let causes: u64 = list(entry, "/packets/causes")
            .iter()
            .map(|cause| number(cause, "/frames"))
            .sum();
        assert_eq!(packets["unexplained"], 0, "{entry:#}");
        assert_eq!(
            number(packets, "/sent"),
            number(packets, "/received") + causes,
            "{packets:#}"
        );
        assert_eq!(
            number(packets, "/lost"),
            number(packets, "/sent") - number(packets, "/received")
        );
        let ecn: u64 = ["not_ect", "ect0", "ect1", "ce"]
            .iter()
            .map(|codepoint| number(entry, &format!("/ecn/received/{codepoint}")))
            .sum();
        assert_eq!(
            ecn,
            number(packets, "/received"),
            "each frame received has one codepoint"
        );
    }
    for port in list(results, "/ports") {
        if !port["stats"].is_null() {
            assert_eq!(port["stats"]["opackets"], port["tx"]["frames"], "{port:#}");
        }
    }
}

/// What check_pcap.py, an implementation of its own, says of a capture.
#[track_caller]
pub fn check_pcap(path: &Path, args: &[&str]) -> Value {
    let mut command = Command::new("python3");
    command
        .arg(repository().join("tests/golden/check_pcap.py"))
        .args(args)
        .arg(path);
    let ended = run(command);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Fails the test unless check_pcap.py has nothing against a capture; returns what it counted.
#[track_caller]
pub fn assert_accepted(path: &Path, args: &[&str]) -> Value {
    let summary = check_pcap(path, args);
    assert_eq!(summary["ok"], true, "{}: {summary:#}", path.display());
    summary
}
