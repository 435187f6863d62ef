//! Reads the commits between two others with all their authors, in a fixed number of git runs.

mod co_authors;
mod mailmap;
mod merges;
mod people;

use std::collections::HashSet;
use std::iter::Peekable;
use std::path::Path;

use chrono::DateTime;

use self::co_authors::CoAuthors;
pub(super) use self::mailmap::is_too_large as has_large_mailmap;
use super::error::GitError;
use super::mirror::sha;
use super::paths::Paths;
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

/// Without it and with paths, git leaves out side branches without a net change. Their authors count too.
const FULL_HISTORY: &str = "--full-history";

/// Makes git walk by the graph, see `Mirror::index_history`. Without it git stops at the first dates that look old enough,
/// and lists commits that it should leave out where clocks were wrong.
pub(super) const TOPOLOGY: &str = "--topo-order";

/// The two ends of a range.
pub(super) struct RangeEnds<'a> {
    pub from: Option<&'a Sha>,
    pub to: &'a Sha,
    /// Whether `from` reaches commits that `to` does not.
    pub has_lost: bool,
    /// The commit whose mailmap counts, if that may be applied.
    pub mailmap: Option<&'a Sha>,
}

pub(super) async fn read(
    mirror: &Path,
    &RangeEnds { from, to, has_lost, mailmap }: &RangeEnds<'_>,
    paths: Option<&Paths>,
    limit: usize,
) -> Result<Range, GitError> {
    let lost = async {
        match from {
            Some(from) if has_lost => {
                let lost = Box::pin(Selection::of(mirror, Some(to), from, paths, limit));
                lost.await?.log(mailmap).await
            }
            _ => Ok(Vec::new()),
        }
    };
    let ahead = async {
        let selection = Box::pin(Selection::of(mirror, from, to, paths, limit)).await?;
        Ok((selection.log(mailmap).await?, selection.more, selection.more_beside))
    };
    let ((mut commits, more, more_beside), mut lost) = tokio::try_join!(ahead, lost)?;
    people::resolve(mirror, mailmap, commits.iter_mut().chain(&mut lost)).await?;
    merges::resolve(mirror, commits.iter_mut().chain(&mut lost)).await;
    let named = commits.iter_mut();
    let named = named.map(|read| (&mut read.commit, std::mem::take(&mut read.reverts)));
    reverts::resolve_each(mirror, named).await?;
    let commits = commits.into_iter().map(|read| read.commit).collect();
    let lost = lost.into_iter().map(|read| read.commit).collect();
    Ok(Range {
        from: from.cloned(),
        to: to.clone(),
        commits,
        more,
        more_beside,
        lost,
        later: Vec::new(),
    })
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

pub(super) async fn differ(
    mirror: &Path,
    a: &Sha,
    b: &Sha,
    paths: Option<&Paths>,
) -> Result<bool, GitError> {
    let specs = paths.map_or(&[][..], Paths::specs).iter().map(String::as_str);
    let arguments = ["-r", "--quiet", "--end-of-options", a.as_str(), b.as_str(), "--"];
    let ended = Git::new("diff-tree").args(arguments).args(specs).end(mirror).await?;
    match ended.code {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(ended.failed("diff-tree")),
    }
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
    let answer = text(&answer);
    let unexpected = || GitError::Unexpected { what: "rev-list --count", detail: answer.clone() };
    answer.trim().parse().map_err(|_| unexpected())
}

/// A commit as git printed it. The mailmap is not applied to its co-authors yet.
struct ReadCommit {
    commit: Commit,
    co_authors: CoAuthors,
    reverts: Vec<NamedRevert>,
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

    async fn log(&self, mailmap: Option<&Sha>) -> Result<Vec<ReadCommit>, GitError> {
        if self.listed.is_empty() {
            return Ok(Vec::new());
        }
        let lines: String = self.listed.iter().flat_map(|(id, _)| [id.as_str(), "\n"]).collect();
        let answer = Git::new("log")
            .set(mailmap.map_or_else(|| "mailmap.blob=".to_owned(), people::mailmap))
            .cut_fields(LONGEST_FIELD)
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
        beside: false,
    };
    Ok(ReadCommit { commit, co_authors, reverts: named.reverts })
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
