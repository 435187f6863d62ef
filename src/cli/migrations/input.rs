//! The migrations to check, from named files or a range of commits, with those that run before them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cli::context;
use crate::cli::error::CliError;
use crate::config::service_file::{MigrationSettings, SERVICE_FILE, ServiceFile};
use crate::git::{ChangedFile, GitError, Working};
use crate::migrations::{Dialect, FileChange, Layouts, MigrationDirection, Tool, order};

/// The largest file that is read. The judgement refuses smaller ones already, and says so.
const LARGEST: u64 = 4 * 1024 * 1024;
/// The most earlier migrations that are read for their definitions.
const MOST_EARLIER: usize = 200;

/// A migration with its text.
pub(super) struct FileToCheck {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) change: FileChange,
    pub(super) tool: Tool,
}

/// Everything that is needed to judge.
pub(super) struct CheckInput {
    /// What the service file says.
    pub(super) dialect: Option<Dialect>,
    /// The texts of the migrations before, in their order.
    pub(super) earlier: Vec<String>,
    pub(super) files: Vec<FileToCheck>,
    /// Files that were named and go down.
    pub(super) down: Vec<String>,
}

pub(super) async fn gather(files: &[PathBuf], range: Option<&str>) -> Result<CheckInput, CliError> {
    match range {
        Some(range) => between(range).await,
        None => named(files),
    }
}

fn named(files: &[PathBuf]) -> Result<CheckInput, CliError> {
    let dialect = match context::service_file_above(&std::env::current_dir()?) {
        Some(path) => {
            let shown = path.to_string_lossy();
            ServiceFile::parse(&text_of(&path)?, &shown)?.migrations.dialect
        }
        None => None,
    };
    let mut gathered =
        CheckInput { dialect, earlier: Vec::new(), files: Vec::new(), down: Vec::new() };
    for path in files {
        let shown = path.to_string_lossy().into_owned();
        let place = Layouts::default().place(&shown);
        if place.is_some_and(|place| place.direction == MigrationDirection::Down) {
            gathered.down.push(shown);
            continue;
        }
        let tool = place.map_or(Tool::Configured, |place| place.tool);
        let text = text_of(path)?;
        gathered.files.push(FileToCheck { text, path: shown, change: FileChange::Added, tool });
    }
    if gathered.files.is_empty() {
        return Err(CliError::usage(
            "these are down migrations, and nothing is judged; name the up migrations",
        ));
    }
    Ok(gathered)
}

fn text_of(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|why| CliError::usage(format!("{:?} cannot be read: {why}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn between(range: &str) -> Result<CheckInput, CliError> {
    let parts =
        range.split_once("..").filter(|(from, to)| !from.is_empty() && !to.starts_with('.'));
    let Some((from, to)) = parts else {
        return Err(CliError::usage(format!("{range:?} is not a range; write it as \"A..B\"")));
    };
    let to = if to.is_empty() { "HEAD" } else { to };
    let here = std::env::current_dir()?;
    let repository = Working::of(&here).await.map_err(usage)?;
    let mut changed = repository.changed_files(from, to).await.map_err(usage)?;
    let mut all = repository.files(to).await.map_err(usage)?;
    let inner = here.strip_prefix(repository.top()).unwrap_or(Path::new(""));
    let ServiceSettings { settings, folder } = service(&repository, to, &all, inner).await?;
    if settings.paths.is_empty() {
        changed.retain(|file| Path::new(&file.path).starts_with(&folder));
        all.retain(|path| Path::new(path).starts_with(&folder));
    }
    let paths = all.iter().chain(changed.iter().map(|file| &file.path)).map(String::as_str);
    let layouts = Layouts::new(settings.globs()).seeing(paths);
    if let Some(mistake) = layouts.mistake() {
        return Err(CliError::usage(format!("{SERVICE_FILE}: {mistake} of {to}")));
    }
    let files = touched(&repository, to, &changed, &layouts).await?;
    all.retain(|path| is_up(&layouts, path) && files.iter().all(|file| file.path != *path));
    let earlier = earlier(&repository, to, all).await;
    Ok(CheckInput { dialect: settings.dialect, earlier, files, down: Vec::new() })
}

fn is_up(layouts: &Layouts, path: &str) -> bool {
    layouts.place(path).is_some_and(|place| place.direction == MigrationDirection::Up)
}

/// The migrations among what changed, in the order in which they run.
async fn touched(
    repository: &Working,
    at: &str,
    changed: &[ChangedFile],
    layouts: &Layouts,
) -> Result<Vec<FileToCheck>, CliError> {
    let mut files = Vec::new();
    for ChangedFile { change, path } in changed.iter().filter(|file| is_up(layouts, &file.path)) {
        let tool = layouts.place(path).map_or(Tool::Configured, |place| place.tool);
        let text = match change {
            FileChange::Deleted => String::new(),
            _ => repository.text(at, path).await.map_err(usage)?,
        };
        files.push(FileToCheck { path: path.clone(), text, change: *change, tool });
    }
    files.sort_by(|a, b| order(&a.path).cmp(&order(&b.path)));
    Ok(files)
}

/// The texts of the last of these migrations. One that cannot be read defines nothing, and what depends on it is
/// unknown.
async fn earlier(repository: &Working, at: &str, mut paths: Vec<String>) -> Vec<String> {
    paths.sort_by(|a, b| order(a).cmp(&order(b)));
    let skipped = paths.len().saturating_sub(MOST_EARLIER);
    let mut texts = Vec::new();
    for path in paths.iter().skip(skipped) {
        texts.extend(repository.text(at, path).await.ok());
    }
    texts
}

/// The service in the current folder.
#[derive(Default)]
struct ServiceSettings {
    settings: MigrationSettings,
    /// Where its file lies, from the top of the repository.
    folder: PathBuf,
}

/// The service whose file lies, at this commit, in this folder of the repository or in the nearest one above it.
async fn service(
    repository: &Working,
    at: &str,
    all: &[String],
    folder: &Path,
) -> Result<ServiceSettings, CliError> {
    let is_there = |folder: &&Path| {
        let file = folder.join(SERVICE_FILE);
        all.iter().any(|path| Path::new(path) == file)
    };
    let Some(folder) = folder.ancestors().find(is_there) else {
        return Ok(ServiceSettings::default());
    };
    let path = folder.join(SERVICE_FILE).to_string_lossy().into_owned();
    let text = repository.text(at, &path).await.map_err(usage)?;
    let settings = ServiceFile::parse(&text, &path)?.migrations;
    Ok(ServiceSettings { settings, folder: folder.to_owned() })
}

/// A range that git does not know is a mistake in the arguments.
fn usage(error: GitError) -> CliError {
    match error {
        GitError::Failed { .. } => CliError::usage(error.to_string()),
        other => CliError::Failed(other.into()),
    }
}
