//! Finds the reverts among commits: what their messages name, the commits that this means, and how sure it is.

mod message;
mod sought;

use std::path::Path;

pub(super) use self::message::NamedRevert;
use self::message::Reverted;
pub(super) use self::message::read as named_in;
use self::sought::Sought;
use super::error::GitError;
use super::mirror::sha;
use super::names;
use super::process::Git;
use super::text::text;
use crate::domain::commit::{Commit, LaterChange, Revert, RevertEvidence};
use crate::domain::ids::Sha;

/// Makes git return only messages that may speak of a revert.
const SEARCH: &str = "--grep=revert|back(ed|s)?.?out|roll(s|ed)?.?back|undo|re-?appl|re-?land";
/// Each commit has three fields, each ended by NUL. The first is empty or a line break.
const FORMAT: &str = "--format=tformat:%x00%H%x00%B%x00";

const OPTIONS: [&str; 7] = [
    "--no-color",
    "--no-notes",
    "--encoding=UTF-8",
    "--extended-regexp",
    "--regexp-ignore-case",
    SEARCH,
    FORMAT,
];

/// The most bytes that are read of a message.
const LONGEST_MESSAGE: usize = 64 * 1024;
/// The most reverts that are read from a range.
const MOST: usize = 10_000;
/// The most commits of one reverted merge that count as reverted.
const MOST_OF_MERGE: usize = 100;
/// The most reverted merges of a range whose commits are listed.
const MOST_MERGES: usize = 20;

/// The reverts among all the commits that `to` reaches and `from` does not, oldest first; without a `from`, those of
/// `to` alone. For a reverted merge, the commits that it merged count as reverted too, newest first.
///
/// Commits of every folder count. A revert outside of a service's folder still reverts its commit, and a revert in
/// another service's folder names commits that are never looked up for this service. `page` is the path of the repository
/// at its forge, if it is known.
pub(super) async fn between(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    page: Option<&str>,
) -> Result<Vec<Revert>, GitError> {
    let ends = match from {
        Some(from) => vec!["--topo-order".into(), "--reverse".into(), format!("^{from}")],
        None => vec!["--no-walk=unsorted".to_owned()],
    };
    let log = Git::new("log").args(OPTIONS).args(ends).args([to.as_str(), "--"]);
    let named = named_reverts(&output(mirror, log).await?)?;
    let mut reverts = Vec::new();
    let mut merges = 0;
    for Resolved { revert, back_to } in resolve(mirror, named, Some(Sought::new(page))).await? {
        let Revert { by, of, evidence } = revert.clone();
        reverts.push(revert);
        let Some(back_to) = back_to.filter(|_| merges < MOST_MERGES) else { continue };
        merges += 1;
        // If git no longer has the merge, the commits that it merged do not count as reverted.
        let commits = merged_by(mirror, &of, &back_to).await.unwrap_or_default();
        reverts.extend(commits.into_iter().map(|of| Revert { by: by.clone(), of, evidence }));
    }
    Ok(reverts)
}

/// The commits between `from` and `to` whose messages say that they fix a commit, oldest first.
pub(super) async fn fixes(
    mirror: &Path,
    from: &Sha,
    to: &Sha,
) -> Result<Vec<LaterChange>, GitError> {
    let search = "--grep=^fix(es|ed|up)?:? (commit )?[0-9a-f]{7}";
    let log = Git::new("log")
        .args(["--no-color", "--no-notes", "--encoding=UTF-8", "--extended-regexp"])
        .args(["--regexp-ignore-case", search, FORMAT, "--topo-order", "--reverse"])
        .args([to.as_str(), &format!("^{from}"), "--"]);
    let messages = messages(&output(mirror, log).await?)?;
    let named = messages.iter().flat_map(|(by, message)| {
        message::fixed(message).into_iter().map(move |id| (by.clone(), id))
    });
    let named: Vec<_> = named.take(MOST).collect();
    let ids: Vec<_> = named.iter().map(|(_, id)| id.as_str()).collect();
    let known = names::look_up(mirror, &ids).await?;
    let fix = |((by, _), of): ((Sha, String), Option<Sha>)| {
        Some(LaterChange { by, of: of?, is_fix: true, evidence: RevertEvidence::Sure })
    };
    Ok(named.clone().into_iter().zip(known).filter_map(fix).collect())
}

/// The commits that a merge added to its parent `back_to`; none if `back_to` is not its parent.
async fn merged_by(mirror: &Path, merge: &Sha, back_to: &Sha) -> Result<Vec<Sha>, GitError> {
    let limit = format!("--max-count={}", MOST_OF_MERGE + 1);
    let list = Git::new("rev-list").args(["--topo-order", "--parents", &limit]);
    let list = list.args([merge.as_str(), &format!("^{back_to}"), "--"]).run(mirror).await?;
    let list = text(&list);
    let mut lines = list.lines();
    let is_parent = |line: &str| line.split(' ').skip(1).any(|parent| parent == back_to.as_str());
    if !lines.next().is_some_and(is_parent) {
        return Ok(Vec::new());
    }
    let ids = lines.filter_map(|line| line.split(' ').next());
    ids.map(|id| sha("rev-list", id)).collect()
}

