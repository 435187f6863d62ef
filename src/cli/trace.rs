//! Writes the program's own log to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use super::error::CliError;
use crate::gate;

/// The variable that sets the log level, as in `TRUNKLINE_LOG=debug`.
const FILTER: &str = "TRUNKLINE_LOG";

/// How large a log becomes before a new one begins, in bytes. One older log is kept.
pub const KEPT: u64 = 5_000_000;

/// Appends the log to this file. If the file cannot be opened, warns and continues without a log.
pub fn to_file(path: &Path) {
    let file = match OwnLog::open(path) {
        Ok(file) => file,
        Err(why) => {
            return CliError::warn(&format!(
                "cannot write the log {:?} ({why}); continuing without it",
                path.display()
            ));
        }
    };
    let named = std::env::var(FILTER).ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = named.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let log = fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(Gated(file)))
        // They go to standard error, which is this file too; a second failed write would panic.
        .log_internal_errors(false);
    let subscriber = registry().with(log.with_filter(filter));
    // Fails if a subscriber is already set, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// A file that a program writes for years. When it is large it takes the place of the one before, and a new one begins.
struct OwnLog {
    path: PathBuf,
    file: File,
    size: u64,
}

impl OwnLog {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    /// Without a new file the old one goes on.
    fn begin_new(&mut self) {
        self.size = 0;
        if fs::rename(&self.path, self.path.with_extension("log.old")).is_ok()
            && let Ok(new) = Self::open(&self.path)
        {
            *self = new;
        }
    }
}

impl Write for OwnLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size > KEPT {
            self.begin_new();
        }
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes each record on one line and removes control characters, so that the log is safe to show on a terminal.
struct Gated<W>(W);

impl<W: Write> Write for Gated<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all(format!("{}\n", gate::line(text)).as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_written_for_years_takes_bounded_space_and_loses_no_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.log");
        let mut log = OwnLog::open(&path).unwrap();
        let line = [b"x".repeat(99_999), b"\n".to_vec()].concat();
        for _ in 0..200 {
            log.write_all(&line).unwrap();
        }
        log.write_all(b"the last\n").unwrap();
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        let total: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(files.len() == 2 && total < 3 * KEPT, "{total}");
        assert!(fs::read_to_string(&path).unwrap().ends_with("the last\n"));
    }
}
