//! Where a rollback of production goes that names no build: the newest build that was live before and is good.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Deployment;
use super::event::DeploymentKind::Rollback;
use super::ids::{BuildNumber, Environment};
use super::quarantine::Contained;
use super::service::{Live, ServiceState};

/// A build that a rollback without a target passes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlawedBuild {
    pub build: BuildNumber,
    /// Why, as a phrase: `quarantined (leaks data)`.
    pub why: String,
}

/// The target of a rollback that names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WayBack {
    /// `None` if no build was live before, or none of those is good.
    pub to: Option<BuildNumber>,
    /// The builds that it passes over, in the order in which it meets them.
    pub skipped: Vec<FlawedBuild>,
}

/// A rollback of production that did not succeed and that nothing followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedRollback<'a> {
    pub deployment: &'a Deployment,
    /// The good build before its target.
    pub before: Option<BuildNumber>,
}

/// What speaks against a build that a person stated to be live, and whose commit has no rollback steps.
const OLDER: &str =
    "was live before trunkline and declares no steps to bring it back, as far as is known";
/// What is said of a build that has no steps for production.
pub const NO_STEPS: &str = "declares no production steps";

/// What is said of a build that production was rolled back from.
const LEFT: &str = "production was rolled back from it";
/// What is said of a build that lies between the two builds of a rollback.
const PASSED: &str = "production was rolled back past it";

/// The most skipped builds that a sentence names.
const NAMED: usize = 3;

/// `#3: quarantined (leaks data); #2: quarantined (leaks data); and 2 more`.
#[must_use]
pub fn named(skipped: &[FlawedBuild]) -> String {
    let first = skipped.iter().take(NAMED);
    let mut parts: Vec<_> = first.map(|skip| format!("{}: {}", skip.build, skip.why)).collect();
    let more = skipped.len().saturating_sub(NAMED);
    parts.extend((more > 0).then(|| format!("and {more} more")));
    parts.join("; ")
}

impl ServiceState {
    /// Where a rollback of production goes when no target is given.
    ///
    /// While a promote runs, or after one that did not succeed, it begins at the live build. While a rollback runs, or
    /// after one that did not succeed, it begins at the target of that rollback. After a restore of the record it begins at
    /// the build that was live by the record. Otherwise it begins at the last build
    /// that was live and is older than the live one. From there it goes to the first good one.
    #[must_use]
    pub fn way_back(&self) -> WayBack {
        let Some(live) = self.live(Environment::Production) else { return WayBack::default() };
        let unsettled = self.unsettled(Environment::Production);
        let first = match (self.in_flight(Environment::Production), unsettled) {
            (Some(running), _) if running.request.kind == Rollback => Some(running.request.build),
            (Some(running), _) if running.request.build != live.build => Some(live.build),
            (None, Some(broken)) if broken.request.kind == Rollback => Some(broken.request.build),
            (None, Some(broken)) if broken.request.build != live.build => Some(live.build),
            (None, Some(broken)) if self.restores.contains(&broken.id) => Some(live.build),
            (_, Some(broken)) if broken.unknown_commit().is_some() => Some(live.build),
            (Some(running), _) if running.unknown_commit().is_some() => Some(live.build),
            _ => self.live_before(live.build),
        };
        first.map_or_else(WayBack::default, |first| self.way_back_from(first))
    }

    /// The first good build from this one on, on the way back.
    #[must_use]
    pub fn way_back_from(&self, first: BuildNumber) -> WayBack {
        let candidates = self.candidates(first);
        let flaws = self.flaws();
        let to = candidates.iter().position(|build| !flaws.contains_key(build));
        let skipped = candidates.iter().take(to.unwrap_or(candidates.len()));
        WayBack {
            to: to.map(|at| candidates[at]),
            skipped: skipped
                .filter_map(|build| {
                    Some(FlawedBuild { build: *build, why: flaws.get(build)?.clone() })
                })
                .collect(),
        }
    }

    /// The build that a rollback without a target goes to.
    #[must_use]
    pub fn rollback_target(&self) -> Option<BuildNumber> {
        self.way_back().to
    }

