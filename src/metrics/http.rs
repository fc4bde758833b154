//! As much HTTP as a scraper needs: one request a connection, one answer, within a second.
//!
//! Contract: one thread serves all connections without waiting for any of them. There are at most
//! [`CONNECTIONS`]; one more takes the place of the oldest, so that whoever only holds connections open keeps
//! nobody out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Connections that are served at a time.
const CONNECTIONS: usize = 64;

/// Longest request.
const MAX_REQUEST: usize = 8192;

/// Longest time that a connection is served.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time between looks at `stop` and at connections whose time is over, milliseconds.
const LOOK_MILLIS: u16 = 100;

/// Answers with what `body` says until `stop`, and returns where.
pub fn serve(
    address: SocketAddr,
    stop: &Arc<AtomicBool>,
    body: impl Fn() -> String + Send + 'static,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let stop = Arc::clone(stop);
    let builder = std::thread::Builder::new().name("metrics".to_owned());
    builder.spawn(move || {
        let mut open = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            if turn(&listener, &mut open, &body).is_err() {
                // Out of file descriptors, say: not to be asked again at once.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    })?;
    Ok(address)
}

/// Makes the thread look at its `stop`.
pub fn wake(address: SocketAddr) {
    let _ = TcpStream::connect_timeout(&address, Duration::from_millis(50));
}

/// Waits until somebody wants something, and does as much of it as can be done at once.
fn turn(listener: &TcpListener, open: &mut Vec<Connection>, body: &impl Fn() -> String) -> std::io::Result<()> {
    let mut wanted = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    wanted.extend(open.iter().map(|one| PollFd::new(one.stream.as_fd(), one.waits_for())));
    match poll(&mut wanted, PollTimeout::from(LOOK_MILLIS)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let now = Instant::now();
    open.retain_mut(|one| one.go_on(now, body));
    // As many as there may be, so that those that are open have their turn under a flood of new ones.
    for _ in 0..CONNECTIONS {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                if open.len() == CONNECTIONS {
                    open.remove(0);
                }
                let mut one = Connection::new(stream, now);
                if one.go_on(now, body) {
                    open.push(one);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // It has gone away again.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    deadline: Instant,
    request: Vec<u8>,
    /// What is left to send; `None` before the request is whole.
    answer: Option<Vec<u8>>,
    /// Bytes read after the answer: what the scraper still had to say, so that closing does not take the answer
    /// away from it.
    ignored: usize,
}

impl Connection {
    fn new(stream: TcpStream, now: Instant) -> Connection {
        Connection {
            stream,
            deadline: now + PATIENCE,
            request: Vec::new(),
            answer: None,
            ignored: 0,
        }
    }

    fn waits_for(&self) -> PollFlags {
        match &self.answer {
            Some(left) if !left.is_empty() => PollFlags::POLLOUT,
            _ => PollFlags::POLLIN,
        }
    }

    /// Reads and writes what can be at once; false when the connection is done with.
    fn go_on(&mut self, now: Instant, body: &impl Fn() -> String) -> bool {
        // Whatever goes wrong is the scraper's affair, who will ask again.
        self.read(now, body).and_then(|()| self.write()).unwrap_or(false)
    }

    fn read(&mut self, now: Instant, body: &impl Fn() -> String) -> std::io::Result<()> {
        let mut part = [0; 1024];
        while self.answer.is_none() {
            match self.stream.read(&mut part) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.request.extend_from_slice(part.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock && now < self.deadline => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.answer = Some(answer("408 Request Timeout", ""));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if self.request.windows(4).any(|end| end == b"\r\n\r\n") {
                self.answer = Some(answer_to(&self.request, body));
            } else if self.request.len() >= MAX_REQUEST {
                self.answer = Some(answer("431 Request Header Fields Too Large", ""));
            }
        }
        // An answer that nobody takes ends with the connection's time.
        if now < self.deadline + PATIENCE {
            Ok(())
        } else {
            Err(ErrorKind::TimedOut.into())
        }
    }

    fn write(&mut self) -> std::io::Result<bool> {
        let Some(left) = &mut self.answer else { return Ok(true) };
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(0) => return Ok(false),
                Ok(written) => drop(left.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            if left.is_empty() {
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        let mut part = [0; 4096];
        while self.ignored < 64 * MAX_REQUEST {
            match self.stream.read(&mut part) {
                Ok(0) => return Ok(false),
                Ok(read) => self.ignored += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn answer_to(request: &[u8], body: &impl Fn() -> String) -> Vec<u8> {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let path = target.map(|target| target.split('?').next().unwrap_or(target));
    match (method, path) {
        _ if !version.is_some_and(|version| version.starts_with("HTTP/1.")) => answer("400 Bad Request", ""),
        (Some("GET"), Some("/metrics" | "/")) => answer("200 OK", &body()),
        (Some("GET"), _) => answer("404 Not Found", "the counters are at /metrics\n"),
        _ => answer("405 Method Not Allowed", "only GET\n"),
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes()
}
