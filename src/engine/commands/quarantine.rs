//! Naming commits that are known to be bad, and clearing them.

use super::{Asked, Decided, Gathered, Ground, Need, text};
use crate::domain::command::{MOST_BAD_COMMITS, Refusal};
use crate::domain::event::Fact;
use crate::domain::quarantine::BadCommit;

/// The shortest beginning of an id that names a commit.
const SHORTEST: usize = 7;

pub(super) fn add(
    service: &Ground<'_>,
    commits: &[String],
    reason: &str,
    asked: Asked<'_>,
) -> Result<Decided, Refusal> {
    if commits.is_empty() {
        return Err(Refusal::invalid("name at least one commit"));
    }
    let bad = named(service, commits, asked)?;
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{} in quarantine", listed(&bad));
    let facts = vec![Fact::CommitsQuarantined { bad, reason }];
    Ok(Decided { facts, deployment: None, said })
}

pub(super) fn clear(service: &Ground<'_>, commit: &str, reason: &str) -> Result<Decided, Refusal> {
    let beginning = beginning(commit)?;
    let known = service.state.quarantine.keys().filter(|sha| sha.as_str().starts_with(&beginning));
    let [sha] = known.collect::<Vec<_>>()[..] else {
        let sentence = format!("no single commit of the quarantine begins with {beginning:?}");
        return Err(Refusal::not_found(sentence));
    };
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{} is not in quarantine any more", sha.short());
    let facts = vec![Fact::CommitCleared { sha: sha.clone(), reason }];
    Ok(Decided { facts, deployment: None, said })
}

/// The commits that a command names: as git found them, or as the builds list them.
pub(super) fn named(
    service: &Ground<'_>,
    names: &[String],
    asked: Asked<'_>,
) -> Result<Vec<BadCommit>, Refusal> {
    if names.len() > MOST_BAD_COMMITS {
        return Err(Refusal::invalid(format!("name at most {MOST_BAD_COMMITS} commits at once")));
    }
    let found = match asked.gathered {
        Some(Gathered::Commits(found)) => found.as_slice(),
        _ => &[],
    };
    names.iter().map(|name| one(service, name, found)).collect()
}

fn one(service: &Ground<'_>, name: &str, found: &[BadCommit]) -> Result<BadCommit, Refusal> {
    let beginning = beginning(name)?;
    if let Some(commit) = found.iter().find(|commit| commit.sha.as_str().starts_with(&beginning)) {
        return Ok(commit.clone());
    }
    match service.state.commits_that_begin_with(&beginning).as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Refusal::not_found(format!("no build has a commit {beginning}"))),
        several => Err(Refusal::invalid(format!(
            "{beginning} begins {} commits; write more of the one you mean",
            several.len()
        ))),
    }
}

fn beginning(name: &str) -> Result<String, Refusal> {
    let name = name.trim().to_ascii_lowercase();
    let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (SHORTEST..=64).contains(&name.len()) {
        return Ok(name);
    }
    Err(Refusal::invalid(format!(
        "{name:?} is not a commit; write its id, or at least its first {SHORTEST} digits"
    )))
}

/// `; 3f9ac21 is in quarantine`, or nothing.
pub(super) fn said(bad: &[BadCommit]) -> String {
    if bad.is_empty() { String::new() } else { format!("; {} in quarantine", listed(bad)) }
}

fn listed(bad: &[BadCommit]) -> String {
    let shas: Vec<_> = bad.iter().map(|commit| commit.sha.short()).collect();
    let verb = if bad.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", shas.join(", "))
}
