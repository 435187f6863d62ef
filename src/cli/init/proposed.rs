//! What the workflows of the trunk's newest commit propose, as far as this clone has it.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::checked::checked;
use super::{git, git_output};
use crate::cli::error::CliError;
use crate::config::ServiceFile;
use crate::config::places::Places;
use crate::config::proposed::{ProposedFor, service_file};
use crate::config::service_file::SERVICE_FILE;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::repository_address::RepositoryAddress;
use crate::git::workflow_files;
use crate::workflows::{ChangedWorkflow, Proposal, WorkflowPlace, propose};

/// What `init` would write, and what it says of it.
#[derive(Debug, Serialize)]
pub(super) struct InitProposal {
    pub service: String,
    pub trunk: String,
    /// `owner/name` at GitHub.
    pub repository: Option<String>,
    /// The text for the service file. Absent if nothing is certain and nothing is asked.
    pub text: Option<String>,
    /// Why the text cannot be used before its questions are answered.
    pub incomplete: Option<String>,
    pub proposal: Proposal,
    /// The change of a workflow as a diff.
    pub diff: Option<String>,
    /// What GitHub says of the repository, if it was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checked: Vec<String>,
    /// What was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_checked: Option<String>,
}

impl InitProposal {
    /// Asks GitHub for what no file says, where an engine of this user may.
    pub async fn check(&mut self, places: &Places, now: DateTime<Utc>) {
        let Some(repository) = &self.repository else { return };
        let asked = checked(places, repository, (&self.trunk, &self.proposal, now)).await;
        match asked {
            Ok(None) => {}
            Ok(Some(said)) => (self.checked, self.not_checked) = (said, None),
            Err(why) => {
                self.not_checked = Some(format!("{NOT_CHECKED} It was asked, but {why}."));
            }
        }
    }
}

const NOT_CHECKED: &str = "Not known without GitHub's own answer: the rules of its environments, whether a workflow is \
     switched off, and when each ran last.";
const ASK_IT: &str =
    "An engine of kind github in config.toml that may ask for this repository is asked for it.";

/// `None` for a repository without workflows.
pub(super) async fn proposed(
    repository: &Path,
    name: &ServiceName,
    trunk: &str,
) -> Result<Option<InitProposal>, CliError> {
    let Some(at) = tip(repository, trunk) else { return Ok(None) };
    let Some(git_folder) = git(repository, &["rev-parse", "--absolute-git-dir"]) else {
        return Ok(None);
    };
    let files = workflow_files(Path::new(&git_folder), &at)
        .await
        .map_err(|error| CliError::failed(format!("the workflows cannot be read: {error}")))?;
    if files.is_empty() {
        return Ok(None);
    }
    let origin = git(repository, &["config", "--get", "remote.origin.url"]);
    let owner_name = origin.as_deref().and_then(at_github);
    let place = WorkflowPlace { repository: owner_name.clone(), trunk: trunk.to_owned() };
    let proposal = propose(&files, &place);
    let wanted = ProposedFor { name, trunk, repository: owner_name.as_deref() };
    let has_something = proposal.staging.is_some()
        || proposal.production.is_some()
        || proposal.call.is_some()
        || !proposal.questions.is_empty();
    let text = has_something.then(|| service_file(&wanted, &proposal));
    let incomplete = text.as_ref().and_then(|text| {
        ServiceFile::parse(text, SERVICE_FILE).err().map(|error| error.to_string())
    });
    let diff = proposal.change.as_ref().map(|change| diff(&change.file, repository, &at));
    Ok(Some(InitProposal {
        service: name.to_string(),
        trunk: trunk.to_owned(),
        repository: owner_name,
        text,
        incomplete,
        proposal,
        diff,
        checked: Vec::new(),
        not_checked: Some(format!("{NOT_CHECKED} {ASK_IT}")),
    }))
}

