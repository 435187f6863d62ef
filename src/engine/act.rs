//! Acts on decisions: starts each once, in the background, and reports the result to the writer.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::backoff::pause;
use super::checkouts::{self, MissingTrees, TreesAttempt};
use super::decide::Decision;
use super::gather::{self, GatherContext};
use super::input::Input;
use super::reserve::Reserve;
use super::runner::remote::{Attended, LateOrder, Order, RunNews, SendPermit};
use super::runner::{self, Job, Permit, RunId, Runner as _, Runners};
use super::variables::{Ask, Secret, StepNeeds, StepVariables};
use super::world::{Service, Trouble};
use crate::domain::event::{DeploymentKind, are_remote};
use crate::domain::ids::{DeploymentId, ServiceName, Sha};
use crate::domain::remote::RemoteJob;
use crate::domain::variables::VariableDigests;

/// The pause before an unusable pipeline is read again.
const PIPELINE_RETRY: Duration = Duration::from_secs(5);

/// How many service files are read at the same time.
const CONCURRENT_READS: usize = 16;
/// How many services have their checkouts made at the same time.
const CONCURRENT_MAKING: usize = 4;
/// The longest pause before missing checkouts are tried again.
const LONGEST_TREE_PAUSE: Duration = Duration::from_mins(10);
/// The most tries for one request: some hours.
const MOST_TREE_TRIES: u32 = 60;
/// The most targets of a rollback that are remembered as asked for.
const MOST_CHECKED: usize = 10_000;

/// How long the end of what looks after runs at other engines is waited for: it may be writing to a disk that hangs.
const ELSEWHERE_ENDS: Duration = Duration::from_secs(2);

/// The work in progress in this process. It is empty after a restart; the record says what to resume.
pub(super) struct Acts {
    context: GatherContext,
    runners: Runners,
    /// The steps that this process has recorded as going out to another engine and has not given to the runner.
    permits: HashMap<RunId, SendPermit>,
    runtime: runtime::Handle,
    /// What looks after runs at other engines. It writes their logs, so it ends with the writer.
    elsewhere: JoinSet<()>,
    preparing: HashSet<DeploymentId>,
    attending: HashSet<RunId>,
    cancelling: HashSet<RunId>,
    /// The runs that were given up and are looked for.
    following: HashSet<RunId>,
    loading: HashSet<(ServiceName, Sha)>,
    /// The targets of a rollback whose service file was asked for.
    checked: HashSet<(ServiceName, Sha)>,
    reads: Arc<Semaphore>,
    trees: HashMap<ServiceName, Arc<TreeRequests>>,
    reserve: Reserve,
    making: Arc<Semaphore>,
    poll: Duration,
}

/// The requests for the checkouts of one service.
#[derive(Default)]
struct TreeRequests {
    newest: AtomicU64,
    /// The try that runs has it.
    running: Mutex<()>,
}

impl TreeRequests {
    fn is_newest(&self, attempt: TreesAttempt) -> bool {
        self.newest.load(Ordering::Relaxed) == attempt.request
    }
}

impl Acts {
    pub fn new(context: GatherContext, reserve: Reserve, runners: Runners, poll: Duration) -> Self {
        Self {
            context,
            runners,
            permits: HashMap::new(),
            runtime: runtime::Handle::current(),
            elsewhere: JoinSet::new(),
            preparing: HashSet::new(),
            attending: HashSet::new(),
            cancelling: HashSet::new(),
            following: HashSet::new(),
            loading: HashSet::new(),
            checked: HashSet::new(),
            reads: Arc::new(Semaphore::new(CONCURRENT_READS)),
            trees: HashMap::new(),
            reserve,
            making: Arc::new(Semaphore::new(CONCURRENT_MAKING)),
            poll,
        }
    }

    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    fn spawn_elsewhere(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        while self.elsewhere.try_join_next().is_some() {}
        self.elsewhere.spawn_on(work, &self.runtime);
    }

