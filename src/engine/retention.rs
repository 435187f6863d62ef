//! Keeps the data folder from filling up: removes old logs, and the mirrors and checkouts that nobody watches any more, and has
//! git pack the mirrors. It goes in small steps and waits while a rollback runs. What runs or could be rolled back to stays.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::checkouts;
use super::clock::Clock;
use super::input::Input;
use super::mirrors::Mirrors;
use super::runner::StepRunner;
use super::world::WorldReader;
use super::writer::CLOCK_PROBLEM;
use crate::config::retention::Retention;
use crate::config::user_file::{UserFile, Watched};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::retention::RetentionRule;
use crate::git::{display_url, tree};
use crate::store::KnownService;

/// After how many looks at the trunks it looks first, and then again: every eight minutes, if those are every five seconds.
const POLLS: [u32; 2] = [10, 100];
/// How many deployments are removed with one event.
const STEP: usize = 20;
/// How many are removed at most in one look, so that a mistake in the settings is noticed before much is gone.
const MOST: usize = 100;

/// What it needs.
pub(super) struct Keeper {
    world: WorldReader,
    inputs: mpsc::Sender<Input>,
    clock: Arc<dyn Clock>,
    runner: Arc<StepRunner>,
    mirrors: Arc<Mirrors>,
    /// The folders in which each service has a folder with trees.
    trees: [PathBuf; 2],
    /// The services that the record knew when the engine started.
    known: Vec<KnownService>,
    user_file: Option<PathBuf>,
    poll: Duration,
}

/// A deployment whose runs are on disk and that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OldRuns {
    service: ServiceName,
    deployment: DeploymentId,
    ended: DateTime<Utc>,
    size: u64,
}

/// The logs on disk.
#[derive(Debug, Default)]
struct OldLogs {
    /// Those that may be removed.
    old: Vec<OldRuns>,
    /// Those that the record says are removed already.
    recorded: Vec<DeploymentId>,
    /// The size of all others of the services that are known.
    total: u64,
}

impl Keeper {
    pub fn new(
        (world, inputs, clock): (WorldReader, mpsc::Sender<Input>, Arc<dyn Clock>),
        (runner, mirrors, trees): (Arc<StepRunner>, Arc<Mirrors>, [PathBuf; 2]),
        (known, user_file): (Vec<KnownService>, Option<PathBuf>),
        poll: Duration,
    ) -> Self {
        Self { world, inputs, clock, runner, mirrors, trees, known, user_file, poll }
    }

    pub async fn keep(self) {
        let mut sizes = HashMap::new();
        let [mut polls, later] = POLLS;
        loop {
            tokio::time::sleep(self.poll * std::mem::replace(&mut polls, later)).await;
            // What a file with mistakes does not say is not removed.
            let file = self.user_file.as_deref().map(UserFile::load).transpose();
            let Ok(file) = file else { continue };
            let kept = file.as_ref().map(|file| file.retention).unwrap_or_default();
            let kept = self.by_a_right_clock(kept);
            if let Err(error) = self.remove_logs(kept, &mut sizes).await {
                tracing::warn!(%error, "old logs could not be removed");
            }
            if let (Some(file), Some(age)) = (&file, kept.unwatched)
                && let Err(error) = self.remove_unwatched(&file.services, age).await
            {
                tracing::warn!(%error, "what nobody watches could not be removed");
            }
            for mirror in self.mirrors.all().await {
                self.until_no_rollback_runs().await;
                if let Err(error) = mirror.maintain_when_due().await {
                    tracing::warn!(%error, path = %mirror.path().display(), "a mirror could not be packed");
                }
            }
        }
    }

    /// `sizes` are those of the runs that were looked at before: what has ended changes no more.
    async fn remove_logs(
        &self,
        kept: Retention,
        sizes: &mut HashMap<DeploymentId, u64>,
    ) -> io::Result<()> {
        if let Err(error) = self.on_disk(StepRunner::remove_rest).await {
            tracing::warn!(%error, "the rest of a removed log stays");
        }
        let stored = self.on_disk(StepRunner::stored).await?;
        let stored: BTreeSet<_> = stored.into_iter().collect();
        for deployment in
            stored.iter().copied().filter(|id| !sizes.contains_key(id)).collect::<Vec<_>>()
        {
            let size = self.on_disk(move |runner| runner.size(deployment)).await;
            sizes.insert(deployment, size.unwrap_or_default());
        }
        let OldLogs { old, recorded, total } = self.old(&stored, sizes);
        // The size of what is needed may change.
        let ended: HashSet<_> = old.iter().map(|runs| runs.deployment).collect();
        sizes.retain(|id, _| ended.contains(id));
        self.remove(&recorded).await;
        let mut beyond = beyond(old, total, kept, self.clock.now());
        beyond.truncate(MOST);
        for (rule, service, deployments) in steps(beyond) {
            self.until_no_rollback_runs().await;
            let (reply, answer) = oneshot::channel();
            let input = Input::RemoveRuns { service, deployments, rule, reply };
            let _stopped = self.inputs.send(input).await;
            // The writer checks it again, and has recorded it when it answers.
            let Ok(removable) = answer.await else { return Ok(()) };
            self.remove(&removable).await;
        }
        Ok(())
    }

