//! Ports belong to one run at a time: a lock for each interface and NIC.
//!
//! Contract: a lock is held by an open file (flock(2)), so it ends with its process however that ends, and a file that
//! is left behind locks nothing. The file says whose the lock is, for the sentence that refuses another run.
//!
//! Left out on purpose: ports that stay in this process, and sockets, whose other end may be a run as well.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::TrialError;
use crate::dpdk::DeviceArg;
use crate::host;

/// Where lock files are kept: the first folder that is there, or can be made, is everybody's.
const FOLDERS: [&str; 3] = ["/run/squall", "/var/lock/squall", "/tmp/squall-locks"];

/// Locks that this process holds, by their keys.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<String, Flock<std::fs::File>>);

impl Locks {
    /// Takes what `devices` are, beside what is held already.
    ///
    /// # Errors
    /// [`TrialError::Environment`] when another run has one of them; none is taken then.
    pub(super) fn take(&mut self, devices: &[DeviceArg]) -> Result<(), TrialError> {
        if !devices.iter().any(host::leads_out) {
            return Ok(());
        }
        let interfaces = super::safety::interfaces()?;
        let mut wanted = BTreeMap::new();
        for device in devices {
            for (key, what) in host::keys(Path::new("/"), device, &interfaces) {
                wanted.entry(key).or_insert((what, device.name()));
            }
        }
        wanted.retain(|key, _| !self.0.contains_key(key));
        if wanted.is_empty() {
            return Ok(());
        }
        let folders = FOLDERS.map(PathBuf::from);
        let folder = folder(&folders)?;
        let mut taken = Vec::new();
        for (key, (what, device)) in wanted {
            let path = folder.join(format!("{key}.lock"));
            let lock = lock(&path).map_err(|refused| {
                TrialError::Environment(match refused {
                    Refused::Held(Some(pid)) => format!(
                        "device {device}: {what} is in use by another run of squall, process {pid}; wait for it to end \
                         (ps -p {pid}), or stop it: kill {pid}"
                    ),
                    Refused::Held(None) => format!(
                        "device {device}: {what} is in use by another run of squall; fuser {} tells which",
                        path.display()
                    ),
                    Refused::Failed(error) => format!("cannot lock {what}: {}: {error}", path.display()),
                })
            })?;
            taken.push((key, lock));
        }
        self.0.extend(taken);
        Ok(())
    }
}

/// Why a lock is not had.
#[derive(Debug)]
enum Refused {
    /// Another process has it; this one, if it says.
    Held(Option<u32>),
    /// The file cannot be opened or locked.
    Failed(std::io::Error),
}

/// The first of `folders` that is there or can be made. Anybody may lock in it, and nobody may take away
/// another's file.
fn folder(folders: &[PathBuf]) -> Result<&Path, TrialError> {
    let mut why = Vec::new();
    for path in folders {
        let made = match std::fs::create_dir(path) {
            // After the umask.
            Ok(()) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o1777)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        };
        let usable = made.and_then(|()| {
            let about = std::fs::symlink_metadata(path)?;
            let mode = about.permissions().mode();
            if about.is_dir() && mode & 0o1777 == 0o1777 {
                Ok(())
            } else {
                Err(std::io::Error::other("it is not a folder for everybody (mode 1777)"))
            }
        });
        match usable {
            Ok(()) => return Ok(path),
            Err(error) => why.push(format!("{}: {error}", path.display())),
        }
    }
    Err(TrialError::Environment(format!(
        "ports cannot be locked against other runs: {}; mkdir -m 1777 {}",
        why.join("; "),
        FOLDERS[0]
    )))
}

fn lock(path: &Path) -> Result<Flock<std::fs::File>, Refused> {
    let open = |new: bool| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(new);
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    };
    // Not created where it is there: the kernel refuses that of others' files (fs.protected_regular).
    let file = match open(false) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = open(true);
            if let Ok(file) = &made {
                let _ = file.set_permissions(std::fs::Permissions::from_mode(0o666));
            }
            // Two that begin at once: the other has made it.
            made.or_else(|_| open(false))
        }
        other => other,
    };
    let file = file.map_err(Refused::Failed)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            // Only for the sentence: the lock is held without.
            let _ = lock.set_len(0);
            let _ = lock.rewind();
            let _ = writeln!(lock, "{}", std::process::id());
            Ok(lock)
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut said = String::new();
            let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut said);
            Err(Refused::Held(said.trim().parse().ok()))
        }
        Err((_, errno)) => Err(Refused::Failed(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_owners_and_a_file_left_behind_locks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net-1-2.lock");
        std::fs::write(&path, "4294967295\n").unwrap();
        let held = lock(&path).unwrap();
        let Err(Refused::Held(pid)) = lock(&path) else {
            panic!("locked twice")
        };
        assert_eq!(pid, Some(std::process::id()));
        drop(held);
        assert!(lock(&path).is_ok());
    }

    #[test]
    fn a_link_is_not_followed_and_only_folders_for_everybody_serve() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        std::fs::write(&target, "keep").unwrap();
        let link = root.path().join("link.lock");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(lock(&link), Err(Refused::Failed(_))));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "keep");
        let (closed, file, open) = (
            root.path().join("closed"),
            root.path().join("file"),
            root.path().join("open"),
        );
        std::fs::create_dir(&closed).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(&file, "").unwrap();
        let folders = [root.path().join("no/where"), file, closed, open.clone()];
        assert_eq!(folder(&folders).unwrap(), open);
        assert!(
            folder(&folders[..3])
                .unwrap_err()
                .to_string()
                .contains("mkdir -m 1777 /run/squall")
        );
    }
}
