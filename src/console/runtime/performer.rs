//! The one place of the console that starts tasks: it performs effects, and each answer comes back as a message.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

use crate::backend::intents::{Intent, Intents};
use crate::backend::last_state::{LastStates, StateKeeper};
use crate::backend::lost_answer::conclude;
use crate::backend::{Backend, BackendError, LONGEST_WAIT};
use crate::console::effect::Effect;
use crate::console::message::Message;
use crate::console::model::log::LogSource;
use crate::console::model::sizes::PaneSizes;
use crate::console::model::ticket::Ticket;
use crate::console::runtime::frame_timer::until;
use crate::console::runtime::save_log;
use crate::console::runtime::theme_files;
use crate::domain::command::Command;
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::log::{FilteredRead, LogFrom, LogSearch};
use crate::domain::snapshot::Version;
use crate::domain::stats::DAYS;
use crate::domain::timeline::TimelineRange;
use crate::fault::{self, Layer};

/// How long leaving waits for a command that was just sent.
const LONGEST_FAREWELL: Duration = Duration::from_secs(2);

/// Runs effects on tasks; each sends its one answer to the inbox.
#[derive(Debug)]
pub struct Performer<B> {
    backend: Arc<B>,
    inbox: mpsc::Sender<Message>,
    intents: Option<Intents>,
    keeper: Option<Arc<StateKeeper>>,
    /// How the panes are sized, if a person changed that.
    sizes: Option<(LastStates, PaneSizes)>,
    /// Commands whose answers are outstanding.
    sending: JoinSet<()>,
    fleet: Task,
    watch: Task,
    log: Task,
    timeline: Task,
}

impl<B: Backend> Performer<B> {
    #[must_use]
    pub fn new(backend: B, inbox: mpsc::Sender<Message>) -> Self {
        Self {
            backend: Arc::new(backend),
            inbox,
            intents: None,
            keeper: None,
            sizes: None,
            sending: JoinSet::new(),
            fleet: Task::default(),
            watch: Task::default(),
            log: Task::default(),
            timeline: Task::default(),
        }
    }

