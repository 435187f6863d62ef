//! Asks the services themselves, their targets or their commands what runs: again and again, once a deployment has ended, and for
//! every plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex as TurnMutex, OwnedMutexGuard, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::ObserveContext;
use super::live_answer::LiveClients;
use super::live_command;
use super::live_lines::{self, TargetHeard};
use super::live_target::LiveTarget;
use crate::domain::event::{TargetAnswer, TargetSaid};
use crate::domain::ids::{CommitPrefix, DeploymentId, Environment, ServiceName};
use crate::domain::instant;
use crate::domain::live_source::{AskedOf, LiveAddress, LiveQuestion, LiveSource, LiveSources};
use crate::domain::target::TargetName;
use crate::domain::time::{between, say};
use crate::engine::asked::AskedCommands;
use crate::engine::backoff::pause;
use crate::engine::input::Input;
use crate::engine::live_read::{LiveAnswer, LiveRead};
use crate::engine::world::{Trouble, World};

/// The longest pause after questions that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// How many times as old as it took may the answer of a command be that counts as fresh: a slow one is not run all the time.
const TIMES_AS_OLD: u32 = 3;

type PlaceKey = (ServiceName, Environment);
/// The last deployment that ended, and the wave of another that waits.
type Moment = (Option<DeploymentId>, Option<(DeploymentId, u32)>);
type SharedPlace = Arc<TurnMutex<LivePlace>>;

/// Asks what services run.
pub struct LiveReads {
    context: ObserveContext,
    clients: LiveClients,
    asked: Arc<AskedCommands>,
    places: Mutex<HashMap<PlaceKey, SharedPlace>>,
    /// The last answers in which nothing was missing.
    whole: Mutex<HashMap<PlaceKey, WholeAnswer>>,
}

/// When all was answered, by whom, and after which deployment it was asked.
struct WholeAnswer {
    source: LiveSource,
    after: Option<DeploymentId>,
    at: DateTime<Utc>,
}

/// What is known of one environment of a service.
#[derive(Default)]
struct LivePlace {
    source: Option<LiveSource>,
    asked: Option<Instant>,
    took: Duration,
    /// When it last answered, by the clock of the engine.
    answered: Option<DateTime<Utc>>,
    failures: u32,
    /// The answers of the service as a whole.
    one: LiveTarget,
    /// Those of its targets.
    targets: BTreeMap<TargetName, LiveTarget>,
}

/// What was answered.
enum Heard {
    One(CommitPrefix),
    Each(Vec<TargetHeard>),
}

impl Heard {
    /// Whether nobody answered.
    fn is_silent(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Each(all) => all.iter().all(|(_, heard)| heard.is_err()),
        }
    }
}

impl LiveReads {
    pub(in crate::engine) fn new(context: ObserveContext, asked: Arc<AskedCommands>) -> Self {
        let (places, whole) = (Mutex::default(), Mutex::default());
        Self { context, clients: LiveClients::new(), asked, places, whole }
    }

    /// Asks once more, unless it was asked just now. What it says is known to whatever is decided next. Waits no longer than
    /// this, and not at all where it is known already that nobody answers: what is not known then is said so. Where the last
    /// answer is young, a command that takes long is no news for anybody else: then that is returned, as a sentence.
    pub async fn ask_before(
        self: &Arc<Self>,
        service: &ServiceName,
        of: Environment,
        longest: Duration,
    ) -> Option<String> {
        let deadline = Instant::now() + longest;
        let key = (service.clone(), of);
        let (source, place) = self.place(&key)?;
        let is_silent = self.context.world.read(|world| {
            world
                .services
                .get(service)
                .is_some_and(|service| service.state.unread.contains_key(&of))
        });
        let in_time = match place.clone().try_lock_owned() {
            // Somebody asks now: no second question beside it.
            Err(_) if is_silent => return None,
            Err(_) => timeout_at(deadline, place.lock()).await.is_ok(),
            Ok(mut turn) => {
                turn.turn_to(&source);
                if turn.is_fresh(self.context.times.pace) {
                    return None;
                }
                let (reads, key, source) = (self.clone(), key.clone(), source.clone());
                let asking =
                    tokio::spawn(async move { Box::pin(reads.ask_now(key, source, turn)).await });
                if is_silent {
                    return None;
                }
                timeout_at(deadline, asking).await.is_ok()
            }
        };
        let unanswered = if in_time { None } else { self.not_answered_yet(&key, &source) };
        if !in_time && unanswered.is_none() {
            let why = format!("it has not answered within {}", say(longest));
            let trouble = Some(trouble(of, &source, &why, None));
            self.tell(&key, &source, None, (None, trouble, None), deadline).await;
        }
        unanswered
    }

