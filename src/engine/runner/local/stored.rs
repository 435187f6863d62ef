//! The runs on disk: which there are, how much they take, and their removal.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::run::RunFolder;
use super::{LocalRunner, RunId};
use crate::domain::ids::DeploymentId;
use crate::git::tree;

/// The start of the name of runs that are being removed.
const REMOVED: &str = ".removed-";

/// A step that runs: its deployment, and its process group if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningStep {
    pub deployment: DeploymentId,
    pub group: Option<i32>,
}

impl LocalRunner {
    /// The deployments that have runs on disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn stored(&self) -> io::Result<Vec<DeploymentId>> {
        let all = folders(&self.runs)?.into_iter();
        Ok(all.filter_map(|folder| deployment(&folder)).collect())
    }

    /// Whether the run is on disk.
    #[must_use]
    pub fn is_stored(&self, run: RunId) -> bool {
        self.folder(run).path().is_dir()
    }

    /// How many bytes of the disk the runs of a deployment take.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn size(&self, deployment: DeploymentId) -> io::Result<u64> {
        tree::size(&self.of(deployment))
    }

    /// A step that runs on this machine now.
    ///
    /// # Errors
    /// When a run cannot be looked at.
    pub fn running(&self) -> io::Result<Option<RunningStep>> {
        for deployment in self.stored()? {
            if let Some(running) = self.running_of(deployment)? {
                return Ok(Some(running));
            }
        }
        Ok(None)
    }

    fn running_of(&self, deployment: DeploymentId) -> io::Result<Option<RunningStep>> {
        for step in folders(&self.of(deployment))? {
            let run = RunFolder::at(&step);
            let is_held = run.is_held()?;
            if !is_held && run.status()?.is_some() {
                continue;
            }
            let group = run.living_group()?;
            if is_held || group.is_some() {
                return Ok(Some(RunningStep { deployment, group }));
            }
        }
        Ok(None)
    }

    /// Removes the runs of a deployment as a whole, unless a process of them may still run. False if it does.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn remove(&self, deployment: DeploymentId) -> io::Result<bool> {
        if self.running_of(deployment)?.is_some() {
            return Ok(false);
        }
        let removed = self.runs.join(format!("{REMOVED}{}", deployment.0));
        match fs::rename(self.of(deployment), &removed) {
            Ok(()) => fs::remove_dir_all(&removed).map(|()| true),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(true),
            Err(why) => Err(why),
        }
    }

    /// Removes what a removal that was killed has left.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_rest(&self) -> io::Result<()> {
        let is_rest = |folder: &PathBuf| {
            folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(REMOVED))
        };
        folders(&self.runs)?.into_iter().filter(is_rest).try_for_each(fs::remove_dir_all)
    }

    fn of(&self, deployment: DeploymentId) -> PathBuf {
        self.runs.join(deployment.0.to_string())
    }
}

fn deployment(folder: &Path) -> Option<DeploymentId> {
    folder.file_name()?.to_str()?.parse().ok().map(DeploymentId)
}

/// The folders in a folder; none if it is missing.
fn folders(of: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(of) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    Ok(paths.collect::<io::Result<Vec<_>>>()?.into_iter().filter(|path| path.is_dir()).collect())
}
