//! What `update` asks the world to do, as plain data, and the one place of the console that starts tasks for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, sleep_until};

use super::Error;
use super::backoff::spread;
use super::message::{LogSource, News, Ticket};
use crate::backend::{Answer, Backend, BackendError, LONGEST_WAIT};
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::ids::{DeploymentId, Environment, IdempotencyKey, ServiceName};
use crate::domain::log::LogFrom;
use crate::domain::snapshot::Version;
use crate::fault::{self, Layer};

/// Something for the world outside the model to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Describe,
    /// Wait for news of the fleet, not before `due`; replaces the watch of it before.
    WatchFleet {
        after: Option<Version>,
        due: Instant,
    },
    /// The same for one service.
    WatchService {
        service: ServiceName,
        after: Option<Version>,
        due: Instant,
    },
    Plan {
        ticket: Ticket,
        service: ServiceName,
        action: Action,
    },
    Send {
        ticket: Ticket,
        service: ServiceName,
        command: Command,
        key: IdempotencyKey,
    },
    /// Find out what became of a command whose answer got lost. It is never sent again.
    LookUp {
        ticket: Ticket,
        key: IdempotencyKey,
    },
    /// Read deployments of production older than one.
    History {
        service: ServiceName,
        before: DeploymentId,
        limit: usize,
    },
    /// Replaces the reading before it.
    ReadLog {
        source: LogSource,
        from: LogFrom,
        limit: usize,
        due: Instant,
    },
    Outside(Outside),
    Quit,
    /// There is nothing to show and never will be.
    Fail(Error),
}

/// What only the terminal itself can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    Copy(String),
    Bell,
    Title(String),
    Redraw,
    Suspend,
    /// Take over again what may have changed while the program stood still.
    Resume,
}

impl Outside {
    /// Whether what was drawn may be gone after it.
    #[must_use]
    pub fn spoils_the_screen(&self) -> bool {
        matches!(self, Self::Redraw | Self::Suspend | Self::Resume)
    }
}

/// How often a lost answer is looked up, and how long to wait before each try.
const LOOK_UPS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Runs effects on tasks; each sends its one answer to the inbox.
#[derive(Debug)]
pub struct Performer<B> {
    backend: Arc<B>,
    inbox: mpsc::Sender<News>,
    fleet: Task,
    watch: Task,
    log: Task,
}

impl<B: Backend> Performer<B> {
    #[must_use]
    pub fn new(backend: B, inbox: mpsc::Sender<News>) -> Self {
        Self {
            backend: Arc::new(backend),
            inbox,
            fleet: Task::default(),
            watch: Task::default(),
            log: Task::default(),
        }
    }

    /// Starts what needs the backend. What needs the terminal is the runtime's.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Describe => {
                self.ask(|b| async move { News::Described(b.describe().await) });
            }
            Effect::WatchFleet { after, due } => self.watch_fleet(after, due),
            Effect::WatchService { service, after, due } => self.watch_service(service, after, due),
            Effect::Plan { ticket, service, action } => {
                self.ask(move |b| async move {
                    let answer = b.plan(&service, action).await.map(Box::new);
                    News::Planned { ticket, answer }
                });
            }
            Effect::Send { ticket, service, command, key } => {
                self.ask(move |b| async move {
                    News::Answered { ticket, answer: b.command(&service, command, key).await }
                });
            }
            Effect::LookUp { ticket, key } => {
                self.ask(move |b| async move {
                    News::LookedUp { ticket, answer: look_up(&*b, &key).await }
                });
            }
            Effect::History { service, before, limit } => {
                self.ask(move |b| async move {
                    let production = Environment::Production;
                    let answer = b.history(&service, production, Some(before), limit).await;
                    News::History { service, before, answer }
                });
            }
            Effect::ReadLog { source, from, limit, due } => self.read_log(source, from, limit, due),
            Effect::Outside(_) | Effect::Quit | Effect::Fail(_) => {}
        }
    }

    fn watch_fleet(&mut self, after: Option<Version>, due: Instant) {
        let task = self.ask(move |b| async move {
            sleep_until(due).await;
            News::Fleet(b.fleet(after, LONGEST_WAIT).await.map(|fleet| fleet.map(Box::new)))
        });
        self.fleet.replace(task);
    }

    fn watch_service(&mut self, service: ServiceName, after: Option<Version>, due: Instant) {
        let task = self.ask(move |b| async move {
            sleep_until(due).await;
            let answer = b.service(&service, after, LONGEST_WAIT).await;
            News::Service(service, answer.map(|snapshot| snapshot.map(Box::new)))
        });
        self.watch.replace(task);
    }

    fn read_log(&mut self, source: LogSource, from: LogFrom, limit: usize, due: Instant) {
        let task = self.ask(move |b| async move {
            sleep_until(due).await;
            let LogSource { service, deployment, step } = &source;
            let answer = b.log(service, *deployment, *step, from, limit, LONGEST_WAIT).await;
            News::Log { source, from, answer }
        });
        self.log.replace(task);
    }

    fn ask<F>(&self, question: impl FnOnce(Arc<B>) -> F) -> AbortHandle
    where
        F: Future<Output = News> + Send + 'static,
    {
        let (answer, inbox) = (question(Arc::clone(&self.backend)), self.inbox.clone());
        let task: JoinHandle<()> = tokio::spawn(async move {
            fault::here(Layer::Task);
            // A closed inbox means that the console is gone and nobody waits for this.
            let _ = inbox.send(answer.await).await;
        });
        task.abort_handle()
    }
}

/// A task that ends when another takes its place, or when nobody is left to hear it.
#[derive(Debug, Default)]
struct Task(Option<AbortHandle>);

impl Task {
    fn replace(&mut self, task: AbortHandle) {
        if let Some(before) = self.0.replace(task) {
            before.abort();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Asks for the receipt until there is one. The command may still be on its way when the first answer is "none",
/// so only the last answer counts.
async fn look_up<B: Backend>(backend: &B, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
    let mut answer = Err(BackendError::Unreachable("nobody was asked yet".into()));
    for wait in LOOK_UPS {
        sleep(spread(wait, &key.as_str())).await;
        answer = backend.receipt(key).await;
        if let Ok(Some(_)) = answer {
            break;
        }
    }
    answer
}
