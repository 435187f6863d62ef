//! `config.toml`: the repositories that a user watches, and the settings of the console.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::appearance::{self, Appearance};
use super::branch;
use super::engines::{self, EngineKind, EngineSettings};
use super::error::ConfigError;
use super::issues::{self, IssueSettings};
use super::live_hosts;
use super::notify::{self, DestinationSettings};
use super::profile::{self, Profile};
use super::retention::{self, Retention};
use super::secret_sources::{self, SecretSources};
use super::service_file::SERVICE_FILE;
use crate::domain::notice::DestinationName;
use crate::domain::remote::{EngineName, RemoteJob};
use crate::settings::{Mistakes, Section, Setting, text, tree};

/// The settings that stand above the first table.
pub(super) const TOP_KEYS: [&str; 5] =
    ["poll", "emergency_countdown", "stale_after", "theme", "color"];
/// The most bytes of the file.
const LARGEST: u64 = 1024 * 1024;

/// The settings of a user file, with defaults for missing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFile {
    pub services: Vec<Watched>,
    /// How often the engine looks at each trunk.
    pub poll: Duration,
    /// The countdown before an emergency rollback starts.
    pub emergency_countdown: Duration,
    /// The age from which the console marks its data as old.
    pub stale_after: Duration,
    /// Where the values of the services' variables are.
    pub secrets: SecretSources,
    /// The same for single services that have some of their own.
    pub own_secrets: Vec<(Watched, SecretSources)>,
    /// The servers of teams, by name.
    pub profiles: BTreeMap<String, Profile>,
    /// The engines that steps may run at.
    pub engines: BTreeMap<EngineName, EngineSettings>,
    /// Those of them that are in the server file, and what errors call that.
    pub server_engines: BTreeSet<EngineName>,
    pub server_file: String,
    /// The places that are told what happens, besides those of the server file.
    pub destinations: BTreeMap<DestinationName, DestinationSettings>,
    /// Where issues with drafts of postmortems are opened.
    pub issues: Option<IssueSettings>,
    /// The origins that may be asked what runs there.
    pub live: Vec<String>,
    /// What the engine keeps, for how long and up to which size.
    pub retention: Retention,
    /// The theme and the colours of the console.
    pub appearance: Appearance,
}

/// A repository that the engine watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// An absolute path, or a URL for git.
    pub repository: String,
    /// The folder of the service in the repository; `None` is the whole repository.
    pub folder: Option<String>,
    /// The branch to watch; it takes precedence over the service file.
    pub trunk: Option<String>,
}

impl Default for UserFile {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            poll: Duration::from_secs(5),
            emergency_countdown: Duration::from_secs(3),
            stale_after: Duration::from_secs(30),
            secrets: SecretSources::default(),
            own_secrets: Vec::new(),
            profiles: BTreeMap::new(),
            engines: BTreeMap::new(),
            server_engines: BTreeSet::new(),
            server_file: String::new(),
            destinations: BTreeMap::new(),
            issues: None,
            live: Vec::new(),
            retention: Retention::default(),
            appearance: Appearance::default(),
        }
    }
}

