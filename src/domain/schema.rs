//! What deployments may have done to production's schema, and which builds can still live with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{DeploymentKind, DeploymentRequest};
use super::ids::{BuildNumber, Environment};
use super::migration::Class;
use super::service::ServiceState;

/// A statement that the code before it cannot simply live with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct SchemaChange {
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    /// On one line, cut where it is long.
    pub statement: String,
    pub class: Class,
    /// The build that brings it.
    pub build: BuildNumber,
    /// The oldest build whose code can live with it, as far as anybody can tell.
    pub floor: BuildNumber,
    /// Why just that build.
    pub why: String,
}

/// How a rollback to a build would go.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Nothing that was done to the schema is known to disturb its code.
    Safe,
    /// Its code may meet what it does not expect.
    Risk,
    /// Its code cannot run against the schema any more.
    PointOfNoReturn,
}

impl Outlook {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "SAFE",
            Self::Risk => "RISK",
            Self::PointOfNoReturn => "POINT OF NO RETURN",
        }
    }
}

/// The outlook with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    pub outlook: Outlook,
    /// The rollback floor: the oldest build that can run against the schema, where anything raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<BuildNumber>,
    /// One sentence for each change that speaks against it, the worst first; at most twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// The most reasons that a verdict gives.
const MOST_REASONS: usize = 20;

impl SchemaChange {
    /// How much it speaks against running a build, `newest` being the newest build that was put live since.
    fn outlook(&self, build: BuildNumber, newest: BuildNumber) -> Outlook {
        if build >= self.build {
            return Outlook::Safe;
        }
        let is_above = build >= self.floor;
        match self.class {
            Class::Additive => Outlook::Safe,
            _ if is_above => Outlook::Safe,
            Class::Data | Class::Unknown => Outlook::Risk,
            // The build that brings it may read what the next one writes first.
            Class::NeedsReadersFirst if newest <= self.build => Outlook::Risk,
            Class::NeedsReadersFirst | Class::Contract | Class::NeedsWritersFirst => {
                Outlook::PointOfNoReturn
            }
        }
    }

    /// Below which build it closes the way back, once builds up to `newest` were live.
    fn raises(&self, newest: BuildNumber) -> Option<BuildNumber> {
        match self.class {
            Class::Contract | Class::NeedsWritersFirst => Some(self.floor),
            Class::NeedsReadersFirst if newest > self.build => Some(self.floor),
            _ => None,
        }
    }

    fn reason(&self) -> String {
        let Self { path, line, statement, class, build, why, .. } = self;
        let why = if why.is_empty() { String::new() } else { format!("; {why}") };
        format!("{build} {path}:{line} {statement} ({}){why}", class.as_str())
    }
}

impl ServiceState {
    /// A production deployment began: whatever its migrations do may be done from now on, also if it fails.
    pub(super) fn schema_moved(&mut self, request: &DeploymentRequest) {
        let migrates = !matches!(request.kind, DeploymentKind::Rollback);
        if request.environment != Environment::Production || !migrates {
            return;
        }
        match &request.schema {
            None => drop(self.unjudged.insert(request.build)),
            Some(changes) => {
                let known = &mut self.schema;
                for change in changes {
                    let same = |known: &SchemaChange| {
                        let place = |change: &SchemaChange| (change.path.clone(), change.line);
                        let what = |change: &SchemaChange| (change.statement.clone(), change.class);
                        place(known) == place(change)
                            && what(known) == what(change)
                            && known.floor >= change.floor
                    };
                    if !known.iter().any(same) {
                        known.push(change.clone());
                    }
                }
            }
        }
    }

    /// How it would go to run a build against production's schema as it may be now.
    #[must_use]
    pub fn verdict(&self, build: BuildNumber) -> Verdict {
        self.verdict_after(build, &[], None)
    }

    /// The same after a promote with these changes, `None` standing for ones that could not be judged.
    #[must_use]
    pub fn verdict_after(
        &self,
        build: BuildNumber,
        changes: &[SchemaChange],
        promoted: Option<(BuildNumber, bool)>,
    ) -> Verdict {
        let history = self.live.get(&Environment::Production).into_iter().flatten();
        let newest = history.map(|live| live.build).chain(promoted.map(|(build, _)| build)).max();
        let newest = newest.unwrap_or(build);
        let all = || self.schema.iter().chain(changes);
        let mut reasons: Vec<_> = all()
            .map(|change| (change.outlook(build, newest), change))
            .filter(|(outlook, _)| *outlook > Outlook::Safe)
            .map(|(outlook, change)| (outlook, change.reason()))
            .collect();
        let unjudged = self.unjudged.iter().copied();
        let unjudged = unjudged.chain(promoted.filter(|(_, judged)| !judged).map(|(b, _)| b));
        reasons.extend(unjudged.filter(|number| *number > build).map(|number| {
            (Outlook::Risk, format!("what {number} did to the schema was not judged"))
        }));
        reasons.sort_by_key(|(outlook, _)| std::cmp::Reverse(*outlook));
        Verdict {
            outlook: reasons.first().map_or(Outlook::Safe, |(outlook, _)| *outlook),
            floor: all().filter_map(|change| change.raises(newest)).max(),
            why: reasons.into_iter().map(|(_, why)| why).take(MOST_REASONS).collect(),
        }
    }
}
