//! What a service itself answers that it runs, and what is recorded of it. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::sighting::News;
use super::world::{Trouble, World};
use crate::domain::event::{Fact, LiveSaid, SaidCommit, TargetSaid, TargetsSaid};
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName};
use crate::domain::said::service_at;
use crate::domain::service::ServiceState;
use crate::domain::time::between;

/// The source of the problem that production cannot be asked what it runs.
pub const PRODUCTION_UNREAD: &str = "what production says that it runs";

/// One answer of a service, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRead {
    pub service: ServiceName,
    pub environment: Environment,
    /// The host that was asked.
    pub host: String,
    /// The last deployment there that had ended when it was asked.
    pub after: Option<DeploymentId>,
    /// How long after a deployment the answer may still be the old one.
    pub settle: Duration,
    /// Nothing while it is not known which build its commit is, and where nobody is asked any more.
    pub answer: Option<LiveAnswer>,
    /// Why all of it, or what some targets run, could not be read.
    pub trouble: Option<Trouble>,
    /// Whether nobody answered and it took long to find that out. Nothing where the question goes on, or where it says nothing
    /// of the next one.
    pub hangs: Option<bool>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveAnswer {
    /// By the service as a whole.
    One(SaidCommit),
    /// By each of its targets.
    Each(Vec<TargetSaid>),
}

impl LiveRead {
    /// The source of the problem that it cannot be asked.
    #[must_use]
    pub fn problem(&self) -> &'static str {
        match self.environment {
            Environment::Staging => "what staging says that it runs",
            Environment::Production => PRODUCTION_UNREAD,
        }
    }

    /// Whether it tells something that the world does not have yet.
    #[must_use]
    pub fn is_news(&self, world: &World, now: DateTime<Utc>) -> bool {
        let Some(service) = world.services.get(&self.service) else { return false };
        let problem = service.problems.get(self.problem());
        let is_told = match &self.trouble {
            Some(trouble) => problem.is_some_and(|problem| problem.what == trouble.what),
            None => problem.is_none(),
        };
        let hung = service.state.hanging.contains(&self.environment);
        let next = Seq(service.state.last_seq.0 + 1);
        !is_told
            || self.hangs.is_some_and(|hangs| hangs != hung)
            || news(&service.state, self, now, next).is_some()
    }
}

/// What is recorded of an answer, if the state does not have it yet. The first fact gets this sequence number.
#[must_use]
pub fn news(state: &ServiceState, read: &LiveRead, now: DateTime<Utc>, next: Seq) -> Option<News> {
    // What was asked before the last deployment ended says nothing of it.
    if state.last_ended(read.environment).map(|last| last.id) != read.after {
        return None;
    }
    let says = match read.answer.as_ref()? {
        LiveAnswer::One(says) => says,
        LiveAnswer::Each(targets) => return news_of_targets(state, read, targets, (now, next)),
    };
    let LiveRead { environment, host, .. } = read;
    let environment = *environment;
    // What is being deployed answers one and the other.
    if state.in_flight(environment).is_some() || !is_free(state, says) {
        return None;
    }
    let is_moved = state.is_moved_by(environment, says);
    let is_known = state
        .last_said(environment)
        .is_some_and(|last| last.says.is_same(says) && last.host == *host);
    if !is_moved && is_known || is_moved && is_settling(state, read, now) {
        return None;
    }
    let said = LiveSaid { environment, host: host.clone(), says: says.clone() };
    let mut facts = vec![Fact::LiveSaid(said)];
    facts.extend(moved_back(state, read, says, next).filter(|_| is_moved));
    Some(News { actor: service_at(host), facts })
}

/// What is recorded of the answers of targets. All that say the same are the answer of the service too.
fn news_of_targets(
    state: &ServiceState,
    read: &LiveRead,
    targets: &[TargetSaid],
    (now, next): (DateTime<Utc>, Seq),
) -> Option<News> {
    let (environment, source) = (read.environment, read.host.clone());
    let is_free = |said: &TargetSaid| said.says().is_none_or(|says| is_free(state, says));
    if state.paused(environment).is_some() && targets.iter().all(is_free) {
        let said = TargetsSaid { environment, source, targets: targets.to_vec() };
        return news_of_waves(state, read, said, now);
    }
    if state.in_flight(environment).is_some()
        || state.newest_build().is_none()
        || !targets.iter().all(is_free)
    {
        return None;
    }
    let said = TargetsSaid { environment, source, targets: targets.to_vec() };
    let whole = said.whole().cloned();
    let is_moved = whole.as_ref().is_some_and(|says| state.is_moved_by_all(environment, says));
    if state.is_told(&said) && !is_moved {
        return None;
    }
    let live = state.live(environment).map(|live| live.build);
    let is_as_recorded = live.is_some() && whole.as_ref().and_then(SaidCommit::build) == live;
    if !is_as_recorded && is_settling(state, read, now) {
        return None;
    }
    let actor = service_at(&said.source);
    let mut facts = vec![Fact::TargetsSaid(said)];
    let moved = whole.filter(|_| is_moved);
    facts.extend(moved.and_then(|says| moved_back(state, read, &says, next)));
    Some(News { actor, facts })
}

/// What is recorded of the answers between two waves. Old ones count only once the targets had time to settle.
fn news_of_waves(
    state: &ServiceState,
    read: &LiveRead,
    said: TargetsSaid,
    now: DateTime<Utc>,
) -> Option<News> {
    let paused = state.paused(said.environment)?;
    let wait = paused.waiting_wave()?;
    let is_whole = paused.effect_of_waves(wait, &said.targets).is_whole(paused.request.build);
    let is_settled = is_whole || between(wait.since, now) >= read.settle;
    let is_beside = || state.is_news_beside_waves(&said) && !is_settling(state, read, now);
    let is_news = is_settled && (state.is_news_of_waves(&said) || is_beside());
    let actor = service_at(&said.source);
    is_news.then(|| News { actor, facts: vec![Fact::TargetsSaid(said)] })
}

/// Whether the last deployment there is so young that the answer may be of before it.
fn is_settling(state: &ServiceState, read: &LiveRead, now: DateTime<Utc>) -> bool {
    let last = state.last_ended(read.environment).filter(|last| !last.is_said());
    let ended = last.and_then(|last| last.ended.as_ref());
    ended.is_some_and(|ended| between(ended.at, now) < read.settle)
}

/// Whether nothing else has the number of its build, and there is a build at all. The next look gives it another one.
fn is_free(state: &ServiceState, says: &SaidCommit) -> bool {
    match says {
        SaidCommit::Build { build, sha, older } => {
            state.builds.get(build).map_or(older.is_some(), |known| known.sha == *sha)
        }
        SaidCommit::Unknown(_) => state.newest_build().is_some(),
    }
}

/// The hold on production while it runs an older build than the record says.
fn moved_back(state: &ServiceState, read: &LiveRead, says: &SaidCommit, next: Seq) -> Option<Fact> {
    let (build, live) = (says.build()?, state.live(read.environment)?.build);
    let is_back = read.environment == Environment::Production && build < live;
    let is_held = state.holds.contains_key(&read.environment);
    (is_back && !is_held).then(|| Fact::HoldPlaced {
        all: false,
        environment: read.environment,
        reason: format!("{} runs {build}; trunkline's record says {live}", read.environment),
        rollback: Some(DeploymentId::from(next)),
    })
}
