//! Reads co-authors from commit trailers and applies the mailmap to them.

use std::path::Path;

use super::{ReadCommit, shorten};
use crate::domain::ids::Sha;
use crate::domain::people::Identity;
use crate::git::error::GitError;
use crate::git::process::Git;

/// The most co-authors that are read from one commit.
const MOST_CO_AUTHORS: usize = 50;

/// The setting that makes git read the mailmap of a commit.
pub(super) fn mailmap(at: &Sha) -> String {
    format!("mailmap.blob={at}:.mailmap")
}

/// The co-authors in a commit's message, before the mailmap.
pub(super) struct CoAuthors(Vec<Identity>);

impl CoAuthors {
    /// Reads one trailer value from each line. A value without an email between `<` and `>` is left out.
    pub(super) fn parse(values: &str) -> Self {
        Self(values.lines().filter_map(identity).take(MOST_CO_AUTHORS).collect())
    }
}

/// Parses `Name <email>`.
fn identity(text: &str) -> Option<Identity> {
    let (name, rest) = text.split_once('<')?;
    let (email, _) = rest.split_once('>')?;
    let forbidden = |c: char| c.is_control() || c == '<' || c.is_whitespace();
    let email = email.trim();
    if email.is_empty() || email.contains(forbidden) {
        return None;
    }
    let name: String = name.chars().filter(|c| !c.is_control() && *c != '>').collect();
    Some(Identity { name: shorten(name.trim()), email: shorten(email) })
}

/// Applies the mailmap to all co-authors in one run of git, and sets each commit's co-authors, without duplicates and
/// without its author.
pub(super) async fn resolve<'a>(
    mirror: &Path,
    to: &Sha,
    commits: impl Iterator<Item = &'a mut ReadCommit>,
) -> Result<(), GitError> {
    let commits: Vec<_> = commits.collect();
    let contacts: Vec<_> = commits.iter().flat_map(|read| &read.co_authors.0).collect();
    if contacts.is_empty() {
        return Ok(());
    }
    let mut mapped = check(mirror, to, &contacts).await?.into_iter();
    for read in commits {
        for known in mapped.by_ref().take(read.co_authors.0.len()) {
            let is_author = known.email.eq_ignore_ascii_case(&read.commit.author.email);
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
    let answer = String::from_utf8_lossy(&answer);
    let mapped: Option<Vec<_>> = answer.lines().map(identity).collect();
    mapped
        .filter(|mapped| mapped.len() == contacts.len())
        .ok_or_else(|| GitError::Unexpected { what: "check-mailmap", detail: shorten(&answer) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_without_an_email_names_no_co_author() {
        for text in ["", "Ann", "Ann <>", "Ann < >", "Ann <a@x", "Ann a@x>", "Ann <a <b@x>"] {
            assert_eq!(identity(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_trailer_has_a_name_and_an_email() {
        let ann = Identity { name: "Ann".into(), email: "a@x".into() };
        for text in ["Ann <a@x>", "  Ann   < a@x > and more", "A\u{1b}nn <a@x>"] {
            assert_eq!(identity(text).as_ref(), Some(&ann), "{text:?}");
        }
        assert_eq!(identity("<a@x>").unwrap().name, "");
    }
}
