//! `samples.jsonl`: the samples of a long run, written as they come and read again.
//!
//! Contract: a line that was written is on the disk when [`Writer::sample`] returns, so that a process that
//! is killed has lost nothing but the sample under way. A last line without its end is no line: readers
//! pass over it, and a writer that goes on cuts it off. One line is in memory at a time.
//!
//! Left out on purpose: what samples come to (`soak`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::model::{SAMPLES_SCHEMA, Sample, SampleHeader};
use super::soak::Trends;
use crate::files;

/// The file's name within a run's folder.
pub const FILE_NAME: &str = "samples.jsonl";

/// Longest line that is read.
const MAX_LINE: u64 = 16 << 20;

/// Why samples could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that is whole and not what it should be.
    #[error("{path}: line {line}: not a sample of squall: {source}", path = path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It has no first line, or one of another version.
    #[error("{path}: its schema is {found:?}; this version of squall reads {SAMPLES_SCHEMA:?}", path = path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Its `schema`.
        found: String,
    },
}

/// A file of samples that is being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
}

impl Writer {
    /// Begins a file in `folder`, in place of one that may be there.
    ///
    /// # Errors
    /// [`SamplesError::File`].
    pub fn create(folder: &Path, header: &SampleHeader) -> Result<Writer, SamplesError> {
        let path = folder.join(FILE_NAME);
        let made = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
        let file = made.map_err(|source| SamplesError::File {
            path: path.clone(),
            source,
        })?;
        let mut writer = Writer { file, path };
        writer.line(header)?;
        // A file is there after a crash when its folder says so, too.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| writer.failed(source))?;
        Ok(writer)
    }

    /// Goes on with the file that is in `folder`, behind the samples of `earlier`.
    ///
    /// # Errors
    /// [`SamplesError::File`].
    pub fn go_on(folder: &Path, earlier: &Earlier) -> Result<Writer, SamplesError> {
        let path = folder.join(FILE_NAME);
        let opened = OpenOptions::new().append(true).open(&path).and_then(|file| {
            file.set_len(earlier.bytes)?;
            Ok(file)
        });
        match opened {
            Ok(file) => Ok(Writer { file, path }),
            Err(source) => Err(SamplesError::File { path, source }),
        }
    }

    /// Writes a sample.
    ///
    /// # Errors
    /// [`SamplesError::File`].
    pub fn sample(&mut self, sample: &Sample) -> Result<(), SamplesError> {
        self.line(sample)
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<(), SamplesError> {
        let written = serde_json::to_vec(value).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)?;
            self.file.sync_data()
        });
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> SamplesError {
        SamplesError::File {
            path: self.path.clone(),
            source,
        }
    }
}

/// What is to be kept of a run that is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kept<'a> {
    /// What holds for all samples; comes first, and once.
    Header(&'a SampleHeader),
    /// A sample is over.
    Sample(&'a Sample),
}

/// The file of a run under way, from its first line on.
#[derive(Debug)]
pub struct Keeper<'a> {
    folder: &'a Path,
    earlier: Option<&'a Earlier>,
    writer: Option<Writer>,
    failed: Option<SamplesError>,
}

impl<'a> Keeper<'a> {
    /// A keeper of samples in `folder`, behind those of `earlier` where there are some.
    #[must_use]
    pub fn new(folder: &'a Path, earlier: Option<&'a Earlier>) -> Keeper<'a> {
        Keeper {
            folder,
            earlier,
            writer: None,
            failed: None,
        }
    }

    /// Keeps a line; `false` once one could not be kept. Nothing is kept after that.
    pub fn keep(&mut self, kept: Kept<'_>) -> bool {
        if self.failed.is_none() {
            self.failed = self.line(kept).err();
        }
        self.failed.is_none()
    }

    fn line(&mut self, kept: Kept<'_>) -> Result<(), SamplesError> {
        match (kept, &mut self.writer) {
            (Kept::Header(header), _) => {
                self.writer = Some(match self.earlier {
                    Some(earlier) => Writer::go_on(self.folder, earlier)?,
                    None => Writer::create(self.folder, header)?,
                });
                Ok(())
            }
            (Kept::Sample(sample), Some(writer)) => writer.sample(sample),
            (Kept::Sample(_), None) => Ok(()),
        }
    }

    /// Whether all was kept.
    ///
    /// # Errors
    /// Why it was not.
    pub fn finish(self) -> Result<(), SamplesError> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// A whole file.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Its first line.
    pub header: SampleHeader,
    /// The others.
    pub samples: Vec<Sample>,
}

