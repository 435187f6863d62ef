//! Looks at the runs of one repository, again and again, and tells the writer what they say of each lane there.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use super::commit::{Deployed, not_there, resolve};
use super::judge::{self, DeployedCommit, SeenDeployment};
use super::judge_deployment;
use super::undeployed::{self, KnownReasons, LaneRuns};
use super::{ObserveContext, ObservedRepository, ServiceLane, lanes};
use crate::domain::deployment::Deployment;
use crate::domain::event::UnknownCommit;
use crate::domain::ids::{BuildNumber, CommitPrefix, DeploymentId, Environment, ServiceName, Sha};
use crate::domain::instant;
use crate::domain::lane::LaneKind;
use crate::domain::remote::GitHubWay;
use crate::domain::repository_address::RepositoryAddress;
use crate::domain::service::ServiceState;
use crate::engine::backoff::{pause, together};
use crate::engine::input::Input;
use crate::engine::runner::remote::{
    DeploymentQuestion, KnownDeployments, KnownJobs, PartState, RepositoryDeployment,
    RepositoryRun, RunQuestion, RunsWoken, deployments_of, runs_of,
};
use crate::engine::sighting::{DeployedBuild, Observation, Sighting, SightingEnd};
use crate::engine::world::{Trouble, World};

/// The longest pause after looks that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// How long a commit that is no build is looked for among those to come.
const SURE_AFTER: Duration = Duration::from_secs(15);
/// The most commits whose build is remembered.
const MOST_RESOLVED: usize = 1_000;

/// The build that was deployed, or why that is not known.
type KnownBuild = Result<DeployedBuild, UnknownCommit>;

/// One deployment as it was seen at an engine.
struct SeenAtEngine {
    /// Its name there.
    run: String,
    page: Option<String>,
    /// The login of who started it; empty if that is not told.
    by: String,
    seen: SeenDeployment,
    commit: DeployedCommit,
}

/// Watches the runs of one repository.
pub(super) struct RepositoryObserver {
    context: ObserveContext,
    at: ObservedRepository,
    jobs: KnownJobs,
    deployments: KnownDeployments,
    /// Why nothing of a build ran.
    reasons: KnownReasons,
    /// Since when the commit of a run is looked for.
    missed: HashMap<(ServiceName, CommitPrefix), Instant>,
    /// What each commit is, as long as there is no newer build.
    resolved: HashMap<(ServiceName, CommitPrefix), (Option<BuildNumber>, KnownBuild)>,
    /// When the last of those ended that were over on the first look at a lane.
    looked: HashMap<(ServiceName, Environment), DateTime<Utc>>,
    failures: u32,
    /// When it last answered.
    answered: Option<DateTime<Utc>>,
    woken: RunsWoken,
}

impl RepositoryObserver {
    pub fn new(context: ObserveContext, at: ObservedRepository) -> Self {
        let (jobs, missed, resolved) = (KnownJobs::new(), HashMap::new(), HashMap::new());
        let (looked, deployments) = (HashMap::new(), KnownDeployments::default());
        let woken = context.runs.follow(&at.repository);
        let (failures, answered, reasons) = (0, None, KnownReasons::new());
        Self {
            context,
            at,
            jobs,
            deployments,
            reasons,
            missed,
            resolved,
            looked,
            failures,
            answered,
            woken,
        }
    }

    /// Looks until it is aborted.
    pub async fn observe(mut self) {
        loop {
            let lanes = self.lanes();
            let looked = Box::pin(self.look(&lanes)).await;
            let is_busy = matches!(looked, Ok(true));
            match looked {
                Ok(_) => (self.failures, self.answered) = (0, Some(self.context.clock.now())),
                Err(why) => {
                    self.failures += 1;
                    self.tell_trouble(&lanes, &why).await;
                }
            }
            let ObserveContext { times, poll, .. } = &self.context;
            // Half again as seldom as a trunk: it is asked over the network, and by many.
            let calm = times.calm.unwrap_or(*poll * 3 / 2);
            let every = if is_busy { times.pace.min(calm) } else { calm };
            let pause = pause(every, self.failures, LONGEST_PAUSE);
            match self.failures {
                0 => self.woken.pause(together(pause)).await,
                // Whoever does not answer is not asked sooner.
                _ => sleep(pause).await,
            }
        }
    }

