//! The program's own log: to a file, never to the screen.

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

/// Names what is logged, as in `TRUNKLINE_LOG=debug`.
const FILTER: &str = "TRUNKLINE_LOG";

/// Sends what the program says about itself to the end of this file. A file that cannot be written is no reason not to
/// work: a disk may be full.
pub fn to_file(path: &Path) {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = match file {
        Ok(file) => file,
        Err(why) => {
            return CliError::warn(&format!(
                "cannot write the log {:?} ({why}); going on without it",
                path.display()
            ));
        }
    };
    let named = std::env::var(FILTER).ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = named.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let log = fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(Gated(file)))
        // It would be said on standard error, which is the same file, and a second failure there ends the process.
        .log_internal_errors(false);
    let subscriber = registry().with(log.with_filter(filter));
    // A second subscriber in one process is not ours to fight with.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Takes one record at a time: what others wrote stays on its line and acts on no terminal that the file is read on.
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
