//! Reads the commits between two others with all their authors, in a fixed number of git runs.

mod merges;
mod people;

use std::borrow::Cow;
use std::collections::HashSet;
use std::iter::Peekable;
use std::path::Path;

use chrono::DateTime;

use self::people::CoAuthors;
use super::error::GitError;
use super::mirror::sha;
use super::paths::Paths;
use super::process::Git;
use super::reverts;
use crate::domain::commit::{Commit, Range};
use crate::domain::ids::Sha;
use crate::domain::people::Identity;

/// The most characters of a subject, a name or an address.
const LONGEST_TEXT: usize = 1000;
/// The most paths that a commit lists.
pub const MOST_FILES: usize = 200;

/// The mark before each commit. No path starts with a slash, so the mark ends the paths of the commit before.
const MARK: &str = "/";

/// The mark and the fields of a commit, each ended by NUL.
const FORMAT: &str = "--format=tformat:/%x00%H%x00%P%x00%aN%x00%aE%x00%ct%x00%s%x00\
                      %(trailers:key=Co-authored-by,valueonly,unfold,separator=%x0A)%x00";

const DIFF_OPTIONS: &[&str] = &[
    "-z",
    "--name-only",
    "--no-color",
    "--no-notes",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--encoding=UTF-8",
];

/// For a merge, lists the paths that differ from all its parents.
const COMBINED: &str = "-c";

/// Without it and with paths, git leaves out side branches without a net change. Their authors count too.
const FULL_HISTORY: &str = "--full-history";

pub(super) async fn read(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    paths: Option<&Paths>,
    limit: usize,
) -> Result<Range, GitError> {
    let lost = async {
        match from {
            Some(from) => Selection::of(mirror, Some(to), from, paths, limit).await?.log(to).await,
            None => Ok(Vec::new()),
        }
    };
    let ahead = async {
        let selection = Selection::of(mirror, from, to, paths, limit).await?;
        Ok((selection.log(to).await?, selection.more, selection.more_beside))
    };
    let ((mut commits, more, more_beside), mut lost) = tokio::try_join!(ahead, lost)?;
    let ids = commits.iter().flat_map(|read| [read.commit.sha.as_str(), "\n"]).collect::<String>();
    let complete = async {
        people::resolve(mirror, to, commits.iter_mut().chain(&mut lost)).await?;
        merges::resolve(mirror, commits.iter_mut().chain(&mut lost)).await;
        Ok(())
    };
    let ((), mut facts) = tokio::try_join!(complete, reverts::of_each(mirror, ids.into_bytes()))?;
    for commit in commits.iter_mut().map(|read| &mut read.commit) {
        let facts = facts.remove(&commit.sha).unwrap_or_default();
        (commit.reverts, commit.pull_request) = (facts.reverts, facts.pull_request);
    }
    let commits = commits.into_iter().map(|read| read.commit).collect();
    let lost = lost.into_iter().map(|read| read.commit).collect();
    Ok(Range { from: from.cloned(), to: to.clone(), commits, more, more_beside, lost })
}

/// The git arguments for the commits that `to` reaches and `from` does not, of some paths or of all.
pub(super) fn reach(from: Option<&Sha>, to: &Sha, paths: Option<&Paths>) -> Vec<String> {
    let mut arguments = vec!["--end-of-options".to_owned(), to.to_string()];
    arguments.extend(from.map(|from| format!("^{from}")));
    arguments.push("--".to_owned());
    arguments.extend(paths.into_iter().flat_map(|paths| paths.specs().iter().cloned()));
    arguments
}

pub(super) async fn count(
    mirror: &Path,
    options: &[&str],
    reach: Vec<String>,
) -> Result<u64, GitError> {
    let counting = Git::new("rev-list").with_pathspecs();
    let counting = counting.args(["--count"]).args(options).args(reach);
    let answer = counting.run(mirror).await?;
    let answer = String::from_utf8_lossy(&answer);
    let unexpected =
        || GitError::Unexpected { what: "rev-list --count", detail: answer.clone().into_owned() };
    answer.trim().parse().map_err(|_| unexpected())
}

/// A commit as git printed it. The mailmap is not applied to its co-authors yet.
struct ReadCommit {
    commit: Commit,
    co_authors: CoAuthors,
}

/// The commits of a range that are listed.
struct Selection<'a> {
    mirror: &'a Path,
    /// Newest first, each with whether it changes none of the paths.
    listed: Vec<(String, bool)>,
    /// How many more there are.
    more: u32,
    /// How many of those change none of the paths.
    more_beside: u32,
}

