//! The verdict on a rollback: the worst of the known schema changes, with reasons.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SchemaChange;
use crate::domain::ids::{BuildNumber, Environment, Seq};
use crate::domain::remedy::Remedy;
use crate::domain::service::ServiceState;
use crate::migrations::Class;

/// Whether the code of a build works with production's schema.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// No known schema change breaks its code.
    Safe,
    /// A schema change may break its code.
    Risk,
    /// Its code breaks on the schema.
    PointOfNoReturn,
}

impl Outlook {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "schema SAFE",
            Self::Risk => "RISK",
            Self::PointOfNoReturn => "POINT OF NO RETURN",
        }
    }

    /// The same where there is little room. It never says more than what was looked at, which is the schema.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::PointOfNoReturn => "NO RETURN",
            other => other.as_str(),
        }
    }
}

/// The outlook with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    pub outlook: Outlook,
    /// The rollback floor: the oldest build whose code works with the schema. Absent if no change raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<BuildNumber>,
    /// One sentence for each change against it, the worst first; at most twenty. If there are more, the last sentence
    /// counts the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// How to check the migrations that were not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

impl Verdict {
    /// The outlook and the floor in one line, without the reasons.
    #[must_use]
    pub fn headline(&self) -> String {
        match (self.outlook, self.floor) {
            (Outlook::Safe, _) => {
                format!("{}: no blocking migration found", Outlook::Safe.as_str())
            }
            (outlook, Some(floor)) => format!("{}: builds before {floor} break", outlook.as_str()),
            (outlook, None) => outlook.as_str().to_owned(),
        }
    }
}

/// The most reasons that a verdict gives.
const MOST_REASONS: usize = 20;
/// The most unjudged promotes that are named.
const MOST_NAMED: usize = 3;

/// Said while nobody has stated what production ran after the copy from which the record was restored.
const RESTORED: &str = "the record was restored from a copy: what production ran after it, and with which migrations, is not known";

/// A promote that has not started.
#[derive(Debug, Clone, Copy)]
pub struct Promoted<'a> {
    pub build: BuildNumber,
    pub changes: &'a [SchemaChange],
    /// Why not all of its migrations were judged, if so.
    pub trouble: Option<&'a str>,
}

