//! Reads commit messages for reverts, by the sentence of `git revert`, and for GitLab merge requests.

use std::collections::HashMap;
use std::path::Path;

use super::error::GitError;
use super::mirror::sha;
use super::names;
use super::process::Git;
use crate::domain::commit::Revert;
use crate::domain::ids::Sha;
use crate::domain::pull_request::PullRequest;

/// The sentence of `git revert`. It counts only at the start of a line: a message that quotes another reverts nothing.
const SENTENCE: &str = "This reverts commit ";
/// Makes git return only messages with that sentence.
const SEARCH: &str = "--grep=^This reverts commit [0-9a-fA-F]";
/// Makes git also return messages with GitLab's sentence for a merge.
const MERGED: &str = "--grep=^See merge request ";
/// Each commit has three fields, each ended by NUL. The first is empty or a line break.
const FORMAT: &str = "--format=tformat:%x00%H%x00%B%x00";

const OPTIONS: [&str; 5] = ["--no-color", "--no-notes", "--encoding=UTF-8", SEARCH, FORMAT];

/// The most reverts that are read from one message.
const MOST_OF_ONE: usize = 50;
/// The most reverts that are read from a range.
const MOST: usize = 10_000;
/// How the sentence continues for a reverted merge. Any space in it may be a line break.
const BACK_TO: &str = ", reversing changes made to ";
/// The most commits of one reverted merge that count as reverted.
const MOST_OF_MERGE: usize = 100;
/// The most reverted merges of a range whose commits are listed.
const MOST_MERGES: usize = 20;

/// The reverts among all the commits that `to` reaches and `from` does not, oldest first; without a `from`, those of
/// `to` alone. For a reverted merge, the commits that it merged count as reverted too, newest first.
///
/// Commits of every folder count. A revert outside of a service's folder still reverts its commit, and a revert in
/// another service's folder names commits that are never looked up for this service.
pub(super) async fn between(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
) -> Result<Vec<Revert>, GitError> {
    let ends = match from {
        Some(from) => vec!["--topo-order".into(), "--reverse".into(), format!("^{from}")],
        None => vec!["--no-walk=unsorted".to_owned()],
    };
    let log = Git::new("log").args(OPTIONS).args(ends).args([to.as_str(), "--"]);
    let resolved = resolve(mirror, named_reverts(&output(mirror, log).await?)?).await?;
    let mut reverts = Vec::with_capacity(resolved.len());
    let mut merges = 0;
    for Resolved { revert, back_to } in resolved {
        let Revert { by, of } = revert.clone();
        reverts.push(revert);
        let Some(back_to) = back_to.filter(|_| merges < MOST_MERGES) else { continue };
        merges += 1;
        // If git no longer has the merge, the commits that it merged do not count as reverted.
        let commits = merged_by(mirror, &of, &back_to).await.unwrap_or_default();
        reverts.extend(commits.into_iter().map(|of| Revert { by: by.clone(), of }));
    }
    Ok(reverts)
}

/// The commits that a merge added to its parent `back_to`; none if `back_to` is not its parent.
async fn merged_by(mirror: &Path, merge: &Sha, back_to: &Sha) -> Result<Vec<Sha>, GitError> {
    let limit = format!("--max-count={}", MOST_OF_MERGE + 1);
    let list = Git::new("rev-list").args(["--topo-order", "--parents", &limit]);
    let list = list.args([merge.as_str(), &format!("^{back_to}"), "--"]).run(mirror).await?;
    let list = String::from_utf8_lossy(&list);
    let mut lines = list.lines();
    let is_parent = |line: &str| line.split(' ').skip(1).any(|parent| parent == back_to.as_str());
    if !lines.next().is_some_and(is_parent) {
        return Ok(Vec::new());
    }
    let ids = lines.filter_map(|line| line.split(' ').next());
    ids.map(|id| sha("rev-list", id)).collect()
}

/// The facts that are read from a message body.
#[derive(Debug, Default)]
pub(super) struct MessageFacts {
    pub(super) reverts: Vec<Sha>,
    /// Without its link.
    pub(super) pull_request: Option<PullRequest>,
}

