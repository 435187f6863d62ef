//! Reads the commits between two others with all their authors, in a fixed number of git runs.

mod co_authors;
mod mailmap;
mod merges;
mod people;

use std::iter::Peekable;
use std::path::Path;

use chrono::DateTime;

use self::co_authors::CoAuthors;
pub(super) use self::mailmap::is_too_large as has_large_mailmap;
use super::error::GitError;
use super::mirror::sha;
use super::process::Git;
use super::reverts::{self, NamedRevert};
use super::text::text;
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
const FORMAT: &str = "--format=tformat:/%x00%H%x00%P%x00%aN%x00%aE%x00%ct%x00%s%x00%B%x00";
/// The most bytes of a field. Of a longer message only the beginning is read.
const LONGEST_FIELD: usize = 64 * 1024;

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

/// Without it and with a folder, git leaves out side branches without a net change. Their authors count too.
const FULL_HISTORY: &str = "--full-history";

/// Makes git walk by the graph, see `Mirror::index_history`. Without it git stops at the first dates that look old enough,
/// and lists commits that it should leave out where clocks were wrong.
pub(super) const TOPOLOGY: &str = "--topo-order";

pub(super) async fn read(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    folder: Option<&str>,
    limit: usize,
) -> Result<Range, GitError> {
    let mailmap = (!mailmap::is_too_large(mirror, to).await?).then_some(to);
    let lost = async {
        match from {
            // A log may list commits of both sides if their clocks were wrong, so ancestry is asked first.
            Some(from) if !is_ancestor(mirror, from, to).await? => {
                log(mirror, Some(to), from, mailmap, folder, limit).await
            }
            _ => Ok(Vec::new()),
        }
    };
    let read = log(mirror, from, to, mailmap, folder, limit);
    let (mut commits, mut lost) = tokio::try_join!(read, lost)?;
    people::resolve(mirror, mailmap, commits.iter_mut().chain(&mut lost)).await?;
    merges::resolve(mirror, folder, commits.iter_mut().chain(&mut lost)).await;
    let named = commits.iter_mut().map(|read| (&mut read.commit, std::mem::take(&mut read.reverts)));
    reverts::resolve_each(mirror, named).await?;
    let more = match from {
        Some(_) if commits.len() == limit => {
            let all = count(mirror, &[FULL_HISTORY, TOPOLOGY], reach(from, to, folder)).await?;
            u32::try_from(all.saturating_sub(limit as u64)).unwrap_or(u32::MAX)
        }
        _ => 0,
    };
    let commits = commits.into_iter().map(|read| read.commit).collect();
    let lost = lost.into_iter().map(|read| read.commit).collect();
    Ok(Range { from: from.cloned(), to: to.clone(), commits, more, lost })
}

/// True if `a` is `b` or an ancestor of it.
pub(super) async fn is_ancestor(mirror: &Path, a: &Sha, b: &Sha) -> Result<bool, GitError> {
    let arguments = ["--is-ancestor", "--end-of-options", a.as_str(), b.as_str()];
    let ended = Git::new("merge-base").args(arguments).end(mirror).await?;
    match ended.code {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(ended.failed("merge-base")),
    }
}

/// The git arguments for the commits that `to` reaches and `from` does not, in a folder or everywhere.
pub(super) fn reach(from: Option<&Sha>, to: &Sha, folder: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["--end-of-options".to_owned(), to.to_string()];
    arguments.extend(from.map(|from| format!("^{from}")));
    arguments.push("--".to_owned());
    arguments.extend(folder.map(str::to_owned));
    arguments
}

pub(super) async fn count(
    mirror: &Path,
    options: &[&str],
    reach: Vec<String>,
) -> Result<u64, GitError> {
    let counting = Git::new("rev-list").args(["--count"]).args(options).args(reach);
    let answer = counting.run(mirror).await?;
    let answer = text(&answer);
    let unexpected =
        || GitError::Unexpected { what: "rev-list --count", detail: answer.clone() };
    answer.trim().parse().map_err(|_| unexpected())
}

/// A commit as git printed it. The mailmap is not applied to its co-authors yet.
struct ReadCommit {
    commit: Commit,
    co_authors: CoAuthors,
    reverts: Vec<NamedRevert>,
}

async fn log(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    mailmap: Option<&Sha>,
    folder: Option<&str>,
    limit: usize,
) -> Result<Vec<ReadCommit>, GitError> {
    // Not without a `from`: git would sort the whole history, and the order differs only if clocks were wrong.
    let order = from.map(|_| "--date-order");
    let mailmap = mailmap.map_or_else(|| "mailmap.blob=".to_owned(), people::mailmap);
    let answer = Git::new("log")
        .set(mailmap)
        .cut_fields(LONGEST_FIELD)
        .args(DIFF_OPTIONS)
        .args([COMBINED, FULL_HISTORY, FORMAT])
        .args(order)
        .args([format!("--max-count={limit}")])
        .args(reach(from, to, folder))
        .run(mirror)
        .await?;
    parse(&answer)
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

fn fields(answer: &[u8]) -> Peekable<impl Iterator<Item = String>> {
    answer.split(|byte| *byte == 0).map(text).peekable()
}

/// The paths up to the next commit's mark, at most `MOST_FILES`.
fn paths(fields: &mut Peekable<impl Iterator<Item = String>>) -> Vec<String> {
    let mut paths = Vec::new();
    let mut is_first = true;
    while let Some(path) = fields.next_if(|path| path != MARK) {
        // Git prints a line break before the first path, or an empty field for a merge.
        let path = if is_first { path.strip_prefix('\n').unwrap_or(&path) } else { &*path };
        if !path.is_empty() && paths.len() < MOST_FILES {
            paths.push(path.to_owned());
        }
        is_first = false;
    }
    paths
}

/// Reads the fields of one commit, from its mark to the empty field at its end.
fn commit(mark: &str, next: &mut impl FnMut() -> String) -> Result<ReadCommit, GitError> {
    let (id, parents, name, email) = (next(), next(), next(), next());
    let (at, subject, message, end) = (next(), next(), next(), next());
    if mark != MARK || !end.is_empty() {
        let detail = shorten(&format!("{mark}{id}{end}"));
        return Err(GitError::Unexpected { what: "log", detail });
    }
    let co_authors = CoAuthors::parse(&message);
    let named = reverts::named_in(&message);
    let at = at.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let commit = Commit {
        sha: sha("log", &id)?,
        parents: u32::try_from(parents.split_whitespace().count()).unwrap_or(u32::MAX),
        author: Identity { name: shorten(&name), email: shorten(&email) },
        co_authors: Vec::new(),
        has_unread_people: co_authors.more || message.len() >= LONGEST_FIELD,
        pull_request: named.pull_request,
        reverts: Vec::new(),
        at: at.unwrap_or_default(),
        subject: shorten(&subject),
        files: Vec::new(),
    };
    Ok(ReadCommit { commit, co_authors, reverts: named.reverts })
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