impl<'a> Selection<'a> {
    /// Selects `to`, then the newest commits that change the paths, then the newest others.
    async fn of(
        mirror: &'a Path,
        from: Option<&Sha>,
        to: &Sha,
        paths: Option<&Paths>,
        limit: usize,
    ) -> Result<Self, GitError> {
        // Without a `from` it would be the whole history. The order differs from git's default only if clocks were wrong.
        let newest = format!("--max-count={limit}");
        let order: &[&str] = if from.is_some() { &["--date-order"] } else { &[&newest] };
        let all = async {
            match from {
                None if limit == 1 => Ok(vec![to.to_string()]),
                _ => ids(mirror, order, reach(from, to, None)).await,
            }
        };
        let own = own(mirror, from, to, paths.filter(|_| from.is_some()));
        let (all, own) = tokio::try_join!(all, own)?;
        let is_beside = |id: &String| own.as_ref().is_some_and(|own| !own.contains(id));
        let comes_first = |at: usize, id: &String| at == 0 || !is_beside(id);
        let first = all.iter().enumerate().filter(|(at, id)| comes_first(*at, id)).count();
        let (mut first, mut others) = (first.min(limit), limit.saturating_sub(first));
        let (mut listed, mut more, mut more_beside) = (Vec::new(), 0, 0);
        for (at, id) in all.into_iter().enumerate() {
            let beside = is_beside(&id);
            let left = if comes_first(at, &id) { &mut first } else { &mut others };
            if *left > 0 {
                *left -= 1;
                listed.push((id, beside));
            } else {
                more += 1;
                more_beside += u32::from(beside);
            }
        }
        Ok(Self { mirror, listed, more, more_beside })
    }

    async fn log(&self, mailmap: &Sha) -> Result<Vec<ReadCommit>, GitError> {
        if self.listed.is_empty() {
            return Ok(Vec::new());
        }
        let lines: String = self.listed.iter().flat_map(|(id, _)| [id.as_str(), "\n"]).collect();
        let answer = Git::new("log")
            .set(people::mailmap(mailmap))
            .args(DIFF_OPTIONS)
            .args([COMBINED, FORMAT, "--no-walk=unsorted", "--stdin", "--"])
            .input(lines.into_bytes())
            .run(self.mirror)
            .await?;
        let mut commits = parse(&answer)?;
        for (read, (_, beside)) in commits.iter_mut().zip(&self.listed) {
            read.commit.beside = *beside;
        }
        Ok(commits)
    }
}

/// The commits that change one of the paths; `None` if all do. A merge counts if it brings such a change to the trunk.
async fn own(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    paths: Option<&Paths>,
) -> Result<Option<HashSet<String>>, GitError> {
    if paths.is_none() {
        return Ok(None);
    }
    let (mut own, merges) = tokio::try_join!(
        ids(mirror, &[FULL_HISTORY], reach(from, to, paths)),
        ids(mirror, &["--first-parent"], reach(from, to, paths))
    )?;
    own.extend(merges);
    Ok(Some(own.into_iter().collect()))
}

async fn ids(mirror: &Path, options: &[&str], reach: Vec<String>) -> Result<Vec<String>, GitError> {
    let list = Git::new("rev-list").with_pathspecs().args(options).args(reach);
    let answer = list.run(mirror).await?;
    Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
}

fn parse(answer: &[u8]) -> Result<Vec<ReadCommit>, GitError> {
    let mut fields = fields(answer);
    let mut commits = Vec::new();
    while let Some(mark) = fields.next() {
        if fields.peek().is_none() {
            break;
        }
        let mut next = || fields.next().unwrap_or_default();
        let mut read = commit(&mark, &mut next)?;
        read.commit.files = paths(&mut fields);
        commits.push(read);
    }
    Ok(commits)
}

type CommitField<'a> = Cow<'a, str>;

fn fields(answer: &[u8]) -> Peekable<impl Iterator<Item = CommitField<'_>>> {
    answer.split(|byte| *byte == 0).map(String::from_utf8_lossy).peekable()
}

/// The paths up to the next commit's mark, at most `MOST_FILES`.
fn paths<'a>(fields: &mut Peekable<impl Iterator<Item = CommitField<'a>>>) -> Vec<String> {
    let mut paths = Vec::new();
    let mut is_first = true;
    while let Some(path) = fields.next_if(|path| path != MARK) {
        // Git prints a line break before the first path, or an empty field for a merge.
        let path = if is_first { path.strip_prefix('\n').unwrap_or(&path) } else { &path };
        if !path.is_empty() && paths.len() < MOST_FILES {
            paths.push(path.to_owned());
        }
        is_first = false;
    }
    paths
}

/// Reads the fields of one commit, from its mark to the empty field at its end.
fn commit<'a>(
    mark: &str,
    next: &mut impl FnMut() -> CommitField<'a>,
) -> Result<ReadCommit, GitError> {
    let (id, parents, name, email) = (next(), next(), next(), next());
    let (at, subject, co_authors, end) = (next(), next(), next(), next());
    if mark != MARK || !end.is_empty() {
        let detail = shorten(&format!("{mark}{id}{end}"));
        return Err(GitError::Unexpected { what: "log", detail });
    }
    let at = at.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let commit = Commit {
        sha: sha("log", &id)?,
        parents: u32::try_from(parents.split_whitespace().count()).unwrap_or(u32::MAX),
        author: Identity { name: shorten(&name), email: shorten(&email) },
        co_authors: Vec::new(),
        pull_request: None,
        reverts: Vec::new(),
        at: at.unwrap_or_default(),
        subject: shorten(&subject),
        files: Vec::new(),
        beside: false,
    };
    Ok(ReadCommit { commit, co_authors: CoAuthors::parse(&co_authors) })
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
