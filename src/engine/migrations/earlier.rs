//! What the migrations before those of a promote define. Their files seldom change, so each list of them is learned once.

use std::collections::{BTreeMap, HashSet};

use tokio::task::spawn_blocking;

use super::JudgingContext;
use super::learned::LearnedFiles;
use crate::domain::ids::Sha;
use crate::git::{Blob, ChangedFile, FileText, GitError, are_read_at_once};
use crate::migrations::{Dialect, Layouts, MigrationDirection, SchemaDefinitions, order};

/// The most earlier migration files that are read for their definitions.
const MOST_EARLIER: usize = 10_000;
/// The definitions of the migrations before those that change. What cannot be read stays unknown.
pub(super) async fn definitions(
    context: &JudgingContext,
    at: &Sha,
    layouts: &Layouts,
    (all, changed): (&[String], &[ChangedFile]),
) -> SchemaDefinitions {
    let dialect = context.settings.dialect.unwrap_or(Dialect::Postgres);
    let changed: HashSet<_> = changed.iter().map(|file| file.path.as_str()).collect();
    let is_earlier = |path: &&String| {
        layouts.place(path).is_some_and(|place| place.direction == MigrationDirection::Up)
            && !layouts.is_foreign(path, dialect)
            && !changed.contains(path.as_str())
    };
    let mut paths: Vec<_> = all.iter().filter(is_earlier).cloned().collect();
    if changed.is_empty() || paths.len() > MOST_EARLIER {
        return SchemaDefinitions::incomplete();
    }
    paths.sort_by(|a, b| order(a).cmp(&order(b)));
    let learned = learned(context, at, &paths, dialect).await;
    learned.unwrap_or_else(|_| SchemaDefinitions::incomplete())
}

async fn learned(
    context: &JudgingContext,
    at: &Sha,
    paths: &[String],
    dialect: Dialect,
) -> Result<SchemaDefinitions, GitError> {
    let blobs = context.mirror.blobs(at, paths).await?;
    let files: Option<Vec<_>> =
        paths.iter().map(|path| Some(blobs.get(path)?.id.clone())).collect();
    let files = files.filter(|_| are_read_at_once(blobs.values()));
    let start = files.as_ref().and_then(|files| context.learned.start_of(dialect, files));
    let begun = start.as_ref().map_or(0, |start| start.files.len());
    let mut texts = texts(context, &blobs, &paths[begun..]).await?;
    let is_whole = texts.iter().all(|text| matches!(text, Some(FileText::Read(_))));
    if let Some(files) = files.filter(|_| is_whole) {
        let known = start.map_or_else(SchemaDefinitions::default, |start| start.known.clone());
        let known = learn(known, texts, dialect).await;
        if begun < files.len() {
            context.learned.keep(LearnedFiles { dialect, files, known: known.clone() });
        }
        return Ok(known);
    }
    if begun > 0 {
        texts = self::texts(context, &blobs, paths).await?;
    }
    Ok(learn(SchemaDefinitions::incomplete(), texts, dialect).await)
}

/// The texts of these files, in their order.
async fn texts(
    context: &JudgingContext,
    blobs: &BTreeMap<String, Blob>,
    paths: &[String],
) -> Result<Vec<Option<FileText>>, GitError> {
    let wanted = paths.iter().filter_map(|path| Some((path.clone(), blobs.get(path)?.clone())));
    let mut texts = context.mirror.texts_of(wanted.collect()).await?;
    Ok(paths.iter().map(|path| texts.remove(path)).collect())
}

/// Learning does not yield, so it must not run on an async thread.
async fn learn(
    mut known: SchemaDefinitions,
    texts: Vec<Option<FileText>>,
    dialect: Dialect,
) -> SchemaDefinitions {
    let learn = move || {
        for text in texts {
            if let Some(FileText::Read(text)) = text {
                known.learn(&text, dialect);
            }
        }
        known
    };
    spawn_blocking(learn).await.unwrap_or_else(|_| SchemaDefinitions::incomplete())
}
