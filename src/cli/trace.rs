//! The program's own log: to a file, never to the screen.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use super::failure::Failure;

/// Names what is logged, as in `TRUNKLINE_LOG=debug`.
const FILTER: &str = "TRUNKLINE_LOG";

/// Sends what the program says about itself to the end of this file. A file that cannot be written is no reason not to
/// work: a disk may be full.
pub fn to_file(path: &Path) {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = match file {
        Ok(file) => file,
        Err(why) => {
            return Failure::warn(&format!(
                "cannot write the log {:?} ({why}); going on without it",
                path.display()
            ));
        }
    };
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(Arc::new(file))
        // It would be said on standard error, which is the same file, and a second failure there ends the process.
        .log_internal_errors(false)
        .finish();
    // A second subscriber in one process is not ours to fight with.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