    /// What may be removed. What belongs to no service that is known counts for nothing: it would take the place of others.
    fn old(&self, stored: &BTreeSet<DeploymentId>, sizes: &HashMap<DeploymentId, u64>) -> OldLogs {
        // The newest tells whether the record has lost its end.
        let newest = stored.last();
        let mut found = OldLogs::default();
        // The writer goes on meanwhile, and checks again.
        for service in self.world.world().services.values() {
            let needed = checkouts::needed_ids(&service.state);
            for (id, deployment) in &service.state.deployments {
                if !stored.contains(id) {
                    continue;
                }
                if service.state.removed_runs.contains_key(id) {
                    found.recorded.extend((newest != Some(id)).then_some(*id));
                    continue;
                }
                let size = sizes.get(id).copied().unwrap_or_default();
                found.total += size;
                let is_kept = newest == Some(id) || needed.contains(id);
                if let Some(ended) = deployment.ended.as_ref().filter(|_| !is_kept) {
                    let (service, ended) = (service.name.clone(), ended.at);
                    found.old.push(OldRuns { service, deployment: *id, ended, size });
                }
            }
        }
        found
    }

    /// One that cannot be removed keeps no other one.
    async fn remove(&self, deployments: &[DeploymentId]) {
        for deployment in deployments.iter().copied() {
            self.until_no_rollback_runs().await;
            match self.on_disk(move |runner| runner.remove(deployment)).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::info!(%deployment, "its log stays while a process of it may run");
                }
                Err(error) => tracing::warn!(%deployment, %error, "its log could not be removed"),
            }
        }
    }

    /// By a clock that was set, nobody knows how old something is.
    fn by_a_right_clock(&self, kept: Retention) -> Retention {
        let was_set = self.world.read(|world| world.problems.contains_key(CLOCK_PROBLEM));
        if was_set { Retention { logs: None, unwatched: None, ..kept } } else { kept }
    }

    async fn until_no_rollback_runs(&self) {
        let rolls_back = || self.world.read(|w| w.services.values().any(|s| s.state.rolls_back()));
        while rolls_back() {
            tokio::time::sleep(self.poll).await;
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StepRunner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let runner = self.runner.clone();
        tokio::task::spawn_blocking(move || work(&runner)).await.map_err(io::Error::other)?
    }

    /// Removes mirrors of repositories that are not in the user file, and trees of services that are not.
    async fn remove_unwatched(&self, watched: &[Watched], age: Duration) -> io::Result<()> {
        self.note_watched();
        let since = SystemTime::from(self.clock.now()).checked_sub(age);
        let since = since.unwrap_or(SystemTime::UNIX_EPOCH);
        let mut aside = self.mirrors.put_aside(watched, since).await?;
        aside.extend(self.unwatched_trees(watched, since));
        for path in aside {
            self.until_no_rollback_runs().await;
            let shown = path.display().to_string();
            tracing::info!(path = shown, "removing what nobody watches any more");
            let removed = tokio::task::spawn_blocking(move || tree::remove(&path)).await;
            if let Err(error) = removed.map_err(io::Error::other)? {
                tracing::warn!(path = shown, %error, "it could not be removed");
            }
        }
        Ok(())
    }

    /// Dates the folders of the services that are watched now: from then on they get old.
    fn note_watched(&self) {
        let names: Vec<_> = self.world.read(|world| world.services.keys().cloned().collect());
        let now = SystemTime::from(self.clock.now());
        for folder in names.iter().flat_map(|name| self.trees_of(name)) {
            // One that is not there is not old either.
            let _not_there = File::open(folder).and_then(|folder| folder.set_modified(now));
        }
    }

    fn trees_of(&self, service: &ServiceName) -> [PathBuf; 2] {
        self.trees.each_ref().map(|folder| folder.join(service.as_str()))
    }

    fn unwatched_trees(&self, watched: &[Watched], since: SystemTime) -> Vec<PathBuf> {
        let is_watched = |known: &KnownService| {
            watched.iter().any(|watched| {
                display_url(&watched.repository) == known.repository
                    && watched.folder.clone().unwrap_or_default() == known.folder
            })
        };
        let is_shown =
            |known: &KnownService| self.world.read(|w| w.services.contains_key(&known.name));
        // One that was not read yet may be a service that has moved.
        if watched.iter().any(|watched| self.world.read(|w| w.service_at(watched).is_none())) {
            return Vec::new();
        }
        let unwatched = self.known.iter().filter(|known| !is_watched(known) && !is_shown(known));
        let folders = unwatched.flat_map(|known| self.trees_of(&known.name));
        folders.filter(|folder| is_older(folder, since)).collect()
    }
}

