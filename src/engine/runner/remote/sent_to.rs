//! The address that a run was sent to. Another server does not know the run, and that says nothing.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use super::client::CallError;
use crate::domain::remote::RunKey;
use crate::engine::runner::local::run::RunFolder;

/// A file in the folder of the run.
pub(super) struct SentTo {
    folder: PathBuf,
    file: PathBuf,
}

impl SentTo {
    pub fn of(folder: &RunFolder, key: &RunKey) -> Self {
        let folder = folder.path().to_owned();
        Self { file: folder.join(format!("{key}.address")), folder }
    }

    /// Keeps the address to which it goes out now. Nothing depends on it: a full disk stops no rollback.
    pub fn note(&self, url: &str) {
        let kept = self.keep(url);
        if let Err(error) = kept {
            tracing::warn!(%error, file = %self.file.display(), "an address was not kept");
        }
    }

    fn keep(&self, url: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        fs::write(&self.file, url)
    }

    /// Whether what a server at this address says of the run counts.
    ///
    /// # Errors
    /// When the run was sent to another.
    pub fn check(&self, url: Option<&str>) -> Result<(), CallError> {
        let sent = fs::read_to_string(&self.file).unwrap_or_default();
        if sent.is_empty() || url.is_none_or(|url| url == sent) {
            return Ok(());
        }
        let why = "it was sent to another url than the settings have now; put that back, or look at that server";
        Err(CallError::Lost(why.into()))
    }
}
