//! Gathers the schema changes of a promote: judges the migration files, and finds the oldest build that works with each
//! change.

mod attempts;
mod changes;
mod context;
mod earlier;
mod floor;
mod learned;
mod shared;
mod uses;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::attempts::Attempts;
use self::changes::ChangeList;
pub(super) use self::context::JudgingContext;
use self::floor::Floors;
pub(super) use self::learned::Learned;
pub(super) use self::shared::sync_shared_schema;
pub(super) use self::uses::Uses;
use crate::domain::commit::Range;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::plan::Migrations;
use crate::git::{ChangedFile, FileText, GitError};
use crate::migrations::{
    Dialect, FileChange, JudgedMigration, JudgedStatement, Layouts, MigrationDirection,
    MigrationFile, SchemaDefinitions, Tool, judge, order, unreadable,
};

/// How long a plan waits for the judgement of all files.
const JUDGING_TIMEOUT: Duration = Duration::from_secs(10);
/// The most migration files that are judged for one plan.
const MOST_FILES: usize = 500;
/// The most statements that a plan contains.
const MOST_STATEMENTS: usize = 5_000;
/// The number of statements that each file may have in any case.
const FILE_STATEMENTS: usize = 20;

/// The schema changes of a promote from the live commit to the target. A failure becomes a problem in the result and never
/// stops a plan; the files judged before it count.
pub(super) async fn gather(
    context: &JudgingContext,
    range: &Range,
    target: BuildNumber,
) -> Migrations {
    let min_bake = context.settings.min_bake;
    let mut result = Migrations { min_bake, ..Migrations::default() };
    // With nothing live, no running code can break and there is no rollback.
    let Some(live) = &range.from else { return result };
    let mut changes = ChangeList::new(target);
    let ended =
        timeout(JUDGING_TIMEOUT, judged(context, live, range, (&mut result, &mut changes))).await;
    let trouble = match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("it took longer than {} s", JUDGING_TIMEOUT.as_secs())),
    };
    result.trouble = result.trouble.or(trouble);
    result.changes = changes.all();
    let most = (MOST_STATEMENTS / result.files.len().max(1)).max(FILE_STATEMENTS);
    result.files.iter_mut().for_each(|file| trim(file, most));
    result
}

async fn judged(
    context: &JudgingContext,
    live: &Sha,
    range: &Range,
    (result, changes): (&mut Migrations, &mut ChangeList),
) -> Result<(), GitError> {
    // Configured paths may be outside the service's folder.
    let folder = context.folder.as_deref().filter(|_| context.settings.paths.is_empty());
    let touched = context.mirror.changed_files(Some(live), &range.to, folder).await?;
    let attempts = Attempts::compare(context, &range.to, folder, result).await;
    if touched.listed.is_empty() && attempts.is_empty() {
        return Ok(());
    }
    let all = context.mirror.paths(&range.to, folder).await?;
    let gone = touched.listed.iter().map(|file| file.path.as_str());
    let paths = all.listed.iter().map(String::as_str).chain(gone).chain(attempts.paths());
    let layouts = Layouts::new(context.settings.globs()).seeing(paths);
    result.trouble = result.trouble.take().or(layouts.mistake());
    let dialect = context.settings.dialect;
    let is_foreign = |path: &str| dialect.is_some_and(|own| layouts.is_foreign(path, own));
    let is_migration = |path: &str| {
        layouts.place(path).is_some() && !is_foreign(path) || layouts.looks_like_migration(path)
    };
    let mut migrations: Vec<_> =
        touched.listed.into_iter().filter(|file| is_migration(&file.path)).collect();
    migrations.sort_by(|a, b| order(&a.path).cmp(&order(&b.path)));
    if migrations.len() > MOST_FILES || touched.more > 0 {
        result.trouble = Some("there are more migration files than one plan judges".into());
    }
    migrations.truncate(MOST_FILES);
    let known =
        earlier::definitions(context, &range.to, &layouts, (&all.listed, &migrations)).await;
    let read = files(context, &range.to, &layouts, (&migrations, known), result).await;
    for file in &result.files {
        changes.add(file, context.brought_by(range, &file.path));
    }
    attempts.blame(&layouts, &mut result.files);
    read?;
    let every = all.listed.iter().filter(|path| is_migration(path)).cloned().collect();
    let mut floors = Floors::new(context, every);
    for file in &result.files {
        floors.settle(file, changes).await?;
    }
    let shared = shared::objections(context, &result.files, floors.migrations()).await;
    result.shared = shared;
    Ok(())
}

