use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// Everything that is no file, by path and by what is said of it.
fn no_files(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let fifo = folder.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    let socket = folder.join("socket");
    drop(UnixListener::bind(&socket).unwrap());
    let link = folder.join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    vec![
        (folder.to_owned(), "this is a folder, not a file"),
        (fifo, "this is a FIFO, not a file"),
        (socket, "this is a socket, not a file"),
        (link, "this is a device, not a file"),
        (PathBuf::from("/dev/zero"), "this is a device, not a file"),
        (PathBuf::from("/dev/null"), "this is a device, not a file"),
    ]
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (path, what) in no_files(folder.path()) {
        for found in [
            open(&path).map(drop),
            read(&path, 10).map(drop),
            read_text(&path, 10).map(drop),
            read_named(&path, 10).map(drop),
        ] {
            let error = found.unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::InvalidInput, what)
            );
        }
    }
    let missing = read(&folder.path().join("missing"), 10).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_file_is_read_up_to_its_limit_and_not_a_byte_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    assert_eq!(read(&path, 10).unwrap(), b"0123456789");
    assert_eq!(read_named(&path, 10).unwrap(), b"0123456789");
    assert_eq!(read_text(&path, 10).unwrap(), "0123456789");
    for found in [read(&path, 9), read_named(&path, 9)] {
        let error = found.unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 9 bytes");
    }
    // By its size: nobody has the memory for it.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(read(&path, 1 << 30).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    std::fs::write(&path, b"\xff").unwrap();
    assert_eq!(read_text(&path, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_pipe_that_was_handed_over_is_read_when_its_writer_gets_to_it() {
    let (reader, mut writer) = io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        writer.write_all(b"late").unwrap();
    });
    assert_eq!(read_named(&path, 10).unwrap(), b"late");
    late.join().unwrap();
    // Endless, and bounded all the same.
    let mut yes = Command::new("yes").stdout(Stdio::piped()).spawn().unwrap();
    let pipe = yes.stdout.take().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", pipe.as_raw_fd()));
    assert_eq!(read_named(&path, 1000).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    drop(pipe);
    yes.wait().unwrap();
    // Where a file is meant, it is no file.
    let (reader, _writer) = io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    assert_eq!(read(&path, 10).unwrap_err().to_string(), "this is a FIFO, not a file");
}
