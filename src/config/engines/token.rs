//! `token` of an engine: where it is kept, or of which GitHub App it is.

use std::path::PathBuf;
use std::time::Duration;

use super::EngineKind;
use crate::config::secret_sources;
use crate::settings::{Mistakes, Setting};

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A variable of the environment in which trunkline was started.
    Env(String),
    File(PathBuf),
    /// A program and its arguments, which prints it, and for how long it counts then.
    Command {
        command: Vec<String>,
        every: Option<Duration>,
    },
    /// GitHub makes one for the App.
    App(AppKey),
}

/// A GitHub App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKey {
    /// Its number.
    pub app: u32,
    /// The file of its private key.
    pub key: PathBuf,
    /// The number of its installation. Without it, it is looked up by the owner of the repository.
    pub installation: Option<u32>,
    /// Whether its tokens may change contents: tags, releases and branches.
    pub writes: bool,
}

pub(in crate::config) fn read(
    entry: &Setting<'_>,
    kind: Option<EngineKind>,
    mistakes: &mut Mistakes<'_>,
) -> Option<TokenSource> {
    let mut section = entry.section(mistakes)?;
    let env = section.take("env").and_then(|entry| entry.text(mistakes));
    let env = env.map(|name| TokenSource::Env(name.to_owned()));
    let file = section.take("file").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let command = secret_sources::command(&mut section, "command", mistakes);
    let [every, app, key, installation, contents] =
        ["every", "app", "key", "installation", "contents"].map(|key| section.take(key));
    section.finish(mistakes);
    let of_app = [&key, &installation, &contents].into_iter().flatten().filter(|_| app.is_none());
    let of_command = every.iter().filter(|_| command.is_none());
    for (lonely, of) in of_app.map(|entry| (entry, "app")).chain(of_command.map(|e| (e, "command")))
    {
        lonely.reject(mistakes, format!("is for {of}"));
    }
    let every = every.and_then(|entry| entry.positive_duration(mistakes));
    let is_app = app.is_some();
    let app = app.and_then(|app| {
        if kind == Some(EngineKind::Http) {
            app.reject(mistakes, "is for kind = \"github\"");
        }
        if key.is_none() {
            app.reject(mistakes, "needs key = \"/PATH\", the file of its private key");
        }
        let key = key.and_then(|entry| secret_sources::absolute(&entry, mistakes));
        let installation = installation.and_then(|entry| entry.count(mistakes));
        let levels = [("read", false), ("write", true)];
        let writes = contents.and_then(|entry| entry.choice(&levels, mistakes));
        let (app, writes) = (app.count(mistakes)?, writes.unwrap_or_default());
        Some(TokenSource::App(AppKey { app, key: key?, installation, writes }))
    });
    let is_one = [env.is_some(), file.is_some(), command.is_some(), is_app];
    if is_one.into_iter().filter(|is| *is).count() != 1 {
        entry.reject(mistakes, "needs one of env, file, command and app; write where the token is");
        return None;
    }
    let command = command.map(|command| TokenSource::Command { command, every });
    env.or(file.map(TokenSource::File)).or(command).or(app)
}
