//! What a plan rests on, and where a rollback may go.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use trunkline::domain::command::Action;
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, Sha};
use trunkline::domain::schema::Outlook;

use super::Reference;
use super::schema::{Added, WayBack};

/// What a decision to promote or roll back rests on, as far as the promises say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    live: Option<BuildNumber>,
    /// Of the attempts that began, the last to end.
    last: Option<DeploymentId>,
    in_flight: Option<DeploymentId>,
    target: Option<BuildNumber>,
    /// What the target has of the quarantine.
    bad: Vec<(Sha, Seq)>,
    /// Of a promote only.
    way_back: Option<WayBack>,
    /// Of a rollback, whether it goes past the floor: nothing else of the schema makes for another confirmation.
    past_the_floor: bool,
    /// Of a promote only.
    guards: Option<Guarded>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Guarded {
    hold: Option<Seq>,
    freezes: Vec<Seq>,
    verified: BTreeMap<Option<String>, Seq>,
    /// The last attempt in staging, and how it ended if it began.
    staged: Option<(DeploymentId, Option<bool>)>,
    off_trunk: bool,
}

impl Reference {
    /// How the way back goes: to the target of a rollback, or from a promote to what is live now.
    pub fn way_back(&self, action: Action, added: Option<&Added>) -> Option<WayBack> {
        let live = || self.live.get(&Environment::Production).copied();
        let (to, added) = match action {
            Action::Promote { build } if Some(build) == live() => (build, added),
            Action::Promote { .. } => {
                let live = live()?;
                (self.first_good(live).unwrap_or(live), added)
            }
            Action::Rollback { to } | Action::RollbackByTrunk { to } => {
                (to.or_else(|| self.back())?, None)
            }
            Action::Retry { .. } => return None,
        };
        Some(self.schema.way_back(to, &self.was_live, added))
    }

    /// What a plan for this rests on now.
    pub fn basis(&self, action: Action, now: DateTime<Utc>, added: Option<&Added>) -> Basis {
        let production = Environment::Production;
        let target = match action {
            Action::Promote { build } | Action::Retry { build, .. } => Some(build),
            Action::Rollback { to } | Action::RollbackByTrunk { to } => to.or_else(|| self.back()),
        };
        let guards = matches!(action, Action::Promote { .. }).then(|| {
            let build = target.and_then(|target| self.builds.get(&target)).cloned();
            let build = build.unwrap_or_default();
            let end =
                |id: DeploymentId| self.attempts[&id].end.filter(|_| self.attempts[&id].started);
            let staged = build.staged.map(|id| (id, end(id)));
            Guarded {
                hold: self.holds.get(&production).map(|(id, _)| *id),
                freezes: self.frozen(now),
                verified: build.verified,
                staged,
                off_trunk: build.off_trunk,
            }
        });
        let way_back = self.way_back(action, added);
        let past = way_back.as_ref().map(|way| way.outlook) == Some(Outlook::PointOfNoReturn);
        Basis {
            live: self.live.get(&production).copied(),
            last: self.last_ended,
            in_flight: self.open(production).last().map(|(id, _)| *id),
            target,
            bad: target.map_or_else(Vec::new, |target| {
                let has = self.quarantine.of(target).into_iter();
                has.map(|(sha, by, _)| (sha, by)).collect()
            }),
            past_the_floor: past && guards.is_none(),
            way_back: way_back.filter(|_| guards.is_some()),
            guards,
        }
    }

    /// Where a rollback goes when nobody says: never to a build that is known to be bad.
    pub fn back(&self) -> Option<BuildNumber> {
        self.first_good(self.first_back()?)
    }

    /// The first good one of this build and those that were live before it; at last, of those that were left.
    fn first_good(&self, first: BuildNumber) -> Option<BuildNumber> {
        let mut way = vec![first];
        while let Some(next) = self.live_before(way[way.len() - 1]) {
            way.push(next);
        }
        let left = self.was_live.iter().map(|(build, _)| *build).filter(|build| *build < first);
        let left: std::collections::BTreeSet<_> = left.collect();
        way.extend(left.into_iter().rev());
        way.into_iter().find(|build| self.quarantine.of(*build).is_empty())
    }

    fn live_before(&self, number: BuildNumber) -> Option<BuildNumber> {
        self.was_live.iter().rev().map(|(build, _)| *build).find(|build| *build < number)
    }

    fn first_back(&self) -> Option<BuildNumber> {
        let live = *self.live.get(&Environment::Production)?;
        let attempt = self.open(Environment::Production).last().map(|(_, attempt)| attempt);
        let broken = self.last_ended.map(|id| &self.attempts[&id]);
        let attempt = attempt.or(broken.filter(|attempt| attempt.end == Some(false)));
        match attempt {
            Some(attempt) if attempt.kind == DeploymentKind::Rollback => Some(attempt.build),
            Some(attempt) if attempt.build != live => Some(live),
            _ => self.live_before(live),
        }
    }

    /// Whether a rollback makes sense: nothing else may keep it, but that a bad target wants `reasons`.
    pub fn may_roll_back(&self, action: Action, reasons: bool) -> bool {
        let Action::Rollback { to } = action else { return false };
        let production = Environment::Production;
        let (Some(target), Some(live)) = (to.or_else(|| self.back()), self.live.get(&production))
        else {
            return false;
        };
        let newest = self.open(production).last().map(|(_, attempt)| attempt);
        let same = newest.is_some_and(|attempt| {
            attempt.kind == DeploymentKind::Rollback
                && attempt.build == target
                && !attempt.cancelled
        });
        let broken = self.last_ended.is_some_and(|id| self.attempts[&id].end == Some(false));
        let puts_back = target == *live && (newest.is_some() || broken);
        let is_good = reasons || self.quarantine.of(target).is_empty();
        self.was_live(target) && (target < *live || puts_back) && !same && is_good
    }
}
