//! The location of a commit: its build, and whether it is in staging and in production.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::{Build, BuildState};
use super::commit::Commit;
use super::ids::{BuildNumber, CommitPrefix, DeploymentId, Environment, Sha};
use super::policy::Policy;
use super::quarantine::{BadCommit, Quarantined, RevertedBy};
use super::service::{Live, ServiceState};
use super::snapshot::alarm::{Alarm, alarms};

/// The location of the commit with a given sha or beginning of a sha.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CommitLocation {
    /// No fetched commit has this sha.
    UnknownHere,
    /// Several commits start with it.
    Ambiguous {
        /// At most ten of them, ordered by sha.
        candidates: Vec<Sha>,
        /// How many more there are.
        more: u32,
    },
    /// No build contains it. It is not merged yet, or a force-push removed it before it was built.
    NotOnTrunk {
        commit: NamedCommit,
    },
    /// It is on the trunk and no build contains it yet. The service has no build since, or no later commit touches it.
    InNoBuild {
        commit: NamedCommit,
        /// Who marked it bad, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quarantined: Option<Quarantined>,
    },
    InBuild(Box<CommitInBuild>),
}

/// The most candidates that are listed.
const CANDIDATES: usize = 10;

/// A commit's sha, subject and author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedCommit {
    pub sha: Sha,
    pub subject: String,
    /// Absent if git no longer has the commit and no build lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// A commit that a build contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitInBuild {
    pub commit: NamedCommit,
    /// The first build that contains it.
    pub build: BuildNumber,
    /// It is older than the first build that trunkline recorded.
    pub predates: bool,
    /// A force-push removed its build from the trunk.
    pub off_trunk: bool,
    pub staging: InStaging,
    pub production: InProduction,
    /// The last production deployment, if it did not succeed: what runs there is unknown until the next success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<DeploymentId>,
    /// What is wrong with what the service runs, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// The commit that reverted it, unless that one was reverted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_by: Option<RevertedBy>,
    /// Who marked it bad, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Quarantined>,
}

/// Whether a commit is in staging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InStaging {
    /// Staging runs a build that contains it.
    Since {
        build: BuildNumber,
        at: DateTime<Utc>,
    },
    /// It was there and is no longer.
    Was {
        build: BuildNumber,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// A newer build replaced its build before either reached staging.
    SupersededBy {
        build: BuildNumber,
    },
    Never,
    /// It is unknown whether the build in staging contains it.
    Unknown {
        build: BuildNumber,
    },
}

/// Whether a commit is in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InProduction {
    /// Production has contained it since then; `build` brought it.
    Since { build: BuildNumber, at: DateTime<Utc> },
    /// It was live and is no longer.
    Was { build: BuildNumber, from: DateTime<Utc>, to: DateTime<Utc> },
    /// It was never live by the record.
    NotYet {
        /// How many builds its build is ahead of the live build.
        ahead: u32,
        /// The build to promote: the oldest trunk build that is newer than the live build and contains it. A verified
        /// build comes first, then one that can still be verified.
        promote: Option<BuildNumber>,
        /// Whether that build is verified.
        verified: bool,
        /// Whether what is live is not known, so that it may be there after all.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        live_unknown: bool,
    },
    /// It is unknown whether the live build contains it.
    Unknown { build: BuildNumber },
}

impl CommitLocation {
    /// Lists at most ten of several commits.
    #[must_use]
    pub fn ambiguous(mut candidates: Vec<Sha>) -> Self {
        candidates.sort();
        let more = candidates.len().saturating_sub(CANDIDATES);
        candidates.truncate(CANDIDATES);
        Self::Ambiguous { candidates, more: u32::try_from(more).unwrap_or(u32::MAX) }
    }

