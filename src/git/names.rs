//! Looks up abbreviated commit ids in the mirror.

use std::path::Path;

use super::error::GitError;
use super::process::Git;
use crate::domain::ids::{CommitPrefix, Sha};

/// The fewest digits of an abbreviated id in a commit message. A shorter one may be any word or number.
pub(super) const SHORTEST: usize = 7;
/// The fewest digits of an abbreviated id for git.
const LEAST: usize = 4;
/// The digits of the longest id.
const LONGEST: usize = 64;

/// True if this can be a commit id or its prefix. Anything else, like a branch or an expression, is not passed to git.
fn is_id(text: &str) -> bool {
    (LEAST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Looks up the commit for each id prefix; `None` if no commit or more than one has it.
pub(super) async fn look_up(mirror: &Path, ids: &[&str]) -> Result<Vec<Option<Sha>>, GitError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // "-" matches nothing and stands for an invalid id, so that each id has one line of output.
    let lines: String = ids
        .iter()
        .map(|id| if is_id(id) { *id } else { "-" })
        .flat_map(|id| [id, "^{commit}\n"])
        .collect();
    let answer = Git::new("cat-file")
        .args(["--batch-check=%(objectname) %(objecttype)"])
        .input(lines.into_bytes())
        .run(mirror)
        .await?;
    let answer = String::from_utf8_lossy(&answer);
    let mut lines = answer.lines();
    Ok(ids.iter().map(|id| commit(id, lines.next().unwrap_or_default())).collect())
}

/// The commits that match an id or its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitMatch {
    Nothing,
    One(Sha),
    /// At least two, in the order of their ids.
    Several(Vec<Sha>),
}

/// The most commits that are listed for one prefix.
const MOST: usize = 100;

/// Finds the commits whose id is or starts with `id`.
pub(super) async fn find(mirror: &Path, id: &CommitPrefix) -> Result<CommitMatch, GitError> {
    if let Some(Some(one)) = look_up(mirror, &[id.as_str()]).await?.into_iter().next() {
        return Ok(CommitMatch::One(one));
    }
    let option = format!("--disambiguate={id}");
    let all = Git::new("rev-parse").args([&option]).run(mirror).await?;
    let all = String::from_utf8_lossy(&all);
    // Files and trees have ids too, so a prefix may match more objects than commits.
    let all: Vec<_> = all.lines().take(10 * MOST).collect();
    let mut commits: Vec<_> = look_up(mirror, &all).await?.into_iter().flatten().collect();
    commits.sort();
    commits.truncate(MOST);
    Ok(match commits.pop() {
        None => CommitMatch::Nothing,
        Some(only) if commits.is_empty() => CommitMatch::One(only),
        Some(last) => CommitMatch::Several(commits.into_iter().chain([last]).collect()),
    })
}

fn commit(id: &str, line: &str) -> Option<Sha> {
    let (found, kind) = line.split_once(' ')?;
    // If a branch has the same name, git returns the branch's commit.
    let has_prefix = found.starts_with(&id.to_ascii_lowercase());
    (kind == "commit" && has_prefix).then(|| found.parse().ok()).flatten()
}