/// Judges the files in order. Each one that git cannot read counts as unreadable.
async fn files(
    context: &JudgingContext,
    at: &Sha,
    layouts: &Layouts,
    (migrations, mut known): (&[ChangedFile], SchemaDefinitions),
    result: &mut Migrations,
) -> Result<(), GitError> {
    let there = migrations.iter().filter(|file| file.change != FileChange::Deleted);
    let there: Vec<_> = there.map(|file| file.path.clone()).collect();
    let (mut texts, trouble) = match context.mirror.texts(at, &there).await {
        Ok(texts) => (texts, None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let dialect = context.settings.dialect.unwrap_or(Dialect::Postgres);
    for file in migrations {
        let Some(place) = layouts.place(&file.path) else {
            let why =
                "looks like a migration and is in no known place: set paths under [migrations]";
            result.files.push(unreadable(&file.path, file.change, why, Tool::Other, dialect));
            continue;
        };
        if place.direction == MigrationDirection::Down {
            continue;
        }
        let (file, text, tool) = (file.clone(), texts.remove(&file.path), place.tool);
        let lost = unreadable(&file.path, file.change, "not judged", tool, dialect);
        let judge = move || (of_file(&file, text.as_ref(), (tool, dialect), &mut known), known);
        // Judging does not yield, so it must not run on an async thread.
        let judged =
            spawn_blocking(judge).await.unwrap_or_else(|_| (lost, SchemaDefinitions::incomplete()));
        known = judged.1;
        result.files.push(judged.0);
    }
    if let (None, Some(first)) = (context.settings.dialect, result.files.first_mut()) {
        first
            .faults
            .push("judged as PostgreSQL; set dialect under [migrations] in trunkline.toml".into());
    }
    trouble.map_or(Ok(()), Err)
}

fn of_file(
    file: &ChangedFile,
    text: Option<&FileText>,
    (tool, dialect): (Tool, Dialect),
    known: &mut SchemaDefinitions,
) -> JudgedMigration {
    let (path, change) = (file.path.as_str(), file.change);
    let unreadable = |why| unreadable(path, change, why, tool, dialect);
    match (change, text) {
        (FileChange::Deleted, _) => {
            judge(&MigrationFile { path, text: "", change }, tool, dialect, known)
        }
        (_, Some(FileText::Read(text))) => {
            let file = MigrationFile { path, text, change };
            let judged = judge(&file, tool, dialect, known);
            known.learn(text, dialect);
            judged
        }
        (_, Some(FileText::TooLarge)) => unreadable("a file that is too large to be read"),
        (_, Some(FileText::NotUtf8)) => unreadable("a file that is not UTF-8"),
        (_, None) => unreadable("not a regular file, or git cannot read it"),
    }
}

/// Keeps the worst statements of a file, in order. The others become one statement with the worst class among them.
fn trim(file: &mut JudgedMigration, most: usize) {
    let surplus = (file.statements.len() + 1).saturating_sub(most);
    if file.statements.len() <= most {
        return;
    }
    file.statements.sort_by_key(|statement| Reverse(statement.class));
    let rest = file.statements.split_off(most - 1);
    file.statements.sort_by_key(|statement| statement.line);
    file.statements.extend(rest.into_iter().next().map(|worst| JudgedStatement {
        text: format!("and {surplus} more statements, none worse than this"),
        objects: Vec::new(),
        ..worst
    }));
}