    /// How old the last answer is, if it came after the last deployment and is hardly older than answers become anyway.
    fn not_answered_yet(&self, key: &PlaceKey, source: &LiveSource) -> Option<String> {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let last = whole.get(key).filter(|last| last.source == *source)?;
        let age = between(last.at, self.context.clock.now());
        if age > self.context.times.live * 2 || last.after != self.last_ended(key) {
            return None;
        }
        let (of, name, ago) = (key.1, source.name(), say(age));
        Some(format!("{name} has not said yet what {of} runs now; its last answer came {ago} ago"))
    }

    fn place(&self, key: &PlaceKey) -> Option<(LiveSource, SharedPlace)> {
        let source = self.context.world.read(|world| {
            let file = world.services.get(&key.0)?.file.as_ref()?;
            file.live.of(key.1).cloned()
        })?;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Some((source, places.entry(key.clone()).or_default().clone()))
    }

    /// Asks once. Returns the pause until the next question.
    async fn ask(&self, key: &PlaceKey) -> Duration {
        let Some((source, place)) = self.place(key) else { return self.context.times.live };
        let mut turn = place.lock_owned().await;
        turn.turn_to(&source);
        Box::pin(self.ask_now(key.clone(), source, turn)).await
    }

    async fn ask_now(
        &self,
        key: PlaceKey,
        source: LiveSource,
        mut place: OwnedMutexGuard<LivePlace>,
    ) -> Duration {
        let (of, begun, after) = (key.1, Instant::now(), self.last_ended(&key));
        let was_deploying = self.is_deploying(&key);
        let heard = self.heard(&key, &source).await;
        place.took = begun.elapsed();
        // A service that is deployed may be away meanwhile: that says nothing of afterwards.
        let is_silent = heard.as_ref().map_or(true, Heard::is_silent);
        let hangs = is_silent && place.took >= source.longest();
        let is_between =
            || !was_deploying && !self.is_deploying(&key) && after == self.last_ended(&key);
        let hangs = (!is_silent || is_between()).then_some(hangs);
        let (answer, trouble) = match heard {
            Ok(heard) => {
                place.failures = 0;
                place.answered = Some(self.context.clock.now());
                let silent = silent(of, &heard);
                if silent.is_none() {
                    let at = self.context.clock.now();
                    let last = WholeAnswer { source: source.clone(), after, at };
                    let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
                    whole.insert(key.clone(), last);
                }
                (self.answer(&key, &mut place, heard, after).await, silent)
            }
            Err(why) => {
                place.failures = place.failures.saturating_add(1);
                (None, Some(trouble(of, &source, &why, place.answered)))
            }
        };
        let far = Instant::now() + LONGEST_PAUSE;
        self.tell(&key, &source, after, (answer, trouble, hangs), far).await;
        place.asked = Some(Instant::now());
        let every = self.context.times.live;
        let is_calm = place.is_calm() && !self.is_awaited(&key, &source);
        let every = if is_calm { every } else { every.min(self.context.times.pace) };
        pause(every, place.failures, LONGEST_PAUSE.max(every))
    }

    async fn heard(&self, key: &PlaceKey, source: &LiveSource) -> Result<Heard, String> {
        match &source.question {
            LiveQuestion::One(address) => self.address(address).await.map(Heard::One),
            LiveQuestion::Each(all) => {
                let asked = all.iter().map(|(name, address)| async move {
                    (name.clone(), self.address(address).await)
                });
                Ok(Heard::Each(futures_util::future::join_all(asked).await))
            }
            LiveQuestion::Command(command) => {
                let of = (&key.0, key.1);
                let text = Box::pin(live_command::ask(&self.asked, of, command)).await?;
                let alone = key.1.as_str().parse().map_err(|_| "it has no name".to_owned())?;
                let mut all = live_lines::answers(&text, &alone)?;
                all.extend(self.unnamed(key, &all));
                Ok(Heard::Each(all))
            }
        }
    }

    async fn address(&self, address: &LiveAddress) -> Result<CommitPrefix, String> {
        self.context.engines.may_ask_live(&address.url).await.map_err(|why| why.to_string())?;
        self.clients.ask(address).await
    }