impl UserFile {
    /// Reads the file; a missing file gives the defaults.
    ///
    /// # Errors
    /// If it cannot be read, or with every mistake in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read(path)?, &path.display().to_string())
    }

    /// Reads the text of a user file; `file` is what errors call it.
    ///
    /// # Errors
    /// With every mistake, at its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let tree = tree(text, file)?;
        let mut mistakes = Mistakes::new(file, text);
        let resolved = resolve(Section::of_file(&tree), &mut mistakes);
        Ok(mistakes.finish(Some(resolved))?)
    }

    /// Reads the file for the server of a profile, which a mistake about something else does not concern. Every profile
    /// without a mistake is there, and what cannot be read has its default.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load_for_profile(path: &Path) -> Result<(Self, Option<ConfigError>), ConfigError> {
        Ok(Self::parse_for_profile(&read(path)?, &path.display().to_string()))
    }

    fn parse_for_profile(text: &str, file: &str) -> (Self, Option<ConfigError>) {
        match tree(text, file) {
            Ok(tree) => {
                let mut mistakes = Mistakes::new(file, text);
                let resolved = resolve(Section::of_file(&tree), &mut mistakes);
                (resolved, mistakes.finish(Some(())).err().map(Into::into))
            }
            Err(why) => {
                let alone = profile::tables(text);
                let profiles = Self::parse(&alone, file).map(|file| file.profiles);
                let profiles = profiles.unwrap_or_default();
                (Self { profiles, ..Self::default() }, Some(why.into()))
            }
        }
    }

    /// The sources of a service's values: its own, then those of all services.
    pub fn sources_of(&self, watched: &Watched) -> impl Iterator<Item = &SecretSources> {
        let own = self.own_secrets.iter().filter(|(service, _)| service.is_same(watched));
        own.map(|(_, sources)| sources).chain([&self.secrets])
    }

    /// The file that an engine is in, where `name` is what errors call this one.
    #[must_use]
    pub fn file_of<'a>(&'a self, engine: &EngineName, name: &'a str) -> &'a str {
        if self.server_engines.contains(engine) { &self.server_file } else { name }
    }

    /// Why a job cannot be started by the engines of this file, which errors call `name`.
    #[must_use]
    pub fn unusable(&self, job: &RemoteJob, name: &str) -> Option<String> {
        let RemoteJob { engine, call, .. } = job;
        let (wanted, name) = (call.allowed_as(), self.file_of(engine, name));
        let is_http = EngineKind::of(call) == EngineKind::Http;
        match self.engines.get(engine) {
            None => Some(format!("{name} has no [engines.{engine}]; add it")),
            Some(settings) if settings.kind != EngineKind::of(call) => Some(format!(
                "[engines.{engine}] of {name} is of kind {}, and the step wants {}",
                settings.kind.as_str(),
                EngineKind::of(call).as_str()
            )),
            Some(settings) if settings.preset.is_none() && wanted.contains('/') && is_http => Some(
                format!("a job of {engine} has no \"/\" in its name; only one behind a preset has"),
            ),
            Some(settings) if !settings.allows(wanted) => Some(format!(
                "{name} does not let services start {wanted:?} at {engine}; add it to may of [engines.{engine}]"
            )),
            Some(_) => None,
        }
    }

    /// Why a repository cannot be looked at by an engine of this file, which errors call `name`.
    #[must_use]
    pub fn unreadable(&self, engine: &EngineName, repository: &str, name: &str) -> Option<String> {
        let name = self.file_of(engine, name);
        match self.engines.get(engine) {
            None => Some(format!("{name} has no [engines.{engine}]; add it")),
            Some(settings) if settings.kind != EngineKind::GitHub => Some(format!(
                "[engines.{engine}] of {name} is of kind {}, and has no repositories",
                settings.kind.as_str()
            )),
            Some(settings) if !settings.allows(repository) => Some(format!(
                "{name} does not let services see {repository:?} at {engine}; add it to may of [engines.{engine}]"
            )),
            Some(_) => None,
        }
    }

    /// All files with values.
    pub fn env_files(&self) -> impl Iterator<Item = &Path> {
        let own = self.own_secrets.iter().map(|(_, sources)| sources);
        own.chain([&self.secrets]).filter_map(|sources| sources.env_file.as_deref())
    }

    /// Appends a service to the file, or creates it. If the service is there with the address `instead_of`, that address is
    /// replaced. Any other text is kept.
    ///
    /// # Errors
    /// If the file has or would get mistakes, or if it cannot be written. The file is unchanged then.
    pub fn watch(
        path: &Path,
        watched: &Watched,
        instead_of: Option<&str>,
    ) -> Result<NowWatched, ConfigError> {
        let (text, name) = (read(path)?, path.display().to_string());
        let before = Self::parse(&text, &name)?;
        if before.services.iter().any(|known| known.is_same(watched)) {
            return Ok(NowWatched::Already);
        }
        let old = instead_of.map(|old| Watched { repository: old.to_owned(), ..watched.clone() });
        let old = old.and_then(|old| before.services.iter().find(|known| known.is_same(&old)));
        if let Some(old) = old {
            let text = readdress(&text, &old.repository, &watched.repository);
            let after = Self::parse(&text, &name)?;
            if !after.services.iter().any(|known| known.is_same(watched)) {
                let (file, repository) = (path.to_owned(), old.repository.clone());
                return Err(ConfigError::Unchangeable { file, repository });
            }
            write_whole(path, &text)
                .map_err(|why| ConfigError::Unwritable { file: path.to_owned(), why })?;
            return Ok(NowWatched::InsteadOf(old.repository.clone()));
        }
        if !text.contains("[[services]]") && !before.services.is_empty() {
            return Err(ConfigError::ServicesAsList { file: path.to_owned() });
        }
        let text = append(text, watched);
        Self::parse(&text, &name)?;
        write_whole(path, &text)
            .map_err(|why| ConfigError::Unwritable { file: path.to_owned(), why })?;
        Ok(NowWatched::Newly)
    }
}

