//! Quarantines bad commits and clears them.

use super::{CommandContext, Decided, Gathered, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::event::Fact;
use crate::domain::ids::Sha;
use crate::domain::limits::{BAD_COMMIT_DIGITS, MOST_BAD_COMMITS};
use crate::domain::quarantine::BadCommit;
use crate::domain::remedy::Remedy;

/// The most commits that a refusal names.
const CANDIDATES: usize = 5;

pub(super) fn add(
    service: &ServiceView<'_>,
    commits: &[String],
    reason: &str,
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    if commits.is_empty() {
        return Err(Refusal::invalid("name at least one commit"));
    }
    let bad = named(service, commits, context)?;
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{} in quarantine", listed(&bad));
    let facts = vec![Fact::CommitsQuarantined { bad, reason }];
    Ok(Decided { facts, deployment: None, said })
}

pub(super) fn clear(
    service: &ServiceView<'_>,
    commit: &str,
    reason: &str,
) -> Result<Decided, Refusal> {
    let prefix = prefix(commit)?;
    let known = service.state.quarantine.keys().filter(|sha| sha.as_str().starts_with(&prefix));
    let sha = match known.collect::<Vec<_>>()[..] {
        [sha] => sha,
        [] => {
            let sentence = format!("no commit in quarantine starts with {prefix:?}");
            return Err(Refusal::not_found(sentence));
        }
        ref several => return Err(ambiguous(&prefix, several)),
    };
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{} is no longer in quarantine", sha.short());
    let facts = vec![Fact::CommitCleared { sha: sha.clone(), reason }];
    Ok(Decided { facts, deployment: None, said })
}

/// The commits that a command names: as git found them, or as the builds list them.
pub(super) fn named(
    service: &ServiceView<'_>,
    names: &[String],
    context: CommandContext<'_>,
) -> Result<Vec<BadCommit>, Refusal> {
    if names.len() > MOST_BAD_COMMITS {
        return Err(Refusal::invalid(format!("name at most {MOST_BAD_COMMITS} commits at once")));
    }
    let found = match context.gathered {
        Some(Gathered::Commits(found)) => found.as_slice(),
        _ => &[],
    };
    let mut bad: Vec<BadCommit> = Vec::with_capacity(names.len());
    for name in names {
        let commit = one(service, name, found)?;
        if !bad.contains(&commit) {
            bad.push(commit);
        }
    }
    Ok(bad)
}

fn one(service: &ServiceView<'_>, name: &str, found: &[BadCommit]) -> Result<BadCommit, Refusal> {
    let prefix = prefix(name)?;
    let mut all = service.state.commits_that_begin_with(&prefix);
    for commit in found.iter().filter(|commit| commit.sha.as_str().starts_with(&prefix)) {
        if !all.iter().any(|known| known.sha == commit.sha) {
            all.push(commit.clone());
        }
    }
    match all.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let refusal = Refusal::not_found(format!("no build has a commit {prefix}"));
            Err(refusal.with(Remedy::FindCommit { commit: prefix }))
        }
        several => {
            let shas: Vec<_> = several.iter().map(|commit| &commit.sha).collect();
            Err(ambiguous(&prefix, &shas))
        }
    }
}

/// The refusal of an ambiguous prefix. It names only the first few commits.
fn ambiguous(prefix: &str, shas: &[&Sha]) -> Refusal {
    let mut named: Vec<_> = shas.iter().take(CANDIDATES).map(ToString::to_string).collect();
    named.extend((shas.len() > CANDIDATES).then(|| format!("{} more", shas.len() - CANDIDATES)));
    Refusal::invalid(format!(
        "{} commits start with {prefix:?} ({}); write more digits",
        shas.len(),
        named.join(", ")
    ))
}

fn prefix(name: &str) -> Result<String, Refusal> {
    let name = name.trim().to_ascii_lowercase();
    let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && BAD_COMMIT_DIGITS.contains(&name.len()) {
        return Ok(name);
    }
    // A text pasted by mistake may be long.
    let shown: String = name.chars().take(64).collect();
    let fewest = BAD_COMMIT_DIGITS.start();
    Err(Refusal::invalid(format!(
        "{shown:?} is not a commit; write its id, or at least its first {fewest} digits"
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
