//! Looks in the history for commits that a revert names by title or number, and compares changes.

use std::path::Path;
use std::time::Duration;

use super::message::{NamedRevert, Reverted, is_title_of, without_numbers};
use super::{FORMAT, LONGEST_MESSAGE, Resolved, messages};
use crate::domain::commit::{Revert, RevertEvidence};
use crate::domain::ids::Sha;
use crate::domain::pull_request::PullRequest;
use crate::git::error::GitError;
use crate::git::process::Git;
use crate::git::text::text;

/// How many commits before a revert are looked through.
const DEPTH: usize = 5_000;
/// The most reverts of one range that are looked for, and compared.
const MOST: usize = 20;
/// The largest change that is compared, in bytes.
const LARGEST_CHANGE: u64 = 4 * 1024 * 1024;
const COMPARE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is still allowed for one range.
pub(super) struct Sought<'a> {
    /// The path of the repository at its forge.
    page: Option<&'a str>,
    searches: usize,
    comparisons: usize,
}

impl<'a> Sought<'a> {
    pub(super) fn new(page: Option<&'a str>) -> Self {
        Self { page, searches: MOST, comparisons: MOST }
    }

    /// The newest commits before `by` that it names by number, or else by title.
    pub(super) async fn find(
        &mut self,
        mirror: &Path,
        by: &Sha,
        named: &[(Sha, NamedRevert)],
    ) -> Result<Vec<Resolved>, GitError> {
        let wanted: Vec<_> = named.iter().map(|(_, n)| n).filter(|n| self.is_here(n)).collect();
        let patterns: Vec<_> = wanted.iter().flat_map(|named| patterns(named)).collect();
        if patterns.is_empty() || self.searches == 0 {
            return Ok(Vec::new());
        }
        self.searches -= 1;
        let before = format!("--max-count={DEPTH}");
        let before = Git::new("rev-list").args([&before, by.as_str(), "--"]).run(mirror).await?;
        let log = Git::new("log")
            .args(["--no-color", "--no-notes", "--encoding=UTF-8", "--fixed-strings", FORMAT])
            .args(patterns)
            .args(["--no-walk=unsorted", "--stdin", "--"])
            .input(before)
            .cut_fields(LONGEST_MESSAGE)
            .run(mirror)
            .await?;
        let candidates: Vec<_> = messages(&log)?.into_iter().filter(|(sha, _)| sha != by).collect();
        let by_number =
            wanted.iter().filter(|named| matches!(named.what, Reverted::Request { .. }));
        let mut found = Vec::new();
        for named in by_number {
            let of = candidates.iter().find(|(_, message)| is_named(named, message));
            found.extend(of.map(|(of, _)| (of.clone(), named.evidence)));
        }
        if found.is_empty() {
            let by_title = wanted.iter().find_map(|named| {
                let of = candidates.iter().find(|(_, message)| is_named(named, message));
                of.map(|(of, _)| (of.clone(), named.evidence))
            });
            found.extend(by_title);
        }
        let mut resolved = Vec::with_capacity(found.len());
        for (of, evidence) in found {
            let back_to = merge_base_side(mirror, &of).await?;
            resolved.push(Resolved::unsure(by, of, evidence, back_to));
        }
        Ok(resolved)
    }

    /// A request of another project is not in this history.
    fn is_here(&self, named: &NamedRevert) -> bool {
        match (&named.what, self.page) {
            (Reverted::Request { project: Some(project), .. }, Some(page)) => {
                project.eq_ignore_ascii_case(page)
            }
            (Reverted::Commit(_), _) => false,
            _ => true,
        }
    }

    /// Makes a revert sure if it changes the exact opposite of what it reverts.
    pub(super) async fn prove(&mut self, mirror: &Path, revert: &mut Revert) {
        if revert.evidence == RevertEvidence::Sure || self.comparisons == 0 {
            return;
        }
        self.comparisons -= 1;
        let (of, by) = (revert.of.as_str(), revert.by.as_str());
        let (before_of, before_by) = (format!("{of}^1"), format!("{by}^1"));
        let (of, by) =
            tokio::join!(change_id(mirror, &before_of, of), change_id(mirror, by, &before_by));
        if of.is_some() && of == by {
            revert.evidence = RevertEvidence::Sure;
        }
    }
}

/// What git searches messages for. The titles and numbers found are compared afterwards.
fn patterns(named: &NamedRevert) -> Vec<String> {
    match &named.what {
        Reverted::Commit(_) => Vec::new(),
        Reverted::Title(title) => {
            vec![format!("--grep={}", without_numbers(title).trim_end_matches('"'))]
        }
        Reverted::Request { number, .. } => ["(#", "request #", "Merged PR ", "!"]
            .iter()
            .map(|before| format!("--grep={before}{number}"))
            .collect(),
    }
}

fn is_named(named: &NamedRevert, message: &str) -> bool {
    let subject = message.lines().next().unwrap_or_default().trim_end();
    let request = || {
        let in_body = message.lines().rev().find_map(|line| PullRequest::of_line(line, None));
        in_body.or_else(|| PullRequest::of_subject(subject, None)).map(|request| request.number)
    };
    match &named.what {
        Reverted::Commit(_) => false,
        Reverted::Request { number, .. } => request() == Some(*number),
        Reverted::Title(title) => is_title_of(title, subject),
    }
}

/// The parent that the revert of a merge goes back to.
async fn merge_base_side(mirror: &Path, of: &Sha) -> Result<Option<Sha>, GitError> {
    let options = ["--no-walk", "--parents", of.as_str(), "--"];
    let parents = text(&Git::new("rev-list").args(options).run(mirror).await?);
    let parents: Vec<_> = parents.split_whitespace().skip(1).collect();
    Ok(if parents.len() > 1 { parents[0].parse().ok() } else { None })
}

/// The id of the change between two commits; `None` if there is none, or it is too much to compare.
async fn change_id(mirror: &Path, from: &str, to: &str) -> Option<String> {
    let change = Git::new("diff-tree")
        .args(["-p", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"])
        .args(["--end-of-options", from, to, "--"])
        .at_most(LARGEST_CHANGE)
        .within(COMPARE_TIMEOUT);
    let change = change.run(mirror).await.ok()?;
    let id = Git::new("patch-id").args(["--stable"]).input(change).within(COMPARE_TIMEOUT);
    let id = text(&id.run(mirror).await.ok()?);
    id.split_whitespace().next().map(str::to_owned)
}
