//! What a clone on this machine says about itself: its remote, how far it is behind, and what it lacks.

use std::path::Path;
use std::time::Duration;

use super::error::GitError;
use super::process::Git;
use super::source::display_url;

/// How long reading the settings of a clone may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a server may take to name its branches.
const REMOTE: Duration = Duration::from_secs(20);

/// The remote of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRemote {
    pub name: String,
    /// What git is given: an absolute path or a URL, without a password.
    pub url: String,
}

/// A clone as its settings describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalClone {
    /// The remote of its trunk.
    pub remote: Option<CloneRemote>,
    /// By how many commits its branch is behind the remote's, as of its last `git fetch`.
    pub behind: Option<u64>,
    pub is_shallow: bool,
    /// It was cloned with a filter, such as `--filter=blob:none`.
    pub is_partial: bool,
}

impl LocalClone {
    /// Reads a clone; the default if git cannot read it.
    pub async fn of(folder: &Path, trunk: Option<&str>) -> Self {
        let settings = settings(folder).await;
        let of_trunk = trunk.map(|trunk| format!("branch.{trunk}.remote"));
        let remote = remote(folder, &settings, of_trunk.as_deref());
        let behind = match (&remote, trunk) {
            (Some(remote), Some(trunk)) => behind(folder, &remote.name, trunk).await,
            _ => None,
        };
        let is_partial = |key: &str| key.starts_with("remote.") && key.ends_with(".promisor");
        let is_partial = settings.iter().any(|(key, value)| is_partial(key) && value != "false");
        Self { remote, behind, is_shallow: is_shallow(folder).await, is_partial }
    }
}

async fn is_shallow(folder: &Path) -> bool {
    // Where a clone has its files in the usual place, git need not be asked.
    let git = folder.join(".git");
    if git.join("HEAD").is_file() {
        return git.join("shallow").is_file();
    }
    let asked = Git::new("rev-parse").args(["--is-shallow-repository"]).within(TIMEOUT);
    asked.run_in(folder).await.is_ok_and(|shallow| shallow.starts_with(b"true"))
}

/// The settings of the clone itself, in lower case where git does not care.
async fn settings(folder: &Path) -> Vec<(String, String)> {
    let list = Git::new("config").args(["--local", "--list", "-z"]).within(TIMEOUT);
    let listed = list.run_in(folder).await.unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let pairs = listed.split('\0').filter_map(|entry| entry.split_once('\n'));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The remote that the trunk's branch follows, else `origin`, else the only one.
fn remote(
    folder: &Path,
    settings: &[(String, String)],
    of_trunk: Option<&str>,
) -> Option<CloneRemote> {
    let value = |key: &str| settings.iter().rev().find(|(known, _)| known == key).map(|(_, v)| v);
    let url = |name: &str| value(&format!("remote.{name}.url"));
    let names = settings.iter().filter_map(|(key, _)| {
        key.strip_prefix("remote.").and_then(|rest| rest.strip_suffix(".url"))
    });
    let names: Vec<_> = names.collect();
    let only = (names.len() == 1).then(|| names[0].to_owned());
    let followed = of_trunk.and_then(value).filter(|name| url(name).is_some()).cloned();
    let name = followed.or_else(|| url("origin").map(|_| "origin".to_owned())).or(only)?;
    let url = absolute(folder, url(&name)?);
    Some(CloneRemote { name, url })
}

/// The address of a remote, from anywhere: a relative path is made absolute, and a password is left out.
fn absolute(folder: &Path, url: &str) -> String {
    let before_slash = url.split('/').next().unwrap_or_default();
    if url.contains("://") {
        return without_password(url);
    }
    if url.starts_with('/') || before_slash.contains(':') {
        return url.to_owned();
    }
    let path = folder.join(url);
    path.canonicalize().unwrap_or(path).display().to_string()
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) if !user.is_empty() => format!("{scheme}://{user}@{host}{path}"),
        Some(_) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    }
}

async fn behind(folder: &Path, remote: &str, trunk: &str) -> Option<u64> {
    let (own, theirs) = (format!("refs/heads/{trunk}"), format!("refs/remotes/{remote}/{trunk}"));
    let count = Git::new("rev-list").args(["--count", &format!("^{own}"), &theirs, "--"]);
    let count = count.within(TIMEOUT).run_in(folder).await.ok()?;
    String::from_utf8_lossy(&count).trim().parse().ok()
}

/// The branches of a repository that matter to `init`, asked with the user's credentials from outside of any clone.
///
/// # Errors
/// When it cannot be read without a question, or does not answer.
pub async fn default_branch_of(url: &str) -> Result<Option<String>, GitError> {
    let answer = Git::new("ls-remote")
        .args(["--symref", "--quiet", "--end-of-options", url, "HEAD"])
        .within(REMOTE)
        .run_anywhere()
        .await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let head = answer.lines().find_map(|line| line.strip_prefix("ref: refs/heads/"));
    Ok(head.and_then(|line| line.split('\t').next()).map(str::to_owned))
}

/// The address of a remote as it is shown.
impl std::fmt::Display for CloneRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&display_url(&self.url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_remote_works_from_anywhere_and_holds_no_password() {
        let cases = [
            ("git@host:shop.git", "git@host:shop.git"),
            ("ssh://git@host:22/shop", "ssh://git@host:22/shop"),
            ("https://me:hush@host/shop.git", "https://me@host/shop.git"),
            ("https://:hush@host", "https://host"),
            ("/srv/shop.git", "/srv/shop.git"),
            ("../none.git", "/srv/me/../none.git"),
        ];
        for (url, expected) in cases {
            assert_eq!(absolute(Path::new("/srv/me"), url), expected);
        }
    }
}
