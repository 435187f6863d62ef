//! The log file of a step. A write error never fails a deploy: lines that cannot be written are counted.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::lines::Block;
use super::tail::Tail;
use crate::domain::log::{Stream, format};
use crate::engine::reserve::Reserve;

/// Above this size only the last lines of a step's output are kept.
const LARGEST_LOG: u64 = 512 * 1024 * 1024;
/// How many lines of one read are kept once the log is full.
const LAST_LINES: usize = 2_000;

pub(in crate::engine::runner) struct LogFile {
    file: Option<File>,
    size: u64,
    largest: u64,
    /// Lines that could not be written since the last one that was.
    lost: u64,
    /// The space that this log must leave for a rollback; `None` for the log of one.
    spared: Option<Reserve>,
    /// The end of the output, once the file is full.
    tail: Option<Tail>,
}

impl LogFile {
    pub fn create(path: &Path, spared: Option<Reserve>) -> Self {
        Self { spared, ..Self::limited(path, LARGEST_LOG) }
    }

    /// Goes on with the log of a run, after what is there of it.
    pub fn resume(path: &Path, spared: Option<Reserve>) -> Self {
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let tail = (size >= LARGEST_LOG).then(Tail::default);
        Self { size, tail, ..Self::create(path, spared) }
    }

    /// The bytes that are in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn limited(path: &Path, largest: u64) -> Self {
        let options = OpenOptions::new().create(true).append(true).mode(0o600).to_owned();
        Self { file: options.open(path).ok(), size: 0, largest, lost: 0, spared: None, tail: None }
    }

    /// How many of the last lines of the next read to keep. `None` for all.
    pub fn wants(&self) -> Option<usize> {
        self.tail.as_ref().map(|_| LAST_LINES)
    }

    pub fn block(&mut self, at: DateTime<Utc>, block: Block) {
        if block.lines == 0 {
            return;
        }
        if let Some(tail) = &mut self.tail {
            return tail.push(block);
        }
        self.write(at, &block.bytes, block.lines);
        if self.size >= self.largest {
            let full = self.largest / (1024 * 1024);
            let text = std::format!(
                "the log is full at {full} MiB: of the remaining output only the last lines are kept; they are written when the step ends"
            );
            self.note(at, &text);
            self.tail = Some(Tail::default());
        }
    }

    pub fn note(&mut self, at: DateTime<Utc>, text: &str) {
        self.write(at, &note(at, text), 1);
    }

    /// Writes the end of an output that was too long and how many lines are missing.
    pub fn finish(&mut self, at: DateTime<Utc>) {
        if let Some(tail) = self.tail.take() {
            if tail.left_out() > 0 {
                self.note(
                    at,
                    &std::format!("{} lines are missing here: the log was full", tail.left_out()),
                );
            }
            for block in tail.into_blocks() {
                self.write(at, &block.bytes, block.lines);
            }
        }
        self.write(at, b"", 0);
    }

    /// Flushes everything to the disk.
    pub fn sync(&self) {
        if let Some(file) = &self.file {
            let _best_effort = file.sync_all();
        }
    }

    /// Writes lines. If earlier lines could not be written, it first writes how many.
    fn write(&mut self, at: DateTime<Utc>, bytes: &[u8], lines: u64) {
        let missing = match self.lost {
            0 => Vec::new(),
            lost => {
                note(at, &std::format!("{lost} lines are missing here: they could not be written"))
            }
        };
        if missing.is_empty() && bytes.is_empty() {
            return;
        }
        let is_spared = |reserve: &Reserve| reserve.is_released() && reserve.is_short();
        if self.spared.as_ref().is_some_and(is_spared) {
            return self.lost += lines;
        }
        let Some(file) = &mut self.file else { return self.lost += lines };
        let written = file.write_all(&missing).and_then(|()| file.write_all(bytes));
        if written.is_ok() {
            self.size += (missing.len() + bytes.len()) as u64;
            self.lost = 0;
        } else {
            // Remove the partial line, so that the next one does not continue it.
            let _best_effort = file.set_len(self.size);
            self.lost += lines;
        }
    }
}

fn note(at: DateTime<Utc>, text: &str) -> Vec<u8> {
    format(at, Stream::Note, text.as_bytes(), false)
}
