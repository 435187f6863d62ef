//! Finds the forge that hosts the pull requests of a repository. For a local clone it is the forge of its origin.

use std::sync::OnceLock;
use std::time::Duration;

use super::process::Git;
use super::source::RepositorySource;
use crate::domain::pull_request::Forge;

/// How long reading the origin of a clone may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The forge of a local clone's origin; unset until the first lookup.
#[derive(Debug, Default)]
pub(super) struct Origin(OnceLock<Option<Forge>>);

impl Origin {
    /// Looks up the forge of a local clone once.
    pub(super) async fn find(&self, source: &RepositorySource) {
        let RepositorySource::Local(path) = source else { return };
        if self.0.get().is_some() {
            return;
        }
        let config = Git::new("config").args(["--local", "--get", "remote.origin.url"]);
        let url = config.within(TIMEOUT).run_in(path).await.unwrap_or_default();
        let forge = Forge::of(String::from_utf8_lossy(&url).trim());
        // Fails if another fetch has set the same value meanwhile.
        let _ = self.0.set(forge);
    }

    /// The forge; `None` if it is unknown or was not looked up yet.
    pub(super) fn forge(&self, source: &RepositorySource) -> Option<Forge> {
        match source {
            RepositorySource::Local(_) => self.0.get().cloned().flatten(),
            RepositorySource::Remote(url) => Forge::of(url),
        }
    }
}