    /// Locates a commit that git does not have, by the commits that the builds list.
    #[must_use]
    pub fn recorded(state: &ServiceState, policy: &Policy, commit: &CommitPrefix) -> Self {
        let mut recorded = state.commits_that_begin_with(commit.as_str());
        if recorded.len() > 1 {
            return Self::ambiguous(recorded.into_iter().map(|commit| commit.sha).collect());
        }
        let Some(only) = recorded.pop() else { return Self::UnknownHere };
        let mut listed = state.builds.values().flat_map(|build| &build.commits);
        let named = listed.find(|commit| commit.sha == only.sha);
        let named = named.map_or_else(|| NamedCommit::bare(&only), NamedCommit::of);
        Self::of(state, policy, named, only.build)
    }

    /// Locates a commit whose first build is known.
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
        let trail = CommitTrail { state, first: build, builds_with: state.builds_with(&bad) };
        let reverted_by = state.reverted_by(&bad, build.off_trunk);
        let is_oldest = state.builds.keys().next() == Some(&first);
        Self::InBuild(Box::new(CommitInBuild {
            build: first,
            predates: is_oldest && !build.commits.iter().any(|c| c.sha == commit.sha),
            off_trunk: build.off_trunk,
            staging: trail.staging(),
            production: trail.production(policy),
            unsettled: state.unsettled(Environment::Production).map(|deployment| deployment.id),
            alarms: alarms(state),
            reverted_by,
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

    /// A commit that git no longer has, without its author.
    #[must_use]
    pub fn bare(commit: &BadCommit) -> Self {
        Self { sha: commit.sha.clone(), subject: commit.subject.clone(), author: None }
    }
}

/// The builds and environments that contained a commit.
struct CommitTrail<'a> {
    state: &'a ServiceState,
    first: &'a Build,
    /// Whether each build contains it; `None` if that is unknown.
    builds_with: BTreeMap<BuildNumber, Option<bool>>,
}

/// The time during which an environment ran builds that contain the commit.
struct LivePeriod {
    build: BuildNumber,
    from: DateTime<Utc>,
    /// `None` while it lasts.
    to: Option<DateTime<Utc>>,
}

impl CommitTrail<'_> {
    fn has_it(&self, number: BuildNumber) -> bool {
        self.builds_with.get(&number) == Some(&Some(true))
    }

    /// The build that an environment runs, if it is unknown whether that contains the commit.
    fn unknown(&self, environment: Environment) -> Option<BuildNumber> {
        let live = self.state.live(environment)?.build;
        matches!(self.builds_with.get(&live), Some(None)).then_some(live)
    }

    /// The last time the commit was in an environment.
    fn last_period(&self, environment: Environment) -> Option<LivePeriod> {
        let history = self.state.live.get(&environment)?;
        let last = history.iter().rposition(|live| self.has_it(live.build))?;
        let entered = history[..last].iter().rposition(|live| !self.has_it(live.build));
        let Live { build, since, .. } = &history[entered.map_or(0, |at| at + 1)];
        let to = history.get(last + 1).map(|next| next.since);
        Some(LivePeriod { build: *build, from: *since, to })
    }

    fn staging(&self) -> InStaging {
        if let Some(build) = self.unknown(Environment::Staging) {
            return InStaging::Unknown { build };
        }
        match self.last_period(Environment::Staging) {
            Some(LivePeriod { build, from, to: None }) => InStaging::Since { build, at: from },
            Some(LivePeriod { build, from, to: Some(to) }) => InStaging::Was { build, from, to },
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
        match self.last_period(Environment::Production) {
            Some(LivePeriod { build, from, to: None }) => InProduction::Since { build, at: from },
            Some(LivePeriod { build, from, to: Some(to) }) => InProduction::Was { build, from, to },
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
        let state = |build: &Build| self.state.build_state(build, &policy.verify);
        let ready = with_it.clone().find(|build| state(build) == BuildState::Verified);
        let may_be = |build: &&Build| {
            let state = state(build);
            state != BuildState::Broken && !state.can_be_tried_again()
        };
        let promote =
            ready.or_else(|| with_it.clone().find(may_be)).or_else(|| with_it.clone().next());
        InProduction::NotYet {
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
            promote: promote.map(|build| build.number),
            verified: ready.is_some(),
            live_unknown: self.state.is_live_unknown(),
        }
    }
}
