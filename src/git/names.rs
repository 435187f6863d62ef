//! Abbreviated commit ids, looked up in the mirror.

use std::path::Path;

use super::error::GitError;
use super::process::Git;
use crate::domain::ids::{CommitPrefix, Sha};

/// The fewest digits of an abbreviation in a message: what is shorter names anything.
pub(super) const SHORTEST: usize = 7;
/// The fewest digits that git itself takes for an abbreviation.
const LEAST: usize = 4;
/// The most that any id has.
const LONGEST: usize = 64;

/// Whether this could be a commit id or its beginning. Nothing else reaches git: not a branch, not an expression.
fn is_id(text: &str) -> bool {
    (LEAST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The commit that each of these begins the id of; nothing where there is none or more than one.
pub(super) async fn look_up(mirror: &Path, ids: &[&str]) -> Result<Vec<Option<Sha>>, GitError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // What is no id is asked for all the same, in a form that nothing has, so that each answer keeps its place.
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

/// The commits that an id or its beginning may stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitMatch {
    Nothing,
    One(Sha),
    /// At least two, in the order of their ids.
    Several(Vec<Sha>),
}

/// The most commits that are told apart of one beginning.
const MOST: usize = 100;

/// What this is the id of, or the beginning of the id of.
pub(super) async fn find(mirror: &Path, id: &CommitPrefix) -> Result<CommitMatch, GitError> {
    if let Some(Some(one)) = look_up(mirror, &[id.as_str()]).await?.into_iter().next() {
        return Ok(CommitMatch::One(one));
    }
    let beginning = format!("--disambiguate={id}");
    let all = Git::new("rev-parse").args([&beginning]).run(mirror).await?;
    let all = String::from_utf8_lossy(&all);
    // Files and trees have ids too, and some begin like those of commits.
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
    // A branch may have a name like an id, and git would take the branch.
    let begins = found.starts_with(&id.to_ascii_lowercase());
    (kind == "commit" && begins).then(|| found.parse().ok()).flatten()
}
