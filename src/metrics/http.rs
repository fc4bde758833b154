//! As much HTTP as a scraper needs: one request a connection, one answer, within a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections that are served at a time; more wait with the kernel, which bounds them.
const THREADS: usize = 4;

/// Longest request.
const MAX_REQUEST: usize = 8192;

/// Longest time that a connection is served.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers with what `body` says until `stop`, and returns where.
pub fn serve(
    address: SocketAddr,
    stop: &Arc<AtomicBool>,
    body: impl Fn() -> String + Clone + Send + 'static,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    for _ in 0..THREADS {
        let (listener, stop, body) = (listener.try_clone()?, Arc::clone(stop), body.clone());
        std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    // Whatever goes wrong is the scraper's affair, who will ask again.
                    Ok((stream, _)) if !stop.load(Ordering::Relaxed) => drop(answer(stream, &body)),
                    Ok(_) => {}
                    // Out of file descriptors, say: not to be asked again at once.
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        })?;
    }
    Ok(address)
}

/// Makes threads that wait for a connection look at their `stop`.
pub fn wake(address: SocketAddr) {
    for _ in 0..THREADS {
        let _ = TcpStream::connect_timeout(&address, Duration::from_millis(50));
    }
}

fn answer(mut stream: TcpStream, body: &impl Fn() -> String) -> std::io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || request.len() >= MAX_REQUEST {
            return respond(&mut stream, "408 Request Timeout", "");
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let path = target.map(|target| target.split('?').next().unwrap_or(target));
    match (method, path) {
        _ if !version.is_some_and(|version| version.starts_with("HTTP/1.")) => {
            respond(&mut stream, "400 Bad Request", "")
        }
        (Some("GET"), Some("/metrics" | "/")) => respond(&mut stream, "200 OK", &body()),
        (Some("GET"), _) => respond(&mut stream, "404 Not Found", "the counters are at /metrics\n"),
        _ => respond(&mut stream, "405 Method Not Allowed", "only GET\n"),
    }
}

fn respond(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    stream.flush()
}