    fn lanes(&self) -> Vec<ServiceLane> {
        let is_here = |lane: &ServiceLane| {
            lane.lane.engine == self.at.engine && lane.lane.repository == self.at.repository
        };
        self.context.world.read(|world| lanes(world).into_iter().filter(is_here).collect())
    }

    /// Looks once. Returns whether something runs.
    async fn look(&mut self, lanes: &[ServiceLane]) -> Result<bool, String> {
        let is_of_runs = |lane: &&ServiceLane| matches!(lane.lane.kind, LaneKind::Workflow(_));
        let (of_runs, others): (Vec<_>, Vec<_>) = lanes.iter().partition(is_of_runs);
        let of_runs: Vec<_> = of_runs.into_iter().cloned().collect();
        let mut is_busy = !of_runs.is_empty() && self.look_at_runs(&of_runs).await?;
        for lane in others {
            is_busy |= self.look_at_deployments(lane).await?;
        }
        Ok(is_busy)
    }

    async fn look_at_runs(&mut self, lanes: &[ServiceLane]) -> Result<bool, String> {
        let world = self.context.world.world();
        let open = open_runs(&world, lanes);
        let wants = |run: &RepositoryRun| wanted(&world, lanes, run);
        let question = RunQuestion { repository: &self.at.repository, open: &open, wants: &wants };
        let ObservedRepository { engine, repository } = &self.at;
        let client = self.context.engines.for_repository(engine, repository).await;
        let client = client.map_err(|why| why.to_string())?;
        let runs = runs_of(&client, &question, &mut self.jobs).await;
        let listed = runs.map_err(|error| error.why().to_owned())?;
        let runs = &listed.runs;
        drop(world);
        let mut is_busy = false;
        for lane in lanes {
            let seen: Vec<_> = {
                // What was sent while the list was on its way is ours too.
                let world = self.context.world.world();
                let state = world.services.get(&lane.service).map(|service| &service.state);
                let is_others = |run: &&RepositoryRun| {
                    let is_of = judge::is_of(&lane.lane, run);
                    is_of && state.is_some_and(|state| !is_ours(state, lane, run))
                };
                let of_others = runs.iter().filter(is_others);
                let seen = of_others.filter_map(|run| {
                    let seen = judge::deployment(&lane.lane, run)?;
                    let (page, by) = (run.page.clone(), run.by.clone());
                    let commit = judge::commit(&lane.lane, run);
                    Some(SeenAtEngine { run: run.name(), page, by, seen, commit })
                });
                seen.collect()
            };
            is_busy |= self.take_in(lane, seen).await;
            self.end_lost(lane, &open, runs).await;
            self.tell_undeployed(lane, &LaneRuns::of(lane, &listed)).await;
        }
        Ok(is_busy)
    }

    /// Looks at the deployments that GitHub keeps of an environment.
    async fn look_at_deployments(&mut self, lane: &ServiceLane) -> Result<bool, String> {
        let LaneKind::Deployments(environment) = &lane.lane.kind else { return Ok(false) };
        let open = self.context.world.read(|world| open_deployments(world, lane));
        let numbers: Vec<_> = open.iter().map(|(_, number)| *number).collect();
        let ObservedRepository { engine, repository } = &self.at;
        let client = self.context.engines.for_repository(engine, repository).await;
        let client = client.map_err(|why| why.to_string())?;
        let question = DeploymentQuestion { repository, environment, open: &numbers };
        let all = deployments_of(&client, &question, &mut self.deployments).await;
        let all = all.map_err(|error| error.why().to_owned())?;
        let now = self.context.clock.now();
        let seen = self.context.world.read(|world| {
            let state = &world.services.get(&lane.service)?.state;
            Some(seen_of(state, lane, &all, now))
        });
        let is_busy = self.take_in(lane, seen.unwrap_or_default()).await;
        let nameless = judge_deployment::nameless(&all, now);
        self.tell_undeployed(lane, &LaneRuns::of_deployments(nameless)).await;
        for (deployment, number) in open {
            if !all.iter().any(|one| one.id == number) {
                let (service, why) =
                    (lane.service.clone(), "its deployment is not there any more".to_owned());
                let input = Input::SightingLost { service, deployment, why };
                let _stopped = self.context.inputs.send(input).await;
            }
        }
        Ok(is_busy)
    }