impl UserFile {
    /// Appends a profile to the file, or creates it. Any other text is kept.
    ///
    /// # Errors
    /// If the file has or would get mistakes, or if it cannot be written. The file is unchanged then.
    pub fn add_profile(path: &Path, name: &str, profile: &Profile) -> Result<(), ConfigError> {
        let (mut text, file) = (read(path)?, path.display().to_string());
        Self::parse(&text, &file)?;
        let header = format!("[profiles.{}]", toml::Value::from(name));
        append_table(
            &mut text,
            &header,
            &[
                ("url", Some(&profile.url)),
                ("ca", profile.ca.as_ref().map(|ca| ca.display().to_string()).as_ref()),
            ],
        );
        Self::parse(&text, &file)?;
        write_whole(path, &text)
            .map_err(|why| ConfigError::Unwritable { file: path.to_owned(), why })
    }
}

/// What the user file said before a service was written into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NowWatched {
    Newly,
    Already,
    /// It had this address.
    InsteadOf(String),
}

impl Watched {
    /// The path of the service file in the repository.
    #[must_use]
    pub fn service_file(&self) -> String {
        match &self.folder {
            Some(folder) => format!("{folder}/{SERVICE_FILE}"),
            None => SERVICE_FILE.to_owned(),
        }
    }

    /// Whether both name the same folder of the same repository.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        fn bare(repository: &str) -> &str {
            repository.trim_end_matches('/')
        }
        bare(&self.repository) == bare(&other.repository) && self.folder == other.folder
    }
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |why| ConfigError::Unreadable { file: path.to_owned(), why };
    match fs::metadata(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Ok(metadata) if metadata.len() > LARGEST => {
            return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
        }
        _ => {}
    }
    Ok(text(fs::read(path).map_err(unreadable)?, &path.display().to_string())?)
}

fn resolve(mut top: Section<'_>, mistakes: &mut Mistakes<'_>) -> UserFile {
    let mut file = UserFile::default();
    if let Some(poll) = top.take("poll").and_then(|e| e.positive_duration(mistakes)) {
        file.poll = poll;
    }
    if let Some(countdown) = top.take("emergency_countdown").and_then(|e| e.duration(mistakes)) {
        file.emergency_countdown = countdown;
    }
    if let Some(age) = top.take("stale_after").and_then(|e| e.positive_duration(mistakes)) {
        file.stale_after = age;
    }
    file.appearance = appearance::read_from(&mut top, mistakes);
    file.profiles = profile::read(top.take("profiles"), mistakes);
    file.engines = engines::read(top.take("engines"), mistakes);
    file.destinations = notify::read(top.take("notify"), mistakes);
    file.issues = issues::read(top.take("incidents"), mistakes);
    file.live = live_hosts::read(top.take("live"), mistakes);
    file.retention = retention::read(top.take("retention"), mistakes);
    file.secrets = secret_sources::read(top.take("secrets"), mistakes);
    let services = top.take("services").map(|entry| entry.sections(mistakes));
    for mut section in services.into_iter().flatten() {
        let (at, path) = (section.at, section.path.clone());
        let sources = secret_sources::read(section.take("secrets"), mistakes);
        let Some(watched) = watched(section, mistakes) else { continue };
        if file.services.iter().any(|known| known.is_same(&watched)) {
            let sentence = format!("{:?} is listed twice; keep one", watched.repository);
            mistakes.add(at, &path, sentence);
        } else {
            if sources != SecretSources::default() {
                file.own_secrets.push((watched.clone(), sources));
            }
            file.services.push(watched);
        }
    }
    top.finish(mistakes);
    file
}