/// Sets the reverts of commits whose messages were read: those that they name by an id.
pub(super) async fn resolve_each<'a>(
    mirror: &Path,
    read: impl Iterator<Item = (&'a mut Commit, Vec<NamedRevert>)>,
) -> Result<(), GitError> {
    let (mut commits, mut named) = (Vec::new(), Vec::new());
    for (commit, reverts) in read {
        named.extend(reverts.into_iter().map(|revert| (commit.sha.clone(), revert)));
        commits.push(commit);
    }
    let mut resolved = resolve(mirror, named, None).await?.into_iter().peekable();
    for commit in commits {
        while let Some(found) = resolved.next_if(|found| found.revert.by == commit.sha) {
            commit.reverts.push(found.revert.of);
        }
    }
    Ok(())
}

/// The output of git; empty if the messages are too long.
async fn output(mirror: &Path, log: Git) -> Result<Vec<u8>, GitError> {
    match log.cut_fields(LONGEST_MESSAGE).run(mirror).await {
        // Oversized messages must not stop the trunk. Without them nothing counts as reverted.
        Err(GitError::TooMuch { .. }) => {
            tracing::warn!("the messages of reverts are too long to read");
            Ok(Vec::new())
        }
        output => output,
    }
}

/// A revert and, for a merge, the parent that it goes back to.
struct Resolved {
    revert: Revert,
    back_to: Option<Sha>,
}

/// The commits in git's output with their messages.
fn messages(output: &[u8]) -> Result<Vec<(Sha, String)>, GitError> {
    let mut fields = output.split(|byte| *byte == 0);
    let mut messages = Vec::new();
    while let (Some(_mark), Some(id), Some(message)) = (fields.next(), fields.next(), fields.next())
    {
        messages.push((sha("log", &text(id))?, text(message)));
    }
    Ok(messages)
}

fn named_reverts(output: &[u8]) -> Result<Vec<(Sha, NamedRevert)>, GitError> {
    let mut found = Vec::new();
    for (by, message) in messages(output)? {
        let named = named_in(&message).reverts.into_iter().take(MOST - found.len());
        found.extend(named.map(|revert| (by.clone(), revert)));
    }
    Ok(found)
}

/// Looks up the ids in one run of git, and what is named by a title or a number in the commits before. Reverts of an unknown
/// or ambiguous commit are dropped. `found` has the reverts of each commit one after another.
async fn resolve(
    mirror: &Path,
    found: Vec<(Sha, NamedRevert)>,
    mut sought: Option<Sought<'_>>,
) -> Result<Vec<Resolved>, GitError> {
    let ids = ids(mirror, &found).await?;
    let mut reverts: Vec<Resolved> = Vec::with_capacity(found.len());
    for of_one in found.chunk_by(|(one, _), (other, _)| one == other) {
        let (by, start) = (&of_one[0].0, reverts.len());
        for (_, NamedRevert { what, evidence, back_to }) in of_one {
            let Reverted::Commit(id) = what else { continue };
            let Some(of) = ids.get(id).cloned() else { continue };
            let back_to = back_to.as_ref().and_then(|id| ids.get(id).cloned());
            let revert = Revert { by: by.clone(), of, evidence: *evidence };
            // A message may name the same commit twice.
            if !reverts[start..].iter().any(|known| known.revert.of == revert.of) {
                reverts.push(Resolved { revert, back_to });
            }
        }
        let Some(sought) = &mut sought else { continue };
        if reverts.len() == start {
            reverts.extend(sought.find(mirror, by, of_one).await?);
        }
        for Resolved { revert, .. } in &mut reverts[start..] {
            sought.prove(mirror, revert).await;
        }
    }
    Ok(reverts)
}

/// The commits of all ids that are named. A whole id counts even if git does not have the commit.
async fn ids(
    mirror: &Path,
    found: &[(Sha, NamedRevert)],
) -> Result<std::collections::HashMap<String, Sha>, GitError> {
    let whole = found.first().map_or(0, |(by, _)| by.as_str().len());
    let named = found.iter().flat_map(|(_, revert)| {
        let id = if let Reverted::Commit(id) = &revert.what { Some(id) } else { None };
        id.into_iter().chain(&revert.back_to)
    });
    let (full, short): (Vec<_>, Vec<_>) = named.partition(|id| id.len() == whole);
    let short: Vec<_> = short.into_iter().map(String::as_str).collect();
    let known = names::look_up(mirror, &short).await?;
    let full = full.into_iter().filter_map(|id| Some((id.clone(), id.parse().ok()?)));
    let short = short.iter().zip(known).filter_map(|(id, sha)| Some(((*id).to_owned(), sha?)));
    Ok(full.chain(short).collect())
}

impl Resolved {
    fn unsure(by: &Sha, of: Sha, evidence: RevertEvidence, back_to: Option<Sha>) -> Self {
        Self { revert: Revert { by: by.clone(), of, evidence }, back_to }
    }
}
