//! Says that a commit which a promote ships is reverted or fixed later on the trunk.

use std::collections::BTreeSet;

use super::{Finding, Guard, PlanInput, Severity, finding as found};
use crate::domain::build::Build;
use crate::domain::commit::{Commit, LaterChange, RevertEvidence};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::remedy::Remedy;

/// The most later commits that a sentence names.
const MOST_NAMED: usize = 3;

pub(super) fn finding(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let mut fates: Vec<Fate<'_>> = Vec::new();
    for commit in &input.range.commits {
        let Some(fate) = Fate::of(commit, &input.range.later) else { continue };
        // The revert of a merge names each commit that it merged.
        match fates.iter_mut().find(|known| known.by == fate.by && known.is_fix == fate.is_fix) {
            Some(known) => known.more += 1,
            None => fates.push(fate),
        }
    }
    if fates.is_empty() {
        return None;
    }
    let build = |by: &Sha| build_with(input, target, by);
    let mut sentences: Vec<_> = fates.iter().take(MOST_NAMED).map(|fate| fate.say(build)).collect();
    let more = fates.len().saturating_sub(MOST_NAMED);
    sentences.extend((more > 0).then(|| format!("and {more} more")));
    let lasting: Vec<_> = fates.iter().filter(|fate| fate.back_by.is_none()).collect();
    let severity = if lasting.is_empty() { Severity::Info } else { Severity::Warn };
    let builds: Option<Vec<_>> = lasting.iter().map(|fate| build(fate.by)).collect();
    let remedy = builds.and_then(|builds| builds.into_iter().max());
    let remedy = remedy.map(|build| Remedy::Promote { build });
    Some(found(Guard::Order, severity, sentences.join("; ")).with(remedy))
}

/// The oldest later build on the trunk that has a commit.
fn build_with(input: PlanInput<'_>, target: &Build, by: &Sha) -> Option<BuildNumber> {
    let mut later = input.state.builds.range(target.number..).skip(1).map(|(_, build)| build);
    let has = |build: &&Build| {
        let is_listed = build.commits.iter().any(|commit| commit.sha == *by);
        !build.off_trunk && (is_listed || build.reverts.iter().any(|revert| revert.by == *by))
    };
    later.find(has).map(|build| build.number)
}

/// What becomes of a commit later on the trunk.
struct Fate<'a> {
    commit: &'a Commit,
    /// How many more commits the same one reverts.
    more: usize,
    by: &'a Sha,
    is_fix: bool,
    evidence: RevertEvidence,
    /// The commit that brings it back.
    back_by: Option<&'a Sha>,
}

impl<'a> Fate<'a> {
    /// What the last of the later commits leaves, which are oldest first.
    fn of(commit: &'a Commit, later: &'a [LaterChange]) -> Option<Self> {
        let mut fate: Option<Self> = None;
        let (mut adding, mut removing) = (BTreeSet::from([&commit.sha]), BTreeSet::new());
        for change in later {
            let by = &change.by;
            let new = |is_fix| {
                let evidence = change.evidence;
                Some(Self { commit, more: 0, by, is_fix, evidence, back_by: None })
            };
            if removing.contains(&change.of) {
                adding.insert(by);
                if let Some(fate) = &mut fate {
                    fate.back_by = Some(by);
                }
            } else if adding.contains(&change.of) && change.is_fix {
                fate = fate.or_else(|| new(true));
            } else if adding.contains(&change.of) {
                removing.insert(by);
                if fate.as_ref().is_none_or(|fate| fate.is_fix || fate.back_by.is_some()) {
                    fate = new(false);
                }
            }
        }
        fate
    }

    /// `#4 reverts 3f9ac21 "Add a banner", which this ships`.
    fn say(&self, build: impl Fn(&Sha) -> Option<BuildNumber>) -> String {
        let named = |by: &Sha| match build(by) {
            Some(build) => build.to_string(),
            None => format!("{} on the trunk, in no build yet,", by.short()),
        };
        let does = match (self.is_fix, self.evidence) {
            (true, _) => "fixes".to_owned(),
            (false, RevertEvidence::Sure) => "reverts".to_owned(),
            (false, evidence) => format!("seems to revert ({evidence})"),
        };
        let (sha, subject) = (self.commit.sha.short(), &self.commit.subject);
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        let back = self.back_by.map(|by| format!(", and {} brings it back", named(by)));
        let back = back.unwrap_or_default();
        format!("{} {does} {sha} {subject:?}{more}, which this ships{back}", named(self.by))
    }
}
