//! The notifier as a whole: a thread of its own, which nothing of the engine waits for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::Instant;

use super::consumer::{NoticeConsumer, PassError};
use super::opened::OpenDestination;
use super::queue::{DestinationQueue, NotifyShared, NotifyTimes};
use super::source::NoticeSource;
use crate::config::notify::DestinationSettings;
use crate::config::operator_files::OperatorFiles;
use crate::domain::notice::DestinationName;
use crate::store::outbox::{OUTBOX, Outbox};

/// How often the operator's files are read.
const READ_FILES: Duration = Duration::from_secs(2);
/// A destination in trouble is opened again after this: its token may be another one by now.
const OPEN_AGAIN: Duration = Duration::from_secs(30);
/// How often what was not told is counted.
const COUNT: Duration = Duration::from_secs(5);
/// The pause before an outbox that cannot be opened is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// What the notifier works with.
#[derive(Debug, Clone)]
pub struct NotifyOptions {
    pub files: OperatorFiles,
    /// The data folder.
    pub data: PathBuf,
    /// The environment in which trunkline was started.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Where people reach the server's pages.
    pub pages: Option<String>,
    pub times: NotifyTimes,
}

/// A running notifier.
#[derive(Debug)]
pub struct Notifier {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Notifier {
    /// Starts it, if the operator's files name a destination, or cannot be read.
    #[must_use]
    pub fn start(source: impl NoticeSource + Send, options: NotifyOptions) -> Option<Self> {
        if options.files.destinations().is_ok_and(|all| all.is_empty()) {
            return None;
        }
        let (stop, mut stopped) = watch::channel(false);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(why) => return tracing::error!(%why, "nobody is told: there is no runtime"),
            };
            let running = async {
                tokio::select! {
                    _ = stopped.changed() => {}
                    () = run(source, options) => {}
                }
            };
            let local = LocalSet::new();
            local.block_on(&runtime, running);
            // What was on its way has timers, which end only where a runtime is.
            let entered = runtime.enter();
            drop(local);
            drop(entered);
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(work);
        match thread {
            Ok(thread) => Some(Self { stop, thread }),
            Err(why) => {
                tracing::error!(%why, "nobody is told: there is no thread");
                None
            }
        }
    }

    /// Stops it at once. What was on its way is looked up at the next start. Returns whether it ran until now.
    pub async fn stop(self) -> bool {
        let _ended_already = self.stop.send(true);
        let thread = self.thread;
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        matches!(ended, Ok(Ok(())))
    }
}

async fn run<S: NoticeSource>(source: S, options: NotifyOptions) {
    let path = options.data.join(OUTBOX);
    let outbox = loop {
        match Outbox::open(&path) {
            Ok(outbox) => break outbox,
            Err(why) => {
                tracing::warn!(%why, "nobody is told");
                source.tell(Some(format!("nobody is told: {why}"))).await;
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    };
    let NotifyOptions { files, environment, pages, times, .. } = options;
    let (troubles, given_up) = (RefCell::default(), RefCell::default());
    let outbox = RefCell::new(outbox);
    let shared = Rc::new(NotifyShared { source, outbox, pages, times, troubles, given_up });
    let (woken, _) = watch::channel(0);
    let mut places = OpenPlaces {
        files,
        environment,
        shared: shared.clone(),
        open: BTreeMap::new(),
        woken,
        read: None,
    };
    let mut consumer = NoticeConsumer::new(shared.clone());
    let mut changes = shared.source.changes();
    let (mut told, mut counted) = (None, None::<Instant>);
    loop {
        changes.mark_unchanged();
        places.read_again().await;
        let all: Vec<_> = places.open.values().map(|place| place.to.clone()).collect();
        let (outbox, record) = match consumer.pass(&all).await {
            Ok(()) => (None, None),
            Err(PassError::Outbox(why)) => (Some(format!("nobody is told: {why}")), None),
            Err(PassError::Record(why)) => (None, Some(format!("nobody is told: {why}"))),
        };
        shared.note("outbox", outbox);
        shared.note("record", record);
        if counted.is_none_or(|at| at.elapsed() >= COUNT) {
            counted = Some(Instant::now());
            count_failed(&shared);
        }
        places.woken.send_modify(|count| *count += 1);
        let trouble = summary(&shared.troubles.borrow());
        if trouble != told {
            told.clone_from(&trouble);
            shared.source.tell(trouble).await;
        }
        tokio::select! {
            news = changes.changed() => match news {
                Ok(()) => tokio::time::sleep(times.collect).await,
                // The engine is gone.
                Err(_) => tokio::time::sleep(times.look).await,
            },
            () = tokio::time::sleep(times.look) => {}
        }
    }
}

/// Notes what was given up.
fn count_failed<S>(shared: &NotifyShared<S>) {
    let Ok(counts) = shared.outbox.borrow().counts() else { return };
    for count in counts {
        let name = &count.destination;
        let failed = count.failed;
        let what = match failed {
            0 => None,
            1 => Some(format!("1 notice was not told at {name}")),
            _ => Some(format!("{failed} notices were not told at {name}")),
        };
        shared.note(&format!("failed at {name}"), what);
    }
}

fn summary(troubles: &BTreeMap<String, String>) -> Option<String> {
    let first = troubles.values().next()?;
    Some(match troubles.len() {
        1 => first.clone(),
        count => format!("{first}; and {} more", count - 1),
    })
}

/// The destinations of the operator's files, each with its queue.
struct OpenPlaces<S> {
    files: OperatorFiles,
    environment: Arc<BTreeMap<String, String>>,
    shared: Rc<NotifyShared<S>>,
    open: BTreeMap<DestinationName, OpenPlace>,
    woken: watch::Sender<u64>,
    read: Option<Instant>,
}

struct OpenPlace {
    to: Rc<OpenDestination>,
    at: Instant,
    queue: AbortHandle,
}

impl Drop for OpenPlace {
    fn drop(&mut self) {
        self.queue.abort();
    }
}

impl<S: NoticeSource> OpenPlaces<S> {
    /// Opens what is new or another one now, and closes what is gone. With a mistake in a file all stays as it is.
    async fn read_again(&mut self) {
        if self.read.is_some_and(|at| at.elapsed() < READ_FILES) {
            return;
        }
        self.read = Some(Instant::now());
        let wanted = match self.files.destinations() {
            Ok(wanted) => wanted,
            Err(why) => return self.shared.note("settings", Some(why.in_one_line())),
        };
        self.shared.note("settings", None);
        self.open.retain(|name, _| wanted.contains_key(name));
        for (name, settings) in &wanted {
            self.open_one(name, settings).await;
        }
    }

    async fn open_one(&mut self, name: &DestinationName, settings: &DestinationSettings) {
        if let Some(known) = self.open.get(name) {
            let is_in_trouble = self.shared.troubles.borrow().contains_key(name.as_str());
            let is_old = is_in_trouble && known.at.elapsed() >= OPEN_AGAIN;
            if known.to.settings == *settings && !is_old {
                return;
            }
        }
        let opened = OpenDestination::open(name, settings, &self.environment).await;
        let about = format!("opening {name}");
        match opened {
            Ok(to) => {
                self.shared.note(&about, None);
                let to = Rc::new(to);
                let queue = DestinationQueue::new(self.shared.clone(), to.clone());
                let queue = tokio::task::spawn_local(queue.run(self.woken.subscribe()));
                let (at, queue) = (Instant::now(), queue.abort_handle());
                self.open.insert(name.clone(), OpenPlace { to, at, queue });
            }
            Err(why) => {
                self.shared.note(&about, Some(format!("{name} is not told: {why}")));
            }
        }
    }
}