    /// The targets that a command named before and does not name now.
    fn unnamed(&self, (service, of): &PlaceKey, named: &[TargetHeard]) -> Vec<TargetHeard> {
        let expected = self.context.world.read(|world| {
            let service = world.services.get(service)?;
            Some(service.state.expected_to_answer(*of))
        });
        let expected = expected.into_iter().flatten();
        let gone = expected.filter(|known| named.iter().all(|(name, _)| name != known));
        gone.map(|gone| (gone, Err("it is not named any more".to_owned()))).collect()
    }

    /// What the answers say; nothing while that is not known of one of them.
    async fn answer(
        &self,
        key: &PlaceKey,
        place: &mut LivePlace,
        heard: Heard,
        after: Option<DeploymentId>,
    ) -> Option<LiveAnswer> {
        // Answers that flap must not count as new ones because one of them counted as a deployment.
        let is_made = |world: &World| {
            let last = world.services.get(&key.0)?.state.last_ended(key.1)?;
            (!last.is_said()).then_some(last.id)
        };
        let after = self.context.world.read(is_made).filter(|made| after == Some(*made));
        let (context, since) = (&self.context, (self.is_deploying(key), after));
        let each = match heard {
            Heard::One(commit) => {
                let says = place.one.says(context, &key.0, commit, since).await;
                return says.map(LiveAnswer::One);
            }
            Heard::Each(each) => each,
        };
        place.targets.retain(|known, _| each.iter().any(|(name, _)| name == known));
        let mut all = Vec::with_capacity(each.len());
        for (target, heard) in each {
            let known = place.targets.entry(target.clone()).or_default();
            let answer = match heard {
                Ok(commit) => {
                    let says = known.says(context, &key.0, commit, since).await?;
                    TargetAnswer::Says(says)
                }
                Err(why) => TargetAnswer::Unread(why),
            };
            all.push(TargetSaid { target, answer });
        }
        Some(LiveAnswer::Each(all))
    }

    fn is_deploying(&self, (service, environment): &PlaceKey) -> bool {
        self.context.world.read(|world| {
            let service = world.services.get(service);
            service.is_some_and(|service| service.state.in_flight(*environment).is_some())
        })
    }

    /// Whether targets were not heard since the last deployment there ended.
    fn is_awaited(&self, (service, of): &PlaceKey, source: &LiveSource) -> bool {
        let is_heard = |world: &World| {
            let state = world.services.get(service).map(|service| &service.state);
            let paused = state.and_then(|state| state.paused(*of)?.waiting_wave());
            let is_waves_heard = paused.is_none_or(|wait| wait.effect.is_some());
            is_waves_heard && state.is_none_or(|state| state.is_heard(*of))
        };
        source.asked_of() == AskedOf::Targets && !self.context.world.read(is_heard)
    }

    /// Tells the writer, and waits until it has taken it in, at most until then.
    async fn tell(
        &self,
        (service, environment): &PlaceKey,
        source: &LiveSource,
        after: Option<DeploymentId>,
        (answer, trouble, hangs): (Option<LiveAnswer>, Option<Trouble>, Option<bool>),
        until: Instant,
    ) {
        let read = LiveRead {
            service: service.clone(),
            environment: *environment,
            host: source.name(),
            after,
            settle: source.settle,
            answer,
            trouble,
            hangs,
        };
        let _in_time = timeout_at(until, self.send(read)).await;
    }

    async fn send(&self, read: LiveRead) {
        let now = self.context.clock.now();
        if self.context.world.read(|world| read.is_news(world, now)) {
            let (taken, is_taken) = oneshot::channel();
            let input = Input::LiveRead(Box::new(read), taken);
            if self.context.inputs.send(input).await.is_ok() {
                let _stopped = is_taken.await;
            }
        }
    }

    /// Asks at one place until it is aborted.
    async fn follow(self: Arc<Self>, key: PlaceKey) {
        loop {
            let before = self.moment(&key);
            let pause = Box::pin(self.ask(&key)).await;
            self.until_due(&key, before, pause).await;
        }
    }

    /// Waits for so long, or until a deployment there, or a wave of one, ends.
    async fn until_due(&self, key: &PlaceKey, before: Moment, pause: Duration) {
        let mut changes = self.context.world.changes();
        let due = Instant::now() + pause;
        while self.moment(key) == before {
            let change = async {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = sleep_until(due) => return,
                () = change => {}
            }
        }
    }

