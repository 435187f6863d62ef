//! The embedded engine: decides, records, then acts.

mod act;
mod backoff;
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
mod migrations;
mod mirrors;
mod open;
pub mod record_check;
pub mod refusals;
pub mod report;
mod reserve;
mod restore;
pub mod runner;
mod service_rules;
mod tokens;
mod trunk;
pub mod variables;
mod watching;
mod world;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use self::commands::CommandError;
pub use self::error::EngineError;
pub use self::handle::Handle;
pub use self::open::Engine;
pub use self::reserve::free_bytes;
use crate::config::user_file::Watched;

/// The options of an engine.
pub struct EngineOptions {
    /// The data folder.
    pub data: PathBuf,
    /// The file that is locked while this engine runs, if there is one.
    pub lock: Option<PathBuf>,
    pub services: Services,
    /// The environment of this process: what steps get of it is chosen by name.
    pub environment: BTreeMap<String, String>,
    /// The binary that has the `supervise` command.
    pub program: PathBuf,
    /// How often it looks at a trunk.
    pub poll: Duration,
    /// The login of the machine's owner. Their local git identity counts as theirs.
    pub owner: Option<String>,
    pub demo: bool,
    pub clock: Arc<dyn clock::Clock>,
}

/// The repositories to watch.
#[derive(Debug, Clone)]
pub enum Services {
    Fixed(Vec<Watched>),
    /// Those of this user file. Added repositories are watched without a restart.
    File(PathBuf),
}
