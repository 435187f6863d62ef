//! A record of several services that a test writes fact by fact, as the notifier reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use trunkline::calendar::FreezeWindow;
use trunkline::config::notify::ServiceDestination;
use trunkline::config::operator_files::OperatorFiles;
use trunkline::domain::event::{DeploymentRequest, Event, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{DeploymentId, Seq, ServiceName};
use trunkline::domain::incident::IncidentPolicy;
use trunkline::domain::notice::DestinationName;
use trunkline::domain::people::{Actor, People};
use trunkline::domain::service::ServiceState;
use trunkline::engine::clock::{Clock as _, SystemClock};
use trunkline::notify::source::{NoticeSource, ToldService};
use trunkline::notify::{Notifier, NotifyOptions, NotifyTimes};
use trunkline::store::outbox::{OUTBOX, Outbox};

use crate::record;
use crate::slack::{FakeSlack, TOKEN};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(3);
/// Everything at once.
pub const FAST: NotifyTimes = NotifyTimes {
    first: Duration::from_millis(2),
    longest: Duration::from_millis(20),
    settle: Duration::from_millis(2),
    pace: Some(Duration::ZERO),
    collect: Duration::from_millis(1),
    look: Duration::from_millis(20),
};

/// The record. Clones are the same one.
#[derive(Clone)]
pub struct NoticeRecord {
    written: Arc<Mutex<WrittenRecord>>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
pub struct WrittenRecord {
    pub events: Vec<Event>,
    pub states: BTreeMap<ServiceName, ServiceState>,
    pub people: People,
    pub incidents: IncidentPolicy,
    pub destinations: BTreeMap<DestinationName, ServiceDestination>,
    pub windows: Vec<FreezeWindow>,
    /// The services whose production they do not hold.
    pub unheld: BTreeSet<ServiceName>,
    pub on_call: Vec<String>,
    /// Whether no service file was read yet.
    pub is_unread: bool,
    /// The services whose file alone was not read yet.
    pub unread: BTreeSet<ServiceName>,
    pub tail: Vec<String>,
    /// What its clock says, if that stands still.
    pub at: Option<DateTime<Utc>>,
    /// How far the clock of the notifier is ahead.
    pub ahead: TimeDelta,
    /// What the notifier said is wrong.
    pub told: Option<String>,
    /// How often the notifier came to the end of the record since something changed.
    pub looks: usize,
}

impl Default for NoticeRecord {
    fn default() -> Self {
        let (changed, _) = watch::channel(0);
        Self { written: Arc::default(), changed }
    }
}

impl NoticeRecord {
    pub fn written(&self) -> MutexGuard<'_, WrittenRecord> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more fact of a service.
    pub fn push(&self, service: &str, actor: Actor, fact: Fact) -> Seq {
        let at = self.now();
        let mut written = self.written();
        let seq = Seq(written.events.last().map_or(0, |event| event.seq.0) + 1);
        let event = Event { seq, at, service: service.parse().unwrap(), actor, fact };
        written.states.entry(event.service.clone()).or_default().apply(&event);
        written.events.push(event);
        written.looks = 0;
        drop(written);
        self.changed.send_modify(|count| *count += 1);
        seq
    }

    /// Changes what is known besides.
    pub fn change(&self, change: impl FnOnce(&mut WrittenRecord)) {
        let mut written = self.written();
        change(&mut written);
        written.looks = 0;
        drop(written);
        self.changed.send_modify(|count| *count += 1);
    }

    pub fn build(&self, service: &str, number: u64, author: &str) {
        let commit = record::commit(number, author);
        self.push(service, Actor::System, record::found(number, vec![commit]));
    }

    /// A deployment that begins, with its first step.
    pub fn begin(&self, service: &str, actor: Actor, request: DeploymentRequest) -> DeploymentId {
        let has_steps = !request.steps.is_empty();
        let id = self.push(service, actor, Fact::DeploymentRequested(request));
        let deployment = DeploymentId::from(id);
        let started = Fact::DeploymentStarted { deployment, variables: None };
        self.push(service, Actor::System, started);
        if has_steps {
            let fact = Fact::StepStarted { deployment, step: 0, target: None };
            self.push(service, Actor::System, fact);
        }
        deployment
    }

    pub fn step_ended(&self, service: &str, deployment: DeploymentId, outcome: StepOutcome) {
        let took = Duration::from_secs(3);
        let fact =
            Fact::StepEnded { deployment, step: 0, target: None, outcome, took, ended_at: None };
        self.push(service, Actor::System, fact);
    }

    pub fn end(&self, service: &str, deployment: DeploymentId, outcome: Outcome) {
        self.push(service, Actor::System, Fact::DeploymentEnded { deployment, outcome });
    }
}

impl NoticeSource for NoticeRecord {
    async fn head(&self) -> Result<Seq, String> {
        Ok(self.written().events.last().map_or(Seq(0), |event| event.seq))
    }

    async fn events(&self, after: Seq, limit: usize) -> Result<Vec<Event>, String> {
        let mut written = self.written();
        let all = written.events.iter().filter(|event| event.seq > after);
        let all: Vec<_> = all.take(limit).cloned().collect();
        written.looks += usize::from(all.is_empty());
        Ok(all)
    }

    fn look<T>(&self, service: &ServiceName, read: impl FnOnce(ToldService<'_>) -> T) -> Option<T> {
        let written = self.written();
        let WrittenRecord { states, people, incidents, destinations, windows, .. } = &*written;
        let is_read = !written.is_unread && !written.unread.contains(service);
        let (state, on_call) = (states.get(service)?, &written.on_call);
        let windows = if written.unheld.contains(service) { &[][..] } else { windows };
        Some(read(ToldService {
            state,
            people,
            incidents,
            is_read,
            destinations,
            windows,
            on_call,
        }))
    }

    fn services(&self) -> Vec<ServiceName> {
        self.written().states.keys().cloned().collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn now(&self) -> DateTime<Utc> {
        let written = self.written();
        written.at.unwrap_or_else(|| SystemClock.now()) + written.ahead
    }

    async fn tail(&self, _: &ServiceName, _: DeploymentId, _: usize, lines: usize) -> Vec<String> {
        let tail = self.written().tail.clone();
        tail[tail.len().saturating_sub(lines)..].to_vec()
    }

    async fn tell(&self, what: Option<String>) {
        self.written().told = what;
        self.changed.send_modify(|count| *count += 1);
    }
}

/// A record, the Slack that is told of it, and the notifier between them.
pub struct ToldRecord {
    pub record: NoticeRecord,
    pub slack: FakeSlack,
    pub times: NotifyTimes,
    folder: tempfile::TempDir,
    notifier: Option<Notifier>,
}

impl ToldRecord {
    /// With these settings in the place of the usual ones. The record is read from its begin.
    pub fn with(settings: impl FnOnce(&FakeSlack) -> String) -> Self {
        let slack = FakeSlack::start(&["C1", "C2"]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), settings(&slack)).unwrap();
        let (record, times) = (NoticeRecord::default(), FAST);
        let told = Self { record, slack, times, folder, notifier: None };
        let mut outbox = told.outbox();
        outbox.add(Some(Seq(0)), &[], None, told.record.now()).unwrap();
        outbox.know(&"slack".parse().unwrap(), Seq(0)).unwrap();
        told
    }

    pub fn new() -> Self {
        Self::with(FakeSlack::settings)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn outbox(&self) -> Outbox {
        Outbox::open(&self.folder.path().join(OUTBOX)).unwrap()
    }

    pub fn start(&mut self) {
        self.record.written().looks = 0;
        let environment = BTreeMap::from([("SLACK_TOKEN".to_owned(), TOKEN.to_owned())]);
        let options = NotifyOptions {
            files: OperatorFiles::new(&self.folder.path().join("config.toml"), None),
            data: self.folder.path().to_owned(),
            environment: Arc::new(environment),
            pages: Some("https://deploys.example.org".to_owned()),
            times: self.times,
        };
        self.notifier = Notifier::start(self.record.clone(), options);
    }

    pub async fn stop(&mut self) {
        if let Some(notifier) = self.notifier.take() {
            assert!(notifier.stop().await, "the notifier panicked");
        }
    }

    /// Waits until this holds.
    pub async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is(self) {
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        let told = self.record.written().told.clone();
        assert!(waited.is_ok(), "not in time: {what}; {told:?}\n{:#?}", self.slack.channel("C1"));
    }

    /// Whether nothing waits, and everything was looked at. The second look comes after the first one has done its work.
    pub fn is_quiet(&self) -> bool {
        let looks = self.record.written().looks;
        let counts = self.outbox().counts().unwrap();
        looks >= 2 && counts.iter().all(|count| count.waiting == 0)
    }
}
