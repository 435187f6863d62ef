//! Looks at a trunk with git: finds what is new since the last look. Changes no state of the engine.

use std::time::Instant;

use super::known::{KnownTrunk, read_file};
use super::update::{NewBuild, NewMirror, TrunkRewrite, TrunkUpdate};
use super::{TrunkContext, find_trunk};
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::commit::Commit;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::on_call::OnCallSource;
use crate::domain::people::Identity;
use crate::engine::freezes::{self, FreezesAtCommit, OnCallAtCommit};
use crate::engine::world::{Trouble, World, WorldReader, paths_of};
use crate::git::{GitError, Mirror, Paths};

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
    times_made: Option<u64>,
) -> Result<TrunkUpdate, Trouble> {
    let seen = context.world.world().service_at(watched).and_then(|s| s.trunk.clone());
    let seen = watched.trunk.clone().or(seen);
    let begun = Instant::now();
    let fetched = mirror.fetch(seen.as_deref()).await;
    if fetched.is_ok() {
        context.fetches.add(begun.elapsed());
    }
    let known = KnownTrunk::of(&context.world.world(), watched);
    let is_trunk_alone = matches!(fetched, Ok(true));
    let (trunk, tip) = find_trunk::find(mirror, watched, &known, fetched.map(drop)).await?;
    let clone = find_trunk::behind_a_remote(mirror, &trunk).await;
    let new_mirror = if times_made == Some(mirror.times_made()) {
        None
    } else {
        let new = keep_builds(&context.world, watched, mirror, times_made.is_some()).await;
        // A mirror that is new to this engine is no news as long as it has everything.
        new.filter(|new| new.was_missing || !new.lost.is_empty())
    };
    let file = if known.is_read && known.tip.as_ref() == Some(&tip) {
        None
    } else {
        Some(read_file(mirror, watched, &tip).await?)
    };
    let own_name = file.as_ref().and_then(|file| file.as_ref().ok()).map(|file| &file.name);
    let (freezes, on_call) = match known.name.as_ref().or(own_name) {
        Some(name) if known.freezes_at.as_ref() != Some(&tip) => {
            let own = file.as_ref().and_then(|file| file.as_ref().ok());
            calendars(context, watched, mirror, &tip, (name, &known, own)).await
        }
        _ => (None, None),
    };
    // After a start, and in a mirror that was made again, the history may have no index yet.
    let was_indexed = known.is_read && times_made == Some(mirror.times_made());
    let mailmap = if was_indexed && known.tip.as_ref() == Some(&tip) {
        None
    } else {
        mirror.index_history(&tip).await;
        Some(mirror.has_large_mailmap(&tip).await?)
    };
    let rewrite = rewrite(&context.world, watched, mirror, known.tip.as_ref(), &tip).await?;
    let new_file = file.as_ref().and_then(|file| file.as_ref().ok());
    let patterns = new_file.map_or(known.patterns.as_slice(), |file| file.paths.as_slice());
    let paths = paths_of(watched, patterns);
    let unmatched = match new_file {
        Some(file) => Some(mirror.unmatched(&tip, &file.paths).await?),
        None => None,
    };
    let (builds, first) =
        Box::pin(builds_since(mirror, watched, paths.as_ref(), &known, rewrite.as_ref(), &tip))
            .await?;
    let (before, owner) = (known.tip, owner.cloned());
    Ok(TrunkUpdate {
        trunk,
        clone,
        file,
        unmatched,
        has_large_mailmap: mailmap,
        is_trunk_alone,
        freezes,
        on_call,
        before,
        tip,
        rewrite,
        new_mirror,
        builds,
        first,
        owner,
    })
}

/// The freezes and the calendar of who is on call at the tip, of the service of this name. The new service file counts, if it
/// is good, else the last good one.
async fn calendars(
    context: &TrunkContext,
    watched: &Watched,
    mirror: &Mirror,
    tip: &Sha,
    (name, known, new): (&ServiceName, &KnownTrunk, Option<&ServiceFile>),
) -> (Option<FreezesAtCommit>, Option<OnCallAtCommit>) {
    let (freezes, now, folder) = (&context.freezes, context.clock.now(), watched.folder.as_deref());
    let found = freezes::at_commit(freezes, mirror, folder, tip, name, now).await;
    if new.is_none() && !known.has_file {
        return (Some(found), None);
    }
    let source = new.map_or(&known.on_call, |file| &file.on_call);
    let source = source.as_ref().and_then(OnCallSource::calendar);
    let on_call = freezes::on_call_at_commit(freezes, mirror, folder, tip, name, source, now).await;
    (Some(found), Some(on_call))
}

