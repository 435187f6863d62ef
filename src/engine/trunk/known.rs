//! What the engine knew of a trunk before a look, and the service file of a commit.

use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::on_call::OnCallSource;
use crate::engine::world::World;
use crate::git::{FileEntry, GitError, Mirror};

/// What the engine knew before the look. Everything is empty for a new service.
#[derive(Default)]
pub(super) struct KnownTrunk {
    pub(super) name: Option<ServiceName>,
    pub(super) tip: Option<Sha>,
    /// The commit of the newest build on the trunk.
    pub(super) newest: Option<Sha>,
    /// The trunk that the last good service file names; without that file, the one that had the newest build.
    pub(super) trunk: Option<String>,
    pub(super) has_file: bool,
    /// The paths of the last good service file.
    pub(super) patterns: Vec<String>,
    pub(super) freezes_at: Option<Sha>,
    /// Where the last good service file says to read who is on call.
    pub(super) on_call: Option<OnCallSource>,
    /// The tip's file was read and is good. A bad file is read again, so that its problem stays visible.
    pub(super) is_read: bool,
}

impl KnownTrunk {
    pub(super) fn of(world: &World, watched: &Watched) -> Self {
        let Some(service) = world.service_at(watched) else { return Self::default() };
        let tip = service.state.tip.clone();
        let read = tip.as_ref().and_then(|tip| service.pipelines.get(tip)?.as_ref().ok());
        Self {
            name: Some(service.name.clone()),
            newest: service.state.newest_build().map(|build| build.sha.clone()),
            freezes_at: service.freezes_at.clone(),
            on_call: service.file.as_ref().and_then(|file| file.on_call.clone()),
            trunk: match &service.file {
                Some(file) => file.trunk.clone(),
                None => service.state.branch.clone(),
            },
            has_file: service.file.is_some(),
            patterns: service.file.as_ref().map_or_else(Vec::new, |file| file.paths.clone()),
            is_read: read.is_some_and(|file| file.name == service.name),
            tip,
        }
    }
}

/// The service file at a commit. The inner error says that it is missing or has a mistake.
pub(in crate::engine) async fn read_file(
    mirror: &Mirror,
    watched: &Watched,
    at: &Sha,
) -> Result<Result<ServiceFile, String>, GitError> {
    let path = watched.service_file();
    let file = match mirror.file(at, &path).await {
        // The last good file applies until this one is corrected. The trunk goes on.
        Err(GitError::TooMuch { .. }) => {
            return Ok(Err(format!("{path} in commit {} is larger than 1 MiB", at.short())));
        }
        file => file?,
    };
    if let Some(bytes) = file {
        return Ok(ServiceFile::of_bytes(bytes, &path).map_err(|error| error.in_one_line()));
    }
    Ok(Err(match mirror.entry(at, &path, 0).await? {
        FileEntry::Unreadable(why) => format!("{path} in commit {} {why}", at.short()),
        _ => format!("commit {} has no {path}; write one and merge it", at.short()),
    }))
}