fn watched(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Watched> {
    let repository = if let Some(entry) = section.take("repository") {
        repository(&entry, mistakes)
    } else {
        let sentence = "a service needs repository = \"/PATH/OR/URL\"";
        mistakes.add(section.at, &section.path, sentence);
        None
    };
    let folder = section.take("folder").and_then(|entry| folder(&entry, mistakes));
    let trunk = section.take("trunk").and_then(|entry| branch::trunk(&entry, mistakes));
    section.finish_below(&TOP_KEYS, mistakes);
    Some(Watched { repository: repository?, folder, trunk })
}

/// An absolute path, a URL or `host:path`. The engine has another working directory, so no relative path.
fn repository(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let before_slash = text.split('/').next().unwrap_or_default();
    let why = if text.contains(char::is_control) {
        Some("contains a control character; remove it")
    } else if text.starts_with('-') || !(text.starts_with('/') || before_slash.contains(':')) {
        Some("is neither an absolute path nor a URL; write the path from / on")
    } else if carries_password(text) {
        Some("contains a password; remove it and let git's credential helper hold it")
    } else {
        None
    };
    let Some(why) = why else { return Some(text.to_owned()) };
    let subject = if carries_password(text) { "the URL".to_owned() } else { format!("{text:?}") };
    entry.reject(mistakes, format!("{subject} {why}"));
    None
}

fn carries_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// A folder below the top of the repository, without a slash at its ends.
fn folder(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let folder = text.strip_suffix('/').unwrap_or(text);
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    if folder.split('/').all(good) {
        return Some(folder.to_owned());
    }
    let rule = "write its path from the top of the repository, such as \"services/checkout\"";
    entry.reject(mistakes, format!("{text:?} is not a folder of the repository; {rule}"));
    None
}

fn append(mut text: String, watched: &Watched) -> String {
    append_table(
        &mut text,
        "[[services]]",
        &[
            ("repository", Some(&watched.repository)),
            ("folder", watched.folder.as_ref()),
            ("trunk", watched.trunk.as_ref()),
        ],
    );
    text
}

fn append_table(text: &mut String, header: &str, keys: &[(&str, Option<&String>)]) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(header);
    text.push('\n');
    for (key, value) in keys {
        if let Some(value) = value {
            writeln!(text, "{key} = {}", toml::Value::from(value.as_str()))
                .expect("a String takes any text");
        }
    }
}

/// The text with another address in each line that has the old one.
fn readdress(text: &str, old: &str, new: &str) -> String {
    let new = toml::Value::from(new).to_string();
    let has_old = |line: &str| {
        let line = line.parse::<toml::Table>().ok();
        line.and_then(|line| Some(line.get("repository")?.as_str()? == old)).unwrap_or(false)
    };
    let lines = text.split_inclusive('\n').map(|line| match line.strip_suffix('\n') {
        _ if !has_old(line) => line.to_owned(),
        Some(_) => format!("repository = {new}\n"),
        None => format!("repository = {new}"),
    });
    lines.collect()
}

/// Writes a new file and renames it, so that readers see the old text or the new one. A link stays a link.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = path.with_extension(format!("toml.{}", std::process::id()));
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