/// The builds that are new. `first` is the number of the first one of a new service; for a known one, how many first-parent
/// commits are between its newest build and the first one here.
async fn builds_since(
    mirror: &Mirror,
    watched: &Watched,
    paths: Option<&Paths>,
    known: &KnownTrunk,
    rewrite: Option<&TrunkRewrite>,
    tip: &Sha,
) -> Result<(Vec<NewBuild>, u64), GitError> {
    let Some(before) = &known.tip else {
        let newest = mirror.first_parents(None, tip, paths, 1).await?;
        let first = mirror.count_first_parents(None, tip, paths).await?;
        return Ok((new_builds(mirror, watched, paths, None, newest).await?, first));
    };
    if before == tip {
        return Ok((Vec::new(), 0));
    }
    // A force-push may have moved commits, so every commit since the last build that is still there counts as new.
    let newest = match rewrite {
        Some(rewrite) => rewrite.onto.as_ref().map(|(_, sha)| sha),
        None => known.newest.as_ref(),
    };
    // Another history has none of the commits before.
    let is_there = mirror.has(before).await?;
    let Some(since) = newest.or_else(|| is_there.then_some(before)) else {
        let newest = mirror.first_parents(None, tip, paths, 1).await?;
        return Ok((new_builds(mirror, watched, paths, None, newest).await?, 0));
    };
    let mut shas = mirror.first_parents(Some(since), tip, paths, BUILDS).await?;
    let skipped = match shas.len() {
        BUILDS => {
            let all = mirror.count_first_parents(Some(since), tip, paths).await?;
            all.saturating_sub(BUILDS as u64)
        }
        _ => 0,
    };
    if newest.is_some() {
        let without = without(mirror, since, &shas).await?;
        shas.drain(..without);
    }
    Ok((new_builds(mirror, watched, paths, Some(since), shas).await?, skipped))
}

/// How many of the first of these commits do not contain `since`. A merge that has the trunk as its second parent puts other
/// commits before itself on the line of first parents. They are part of the merge's build and no builds themselves: one of
/// them would take away what is live.
async fn without(mirror: &Mirror, since: &Sha, shas: &[Sha]) -> Result<usize, GitError> {
    let (mut low, mut high) = (0, shas.len());
    // Nearly always all contain it.
    if high == 0 || mirror.is_ancestor(since, &shas[0]).await? {
        return Ok(0);
    }
    while low < high {
        let middle = low.midpoint(high);
        if mirror.is_ancestor(since, &shas[middle]).await? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self::new(
            error.to_string(),
            "check access; if the repository moved, write its new address into config.toml: the service keeps its history",
        )
    }
}

/// Keeps the commits of all builds in a mirror that was made again. `None` if it keeps them all already.
async fn keep_builds(
    world: &WorldReader,
    watched: &Watched,
    mirror: &Mirror,
    was_missing: bool,
) -> Option<NewMirror> {
    let builds: Vec<_> = {
        let world = world.world();
        let builds = world.service_at(watched)?.state.builds.values();
        builds.map(|build| (build.number, build.sha.clone())).collect()
    };
    let kept = mirror.kept().await.unwrap_or_default();
    let mut is_new = false;
    let mut lost = Vec::new();
    for (number, sha) in builds.into_iter().filter(|(_, sha)| !kept.contains(sha)) {
        is_new = true;
        if mirror.keep(&sha).await.is_err() {
            lost.push(number);
        }
    }
    is_new.then_some(NewMirror { lost, was_missing })
}

/// Whether the engine took in this tip, and its service file is good.
pub(super) fn is_taken_in(world: &World, watched: &Watched, tip: &Sha) -> bool {
    let known = KnownTrunk::of(world, watched);
    let is_at = |at: &Option<Sha>| at.as_ref() == Some(tip);
    known.is_read && is_at(&known.tip) && is_at(&known.freezes_at)
}

/// Whether a commit is in the history of the tip. One that the repository does not have is in none.
async fn contains(mirror: &Mirror, tip: &Sha, sha: &Sha) -> Result<bool, GitError> {
    Ok(mirror.has(sha).await? && mirror.is_ancestor(sha, tip).await?)
}

async fn rewrite(
    world: &WorldReader,
    watched: &Watched,
    mirror: &Mirror,
    before: Option<&Sha>,
    tip: &Sha,
) -> Result<Option<TrunkRewrite>, GitError> {
    let Some(before) = before else { return Ok(None) };
    if before == tip || contains(mirror, tip, before).await? {
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
        if contains(mirror, tip, &sha).await? {
            return Ok(Some(TrunkRewrite { off_trunk, onto: Some((number, sha)) }));
        }
        off_trunk.push(number);
    }
    Ok(Some(TrunkRewrite { off_trunk, onto: None }))
}

/// The builds of these commits, each with the commits since the one before.
pub(in crate::engine) async fn new_builds(
    mirror: &Mirror,
    watched: &Watched,
    paths: Option<&Paths>,
    before: Option<&Sha>,
    shas: Vec<Sha>,
) -> Result<Vec<NewBuild>, GitError> {
    let mut builds = Vec::with_capacity(shas.len());
    let mut before = before.cloned();
    for sha in shas {
        let most = if before.is_some() { COMMITS } else { 1 };
        let (range, reverts) = tokio::try_join!(
            mirror.range(before.as_ref(), &sha, paths, most),
            mirror.reverts(before.as_ref(), &sha)
        )?;
        let file = read_file(mirror, watched, &sha).await?.ok();
        // Record only what a build's row shows. A plan reads the rest from git.
        let bare = |commit| Commit { files: Vec::new(), ..commit };
        let more = if before.is_some() { range.more } else { 0 };
        mirror.keep(&sha).await?;
        builds.push(NewBuild {
            sha: sha.clone(),
            commits: range.commits.into_iter().map(bare).collect(),
            more,
            reverts,
            recipe: file.map(|file| Box::new(file.recipe(watched.folder.clone()))),
        });
        before = Some(sha);
    }
    Ok(builds)
}
