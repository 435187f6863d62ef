//! Attends one watch: its checks look side by side, so that one that hangs is in nobody's way.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::WatchContext;
use super::command::CommandProbe;
use super::probe::{ProbeClients, say_plainly};
use super::prometheus::PrometheusReader;
use super::report::{WatchNews, WatchReport};
use super::tally::WatchTally;
use crate::domain::ids::ServiceName;
use crate::domain::time::say;
use crate::domain::watch::{WatchCheck, WatchProbe, WatchSample, WatchState};
use crate::engine::asked::AskedCommands;
use crate::engine::input::Input;

/// How often what was seen is recorded, if nothing turns.
const SUMMARY: Duration = Duration::from_mins(1);
/// How many samples may wait for the watch.
const QUEUE: usize = 16;
/// How long beyond the most that it may take a look is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// What a check needs to look.
struct Looking {
    context: WatchContext,
    clients: Arc<ProbeClients>,
    service: ServiceName,
    watch: Box<WatchState>,
    check: WatchCheck,
}

/// Looks until the watch is over, and tells the writer what is seen.
pub(super) async fn attend(
    context: WatchContext,
    clients: Arc<ProbeClients>,
    service: ServiceName,
    watch: Box<WatchState>,
    checks: Vec<WatchCheck>,
) {
    let (samples, mut seen) = mpsc::channel(QUEUE);
    let mut looks = JoinSet::new();
    for check in checks {
        let looking = Looking {
            context: context.clone(),
            clients: clients.clone(),
            service: service.clone(),
            watch: watch.clone(),
            check,
        };
        looks.spawn(looking.go_on(samples.clone()));
    }
    let mut tally = WatchTally::of(&watch);
    let tell = |news| {
        let (deployment, wave) = (watch.deployment, watch.wave);
        let report = WatchReport { service: service.clone(), deployment, wave, news };
        context.inputs.send(Input::Watch(Box::new(report)))
    };
    let mut summary = interval_at(Instant::now() + SUMMARY, SUMMARY);
    loop {
        let left = left(watch.until, context.clock.now());
        tokio::select! {
            Some((check, sample)) = seen.recv() => {
                if let Some(turned) = tally.add(&check, sample) {
                    let (summaries, turned) = (tally.take(), vec![turned]);
                    let _stopped = tell(WatchNews::Seen { summaries, turned }).await;
                }
            }
            _ = summary.tick() => {
                let (summaries, turned) = (tally.take(), Vec::new());
                if !summaries.is_empty() {
                    let _stopped = tell(WatchNews::Seen { summaries, turned }).await;
                }
            }
            () = tokio::time::sleep(left.min(SUMMARY)) => {
                if context.clock.now() >= watch.until {
                    break;
                }
            }
        }
    }
    let (summaries, turned) = (tally.take(), Vec::new());
    let _stopped = tell(WatchNews::Seen { summaries, turned }).await;
    let _stopped = tell(WatchNews::Ends { so: None }).await;
}

fn left(until: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (until - now).to_std().unwrap_or_default()
}

impl Looking {
    async fn go_on(self, samples: mpsc::Sender<(String, WatchSample)>) {
        // Between two waves it looks as long as the pause lasts.
        let lasts = self.watch.began + self.check.lasts;
        let until = if self.watch.wave.is_some() { self.watch.until } else { lasts };
        let mut probe = self.probe();
        let mut ticks = interval_at(Instant::now() + self.first_after(), self.check.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.context.clock.now() >= until {
                return;
            }
            if self.is_changing() {
                continue;
            }
            let longest = self.check.timeout;
            let at_most = match &self.check.probe {
                WatchProbe::Run(_) => AskedCommands::at_most(longest),
                WatchProbe::Http(_) | WatchProbe::Prometheus(_) => longest,
            };
            let sample = timeout(at_most + GRACE, self.look(&mut probe)).await;
            let sample = sample.unwrap_or_else(|_| {
                WatchSample::unknown(format!("no answer within {}", say(longest)))
            });
            // A restart that another deployment makes is no news of this one.
            if self.is_changing() {
                continue;
            }
            let sample = WatchSample { says: say_plainly(&sample.says), ..sample };
            if samples.send((self.check.name.clone(), sample)).await.is_err() {
                return;
            }
        }
    }

    fn is_changing(&self) -> bool {
        self.context.world.read(|world| {
            let service = world.services.get(&self.service);
            let state = service.map(|service| &service.state);
            let environment = self.watch.environment;
            let is_it = |wave: u32| {
                let paused = state.and_then(|state| state.paused(environment));
                let paused = paused.filter(|paused| paused.id == self.watch.deployment);
                paused.and_then(|paused| paused.waiting_wave()).is_some_and(|w| w.number == wave)
            };
            match self.watch.wave {
                Some(wave) => !is_it(wave),
                None => state.is_some_and(|state| state.is_changing(environment)),
            }
        })
    }

    /// The checks of all services do not look at the same moment.
    fn first_after(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.service.as_str(), &self.check.name).hash(&mut hasher);
        let millis = u64::try_from(self.check.every.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(hasher.finish() % millis)
    }

    fn probe(&self) -> Probe {
        match &self.check.probe {
            WatchProbe::Run(run) => {
                let (asked, watch) = (self.context.asked.clone(), &self.watch);
                let probe = CommandProbe::new(asked, self.service.clone(), watch, run.clone());
                Probe::Command(Box::new(probe))
            }
            WatchProbe::Http(_) => Probe::Http,
            WatchProbe::Prometheus(probe) => {
                let usual_until = self.context.world.read(|world| {
                    let service = world.services.get(&self.service)?;
                    service.state.usual_until(self.watch.deployment)
                });
                let before = usual_until.unwrap_or(self.watch.began);
                let lasts = self.check.lasts;
                Probe::Prometheus(PrometheusReader::new(probe.clone(), before, lasts))
            }
        }
    }

    async fn look(&self, probe: &mut Probe) -> WatchSample {
        let longest = self.check.timeout;
        let url = match &self.check.probe {
            WatchProbe::Run(_) => None,
            WatchProbe::Http(probe) => Some(&probe.url),
            WatchProbe::Prometheus(probe) => Some(&probe.url),
        };
        if let Some(url) = url
            && let Err(why) = self.context.engines.may_ask_live(url).await
        {
            return WatchSample::unknown(why.to_string());
        }
        match (probe, &self.check.probe) {
            (Probe::Command(command), _) => command.look(longest).await,
            (Probe::Prometheus(reader), _) => reader.look(&self.clients, longest).await,
            (Probe::Http, WatchProbe::Http(probe)) => self.clients.look(probe, longest).await,
            (Probe::Http, _) => WatchSample::unknown("it has no address"),
        }
    }
}

/// What a check keeps between two looks.
enum Probe {
    Command(Box<CommandProbe>),
    Http,
    Prometheus(PrometheusReader),
}
