//! The program's own log: to a file, never to the screen.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use color_eyre::eyre::Context as _;
use tracing_subscriber::EnvFilter;

use super::failure::Failure;

/// Names what is logged, as in `TRUNKLINE_LOG=debug`.
const FILTER: &str = "TRUNKLINE_LOG";

/// Sends what the program says about itself to the end of this file.
pub fn to_file(path: &Path) -> Result<(), Failure> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .wrap_err_with(|| format!("cannot write the log {:?}", path.display()))?;
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(Mutex::new(file))
        .finish();
    // A second subscriber in one process is not ours to fight with.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}
