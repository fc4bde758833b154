//! A guest with soft-RoCE (scripts/vm-rxe.sh), a wire to it that has faults, and QPs in it.
//!
//! Contract: a guest ends with its [`Guest`], however the test ends. Left out on purpose: what is right.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::support::skip::{needs, needs_root, skip};
use super::support::{Ended, Folder, Running, repository, run, wait_for};

/// A guest that runs.
pub struct Guest {
    /// Where it leaves what it writes.
    pub folder: Folder,
    machine: Running,
}

/// A program of the guest.
pub struct Job {
    name: String,
}

/// The wire between squall and the guest.
pub struct Wire {
    running: Running,
}

/// One QP of the guest's, in a program of its own.
pub struct Qp {
    /// Its name: files of the guest's that begin with it are its.
    pub name: String,
    job: Job,
    /// What it says of itself.
    pub says: Value,
}

fn script(args: &[&str]) -> Command {
    let mut command = Command::new(repository().join("scripts/vm-rxe.sh"));
    command.args(args);
    command
}

impl Guest {
    /// Boots one; `None`, with a line that says why, where there can be none.
    pub fn boot() -> Option<Guest> {
        if !needs(&["unshare", "nsenter", "tshark"]) || !needs_root("a guest in a namespace") {
            return None;
        }
        let check = run(script(&["check"]));
        if check.code != Some(0) {
            skip(check.stdout.trim());
            return None;
        }
        let folder = Folder::new();
        let machine = Running::start(script(&["run", &folder.text("")]));
        let mut guest = Guest { folder, machine };
        let ready = guest.folder.path("share/ready");
        wait_for("the guest has booted", || {
            assert!(guest.machine.is_running(), "{:?}", guest.machine.said());
            ready.exists()
        });
        Some(guest)
    }

    /// A command in the guest's network, on this side of the wire.
    pub fn beside(&self, program: &str, args: &[&str]) -> Command {
        let namespace = std::fs::read_to_string(self.folder.path("namespace")).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["-t", namespace.trim(), "-n", "-m", program]).args(args);
        command
    }

    /// The wire with these faults, once it is there.
    pub fn wire(&self, rules: &[&str]) -> Wire {
        for name in ["wire.ready", "wire.heard", "wire.stop"] {
            let _ = std::fs::remove_file(self.folder.path(name));
        }
        let program = repository().join("scripts/vm-rxe/wire.py");
        let folder = self.folder.text("");
        let mut args = vec![program.to_str().unwrap(), &folder];
        args.extend(rules);
        let mut running = Running::start(self.beside("python3", &args));
        let ready = self.folder.path("wire.ready");
        wait_for("the wire is there", || {
            assert!(running.is_running(), "{:?}", running.said());
            ready.exists()
        });
        Wire { running }
    }

    /// Ends a wire: how often each of its rules has struck.
    pub fn unplug(&self, wire: Wire) -> Vec<u64> {
        self.folder.write("wire.stop", "");
        let ended = wire.running.wait().expect(0);
        ended
            .stdout
            .split_whitespace()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    /// Starts a script in the guest.
    fn start(&self, script: &str) -> Job {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let name = format!("job{}", now.as_nanos());
        let new = self.folder.write(&format!("share/{name}.new"), script);
        std::fs::rename(new, self.folder.path(&format!("share/in/{name}.sh"))).unwrap();
        Job { name }
    }

    /// Waits until a script of the guest's has ended.
    fn wait(&self, job: &Job) -> Ended {
        let path = |end: &str| -> PathBuf { self.folder.path(&format!("share/out/{}.{end}", job.name)) };
        wait_for("the guest's program ends", || path("rc").exists());
        let text = |end: &str| std::fs::read_to_string(path(end)).unwrap();
        Ended {
            code: text("rc").trim().parse().ok(),
            signal: None,
            stdout: text("out"),
            stderr: text("err"),
        }
    }

    /// A QP whose program has these arguments; it gets ready when it is told of its peer.
    pub fn qp(&self, name: &str, args: &str) -> Qp {
        for end in ["", ".new", ".peer", ".done", ".dump", ".dump.recv"] {
            let _ = std::fs::remove_file(self.folder.path(&format!("share/{name}{end}")));
        }
        let file = format!("/share/{name}");
        let job = self.start(&format!(
            "(until [ -e {file}.peer ]; do usleep 20000; done; cat {file}.peer) | \
             rcqp --ready {file} --until {file}.done --wait 60000 --dump {file}.dump {args}\n"
        ));
        let path = self.folder.path(&format!("share/{name}.new"));
        let mut says = Value::Null;
        wait_for("the QP says what it is", || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            says = serde_json::from_str(&text).unwrap_or_default();
            !says.is_null()
        });
        Qp {
            name: name.to_owned(),
            job,
            says,
        }
    }

    /// Tells a QP of its peer, `QPN PSN GID VADDR RKEY`, and waits until it is ready.
    pub fn connect(&self, qp: &Qp, peer: &str) {
        let new = self
            .folder
            .write(&format!("share/{}.peer.new", qp.name), &format!("{peer}\n"));
        std::fs::rename(new, self.folder.path(&format!("share/{}.peer", qp.name))).unwrap();
        let ready = self.folder.path(&format!("share/{}", qp.name));
        let failed = self.folder.path(&format!("share/out/{}.rc", qp.job.name));
        wait_for("the QP is ready", || {
            assert!(!failed.exists(), "{:?}", self.wait(&qp.job));
            ready.exists()
        });
    }

    /// Ends a QP's program: what it says of the end, and its completions.
    pub fn end(&self, qp: &Qp) -> (Value, Vec<Value>) {
        self.folder.write(&format!("share/{}.done", qp.name), "");
        self.finish(qp)
    }

    /// Waits until a QP's program has ended by itself.
    pub fn finish(&self, qp: &Qp) -> (Value, Vec<Value>) {
        let ended = self.wait(&qp.job);
        let lines = ended.stdout.lines();
        let events: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        let of = |event: &str| events.iter().filter(|one| one["event"] == event).cloned().collect();
        let ends: Vec<Value> = of("end");
        assert_eq!(ends.len(), 1, "{ended:?}");
        (ends[0].clone(), of("wc"))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = std::fs::write(self.folder.path("share/stop"), "");
        for _ in 0..250 {
            if !self.machine.is_running() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // The script is the guest's namespace: they end together.
        self.machine.signal("TERM");
    }
}