    /// The rollback that left production in doubt, unless something else runs there by now.
    #[must_use]
    pub fn failed_rollback(&self) -> Option<FailedRollback<'_>> {
        let failed = self.unsettled(Environment::Production);
        let deployment = failed.filter(|failed| {
            failed.request.kind == Rollback && !failed.succeeded() && failed.seen.is_none()
        })?;
        if self.in_flight(Environment::Production).is_some() {
            return None;
        }
        let first = self.live_before(deployment.request.build);
        let before = first.and_then(|first| self.way_back_from(first).to);
        Some(FailedRollback { deployment, before })
    }

    /// The deployments of production that began, or may begin, since the last one that settled what runs there.
    #[must_use]
    pub fn attempts(&self) -> impl DoubleEndedIterator<Item = &Deployment> {
        let settled = self.live(Environment::Production).map(|live| live.deployment);
        let later = self
            .deployments
            .values()
            .rev()
            .take_while(move |made| settled.is_none_or(|settled| made.id > settled));
        let later: Vec<_> = later
            .filter(|made| made.request.environment == Environment::Production)
            .filter(|made| made.is_open() || made.started_at.is_some())
            .collect();
        later.into_iter().rev()
    }

    /// What speaks against each build as the target of a rollback. Good builds are left out.
    #[must_use]
    pub fn flaws(&self) -> BTreeMap<BuildNumber, String> {
        let bad = self.bad_in_each(..);
        let bad = bad.into_iter().map(|(build, bad)| (build, quarantined(&bad)));
        // What a build's own file says of its steps counts only where they are the ones that run.
        let by_own = !self.rolled_back_by_trunk;
        let unusable = self.unusable.iter().filter(|_| by_own);
        let unusable = unusable.map(|(build, no)| (*build, no.why.clone()));
        let history =
            self.live.get(&Environment::Production).filter(|_| by_own).into_iter().flatten();
        let without =
            history.filter_map(|live| Some((live.build, self.without_steps(live.build)?)));
        let older = self.builds.values().filter(|build| build.no_way_back);
        let older = older.map(|build| (build.number, OLDER.to_owned()));
        bad.chain(unusable).chain(without).chain(older).collect()
    }

    /// What a rollback since it was live says of a build, as a clause. It may be bad though nobody named it so.
    #[must_use]
    pub fn left_by_rollback(&self, build: BuildNumber) -> Option<&'static str> {
        let history = self.live.get(&Environment::Production)?;
        let last = history.iter().rposition(|live| live.build == build)?;
        let left = |pair: &&[Live]| {
            let kind = self.deployments.get(&pair[1].deployment).map(|made| made.request.kind);
            kind == Some(Rollback) && pair[0].build >= build && build > pair[1].build
        };
        let by = history[last..].windows(2).find(left)?;
        Some(if by[0].build == build { LEFT } else { PASSED })
    }

    /// Why a build has no steps for production, if its recipe says that it has none.
    fn without_steps(&self, build: BuildNumber) -> Option<String> {
        let steps = self.recipe(build)?.steps(Environment::Production, Rollback)?;
        steps.is_empty().then(|| NO_STEPS.to_owned())
    }

    /// Why a build that is live is no good, if it has a quarantined commit.
    #[must_use]
    pub fn bad_live(&self, build: BuildNumber) -> Option<String> {
        let bad = self.bad_in(build);
        (!bad.is_empty()).then(|| quarantined(&bad))
    }

    /// This build, then those that were live before it, each older than the one before. After them come the builds that
    /// production was rolled back from.
    fn candidates(&self, first: BuildNumber) -> Vec<BuildNumber> {
        let mut way = vec![first];
        let history = self.live.get(&Environment::Production).map_or(&[][..], Vec::as_slice);
        for live in history.iter().rev() {
            if way.last().is_some_and(|last| live.build < *last) {
                way.push(live.build);
            }
        }
        let mut others: Vec<_> = history.iter().map(|live| live.build).collect();
        others.retain(|build| *build < first && !way.contains(build));
        others.sort_unstable_by_key(|build| std::cmp::Reverse(*build));
        others.dedup();
        way.extend(others);
        way
    }
}

/// `quarantined (leaks data)`.
fn quarantined(bad: &[Contained<'_>]) -> String {
    let Some(first) = bad.iter().find(|bad| bad.doubt.is_none()).or(bad.first()) else {
        return "quarantined".to_owned();
    };
    let word = if first.doubt.is_none() { "quarantined" } else { "may have a quarantined commit" };
    match first.quarantined.reason.as_str() {
        "" => word.to_owned(),
        reason => format!("{word} ({reason})"),
    }
}
