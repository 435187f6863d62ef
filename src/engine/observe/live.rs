//! Asks the services themselves what they run, again and again and before something is deployed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex as TurnMutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::ObserveContext;
use super::commit::{Deployed, not_there, resolve};
use super::live_answer::LiveClients;
use crate::domain::event::{SaidCommit, UnknownCommit};
use crate::domain::ids::{BuildNumber, CommitPrefix, Environment, ServiceName};
use crate::domain::instant;
use crate::domain::live_source::{LiveSource, LiveSources};
use crate::domain::repository_address::RepositoryAddress;
use crate::engine::backoff::pause;
use crate::engine::input::Input;
use crate::engine::live_read::LiveRead;
use crate::engine::sighting::DeployedBuild;
use crate::engine::world::{Trouble, World};

/// The longest pause after questions that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// How many answers are compared.
const COMPARED: usize = 6;
/// How long a commit that is no build is looked for among those to come.
const SURE_AFTER: Duration = Duration::from_secs(15);

type PlaceKey = (ServiceName, Environment);

/// Asks services what they run.
pub struct LiveReads {
    context: ObserveContext,
    clients: LiveClients,
    places: Mutex<HashMap<PlaceKey, Arc<TurnMutex<LivePlace>>>>,
}

/// What is known of one address.
#[derive(Default)]
struct LivePlace {
    source: Option<LiveSource>,
    asked: Option<Instant>,
    /// When it last answered, by the clock of the engine.
    answered: Option<DateTime<Utc>>,
    failures: u32,
    /// The last answers, oldest first.
    recent: VecDeque<CommitPrefix>,
    /// Since when the build of a commit is looked for.
    missed: Option<(CommitPrefix, Instant)>,
    /// What a commit is, as long as there is no newer build.
    resolved: Option<(CommitPrefix, Option<BuildNumber>, SaidCommit)>,
}

impl LiveReads {
    pub(in crate::engine) fn new(context: ObserveContext) -> Self {
        Self { context, clients: LiveClients::new(), places: Mutex::default() }
    }

    /// Asks once more, unless it was asked within the pace of looks. What it says has reached the writer before whatever is sent to that
    /// next. Waits no longer than this: what is not known then stays so.
    pub async fn ask_before(&self, service: &ServiceName, of: Environment, longest: Duration) {
        let _in_time = timeout(longest, self.ask(service, of, self.context.times.pace)).await;
    }

