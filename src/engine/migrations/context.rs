//! The data of a service that its migrations are judged with.

use std::collections::{BTreeMap, HashMap};

use super::{Learned, Uses};
use crate::config::service_file::MigrationSettings;
use crate::domain::commit::Range;
use crate::domain::ids::{BuildNumber, Environment, ServiceName, Sha};
use crate::engine::world::{Service, World};
use crate::git::{MOST_FILES, Mirror};

/// How many of the newest attempted builds are compared.
const COMPARED_ATTEMPTS: usize = 10;

pub struct JudgingContext {
    pub mirror: Mirror,
    pub folder: Option<String>,
    pub uses: Uses,
    pub learned: Learned,
    pub settings: MigrationSettings,
    /// Every build of the target's trunk up to the target, oldest first.
    pub builds: Vec<(BuildNumber, Sha)>,
    /// The builds that were live in production, oldest first, each once. Includes builds off the trunk.
    pub was_live: Vec<(BuildNumber, Sha)>,
    pub live: Option<BuildNumber>,
    /// The builds between live and target whose deployment to production started, newest first.
    pub attempted: Vec<(BuildNumber, Sha)>,
    /// The build of each listed commit.
    pub build_of: HashMap<Sha, BuildNumber>,
    /// The services that share the database, with their live builds.
    pub sharing: Vec<SharingService>,
}

/// Another service on the same database.
pub struct SharingService {
    pub service: ServiceName,
    pub mirror: Mirror,
    pub folder: Option<String>,
    pub live: BuildNumber,
    pub sha: Sha,
}

impl JudgingContext {
    pub fn of(world: &World, service: &Service, target: BuildNumber) -> Self {
        let state = &service.state;
        let off_trunk = state.builds.get(&target).is_some_and(|build| build.off_trunk);
        let stays = || state.builds.range(..=target).filter(|(_, b)| b.off_trunk == off_trunk);
        let mut build_of = HashMap::new();
        for (_, build) in stays() {
            build_of.entry(build.sha.clone()).or_insert(build.number);
            for commit in &build.commits {
                build_of.entry(commit.sha.clone()).or_insert(build.number);
            }
        }
        let history = state.live.get(&Environment::Production).into_iter().flatten();
        let was_live = history.filter_map(|live| state.builds.get(&live.build));
        let mut was_live: Vec<_> =
            was_live.map(|build| (build.number, build.sha.clone())).collect();
        was_live.sort_unstable_by_key(|(number, _)| *number);
        was_live.dedup();
        let file = service.file.as_ref();
        let live = state.live(Environment::Production).map(|live| live.build);
        Self {
            mirror: service.mirror.clone(),
            folder: service.watched.folder.clone(),
            uses: service.uses.clone(),
            learned: service.learned.clone(),
            settings: file.map(|file| file.migrations.clone()).unwrap_or_default(),
            builds: stays().map(|(number, build)| (*number, build.sha.clone())).collect(),
            was_live,
            live,
            attempted: attempted(service, live, target),
            build_of,
            sharing: sharing(world, service),
        }
    }

    /// The build that last changed a file up to the target. `None` if an unlisted commit, or one with an incomplete list of
    /// files, may have changed it later.
    pub fn brought_by(&self, range: &Range, path: &str) -> Option<BuildNumber> {
        if range.more > 0 {
            return None;
        }
        let (mut newest, mut perhaps) = (None, None);
        for commit in &range.commits {
            let build = || self.build_of.get(&commit.sha).copied();
            if commit.files.iter().any(|file| file == path) {
                newest = newest.max(Some(build()?));
            } else if commit.files.len() >= MOST_FILES {
                perhaps = perhaps.max(Some(build()?));
            }
        }
        newest.filter(|_| perhaps <= newest)
    }
}

fn attempted(
    service: &Service,
    live: Option<BuildNumber>,
    target: BuildNumber,
) -> Vec<(BuildNumber, Sha)> {
    let attempts = service.state.deployments.values().filter(|attempt| {
        attempt.request.environment == Environment::Production && attempt.started_at.is_some()
    });
    let builds = attempts.map(|attempt| (attempt.request.build, attempt.request.sha.clone()));
    let between: BTreeMap<_, _> =
        builds.filter(|(build, _)| Some(*build) > live && *build < target).collect();
    between.into_iter().rev().take(COMPARED_ATTEMPTS).collect()
}

fn sharing(world: &World, service: &Service) -> Vec<SharingService> {
    let Some(own) = service.database() else { return Vec::new() };
    let others = world.services.values().filter(|other| other.name != service.name);
    others
        .filter(|other| other.database() == Some(own))
        .filter_map(|other| {
            let live = other.state.live_build(Environment::Production)?;
            Some(SharingService {
                service: other.name.clone(),
                mirror: other.mirror.clone(),
                folder: other.watched.folder.clone(),
                live: live.number,
                sha: live.sha.clone(),
            })
        })
        .collect()
}