    /// Tells which builds CI did not bring to staging.
    async fn tell_undeployed(&mut self, lane: &ServiceLane, runs: &LaneRuns<'_>) {
        let since = self.context.clock.now() - self.context.times.undeployed;
        let question = self.context.world.read(|world| undeployed::question(world, lane, since));
        let Some(question) = question else { return };
        let answer = undeployed::answer(&question, lane, runs, &mut self.reasons);
        let builds = Box::pin(answer).await;
        if builds != question.said {
            let service = lane.service.clone();
            let _stopped = self.context.inputs.send(Input::Undeployed { service, builds }).await;
        }
    }

    /// Tells what was seen of a lane. Returns whether something runs.
    async fn take_in(&mut self, lane: &ServiceLane, all: Vec<SeenAtEngine>) -> bool {
        let (mut seen, mut is_whole, mut is_busy) = (Vec::new(), true, false);
        for one in all {
            is_busy |= one.seen.ended.is_none();
            if lane.lane.hands_over || self.is_old(lane, &one) {
                continue;
            }
            match self.sighting(lane, one).await {
                Some(sighting) => seen.push(sighting),
                None => is_whole = false,
            }
        }
        let ends = seen.iter().filter_map(|one| one.ended.as_ref()).map(|end| end.at);
        let last = ends.max().unwrap_or(DateTime::<Utc>::MIN_UTC);
        let looked = (lane.service.clone(), lane.environment);
        let is_first = !self.looked.contains_key(&looked);
        // What is taken over is taken over at once.
        if !is_first || is_whole {
            self.tell(lane, Ok(seen)).await;
            self.looked.entry(looked).or_insert(last);
        }
        is_busy
    }

    /// `None` while the mirror may still get its commit.
    async fn sighting(&mut self, lane: &ServiceLane, one: SeenAtEngine) -> Option<Sighting> {
        let SeenAtEngine { run, page, by, seen, commit } = one;
        let deployed = match commit {
            Ok(commit) => self.deployed(lane, &commit).await?,
            Err(unknown) => Err(unknown),
        };
        let ended = seen.ended.map(|(outcome, at)| SightingEnd { at, outcome });
        let by = if by.is_empty() { "somebody".to_owned() } else { by };
        Some(Sighting { run, page, by, started: seen.started, ended, deployed })
    }

    /// Whether it was over before the first look.
    fn is_old(&self, lane: &ServiceLane, one: &SeenAtEngine) -> bool {
        let Some((_, ended)) = &one.seen.ended else { return false };
        self.context.world.read(|world| {
            let state = world.services.get(&lane.service).map(|service| &service.state);
            state.is_some_and(|state| {
                let known = state.sighting(lane.environment, &self.at.engine, &one.run);
                let since = state.sighted_since(lane.environment);
                known.is_none() && since.is_some_and(|since| *ended < since)
            })
        })
    }

    async fn deployed(&mut self, lane: &ServiceLane, commit: &CommitPrefix) -> Option<KnownBuild> {
        let newest = self.context.world.read(|world| {
            let state = world.services.get(&lane.service).map(|service| &service.state);
            state.and_then(|state| Some(state.newest_build()?.number))
        });
        let key = (lane.service.clone(), commit.clone());
        if let Some((as_of, known)) = self.resolved.get(&key)
            && *as_of == newest
        {
            return Some(known.clone());
        }
        let found = self.look_up(lane, commit).await?;
        self.missed.remove(&key);
        if found.as_ref().is_ok_and(|build| build.older.is_some()) {
            // Its number may be another's soon.
            return Some(found);
        }
        if self.resolved.len() >= MOST_RESOLVED {
            self.resolved.clear();
        }
        self.resolved.insert(key, (newest, found.clone()));
        Some(found)
    }

