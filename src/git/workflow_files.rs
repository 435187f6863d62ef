//! The workflows and local actions of a commit.

use std::path::Path;

use super::changed::{self, FileText};
use super::error::GitError;
use crate::domain::ids::Sha;
use crate::workflows::{MOST_FILES, WorkflowFiles};

/// Where GitHub keeps both.
const FOLDER: &str = ".github";

/// Reads them from a repository, given by its git folder.
///
/// # Errors
/// When it cannot be read or lacks the commit.
pub async fn workflow_files(git_folder: &Path, at: &Sha) -> Result<WorkflowFiles, GitError> {
    let paths = changed::paths(git_folder, at, Some(FOLDER)).await?.listed;
    let wanted = paths.into_iter().filter(|path| WorkflowFiles::are_read_from(path));
    let wanted: Vec<_> = wanted.take(MOST_FILES).collect();
    let texts = changed::texts(git_folder, at, &wanted).await?;
    let readable = texts.iter().filter_map(|(path, text)| match text {
        FileText::Read(text) => Some((path.as_str(), text.as_str())),
        FileText::TooLarge | FileText::NotUtf8 => None,
    });
    let mut files = WorkflowFiles::read(readable);
    for (path, text) in &texts {
        match text {
            FileText::Read(_) => {}
            FileText::TooLarge => files.add_unreadable(path, "is too large"),
            FileText::NotUtf8 => files.add_unreadable(path, "is not UTF-8"),
        }
    }
    Ok(files)
}
