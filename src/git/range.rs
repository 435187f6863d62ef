//! The commits between two others with everybody who wrote them, read in a few runs of git however many they are.

mod people;

use std::path::Path;

use chrono::DateTime;

use self::people::CoAuthors;
use super::error::GitError;
use super::mirror::sha;
use super::process::Git;
use crate::domain::commit::{Commit, Range};
use crate::domain::ids::Sha;
use crate::domain::people::Identity;

/// The most characters of a subject, a name or an address.
const LONGEST_TEXT: usize = 1000;
/// The most paths that a commit lists.
const MOST_FILES: usize = 200;

/// The fields of a commit, each ended by NUL. An empty field comes first: no path is empty, so it marks where the
/// paths of one commit end and the next commit begins.
const FORMAT: &str = "--format=tformat:%x00%H%x00%P%x00%aN%x00%aE%x00%ct%x00%s%x00\
                      %(trailers:key=Co-authored-by,valueonly,unfold,separator=%x0A)%x00";

const LOG_OPTIONS: &[&str] = &[
    "-z",
    "--name-only",
    "--no-color",
    "--no-notes",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--diff-merges=off",
    "--encoding=UTF-8",
    FULL_HISTORY,
    FORMAT,
];

/// In a folder, git would leave out side branches whose changes came to nothing; their authors count too.
const FULL_HISTORY: &str = "--full-history";

pub(super) async fn read(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    folder: Option<&str>,
    limit: usize,
) -> Result<Range, GitError> {
    let taken_away = async {
        match from {
            Some(from) => log(mirror, Some(to), from, to, folder, limit).await,
            None => Ok(Vec::new()),
        }
    };
    let (mut commits, mut lost) =
        tokio::try_join!(log(mirror, from, to, to, folder, limit), taken_away)?;
    people::resolve(mirror, to, commits.iter_mut().chain(&mut lost)).await?;
    let more = match from {
        Some(_) if commits.len() == limit => {
            let all = count(mirror, &[FULL_HISTORY], reach(from, to, folder)).await?;
            u32::try_from(all.saturating_sub(limit as u64)).unwrap_or(u32::MAX)
        }
        _ => 0,
    };
    let commits = commits.into_iter().map(|read| read.commit).collect();
    let lost = lost.into_iter().map(|read| read.commit).collect();
    Ok(Range { from: from.cloned(), to: to.clone(), commits, more, lost })
}

/// The arguments for what `to` reaches and `from` does not, in a folder or everywhere.
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
    let answer = String::from_utf8_lossy(&answer);
    let unexpected =
        || GitError::Unexpected { what: "rev-list --count", detail: answer.clone().into_owned() };
    answer.trim().parse().map_err(|_| unexpected())
}

/// A commit as git told it, with co-authors that have not seen the mailmap yet.
struct ReadCommit {
    commit: Commit,
    co_authors: CoAuthors,
}

async fn log(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    mailmap: &Sha,
    folder: Option<&str>,
    limit: usize,
) -> Result<Vec<ReadCommit>, GitError> {
    // Without an end the whole history would have to be sorted for an order that only skewed clocks disturb.
    let order = from.map(|_| "--date-order");
    let answer = Git::new("log")
        .set(people::mailmap(mailmap))
        .args(LOG_OPTIONS)
        .args(order)
        .args([format!("--max-count={limit}")])
        .args(reach(from, to, folder))
        .run(mirror)
        .await?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Vec<ReadCommit>, GitError> {
    let mut fields = answer.split(|byte| *byte == 0).map(String::from_utf8_lossy).peekable();
    let mut commits = Vec::new();
    while let Some(mark) = fields.next() {
        if fields.peek().is_none() {
            break;
        }
        let mut next = || fields.next().unwrap_or_default();
        let mut read = commit(&mark, &mut next)?;
        let mut is_first = true;
        while let Some(path) = fields.next_if(|path| !path.is_empty()) {
            // A line break, not part of it, stands before the first path.
            let path = if is_first { path.strip_prefix('\n').unwrap_or(&path) } else { &path };
            if read.commit.files.len() < MOST_FILES && read.commit.parents < 2 {
                read.commit.files.push(path.to_owned());
            }
            is_first = false;
        }
        commits.push(read);
    }
    Ok(commits)
}

/// Reads the fields of one commit, from the empty one before them to the empty one after.
fn commit<'a>(
    mark: &str,
    next: &mut impl FnMut() -> std::borrow::Cow<'a, str>,
) -> Result<ReadCommit, GitError> {
    let (id, parents, name, email) = (next(), next(), next(), next());
    let (at, subject, co_authors, end) = (next(), next(), next(), next());
    if !mark.is_empty() || !end.is_empty() {
        let detail = shorten(&format!("{mark}{id}{end}"));
        return Err(GitError::Unexpected { what: "log", detail });
    }
    let at = at.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let commit = Commit {
        sha: sha("log", &id)?,
        parents: u32::try_from(parents.split_whitespace().count()).unwrap_or(u32::MAX),
        author: Identity { name: shorten(&name), email: shorten(&email) },
        co_authors: Vec::new(),
        at: at.unwrap_or_default(),
        subject: shorten(&subject),
        files: Vec::new(),
    };
    Ok(ReadCommit { commit, co_authors: CoAuthors::parse(&co_authors) })
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
