//! A run: the folder through which the engine and a step's supervisor speak, and that outlives both.

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

/// What the supervisor has to do. No secret is in it: the step's own come through the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub run: StepRun,
    pub folder: PathBuf,
    /// Facts for the step, beside what it inherits.
    pub environment: BTreeMap<String, String>,
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// How long a step has between TERM and KILL.
    #[serde(with = "millis")]
    pub grace: Duration,
    /// The names of the variables whose values are masked in the log.
    pub secrets: Vec<String>,
}

/// What the supervisor says of itself before it starts the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub supervisor: i32,
}

impl Started {
    /// Whoever claims a run for this one takes it away from every supervisor.
    pub const NOBODY: Self = Self { supervisor: 0 };
}

/// A step's process group by its leader. Ids are given anew, so the leader's start time is part of its name.
#[derive(Debug, Serialize, Deserialize)]
struct Group {
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

    /// Writes what has to be done. A run that exists keeps what it was first told.
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

    /// The proof of life: held by the supervisor from before the step starts until its status is on disk.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it.
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

    /// The lock, if any supervisor ever came to take it; only they make it, so that looking needs no disk.
    fn find_lock(&self) -> io::Result<Option<File>> {
        match OpenOptions::new().write(true).open(self.0.join("lock")) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Claims the run for good: of all who ever try, one succeeds. This is what keeps a step from running twice.
    ///
    /// # Errors
    /// `AlreadyExists` when it was claimed before.
    pub fn claim(&self, started: &Started) -> io::Result<()> {
        // The name comes with its content: nobody finds a claim without an owner, however its maker ends, and a disk
        // that takes no content takes no claim.
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

    /// Asks the supervisor to stop, now and also if it has not begun yet.
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

    /// Remembers the step's process group, so that it can be ended when its supervisor is gone.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_group(&self, leader: i32) -> io::Result<()> {
        self.write("group.json", &Group { leader, start: processes::start_of(leader) })
    }

    /// The step's process group, if its leader is still the process that it was.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn living_group(&self) -> io::Result<Option<i32>> {
        let group: Option<Group> = self.read("group.json")?;
        let lives = |g: &Group| {
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

    /// Writes a file that is there whole or not at all, and survives a power cut.
    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let draft = self.draft(name, value)?;
        fs::rename(&draft, self.0.join(name)).inspect_err(|_| discard(&draft))?;
        self.sync_folder()
    }

    /// Writes the content of a file under a name that nobody reads.
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

/// What was not finished is of no use to anybody.
fn discard(draft: &Path) {
    let _left_behind = fs::remove_file(draft);
}
