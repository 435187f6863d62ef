//! The migrations to check, with what runs before them: files that are named, or a range of commits.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::config::service_file::{MigrationSettings, SERVICE_FILE, ServiceFile};
use crate::domain::migration::layout::{Direction, Layouts, Place, order};
use crate::domain::migration::{Dialect, FileChange, Tool};
use crate::git::{GitError, Working};

/// The largest file that is read; what is judged is smaller still, and says so.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Of the migrations that ran before, the last so many are read for what they define.
const MOST_EARLIER: usize = 200;

/// A migration with its text.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) change: FileChange,
    pub(super) tool: Tool,
}

/// Everything that is needed to judge.
pub(super) struct Gathered {
    /// What the service file says.
    pub(super) dialect: Option<Dialect>,
    /// The texts of the migrations before, in their order.
    pub(super) earlier: Vec<String>,
    pub(super) files: Vec<Found>,
}

pub(super) async fn gather(files: &[PathBuf], range: Option<&str>) -> Result<Gathered, Failure> {
    match range {
        Some(range) => between(range).await,
        None => named(files),
    }
}

fn named(files: &[PathBuf]) -> Result<Gathered, Failure> {
    let dialect = std::fs::read_to_string(SERVICE_FILE).ok();
    let dialect = match dialect {
        Some(text) => ServiceFile::parse(&text, SERVICE_FILE)?.migrations.dialect,
        None => None,
    };
    let found = files.iter().map(|path| {
        let shown = path.to_string_lossy().into_owned();
        let tool = Layouts::default().place(&shown).map_or(Tool::Configured, |place| place.tool);
        Ok(Found { text: text_of(path)?, path: shown, change: FileChange::Added, tool })
    });
    let files = found.collect::<Result<_, Failure>>()?;
    Ok(Gathered { dialect, earlier: Vec::new(), files })
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|why| Failure::usage(format!("{:?} cannot be read: {why}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn between(range: &str) -> Result<Gathered, Failure> {
    let parts =
        range.split_once("..").filter(|(from, to)| !from.is_empty() && !to.starts_with('.'));
    let Some((from, to)) = parts else {
        return Err(Failure::usage(format!("{range:?} is no range; write it as \"A..B\"")));
    };
    let to = if to.is_empty() { "HEAD" } else { to };
    let here = std::env::current_dir()?;
    let repository = Working::of(&here).await.map_err(usage)?;
    let changed = repository.changed_files(from, to).await.map_err(usage)?;
    let all = repository.files(to).await.map_err(usage)?;
    let settings = settings(&repository, to, &all).await?;
    let layouts = Layouts::new(settings.globs()).seeing(all.iter().map(String::as_str));
    let up = |path: &str| layouts.place(path).filter(|place| place.direction == Direction::Up);
    let mut touched: Vec<(FileChange, &str, Place)> = changed
        .iter()
        .filter_map(|(change, path)| Some((*change, path.as_str(), up(path)?)))
        .collect();
    touched.sort_by_key(|(_, path, _)| order(path));
    let mut files = Vec::new();
    for (change, path, place) in &touched {
        let text = match change {
            FileChange::Deleted => String::new(),
            _ => repository.text(to, path).await.map_err(usage)?,
        };
        files.push(Found { path: (*path).to_owned(), text, change: *change, tool: place.tool });
    }
    let mut before: Vec<&String> = all
        .iter()
        .filter(|path| up(path).is_some() && touched.iter().all(|(_, other, _)| other != path))
        .collect();
    before.sort_by_key(|path| order(path));
    let skipped = before.len().saturating_sub(MOST_EARLIER);
    let mut earlier = Vec::new();
    for path in before.into_iter().skip(skipped) {
        // One that cannot be read defines nothing, and what depends on it is unknown.
        earlier.extend(repository.text(to, path).await.ok());
    }
    Ok(Gathered { dialect: settings.dialect, earlier, files })
}

async fn settings(
    repository: &Working,
    at: &str,
    all: &[String],
) -> Result<MigrationSettings, Failure> {
    if !all.iter().any(|path| path == SERVICE_FILE) {
        return Ok(MigrationSettings::default());
    }
    let text = repository.text(at, SERVICE_FILE).await.map_err(usage)?;
    Ok(ServiceFile::parse(&text, SERVICE_FILE)?.migrations)
}

/// A range that git does not know is a mistake in the arguments.
fn usage(error: GitError) -> Failure {
    match error {
        GitError::Failed { .. } => Failure::usage(error.to_string()),
        other => Failure::Failed(other.into()),
    }
}
