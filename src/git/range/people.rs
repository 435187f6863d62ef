//! Applies the mailmap to the co-authors that commit messages name.

use std::path::Path;

use super::{ReadCommit, shorten};
use crate::domain::ids::Sha;
use crate::domain::people::Identity;
use crate::git::error::GitError;
use crate::git::process::Git;
use crate::git::text::text;

/// The setting that makes git read the mailmap of a commit.
pub(super) fn mailmap(at: &Sha) -> String {
    format!("mailmap.blob={at}:.mailmap")
}

/// Applies the mailmap to all co-authors in one run of git, and sets each commit's co-authors, without duplicates and
/// without its author.
pub(super) async fn resolve<'a>(
    mirror: &Path,
    mailmap: Option<&Sha>,
    commits: impl Iterator<Item = &'a mut ReadCommit>,
) -> Result<(), GitError> {
    let commits: Vec<_> = commits.collect();
    let contacts: Vec<_> = commits.iter().flat_map(|read| &read.co_authors.people).collect();
    let addressed: Vec<_> = contacts.into_iter().filter(|who| !who.email.is_empty()).collect();
    let mut mapped = match mailmap {
        Some(at) if !addressed.is_empty() => check(mirror, at, &addressed).await?,
        _ => addressed.into_iter().cloned().collect(),
    }
    .into_iter();
    for read in commits {
        for named in std::mem::take(&mut read.co_authors.people) {
            let known = if named.email.is_empty() { Some(named) } else { mapped.next() };
            let Some(known) = known else { break };
            let author = &read.commit.author;
            let is_author = if known.email.is_empty() {
                known.name == author.name
            } else {
                known.email.eq_ignore_ascii_case(&author.email)
            };
            if !is_author && !read.commit.co_authors.contains(&known) {
                read.commit.co_authors.push(known);
            }
        }
    }
    Ok(())
}

async fn check(mirror: &Path, to: &Sha, contacts: &[&Identity]) -> Result<Vec<Identity>, GitError> {
    let lines: String =
        contacts.iter().map(|who| [&who.name, " <", &who.email, ">\n"].concat()).collect();
    let answer = Git::new("check-mailmap")
        .set(mailmap(to))
        .args(["--stdin"])
        .input(lines.into_bytes())
        .run(mirror)
        .await?;
    let answer = text(&answer);
    let mapped: Option<Vec<_>> = answer.lines().map(identity).collect();
    mapped
        .filter(|mapped| mapped.len() == contacts.len())
        .ok_or_else(|| GitError::Unexpected { what: "check-mailmap", detail: shorten(&answer) })
}

/// Parses `Name <email>`, as git prints it.
fn identity(text: &str) -> Option<Identity> {
    let (name, rest) = text.rsplit_once('<')?;
    let (email, _) = rest.split_once('>')?;
    Some(Identity { name: shorten(name.trim()), email: shorten(email.trim()) })
}
