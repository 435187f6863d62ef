//! Looks at a trunk with git: finds what is new since the last look. Changes no state of the engine.

use super::TrunkContext;
use super::update::{NewBuild, TrunkRewrite, TrunkUpdate};
use crate::config::service_file::{SERVICE_FILE, ServiceFile};
use crate::config::user_file::Watched;
use crate::domain::commit::Commit;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::people::Identity;
use crate::engine::freezes;
use crate::engine::world::{Trouble, World, WorldReader};
use crate::git::{GitError, Mirror};

/// The most commits that an event lists for one build.
const COMMITS: usize = 50;
/// The most builds of one look. After more merges, the oldest of these lists all earlier commits.
const BUILDS: usize = 200;

/// Fetches the repository and finds out what is new on its trunk.
pub(super) async fn look(
    context: &TrunkContext,
    watched: &Watched,
    mirror: &Mirror,
    owner: Option<&Identity>,
) -> Result<TrunkUpdate, Trouble> {
    let fetched = mirror.fetch().await;
    let known = known(&context.world.world(), watched);
    let before = known.as_ref().and_then(|known| known.tip.clone());
    let is_read = known.as_ref().is_some_and(|known| known.is_read);
    let newest = known.as_ref().and_then(|known| known.newest.clone());
    let name = known.as_ref().map(|known| known.name.clone());
    let known_freezes = known.as_ref().and_then(|known| known.freezes_at.clone());
    let named = watched.trunk.clone().or_else(|| known.and_then(|k| k.trunk));
    let trunk = match named {
        Some(trunk) => trunk,
        None => mirror.default_branch().await?,
    };
    fetched?;
    let tip = mirror.tip(&trunk).await?.ok_or_else(|| Trouble {
        what: format!("the repository has no branch {trunk:?}"),
        remedy: "set trunk in trunkline.toml, or push the branch".into(),
    })?;
    let file = if is_read && before.as_ref() == Some(&tip) {
        None
    } else {
        Some(read_file(mirror, watched, &tip).await?)
    };
    let folder = watched.folder.as_deref();
    let own_name = file.as_ref().and_then(|file| file.as_ref().ok()).map(|file| file.name.clone());
    let freezes = match name.or(own_name) {
        Some(name) if known_freezes.as_ref() != Some(&tip) => {
            let now = context.clock.now();
            Some(freezes::at_commit(&context.freezes, mirror, folder, &tip, &name, now).await)
        }
        _ => None,
    };
    let rewrite = rewrite(&context.world, watched, mirror, before.as_ref(), &tip).await?;
    // A force-push may have moved commits, so every commit since the last build that is still there counts as new.
    let newest = match &rewrite {
        Some(rewrite) => rewrite.onto.as_ref().map(|(_, sha)| sha.clone()),
        None => newest,
    };
    let (builds, first) = match &before {
        Some(before) if *before == tip => (Vec::new(), 0),
        Some(before) => {
            let since = newest.as_ref().unwrap_or(before);
            let shas = mirror.first_parents(Some(since), &tip, folder, BUILDS).await?;
            (new_builds(mirror, folder, Some(since), shas).await?, 0)
        }
        None => {
            let newest = mirror.first_parents(None, &tip, folder, 1).await?;
            let first = mirror.count_first_parents(&tip, folder).await?;
            (new_builds(mirror, folder, None, newest).await?, first)
        }
    };
    let owner = owner.cloned();
    Ok(TrunkUpdate { trunk, file, freezes, before, tip, rewrite, builds, first, owner })
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self::new(
            error.to_string(),
            "check the repository's address and access; trunkline retries automatically",
        )
    }
}

/// What the engine knew before the look.
struct KnownTrunk {
    name: ServiceName,
    tip: Option<Sha>,
    /// The commit of the newest build on the trunk.
    newest: Option<Sha>,
    trunk: Option<String>,
    freezes_at: Option<Sha>,
    /// The tip's file was read and is good. A bad file is read again, so that its problem stays visible.
    is_read: bool,
}

