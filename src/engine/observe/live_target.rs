//! The answers of one service, or of one of its targets, and what they say together.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::ObserveContext;
use super::commit::{Deployed, not_there, resolve};
use crate::domain::event::{SaidCommit, UnknownCommit};
use crate::domain::ids::{BuildNumber, CommitPrefix, DeploymentId, ServiceName};
use crate::domain::repository_address::RepositoryAddress;
use crate::engine::sighting::DeployedBuild;

/// How many answers are compared.
const COMPARED: usize = 6;
/// How long a commit that is no build is looked for among those to come.
const SURE_AFTER: Duration = Duration::from_secs(15);

/// What one of them answered.
#[derive(Default)]
pub(super) struct LiveTarget {
    /// The last deployment that had ended when it answered last.
    after: Option<DeploymentId>,
    /// The last answers since then, oldest first.
    recent: VecDeque<CommitPrefix>,
    /// Since when the build of a commit is looked for.
    missed: Option<(CommitPrefix, Instant)>,
    /// What a commit is, as long as there is no newer build.
    resolved: Option<(CommitPrefix, Option<BuildNumber>, SaidCommit)>,
}

impl LiveTarget {
    /// Whether its last answers are all the same.
    pub fn is_calm(&self) -> bool {
        self.recent.iter().all(|commit| self.recent.front() == Some(commit))
    }

    /// What the last answers say together; nothing while that is not known. Those from before the last deployment, if that is
    /// known, do not count, and while one goes on only the newest does.
    pub async fn says(
        &mut self,
        context: &ObserveContext,
        service: &ServiceName,
        commit: CommitPrefix,
        (is_deploying, after): (bool, Option<DeploymentId>),
    ) -> Option<SaidCommit> {
        if is_deploying || after.is_some() && self.after != after {
            self.recent.clear();
        }
        self.after = after.or(self.after);
        self.recent.push_back(commit.clone());
        while self.recent.len() > COMPARED {
            self.recent.pop_front();
        }
        match flapping(&self.recent) {
            Some(why) => Some(SaidCommit::Unknown(UnknownCommit { sha: None, why })),
            None => self.resolved(context, service, commit).await,
        }
    }

    async fn resolved(
        &mut self,
        context: &ObserveContext,
        service: &ServiceName,
        commit: CommitPrefix,
    ) -> Option<SaidCommit> {
        let newest = context
            .world
            .read(|world| Some(world.services.get(service)?.state.newest_build()?.number));
        if let Some((known, as_of, says)) = &self.resolved
            && (known, as_of) == (&commit, &newest)
        {
            return Some(says.clone());
        }
        let found = Box::pin(resolve(&context.world, service, &commit)).await;
        let found = found.inspect_err(
            |error| tracing::warn!(%commit, %error, "an answered commit cannot be looked up"),
        );
        let settling = context.times.settling;
        let says = match found.ok()? {
            Deployed::Build(DeployedBuild { number: build, sha, older }) => {
                SaidCommit::Build { build, sha, older }
            }
            Deployed::Unknown(unknown) => {
                let is_sure = self.given_up(context, service, &commit, SURE_AFTER.min(settling));
                SaidCommit::Unknown(is_sure.then_some(unknown)?)
            }
            Deployed::NotYet => {
                let is_sure = self.given_up(context, service, &commit, settling);
                SaidCommit::Unknown(is_sure.then(|| not_there(&commit))?)
            }
        };
        self.missed = None;
        let is_older = matches!(says, SaidCommit::Build { older: Some(_), .. });
        // The number of an older one may be another's soon.
        self.resolved = (!is_older).then(|| (commit, newest, says.clone()));
        Some(says)
    }

    /// Whether the build of a commit was looked for long enough. Else the trunk is looked at once more.
    fn given_up(
        &mut self,
        context: &ObserveContext,
        service: &ServiceName,
        commit: &CommitPrefix,
        within: Duration,
    ) -> bool {
        let known = self.missed.take_if(|(missed, _)| missed == commit);
        let (commit, since) = known.unwrap_or_else(|| (commit.clone(), Instant::now()));
        self.missed = Some((commit, since));
        if since.elapsed() >= within {
            return true;
        }
        let address = context
            .world
            .read(|world| RepositoryAddress::of(&world.services.get(service)?.watched.repository));
        context.trunks.wake(address.as_slice());
        false
    }
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
