//! Errors of settings: what is wrong with a file, and what to do.

use std::io;
use std::path::PathBuf;

use crate::settings::InvalidSettings;

/// Why settings could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text of the file has mistakes.
    #[error(transparent)]
    Invalid(#[from] InvalidSettings),
    #[error("{}: cannot be read: {why}", file.display())]
    Unreadable { file: PathBuf, why: io::Error },
    #[error("{}: cannot be written: {why}", file.display())]
    Unwritable { file: PathBuf, why: io::Error },
    #[error("{}: {repository:?} is watched already", file.display())]
    WatchedAlready { file: PathBuf, repository: String },
    #[error(
        "{}: no [[services]] table can be appended here, because `services` is written as a list; \
         write each service as a [[services]] table of its own", file.display()
    )]
    ServicesAsList { file: PathBuf },
    #[error(
        "{} belongs to somebody else or is open to others; remove it, or set {variable} to a folder of yours",
        folder.display()
    )]
    NotPrivate { folder: PathBuf, variable: &'static str },
    #[error("{} is there and is no folder; move it away, or name another with {variable}", folder.display())]
    NoFolder { folder: PathBuf, variable: &'static str },
    #[error("there is no home folder; set TRUNKLINE_CONFIG_DIR and TRUNKLINE_DATA_DIR")]
    NoHome,
}

impl ConfigError {
    /// All of it in one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        self.to_string().replace('\n', "; ")
    }
}
