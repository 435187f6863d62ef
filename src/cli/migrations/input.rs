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
const MOST_EARLIER: usize = 10_000;
/// The most files of a folder that are looked at.
const MOST_FILES: usize = 10_000;

/// A migration with its text.
pub(super) struct FileToCheck {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) change: FileChange,
    pub(super) tool: Tool,
    /// The database that its path names, where the repository has migrations for several.
    pub(super) dialect: Option<Dialect>,
}

/// Everything that is needed to judge.
#[derive(Default)]
pub(super) struct CheckInput {
    /// What the service file says.
    pub(super) dialect: Option<Dialect>,
    /// The migrations before, in their order.
    pub(super) earlier: Vec<FileToCheck>,
    /// True if some of them could not be read, or none could be found.
    pub(super) incomplete: bool,
    pub(super) files: Vec<FileToCheck>,
    /// Files that were named and go down.
    pub(super) down: Vec<String>,
    /// What else is not judged, and why.
    pub(super) notes: Vec<String>,
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
            ServiceFile::of_bytes(bytes_of(&path)?, &shown)?.migrations.dialect
        }
        None => None,
    };
    let mut wanted: Vec<String> = Vec::new();
    for path in files {
        if path.is_dir() {
            wanted.extend(migrations_below(path)?);
        } else {
            wanted.push(path.to_string_lossy().into_owned());
        }
    }
    let around = siblings(&wanted);
    let layouts = Layouts::default().seeing(around.iter().chain(&wanted).map(String::as_str));
    let mut gathered = CheckInput { dialect, ..CheckInput::default() };
    for path in &wanted {
        let place = layouts.place(path);
        if place.is_some_and(|place| place.direction == MigrationDirection::Down) {
            gathered.down.push(path.clone());
            continue;
        }
        gathered.files.push(read(path, &layouts)?);
    }
    if gathered.files.is_empty() {
        return Err(CliError::usage(
            "these are down migrations, and nothing is judged; name the up migrations",
        ));
    }
    let first = wanted.iter().min_by(|a, b| order(a).cmp(&order(b)));
    let before = |path: &&String| {
        is_up(&layouts, path)
            && !wanted.contains(path)
            && first.is_some_and(|first| order(path) < order(first))
    };
    let mut earlier: Vec<_> = around.iter().filter(before).collect();
    earlier.sort_by(|a, b| order(a).cmp(&order(b)));
    gathered.incomplete = !wanted.iter().all(|path| layouts.place(path).is_some());
    for path in earlier {
        gathered.earlier.push(read(path, &layouts)?);
    }
    Ok(gathered)
}

fn read(path: &str, layouts: &Layouts) -> Result<FileToCheck, CliError> {
    let tool = layouts.place(path).map_or(Tool::Configured, |place| place.tool);
    let (text, change) = (text_of(Path::new(path))?, FileChange::Added);
    let dialect = layouts.dialect_of(path);
    Ok(FileToCheck { path: path.to_owned(), text, change, tool, dialect })
}

/// The migrations below a folder, in their order.
fn migrations_below(folder: &Path) -> Result<Vec<String>, CliError> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = std::fs::read_dir(&folder).map_err(|why| {
            CliError::usage(format!("{:?} cannot be read: {why}", folder.display()))
        })?;
        for entry in listed.flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                folders.push(entry.path());
            } else {
                all.push(entry.path().to_string_lossy().into_owned());
            }
        }
        if all.len() > MOST_FILES {
            return Err(CliError::usage(format!(
                "{:?} has more than {MOST_FILES} files; name the folder of the migrations",
                folder.display()
            )));
        }
    }
    let layouts = Layouts::default().seeing(all.iter().map(String::as_str));
    let mut found: Vec<_> =
        all.iter().filter(|path| layouts.place(path).is_some()).cloned().collect();
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    if found.is_empty() {
        return Err(CliError::usage(format!(
            "no migration is recognised among the {} files in {:?}; name the files, or set paths under [migrations] in \
             {SERVICE_FILE} and check a range",
            all.len(),
            folder.display()
        )));
    }
    Ok(found)
}