/// A reason against running a build. It becomes a sentence only when it is shown.
enum Objection<'a> {
    Change(&'a SchemaChange),
    Apart(&'a SchemaChange),
    Shared(&'a str),
    Unjudged(String),
}

impl Objection<'_> {
    fn sentence(&self, build: BuildNumber) -> String {
        match self {
            Self::Change(change) => change.reason(),
            Self::Apart(change) => format!(
                "{}; {} is no longer on the trunk, so it is unknown whether {build} has its code",
                change.reason(),
                change.build
            ),
            Self::Shared(what) => format!(
                "{what}; it is the same database, and {build} was never live with it: check whether its code uses that"
            ),
            Self::Unjudged(sentence) => sentence.clone(),
        }
    }
}

impl SchemaChange {
    /// The outlook for running `build` after this change. `newest` is the newest build whose production deployment
    /// started.
    fn outlook(&self, build: BuildNumber, newest: BuildNumber) -> Outlook {
        if build >= self.build || build >= self.floor {
            return Outlook::Safe;
        }
        match self.class {
            Class::Additive => Outlook::Safe,
            Class::Data | Class::Unknown => Outlook::Risk,
            // The build that contains the change reads the new values; only later builds write them.
            Class::NeedsReadersFirst if newest <= self.build => Outlook::Risk,
            Class::NeedsReadersFirst | Class::Contract | Class::NeedsWritersFirst => {
                Outlook::PointOfNoReturn
            }
        }
    }

    /// The floor that it sets after builds up to `newest` were deployed.
    fn raises(&self, newest: BuildNumber) -> Option<BuildNumber> {
        match self.class {
            Class::Contract | Class::NeedsWritersFirst => Some(self.floor),
            Class::NeedsReadersFirst if newest > self.build => Some(self.floor),
            _ => None,
        }
    }
}

impl ServiceState {
    /// Whether a build works with production's schema as it may be now.
    #[must_use]
    pub fn verdict(&self, build: BuildNumber) -> Verdict {
        self.verdict_after(build, None)
    }

    /// [`Self::verdict`] after a promote.
    #[must_use]
    pub fn verdict_after(&self, build: BuildNumber, promoted: Option<Promoted<'_>>) -> Verdict {
        let history = self.live.get(&Environment::Production).into_iter().flatten();
        let began = self.schema.newest().into_iter().chain(promoted.map(|p| p.build));
        let newest = history.map(|live| live.build).chain(began).max().unwrap_or(build);
        let done = || self.schema.done().map(|done| &done.change);
        let all = || done().chain(promoted.into_iter().flat_map(|promoted| promoted.changes));
        let mut against: Vec<_> = all()
            .map(|change| (change.outlook(build, newest), Objection::Change(change)))
            .filter(|(outlook, _)| *outlook > Outlook::Safe)
            .collect();
        let risk = |against| (Outlook::Risk, against);
        let (unjudged, remedy) = self.unjudged_above(build, promoted).unzip();
        against.extend(unjudged.map(Objection::Unjudged).map(risk));
        let is_newest =
            |promoted: Promoted<'_>| Some(&promoted.build) == self.builds.keys().next_back();
        let is_unknown = self.schema.restored && !promoted.is_some_and(is_newest);
        against.extend(is_unknown.then(|| risk(Objection::Unjudged(RESTORED.to_owned()))));
        against.extend(self.off_trunk_changes(build).map(Objection::Apart).map(risk));
        let is_untried = |since: Seq| !self.was_live_after(build, since);
        let shared = self.shared_changes.iter().filter(|other| is_untried(other.since)).rev();
        against.extend(shared.map(|other| risk(Objection::Shared(&other.what))));
        against.sort_by_key(|(outlook, _)| Reverse(*outlook));
        Verdict {
            outlook: against.first().map_or(Outlook::Safe, |(outlook, _)| *outlook),
            floor: all().filter_map(|change| change.raises(newest)).max(),
            why: reasons(&against, build),
            remedy: remedy.flatten().or(is_unknown.then_some(Remedy::Adopt { commit: None })),
        }
    }

    /// The changes of builds that left the trunk before this build was found, unless it was live after them.
    pub(in crate::domain) fn off_trunk_changes(
        &self,
        build: BuildNumber,
    ) -> impl Iterator<Item = &SchemaChange> {
        self.schema
            .done()
            .filter(move |done| {
                let Self { schema, .. } = self;
                done.change.class > Class::Additive
                    && schema.is_apart(build, done.change.build)
                    && !self.was_live_after(build, done.since)
            })
            .map(|done| &done.change)
    }

    /// The same, without the changes that the live build may lack too.
    pub(in crate::domain) fn off_trunk_changes_of_live(
        &self,
        live: Option<BuildNumber>,
        build: BuildNumber,
    ) -> impl Iterator<Item = &SchemaChange> {
        let has = move |change: &&SchemaChange| {
            live.is_none_or(|live| !self.schema.is_apart(live, change.build))
        };
        self.off_trunk_changes(build).filter(has)
    }

    /// The changes in these files by builds on the trunk that are newer than the live one.
    pub(in crate::domain) fn changes_after(
        &self,
        live: Option<BuildNumber>,
        paths: &BTreeSet<&str>,
    ) -> impl Iterator<Item = &SchemaChange> {
        let done = self.schema.done().map(|done| &done.change);
        done.filter(move |change| {
            Some(change.build) > live
                && self.schema.is_on_trunk(change.build)
                && paths.contains(change.path.as_str())
        })
    }

    /// What builds after this one changed in the schema, as far as it was judged.
    pub(in crate::domain) fn schema_changes_after(
        &self,
        build: BuildNumber,
    ) -> impl Iterator<Item = &SchemaChange> {
        let done = self.schema.done().map(|done| &done.change);
        done.filter(move |change| change.build > build)
    }

    /// The builds after this one whose promote changed the schema or may have.
    pub(in crate::domain) fn schema_builds_after(
        &self,
        build: BuildNumber,
    ) -> BTreeSet<BuildNumber> {
        let done = self.schema.done().map(|done| done.change.build);
        done.chain(self.schema.unjudged().map(|(_, by)| by)).filter(|b| *b > build).collect()
    }

    /// Whether a deployment after `since` made this build live and an older build did not follow it.
    fn was_live_after(&self, build: BuildNumber, since: Seq) -> bool {
        let history = self.live.get(&Environment::Production).map_or(&[][..], Vec::as_slice);
        history.iter().enumerate().rev().any(|(at, live)| {
            let next = history.get(at + 1);
            live.build == build
                && live.deployment.0 > since.0
                && next.is_none_or(|next| next.build >= build)
        })
    }

    /// One sentence about all unjudged migrations, with what to do.
    fn unjudged_above(
        &self,
        build: BuildNumber,
        promoted: Option<Promoted<'_>>,
    ) -> Option<(String, Option<Remedy>)> {
        let becomes_known = |part: BuildNumber| {
            promoted.is_some_and(|promoted| {
                let on_trunk = |number| self.schema.is_on_trunk(number);
                promoted.trouble.is_none()
                    && part <= promoted.build
                    && on_trunk(part)
                    && on_trunk(promoted.build)
            })
        };
        let unjudged = self.schema.unjudged().filter(|(part, _)| *part > build);
        let unjudged = unjudged.filter(|(part, _)| !becomes_known(*part));
        let promoted = promoted.filter(|p| p.trouble.is_some() && p.build > build);
        let parts: Vec<_> = unjudged.chain(promoted.map(|p| (p.build, p.build))).collect();
        let newest = parts.iter().map(|(part, _)| *part).max()?;
        let by: BTreeSet<_> = parts.iter().map(|(_, by)| *by).collect();
        let why = |by: &BuildNumber| match promoted.filter(|promoted| promoted.build == *by) {
            Some(promoted) => promoted.trouble.unwrap_or_default(),
            None => self.schema.trouble(*by),
        };
        let named = by.iter().rev().take(MOST_NAMED).map(|by| match why(by) {
            "" => by.to_string(),
            why => format!("{by} ({why})"),
        });
        let mut named = named.collect::<Vec<_>>().join(", ");
        if let Some(more) = by.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
            named = format!("{named} and {more} more");
        }
        let sentence = format!(
            "the migrations of {named} were not all judged; check them, or choose {newest} or newer"
        );
        let check = self.range_of(build, newest).map(|range| Remedy::CheckMigrations { range });
        Some((sentence, check))
    }

    /// The commits of two builds as a git range.
    fn range_of(&self, from: BuildNumber, to: BuildNumber) -> Option<String> {
        let (from, to) = (self.builds.get(&from)?, self.builds.get(&to)?);
        Some(format!("{}..{}", from.sha.short(), to.sha.short()))
    }
}

/// The first objections as sentences, and how many more there are.
fn reasons(against: &[(Outlook, Objection<'_>)], build: BuildNumber) -> Vec<String> {
    let more = against.len().saturating_sub(MOST_REASONS);
    let shown = if more > 0 { MOST_REASONS - 1 } else { MOST_REASONS };
    let mut why: Vec<_> = against.iter().take(shown).map(|(_, a)| a.sentence(build)).collect();
    if more > 0 {
        why.push(format!("and {} more reasons", more + 1));
    }
    why
}
