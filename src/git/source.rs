//! The source of a mirror: an absolute local path or a URL, and how to show it without credentials.

use std::path::{Path, PathBuf};

/// Where a mirror fetches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RepositorySource {
    Local(PathBuf),
    Remote(String),
}

impl RepositorySource {
    /// A text with `://`, or with a colon before its first slash, is a URL unless such a path exists. Any other text is a
    /// path.
    pub(super) fn of(repository: &str) -> Self {
        let before_slash = repository.split('/').next().unwrap_or_default();
        let is_remote = repository.contains("://") || before_slash.contains(':');
        if is_remote && !Path::new(repository).exists() {
            return Self::Remote(repository.to_owned());
        }
        let path = std::path::absolute(repository).unwrap_or_else(|_| repository.into());
        Self::Local(path)
    }

    /// The source as an argument for git.
    pub(super) fn as_argument(&self) -> &std::ffi::OsStr {
        match self {
            Self::Local(path) => path.as_os_str(),
            Self::Remote(url) => url.as_ref(),
        }
    }

    /// The source without credentials.
    pub(super) fn display(&self) -> String {
        display_url(&self.as_argument().to_string_lossy())
    }
}

/// Removes the user names and passwords from every URL in a text.
#[must_use]
pub fn display_url(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| "/?#'\"".contains(c) || c.is_whitespace());
        let (authority, behind) = after.split_at(end.unwrap_or(after.len()));
        shown.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credentials_are_shown() {
        let cases = [
            ("https://me:hush@host/shop.git", "https://host/shop.git"),
            ("https://token@host", "https://host"),
            ("ssh://git@host:22/shop", "ssh://host:22/shop"),
            ("https://me:p@ss@host/a@b", "https://host/a@b"),
            ("git@host:shop.git", "git@host:shop.git"),
            ("/srv/me@home/shop", "/srv/me@home/shop"),
            ("fatal: 'https://a:b@x/y' and http://c@z", "fatal: 'https://x/y' and http://z"),
        ];
        for (url, shown) in cases {
            assert_eq!(display_url(url), shown);
        }
    }

    #[test]
    fn a_path_is_made_absolute_and_a_url_is_left_to_git() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(RepositorySource::of("-rf"), RepositorySource::Local(here.join("-rf")));
        assert_eq!(RepositorySource::of("/srv/a:b"), RepositorySource::Local("/srv/a:b".into()));
        assert_eq!(
            RepositorySource::of("git@host:shop"),
            RepositorySource::Remote("git@host:shop".into())
        );
        assert_eq!(
            RepositorySource::of("file:///srv/shop"),
            RepositorySource::Remote("file:///srv/shop".into())
        );
    }
}
