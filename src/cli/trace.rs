//! Writes the program's own log to a file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use super::error::CliError;
use crate::gate;

/// The variable that sets the log level, as in `TRUNKLINE_LOG=debug`.
const FILTER: &str = "TRUNKLINE_LOG";

/// Appends the log to this file. If the file cannot be opened, warns and continues without a log.
pub fn to_file(path: &Path) {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = match file {
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