/// The facts in the messages of these commits.
pub(super) async fn of_each(
    mirror: &Path,
    commits: Vec<u8>,
) -> Result<HashMap<Sha, MessageFacts>, GitError> {
    let mut of_each = HashMap::<Sha, MessageFacts>::new();
    if commits.is_empty() {
        return Ok(of_each);
    }
    let log = Git::new("log").args(OPTIONS).args([MERGED]);
    let log = log.args(["--no-walk=unsorted", "--stdin", "--"]).input(commits);
    let output = output(mirror, log).await?;
    for (by, message) in messages(&output)? {
        let lines = message.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        let request = lines.rev().find_map(|line| PullRequest::of_line(&line, None));
        of_each.entry(by).or_default().pull_request = request;
    }
    for Resolved { revert, .. } in resolve(mirror, named_reverts(&output)?).await? {
        of_each.entry(revert.by).or_default().reverts.push(revert.of);
    }
    Ok(of_each)
}

/// The output of git; empty if the messages are too long.
async fn output(mirror: &Path, log: Git) -> Result<Vec<u8>, GitError> {
    match log.run(mirror).await {
        // Oversized messages must not stop the trunk. Without them nothing counts as reverted.
        Err(GitError::TooMuch { .. }) => {
            tracing::warn!("the messages of reverts are too long to read");
            Ok(Vec::new())
        }
        output => output,
    }
}

/// A revert as its message names it. The ids may be abbreviated.
struct NamedRevert {
    by: Sha,
    of: String,
    back_to: Option<String>,
}

/// A revert and, for a merge, the parent that it goes back to.
struct Resolved {
    revert: Revert,
    back_to: Option<Sha>,
}

/// The commits in git's output with their messages.
fn messages(output: &[u8]) -> Result<Vec<(Sha, &[u8])>, GitError> {
    let mut fields = output.split(|byte| *byte == 0);
    let mut messages = Vec::new();
    while let (Some(_mark), Some(id), Some(message)) = (fields.next(), fields.next(), fields.next())
    {
        messages.push((sha("log", &String::from_utf8_lossy(id))?, message));
    }
    Ok(messages)
}

fn named_reverts(output: &[u8]) -> Result<Vec<NamedRevert>, GitError> {
    let mut found = Vec::new();
    for (by, message) in messages(output)? {
        let room = MOST_OF_ONE.min(MOST - found.len());
        let lines = message.split(|byte| *byte == b'\n');
        let starts = lines.scan(0, |end, line| {
            let start = *end;
            *end += line.len() + 1;
            Some(start)
        });
        let named = starts.filter_map(|start| named(&message[start..])).take(room);
        found.extend(named.map(|(of, back_to)| NamedRevert { by: by.clone(), of, back_to }));
    }
    Ok(found)
}

/// Parses the sentence at the start of a text: the reverted commit and, for a merge, the parent that it goes back to.
fn named(text: &[u8]) -> Option<(String, Option<String>)> {
    let (of, rest) = id(text.strip_prefix(SENTENCE.as_bytes())?)?;
    let mut rest = rest;
    for expected in BACK_TO.bytes() {
        let Some((byte, after)) = rest.split_first() else { return Some((of, None)) };
        let is_same = *byte == expected || (expected == b' ' && *byte == b'\n');
        if !is_same {
            return Some((of, None));
        }
        rest = after;
    }
    Some((of, id(rest).map(|(back_to, _)| back_to)))
}

/// Splits a commit id off the start of a text.
fn id(text: &[u8]) -> Option<(String, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_whole = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let is_id = is_whole && (names::SHORTEST..=64).contains(&name.len());
    is_id.then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), rest))
}

/// Looks up the abbreviated ids in one run of git. Reverts of an unknown or ambiguous commit are dropped.
async fn resolve(mirror: &Path, found: Vec<NamedRevert>) -> Result<Vec<Resolved>, GitError> {
    let ids = |named: &NamedRevert| std::iter::once(named.of.clone()).chain(named.back_to.clone());
    let whole = found.first().map_or(0, |named| named.by.as_str().len());
    let short: Vec<_> = found.iter().flat_map(ids).filter(|id| id.len() != whole).collect();
    let short: Vec<_> = short.iter().map(String::as_str).collect();
    let mut known = names::look_up(mirror, &short).await?.into_iter();
    let mut full = |id: String| -> Option<Sha> {
        if id.len() == whole { id.parse().ok() } else { known.next().flatten() }
    };
    let mut reverts: Vec<Resolved> = Vec::with_capacity(found.len());
    for NamedRevert { by, of, back_to } in found {
        let (of, back_to) = (full(of), back_to.and_then(&mut full));
        let Some(of) = of else { continue };
        let revert = Revert { by, of };
        // A message may name the same commit twice in a row.
        if reverts.last().is_none_or(|last| last.revert != revert) {
            reverts.push(Resolved { revert, back_to });
        }
    }
    Ok(reverts)
}
