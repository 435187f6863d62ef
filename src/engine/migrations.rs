//! Gathers what a promote brings to the schema: the files from git, judged, and for what is taken away the oldest
//! build whose code does without it.

mod floor;
mod uses;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::timeout;

use self::floor::Floors;
pub(super) use self::uses::Uses;
use super::world::{Service, World};
use crate::config::service_file::MigrationSettings;
use crate::domain::commit::Range;
use crate::domain::ids::{BuildNumber, Environment, ServiceName, Sha};
use crate::domain::migration::layout::{self, Direction, Layouts};
use crate::domain::migration::{
    Class, Dialect, FileChange, JudgedMigration, KnownSchema, MigrationFile, judge, unreadable,
};
use crate::domain::plan::Migrations;
use crate::domain::schema::SchemaChange;
use crate::git::{GitError, Mirror, Text};

/// How long a plan waits for all of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most migration files that are judged for one plan.
const FILES: usize = 500;

/// What the world tells of a service whose migrations are judged.
pub(super) struct Ground {
    pub mirror: Mirror,
    pub folder: Option<String>,
    pub uses: Uses,
    pub settings: MigrationSettings,
    /// Every build of the trunk up to the target, oldest first.
    pub builds: Vec<(BuildNumber, Sha)>,
    /// The builds that were live in production, oldest first, each once.
    pub was_live: Vec<BuildNumber>,
    /// The build that lists a commit.
    pub build_of: HashMap<Sha, BuildNumber>,
    /// The services that share the database, with what they run.
    pub sharing: Vec<Sharing>,
}

/// Another service of the same database.
pub(super) struct Sharing {
    pub service: ServiceName,
    pub mirror: Mirror,
    pub folder: Option<String>,
    pub live: BuildNumber,
    pub sha: Sha,
}

impl Ground {
    pub fn of(world: &World, service: &Service, target: BuildNumber) -> Self {
        let state = &service.state;
        let off_trunk = state.builds.get(&target).is_some_and(|build| build.off_trunk);
        let stays = state.builds.range(..=target).filter(|(_, b)| b.off_trunk == off_trunk);
        let mut build_of = HashMap::new();
        for build in state.builds.values() {
            build_of.entry(build.sha.clone()).or_insert(build.number);
            for commit in &build.commits {
                build_of.entry(commit.sha.clone()).or_insert(build.number);
            }
        }
        let history = state.live.get(&Environment::Production).into_iter().flatten();
        let mut was_live: Vec<_> = history.map(|live| live.build).collect();
        was_live.sort_unstable();
        was_live.dedup();
        let file = service.file.as_ref();
        Self {
            mirror: service.mirror.clone(),
            folder: service.watched.folder.clone(),
            uses: service.uses.clone(),
            settings: file.map(|file| file.migrations.clone()).unwrap_or_default(),
            builds: stays.map(|(number, build)| (*number, build.sha.clone())).collect(),
            was_live,
            build_of,
            sharing: sharing(world, service),
        }
    }
}

fn sharing(world: &World, service: &Service) -> Vec<Sharing> {
    let database = |service: &Service| service.file.as_ref()?.database.clone();
    let Some(own) = database(service) else { return Vec::new() };
    let others = world.services.values().filter(|other| other.name != service.name);
    others
        .filter(|other| database(other).as_ref() == Some(&own))
        .filter_map(|other| {
            let live = other.state.live_build(Environment::Production)?;
            Some(Sharing {
                service: other.name.clone(),
                mirror: other.mirror.clone(),
                folder: other.watched.folder.clone(),
                live: live.number,
                sha: live.sha.clone(),
            })
        })
        .collect()
}

/// What a promote from the live commit to the target brings. Trouble is part of the answer: it never stops a plan.
pub(super) async fn gather(ground: &Ground, range: &Range, target: BuildNumber) -> Migrations {
    let min_bake = ground.settings.min_bake;
    // Where nothing is live there is no code that could break, and no way back that could close.
    let Some(live) = &range.from else { return Migrations { min_bake, ..Migrations::default() } };
    let trouble =
        |why: String| Migrations { trouble: Some(why), min_bake, ..Migrations::default() };
    match timeout(PATIENCE, judged(ground, live, range, target)).await {
        Ok(Ok(migrations)) => Migrations { min_bake, ..migrations },
        Ok(Err(error)) => trouble(error.to_string()),
        Err(_) => trouble(format!("it took longer than {} s", PATIENCE.as_secs())),
    }
}

