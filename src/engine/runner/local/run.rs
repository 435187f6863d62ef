//! A run: the folder through which the engine and a step's supervisor communicate. It outlives both.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::processes;
use crate::domain::event::Run as StepRun;
use crate::domain::ids::DeploymentId;
use crate::domain::time::millis;
use crate::engine::runner::Status;

/// The supervisor's task. It contains no secret: secrets come through the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub run: StepRun,
    pub folder: PathBuf,
    /// Facts for the step, in addition to its variables.
    pub environment: BTreeMap<String, String>,
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// How long a step has between TERM and KILL.
    #[serde(with = "millis")]
    pub grace: Duration,
    /// Of an engine of 0.1.0: the names of the inherited variables whose values are masked in the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// What the supervisor writes about itself before it starts the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub supervisor: i32,
}

impl Started {
    /// A claim with this value gives up the run: no supervisor can claim it.
    pub const NOBODY: Self = Self { supervisor: 0 };
}

/// A step's process group by its leader. Process ids are reused, so the leader's start time identifies it too.
#[derive(Debug, Serialize, Deserialize)]
struct ProcessGroup {
    leader: i32,
    start: Option<String>,
}

/// One step's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The run of a deployment's step below the folder that holds all runs.
    #[must_use]
    pub fn of(runs: &Path, deployment: DeploymentId, step: usize) -> Self {
        Self(runs.join(deployment.0.to_string()).join(step.to_string()))
    }

    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Writes the spec. An existing run keeps its first spec.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn prepare(&self, spec: &Spec) -> io::Result<()> {
        self.create()?;
        if self.0.join("spec.json").exists() {
            return Ok(());
        }
        self.write("spec.json", spec)
    }

    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn spec(&self) -> io::Result<Spec> {
        self.read("spec.json")?.ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// The lock that the supervisor holds from before the step starts until the status is on disk.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    pub fn lock(&self) -> io::Result<File> {
        let path = self.0.join("lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Blocks until no supervisor holds the run.
    ///
    /// # Errors
    /// When the lock cannot be opened.
    pub fn wait_for_end(&self) -> io::Result<()> {
        let Some(file) = self.find_lock()? else { return Ok(()) };
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockShared) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether a supervisor holds the run at this moment.
    ///
    /// # Errors
    /// When the lock cannot be opened.
    pub fn is_held(&self) -> io::Result<bool> {
        let Some(file) = self.find_lock()? else { return Ok(false) };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// The lock file, if a supervisor created it. A check never creates it, so that checks work on a full disk.
    fn find_lock(&self) -> io::Result<Option<File>> {
        match OpenOptions::new().write(true).open(self.0.join("lock")) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Claims the run for good. Exactly one claim ever succeeds, so a step never runs twice.
    ///
    /// # Errors
    /// `AlreadyExists` when it was claimed before.
    pub fn claim(&self, started: &Started) -> io::Result<()> {
        // The hard link adds the name and the content at once: a crash or a full disk never leaves a claim without an
        // owner.
        let draft = self.draft("started.json", started)?;
        let claimed = fs::hard_link(&draft, self.0.join("started.json"));
        discard(&draft);
        claimed?;
        self.sync_folder()
    }

    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.0.join("started.json").exists()
    }

    /// # Errors
    /// When it exists and cannot be read.
    pub fn started(&self) -> io::Result<Option<Started>> {
        self.read("started.json")
    }

    /// Asks the supervisor to stop, even if it has not started yet.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.create()?;
        self.write("cancel.json", &())
    }

    #[must_use]
    pub fn is_asked_to_stop(&self) -> bool {
        self.0.join("cancel.json").exists()
    }

    /// # Errors
    /// When the folder cannot be written.
    pub fn finish(&self, status: &Status) -> io::Result<()> {
        self.write("status.json", status)
    }

    /// # Errors
    /// When it exists and cannot be read.
    pub fn status(&self) -> io::Result<Option<Status>> {
        self.read("status.json")
    }

    /// Writes the step's process group, so that it can be ended if its supervisor dies.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_group(&self, leader: i32) -> io::Result<()> {
        self.write("group.json", &ProcessGroup { leader, start: processes::start_of(leader) })
    }

    /// The step's process group, if its leader is still the process that it was.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn living_group(&self) -> io::Result<Option<i32>> {
        let group: Option<ProcessGroup> = self.read("group.json")?;
        let lives = |g: &ProcessGroup| {
            let start = processes::start_of(g.leader);
            start.is_some() && start == g.start && processes::is_alive(g.leader)
        };
        Ok(group.filter(lives).map(|g| g.leader))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file atomically and durably.
    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let draft = self.draft(name, value)?;
        fs::rename(&draft, self.0.join(name)).inspect_err(|_| discard(&draft))?;
        self.sync_folder()
    }

    /// Writes the content of a file under a temporary name.
    fn draft(&self, name: &str, value: &impl Serialize) -> io::Result<PathBuf> {
        let draft = self.0.join(format!(".{name}.{}", std::process::id()));
        let fill = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true).mode(0o600);
            let mut file = options.open(&draft)?;
            serde_json::to_writer(&file, value)?;
            file.flush()?;
            file.sync_all()
        };
        fill().inspect_err(|_: &io::Error| discard(&draft))?;
        Ok(draft)
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

/// Removes an unused draft.
fn discard(draft: &Path) {
    let _left_behind = fs::remove_file(draft);
}
