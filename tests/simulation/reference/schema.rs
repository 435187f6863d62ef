//! What promotes did to the schema, and how a rollback would go.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest};
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::migration::Class;
use trunkline::domain::schema::{Outlook, SchemaChange};

/// What was live in production, and since when; oldest first.
pub type History = [(BuildNumber, DateTime<Utc>)];

#[derive(Debug, Default)]
pub struct Schema {
    done: Vec<SchemaChange>,
    unjudged: BTreeSet<BuildNumber>,
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

impl Schema {
    /// A deployment of production began: it may have done all that it brings.
    pub fn began(
        &mut self,
        kind: DeploymentKind,
        build: BuildNumber,
        brings: Option<&[SchemaChange]>,
    ) {
        if kind == DeploymentKind::Rollback {
            return;
        }
        let Some(brings) = brings else {
            self.unjudged.insert(build);
            return;
        };
        for change in brings {
            let place = (&change.path, change.line);
            if self.done.iter().all(|done| (&done.path, done.line) != place) {
                self.done.push(change.clone());
            }
        }
    }

    pub fn way_back(&self, to: BuildNumber, history: &History, added: Option<&Added>) -> WayBack {
        let promoted = added.map(|added| added.build);
        let newest = history.iter().map(|(build, _)| *build).chain(promoted).max();
        let newest = newest.unwrap_or(to);
        let changes = added.map_or(&[][..], |added| added.changes);
        let mut against = Vec::new();
        let mut floor = None;
        for change in self.done.iter().chain(changes) {
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
        let dark = added.filter(|added| !added.is_judged).map(|added| added.build);
        let unjudged = self.unjudged.iter().copied().chain(dark).filter(|build| *build > to);
        against.extend(unjudged.map(|build| (Outlook::Risk, build.to_string())));
        against.sort();
        let outlook = against.iter().map(|(outlook, _)| *outlook).max().unwrap_or(Outlook::Safe);
        WayBack { outlook, floor, against }
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
    let Some(changes) = &request.schema else { return true };
    changes.iter().any(|change| {
        let takes_away = matches!(change.class, Class::Contract | Class::NeedsWritersFirst);
        let trailing = history.iter().rev().take_while(|(build, _)| *build >= change.floor);
        let baked = trailing.last().map(|(_, since)| (at - *since).max(TimeDelta::zero()));
        takes_away && (change.floor >= change.build || baked.is_none_or(|baked| baked < min_bake))
    })
}
