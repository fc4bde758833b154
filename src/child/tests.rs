use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;

/// Whoever ends the children of this process ends those of a test beside it too.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shell(text: &str, limit: Duration, stop: &dyn Fn() -> bool) -> Result<Ended, ChildError> {
    run(&Order {
        program: Path::new("sh"),
        arguments: &["-c", text],
        environment: &[],
        stdin: b"",
        limit,
        most: 1 << 16,
        stop,
    })
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

/// Whether a process is there and has not ended.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

fn noted(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

fn note() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    (folder, path)
}

#[test]
fn a_child_inherits_the_standard_streams_and_nothing_else() {
    let _alone = alone();
    // As DPDK opens them: without close-on-exec.
    let file = tempfile::tempfile().unwrap();
    let leak = nix::unistd::dup(&file).unwrap();
    nix::fcntl::fcntl(&leak, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let ended = shell("for fd in /proc/$$/fd/*; do readlink $fd; done", LONG, &|| false).unwrap();
    let open = String::from_utf8(ended.stdout).unwrap();
    // The shell may hold its own script or terminal, never a deleted file of ours.
    assert!(open.lines().all(|target| target.starts_with("pipe:")), "{open}");
    assert_eq!(open.lines().count(), 3, "{open}");
    // Here it is open still.
    assert!(nix::fcntl::fcntl(&leak, nix::fcntl::FcntlArg::F_GETFD).is_ok());
}

#[test]
fn who_runs_out_of_time_goes_with_all_that_it_started_in_whatever_session() {
    let _alone = alone();
    for away in [
        "sleep 1000 &",
        "setsid sleep 1000 &",
        "(setsid sh -c 'sleep 1000 & echo $! > \"$0\"; sleep 1000' \"$0\" &) &",
        "env -i setsid sh -c 'trap \"\" TERM; sleep 1000 & echo $! > \"$0\"; wait' \"$0\" >/dev/null 2>&1 </dev/null &",
        "nohup setsid sleep 1000 >/dev/null 2>&1 &",
    ] {
        let (_folder, path) = note();
        let script = format!("{away} pid=$!; [ -s \"$0\" ] || echo $pid > \"$0\"; sleep 0.1; exec sleep 1000");
        let ended = run(&Order {
            program: Path::new("sh"),
            arguments: &["-c", &script, path.to_str().unwrap()],
            environment: &[],
            stdin: b"",
            limit: SHORT,
            most: 100,
            stop: &|| false,
        });
        let error = ended.unwrap_err();
        assert!(
            matches!(&error, ChildError::Timeout { left, .. } if left.is_empty()),
            "{away}: {error}"
        );
        assert!(
            error
                .to_string()
                .starts_with("it did not end within 0.3 s, and was killed"),
            "{error}"
        );
        assert!(!lives(&noted(&path)), "{away}: it lives on");
    }
}

#[test]
fn who_is_to_stop_is_asked_first_and_stops_at_once() {
    let _alone = alone();
    let (_folder, path) = note();
    let stop = AtomicBool::new(false);
    let asked = AtomicBool::new(false);
    let halt = || {
        // Once it is there to hear of it.
        stop.fetch_or(path.with_extension("ready").exists(), Ordering::Relaxed);
        asked.store(true, Ordering::Relaxed);
        stop.load(Ordering::Relaxed)
    };
    let script = "trap 'echo restored > \"$0\"; exit 1' TERM; touch \"${0}.ready\"; while :; do sleep 0.01; done";
    let ready = path.with_extension("ready");
    let script = script.replace("${0}.ready", ready.to_str().unwrap());
    let ended = run(&Order {
        program: Path::new("sh"),
        arguments: &["-c", &script, path.to_str().unwrap()],
        environment: &[],
        stdin: b"",
        limit: LONG,
        most: 100,
        stop: &halt,
    });
    assert!(matches!(ended.unwrap_err(), ChildError::Stopped { left, .. } if left.is_empty()));
    assert_eq!(noted(&path), "restored");
    assert!(asked.load(Ordering::Relaxed));
}

#[test]
fn what_a_program_leaves_behind_lives_until_the_end() {
    let _alone = alone();
    let (_folder, path) = note();
    let script = format!("setsid sleep 1000 >/dev/null 2>&1 & echo $! > {}", path.display());
    shell(&script, LONG, &|| false).unwrap();
    let pid = noted(&path);
    assert!(lives(&pid));
    assert_eq!(end_all(), []);
    assert!(!lives(&pid));
    // A process of somebody else's in this program is nobody of ours.
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    shell("true", LONG, &|| false).unwrap();
    assert_eq!(end_all(), []);
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn what_could_not_be_killed_is_not_said_to_be() {
    let left = Process::of_this_process();
    let text = |error: ChildError| error.to_string();
    let stderr = String::new();
    let name = format!("process {} (", std::process::id());
    for said in [
        text(ChildError::Timeout {
            limit: SHORT,
            left: vec![left.clone()],
            stderr: stderr.clone(),
        }),
        text(ChildError::Stopped {
            left: vec![left.clone()],
            stderr: stderr.clone(),
        }),
        text(ChildError::Orphan {
            left: vec![left.clone()],
            stderr,
        }),
    ] {
        assert!(said.contains("could not be killed") && said.contains(&name), "{said}");
        assert!(!said.contains("was killed"), "{said}");
    }
}
