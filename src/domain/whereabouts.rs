//! Where a commit is on its way from the trunk through staging to production.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::{Build, BuildState};
use super::commit::Commit;
use super::ids::{BuildNumber, DeploymentId, Environment, Sha};
use super::policy::Policy;
use super::quarantine::{BadCommit, Quarantined};
use super::service::{Live, ServiceState};

/// What is known of a commit by its id, or by the beginning of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Whereabouts {
    /// No commit that was fetched has such an id.
    UnknownHere,
    /// Several commits begin like this.
    Ambiguous {
        /// At most ten of them, in the order of their ids.
        candidates: Vec<Sha>,
        /// How many more there are.
        more: u32,
    },
    /// It exists, and no build has it: it is not merged yet, or was taken off the trunk before a build had it.
    NotOnTrunk {
        commit: NamedCommit,
    },
    /// It is on the trunk, and no build has it: none has followed, or none that touches the service.
    InNoBuild {
        commit: NamedCommit,
    },
    InBuild(Box<Placed>),
}

/// The most candidates that are named.
const CANDIDATES: usize = 10;

/// A commit as people recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedCommit {
    pub sha: Sha,
    pub subject: String,
    /// Nothing when only its record is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// A commit that a build has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Placed {
    pub commit: NamedCommit,
    /// The first build that has it.
    pub build: BuildNumber,
    /// It is older than the first build that trunkline saw.
    pub predates: bool,
    /// A force-push took its build off the trunk.
    pub off_trunk: bool,
    pub staging: InStaging,
    pub production: InProduction,
    /// The attempt that left production in a state nobody vouches for, whatever was live before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<DeploymentId>,
    /// What took it back, unless that was taken back in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_by: Option<TakenBack>,
    /// Who named it bad, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Quarantined>,
}

/// The commit that takes another back, and the first build that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    pub by: Sha,
    pub build: BuildNumber,
}

/// How staging stands to a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InStaging {
    /// Staging runs a build with it now.
    Since {
        build: BuildNumber,
        at: DateTime<Utc>,
    },
    /// It was there, and is not any more.
    Was {
        build: BuildNumber,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// A newer build overtook its build before that came to staging, and has not come there either.
    SupersededBy {
        build: BuildNumber,
    },
    Never,
    /// Nobody can tell whether the build that staging runs has it.
    Unknown {
        build: BuildNumber,
    },
}

/// How production stands to a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InProduction {
    /// Production runs a build with it, without a break since then; `build` brought it.
    Since { build: BuildNumber, at: DateTime<Utc> },
    /// It was live and is not any more.
    Was { build: BuildNumber, from: DateTime<Utc>, to: DateTime<Utc> },
    /// It never was.
    NotYet {
        /// How many builds its build is ahead of the live one.
        ahead: u32,
        /// The promote that would bring it: of the oldest build of the trunk that is newer than the live one, has it
        /// and was verified, or else of the oldest that still can be, or else of the oldest;
        /// nothing where there is none.
        promote: Option<BuildNumber>,
        /// Whether that build is verified.
        verified: bool,
    },
    /// Nobody can tell whether the build that is live has it.
    Unknown { build: BuildNumber },
}

impl Whereabouts {
    /// Several commits, of which ten are named.
    #[must_use]
    pub fn ambiguous(mut candidates: Vec<Sha>) -> Self {
        candidates.sort();
        let more = candidates.len().saturating_sub(CANDIDATES);
        candidates.truncate(CANDIDATES);
        Self::Ambiguous { candidates, more: u32::try_from(more).unwrap_or(u32::MAX) }
    }

    /// A commit whose first build is known.
    #[must_use]
    pub fn of(
        state: &ServiceState,
        policy: &Policy,
        commit: NamedCommit,
        first: BuildNumber,
    ) -> Self {
        let Some(build) = state.builds.get(&first) else { return Self::NotOnTrunk { commit } };
        let bad =
            BadCommit { sha: commit.sha.clone(), build: first, subject: commit.subject.clone() };
        let trail = Trail { state, first: build, having: state.having(&bad) };
        let taken_back = state.taken_back(&bad, build.off_trunk);
        let is_oldest = state.builds.keys().next() == Some(&first);
        Self::InBuild(Box::new(Placed {
            build: first,
            predates: is_oldest && !build.commits.iter().any(|c| c.sha == commit.sha),
            off_trunk: build.off_trunk,
            staging: trail.staging(),
            production: trail.production(policy),
            unsettled: state.unsettled(Environment::Production).map(|deployment| deployment.id),
            reverted_by: taken_back.map(|(by, build)| TakenBack { by, build }),
            quarantined: state.quarantine.get(&commit.sha).cloned(),
            commit,
        }))
    }
}