fn known(world: &World, watched: &Watched) -> Option<KnownTrunk> {
    let service = world.service_at(watched)?;
    Some(KnownTrunk {
        name: service.name.clone(),
        tip: service.state.tip.clone(),
        newest: service.state.newest_build().map(|build| build.sha.clone()),
        freezes_at: service.freezes_at.clone(),
        trunk: service.file.as_ref().and_then(|file| file.trunk.clone()),
        is_read: service.state.tip.as_ref().is_some_and(|tip| {
            let file = service.pipelines.get(tip).and_then(|file| file.as_ref().ok());
            file.is_some_and(|file| file.name == service.name)
        }),
    })
}

/// Whether the engine took in this tip, and its service file is good.
pub(super) fn is_taken_in(world: &World, watched: &Watched, tip: &Sha) -> bool {
    known(world, watched).is_some_and(|known| {
        let is_at = |at: &Option<Sha>| at.as_ref() == Some(tip);
        known.is_read && is_at(&known.tip) && is_at(&known.freezes_at)
    })
}

/// The path of the service file in the repository.
pub(in crate::engine) fn service_file_path(watched: &Watched) -> String {
    match &watched.folder {
        Some(folder) => format!("{folder}/{SERVICE_FILE}"),
        None => SERVICE_FILE.to_owned(),
    }
}

/// The service file at a commit. The inner error says that it is missing or has a mistake.
pub(in crate::engine) async fn read_file(
    mirror: &Mirror,
    watched: &Watched,
    at: &Sha,
) -> Result<Result<ServiceFile, String>, GitError> {
    let path = service_file_path(watched);
    Ok(match mirror.file(at, &path).await? {
        Some(text) => ServiceFile::parse(&text, &path).map_err(|error| error.in_one_line()),
        None => Err(format!("commit {} has no {path}; write one and merge it", at.short())),
    })
}

async fn rewrite(
    world: &WorldReader,
    watched: &Watched,
    mirror: &Mirror,
    before: Option<&Sha>,
    tip: &Sha,
) -> Result<Option<TrunkRewrite>, GitError> {
    let Some(before) = before else { return Ok(None) };
    if before == tip || mirror.is_ancestor(before, tip).await? {
        return Ok(None);
    }
    let builds: Vec<_> = {
        let world = world.world();
        let service = world.service_at(watched);
        let builds = service.into_iter().flat_map(|service| service.state.builds.values().rev());
        builds.filter(|build| !build.off_trunk).map(|b| (b.number, b.sha.clone())).collect()
    };
    let mut off_trunk = Vec::new();
    for (number, sha) in builds {
        // Every older build is on the trunk too.
        if mirror.is_ancestor(&sha, tip).await? {
            return Ok(Some(TrunkRewrite { off_trunk, onto: Some((number, sha)) }));
        }
        off_trunk.push(number);
    }
    Ok(Some(TrunkRewrite { off_trunk, onto: None }))
}

async fn new_builds(
    mirror: &Mirror,
    folder: Option<&str>,
    before: Option<&Sha>,
    shas: Vec<Sha>,
) -> Result<Vec<NewBuild>, GitError> {
    let mut builds = Vec::with_capacity(shas.len());
    let mut before = before.cloned();
    for sha in shas {
        let most = if before.is_some() { COMMITS } else { 1 };
        let (range, reverts) = tokio::try_join!(
            mirror.range(before.as_ref(), &sha, folder, most),
            mirror.reverts(before.as_ref(), &sha)
        )?;
        // Record only what a build's row shows. A plan reads the rest from git.
        let bare = |commit| Commit { files: Vec::new(), ..commit };
        let more = if before.is_some() { range.more } else { 0 };
        mirror.keep(&sha).await?;
        builds.push(NewBuild {
            sha: sha.clone(),
            commits: range.commits.into_iter().map(bare).collect(),
            more,
            reverts,
        });
        before = Some(sha);
    }
    Ok(builds)
}
