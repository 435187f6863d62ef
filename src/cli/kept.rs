//! What is kept on this machine for a profile: the token, and by what it is renewed. Nobody else can read it at any time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::error::CliError;
use crate::domain::sign_in::OidcOffer;
use crate::domain::token::{TokenId, TokenSecret};

/// The most bytes that are read.
const LARGEST: u64 = 64 * 1024;
/// The group and others can read or write it.
const OTHERS: u32 = 0o077;
/// How long to wait for another process that renews the token: longer than a provider and a server may take.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// The token of a profile.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    pub token: TokenSecret,
    /// The token is a session of somebody who signed in at a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<KeptSession>,
}

/// A session, and how to get another one.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptSession {
    pub id: TokenId,
    pub provider: OidcOffer,
    /// Absent if the provider gave none, or takes it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// The file of a profile.
#[derive(Debug, Clone)]
pub struct KeptFile(PathBuf);

impl KeptFile {
    /// The file in the folder of a profile.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join("token"))
    }

    /// What it has; `None` if there is none.
    ///
    /// # Errors
    /// If others can read it, or it is something else.
    pub fn read(&self) -> Result<Option<Kept>, CliError> {
        let file = match File::open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let (found, shown) = (file.metadata()?, self.0.display());
        if found.mode() & OTHERS != 0 || found.uid() != rustix::process::geteuid().as_raw() {
            let sentence =
                format!("others can read the token in {shown}; revoke it and sign in again");
            return Err(CliError::usage(sentence));
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text)?;
        // The error would repeat some of the text.
        let kept: Option<Kept> = serde_json::from_str(&text).ok();
        let kept = kept.filter(|kept| TokenSecret::parse(kept.token.expose()).is_ok());
        kept.map(Some).ok_or_else(|| {
            CliError::usage(format!("what is in {shown} is not a token; sign in again"))
        })
    }

    /// Keeps this instead of what it has.
    ///
    /// # Errors
    /// If it cannot be written. It has what it had then.
    pub fn write(&self, kept: &Kept) -> Result<(), CliError> {
        self.make_folder()?;
        let beside = self.0.with_extension(format!("new.{}", uuid::Uuid::new_v4().simple()));
        let write = || -> io::Result<()> {
            let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            serde_json::to_writer(&new, kept)?;
            new.sync_all()?;
            fs::rename(&beside, &self.0)
        };
        let written = write();
        if written.is_err() {
            let _never_made = fs::remove_file(&beside);
        }
        Ok(written?)
    }

    /// Removes it. False if there was none.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<bool, CliError> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => Ok(removed.map(|()| true)?),
        }
    }

    /// Waits until no other process changes it. The next may when the returned file is dropped.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn lock(&self) -> Result<File, CliError> {
        self.make_folder()?;
        let path = self.0.with_extension("lock");
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let deadline = Instant::now() + PATIENCE;
        while lock.try_lock().is_err() {
            if Instant::now() >= deadline {
                return Err(CliError::failed(
                    "the token of this profile is being changed by another trunkline, which does not end; end it, then try again",
                ));
            }
            sleep(PAUSE).await;
        }
        Ok(lock)
    }

    fn make_folder(&self) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn kept(byte: u8) -> Kept {
        Kept { token: TokenSecret::of([byte; 32]), session: None }
    }

    #[test]
    fn a_token_that_others_can_read_or_that_is_none_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeptFile::in_folder(&folder.path().join("prod"));
        assert!(file.read().unwrap().is_none() && !file.remove().unwrap());
        file.write(&kept(1)).unwrap();
        assert!(file.read().unwrap().unwrap().token == kept(1).token);
        let names = || fs::read_dir(folder.path().join("prod")).unwrap().count();
        assert_eq!(names(), 1, "nothing is left beside it");
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o640)).unwrap();
        let why = file.read().err().unwrap().sentence();
        assert!(why.contains("others can read the token"), "{why}");
        file.write(&kept(2)).unwrap();
        assert!(file.read().unwrap().unwrap().token == kept(2).token, "a new one is private");
        for text in ["", "tl_secret", "{\"token\":\"tl_secret\"}"] {
            fs::write(&file.0, text).unwrap();
            let why = file.read().err().unwrap().sentence();
            assert!(why.contains("is not a token") && !why.contains("tl_secret"), "{why}");
        }
        assert!(file.remove().unwrap());
    }

    #[tokio::test]
    async fn one_process_at_a_time_renews_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeptFile::in_folder(folder.path());
        let first = file.lock().await.unwrap();
        let second = tokio::spawn({
            let file = file.clone();
            async move { file.lock().await.map(drop).is_ok() }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
    }
}
