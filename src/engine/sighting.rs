//! Runs that others started at another engine, as they were seen, and what is recorded of them. Pure.

use chrono::{DateTime, Utc};

use crate::domain::event::{
    Fact, ObservedDeployment, OlderBuild, Outcome, UnknownCommit, UnknownDeployment,
};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName, Sha};
use crate::domain::people::Actor;
use crate::domain::remote::EngineName;
use crate::domain::service::ServiceState;
use crate::engine::world::{Trouble, World};

/// How many successes are taken over on the first look.
const TAKEN_OVER: usize = 20;

/// What a look at the runs of a lane saw, or why there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub service: ServiceName,
    pub environment: Environment,
    pub engine: EngineName,
    pub seen: Result<Vec<Sighting>, Trouble>,
    /// When the last of those ended that were over on the first look of this process; `None` on that look.
    pub looked: Option<DateTime<Utc>>,
}

/// The source of the problem that nothing is seen of an environment's lane.
#[must_use]
pub fn lane_problem(environment: Environment) -> &'static str {
    match environment {
        Environment::Staging => "what others deploy to staging",
        Environment::Production => "what others deploy to production",
    }
}

impl Observation {
    /// The source of the problem that there is nothing to see.
    #[must_use]
    pub fn problem(&self) -> &'static str {
        lane_problem(self.environment)
    }

    /// Whether it tells something that the world does not have yet.
    #[must_use]
    pub fn is_news(&self, world: &World) -> bool {
        let Some(service) = world.services.get(&self.service) else { return false };
        let problem = service.problems.get(self.problem());
        if let Err(trouble) = &self.seen {
            return problem.is_none_or(|problem| problem.what != trouble.what);
        }
        let next = Seq(service.state.last_seq.0 + 1);
        let is_new = |one| news(&service.state, self, one, next).is_some();
        problem.is_some() || due(&service.state, self).into_iter().any(is_new)
    }
}

/// The build that a run deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedBuild {
    pub number: BuildNumber,
    pub sha: Sha,
    /// The commit, if it is from before the first build.
    pub older: Option<Box<OlderBuild>>,
}

impl DeployedBuild {
    #[must_use]
    pub fn new(number: BuildNumber, sha: Sha) -> Self {
        Self { number, sha, older: None }
    }
}

/// A run that deploys to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its name at its engine.
    pub run: String,
    pub page: Option<String>,
    /// The login of who started it.
    pub by: String,
    pub started: DateTime<Utc>,
    pub ended: Option<SightingEnd>,
    pub deployed: Result<DeployedBuild, UnknownCommit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SightingEnd {
    pub at: DateTime<Utc>,
    pub outcome: Outcome,
}

/// What one actor did, which is recorded at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub actor: Actor,
    pub facts: Vec<Fact>,
}

/// The sightings that count, in the order in which they are recorded: that of their ends, by the clock of the engine, and what
/// has not ended last. Each with whether it had ended before the first look.
#[must_use]
pub fn due<'a>(state: &ServiceState, observation: &'a Observation) -> Vec<(&'a Sighting, bool)> {
    let Ok(seen) = &observation.seen else { return Vec::new() };
    let mut seen: Vec<_> = seen.iter().collect();
    seen.sort_by_key(|sighting| {
        let ended = sighting.ended.as_ref().map(|end| end.at);
        (ended.is_none(), ended.unwrap_or(sighting.started), sighting.started)
    });
    let since = state.sighted_since(observation.environment).or(observation.looked);
    let Some(since) = since else { return first_look(seen) };
    let is_old = |end: &SightingEnd| end.at < since;
    let is_known = |sighting: &Sighting| {
        state.sighting(observation.environment, &observation.engine, &sighting.run).is_some()
    };
    seen.retain(|one| is_known(one) || !one.ended.as_ref().is_some_and(is_old));
    seen.into_iter().map(|sighting| (sighting, false)).collect()
}

