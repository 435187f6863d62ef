//! The operator's files together: the user file, and the server file, which may have engines too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::error::ConfigError;
use super::issues::IssueSettings;
use super::notify::DestinationSettings;
use super::server_file::{SERVER_FILE, destinations_of, engines_of, issues_of};
use super::user_file::{UserFile, read};
use crate::domain::notice::DestinationName;

/// Where they are. Either may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorFiles {
    pub user: PathBuf,
    pub server: PathBuf,
}

impl OperatorFiles {
    /// With the server file that is named, or the one beside the user file.
    #[must_use]
    pub fn new(user: &Path, server: Option<&Path>) -> Self {
        let beside = || user.with_file_name(SERVER_FILE);
        Self { user: user.to_owned(), server: server.map_or_else(beside, Path::to_owned) }
    }

    /// The settings of the user file, with the engines of both. A mistake of the server file that is about something else does
    /// not concern them.
    ///
    /// # Errors
    /// If one cannot be read, or with every mistake in one of them.
    pub fn load(&self) -> Result<UserFile, ConfigError> {
        self.parse(&self.texts()?)
    }

    /// The places that are told what happens, of both files. A mistake in what the server file says of them concerns no engine.
    ///
    /// # Errors
    /// If one cannot be read, or with every mistake in one of them.
    pub fn destinations(
        &self,
    ) -> Result<BTreeMap<DestinationName, DestinationSettings>, ConfigError> {
        let texts = self.texts()?;
        let file = UserFile::parse(&texts.user, &self.user.display().to_string())?;
        let mut all = file.destinations;
        all.extend(destinations_of(&self.server, &texts.server, &all, &self.user)?);
        Ok(all)
    }

    /// Where issues with drafts of postmortems are opened, by whichever file says so.
    ///
    /// # Errors
    /// If one cannot be read, or with every mistake in one of them.
    pub fn issues(&self) -> Result<Option<IssueSettings>, ConfigError> {
        let texts = self.texts()?;
        let own = UserFile::parse(&texts.user, &self.user.display().to_string())?.issues;
        let of_server = issues_of(&self.server, &texts.server, own.is_some())?;
        Ok(own.or(of_server))
    }

    /// When each was changed, and how long it is.
    fn stamps(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.user, &self.server].map(|file| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }

    fn texts(&self) -> Result<FileTexts, ConfigError> {
        Ok(FileTexts { user: read(&self.user)?, server: read(&self.server)? })
    }

    fn parse(&self, texts: &FileTexts) -> Result<UserFile, ConfigError> {
        let mut file = UserFile::parse(&texts.user, &self.user.display().to_string())?;
        let engines = engines_of(&self.server, &texts.server, &file.engines, &self.user)?;
        file.server_file = self.server.display().to_string();
        file.server_engines = engines.keys().cloned().collect();
        file.engines.extend(engines);
        Ok(file)
    }
}

/// What they say.
#[derive(Debug, PartialEq, Eq)]
struct FileTexts {
    user: String,
    server: String,
}

/// What they said last, and what that means.
#[derive(Debug)]
struct LastRead {
    texts: FileTexts,
    file: Arc<UserFile>,
    stamps: [Option<(SystemTime, u64)>; 2],
    at: Instant,
}

/// The files for whoever needs them often: texts that are the same as before are not parsed again. Clones share them.
#[derive(Debug, Clone)]
pub struct OftenRead {
    pub files: OperatorFiles,
    last: Arc<Mutex<Option<LastRead>>>,
}

impl OftenRead {
    #[must_use]
    pub fn new(files: OperatorFiles) -> Self {
        Self { files, last: Arc::default() }
    }

    /// The same as [`OperatorFiles::load`].
    ///
    /// # Errors
    /// As that.
    pub fn load(&self) -> Result<Arc<UserFile>, ConfigError> {
        let (stamps, at) = (self.files.stamps(), Instant::now());
        let texts = self.files.texts()?;
        let mut last = self.last();
        if let Some(last) = last.as_mut().filter(|last| last.texts == texts) {
            (last.stamps, last.at) = (stamps, at);
            return Ok(last.file.clone());
        }
        // With a mistake they say nothing that counts.
        *last = None;
        let file = Arc::new(self.files.parse(&texts)?);
        *last = Some(LastRead { texts, file: file.clone(), stamps, at });
        Ok(file)
    }

    /// What they said, if they were read within this time and look as they did then.
    #[must_use]
    pub fn read_within(&self, time: Duration) -> Option<Arc<UserFile>> {
        let stamps = self.files.stamps();
        let last = self.last();
        let is_same = |last: &&LastRead| last.at.elapsed() < time && last.stamps == stamps;
        last.as_ref().filter(is_same).map(|last| last.file.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<LastRead>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HUB: &str = "kind = \"github\"\nmay = [\"acme/shop\"]\n";

    fn loaded(user: &str, server: &str) -> Result<UserFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let files = OperatorFiles::new(&folder.path().join("config.toml"), None);
        fs::write(&files.user, user).unwrap();
        fs::write(&files.server, server).unwrap();
        files.load().map_err(|why| why.in_one_line())
    }

    #[test]
    fn the_engines_of_both_files_count_and_each_is_in_one() {
        let [own, team] = ["own", "team"].map(|name| format!("[engines.{name}]\n{HUB}"));
        let file = loaded(&own, &team).unwrap();
        let names: Vec<_> = file.engines.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["own", "team"]);
        let of = |name: &str, repository| {
            file.unreadable(&name.parse().unwrap(), repository, "config.toml")
        };
        assert_eq!(of("own", "acme/shop").or(of("team", "acme/shop")), None);
        let why = of("team", "acme/other").unwrap();
        assert!(why.contains("server.toml does not let services see"), "{why}");
        let why = of("own", "acme/other").unwrap();
        assert!(why.starts_with("config.toml does not let"), "{why}");
        let why = loaded(&own, &format!("\n{own}")).unwrap_err();
        assert!(
            why.contains("server.toml:2:")
                && why.contains("config.toml has an engine of this name"),
            "{why}"
        );
        let why = loaded(&own, &team.replace("may", "mya")).unwrap_err();
        assert!(why.contains("server.toml:3:1") && why.contains("did you mean"), "{why}");
        assert!(loaded(&own, &format!("listen = 7\n{team}")).is_ok(), "that concerns no engine");
        assert!(loaded(&own, "").is_ok());
    }
    #[test]
    fn a_change_of_either_file_counts_at_once_and_a_mistake_does_not_hide_behind_what_was_read_before()
     {
        let folder = tempfile::tempdir().unwrap();
        let often = OftenRead::new(OperatorFiles::new(&folder.path().join("config.toml"), None));
        let write = |file: &Path, text: &str| fs::write(file, text).unwrap();
        let names = || {
            let file = often.load().map_err(|why| why.in_one_line())?;
            Ok::<_, String>(file.engines.keys().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(names().unwrap(), Vec::<String>::new());
        write(&often.files.user, &format!("[engines.hub]\n{HUB}"));
        assert_eq!(names().unwrap(), ["hub"]);
        assert!(Arc::ptr_eq(&often.load().unwrap(), &often.load().unwrap()));
        write(&often.files.server, &format!("[engines.other]\n{HUB}"));
        assert_eq!(names().unwrap(), ["hub", "other"]);
        write(&often.files.user, "[engines.hub\n");
        assert!(names().is_err());
        write(&often.files.user, "");
        assert_eq!(names().unwrap(), ["other"]);
    }
}