/// The files beside these.
fn siblings(paths: &[String]) -> Vec<String> {
    let mut folders: Vec<_> = paths.iter().filter_map(|path| Path::new(path).parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    let listed = folders.into_iter().flat_map(|folder| {
        let there = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let files = std::fs::read_dir(there).into_iter().flatten().flatten().take(MOST_FILES);
        files.map(move |file| folder.join(file.file_name()).to_string_lossy().into_owned())
    });
    listed.filter(|path| Path::new(path).is_file()).collect()
}

fn text_of(path: &Path) -> Result<String, CliError> {
    Ok(String::from_utf8_lossy(&bytes_of(path)?).into_owned())
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|why| CliError::usage(format!("{:?} cannot be read: {why}", path.display())))?;
    Ok(bytes)
}

/// The two ends of `A..B` or `A...B`.
fn ends(range: &str) -> Option<(&str, &str)> {
    let (from, to) = range.split_once("...").or_else(|| range.split_once(".."))?;
    (!from.is_empty() && !to.starts_with('.'))
        .then_some((from, if to.is_empty() { "HEAD" } else { to }))
}

async fn between(range: &str) -> Result<CheckInput, CliError> {
    let Some((from, to)) = ends(range) else {
        return Err(CliError::usage(format!("{range:?} is not a range; write it as \"A..B\"")));
    };
    let here = std::env::current_dir()?;
    let repository = Working::of(&here).await.map_err(usage)?;
    // What the first end got since they parted is no change of the second.
    let from = repository.parted(from, to).await.map_err(usage)?;
    let mut changed = repository.changed_files(&from, to).await.map_err(usage)?;
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
    if let Some(file) = changed.iter().find(|file| layouts.looks_like_migration(&file.path)) {
        return Err(CliError::usage(format!(
            "no migration is recognised, and {:?} looks like one; set paths under [migrations] in {SERVICE_FILE}",
            file.path
        )));
    }
    let mut input = CheckInput { dialect: settings.dialect, ..CheckInput::default() };
    if let Some(dialect) = settings.dialect {
        let foreign = |path: &str| layouts.is_foreign(path, dialect) && is_up(&layouts, path);
        let skipped = changed.iter().filter(|file| foreign(&file.path));
        let note = |file: &ChangedFile| {
            format!("{}: for another database than {}, not judged", file.path, dialect.as_str())
        };
        input.notes.extend(skipped.map(note));
        changed.retain(|file| !foreign(&file.path));
        all.retain(|path| !foreign(path));
    }
    input.files = touched(&repository, to, &changed, &layouts).await?;
    if input.files.is_empty() && input.notes.is_empty() {
        input.notes.push(format!("no migration among the {} files that changed", changed.len()));
    }
    all.retain(|path| is_up(&layouts, path) && input.files.iter().all(|file| file.path != *path));
    earlier(&repository, to, all, &layouts, &mut input).await?;
    Ok(input)
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
        let dialect = layouts.dialect_of(path);
        files.push(FileToCheck { path: path.clone(), text, change: *change, tool, dialect });
    }
    files.sort_by(|a, b| order(&a.path).cmp(&order(&b.path)));
    Ok(files)
}

/// Reads the last of these migrations. What one defines that cannot be read stays unknown.
async fn earlier(
    repository: &Working,
    at: &str,
    mut paths: Vec<String>,
    layouts: &Layouts,
    input: &mut CheckInput,
) -> Result<(), CliError> {
    paths.sort_by(|a, b| order(a).cmp(&order(b)));
    let skipped = paths.len().saturating_sub(MOST_EARLIER);
    let paths = paths.split_off(skipped);
    let texts = repository.texts(at, &paths).await.map_err(usage)?;
    input.incomplete = skipped > 0 || texts.len() != paths.len() || texts.contains(&None);
    for (path, text) in paths.into_iter().zip(texts) {
        let tool = layouts.place(&path).map_or(Tool::Configured, |place| place.tool);
        let (change, dialect) = (FileChange::Added, layouts.dialect_of(&path));
        input.earlier.extend(text.map(|text| FileToCheck { path, text, change, tool, dialect }));
    }
    Ok(())
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
    let bytes = repository.bytes(at, &path).await.map_err(usage)?;
    let settings = ServiceFile::of_bytes(bytes, &path)?.migrations;
    Ok(ServiceSettings { settings, folder: folder.to_owned() })
}

/// A range that git does not know is a mistake in the arguments.
fn usage(error: GitError) -> CliError {
    match error {
        GitError::Failed { .. } => CliError::usage(error.to_string()),
        other => CliError::Failed(other.into()),
    }
}
