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
    #[error(
        "{}: it watches {repository:?}, and this line cannot be found; write the new address there by hand", file.display()
    )]
    Unchangeable { file: PathBuf, repository: String },
    #[error(
        "{}: `services` is a list, so no service can be appended; write each service as a [[services]] table", file.display()
    )]
    ServicesAsList { file: PathBuf },
    #[error(
        "{}: it chooses the theme by the background of the terminal; change its `theme` there by hand", file.display()
    )]
    ThemeByBackground { file: PathBuf },
    #[error("{}: its `theme` cannot be found; change it there by hand", file.display())]
    ThemeByHand { file: PathBuf },
    #[error(
        "{} is not private to you; remove it, or set {variable} to a folder of yours",
        folder.display()
    )]
    NotPrivate { folder: PathBuf, variable: &'static str },
    #[error(
        "{} belongs to another user, or is a link of one; set {variable} to a folder of yours",
        folder.display()
    )]
    NotOwn { folder: PathBuf, variable: &'static str },
    #[error("{} is not a folder; move it away, or set {variable} to another", folder.display())]
    NoFolder { folder: PathBuf, variable: &'static str },
    #[error("there is no home folder; set TRUNKLINE_CONFIG_DIR and TRUNKLINE_DATA_DIR")]
    NoHome,
}

impl ConfigError {
    /// The whole error on one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        self.to_string().replace('\n', "; ")
    }
}