    /// Starts what needs the backend. What needs the terminal is the runtime's.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Describe => {
                self.ask(|b| async move { Message::Described(b.describe().await) });
            }
            Effect::WatchFleet { after, due } => self.watch_fleet(after, due),
            Effect::WatchService { service, after, due } => self.watch_service(service, after, due),
            Effect::WatchTimeline { range, after, due } => self.watch_timeline(range, after, due),
            Effect::Plan { ticket, service, action } => {
                self.ask(move |b| async move {
                    let answer = b.plan(&service, action).await.map(Box::new);
                    Message::Planned { ticket, answer }
                });
            }
            Effect::Send { ticket, command, intent } => self.send(ticket, command, intent),
            Effect::LookUp { ticket, key } => {
                let intents = self.intents.clone();
                self.ask(move |b| async move {
                    Message::LookedUp { ticket, answer: conclude(&*b, &key, intents).await }
                });
            }
            Effect::Recall(folder) => self.recall(folder),
            Effect::History { service, before, limit } => {
                self.ask(move |b| async move {
                    let production = Environment::Production;
                    let answer = b.history(&service, production, Some(before), limit).await;
                    Message::History { service, before, answer }
                });
            }
            Effect::Stats(service) => {
                self.ask(move |b| async move {
                    let answer = b.stats(&service, DAYS.0).await.map(Box::new);
                    Message::Stats(service, answer)
                });
            }
            Effect::ReadLog { source, from, limit, due } => self.read_log(source, from, limit, due),
            Effect::SearchLog { source, search, due } => self.search_log(source, search, due),
            Effect::FilterLog { source, read, due } => self.filter_log(source, read, due),
            Effect::SaveLog { source, lines, path } => {
                self.ask(|b| async move {
                    Message::LogSaved(save_log::save(&*b, &source, lines, &path).await)
                });
            }
            Effect::Keep(states) => self.keeper = Some(Arc::new(StateKeeper::start(states))),
            Effect::KeepSizes(states, sizes) => self.sizes = Some((states, sizes)),
            Effect::ReadLast { states, service, due } => self.read_last(states, service, due),
            Effect::ListThemes(library) => theme_files::list(library, self.inbox.clone()),
            Effect::LookAtTheme { library, name, files } => {
                theme_files::look(library, name, files, self.inbox.clone());
            }
            Effect::KeepTheme { file, name } => {
                theme_files::keep(file, name, self.inbox.clone());
            }
            Effect::Outside(_) | Effect::Quit | Effect::Switch(_) | Effect::Fail(_) => {}
        }
    }

    /// Waits a moment for commands that are still being sent, as who leaves right after pressing has pressed, and for the disk.
    pub async fn finish(&mut self) {
        let sent = async { while self.sending.join_next().await.is_some() {} };
        let _nobody_answers = timeout(LONGEST_FAREWELL, sent).await;
        if let Some((states, sizes)) = self.sizes.take() {
            let keep = tokio::task::spawn_blocking(move || states.keep_sizes(&sizes.text()));
            let _as_usual_next_time = timeout(LONGEST_FAREWELL, keep).await;
        }
        if let Some(keeper) = &self.keeper {
            keeper.finish().await;
        }
    }

    fn send(&mut self, ticket: Ticket, command: Command, intent: Intent) {
        let (intents, inbox) = (self.intents.clone(), self.inbox.clone());
        let b = Arc::clone(&self.backend);
        while self.sending.try_join_next().is_some() {}
        self.sending.spawn(async move {
            fault::here(Layer::Task);
            let Intent { key, service, what, .. } = intent.clone();
            if let Some(intents) = &intents
                && let Err(why) = intents.note(intent).await
            {
                let service = service.clone();
                let not_noted = Message::NotNoted { service, what, why };
                let _console_is_gone = inbox.send(not_noted).await;
            }
            let answer = b.command(&service, command, key.clone()).await;
            let lost = matches!(answer, Err(BackendError::Unknown(_)));
            let _console_is_gone = inbox.send(Message::Answered { ticket, answer }).await;
            if let Some(intents) = intents.filter(|_| !lost) {
                intents.settle(&key).await;
            }
        });
    }

    /// Reports each unanswered command twice: when it is found, and when its result is known.
    fn recall(&mut self, folder: PathBuf) {
        let intents = self.intents.insert(Intents::in_folder(folder)).clone();
        let (backend, inbox) = (Arc::clone(&self.backend), self.inbox.clone());
        tokio::spawn(async move {
            for intent in intents.orphaned().await {
                let _console_is_gone = inbox.send(Message::Left(intent.clone())).await;
                let (backend, inbox) = (Arc::clone(&backend), inbox.clone());
                let intents = Some(intents.clone());
                tokio::spawn(async move {
                    let answer = conclude(&*backend, &intent.key, intents).await;
                    let _console_is_gone = inbox.send(Message::Recalled { intent, answer }).await;
                });
            }
        });
    }

    fn watch_fleet(&mut self, after: Option<Version>, due: Instant) {
        let keeper = self.keeper.clone();
        let task = self.ask(move |b| async move {
            until(due).await;
            let answer = b.fleet(after, LONGEST_WAIT).await;
            if let (Some(keeper), Ok(fleet)) = (keeper, &answer) {
                keeper.fleet(fleet.as_ref());
                learn_person(keeper, b.clone());
            }
            Message::Fleet(answer.map(|fleet| fleet.map(Box::new)))
        });
        self.fleet.replace(task);
    }

    fn watch_service(&mut self, service: ServiceName, after: Option<Version>, due: Instant) {
        let keeper = self.keeper.clone();
        let task = self.ask(move |b| async move {
            until(due).await;
            let answer = b.service(&service, after, LONGEST_WAIT).await;
            if let (Some(keeper), Ok(snapshot)) = (keeper, &answer) {
                keeper.service(&service, snapshot.as_ref());
                learn_person(keeper, b.clone());
            }
            Message::Service(service, answer.map(|snapshot| snapshot.map(Box::new)))
        });
        self.watch.replace(task);
    }

    fn watch_timeline(&mut self, range: TimelineRange, after: Option<Version>, due: Instant) {
        let task = self.ask(move |b| async move {
            until(due).await;
            let answer = b.timeline(range, after, LONGEST_WAIT).await;
            Message::Timeline { range, answer: answer.map(|page| page.map(Box::new)) }
        });
        self.timeline.replace(task);
    }

    fn read_log(&mut self, source: LogSource, from: LogFrom, limit: usize, due: Instant) {
        let task = self.ask(move |b| async move {
            until(due).await;
            let LogSource { service, deployment, step } = &source;
            let answer = b.log(service, *deployment, *step, from, limit, LONGEST_WAIT).await;
            Message::Log { source, from, answer }
        });
        self.log.replace(task);
    }

    fn search_log(&mut self, source: LogSource, search: LogSearch, due: Instant) {
        let task = self.ask(move |b| async move {
            until(due).await;
            let LogSource { service, deployment, step } = &source;
            let answer = b.search_log(service, *deployment, *step, search.clone()).await;
            Message::LogSearched { source, search, answer }
        });
        self.log.replace(task);
    }

    fn filter_log(&mut self, source: LogSource, read: FilteredRead, due: Instant) {
        let task = self.ask(move |b| async move {
            until(due).await;
            let LogSource { service, deployment, step } = &source;
            // What is only counted is there already.
            let wait = if read.limit == 0 { Duration::ZERO } else { LONGEST_WAIT };
            let answer = b.filter_log(service, *deployment, *step, read.clone(), wait).await;
            Message::LogFiltered { source, read, answer }
        });
        self.log.replace(task);
    }

    fn read_last(&self, states: LastStates, service: Option<ServiceName>, due: Instant) {
        self.ask(move |_| async move {
            until(due).await;
            let read = move || match service {
                None => Message::LastFleet(states.fleet()),
                Some(service) => {
                    let found = states.service(&service);
                    Message::LastService(service, found)
                }
            };
            let read = tokio::task::spawn_blocking(read).await;
            read.unwrap_or_else(|why| Message::LastFleet(Err(why.to_string())))
        });
    }

    fn ask<F>(&self, question: impl FnOnce(Arc<B>) -> F) -> AbortHandle
    where
        F: Future<Output = Message> + Send + 'static,
    {
        let (answer, inbox) = (question(Arc::clone(&self.backend)), self.inbox.clone());
        let task: JoinHandle<()> = tokio::spawn(async move {
            fault::here(Layer::Task);
            // A closed inbox means that the console has ended.
            let _ = inbox.send(answer.await).await;
        });
        task.abort_handle()
    }
}

