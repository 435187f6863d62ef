//! The pull request of a commit, as forges write it into the message, and its link.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::repository_address::RepositoryAddress;

/// The most digits of a pull request number; longer numbers are ignored.
const MOST_DIGITS: usize = 9;

/// A pull request, or a merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullRequest {
    pub number: u32,
    /// Its page, if the repository's host is a known forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl PullRequest {
    /// Reads it from a subject as GitHub, Bitbucket or Azure write it. At GitLab `(#1)` is an issue.
    #[must_use]
    pub fn of_subject(subject: &str, forge: Option<&Forge>) -> Option<Self> {
        let squashed = match forge {
            Some(Forge { kind: Kind::GitLab, .. }) => None,
            _ => subject.trim_end().strip_suffix(')').and_then(|text| text.rsplit_once(" (#")),
        };
        let merged = subject.strip_prefix("Merge pull request #");
        let merged = merged.and_then(|rest| rest.split_once(" from "));
        let azure = subject.strip_prefix("Merged PR ").and_then(|rest| rest.split_once(':'));
        let bitbucket = subject.strip_prefix("Merged in ");
        let bitbucket = bitbucket.and_then(|rest| rest.trim_end().strip_suffix(')'));
        let bitbucket = bitbucket.and_then(|rest| rest.rsplit_once(" (pull request #"));
        let text = merged.or(azure).map(|(number, _)| number);
        let text = text.or(bitbucket.or(squashed).map(|(_, number)| number))?;
        Some(Self::numbered(number(text)?, forge))
    }

    /// Reads it from a line of the body as GitLab writes it: `See merge request group/project!1`.
    #[must_use]
    pub fn of_line(line: &str, forge: Option<&Forge>) -> Option<Self> {
        let (project, text) = line.trim_end().strip_prefix(MERGE_REQUEST)?.rsplit_once('!')?;
        if project.contains(char::is_whitespace) {
            return None;
        }
        Some(Self::numbered(number(text)?, forge))
    }

    /// Adds the link at this forge.
    #[must_use]
    pub fn at(self, forge: Option<&Forge>) -> Self {
        Self::numbered(self.number, forge)
    }

    fn numbered(number: u32, forge: Option<&Forge>) -> Self {
        Self { number, link: forge.map(|forge| forge.link(number)) }
    }
}

/// The start of the line in which GitLab names the merge request.
const MERGE_REQUEST: &str = "See merge request ";

fn number(text: &str) -> Option<u32> {
    let is_number = text.len() <= MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}

/// A known forge and the page of one repository there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forge {
    kind: Kind,
    page: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitHub,
    GitLab,
    Bitbucket,
}

impl Forge {
    /// The forge of a repository's https or ssh address. The page is built from the host and path names of plain ASCII
    /// characters only, so that it contains no credentials and nothing else from the address.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let scheme = address.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, None | Some("https" | "ssh")) {
            return None;
        }
        // Without the port: that of ssh does not serve pages, and no known forge uses another for https.
        let RepositoryAddress { host, path } = RepositoryAddress::of(address)?;
        let kind = Kind::of(&host)?;
        let names = path.split('/').count();
        let fits = if kind == Kind::GitLab { (2..=20).contains(&names) } else { names == 2 };
        let is_plain = is_name(&host) && path.split('/').all(is_name);
        (fits && is_plain).then(|| Self { kind, page: format!("https://{host}/{path}") })
    }

    /// The path of the repository there, as `acme/shop`.
    #[must_use]
    pub fn project(&self) -> &str {
        self.page.splitn(4, '/').nth(3).unwrap_or_default()
    }

    fn link(&self, number: u32) -> String {
        let pages = match self.kind {
            Kind::GitHub => "pull",
            Kind::GitLab => "-/merge_requests",
            Kind::Bitbucket => "pull-requests",
        };
        format!("{}/{pages}/{number}", self.page)
    }
}

impl Kind {
    fn of(host: &str) -> Option<Self> {
        match host {
            "github.com" => Some(Self::GitHub),
            "bitbucket.org" => Some(Self::Bitbucket),
            _ => host.starts_with("gitlab.").then_some(Self::GitLab),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_its_pull_request_in_the_words_of_each_forge() {
        let cases = [
            ("fix: retry (#123)", Some(123)),
            ("Revert \"fix (#123)\" (#124)", Some(124)),
            ("Merge pull request #7 from ann/fix", Some(7)),
            ("Merged in ann/fix (pull request #12)", Some(12)),
            ("Merged PR 123: fix", Some(123)),
            ("fix (#123) for good", None),
            ("fix #123", None),
            ("fix (#0)", None),
            ("fix (#+1)", None),
            ("fix (#12345678901234567890)", None),
            ("fix (#1\u{202e})", None),
            ("(#)", None),
            ("", None),
        ];
        for (subject, number) in cases {
            let found = PullRequest::of_subject(subject, None);
            assert_eq!(found.map(|request| request.number), number, "{subject:?}");
        }
    }

    #[test]
    fn a_link_is_made_of_plain_parts_of_a_known_host_only() {
        let cases = [
            ("https://github.com/acme/shop.git", Some("https://github.com/acme/shop/pull/5")),
            ("https://me:hush@github.com/acme/shop", Some("https://github.com/acme/shop/pull/5")),
            ("git@github.com:acme/shop.git", Some("https://github.com/acme/shop/pull/5")),
            ("ssh://git@bitbucket.org:22/a/b", Some("https://bitbucket.org/a/b/pull-requests/5")),
            ("git@github.com:acme/../shop", None),
            ("https://github.com/acme/shop?x=1", None),
            ("https://github.com/acme/sh\u{7}op", None),
            ("https://github.com.evil.example/acme/shop", None),
            ("https://evil.example/github.com/shop", None),
            ("http://github.com/acme/shop", None),
            ("/srv/git/shop", None),
        ];
        for (address, link) in cases {
            let forge = Forge::of(address);
            let found = PullRequest::of_subject("fix (#5)", forge.as_ref()).unwrap();
            assert_eq!(found.link.as_deref(), link, "{address:?}");
        }
    }

    #[test]
    fn at_gitlab_the_body_names_the_merge_request_and_a_hash_is_an_issue() {
        let forge = Forge::of("git@gitlab.example.com:group/team/shop.git");
        let found = PullRequest::of_line("See merge request group/team/shop!8", forge.as_ref());
        let link = "https://gitlab.example.com/group/team/shop/-/merge_requests/8";
        assert_eq!(found, Some(PullRequest { number: 8, link: Some(link.into()) }));
        assert_eq!(PullRequest::of_subject("fix (#5)", forge.as_ref()), None);
        assert_eq!(PullRequest::of_line("> See merge request a/b!8", None), None);
        assert_eq!(PullRequest::of_line("See merge request of mine!8", None), None);
    }
}
