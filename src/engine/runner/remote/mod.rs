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
mod mirror;
mod order;
mod pages;
mod preset;
mod timed;
mod times;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use self::attend::{Attending, Here};
use self::engines::Engines;
pub use self::order::{Order, SendPermit};
pub use self::times::RemoteTimes;
use super::local::run::RunFolder;
use super::{RunId, Status};
use crate::domain::ids::ServiceName;
use crate::domain::remote::{FoundBy, RunRef, Waits};
use crate::engine::foundation::Foundation;
use crate::engine::input::Input;
use crate::engine::variables::Secret;
use crate::engine::world::Trouble;

pub use self::engines::{EngineCheck, check_engines};

/// How the work on a step at another engine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attended {
    /// The step ended.
    Ended(Status),
    /// The run was never started there: it may be sent again.
    Absent,
    /// This engine has ended, and says nothing of the run.
    LeftAlone,
}

/// Carries out steps at other engines.
pub struct RemoteRunner {
    engines: Engines,
    /// What this engine stands on. Without it, it sends nothing.
    foundation: Arc<Foundation>,
    /// The folder of all runs: their logs are kept here as those of local steps.
    runs: PathBuf,
    /// The runs that are attended, and whether each is to be cancelled.
    cancels: Mutex<HashMap<RunId, watch::Sender<bool>>>,
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
        (user_file, environment): (Option<&Path>, &BTreeMap<String, String>),
        foundation: Arc<Foundation>,
        times: RemoteTimes,
    ) -> Self {
        let engines = Engines::new(user_file.map(Path::to_owned), environment.clone(), times);
        Self { engines, foundation, runs: runs.to_owned(), cancels: Mutex::default() }
    }

    /// Sees a step through to its end. It sends it if the permit allows that, else it looks for its run.
    pub async fn attend(
        &self,
        permit: Option<SendPermit>,
        order: Order,
        secrets: Vec<Secret>,
        news: RunNews,
    ) -> Attended {
        let run = order.run;
        let cancelled = self.cancelled(run).subscribe();
        let folder = RunFolder::of(&self.runs, run.deployment, run.step);
        let here = Here { engines: &self.engines, foundation: &self.foundation };
        let engine = order.job.engine.clone();
        let attending = Attending::new(here, order, folder, secrets, news.clone(), cancelled);
        let ended = Box::pin(attending.through(permit)).await;
        if matches!(ended, Attended::Ended(_)) {
            self.cancels().remove(&run);
            // What is over waits for no answer.
            news.trouble(engine.as_str(), None).await;
        }
        ended
    }

    /// Makes the run end, also one that is attended later.
    pub fn cancel(&self, run: RunId) {
        self.cancelled(run).send_replace(true);
    }

    fn cancelled(&self, run: RunId) -> watch::Sender<bool> {
        self.cancels().entry(run).or_insert_with(|| watch::Sender::new(false)).clone()
    }

    fn cancels(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<bool>>> {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
