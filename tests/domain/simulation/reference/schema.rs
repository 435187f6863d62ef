//! What promotes did to the schema, and how a rollback would go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Seq};
use trunkline::domain::schema::{Outlook, SchemaChange};
use trunkline::migrations::Class;

/// What was live in production, and since when; oldest first.
pub type History = [(BuildNumber, DateTime<Utc>)];

#[derive(Debug, Default)]
pub struct Schema {
    /// Each change with the event at which it began.
    done: Vec<(SchemaChange, Seq)>,
    /// The builds whose part nobody judged, with the one whose promote did it.
    dark: BTreeMap<BuildNumber, BuildNumber>,
    /// What was live, by which deployment.
    live: Vec<(BuildNumber, DeploymentId)>,
    /// The builds of each trunk that was rewritten, and the newest one there was.
    rewrites: Vec<(BTreeSet<BuildNumber>, BuildNumber)>,
    newest: Option<BuildNumber>,
}

/// How a rollback would go, the floor, and what speaks against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayBack {
    pub outlook: Outlook,
    pub floor: Option<BuildNumber>,
    against: Vec<(Outlook, String)>,
}

/// What a promote would add.
pub struct Added<'a> {
    pub build: BuildNumber,
    pub changes: &'a [SchemaChange],
    pub is_judged: bool,
}

/// What a deployment that began brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brings {
    pub kind: DeploymentKind,
    pub previous: Option<BuildNumber>,
    pub build: BuildNumber,
    pub changes: Vec<SchemaChange>,
    pub is_judged: bool,
}

impl Brings {
    pub fn of(request: &DeploymentRequest) -> Self {
        Self {
            kind: request.kind,
            previous: request.previous,
            build: request.build,
            changes: request.schema.clone().unwrap_or_default(),
            is_judged: request.schema.is_some() && request.schema_trouble.is_none(),
        }
    }
}

impl Schema {
    /// A deployment of production began: it may have done all that it brings.
    pub fn began(&mut self, at: Seq, brings: &Brings, builds: impl Iterator<Item = BuildNumber>) {
        self.newest = self.newest.max(Some(brings.build));
        if brings.kind == DeploymentKind::Rollback {
            return;
        }
        for change in &brings.changes {
            let place = (&change.path, change.line);
            if self.done.iter().all(|(done, _)| (&done.path, done.line) != place) {
                self.done.push((change.clone(), at));
            }
        }
        let before = brings.previous.unwrap_or(BuildNumber(0));
        for part in builds.filter(|build| *build > before && *build <= brings.build) {
            if !brings.is_judged {
                self.dark.insert(part, brings.build);
            } else if brings.previous.is_some() && self.stays(part) && self.stays(brings.build) {
                self.dark.remove(&part);
            }
        }
    }

    pub fn went_live(&mut self, build: BuildNumber, by: DeploymentId) {
        self.live.push((build, by));
    }

    pub fn rewritten(&mut self, off_trunk: &[BuildNumber], newest: BuildNumber) {
        self.rewrites.push((off_trunk.iter().copied().collect(), newest));
    }

    fn stays(&self, build: BuildNumber) -> bool {
        self.rewrites.iter().all(|(gone, _)| !gone.contains(&build))
    }

    /// Whether a build was found when another one was off the trunk already.
    fn never_met(&self, build: BuildNumber, other: BuildNumber) -> bool {
        let gone = self.rewrites.iter().find(|(gone, _)| gone.contains(&other));
        gone.is_some_and(|(_, newest)| build > *newest)
    }

    /// Whether it was put live after that, and stood.
    fn stood(&self, build: BuildNumber, after: Seq) -> bool {
        let later = self.live.iter().skip(1).map(|(next, _)| Some(*next)).chain([None]);
        self.live
            .iter()
            .zip(later)
            .filter(|((live, by), _)| *live == build && by.0 > after.0)
            .any(|(_, next)| next.is_none_or(|next| next >= build))
    }