    /// What ended there last.
    fn moment(&self, key: &PlaceKey) -> Moment {
        let wave = self.context.world.read(|world| {
            let paused = world.services.get(&key.0)?.state.paused(key.1)?;
            Some((paused.id, paused.waiting_wave()?.number))
        });
        (self.last_ended(key), wave)
    }

    fn last_ended(&self, (service, of): &PlaceKey) -> Option<DeploymentId> {
        self.context.world.read(|world| {
            let last = world.services.get(service)?.state.last_ended(*of);
            last.map(|last| last.id)
        })
    }
}

impl LivePlace {
    /// What was known of another source counts no more.
    fn turn_to(&mut self, source: &LiveSource) {
        if self.source.as_ref() != Some(source) {
            *self = Self { source: Some(source.clone()), ..Self::default() };
        }
    }

    /// Whether it was asked just now.
    fn is_fresh(&self, pace: Duration) -> bool {
        let question = self.source.as_ref().map(|source| &source.question);
        let is_command = matches!(question, Some(LiveQuestion::Command(_)));
        let times = if is_command { TIMES_AS_OLD } else { 0 };
        let limit = pace.max(self.took.saturating_mul(times));
        self.asked.is_some_and(|asked| asked.elapsed() < limit)
    }

    fn is_calm(&self) -> bool {
        self.one.is_calm() && self.targets.values().all(LiveTarget::is_calm)
    }
}

/// Asks at all places, as the service files are now.
pub(in crate::engine) async fn ask_all(reads: Arc<LiveReads>) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<PlaceKey, AbortHandle> = HashMap::new();
    loop {
        let wanted = reads.context.world.read(places);
        for (_, gone) in running.extract_if(|place, _| !wanted.contains(place)) {
            gone.abort();
        }
        for place in wanted {
            if running.get(&place).is_none_or(AbortHandle::is_finished) {
                let task = tasks.spawn(reads.clone().follow(place.clone()));
                running.insert(place, task);
            }
        }
        while tasks.try_join_next().is_some() {}
        for read in reads.context.world.read(of_nobody) {
            let _in_time = timeout(LONGEST_PAUSE, reads.send(read)).await;
        }
        sleep(reads.context.poll).await;
    }
}

fn places(world: &World) -> Vec<PlaceKey> {
    let mut all = Vec::new();
    for service in world.services.values() {
        let sources = service.file.as_ref().map(|file| &file.live);
        let of_service = sources.into_iter().flat_map(LiveSources::all);
        all.extend(of_service.map(|(environment, _)| (service.name.clone(), environment)));
    }
    all
}

/// The end of what is said of places that no file names any more.
fn of_nobody(world: &World) -> Vec<LiveRead> {
    let mut all = Vec::new();
    for service in world.services.values() {
        let Some(file) = &service.file else { continue };
        let gone = service.state.unread.keys().filter(|of| file.live.of(**of).is_none());
        all.extend(gone.map(|environment| LiveRead {
            service: service.name.clone(),
            environment: *environment,
            host: String::new(),
            after: None,
            settle: Duration::ZERO,
            answer: None,
            trouble: None,
            hangs: Some(false),
        }));
    }
    all
}

const REMEDY: &str = "see live in trunkline.toml; trunkline retries automatically";

fn trouble(
    of: Environment,
    source: &LiveSource,
    why: &str,
    answered: Option<DateTime<Utc>>,
) -> Trouble {
    let as_of = as_of(answered);
    Trouble::new(format!("{} does not say what {of} runs: {why}; {as_of}", source.name()), REMEDY)
}

fn as_of(answered: Option<DateTime<Utc>>) -> String {
    match answered {
        Some(at) => format!("its last answer is of {}", instant::in_utc(at)),
        None => "it has not answered yet".to_owned(),
    }
}

/// The targets that did not answer, if some did not.
fn silent(of: Environment, heard: &Heard) -> Option<Trouble> {
    let Heard::Each(all) = heard else { return None };
    let silent = all.iter().filter_map(|(target, heard)| {
        let why = heard.as_ref().err()?;
        Some(format!("{target} ({why})"))
    });
    let silent: Vec<_> = silent.collect();
    if silent.is_empty() {
        return None;
    }
    let what = format!("it is not known what {of} runs at {}", silent.join(", "));
    Some(Trouble::new(what, REMEDY))
}
