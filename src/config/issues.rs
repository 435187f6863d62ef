//! `[incidents.issues]` of the operator's files: where issues with drafts of postmortems are opened, and for which services.

use std::path::PathBuf;

use super::engines::TokenSource;
use super::{notify, secret_sources};
use crate::domain::lane::fits;
use crate::settings::{Mistakes, Section, Setting};

/// Where issues are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSettings {
    pub kind: IssueForge,
    /// The address of the API, without a slash at its end.
    pub url: String,
    /// `acme/ops`.
    pub project: String,
    pub token: TokenSource,
    /// The certificates to trust, in PEM, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// The services whose incidents may stand there; a `*` stands for any text.
    pub services: Vec<String>,
}

/// Whose API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueForge {
    GitHub,
    GitLab,
}

impl IssueForge {
    /// The address of the public API.
    fn public(self) -> &'static str {
        match self {
            Self::GitHub => "https://api.github.com",
            Self::GitLab => "https://gitlab.com/api/v4",
        }
    }
}

impl IssueSettings {
    #[must_use]
    pub fn takes(&self, service: &str) -> bool {
        self.services.iter().any(|pattern| fits(pattern, service))
    }
}

/// Reads the setting `incidents` of an operator's file.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<IssueSettings> {
    let mut section = setting?.section(mistakes)?;
    let issues = section.take("issues").and_then(|entry| entry.section(mistakes));
    section.finish(mistakes);
    let before = mistakes.count();
    let read = issues.and_then(|section| issues_settings(section, mistakes));
    read.filter(|_| mistakes.count() == before)
}

fn issues_settings(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<IssueSettings> {
    let kinds = [("github", IssueForge::GitHub), ("gitlab", IssueForge::GitLab)];
    let kind = section.take("kind").and_then(|entry| entry.choice(&kinds, mistakes));
    let url = section.take("url").and_then(|entry| notify::address(&entry, mistakes));
    let project = section.take("project");
    let project = project.and_then(|entry| path_of_project(&entry, kind, mistakes));
    let token = section.take("token").and_then(|entry| notify::secret(&entry, mistakes));
    let ca = section.take("ca").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let services = section.take("services").map(|entry| entry.texts(mistakes));
    let services: Option<Vec<_>> =
        services.map(|all| all.into_iter().map(|name| name.value.to_owned()).collect());
    let (at, path, before) = (section.at, section.path.clone(), mistakes.count());
    section.finish(mistakes);
    let (Some(kind), Some(project), Some(token), Some(services)) = (kind, project, token, services)
    else {
        if mistakes.count() == before {
            let sentence = "needs kind = \"github\" or \"gitlab\", project = \"acme/ops\", token = { env = \"NAME\" } and services = [\"*\"]";
            mistakes.add(at, &path, sentence);
        }
        return None;
    };
    let url = url.unwrap_or_else(|| kind.public().to_owned());
    Some(IssueSettings { kind, url, project, token, ca, services })
}

fn path_of_project(
    entry: &Setting<'_>,
    kind: Option<IssueForge>,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let text = entry.text(mistakes)?;
    let is_plain = |part: &str| {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && !part.bytes().all(|b| b == b'.') && part.chars().all(is_known)
    };
    let parts: Vec<_> = text.split('/').collect();
    let is_deep_enough = match kind {
        Some(IssueForge::GitHub) => parts.len() == 2,
        _ => parts.len() >= 2,
    };
    if is_deep_enough && parts.into_iter().all(is_plain) {
        return Some(text.to_owned());
    }
    entry.reject(mistakes, "is no project; write it as in \"acme/ops\"");
    None
}
