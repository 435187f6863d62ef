//! The paths of a repository that make builds of a service.

use super::error::GitError;
use super::mirror::sha;
use super::process::Git;
use crate::domain::ids::Sha;
use std::path::Path;

/// The paths that make builds of a service, as pathspecs of git. They are never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths(Vec<String>);

impl Paths {
    /// The service's folder, the paths of its service file and that file itself; `None` is the whole repository.
    #[must_use]
    pub fn of_service(folder: Option<&str>, patterns: &[String], file: &str) -> Option<Self> {
        if folder.is_none() && patterns.is_empty() {
            return None;
        }
        let own = folder.map_or_else(|| literal(file), literal);
        Some(Self([own].into_iter().chain(patterns.iter().map(|p| pathspec(p))).collect()))
    }

    /// A folder and everything in it.
    #[must_use]
    pub fn folder(folder: &str) -> Self {
        Self(vec![literal(folder)])
    }

    pub(super) fn specs(&self) -> &[String] {
        &self.0
    }
}

fn literal(path: &str) -> String {
    format!(":(top,literal){path}")
}

/// A pattern of a service file: a path unless it has `*` or `?`.
fn pathspec(pattern: &str) -> String {
    if pattern.contains(['*', '?']) { format!(":(top,glob){pattern}") } else { literal(pattern) }
}

/// The patterns that match no file of a commit.
pub(super) async fn unmatched(
    mirror: &Path,
    at: &Sha,
    patterns: &[String],
) -> Result<Vec<String>, GitError> {
    let mut unmatched = Vec::new();
    if patterns.is_empty() {
        return Ok(unmatched);
    }
    let empty = Git::new("mktree").input(Vec::new()).run(mirror).await?;
    let empty = sha("mktree", String::from_utf8_lossy(&empty).trim())?;
    for pattern in patterns {
        let differs = Git::new("diff-tree")
            .with_pathspecs()
            .args(["--quiet", "-r", "--end-of-options", empty.as_str(), at.as_str(), "--"])
            .args([pathspec(pattern)]);
        let ended = differs.end(mirror).await?;
        match ended.code {
            Some(0) => unmatched.push(pattern.clone()),
            Some(1) => {}
            _ => return Err(ended.failed("diff-tree")),
        }
    }
    Ok(unmatched)
}