/// Asks who sees what is kept, unless that is known. No answer waits for it.
fn learn_person<B: Backend>(keeper: Arc<StateKeeper>, backend: Arc<B>) {
    if !keeper.knows_person() {
        tokio::spawn(async move {
            if let Ok(who) = backend.who_am_i().await {
                keeper.person(who.name);
            }
        });
    }
}

/// A task that is aborted when it is replaced or dropped.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::scripted::{SERVICE, Scripted};
    use crate::domain::ids::IdempotencyKey;

    #[tokio::test(start_paused = true)]
    async fn a_command_that_was_pressed_is_sent_before_the_console_ends() {
        let backend = Scripted::new(chrono::DateTime::UNIX_EPOCH);
        let (inbox, _console) = mpsc::channel(1);
        let mut performer = Performer::new(backend.clone(), inbox);
        let key = IdempotencyKey::try_from("12345678".to_owned()).unwrap();
        let service: ServiceName = SERVICE.parse().unwrap();
        let (environment, reason) = (Environment::Production, "errors".to_owned());
        let command = Command::Hold { environment, reason };
        let intent = Intent {
            key: key.clone(),
            service,
            what: "the hold".into(),
            at: chrono::DateTime::UNIX_EPOCH,
        };
        performer.send(Ticket::default(), command, intent);
        performer.finish().await;
        assert!(backend.receipt(&key).await.unwrap().is_some());
    }
}
