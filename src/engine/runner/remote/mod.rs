//! The runner of steps at other engines. A run there lives on whatever happens here, so it is looked after by this process and
//! has no supervisor.
//!
//! A step is sent at most once: only whoever has just recorded that it goes out may send it. After a restart, or when the
//! answer got lost, its run is looked for by its key.

mod answers;
mod attend;
mod client;
mod engine;
mod engines;
mod github;
mod http_jobs;
mod late;
mod mirror;
mod order;
mod preset;
mod runs;
mod sent_to;
mod timed;
mod times;
mod wake;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use self::attend::{Attending, Here, Wish};
pub use self::github::{
    DeploymentQuestion, KnownDeployments, KnownJobs, ListedRuns, RunQuestion, deployments_of,
    head_of, runs_of,
};
use self::late::Following;
pub use self::late::LateOrder;
pub use self::order::{Order, SendPermit};
pub use self::runs::{DeploymentWord, PartState, RepositoryDeployment, RepositoryRun, RunJob};
pub use self::times::RemoteTimes;
pub use self::wake::{RunWakers, RunsWoken};
use super::local::run::RunFolder;
use super::{RunId, Status};
use crate::domain::ids::ServiceName;
use crate::domain::remote::{FoundBy, RemoteJob, RunRef, Waits};
use crate::engine::foundation::Foundation;
use crate::engine::input::Input;
use crate::engine::report::LateSight;
use crate::engine::variables::Secret;
use crate::engine::world::Trouble;

pub use self::client::{CallError, CallUrgency, EngineAbout, EngineClient, EngineRead, WRITES};
pub use self::engines::{EngineCheck, Engines, NoEngine, WayHindrance, WayQuestion, check_engines};

/// How the work on a step at another engine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attended {
    /// The step ended.
    Ended(Status),
    /// The run was never started there: it may be sent again.
    Absent,
    /// This engine has ended, or nobody waits for the run any more: nothing is said of it.
    LeftAlone,
}

/// Carries out steps at other engines.
pub struct RemoteRunner {
    engines: Arc<Engines>,
    /// What this engine stands on. Without it, it sends nothing.
    foundation: Arc<Foundation>,
    /// The folder of all runs: their logs are kept here as those of local steps.
    runs: PathBuf,
    /// What is wanted of the runs that are attended, or will be.
    wishes: Mutex<HashMap<RunId, watch::Sender<Wish>>>,
    times: RemoteTimes,
    /// Those who follow runs, here and elsewhere in this engine.
    wakers: RunWakers,
}

/// Where the news of a run goes.
#[derive(Clone)]
pub struct RunNews {
    pub(in crate::engine) inputs: mpsc::Sender<Input>,
    pub service: ServiceName,
    pub run: RunId,
}

impl RunNews {
    /// It is known which run it is.
    async fn found(&self, found: RunRef, how: FoundBy) {
        let Self { service, run, .. } = self.clone();
        let _stopped = self.inputs.send(Input::RunFound { service, run, found, how }).await;
    }

    /// What holds it up changed.
    async fn waits(&self, waits: Option<Waits>) {
        let Self { service, run, .. } = self.clone();
        let _stopped = self.inputs.send(Input::RunWaits { service, run, waits }).await;
    }

    /// What it does now. Nobody waits until that is taken: more of it comes.
    fn says(&self, says: Option<String>) {
        let Self { service, run, .. } = self.clone();
        let _full = self.inputs.try_send(Input::RunSays { service, run, says });
    }

    /// The engine there keeps a rollback behind the run, so that it need not be waited for here.
    async fn makes_way(&self) {
        let Self { service, run, .. } = self.clone();
        let _stopped = self.inputs.send(Input::RunMakesWay { service, run }).await;
    }

    /// A run that was given up is there. False if that could not be recorded.
    async fn is_late(&self, seen: LateSight) -> bool {
        let Self { service, run, .. } = self.clone();
        let (reply, recorded) = oneshot::channel();
        let input = Input::RunIsLate { service, run, seen: Box::new(seen), reply };
        let _stopped = self.inputs.send(input).await;
        recorded.await.is_ok()
    }

    /// An engine does not answer, or does again.
    async fn trouble(&self, engine: &str, trouble: Option<Trouble>) {
        let source = format!("engine {engine}");
        let _stopped = self.inputs.send(Input::Trouble { source, trouble }).await;
    }
}

impl RemoteRunner {
    #[must_use]
    pub fn new(
        runs: &Path,
        engines: Arc<Engines>,
        foundation: Arc<Foundation>,
        times: RemoteTimes,
    ) -> Self {
        let (wakers, wishes) = (RunWakers::default(), Mutex::default());
        Self { engines, foundation, runs: runs.to_owned(), wishes, times, wakers }
    }

    /// Who is told when a forge tells of a run.
    pub fn wakers(&self) -> &RunWakers {
        &self.wakers
    }

    /// Sees a step through to its end. It sends it if the permit allows that, else it looks for its run.
    pub async fn attend(
        &self,
        permit: Option<SendPermit>,
        order: Order,
        secrets: Vec<Secret>,
        news: RunNews,
    ) -> Attended {
        let wish = self.wish(order.run).subscribe();
        let folder = RunFolder::of(&self.runs, order.run.deployment, order.run.step);
        let here =
            Here { engines: &self.engines, foundation: &self.foundation, wakers: &self.wakers };
        let engine = order.job.engine.clone();
        let attending = Attending::new(here, order, folder, secrets, news.clone(), wish);
        let ended = Box::pin(attending.through(permit)).await;
        if !matches!(ended, Attended::Absent) {
            // What is over waits for no answer.
            news.trouble(engine.as_str(), None).await;
        }
        ended
    }

    /// Whether a run that was given up may still turn up.
    #[must_use]
    pub fn may_turn_up(&self, late: &LateOrder) -> bool {
        late.is_due(self.times.late_within)
    }

    /// Looks for a run that was given up, and ends it where it turns up.
    pub async fn follow(&self, late: LateOrder, news: RunNews) {
        let here =
            Here { engines: &self.engines, foundation: &self.foundation, wakers: &self.wakers };
        Following::new(here, late, news, self.times).through().await;
    }

    /// Makes the run end, also one that is attended later. `next` is the job of a rollback that waits for that.
    pub fn cancel(&self, run: RunId, next: Option<RemoteJob>) {
        self.wish(run).send_if_modified(|wish| {
            let is_new = !wish.is_cancelled || wish.next != next;
            (wish.is_cancelled, wish.next) = (true, next);
            is_new
        });
    }

    /// Nobody waits for the run any more, if it is attended at all.
    pub fn give_up(&self, run: RunId) {
        if let Some(wish) = self.wishes().get(&run) {
            wish.send_modify(|wish| wish.is_given_up = true);
        }
    }

    /// The step of the run is over, and nobody attends it any more.
    pub fn forget(&self, run: RunId) {
        self.wishes().remove(&run);
    }

    fn wish(&self, run: RunId) -> watch::Sender<Wish> {
        self.wishes().entry(run).or_insert_with(|| watch::Sender::new(Wish::default())).clone()
    }

    fn wishes(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Wish>>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
