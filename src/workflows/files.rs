//! The workflows and local actions of a repository, read once.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::model::WorkflowFile;
use crate::yaml::Unreadable;

/// Where GitHub looks for workflows.
pub const WORKFLOW_FOLDER: &str = ".github/workflows";
/// The most jobs that are looked at in all: on each occasion, and through each call.
const MOST_VISITS: usize = 200_000;
/// The most files that are read.
pub const MOST_FILES: usize = 400;

/// Everything of a repository that says how it deploys.
#[derive(Debug, Clone, Default)]
pub struct WorkflowFiles {
    workflows: Vec<WorkflowFile>,
    /// By their folder: `.github/actions/deploy`.
    actions: BTreeMap<String, (String, String)>,
    unreadable: Vec<Unreadable>,
    /// How many jobs were looked at so far.
    visits: Cell<usize>,
}

impl WorkflowFiles {
    /// Reads files, given by their path from the top of the repository. Others than workflows and actions are left out;
    /// what cannot be read is kept as an error.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut read = Self::default();
        for (path, text) in files.into_iter().take(MOST_FILES) {
            if is_workflow(path) {
                match WorkflowFile::parse(text, path) {
                    Ok(workflow) => read.workflows.push(workflow),
                    Err(error) => read.unreadable.push(error),
                }
            } else if let Some((folder, "action.yml" | "action.yaml")) = path.rsplit_once('/') {
                read.actions.insert(folder.to_owned(), (path.to_owned(), text.to_owned()));
            }
        }
        read.workflows.sort_by(|one, other| one.file.cmp(&other.file));
        read
    }

    /// Adds a file that could not even be opened as a text.
    pub fn add_unreadable(&mut self, path: &str, why: &str) {
        let (file, why) = (path.to_owned(), why.to_owned());
        self.unreadable.push(Unreadable { file, line: 1, why });
    }

    /// Whether a file of this path is read: a workflow, or a local action.
    #[must_use]
    pub fn are_read_from(path: &str) -> bool {
        is_workflow(path) || path.ends_with("/action.yml") || path.ends_with("/action.yaml")
    }

    /// The files that could not be read, each with its line.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Whether the repository has workflows at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workflows.is_empty() && self.unreadable.is_empty()
    }

    /// True if there was more to look at than is looked at: what was found is not all.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        self.visits.get() >= MOST_VISITS
    }

    /// Nothing more is looked at.
    pub(crate) fn give_up(&self) {
        self.visits.set(MOST_VISITS);
    }

    /// Counts a job that is looked at. False if there were too many.
    pub(crate) fn visit(&self) -> bool {
        self.visits.set(self.visits.get().saturating_add(1));
        !self.are_too_many()
    }

    pub(crate) fn workflows(&self) -> &[WorkflowFile] {
        &self.workflows
    }

    /// By its path, with or without the folder.
    pub(crate) fn workflow(&self, path: &str) -> Option<&WorkflowFile> {
        let name = match path.strip_prefix(WORKFLOW_FOLDER) {
            Some(name) => name.strip_prefix('/')?,
            None => path,
        };
        self.workflows.iter().find(|workflow| workflow.file == name)
    }

    /// The file and the text of a local action.
    pub(crate) fn action(&self, folder: &str) -> Option<(&str, &str)> {
        let folder = folder.trim_end_matches('/');
        self.actions.get(folder).map(|(file, text)| (file.as_str(), text.as_str()))
    }
}

/// Directly in the folder: GitHub reads no folders below it.
fn is_workflow(path: &str) -> bool {
    let name = path.strip_prefix(WORKFLOW_FOLDER).and_then(|name| name.strip_prefix('/'));
    name.is_some_and(|name| {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        matches!(extension, Some("yml" | "yaml")) && !name.contains('/')
    })
}
