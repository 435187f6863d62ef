//! The log file of a step. A log is never a reason to fail a deploy: what cannot be written is counted.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::lines::Piece;
use crate::domain::log::{Stream, format};

/// Beyond this many bytes a step's output is counted instead of kept.
const LARGEST: u64 = 512 * 1024 * 1024;

pub(super) struct LogFile {
    file: Option<File>,
    size: u64,
    lost: u64,
}

impl LogFile {
    pub fn create(path: &Path) -> Self {
        let options = OpenOptions::new().create(true).append(true).mode(0o600).to_owned();
        Self { file: options.open(path).ok(), size: 0, lost: 0 }
    }

    pub fn pieces(&mut self, at: DateTime<Utc>, stream: Stream, pieces: &[Piece]) {
        if pieces.is_empty() {
            return;
        }
        if self.size > LARGEST {
            self.lost += pieces.len() as u64;
            return;
        }
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| format(at, stream, &piece.text, piece.continues))
            .collect();
        self.write(&bytes, pieces.len() as u64);
    }

    pub fn note(&mut self, at: DateTime<Utc>, text: &str) {
        self.write(&format(at, Stream::Note, text.as_bytes(), false), 1);
    }

    /// Says what was lost and brings everything to the disk.
    pub fn finish(&mut self, at: DateTime<Utc>) {
        if self.lost > 0 {
            let note = std::format!(
                "{} lines are missing here: the log was full or could not be written",
                self.lost
            );
            self.lost = 0;
            self.note(at, &note);
        }
        if let Some(file) = &self.file {
            let _best_effort = file.sync_all();
        }
    }

    fn write(&mut self, bytes: &[u8], lines: u64) {
        let written = self.file.as_mut().map(|file| file.write_all(bytes));
        if let Some(Ok(())) = written {
            self.size += bytes.len() as u64;
        } else {
            self.lost += lines;
            self.cut_off();
        }
    }

    /// What a full disk took of a line is taken back, so that the next line begins a line.
    fn cut_off(&mut self) {
        if let Some(file) = &self.file {
            let _best_effort = file.set_len(self.size);
        }
    }
}