    /// `None` while the mirror may still get the commit.
    async fn look_up(&mut self, lane: &ServiceLane, commit: &CommitPrefix) -> Option<KnownBuild> {
        let found = resolve(&self.context.world, &lane.service, commit).await;
        let found = found.inspect_err(
            |error| tracing::warn!(%commit, %error, "a commit of a run cannot be looked up"),
        );
        match found.ok()? {
            Deployed::Build(build) => Some(Ok(build)),
            // A commit that was fetched a moment ago may become a build.
            Deployed::Unknown(unknown) => {
                self.given_up(lane, commit, SURE_AFTER).then_some(Err(unknown))
            }
            Deployed::NotYet => {
                let within = self.context.times.settling;
                self.given_up(lane, commit, within).then(|| Err(not_there(commit)))
            }
        }
    }

    /// Whether the build of a commit was looked for long enough. Else the trunk is looked at once more.
    fn given_up(&mut self, lane: &ServiceLane, commit: &CommitPrefix, within: Duration) -> bool {
        let key = (lane.service.clone(), commit.clone());
        let since = *self.missed.entry(key).or_insert_with(Instant::now);
        if since.elapsed() >= within {
            return true;
        }
        let address = self.context.world.read(|world| {
            let service = world.services.get(&lane.service)?;
            RepositoryAddress::of(&service.watched.repository)
        });
        self.context.trunks.wake(address.as_slice());
        false
    }

    async fn tell(&self, lane: &ServiceLane, seen: Result<Vec<Sighting>, Trouble>) {
        let (service, environment) = (lane.service.clone(), lane.environment);
        let engine = self.at.engine.clone();
        let looked = self.looked.get(&(service.clone(), environment)).copied();
        let observation = Observation { service, environment, engine, seen, looked };
        let is_news = self.context.world.read(|world| observation.is_news(world));
        if is_news {
            let input = Input::Observed(Box::new(observation));
            let _stopped = self.context.inputs.send(input).await;
        }
    }

    async fn tell_trouble(&self, lanes: &[ServiceLane], why: &str) {
        let ObservedRepository { engine, repository } = &self.at;
        let as_of = match self.answered {
            Some(at) => format!("what is shown of it is as of {}", instant::in_utc(at)),
            None => "nothing of it was seen yet".to_owned(),
        };
        let what = format!("{engine} does not tell what runs in {repository}: {why}; {as_of}");
        let remedy = "see: trunkline doctor; trunkline retries automatically";
        for lane in lanes {
            self.tell(lane, Err(Trouble::new(what.clone(), remedy))).await;
        }
    }

    /// Ends what was seen to begin and is not there any more.
    async fn end_lost(&self, lane: &ServiceLane, asked: &[u64], runs: &[RepositoryRun]) {
        let lost = self.context.world.read(|world| {
            let service = world.services.get(&lane.service)?;
            let open = service
                .state
                .open_sightings()
                .filter(|deployment| deployment.request.environment == lane.environment);
            let gone = open.filter_map(|deployment| {
                let run = &deployment.seen.as_ref()?.run;
                let id = id_of(run)?;
                // A run that was not asked for may have begun since.
                let is_gone = asked.contains(&id) && !runs.iter().any(|run| run.id == id);
                let newer = runs.iter().find(|other| other.id == id && other.name() != *run);
                let same = runs.iter().find(|other| other.name() == *run);
                let is_empty = same.is_some_and(|same| {
                    same.state.is_over() && judge::deployment(&lane.lane, same).is_none()
                });
                let why = match newer {
                    Some(_) => "its run was started again",
                    None if is_empty => "its run is over, and says of no job that it ran",
                    None => "its run is not there any more",
                };
                (is_gone || is_empty || newer.is_some()).then_some((deployment.id, why))
            });
            Some(gone.collect::<Vec<_>>())
        });
        for (deployment, why) in lost.unwrap_or_default() {
            let (service, why) = (lane.service.clone(), why.to_owned());
            let input = Input::SightingLost { service, deployment, why };
            let _stopped = self.context.inputs.send(input).await;
        }
    }
}

/// The deployments that are recorded as begun and not as ended, with their numbers at the engine.
fn open_deployments(world: &World, lane: &ServiceLane) -> Vec<(DeploymentId, u64)> {
    let Some(service) = world.services.get(&lane.service) else { return Vec::new() };
    let open = service.state.open_sightings();
    let open = open.filter(|deployment| deployment.request.environment == lane.environment);
    let named = open.filter_map(|deployment| {
        let number = judge_deployment::id_of(&deployment.seen.as_ref()?.run)?;
        Some((deployment.id, number))
    });
    named.collect()
}

