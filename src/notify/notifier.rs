//! The notifier as a whole: a thread of its own, which nothing of the engine waits for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle, LocalSet};
use tokio::time::Instant;

use super::consumer::{NoticeConsumer, PassError};
use super::opened::{KnownDestination, OpenDestination};
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

/// How long its thread may take to end. What it does then can wait for the next start.
const END: Duration = Duration::from_secs(5);

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
    /// Resolves when its thread has ended; with an error, if that was no proper end.
    ended: oneshot::Receiver<()>,
}

impl Notifier {
    /// Starts it, if the operator's files name a destination, or cannot be read.
    #[must_use]
    pub fn start(source: impl NoticeSource + Send, options: NotifyOptions) -> Option<Self> {
        if options.files.destinations().is_ok_and(|all| all.is_empty()) {
            forget_all(&options);
            return None;
        }
        let (end, ended) = oneshot::channel();
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
            let _nobody_waits = end.send(());
        };
        let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(work);
        match thread {
            Ok(_) => Some(Self { stop, ended }),
            Err(why) => {
                tracing::error!(%why, "nobody is told: there is no thread");
                None
            }
        }
    }

    /// Stops it at once. What was on its way is looked up at the next start. Returns whether it ran until now.
    pub async fn stop(self) -> bool {
        let _ended_already = self.stop.send(true);
        let Ok(ended) = tokio::time::timeout(END, self.ended).await else {
            tracing::warn!("what tells others takes long to end; it is left behind");
            return true;
        };
        ended.is_ok()
    }
}

