//! What the bodies of messages tell: which commits take back which others, by the sentence that `git revert` writes,
//! and the merge requests of GitLab.

use std::collections::HashMap;
use std::path::Path;

use super::error::GitError;
use super::mirror::sha;
use super::names;
use super::process::Git;
use crate::domain::commit::Revert;
use crate::domain::ids::Sha;
use crate::domain::pull_request::PullRequest;

/// What git begins a line with. It has to begin it: a message that quotes another one reverts nothing.
const SENTENCE: &str = "This reverts commit ";
/// The same for git's own search, so that it hands out only the few messages that matter.
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

/// The reverts among all the commits that `to` reaches and `from` does not, oldest first; without a `from`, those of
/// `to` alone. A service's folder plays no part: a revert that undoes something outside of it, or that comes to
/// nothing there, still says that the commit is taken back, and one of another folder names commits that no build of
/// this service is asked about.
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
    resolve(mirror, said(&answer(mirror, log).await?)?).await
}

/// What the body of a message tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) reverts: Vec<Sha>,
    /// Without its link.
    pub(super) pull_request: Option<PullRequest>,
}

/// What the messages of these commits tell.
pub(super) async fn of_each(
    mirror: &Path,
    commits: Vec<u8>,
) -> Result<HashMap<Sha, Told>, GitError> {
    let mut of_each = HashMap::<Sha, Told>::new();
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
    for revert in resolve(mirror, said(&answer)?).await? {
        of_each.entry(revert.by).or_default().reverts.push(revert.of);
    }
    Ok(of_each)
}

/// What git answers; nothing when the messages are too long.
async fn answer(mirror: &Path, log: Git) -> Result<Vec<u8>, GitError> {
    match log.run(mirror).await {
        // Messages that no person wrote are no reason to stop a trunk; without them nothing counts as taken back.
        Err(GitError::TooMuch { .. }) => {
            tracing::warn!("the messages of reverts are too long to be read");
            Ok(Vec::new())
        }
        answer => answer,
    }
}

/// A revert as a message has it: the commit that it names may be abbreviated.
struct Said {
    by: Sha,
    of: String,
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

fn said(answer: &[u8]) -> Result<Vec<Said>, GitError> {
    let mut found = Vec::new();
    for (by, message) in messages(answer)? {
        let room = MOST_OF_ONE.min(MOST - found.len());
        let named = message.split(|byte| *byte == b'\n').filter_map(named).take(room);
        found.extend(named.map(|of| Said { by: by.clone(), of }));
    }
    Ok(found)
}

/// The commit that a line says it reverts. Of a reverted merge git goes on about a second one, which stays.
fn named(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(SENTENCE.as_bytes())?;
    let end = rest.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
    let is_whole = rest.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let name = std::str::from_utf8(&rest[..end]).ok()?.to_ascii_lowercase();
    (is_whole && names::SHORTEST <= name.len() && name.len() <= 64).then_some(name)
}

/// Looks the abbreviated ones up, all in one run; those that name no single commit are dropped.
async fn resolve(mirror: &Path, found: Vec<Said>) -> Result<Vec<Revert>, GitError> {
    let is_whole = |said: &Said| said.of.len() == said.by.as_str().len();
    let short: Vec<_> = found.iter().filter(|said| !is_whole(said)).map(|s| &*s.of).collect();
    let mut known = names::look_up(mirror, &short).await?.into_iter();
    let mut reverts = Vec::with_capacity(found.len());
    for said in found {
        let of = if is_whole(&said) { said.of.parse().ok() } else { known.next().flatten() };
        let Some(of) = of else { continue };
        let revert = Revert { by: said.by, of };
        // A message may say the same twice, and then one after the other.
        if reverts.last() != Some(&revert) {
            reverts.push(revert);
        }
    }
    Ok(reverts)
}
