//! Finds the trunk of a repository: also one that was renamed, and that of a clone that lacks a part of it.

use super::known::{KnownTrunk, read_file};
use crate::config::user_file::Watched;
use crate::domain::ids::Sha;
use crate::engine::world::Trouble;
use crate::git::{GitError, Mirror, display_url};

/// The name of the trunk and its newest commit, after a fetch.
pub(super) async fn find(
    mirror: &Mirror,
    watched: &Watched,
    known: &KnownTrunk,
    fetched: Result<(), GitError>,
) -> Result<(String, Sha), Trouble> {
    let trunk = match watched.trunk.as_ref().or(known.trunk.as_ref()) {
        Some(trunk) => trunk.clone(),
        None => match mirror.default_branch().await {
            Ok(trunk) => trunk,
            Err(error) => {
                return Err(incomplete(mirror, watched, "").await.unwrap_or(error.into()));
            }
        },
    };
    if let Err(error) = fetched {
        return Err(incomplete(mirror, watched, &trunk).await.unwrap_or(error.into()));
    }
    let is_named = watched.trunk.is_some() || known.trunk.is_some() || known.has_file;
    match mirror.tip(&trunk).await? {
        Some(tip) if is_named => Ok((trunk, tip)),
        Some(tip) => declared(mirror, watched, trunk, tip).await,
        None => match incomplete(mirror, watched, &trunk).await {
            Some(trouble) => Err(trouble),
            None => renamed(mirror, watched, known, trunk).await,
        },
    }
}

/// The trunk of a service whose own file was never read: the one that the service file of the default branch names.
async fn declared(
    mirror: &Mirror,
    watched: &Watched,
    default: String,
    tip: Sha,
) -> Result<(String, Sha), Trouble> {
    let file = read_file(mirror, watched, &tip).await?.ok();
    let Some(named) = file.and_then(|file| file.trunk).filter(|named| *named != default) else {
        return Ok((default, tip));
    };
    match mirror.tip(&named).await? {
        Some(tip) => Ok((named, tip)),
        None => Err(Trouble::new(
            format!(
                "{} of {default} names the trunk {named:?}, which is not there",
                watched.service_file()
            ),
            format!("set trunk in it, or push the branch {named:?}"),
        )),
    }
}

/// The trunk after its branch is gone: the default branch, if its service file says so.
async fn renamed(
    mirror: &Mirror,
    watched: &Watched,
    known: &KnownTrunk,
    gone: String,
) -> Result<(String, Sha), Trouble> {
    let what = format!("the repository has no branch {gone:?}");
    if watched.trunk.is_some() {
        let remedy = "set another trunk for this service in config.toml, or push the branch";
        return Err(Trouble::new(what, remedy));
    }
    let Ok(default) = mirror.default_branch().await else {
        return Err(Trouble::new(what, "push the branch"));
    };
    let path = watched.service_file();
    let remedy =
        format!("set trunk = {default:?} in {path} on {default}, or push the branch {gone:?}");
    let refused = Trouble::new(format!("{what}; its default branch is {default:?}"), remedy);
    let Some(tip) = mirror.tip(&default).await? else { return Err(refused) };
    let file = read_file(mirror, watched, &tip).await?.ok();
    let follows = file.is_some_and(|file| {
        let is_ours = known.name.as_ref().is_none_or(|name| *name == file.name);
        is_ours && file.trunk.is_none_or(|trunk| trunk == default)
    });
    if follows { Ok((default, tip)) } else { Err(refused) }
}

/// Why a clone on this machine cannot be deployed from: a part of the history is missing.
async fn incomplete(mirror: &Mirror, watched: &Watched, trunk: &str) -> Option<Trouble> {
    let clone = mirror.local_clone(trunk).await?;
    let (place, kind) = match (clone.is_shallow, clone.is_partial) {
        (false, false) => return None,
        (true, _) => (&watched.repository, "shallow"),
        (false, true) => (&watched.repository, "partial"),
    };
    let what = format!("the clone {place} is {kind}: it lacks a part of the history");
    let unshallow = format!("run: git -C {place} fetch --unshallow");
    let remedy = match (clone.remote, clone.is_shallow) {
        (Some(_), _) => "run \"init\" in that clone: then its remote is watched".to_owned(),
        (None, true) => unshallow,
        (None, false) => "watch a complete clone".to_owned(),
    };
    Some(Trouble::new(what, remedy))
}

/// That a clone is watched and not its remote, so that what others push is seen only after somebody pulls.
pub(super) async fn behind_a_remote(mirror: &Mirror, trunk: &str) -> Option<Trouble> {
    let clone = mirror.local_clone(trunk).await?;
    let remote = clone.remote?;
    let (place, url) = (mirror.address(), display_url(&remote.url));
    let behind = match clone.behind {
        Some(1) => format!("; its {trunk} is 1 commit behind"),
        Some(count @ 2..) => format!("; its {trunk} is {count} commits behind"),
        Some(0) | None => String::new(),
    };
    let what = format!(
        "the clone {place} is watched and not {url}: what others push arrives when somebody pulls there{behind}"
    );
    Some(Trouble::new(what, "run \"init\" in that clone: then its remote is watched"))
}