    /// Nothing here looks after a run at another engine any more. Those runs go on.
    pub fn leave_elsewhere(&mut self) {
        let elsewhere = &mut self.elsewhere;
        let ends = async { timeout(ELSEWHERE_ENDS, elsewhere.shutdown()).await };
        if self.runtime.block_on(ends).is_err() {
            tracing::warn!("what looks after runs at other engines does not end");
        }
    }

    /// Starts a decision for a service, unless it is in progress already.
    pub fn perform(&mut self, service: &Service, decision: &Decision) {
        match decision {
            Decision::Record(_) => {}
            Decision::Prepare(id) => {
                if self.preparing.insert(*id) {
                    self.prepare(&service.name, *id);
                }
            }
            Decision::Attend(deployment, step) => {
                let run = RunId { deployment: *deployment, step: *step };
                if self.attending.contains(&run) {
                    return;
                }
                match order(service, run) {
                    Some(order) => self.attend_elsewhere(service, order),
                    None => self.attend(service, run),
                }
            }
            Decision::Stop(deployment, step) => {
                let run = RunId { deployment: *deployment, step: *step };
                if order(service, run).is_some() {
                    self.runners.remote.cancel(run, next_rollback(service, run));
                } else if self.cancelling.insert(run) {
                    let runner = self.runners.local.clone();
                    self.spawn(async move { runner.cancel(run).await });
                }
            }
            Decision::Follow(deployment, step) => {
                self.follow(service, RunId { deployment: *deployment, step: *step });
            }
            Decision::LoadPipeline(sha) => {
                if self.loading.insert((service.name.clone(), sha.clone())) {
                    self.load_pipeline(&service.name, sha);
                }
            }
        }
    }

    /// Reads the service file of the target of a rollback, once after each look at the trunk, if nothing tells yet whether it
    /// can be deployed.
    pub fn check_way_back(&mut self, service: &Service) {
        let Some(build) = service.unchecked_target() else { return };
        if self.checked.len() >= MOST_CHECKED {
            self.checked.clear();
        }
        if self.checked.insert((service.name.clone(), build.sha.clone())) {
            self.load_pipeline(&service.name, &build.sha);
        }
    }

    /// A look at the trunk may have brought the commits that were missing.
    pub fn looked(&mut self, name: &ServiceName) {
        self.checked.retain(|(service, _)| service != name);
    }

    pub fn prepared(&mut self, id: DeploymentId) {
        self.preparing.remove(&id);
    }

    pub fn step_ended(&mut self, run: RunId) {
        self.attending.remove(&run);
        self.cancelling.remove(&run);
        self.runners.remote.forget(run);
    }

    /// The record says that a step is over: whoever still waits for its run at another engine stops that.
    pub fn is_over(&self, run: RunId) {
        self.runners.remote.give_up(run);
    }

    pub fn pipeline_read(&mut self, service: &ServiceName, sha: &Sha) {
        self.loading.remove(&(service.clone(), sha.clone()));
    }

    fn prepare(&self, service: &ServiceName, id: DeploymentId) {
        let (context, service) = (self.context.clone(), service.clone());
        self.spawn(async move {
            let result = Box::pin(prepared(&context, &service, id)).await;
            let input = Input::Prepared { service, deployment: id, result };
            let _stopped = context.inputs.send(input).await;
        });
    }

    fn attend(&mut self, service: &Service, run: RunId) {
        let job = Job::of(service, &self.context.checkouts, run);
        let permit = Permit::recorded(&service.state, run);
        let (Some(job), Some(permit)) = (job, permit) else {
            return tracing::error!(?run, "the record has no such running step");
        };
        let context = self.context.clone();
        self.attending.insert(run);
        let (service, inputs) = (service.name.clone(), self.context.inputs.clone());
        let runner = self.runners.local.clone();
        self.spawn(async move {
            let variables = of_step(&context, &service, run.deployment);
            let status = Box::pin(runner::attend(&*runner, permit, job, variables)).await;
            let _stopped = inputs.send(Input::StepEnded { service, run, status }).await;
        });
    }

