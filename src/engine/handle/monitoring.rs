//! What a monitoring system asks of the engine: whether it acts, and its numbers.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Handle;
use crate::domain::engine_metrics::{EngineMetrics, ServiceMetrics};
use crate::engine::input::Input;
use crate::engine::world::World;
use crate::engine::writer::{DATA_FOLDER_PROBLEM, RECORD_PROBLEM};

/// How long the writer may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

impl Handle {
    /// Whether the engine records, acts and watches.
    ///
    /// # Errors
    /// With the reason in words that name nothing: strangers read it.
    pub async fn ready(&self) -> Result<(), &'static str> {
        if self.0.watching.is_finished() {
            return Err("the engine looks at no trunk any more");
        }
        let (reply, answered) = oneshot::channel();
        let ask = async { self.send(Input::Ping(reply)).await.is_ok() && answered.await.is_ok() };
        let has = |source| move |world: &World| world.problems.contains_key(source);
        match timeout(ANSWER, ask).await {
            Err(_) => Err("the engine does not answer in time"),
            Ok(_) if self.0.gather.world.read(has(DATA_FOLDER_PROBLEM)) => {
                Err("the data folder is lost")
            }
            Ok(false) => Err("the engine has stopped"),
            Ok(true) if self.0.gather.world.read(has(RECORD_PROBLEM)) => {
                Err("the record cannot be written")
            }
            Ok(true) => Ok(()),
        }
    }

    /// The numbers of the engine.
    #[must_use]
    pub fn metrics(&self) -> EngineMetrics {
        let (commits, fetches) = (self.0.commits.read(), self.0.fetches.read());
        self.0.gather.world.read(|world| {
            let services = world.services.values();
            let problems = services.clone().map(|service| service.problems.len()).sum::<usize>();
            EngineMetrics {
                services: services
                    .clone()
                    .map(|service| ServiceMetrics::of(&service.name, &service.state))
                    .collect(),
                events: services.map(|service| service.state.last_seq.0).max().unwrap_or(0),
                commits,
                fetches,
                problems: (problems + world.problems.len()) as u64,
            }
        })
    }
}