/// With no destination, what waits is for nobody, and no file names any.
fn forget_all(options: &NotifyOptions) {
    let path = options.data.join(OUTBOX);
    if !path.exists() {
        return;
    }
    let forgotten = Outbox::open(&path).and_then(|mut outbox| {
        outbox.set_server_file(&options.files.server)?;
        outbox.forget_others(&[])
    });
    if let Err(why) = forgotten {
        tracing::warn!(%why, "the outbox keeps what it has of destinations that are gone");
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
    if let Err(why) = outbox.set_server_file(&files.server) {
        tracing::warn!(%why, "the commands do not know which server file the engine reads");
    }
    let shared = Rc::new(NotifyShared {
        source,
        outbox: RefCell::new(outbox),
        pages,
        times,
        troubles: RefCell::default(),
        given_up: RefCell::default(),
        stale: RefCell::default(),
        wake: Notify::new(),
    });
    let (woken, _) = watch::channel(0);
    let mut places = OpenPlaces {
        files,
        environment,
        shared: shared.clone(),
        known: None,
        open: BTreeMap::new(),
        opening: BTreeMap::new(),
        woken,
        read: None,
    };
    let mut consumer = NoticeConsumer::new(shared.clone());
    let mut changes = shared.source.changes();
    let (mut told, mut counted) = (None, None::<Instant>);
    loop {
        changes.mark_unchanged();
        places.read_again().await;
        // Until it is known who is told, what happens waits in the record.
        if let Some(known) = &places.known {
            let all: Vec<_> = known.values().cloned().collect();
            let (outbox, record) = match consumer.pass(&all).await {
                Ok(()) => (None, None),
                Err(PassError::Outbox(why)) => (Some(format!("nobody is told: {why}")), None),
                Err(PassError::Record(why)) => (None, Some(format!("nobody is told: {why}"))),
            };
            shared.note("outbox", outbox);
            shared.note("record", record);
        }
        if counted.is_none_or(|at| at.elapsed() >= COUNT) {
            counted = Some(Instant::now());
            count_failed(&shared, places.known.as_ref());
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
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(times.look) => {}
        }
    }
}

/// Notes what was given up. Nobody has it sent again to a destination that is gone.
fn count_failed<S>(shared: &NotifyShared<S>, known: Option<&KnownPlaces>) {
    let Ok(counts) = shared.outbox.borrow().counts() else { return };
    for count in counts {
        let name = &count.destination;
        let is_there = known.is_none_or(|known| known.contains_key(name));
        let failed = if is_there { count.failed } else { 0 };
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

type KnownPlaces = BTreeMap<DestinationName, Rc<KnownDestination>>;

/// The destinations of the operator's files, each with its queue.
struct OpenPlaces<S> {
    files: OperatorFiles,
    environment: Arc<BTreeMap<String, String>>,
    shared: Rc<NotifyShared<S>>,
    /// Those that the files name, whether they can be opened or not; none before the files could be read.
    known: Option<KnownPlaces>,
    open: BTreeMap<DestinationName, OpenPlace>,
    opening: BTreeMap<DestinationName, OpeningPlace>,
    woken: watch::Sender<u64>,
    read: Option<Instant>,
}

struct OpenPlace {
    known: Rc<KnownDestination>,
    at: Instant,
    /// What its queue speaks to; none while another place is opened under its name.
    to: watch::Sender<Option<Rc<OpenDestination>>>,
    queue: AbortHandle,
}

/// One whose secrets are read, which may take a while.
struct OpeningPlace {
    known: Rc<KnownDestination>,
    work: JoinHandle<Result<OpenDestination, String>>,
}

impl Drop for OpenPlace {
    fn drop(&mut self) {
        self.queue.abort();
    }
}

impl Drop for OpeningPlace {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl<S: NoticeSource> OpenPlaces<S> {
    /// Opens what is new or another one now, and closes what is gone. With a mistake in a file all stays as it is.
    async fn read_again(&mut self) {
        self.take_opened().await;
        let is_asked = !self.shared.stale.borrow().is_empty();
        if !is_asked && self.read.is_some_and(|at| at.elapsed() < READ_FILES) {
            return;
        }
        self.read = Some(Instant::now());
        let wanted = match self.files.destinations() {
            Ok(wanted) => wanted,
            Err(why) => return self.shared.note("settings", Some(why.in_one_line())),
        };
        self.shared.note("settings", None);
        if !self.know(&wanted) {
            return;
        }
        let stale = self.shared.stale.take();
        let known: Vec<_> = self.known.iter().flat_map(BTreeMap::values).cloned().collect();
        for known in known {
            let is_stale = stale.contains(&known.name);
            self.open_one(known, is_stale);
        }
    }

    /// Returns whether that could be noted.
    fn know(&mut self, wanted: &BTreeMap<DestinationName, DestinationSettings>) -> bool {
        if self.known.is_none() {
            let names: Vec<_> = wanted.keys().collect();
            let forgotten = self.shared.outbox.borrow_mut().forget_others(&names);
            if let Err(why) = forgotten {
                self.shared.note("outbox", Some(format!("nobody is told: {why}")));
                return false;
            }
        }
        let mut before = self.known.take().unwrap_or_default();
        let known = |(name, settings): (&DestinationName, &DestinationSettings)| {
            let same = before.remove(name).filter(|known| known.settings == *settings);
            let known = same.unwrap_or_else(|| Rc::new(KnownDestination::new(name, settings)));
            (name.clone(), known)
        };
        self.known = Some(wanted.iter().map(known).collect());
        self.open.retain(|name, _| wanted.contains_key(name));
        self.opening.retain(|name, _| wanted.contains_key(name));
        true
    }

    fn open_one(&mut self, known: Rc<KnownDestination>, is_stale: bool) {
        let name = &known.name;
        if self.opening.get(name).is_some_and(|opening| Rc::ptr_eq(&opening.known, &known)) {
            return;
        }
        if let Some(place) = self.open.get(name) {
            if !Rc::ptr_eq(&place.known, &known) {
                // It may be another place: that one hears nothing more.
                place.to.send_replace(None);
            } else if !is_stale {
                let is_in_trouble = self.shared.troubles.borrow().contains_key(name.as_str());
                if !is_in_trouble || place.at.elapsed() < OPEN_AGAIN {
                    return;
                }
            }
        }
        let (environment, shared) = (self.environment.clone(), self.shared.clone());
        let (name, of) = (name.clone(), known.clone());
        let work = tokio::task::spawn_local(async move {
            let opened = OpenDestination::open(of, &environment).await;
            shared.wake.notify_one();
            opened
        });
        self.opening.insert(name, OpeningPlace { known, work });
    }

    /// Has what was opened used from its next request on. Its pauses stay.
    async fn take_opened(&mut self) {
        let ended = self.opening.iter().filter(|(_, opening)| opening.work.is_finished());
        let ended: Vec<_> = ended.map(|(name, _)| name.clone()).collect();
        for name in ended {
            let Some(mut opening) = self.opening.remove(&name) else { continue };
            let opened = (&mut opening.work).await;
            let opened = opened.unwrap_or_else(|_| Err("its secrets could not be read".to_owned()));
            let about = format!("opening {name}");
            match opened {
                Ok(to) => {
                    self.shared.note(&about, None);
                    self.use_opened(&opening.known, Rc::new(to));
                }
                Err(why) => {
                    self.shared.note(&about, Some(format!("{name} is not told: {why}")));
                    if let Some(place) = self.open.get_mut(&name) {
                        // Whoever waits for it need not wait longer.
                        place.to.send_modify(|_| ());
                        place.at = Instant::now();
                    }
                }
            }
        }
    }

    fn use_opened(&mut self, known: &Rc<KnownDestination>, to: Rc<OpenDestination>) {
        let at = Instant::now();
        if let Some(place) = self.open.get_mut(&known.name) {
            (place.known, place.at) = (known.clone(), at);
            place.to.send_replace(Some(to));
            return;
        }
        let (sender, opened) = watch::channel(Some(to.clone()));
        let queue = DestinationQueue::new(self.shared.clone(), to, opened);
        let queue = tokio::task::spawn_local(queue.run(self.woken.subscribe()));
        let queue = queue.abort_handle();
        let place = OpenPlace { known: known.clone(), at, to: sender, queue };
        self.open.insert(known.name.clone(), place);
    }
}
