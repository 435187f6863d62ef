//! The operator's files together: the user file, and the server file, which may have engines too.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::server_file::{SERVER_FILE, engines_of};
use super::user_file::UserFile;

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
        let mut file = UserFile::load(&self.user)?;
        let engines = engines_of(&self.server, &file.engines, &self.user)?;
        file.server_file = self.server.display().to_string();
        file.server_engines = engines.keys().cloned().collect();
        file.engines.extend(engines);
        Ok(file)
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
}
