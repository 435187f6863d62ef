//! Where the pull requests of a repository are shown: a local clone's are where it was cloned from.

use std::sync::OnceLock;
use std::time::Duration;

use super::process::Git;
use super::source::RepositorySource;
use crate::domain::pull_request::Forge;

/// How long a clone may take to say where it came from.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a local clone said, once it was asked.
#[derive(Debug, Default)]
pub(super) struct Origin(OnceLock<Option<Forge>>);

impl Origin {
    /// Asks a clone that was not asked yet.
    pub(super) async fn find(&self, source: &RepositorySource) {
        let RepositorySource::Local(path) = source else { return };
        if self.0.get().is_some() {
            return;
        }
        let asked = Git::new("config").args(["--local", "--get", "remote.origin.url"]);
        let address = asked.within(PATIENCE).run_in(path).await.unwrap_or_default();
        let forge = Forge::of(String::from_utf8_lossy(&address).trim());
        // Another fetch may have found the same meanwhile.
        let _known = self.0.set(forge);
    }

    /// As far as it is known.
    pub(super) fn forge(&self, source: &RepositorySource) -> Option<Forge> {
        match source {
            RepositorySource::Local(_) => self.0.get().cloned().flatten(),
            RepositorySource::Remote(url) => Forge::of(url),
        }
    }
}
