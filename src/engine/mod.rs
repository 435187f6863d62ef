//! The embedded engine: decides, records, then acts.

mod act;
mod asked;
mod auto_rollback;
mod backoff;
mod by_hand;
mod checkouts;
pub mod clock;
pub mod commands;
mod commit_location;
pub mod decide;
mod error;
mod foundation;
mod freezes;
mod gather;
mod handle;
mod input;
mod issue_opener;
mod links;
mod live_read;
mod migrations;
mod mirrors;
mod need_look;
mod needs;
mod observe;
mod open;
mod outputs;
mod presence;
pub mod record_check;
pub mod refusals;
pub mod replace;
pub mod report;
mod reserve;
mod restore;
mod retention;
pub mod runner;
mod service_rules;
mod sighting;
mod step_ends;
mod tokens;
mod trunk;
pub mod variables;
mod watch;
mod watching;
mod webhooks;
mod work_times;
mod world;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::commands::CommandError;
pub use self::error::EngineError;
pub use self::handle::Handle;
pub use self::issue_opener::{IssueOpener, NoIssue, OpeningIssue};
pub use self::open::Engine;
pub use self::reserve::free_bytes;
pub use self::runner::remote::RemoteTimes;
use crate::config::ConfigError;
use crate::config::operator_files::OperatorFiles;
use crate::config::user_file::{UserFile, Watched};
use crate::domain::people::Person;

/// The options of an engine.
pub struct EngineOptions {
    /// The data folder.
    pub data: PathBuf,
    /// The file that is locked while this engine runs, if there is one.
    pub lock: Option<PathBuf>,
    pub services: Services,
    /// The server file, if it is not beside the user file.
    pub server_file: Option<PathBuf>,
    /// The environment of this process: what steps get of it is chosen by name.
    pub environment: BTreeMap<String, String>,
    /// The binary that has the `supervise` command.
    pub program: PathBuf,
    /// How often it looks at a trunk.
    pub poll: Duration,
    /// The login of the machine's owner. Their local git identity counts as theirs.
    pub owner: Option<String>,
    /// The people whom the server knows, by name.
    pub people: BTreeMap<String, Person>,
    pub demo: bool,
    pub remote_times: RemoteTimes,
    pub clock: Arc<dyn clock::Clock>,
}

/// The repositories to watch.
#[derive(Debug, Clone)]
pub enum Services {
    Fixed(Vec<Watched>),
    /// Those of this user file. Added repositories are watched without a restart.
    File(PathBuf),
}

impl Services {
    /// The repositories that are watched at the start.
    fn watched(&self) -> Result<Vec<Watched>, ConfigError> {
        match self {
            Self::Fixed(watched) => Ok(watched.clone()),
            Self::File(path) => Ok(UserFile::load(path)?.services),
        }
    }

    /// The operator's files, if there is a user file.
    fn files(&self, server: Option<&Path>) -> Option<OperatorFiles> {
        Some(OperatorFiles::new(self.user_file()?, server))
    }

    /// The user file, if there is one.
    #[must_use]
    pub fn user_file(&self) -> Option<&Path> {
        match self {
            Self::Fixed(_) => None,
            Self::File(path) => Some(path),
        }
    }
}
