//! Reading files that somebody else may have written or replaced: never more than so many bytes, and never
//! from what is no file.
//!
//! Contract: no call waits for a writer, and none takes more memory than its limit: a device, a socket or a
//! named FIFO is refused, and so is a file that is too long, by its size before a byte of it is read. Errors
//! say what is wrong; the caller says which file.
//!
//! Left out on purpose: captures, which are read frame by frame in constant memory and may well come through
//! a FIFO (`capture`), and the kernel's own small files in /proc and /sys.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Largest file of results, of a sweep's summary or of a suite's report that is read. A run of a thousand
/// flows with its histograms comes to some MiB.
pub const MAX_RESULTS: u64 = 256 << 20;

/// Opens a file for reading.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::InvalidInput`] for what is no file.
pub fn open(path: &Path) -> io::Result<File> {
    let refuse = |about: &Metadata| match about.file_type() {
        kind if kind.is_file() => Ok(()),
        kind => Err(no_file(kind)),
    };
    // To open a device may already do something to it.
    refuse(&std::fs::metadata(path)?)?;
    let file = nonblocking(path)?;
    refuse(&file.metadata()?)?;
    Ok(file)
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and [`io::ErrorKind::FileTooLarge`].
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    bounded(open(path)?, most)
}

/// Reads a file of at most `most` bytes of UTF-8.
///
/// # Errors
/// As [`read`], and [`io::ErrorKind::InvalidData`] for what is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it is no UTF-8 text: {error}")))
}

/// Reads what a user named on the command line: a file, and also a pipe that was handed over (`/dev/stdin`,
/// `<(command)`) or a terminal.
///
/// # Errors
/// As [`read`].
pub fn read_named(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() {
        return read(path, most);
    }
    if !kind.is_fifo() && !kind.is_char_device() {
        return Err(no_file(kind));
    }
    if kind.is_char_device() && !is_descriptor(path) {
        return Err(no_file(kind));
    }
    let file = nonblocking(path)?;
    // A pipe that was handed over has a writer, or had one; a FIFO by its name may never get one.
    let fifo = file.metadata()?.file_type().is_fifo();
    let handed_over = if fifo { is_unnamed(&file) } else { file.is_terminal() };
    if !handed_over {
        return Err(no_file(kind));
    }
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    bounded(file, most)
}

fn nonblocking(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Whether a path means a descriptor that this process has already.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/fd", "/dev/stdin", "/dev/tty", "/proc"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Whether a pipe has no name in the file system.
fn is_unnamed(pipe: &File) -> bool {
    let target = std::fs::read_link(format!("/proc/self/fd/{}", pipe.as_raw_fd()));
    target.is_ok_and(|target| target.to_string_lossy().starts_with("pipe:"))
}

fn no_file(kind: FileType) -> io::Error {
    let what = match kind {
        kind if kind.is_dir() => "this is a folder, not a file",
        kind if kind.is_fifo() => "this is a FIFO, not a file",
        kind if kind.is_socket() => "this is a socket, not a file",
        _ => "this is a device, not a file",
    };
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn bounded(file: File, most: u64) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes"));
    if file.metadata()?.len() > most {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