/// What the deployments of a lane say, apart from our own.
fn seen_of(
    state: &ServiceState,
    lane: &ServiceLane,
    all: &[RepositoryDeployment],
    now: DateTime<Utc>,
) -> Vec<SeenAtEngine> {
    let environment = lane.environment;
    let mut newer = None;
    let mut seen = Vec::new();
    for one in all {
        let told = judge_deployment::deployment(one, newer, now);
        newer = judge_deployment::began(one).or(newer);
        let told = told.filter(|_| !judge_deployment::is_ours(state, environment, one, now));
        let Some(told) = told else { continue };
        let run = judge_deployment::attempt(state, environment, &lane.lane.engine, (one, &told));
        let page = one.words.iter().rev().find_map(|word| word.page.clone());
        let commit = judge_deployment::commit(one);
        seen.push(SeenAtEngine { run, page, by: one.by.clone(), seen: told, commit });
    }
    seen
}

/// The number of a run by the name of one of its attempts.
fn id_of(run: &str) -> Option<u64> {
    run.split('.').next()?.parse().ok()
}

/// The runs that are recorded as begun and not as ended.
fn open_runs(world: &World, lanes: &[ServiceLane]) -> Vec<u64> {
    let mut open = Vec::new();
    for lane in lanes {
        let Some(service) = world.services.get(&lane.service) else { continue };
        let of_lane = service
            .state
            .open_sightings()
            .filter(|deployment| deployment.request.environment == lane.environment);
        open.extend(of_lane.filter_map(|deployment| id_of(&deployment.seen.as_ref()?.run)));
    }
    open.sort_unstable();
    open.dedup();
    open
}

/// Whether a run tells something that is not recorded, and then whether that needs its jobs.
fn wanted(world: &World, lanes: &[ServiceLane], run: &RepositoryRun) -> Option<bool> {
    let of: Vec<_> = lanes
        .iter()
        .filter(|lane| judge::is_of(&lane.lane, run))
        .filter(|lane| {
            let service = world.services.get(&lane.service);
            service.is_some_and(|service| is_open_question(&service.state, lane, run))
        })
        .collect();
    (!of.is_empty()).then(|| of.iter().any(|lane| !lane.lane.jobs.is_empty()))
}

fn is_open_question(state: &ServiceState, lane: &ServiceLane, run: &RepositoryRun) -> bool {
    if is_ours(state, lane, run) {
        return false;
    }
    let known = state.sighting(lane.environment, &lane.lane.engine, &run.name());
    let since = state.sighted_since(lane.environment);
    let is_old = match &run.state {
        PartState::Ended { at: Some(at), .. } => since.is_some_and(|since| *at < since),
        _ => false,
    };
    known.map_or(!is_old, Deployment::is_open)
}

/// Whether trunkline started it, or may have: a run without our key may be the one whose answer is still on its way. Of a run
/// that was approved only the lane of that environment is ours.
fn is_ours(state: &ServiceState, lane: &ServiceLane, run: &RepositoryRun) -> bool {
    let id = run.id.to_string();
    let mut sent = state
        .deployments
        .values()
        .rev()
        .flat_map(|deployment| deployment.runs.iter().map(move |sent| (sent, deployment)));
    sent.any(|(sent, deployment)| {
        let way =
            deployment.request.steps.get(sent.step).and_then(|step| step.remote()?.call.way());
        let is_approval = matches!(way, Some(GitHubWay::Approve { .. }));
        let is_of_lane = !is_approval || deployment.request.environment == lane.environment;
        sent.engine == lane.lane.engine
            && is_of_lane
            && match &sent.run {
                Some(found) => found.id == id && run.attempt == found.attempt(),
                None => {
                    deployment.is_open() && may_be(way, &deployment.request.sha, run)
                        || run.title.contains(sent.key.as_str())
                }
            }
    })
}

/// Whether a run may be that of a step of which none is known yet.
fn may_be(way: Option<&GitHubWay>, sha: &Sha, run: &RepositoryRun) -> bool {
    match way {
        None => run.event == "workflow_dispatch",
        Some(way) => run.sha == sha.as_str() && way.event().is_none_or(|event| run.event == event),
    }
}
