//! The operator's own sources of values: files and commands, as the user file names them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use super::source_reader::{Ask, LONG, SourceKind, SourceReader};
use crate::config::operator_files::{OftenRead, OperatorFiles};
use crate::config::secret_sources::read_values;
use crate::config::user_file::{UserFile, Watched};
use crate::git::ChildGroup;

/// The most bytes of a file or of what a command prints.
const LARGEST: u64 = 1024 * 1024;

type Values = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum VariableSource {
    EnvFile(PathBuf),
    Command(Vec<String>),
}

pub struct Sources {
    files: Option<OftenRead>,
    settings: SourceReader<Arc<UserFile>>,
    readings: Mutex<HashMap<VariableSource, Arc<SourceReader<Values>>>>,
}

impl Sources {
    pub fn new(files: Option<OperatorFiles>) -> Self {
        Self {
            files: files.map(OftenRead::new),
            settings: SourceReader::default(),
            readings: Mutex::default(),
        }
    }

    pub fn user_file(&self) -> Option<&Path> {
        self.files.as_ref().map(|files| files.files.user.as_path())
    }

    /// The operator's settings as they were last read well.
    pub fn settings_as_read(&self) -> Option<Arc<UserFile>> {
        self.settings.last_good()
    }

    /// All values for a service, for whoever began to ask at `start`. An earlier source takes precedence over a later one.
    ///
    /// # Errors
    /// With a sentence when a source cannot be read: what it would have said is not known then.
    pub async fn values(
        &self,
        watched: &Watched,
        ask: Ask,
        start: Instant,
    ) -> Result<Values, String> {
        let Some(user) = self.settings(ask, start).await? else { return Ok(Values::new()) };
        self.values_by(&user, watched, (ask, start), &mut HashMap::new()).await
    }

    /// The same for several services at once: each source is asked once. A service has none if one of its sources cannot be
    /// read.
    pub async fn values_of_all(&self, all: &[Watched], ask: Ask, start: Instant) -> Vec<Values> {
        let mut said = HashMap::new();
        let mut found = vec![Values::new(); all.len()];
        if all.is_empty() {
            return found;
        }
        let Ok(Some(user)) = self.settings(ask, start).await else { return found };
        for (watched, found) in all.iter().zip(&mut found) {
            let values = self.values_by(&user, watched, (ask, start), &mut said).await;
            *found = values.unwrap_or_default();
        }
        found
    }

    /// The operator's settings; nothing without a user file.
    async fn settings(&self, ask: Ask, start: Instant) -> Result<Option<Arc<UserFile>>, String> {
        let Some(often) = self.files.clone() else { return Ok(None) };
        let paths = [&often.files.user, &often.files.server].map(|path| path.display().to_string());
        let read = || settings(often);
        let user = self.settings.ask(SourceKind::File, ask, start, read).await;
        let is_named = |why: &String| paths.iter().any(|path| why.contains(path));
        let named = |why| if is_named(&why) { why } else { format!("{} {why}", paths[0]) };
        user.map(Some).map_err(named)
    }

    async fn values_by(
        &self,
        user: &UserFile,
        watched: &Watched,
        (ask, start): (Ask, Instant),
        said: &mut HashMap<VariableSource, Result<Values, String>>,
    ) -> Result<Values, String> {
        let mut values = Values::new();
        for source in user.sources_of(watched) {
            let file = source.env_file.clone().map(VariableSource::EnvFile);
            let command = source.command.clone().map(VariableSource::Command);
            for source in file.into_iter().chain(command) {
                let known = said.get(&source).cloned();
                let answer = match known {
                    Some(known) => known,
                    None => self.of(source.clone(), ask, start).await,
                };
                said.insert(source, answer.clone());
                add(&mut values, answer?);
            }
        }
        Ok(values)
    }

    async fn of(&self, source: VariableSource, ask: Ask, start: Instant) -> Result<Values, String> {
        let reading = {
            let mut readings = self.readings.lock().expect("no code panics with the readings");
            readings.entry(source.clone()).or_default().clone()
        };
        match source {
            VariableSource::EnvFile(path) => {
                let name = path.display().to_string();
                let said = reading.ask(SourceKind::File, ask, start, || of_file(path)).await;
                said.map_err(|why| format!("the file {name} of [secrets] cannot be used: {why}"))
            }
            VariableSource::Command(command) => {
                let program = command.first().cloned().unwrap_or_default();
                let run = || async move { run(&command, LONG).await };
                let said = reading.ask(SourceKind::Command, ask, start, run).await;
                said.map_err(|why| format!("the command {program:?} of [secrets] {why}"))
            }
        }
    }
}

fn add(values: &mut Values, more: Values) {
    for (name, value) in more {
        values.entry(name).or_insert(value);
    }
}

async fn settings(files: OftenRead) -> Result<Arc<UserFile>, String> {
    let read = move || files.load();
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
    read.map_err(|error| error.in_one_line())
}

async fn of_file(path: PathBuf) -> Result<Values, String> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).await?;
        Ok(bytes)
    };
    let bytes = read.await.map_err(|error: std::io::Error| error.to_string());
    bytes.and_then(read_values)
}

async fn run(command: &[String], limit: Duration) -> Result<Values, String> {
    let bytes = printed(command, limit).await?;
    read_values(bytes).map_err(|why| format!("printed something else than NAME=VALUE: {why}"))
}

/// What a program prints, in at most so long.
///
/// # Errors
/// With a sentence that follows the name of the program.
pub async fn printed(command: &[String], limit: Duration) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It may tell a part of a secret.
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start: {error}"))?;
    let mut group = ChildGroup::of(&child);
    let output = child.stdout.take().ok_or("has no output")?;
    let mut bytes = Vec::new();
    let read = async {
        output.take(LARGEST).read_to_end(&mut bytes).await.map_err(|e| e.to_string())?;
        child.wait().await.map_err(|e| e.to_string())
    };
    let ended = tokio::time::timeout(limit, read).await;
    let seconds = limit.as_secs();
    let status = ended.map_err(|_| format!("did not answer within {seconds} s"))??;
    group.ended();
    if !status.success() {
        return Err(format!("failed ({status})"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
