//! The operator's own sources of values: files and commands, as the user file names them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::config::secret_sources::parse_values;
use crate::config::user_file::{UserFile, Watched};

/// The most bytes of a file or of what a command prints.
const LARGEST: u64 = 1024 * 1024;
/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for a rollback, if the command answered before.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a command's answer counts as fresh, so that a deployment of many steps asks it once.
const FRESH: Duration = Duration::from_mins(1);

type Values = BTreeMap<String, String>;

/// How old the answer of a command may be. Files are always read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Fresh,
    /// The last one if there is no fresh one soon: a rollback must not wait for a secret store that is down too.
    Soon,
    Any,
}

pub struct Sources {
    user_file: Option<PathBuf>,
    /// The last answer of each command. If it fails later, the last good answer counts.
    answers: Mutex<HashMap<Vec<String>, CommandAnswer>>,
}

#[derive(Debug, Clone)]
struct CommandAnswer {
    at: Instant,
    values: Result<Values, String>,
}

impl Sources {
    pub fn new(user_file: Option<PathBuf>) -> Self {
        Self { user_file, answers: Mutex::new(HashMap::new()) }
    }

    pub fn user_file(&self) -> Option<&Path> {
        self.user_file.as_deref()
    }

    /// All values for a service. An earlier source takes precedence over a later one.
    ///
    /// # Errors
    /// With a sentence when a source cannot be read: what it would have said is not known then.
    pub async fn values(&self, watched: &Watched, age: Age) -> Result<Values, String> {
        let Some(path) = self.user_file.clone() else { return Ok(Values::new()) };
        let read = move || UserFile::load(&path);
        let user = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
        let user = user.map_err(|error| error.in_one_line())?;
        let mut values = Values::new();
        for source in user.sources_of(watched) {
            if let Some(path) = &source.env_file {
                add(&mut values, of_file(path).await?);
            }
            if let Some(command) = &source.command {
                add(&mut values, self.of_command(command, age).await?);
            }
        }
        Ok(values)
    }

    async fn of_command(&self, command: &[String], age: Age) -> Result<Values, String> {
        let known =
            self.answers.lock().expect("no code panics with the answers").get(command).cloned();
        let is_new = |answer: &CommandAnswer| age == Age::Any || answer.at.elapsed() < FRESH;
        let is_usable =
            |answer: &CommandAnswer| answer.values.is_ok() || answer.at.elapsed() < FRESH;
        if let Some(known) = known.as_ref().filter(|known| is_new(known) && is_usable(known)) {
            return known.values.clone();
        }
        let limit = match (age, &known) {
            (Age::Soon, Some(CommandAnswer { values: Ok(_), .. })) => ROLLBACK_TIMEOUT,
            _ => COMMAND_TIMEOUT,
        };
        let ran = run(command, limit).await;
        let program = command.first().map_or("", String::as_str);
        let values = ran.map_err(|why| format!("the command {program:?} of [secrets] {why}"));
        let values = match (values, known) {
            (Err(why), Some(CommandAnswer { values: Ok(before), .. })) => {
                tracing::warn!(why, "the values that were read last are used");
                Ok(before)
            }
            (values, _) => values,
        };
        let answer = CommandAnswer { at: Instant::now(), values: values.clone() };
        self.answers
            .lock()
            .expect("no code panics with the answers")
            .insert(command.to_vec(), answer);
        values
    }
}

fn add(values: &mut Values, more: Values) {
    for (name, value) in more {
        values.entry(name).or_insert(value);
    }
}

async fn of_file(path: &Path) -> Result<Values, String> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).await?;
        Ok(text)
    };
    let text = read.await.map_err(|error: std::io::Error| error.to_string());
    let values = text.and_then(|text| parse_values(&text));
    values.map_err(|why| format!("the file {path:?} of [secrets] cannot be used: {why}"))
}

async fn run(command: &[String], limit: Duration) -> Result<Values, String> {
    let (program, arguments) = command.split_first().ok_or("is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It may tell a part of a secret.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start: {error}"))?;
    let output = child.stdout.take().ok_or("has no output")?;
    let mut text = String::new();
    let read = async {
        output.take(LARGEST).read_to_string(&mut text).await.map_err(|e| e.to_string())?;
        child.wait().await.map_err(|e| e.to_string())
    };
    let ended = tokio::time::timeout(limit, read).await;
    let seconds = limit.as_secs();
    let status = ended.map_err(|_| format!("did not answer in {seconds} s"))??;
    if !status.success() {
        return Err(format!("failed ({status})"));
    }
    parse_values(&text).map_err(|why| format!("printed something else than NAME=VALUE: {why}"))
}