/// Reads a whole file. A last line that was not finished is left out.
///
/// # Errors
/// [`SamplesError`].
pub fn read(path: &Path) -> Result<Samples, SamplesError> {
    let mut samples = Vec::new();
    let (header, _) = each(path, |_, sample| samples.push(sample))?;
    Ok(Samples { header, samples })
}

/// Hands each sample of a file to `see`, and returns its header and the bytes of its finished lines.
///
/// # Errors
/// [`SamplesError`].
pub fn each(path: &Path, mut see: impl FnMut(&SampleHeader, Sample)) -> Result<(SampleHeader, u64), SamplesError> {
    let file = |source| SamplesError::File {
        path: path.to_owned(),
        source,
    };
    let json = |line| {
        move |source| SamplesError::Line {
            path: path.to_owned(),
            line,
            source,
        }
    };
    let mut reader = BufReader::new(files::open(path).map_err(file)?);
    let mut header: Option<SampleHeader> = None;
    let (mut text, mut bytes) = (Vec::new(), 0);
    for number in 1.. {
        text.clear();
        let length = reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut text)
            .map_err(file)?;
        if length as u64 == MAX_LINE && text.last() != Some(&b'\n') {
            let what = format!("line {number} is longer than {MAX_LINE} bytes");
            return Err(file(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        if text.last() != Some(&b'\n') {
            break;
        }
        match &header {
            None => header = Some(first_line(path, &text)?),
            Some(header) => see(header, serde_json::from_slice(&text).map_err(json(number))?),
        }
        bytes += length as u64;
    }
    let header = header.ok_or_else(|| SamplesError::Schema {
        path: path.to_owned(),
        found: String::new(),
    })?;
    Ok((header, bytes))
}

fn first_line(path: &Path, text: &[u8]) -> Result<SampleHeader, SamplesError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: String,
    }
    let json = |source| SamplesError::Line {
        path: path.to_owned(),
        line: 1,
        source,
    };
    let version: Version = serde_json::from_slice(text).map_err(json)?;
    if version.schema != SAMPLES_SCHEMA {
        return Err(SamplesError::Schema {
            path: path.to_owned(),
            found: version.schema,
        });
    }
    serde_json::from_slice(text).map_err(json)
}

/// What a file of samples tells of the run that it was cut short in.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Its first line.
    pub header: SampleHeader,
    /// The number that the next sample gets.
    pub samples: u64,
    /// The number that the next segment gets.
    pub segments: u32,
    /// Time of the run that is sampled already.
    pub done_ps: u64,
    /// The trends of it.
    pub trends: Trends,
    /// Bytes of the file up to the end of its last finished line.
    bytes: u64,
}

impl Earlier {
    /// Reads a file that is to be gone on with.
    ///
    /// # Errors
    /// [`SamplesError`].
    pub fn read(path: &Path) -> Result<Earlier, SamplesError> {
        let (mut samples, mut segment, mut before, mut here) = (0, None, 0, 0);
        let mut trends: Option<Trends> = None;
        let (header, bytes) = each(path, |header, sample| {
            trends.get_or_insert_with(|| Trends::new(header)).see(&sample);
            samples = sample.index + 1;
            if segment.replace(sample.segment) != Some(sample.segment) {
                before += here;
            }
            here = sample.to_ps;
        })?;
        Ok(Earlier {
            trends: trends.unwrap_or_else(|| Trends::new(&header)),
            header,
            samples,
            segments: segment.map_or(0, |segment: u32| segment.saturating_add(1)),
            done_ps: before + here,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests;
