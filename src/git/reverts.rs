//! Reads commit messages: which commits revert which, by the sentence of `git revert`, and GitLab merge requests.

use std::collections::HashMap;
use std::path::Path;

use super::error::GitError;
use super::mirror::sha;
use super::names;
use super::process::Git;
use crate::domain::commit::Revert;
use crate::domain::ids::Sha;
use crate::domain::pull_request::PullRequest;

/// How `git revert` begins a line. Only at its start: a message that quotes another reverts nothing.
const SENTENCE: &str = "This reverts commit ";
/// The same for git's own search, so that it returns only the few messages that matter.
const SEARCH: &str = "--grep=^This reverts commit [0-9a-fA-F]";
/// The same for what GitLab writes of a merge.
const MERGED: &str = "--grep=^See merge request ";
/// Each commit is three fields, ended by NUL; the first is empty but for the line break before it.
const FORMAT: &str = "--format=tformat:%x00%H%x00%B%x00";

const OPTIONS: [&str; 5] = ["--no-color", "--no-notes", "--encoding=UTF-8", SEARCH, FORMAT];

/// The most reverts that one commit is believed to make.
const MOST_OF_ONE: usize = 50;
/// The most that are read of a range.
const MOST: usize = 10_000;
/// What git goes on with when it is a merge that is reverted; the line may be broken anywhere.
const BACK_TO: &str = ", reversing changes made to ";
/// The most commits that are named of one merge that was reverted; beyond, they count as not taken back.
const MOST_OF_MERGE: usize = 100;
/// The most merges of a range of which they are named.
const MOST_MERGES: usize = 20;

/// The reverts among all the commits that `to` reaches and `from` does not, oldest first; without a `from`, those of
/// `to` alone. A service's folder plays no part: a revert that undoes something outside of it, or that comes to
/// nothing there, still says that the commit is taken back, and one of another folder names commits that no build of
/// this service is asked about. Of a merge that was reverted, what came with it is named too, the newest first.
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
    let resolved = resolve(mirror, said(&answer(mirror, log).await?)?).await?;
    let mut reverts = Vec::with_capacity(resolved.len());
    let mut merges = 0;
    for Resolved { revert, back_to } in resolved {
        let Revert { by, of } = revert.clone();
        reverts.push(revert);
        let Some(back_to) = back_to.filter(|_| merges < MOST_MERGES) else { continue };
        merges += 1;
        // Where git does not know the merge any more, nothing that came with it counts as taken back.
        let came = came_with(mirror, &of, &back_to).await.unwrap_or_default();
        reverts.extend(came.into_iter().map(|of| Revert { by: by.clone(), of }));
    }
    Ok(reverts)
}

/// What came with a merge, seen from one of its parents; nothing when it is no parent of it.
async fn came_with(mirror: &Path, merge: &Sha, back_to: &Sha) -> Result<Vec<Sha>, GitError> {
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

/// What a message body says.
#[derive(Debug, Default)]
pub(super) struct MessageFacts {
    pub(super) reverts: Vec<Sha>,
    /// Without its link.
    pub(super) pull_request: Option<PullRequest>,
}

/// What the messages of these commits say.
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
    let answer = answer(mirror, log).await?;
    for (by, message) in messages(&answer)? {
        let lines = message.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        let request = lines.rev().find_map(|line| PullRequest::of_line(&line, None));
        of_each.entry(by).or_default().pull_request = request;
    }
    for Resolved { revert, .. } in resolve(mirror, said(&answer)?).await? {
        of_each.entry(revert.by).or_default().reverts.push(revert.of);
    }
    Ok(of_each)
}

/// What git answers; nothing when the messages are too long.
async fn answer(mirror: &Path, log: Git) -> Result<Vec<u8>, GitError> {
    match log.run(mirror).await {
        // Oversized messages must not stop a trunk; without them nothing counts as reverted.
        Err(GitError::TooMuch { .. }) => {
            tracing::warn!("the messages of reverts are too long to be read");
            Ok(Vec::new())
        }
        answer => answer,
    }
}

/// A revert as a message has it: the commits that it names may be abbreviated.
struct NamedRevert {
    by: Sha,
    of: String,
    back_to: Option<String>,
}

/// A revert, and of a merge the parent that it goes back to.
struct Resolved {
    revert: Revert,
    back_to: Option<Sha>,
}

/// The commits of an answer with their messages.
fn messages(answer: &[u8]) -> Result<Vec<(Sha, &[u8])>, GitError> {
    let mut fields = answer.split(|byte| *byte == 0);
    let mut messages = Vec::new();
    while let (Some(_mark), Some(id), Some(message)) = (fields.next(), fields.next(), fields.next())
    {
        messages.push((sha("log", &String::from_utf8_lossy(id))?, message));
    }
    Ok(messages)
}

fn said(answer: &[u8]) -> Result<Vec<NamedRevert>, GitError> {
    let mut found = Vec::new();
    for (by, message) in messages(answer)? {
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

/// The commit that a text says it reverts, where it begins so, and of a merge the parent that stays.
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

/// The id that a text begins with, and what comes after it.
fn id(text: &[u8]) -> Option<(String, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_whole = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let is_id = is_whole && (names::SHORTEST..=64).contains(&name.len());
    is_id.then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), rest))
}

/// Looks the abbreviated ones up, all in one run; those that name no single commit are dropped.
async fn resolve(mirror: &Path, found: Vec<NamedRevert>) -> Result<Vec<Resolved>, GitError> {
    let ids = |said: &NamedRevert| std::iter::once(said.of.clone()).chain(said.back_to.clone());
    let whole = found.first().map_or(0, |said| said.by.as_str().len());
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
        // A message may say the same twice, and then one after the other.
        if reverts.last().is_none_or(|last| last.revert != revert) {
            reverts.push(Resolved { revert, back_to });
        }
    }
    Ok(reverts)
}