impl NamedCommit {
    #[must_use]
    pub fn of(commit: &Commit) -> Self {
        let author = Some(commit.author.name.clone());
        Self { sha: commit.sha.clone(), subject: commit.subject.clone(), author }
    }

    /// What the record of a commit tells where the commit itself is gone.
    #[must_use]
    pub fn bare(commit: &BadCommit) -> Self {
        Self { sha: commit.sha.clone(), subject: commit.subject.clone(), author: None }
    }
}

/// The way of a commit, from its first build on.
struct Trail<'a> {
    state: &'a ServiceState,
    first: &'a Build,
    /// Whether each build has it, where anybody can tell.
    having: BTreeMap<BuildNumber, Option<bool>>,
}

/// While an environment ran builds with the commit.
struct Stay {
    build: BuildNumber,
    from: DateTime<Utc>,
    /// Nothing while it lasts.
    to: Option<DateTime<Utc>>,
}

impl Trail<'_> {
    fn has_it(&self, number: BuildNumber) -> bool {
        self.having.get(&number) == Some(&Some(true))
    }

    /// The build that an environment runs, where nobody can tell whether that has it.
    fn unknown(&self, environment: Environment) -> Option<BuildNumber> {
        let live = self.state.live(environment)?.build;
        matches!(self.having.get(&live), Some(None)).then_some(live)
    }

    /// The last stay in an environment.
    fn stay(&self, environment: Environment) -> Option<Stay> {
        let history = self.state.live.get(&environment)?;
        let last = history.iter().rposition(|live| self.has_it(live.build))?;
        let entered = history[..last].iter().rposition(|live| !self.has_it(live.build));
        let Live { build, since, .. } = &history[entered.map_or(0, |at| at + 1)];
        let to = history.get(last + 1).map(|next| next.since);
        Some(Stay { build: *build, from: *since, to })
    }

    fn staging(&self) -> InStaging {
        if let Some(build) = self.unknown(Environment::Staging) {
            return InStaging::Unknown { build };
        }
        match self.stay(Environment::Staging) {
            Some(Stay { build, from, to: None }) => InStaging::Since { build, at: from },
            Some(Stay { build, from, to: Some(to) }) => InStaging::Was { build, from, to },
            None => {
                let newer = self.first.superseded_by.filter(|newer| self.has_it(*newer));
                newer.map_or(InStaging::Never, |build| InStaging::SupersededBy { build })
            }
        }
    }

    fn production(&self, policy: &Policy) -> InProduction {
        if let Some(build) = self.unknown(Environment::Production) {
            return InProduction::Unknown { build };
        }
        match self.stay(Environment::Production) {
            Some(Stay { build, from, to: None }) => InProduction::Since { build, at: from },
            Some(Stay { build, from, to: Some(to) }) => InProduction::Was { build, from, to },
            None => self.not_yet(policy),
        }
    }

    fn not_yet(&self, policy: &Policy) -> InProduction {
        let live = self.state.live(Environment::Production).map_or(BuildNumber(0), |l| l.build);
        let on_way = self.state.builds.range(..=self.first.number).rev();
        let ahead = on_way.take_while(|(number, _)| **number > live);
        let ahead = ahead.filter(|(_, build)| !build.off_trunk).count();
        let newer = self.state.builds.values().filter(|build| build.number > live);
        let with_it = newer.filter(|build| !build.off_trunk && self.has_it(build.number));
        let is_ready =
            |build: &&Build| build.in_staging_since.is_some() && build.is_verified(&policy.verify);
        let ready = with_it.clone().find(is_ready);
        let may_be = |build: &&Build| {
            let state = self.state.build_state(build, &policy.verify);
            !matches!(state, BuildState::Superseded | BuildState::Failed)
        };
        let brings =
            ready.or_else(|| with_it.clone().find(may_be)).or_else(|| with_it.clone().next());
        InProduction::NotYet {
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
            promote: brings.map(|build| build.number),
            verified: ready.is_some(),
        }
    }
}