    /// What a build that nobody saw with it would have to live with.
    fn strange(&self, build: BuildNumber) -> impl Iterator<Item = &SchemaChange> {
        let strange = self.done.iter().filter(move |(change, since)| {
            change.class != Class::Additive
                && self.never_met(build, change.build)
                && !self.stood(build, *since)
        });
        strange.map(|(change, _)| change)
    }

    /// Whether a promote goes from code that knows what was taken away to code that may not.
    pub fn leaves_behind(&self, live: BuildNumber, build: BuildNumber) -> bool {
        self.strange(build).any(|change| {
            let takes_away = matches!(change.class, Class::Contract | Class::NeedsWritersFirst);
            takes_away && !self.never_met(live, change.build)
        })
    }

    pub fn way_back(&self, to: BuildNumber, history: &History, added: Option<&Added>) -> WayBack {
        let promoted = added.map(|added| added.build);
        let newest =
            history.iter().map(|(build, _)| *build).chain(promoted).chain(self.newest).max();
        let newest = newest.unwrap_or(to);
        let changes = added.map_or(&[][..], |added| added.changes);
        let mut against = Vec::new();
        let mut floor = None;
        for change in self.done.iter().map(|(change, _)| change).chain(changes) {
            let newer_code_wrote = newest > change.build;
            let closes = match change.class {
                Class::Contract | Class::NeedsWritersFirst => true,
                Class::NeedsReadersFirst => newer_code_wrote,
                Class::Additive | Class::Data | Class::Unknown => false,
            };
            if closes {
                floor = floor.max(Some(change.floor));
            }
            let is_older = to < change.build;
            let below = is_older && to < change.floor;
            let outlook = match change.class {
                _ if below && closes => Outlook::PointOfNoReturn,
                Class::NeedsReadersFirst if below => Outlook::Risk,
                Class::Data | Class::Unknown if is_older => Outlook::Risk,
                _ => continue,
            };
            against.push((outlook, format!("{}:{}", change.path, change.line)));
        }
        let strange = self.strange(to).map(|change| format!("strange {}", change.path));
        against.extend(strange.map(|what| (Outlook::Risk, what)));
        against.extend(self.unjudged(to, added).map(|what| (Outlook::Risk, what)));
        against.sort();
        let outlook = against.iter().map(|(outlook, _)| *outlook).max().unwrap_or(Outlook::Safe);
        WayBack { outlook, floor, against }
    }

    /// Whose promotes did what nobody judged after a build, and the newest build of theirs.
    fn unjudged(&self, to: BuildNumber, added: Option<&Added>) -> Option<String> {
        let mut dark = self.dark.clone();
        if let Some(added) = added {
            let all_stay = self.stays(added.build);
            dark.retain(|part, _| {
                !(added.is_judged && all_stay && self.stays(*part) && *part <= added.build)
            });
            if !added.is_judged {
                dark.insert(added.build, added.build);
            }
        }
        dark.retain(|part, _| *part > to);
        let by: BTreeSet<_> = dark.values().collect();
        dark.keys().next_back().map(|newest| format!("{by:?} up to {newest}"))
    }
}

/// Whether a promote needs a reason for what it brings: it takes away what code before it may use, and no build that can
/// do without is live for long enough; or nobody could judge it.
pub fn needs_reason(
    request: &DeploymentRequest,
    history: &History,
    at: DateTime<Utc>,
    min_bake: TimeDelta,
) -> bool {
    let is_judged = request.schema.is_some() && request.schema_trouble.is_none();
    let Some(changes) = request.schema.as_ref().filter(|_| is_judged) else { return true };
    changes.iter().any(|change| {
        let takes_away = matches!(change.class, Class::Contract | Class::NeedsWritersFirst);
        let trailing = history.iter().rev().take_while(|(build, _)| *build >= change.floor);
        let baked = trailing.last().map(|(_, since)| (at - *since).max(TimeDelta::zero()));
        takes_away && (change.floor >= change.build || baked.is_none_or(|baked| baked < min_bake))
    })
}