    /// This process has recorded that the step goes out to another engine.
    pub fn may_send(&mut self, run: RunId) {
        self.permits.insert(run, SendPermit::recorded(run));
    }

    /// Whoever looked for the run has ended without one.
    pub fn run_is_absent(&mut self, run: RunId) {
        self.attending.remove(&run);
        // A cancellation that came meanwhile is told to whoever attends it next.
        self.cancelling.remove(&run);
    }

    fn attend_elsewhere(&mut self, service: &Service, order: Order) {
        let (context, remote, run) = (self.context.clone(), self.runners.remote.clone(), order.run);
        let permit = self.permits.remove(&run);
        self.attending.insert(run);
        let (service, inputs) = (service.name.clone(), self.context.inputs.clone());
        self.spawn_elsewhere(async move {
            // They are masked in its log. The step itself gets none of them.
            let secrets = secrets(&context, &service, run.deployment).await;
            let news = RunNews { inputs: inputs.clone(), service: service.clone(), run };
            let ended = match Box::pin(remote.attend(permit, order, secrets, news)).await {
                Attended::Ended(status) => Input::StepEnded { service, run, status },
                Attended::Absent => Input::RunAbsent { service, run },
                Attended::LeftAlone => Input::NotAttended { run },
            };
            let _stopped = inputs.send(ended).await;
        });
    }

    /// Looks for a run that was given up, as long as it may turn up.
    fn follow(&mut self, service: &Service, run: RunId) {
        let Some(late) = LateOrder::of(service, run) else { return };
        let remote = self.runners.remote.clone();
        if !remote.may_turn_up(&late) || !self.following.insert(run) {
            return;
        }
        let (service, inputs) = (service.name.clone(), self.context.inputs.clone());
        self.spawn_elsewhere(async move {
            let news = RunNews { inputs: inputs.clone(), service, run };
            Box::pin(remote.follow(late, news)).await;
            let _stopped = inputs.send(Input::NotFollowed { run }).await;
        });
    }

    pub fn not_followed(&mut self, run: RunId) {
        self.following.remove(&run);
    }

    fn load_pipeline(&self, service: &ServiceName, sha: &Sha) {
        let (context, service, sha) = (self.context.clone(), service.clone(), sha.clone());
        let reads = self.reads.clone();
        self.spawn(async move {
            let permit = reads.acquire().await;
            let read = gather::load_pipeline(&context, &service, &sha).await;
            drop(permit);
            if let Err(why) = read {
                tracing::warn!(%service, %sha, why, "a build's pipeline cannot be used");
                // The next decision asks for it again.
                tokio::time::sleep(PIPELINE_RETRY).await;
            }
            let _stopped = context.inputs.send(Input::PipelineRead { service, sha }).await;
        });
    }

    /// Makes the checkouts that a rollback may need and that are not there.
    pub fn make_trees(&mut self, service: &ServiceName) {
        let requests = self.trees.entry(service.clone()).or_default();
        let request = requests.newest.fetch_add(1, Ordering::Relaxed) + 1;
        let attempt = TreesAttempt { request, failures: 0 };
        self.try_trees(service, attempt, Duration::ZERO);
    }

    /// Whether no other request followed, whose tries tell what is missing now.
    pub fn is_newest(&self, service: &ServiceName, attempt: TreesAttempt) -> bool {
        self.trees.get(service).is_some_and(|requests| requests.is_newest(attempt))
    }

    /// Tries again after a pause to make what is missing. Returns the problem to show.
    pub fn trees_missing(
        &self,
        service: &ServiceName,
        attempt: TreesAttempt,
        missing: &MissingTrees,
    ) -> Trouble {
        let failures = attempt.failures + 1;
        let is_last = failures >= MOST_TREE_TRIES;
        if !is_last {
            let pause = pause(self.poll, attempt.failures, LONGEST_TREE_PAUSE);
            self.try_trees(service, TreesAttempt { failures, ..attempt }, pause);
        }
        missing.trouble(is_last)
    }

