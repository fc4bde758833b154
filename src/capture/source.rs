//! The input of a capture reader: counts bytes and frames for error messages, and reads no more
//! than is there.

use std::io::{self, BufRead, BufReader, Read};

use super::CaptureError;

/// A buffered input that knows where it is.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: BufReader<R>,
    name: String,
    /// Bytes read so far.
    byte: u64,
    /// Frames handed out so far.
    frames: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R, name: String) -> Source<R> {
        Source {
            input: BufReader::with_capacity(1 << 16, input),
            name,
            byte: 0,
            frames: 0,
        }
    }

    /// Appends `len` bytes to `buffer`, or as many as there are before the end of the file.
    /// Memory grows with what arrives, not with what `len` claims. Whether all came.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<bool, CaptureError> {
        let limit = u64::try_from(len).unwrap_or(u64::MAX);
        let result = (&mut self.input).take(limit).read_to_end(buffer);
        let read = result.map_err(|source| self.read_error(source))?;
        self.byte += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read == len)
    }

    /// Reads and forgets `len` bytes. Whether all were there.
    pub(super) fn skip(&mut self, len: u64) -> Result<bool, CaptureError> {
        let mut left = len;
        while left > 0 {
            let available = match self.input.fill_buf() {
                Ok(bytes) => bytes.len(),
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.read_error(source)),
            };
            if available == 0 {
                return Ok(false);
            }
            let step = available.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.input.consume(step);
            let step = u64::try_from(step).unwrap_or(u64::MAX);
            left -= step;
            self.byte += step;
        }
        Ok(true)
    }

    /// Bytes read so far.
    pub(super) fn byte(&self) -> u64 {
        self.byte
    }

    /// Counts a frame; its index.
    pub(super) fn count_frame(&mut self) -> u64 {
        self.frames += 1;
        self.frames - 1
    }

    /// The error for a record or block that begins at `byte`.
    pub(super) fn damaged(&self, byte: u64, what: impl Into<String>) -> CaptureError {
        CaptureError::Damaged {
            path: self.name.clone(),
            byte,
            frame: self.frames + 1,
            what: what.into(),
        }
    }

    pub(super) fn not_a_capture(&self, what: String) -> CaptureError {
        CaptureError::NotACapture {
            path: self.name.clone(),
            what,
        }
    }

    fn read_error(&self, source: io::Error) -> CaptureError {
        CaptureError::Read {
            path: self.name.clone(),
            byte: self.byte,
            frame: self.frames + 1,
            source,
        }
    }
}