    /// Asks once, unless it was asked since. Returns the pause until the next question.
    async fn ask(&self, service: &ServiceName, of: Environment, unless: Duration) -> Duration {
        let every = self.context.times.live;
        let source = self.context.world.read(|world| {
            let file = world.services.get(service)?.file.as_ref()?;
            file.live.of(of).cloned()
        });
        let Some(source) = source else { return every };
        let key = (service.clone(), of);
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.entry(key.clone()).or_default().clone()
        };
        let mut place = place.lock().await;
        if place.source.as_ref() != Some(&source) {
            *place = LivePlace { source: Some(source.clone()), ..LivePlace::default() };
        }
        if place.asked.is_some_and(|asked| asked.elapsed() < unless) {
            return every;
        }
        let answer = match self.context.engines.may_ask_live(&source.url).await {
            Ok(()) => self.clients.ask(&source).await,
            Err(why) => Err(why.to_string()),
        };
        place.asked = Some(Instant::now());
        let answer = match answer {
            Ok(commit) => {
                place.failures = 0;
                place.answered = Some(self.context.clock.now());
                Ok(self.says(&key, &mut place, commit).await)
            }
            Err(why) => {
                place.failures = place.failures.saturating_add(1);
                Err(trouble(of, &source, &why, place.answered))
            }
        };
        self.tell(&key, &source, answer).await;
        let is_calm = place.recent.iter().all(|commit| place.recent.front() == Some(commit));
        let every = if is_calm { every } else { every.min(self.context.times.pace) };
        pause(every, place.failures, LONGEST_PAUSE.max(every))
    }

    /// What the last answers say together; nothing while that is not known.
    async fn says(
        &self,
        key: &PlaceKey,
        place: &mut LivePlace,
        commit: CommitPrefix,
    ) -> Option<SaidCommit> {
        if self.is_deploying(key) {
            place.recent.clear();
        }
        place.recent.push_back(commit.clone());
        while place.recent.len() > COMPARED {
            place.recent.pop_front();
        }
        match flapping(&place.recent) {
            Some(why) => Some(SaidCommit::Unknown(UnknownCommit { sha: None, why })),
            None => self.resolved(key, place, commit).await,
        }
    }

    fn is_deploying(&self, (service, environment): &PlaceKey) -> bool {
        self.context.world.read(|world| {
            let service = world.services.get(service);
            service.is_some_and(|service| service.state.in_flight(*environment).is_some())
        })
    }

    async fn resolved(
        &self,
        (service, _): &PlaceKey,
        place: &mut LivePlace,
        commit: CommitPrefix,
    ) -> Option<SaidCommit> {
        let newest = self
            .context
            .world
            .read(|world| Some(world.services.get(service)?.state.newest_build()?.number));
        if let Some((known, as_of, says)) = &place.resolved
            && (known, as_of) == (&commit, &newest)
        {
            return Some(says.clone());
        }
        let found = Box::pin(resolve(&self.context.world, service, &commit)).await;
        let found = found.inspect_err(
            |error| tracing::warn!(%commit, %error, "an answered commit cannot be looked up"),
        );
        let settling = self.context.times.settling;
        let says = match found.ok()? {
            Deployed::Build(DeployedBuild { number: build, sha, older }) => {
                SaidCommit::Build { build, sha, older }
            }
            Deployed::Unknown(unknown) => {
                let is_sure = self.given_up(service, place, &commit, SURE_AFTER.min(settling));
                SaidCommit::Unknown(is_sure.then_some(unknown)?)
            }
            Deployed::NotYet => {
                let is_sure = self.given_up(service, place, &commit, settling);
                SaidCommit::Unknown(is_sure.then(|| not_there(&commit))?)
            }
        };
        place.missed = None;
        let is_older = matches!(says, SaidCommit::Build { older: Some(_), .. });
        // The number of an older one may be another's soon.
        place.resolved = (!is_older).then(|| (commit, newest, says.clone()));
        Some(says)
    }

    /// Whether the build of a commit was looked for long enough. Else the trunk is looked at once more.
    fn given_up(
        &self,
        service: &ServiceName,
        place: &mut LivePlace,
        commit: &CommitPrefix,
        within: Duration,
    ) -> bool {
        let known = place.missed.take_if(|(missed, _)| missed == commit);
        let (commit, since) = known.unwrap_or_else(|| (commit.clone(), Instant::now()));
        place.missed = Some((commit, since));
        if since.elapsed() >= within {
            return true;
        }
        let address = self
            .context
            .world
            .read(|world| RepositoryAddress::of(&world.services.get(service)?.watched.repository));
        self.context.trunks.wake(address.as_slice());
        false
    }

    async fn tell(
        &self,
        (service, environment): &PlaceKey,
        source: &LiveSource,
        answer: Result<Option<SaidCommit>, Trouble>,
    ) {
        let read = LiveRead {
            service: service.clone(),
            environment: *environment,
            host: source.url.host().to_owned(),
            settle: source.settle,
            answer,
        };
        self.send(read).await;
    }

    async fn send(&self, read: LiveRead) {
        let now = self.context.clock.now();
        if self.context.world.read(|world| read.is_news(world, now)) {
            let _stopped = self.context.inputs.send(Input::LiveRead(Box::new(read))).await;
        }
    }

    /// Asks at one address until it is aborted.
    async fn follow(self: Arc<Self>, (service, environment): PlaceKey) {
        loop {
            let pause = Box::pin(self.ask(&service, environment, Duration::ZERO)).await;
            sleep(pause).await;
        }
    }
}

/// Asks all services what they run, as their files are now.
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
            reads.send(read).await;
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

/// The end of what is said of addresses that no file names any more.
fn of_nobody(world: &World) -> Vec<LiveRead> {
    let mut all = Vec::new();
    for service in world.services.values() {
        let Some(file) = &service.file else { continue };
        let gone = service.state.unread.keys().filter(|of| file.live.of(**of).is_none());
        all.extend(gone.map(|environment| LiveRead {
            service: service.name.clone(),
            environment: *environment,
            host: String::new(),
            settle: Duration::ZERO,
            answer: Ok(None),
        }));
    }
    all
}

fn trouble(
    of: Environment,
    source: &LiveSource,
    why: &str,
    answered: Option<DateTime<Utc>>,
) -> Trouble {
    let as_of = match answered {
        Some(at) => format!("its last answer is of {}", instant::in_utc(at)),
        None => "it has not answered yet".to_owned(),
    };
    let what = format!("{} does not say what {of} runs: {why}; {as_of}", source.url.host());
    Trouble::new(what, "see live in trunkline.toml; trunkline retries automatically")
}

/// Why the answers of a service say nothing: they went to another commit and back.
fn flapping(recent: &VecDeque<CommitPrefix>) -> Option<String> {
    let changes = recent.iter().zip(recent.iter().skip(1)).filter(|(one, next)| one != next);
    if changes.count() < 2 {
        return None;
    }
    let mut all: Vec<_> = recent.iter().map(|commit| short(commit.as_str())).collect();
    all.sort_unstable();
    all.dedup();
    let first: Vec<_> = all.into_iter().take(3).collect();
    Some(format!("its answers flap between {}", first.join(" and ")))
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