fn is_older(folder: &Path, since: SystemTime) -> bool {
    folder.metadata().and_then(|found| found.modified()).is_ok_and(|last| last < since)
}

/// What the retention does not keep, the oldest first. `total` is the size of all runs.
fn beyond(
    mut old: Vec<OldRuns>,
    mut total: u64,
    kept: Retention,
    now: DateTime<Utc>,
) -> Vec<(OldRuns, RetentionRule)> {
    old.sort_by_key(|runs| (runs.ended, runs.deployment));
    let mut rule = |runs: &OldRuns| {
        let age = (now - runs.ended).to_std().unwrap_or_default();
        let by_age = kept.logs.filter(|limit| age > *limit);
        let by_age = by_age.map(|limit| RetentionRule::Age { limit });
        let by_size = || kept.logs_size.filter(|limit| total > *limit);
        let rule = by_age.or_else(|| by_size().map(|limit| RetentionRule::Size { limit }))?;
        total = total.saturating_sub(runs.size);
        Some(rule)
    };
    old.into_iter().filter_map(|runs| rule(&runs).map(|rule| (runs, rule))).collect()
}

/// The removals of one event each.
fn steps(
    all: Vec<(OldRuns, RetentionRule)>,
) -> Vec<(RetentionRule, ServiceName, Vec<DeploymentId>)> {
    let mut steps: Vec<(RetentionRule, ServiceName, Vec<DeploymentId>)> = Vec::new();
    for (OldRuns { service, deployment, .. }, rule) in all {
        let open = steps.iter_mut().find(|(of_rule, of, deployments)| {
            *of_rule == rule && *of == service && deployments.len() < STEP
        });
        match open {
            Some((_, _, deployments)) => deployments.push(deployment),
            None => steps.push((rule, service, vec![deployment])),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn old(days: &[(u64, i64, u64)]) -> Vec<OldRuns> {
        let now = DateTime::UNIX_EPOCH;
        let of = |(id, days, size): &(u64, i64, u64)| OldRuns {
            service: "shop".parse().unwrap(),
            deployment: DeploymentId(*id),
            ended: now - TimeDelta::days(*days),
            size: *size,
        };
        days.iter().map(of).collect()
    }

    fn removed(old: Vec<OldRuns>, total: u64, kept: Retention) -> Vec<(u64, RetentionRule)> {
        let all = beyond(old, total, kept, DateTime::UNIX_EPOCH);
        all.into_iter().map(|(runs, rule)| (runs.deployment.0, rule)).collect()
    }

    #[test]
    fn age_goes_first_and_size_takes_the_oldest_until_it_is_enough() {
        let (age, size) =
            (RetentionRule::Age { limit: 90 * DAY }, RetentionRule::Size { limit: 100 });
        let kept = Retention { logs: Some(90 * DAY), logs_size: Some(100), unwatched: None };
        let runs = old(&[(4, 1, 30), (3, 10, 30), (1, 91, 50), (2, 90, 40)]);
        assert_eq!(removed(runs.clone(), 200, kept), [(1, age), (2, size), (3, size)]);
        assert_eq!(removed(runs.clone(), 150, kept), [(1, age)], "the rest fits");
        let for_ever = Retention { logs: None, logs_size: None, unwatched: None };
        assert_eq!(removed(runs.clone(), 200, for_ever), []);
        assert_eq!(removed(runs, 1_000, kept).len(), 4, "what is needed may be too much");
    }

    #[test]
    fn an_event_has_few_deployments_of_one_service_and_rule() {
        let runs = old(&(1..=45).map(|id| (id, 100, 1)).collect::<Vec<_>>());
        let kept = Retention { logs: Some(90 * DAY), ..Retention::default() };
        let steps = steps(beyond(runs, 45, kept, DateTime::UNIX_EPOCH));
        let counts: Vec<_> = steps.iter().map(|(_, _, deployments)| deployments.len()).collect();
        assert_eq!(counts, [20, 20, 5]);
    }
}