/// Of what had ended before the first look, the last successes count; if there is none, the last that ended.
fn first_look(seen: Vec<&Sighting>) -> Vec<(&Sighting, bool)> {
    let (over, open): (Vec<_>, Vec<_>) = seen.into_iter().partition(|one| one.ended.is_some());
    let succeeded = |sighting: &&Sighting| {
        sighting.ended.as_ref().is_some_and(|end| end.outcome == Outcome::Succeeded)
    };
    let mut taken: Vec<_> = over.iter().copied().filter(succeeded).collect();
    if taken.is_empty() {
        taken.extend(over.last());
    }
    let taken = taken.split_off(taken.len().saturating_sub(TAKEN_OVER));
    let taken = taken.into_iter().map(|sighting| (sighting, true));
    taken.chain(open.into_iter().map(|sighting| (sighting, false))).collect()
}

/// What is recorded of a sighting, if the state does not have it yet. The first fact gets this sequence number.
#[must_use]
pub fn news(
    state: &ServiceState,
    observation: &Observation,
    (sighting, is_taken): (&Sighting, bool),
    next: Seq,
) -> Option<News> {
    let Observation { environment, engine, .. } = observation;
    let actor = Actor::External { login: sighting.by.clone(), engine: engine.to_string() };
    let known = state.sighting(*environment, engine, &sighting.run);
    let (id, begun) = match known {
        Some(known) if known.is_open() => (known.id, None),
        Some(_) => return None,
        None if !is_free(state, sighting) => return None,
        None => (DeploymentId::from(next), Some(begun(observation, sighting, is_taken))),
    };
    let mut facts: Vec<_> = begun.into_iter().collect();
    if let Some(end) = &sighting.ended {
        facts.push(Fact::ObservedEnded {
            deployment: id,
            outcome: end.outcome.clone(),
            at: end.at,
        });
        let moved = moved_back(state, (*environment, engine), id, sighting, &actor);
        facts.extend(moved.filter(|_| !is_taken));
    }
    (!facts.is_empty()).then_some(News { actor, facts })
}

/// Whether nothing else has the number of its build. The next look gives it another one.
fn is_free(state: &ServiceState, sighting: &Sighting) -> bool {
    let Ok(build) = &sighting.deployed else { return true };
    state.builds.get(&build.number).map_or(build.older.is_some(), |known| known.sha == build.sha)
}

fn begun(observation: &Observation, sighting: &Sighting, taken_over: bool) -> Fact {
    let Observation { environment, engine, .. } = observation;
    let (environment, engine) = (*environment, engine.clone());
    let (run, page) = (sighting.run.clone(), sighting.page.clone());
    match &sighting.deployed {
        Ok(build) => Fact::DeploymentObserved(ObservedDeployment {
            environment,
            build: build.number,
            sha: build.sha.clone(),
            older: build.older.clone(),
            engine: Some(engine),
            run,
            page,
            at: sighting.started,
            taken_over,
        }),
        Err(commit) => Fact::UnknownObserved(UnknownDeployment {
            environment,
            engine,
            run,
            page,
            at: sighting.started,
            commit: commit.clone(),
            taken_over,
        }),
    }
}

/// The hold on production after somebody else put an older build there.
fn moved_back(
    state: &ServiceState,
    (environment, engine): (Environment, &EngineName),
    deployment: DeploymentId,
    sighting: &Sighting,
    by: &Actor,
) -> Option<Fact> {
    let end = sighting.ended.as_ref().filter(|end| end.outcome == Outcome::Succeeded)?;
    let build = sighting.deployed.as_ref().ok()?.number;
    let live = state.live(environment)?;
    let is_back = environment == Environment::Production && build < live.build;
    let is_late = state.is_before_live(environment, Some(engine), end.at);
    (is_back && !is_late && !state.holds.contains_key(&environment)).then(|| Fact::HoldPlaced {
        all: false,
        environment,
        reason: format!(
            "rolled back outside of trunkline: {by} deployed {build} after {}",
            live.build
        ),
        rollback: Some(deployment),
    })
}