/// The trunk's newest commit that this clone knows: its remote's before its own.
fn tip(repository: &Path, trunk: &str) -> Option<Sha> {
    let remote = git(repository, &["config", "--get", &format!("branch.{trunk}.remote")]);
    let remote = remote.unwrap_or_else(|| "origin".to_owned());
    let names = [format!("refs/remotes/{remote}/{trunk}"), format!("refs/heads/{trunk}")];
    names.iter().find_map(|name| {
        let commit = format!("{name}^{{commit}}");
        git(repository, &["rev-parse", "--verify", "--quiet", &commit])?.parse().ok()
    })
}

/// `owner/name` of an address at github.com.
fn at_github(address: &str) -> Option<String> {
    let address = RepositoryAddress::of(address)?;
    let path = address.at_host("github.com")?;
    let (owner, name) = path.split_once('/')?;
    (!owner.is_empty() && !name.is_empty() && !name.contains('/')).then(|| path.to_owned())
}

/// The lines around a change that are shown.
const CONTEXT: usize = 3;

/// The change as a diff.
fn diff(change: &ChangedWorkflow, repository: &Path, at: &Sha) -> String {
    match change {
        ChangedWorkflow::New { path, text } => {
            let lines: Vec<_> = text.lines().map(|line| format!("+{line}\n")).collect();
            format!(
                "--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{} @@\n{}",
                lines.len(),
                lines.concat()
            )
        }
        ChangedWorkflow::Lines { path, add } => {
            let before =
                git_output(repository, &["show", &format!("{at}:{path}")]).unwrap_or_default();
            format!("--- a/{path}\n+++ b/{path}\n{}", hunks(&before, add))
        }
    }
}

/// The parts of a diff that only adds lines, each behind the line of its number.
fn hunks(before: &str, add: &[(usize, String)]) -> String {
    let lines: Vec<&str> = before.lines().collect();
    let mut add = add.to_vec();
    add.sort_by_key(|(line, _)| *line);
    let mut groups: Vec<Vec<(usize, String)>> = Vec::new();
    for (line, text) in add {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|(last, _)| line <= last + 2 * CONTEXT) => {
                group.push((line, text));
            }
            _ => groups.push(vec![(line, text)]),
        }
    }
    let (mut shown, mut added) = (String::new(), 0);
    for group in groups {
        let (first, last) = (group[0].0, group[group.len() - 1].0);
        let (from, to) = (first.saturating_sub(CONTEXT), (last + CONTEXT).min(lines.len()));
        let mut body = String::new();
        let mut own = 0;
        for at in from..=to {
            for text in group.iter().filter(|(line, _)| *line == at).map(|(_, text)| text) {
                own += text.lines().count();
                body.extend(text.lines().map(|line| format!("+{line}\n")));
            }
            body.extend(lines.get(at).filter(|_| at < to).map(|line| format!(" {line}\n")));
        }
        let count = to - from;
        let (old, new) = (from + 1, from + 1 + added);
        let _ = write!(shown, "@@ -{old},{count} +{new},{} @@\n{body}", count + own);
        added += own;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{at_github, hunks};

    #[test]
    fn the_owner_and_the_name_come_from_an_address_at_github_alone() {
        for address in [
            "https://github.com/acme/shop.git",
            "git@github.com:acme/shop.git",
            "ssh://git@github.com/acme/shop",
            "https://token@GitHub.com/acme/shop/",
        ] {
            assert_eq!(at_github(address).as_deref(), Some("acme/shop"), "{address}");
        }
        for address in
            ["https://gitlab.com/acme/shop", "/srv/git/acme/shop", "https://github.com/acme"]
        {
            assert_eq!(at_github(address), None, "{address}");
        }
    }

    #[test]
    fn a_diff_shows_what_is_added_and_the_lines_around_it() {
        let before = "name: x\non:\n  workflow_dispatch:\njobs:\n  a:\n";
        let add = [(3, "    inputs:".to_owned()), (1, "run-name: y".to_owned())];
        let shown = hunks(before, &add);
        assert_eq!(
            shown,
            "@@ -1,5 +1,7 @@\n name: x\n+run-name: y\n on:\n   workflow_dispatch:\n+    inputs:\n jobs:\n   a:\n"
        );
    }
}