    fn try_trees(&self, service: &ServiceName, attempt: TreesAttempt, pause: Duration) {
        let Some(requests) = self.trees.get(service).cloned() else { return };
        let (context, service) = (self.context.clone(), service.clone());
        let (making, reserve) = (self.making.clone(), self.reserve.clone());
        self.spawn(async move {
            tokio::time::sleep(pause).await;
            let running = requests.running.lock().await;
            let permit = making.acquire().await;
            if !requests.is_newest(attempt) {
                return;
            }
            let GatherContext { world, checkouts, .. } = &context;
            let missing = checkouts::make_missing(world, &reserve, checkouts, &service).await;
            drop((permit, running));
            let input = Input::TreesMade { service, attempt, missing };
            let _stopped = context.inputs.send(input).await;
        });
    }

    /// Removes the checkouts that no deployment needs.
    pub fn tidy(&self, service: &ServiceName) {
        let (context, service) = (self.context.clone(), service.clone());
        self.runtime.spawn_blocking(move || {
            checkouts::tidy(&context.world, &context.checkouts, &service);
        });
    }
}

/// What another engine is asked to do for a step, if the step runs there and was recorded as sent.
fn order(service: &Service, run: RunId) -> Option<Order> {
    Order::of(&service.name, service.state.deployments.get(&run.deployment)?, run.step)
}

/// The first job of the rollback that waits for the end of a run, if that runs at another engine. Of several targets none:
/// runs of one group that wait behind it would take each other's place.
fn next_rollback(service: &Service, before: RunId) -> Option<RemoteJob> {
    let RunId { deployment: before, step } = before;
    let of = service.state.deployments.get(&before)?;
    let environment = of.request.environment;
    let mut waits = service.state.open(environment).filter(|next| {
        let is_rollback = next.request.kind == DeploymentKind::Rollback;
        is_rollback && next.id > before && next.started_at.is_none() && next.cancel.is_none()
    });
    let first = waits.next()?.request.steps.first()?;
    let has_targets = first.target.is_some() || of.target(step).is_some();
    first.remote().filter(|_| !has_targets).cloned()
}

/// Makes the checkout of a deployment whose variables have values. Returns the digests to record.
async fn prepared(
    context: &GatherContext,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<Option<VariableDigests>, String> {
    let declared = gather::declared(context, name, id).await?;
    let declared = StepNeeds { ask: declared.ask.begun(), ..declared };
    let known = context.variables.known(&declared).await;
    let are_remote = {
        let world = context.world.world();
        let deployment = world.services.get(name).and_then(|s| s.state.deployments.get(&id));
        deployment.is_some_and(|deployment| are_remote(&deployment.request.steps))
    };
    // Steps at other engines get none of them.
    if let Some(missing) = known.missing.as_ref().filter(|_| !are_remote) {
        return Err(missing.to_string());
    }
    let made = checkouts::prepare(&context.world, &context.checkouts, name, id).await;
    made.map_err(|why| format!("the checkout could not be made: {why}"))?;
    Ok(Some(known.recorded()).filter(|recorded| !recorded.digests.is_empty()))
}

/// The secrets that a step at another engine may come upon.
async fn secrets(context: &GatherContext, name: &ServiceName, id: DeploymentId) -> Vec<Secret> {
    let Ok(declared) = gather::declared(context, name, id).await else { return Vec::new() };
    let declared = StepNeeds { ask: Ask::BEGUN, ..declared };
    context.variables.secrets(&declared, &context.world).await
}

async fn of_step(
    context: &GatherContext,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<StepVariables, String> {
    let declared = gather::declared(context, name, id).await?;
    let declared = StepNeeds { ask: Ask::BEGUN, ..declared };
    context.variables.of_step(&declared, &context.world).await
}