async fn judged(
    ground: &Ground,
    live: &Sha,
    range: &Range,
    target: BuildNumber,
) -> Result<Migrations, GitError> {
    let folder = ground.folder.as_deref();
    let changed = ground.mirror.changed_files(Some(live), &range.to, folder).await?;
    if changed.listed.is_empty() {
        return Ok(Migrations::default());
    }
    let all = ground.mirror.paths(&range.to, folder).await?;
    let gone = changed.listed.iter().map(|file| file.path.as_str());
    let paths = all.listed.iter().map(String::as_str).chain(gone);
    let layouts = Layouts::new(ground.settings.globs()).seeing(paths);
    let is_migration = |path: &String| layouts.place(path).is_some();
    let migrations = changed.listed.iter().filter(|file| is_migration(&file.path));
    let mut migrations: Vec<_> = migrations.collect();
    migrations.sort_by(|a, b| layout_order(&a.path).cmp(&layout_order(&b.path)));
    let surplus = migrations.len().saturating_sub(FILES);
    migrations.truncate(FILES);
    let there = migrations.iter().filter(|file| file.change != FileChange::Deleted);
    let there: Vec<_> = there.map(|file| file.path.clone()).collect();
    let texts = ground.mirror.texts(&range.to, &there).await?;
    let mut result = Migrations::default();
    let dialect = ground.settings.dialect.unwrap_or(Dialect::Postgres);
    let mut known = KnownSchema::default();
    for file in &migrations {
        let Some(place) = layouts.place(&file.path) else { continue };
        if place.direction == Direction::Down {
            continue;
        }
        let (path, change) = (file.path.as_str(), file.change);
        let unreadable = |why| unreadable(path, change, why, place.tool, dialect);
        result.files.push(match (change, texts.get(path)) {
            (FileChange::Deleted, _) => {
                judge(&MigrationFile { path, text: "", change }, place.tool, dialect, &known)
            }
            (_, Some(Text::Read(text))) => {
                let file = MigrationFile { path, text, change };
                let judged = judge(&file, place.tool, dialect, &known);
                known.learn(text, dialect);
                judged
            }
            (_, Some(Text::TooLarge)) => unreadable("a file that is too large to be read"),
            (_, Some(Text::NotUtf8)) => unreadable("a file that is not UTF-8"),
            (_, None) => unreadable("no regular file"),
        });
    }
    if surplus > 0 || changed.more > 0 {
        result.trouble = Some("there are more migration files than are judged for one plan".into());
    }
    let every = all.listed.iter().filter(|path| is_migration(path)).cloned().collect();
    let mut floors = Floors::new(ground, every);
    for file in &result.files {
        let build = brought_by(ground, range, &file.path).unwrap_or(target);
        result.changes.extend(floors.changes(file, build).await?);
    }
    result.shared = floors.shared(&result.files).await?;
    Ok(result)
}

fn layout_order(path: &str) -> impl Ord {
    let (numbers, name) = layout::order(path);
    (numbers, name.to_owned())
}

/// The build in which a file came: that of the oldest commit of the range which touches it.
fn brought_by(ground: &Ground, range: &Range, path: &str) -> Option<BuildNumber> {
    let mut oldest_first = range.commits.iter().rev();
    let oldest = oldest_first.find(|commit| commit.files.iter().any(|file| file == path))?;
    ground.build_of.get(&oldest.sha).copied()
}

/// What of a file older code cannot simply live with.
fn notable(file: &JudgedMigration) -> bool {
    file.class() > Class::Additive
}

/// A change as it is recorded, before anybody looked for its floor.
fn change(file: &JudgedMigration, at: usize, build: BuildNumber) -> SchemaChange {
    let statement = &file.statements[at];
    SchemaChange {
        path: file.path.clone(),
        line: statement.line,
        statement: statement.text.clone(),
        class: statement.class,
        build,
        floor: build,
        why: "nobody says which older code lives with it".into(),
    }
}
