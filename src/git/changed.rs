//! Lists and reads the files of a commit, and the files that differ between two commits, within limits.

use std::collections::BTreeMap;
use std::path::Path;

use super::contents::{batch, contents};
use super::error::GitError;
use super::mirror::sha;
use super::process::Git;
use super::text::text;
use crate::domain::ids::Sha;
use crate::migrations::FileChange;

/// The most paths in one list.
const MOST_PATHS: usize = 100_000;
/// The largest text that is read, in bytes.
const LARGEST_TEXT: u64 = 1024 * 1024;
/// The most bytes that are read at once, of all texts together.
const LARGEST_SUM: u64 = 32 * 1024 * 1024;
/// How many paths one run of git gets: they must fit into its arguments.
const PATHS_AT_ONCE: usize = 200;

/// A list that is cut at its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundedList<T> {
    pub listed: Vec<T>,
    /// How many items were cut.
    pub more: usize,
}

/// A file that differs between two commits. A renamed file counts as deleted and added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    pub change: FileChange,
    pub path: String,
}

/// The text of a file, or why it was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileText {
    Read(String),
    /// More than 1 MiB, or past the 32 MiB that are read at once.
    TooLarge,
    NotUtf8,
}

pub(super) async fn between(
    mirror: &Path,
    from: Option<&Sha>,
    to: &Sha,
    folder: Option<&str>,
) -> Result<BoundedList<ChangedFile>, GitError> {
    let Some(from) = from else {
        let BoundedList { listed, more } = paths(mirror, to, folder).await?;
        let added = |path| ChangedFile { change: FileChange::Added, path };
        return Ok(BoundedList { listed: listed.into_iter().map(added).collect(), more });
    };
    let options = ["-r", "-z", "--no-renames", "--name-status", "--ignore-submodules=none"];
    let answer = Git::new("diff-tree")
        .args(options)
        .args(["--end-of-options", from.as_str(), to.as_str(), "--"])
        .args(folder)
        .run(mirror)
        .await?;
    Ok(cut(files(&answer)))
}

/// Parses the output of `diff-tree -z --name-status`.
pub(super) fn files(output: &[u8]) -> impl Iterator<Item = ChangedFile> {
    let mut fields = output.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let (status, path) = (fields.next()?, fields.next()?);
        let change = match status {
            b"A" => FileChange::Added,
            b"D" => FileChange::Deleted,
            _ => FileChange::Edited,
        };
        Some(ChangedFile { change, path: text(path) })
    })
}

pub(super) async fn paths(
    mirror: &Path,
    at: &Sha,
    folder: Option<&str>,
) -> Result<BoundedList<String>, GitError> {
    let answer = Git::new("ls-tree")
        .args(["-r", "-z", "--name-only", "--full-tree", "--end-of-options", at.as_str()])
        .args(folder)
        .run(mirror)
        .await?;
    let paths = answer.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(cut(paths.map(text)))
}

fn cut<T>(mut items: impl Iterator<Item = T>) -> BoundedList<T> {
    let listed = items.by_ref().take(MOST_PATHS).collect();
    BoundedList { listed, more: items.count() }
}

/// Reads the regular files among these paths. Links, submodules, folders and missing paths are left out.
pub(super) async fn texts(
    mirror: &Path,
    at: &Sha,
    paths: &[String],
) -> Result<BTreeMap<String, FileText>, GitError> {
    texts_of(mirror, blobs(mirror, at, paths).await?).await
}

/// Whether none of these files is too large to be read with the others.
pub fn are_read_at_once<'a>(mut blobs: impl Iterator<Item = &'a Blob>) -> bool {
    let mut sum = 0;
    blobs.all(|blob| {
        sum += blob.size;
        blob.size <= LARGEST_TEXT && sum <= LARGEST_SUM
    })
}

/// Reads these files.
pub(super) async fn texts_of(
    mirror: &Path,
    blobs: BTreeMap<String, Blob>,
) -> Result<BTreeMap<String, FileText>, GitError> {
    let mut texts = BTreeMap::new();
    let mut small = Vec::new();
    let mut sum = 0;
    for (path, blob) in blobs {
        if blob.size > LARGEST_TEXT || sum + blob.size > LARGEST_SUM {
            texts.insert(path, FileText::TooLarge);
        } else {
            sum += blob.size;
            small.push((path, blob.id));
        }
    }
    if small.is_empty() {
        return Ok(texts);
    }
    let answer = batch(small.iter().map(|(_, id)| id.as_str())).run(mirror).await?;
    let mut contents = contents(&answer);
    for (path, id) in small {
        let missing = || GitError::Unexpected { what: "cat-file", detail: format!("no {id}") };
        let content = contents.next().flatten().ok_or_else(missing)?.to_owned();
        let text = String::from_utf8(content).map_or(FileText::NotUtf8, FileText::Read);
        texts.insert(path, text);
    }
    Ok(texts)
}

/// The contents of a file, which its id names, and their size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub id: Sha,
    pub size: u64,
}

/// The regular files among these paths.
pub(super) async fn blobs(
    mirror: &Path,
    at: &Sha,
    paths: &[String],
) -> Result<BTreeMap<String, Blob>, GitError> {
    let mut blobs = BTreeMap::new();
    let paths: Vec<_> = paths.iter().filter(|path| is_inside(path)).collect();
    for paths in paths.chunks(PATHS_AT_ONCE) {
        let answer = Git::new("ls-tree")
            .args(["-z", "-l", "--full-tree", "--end-of-options", at.as_str()])
            .args(paths)
            .run(mirror)
            .await?;
        let answer = String::from_utf8_lossy(&answer);
        for (about, path) in answer.split('\0').filter_map(|entry| entry.split_once('\t')) {
            let mut about = about.split_whitespace();
            let (mode, id) = (about.next().unwrap_or_default(), about.nth(1).unwrap_or_default());
            let size = about.next().and_then(|size| size.parse().ok());
            if let (true, Some(size)) = (mode.starts_with("100"), size) {
                blobs.insert(path.to_owned(), Blob { id: sha("ls-tree", id)?, size });
            }
        }
    }
    Ok(blobs)
}

/// True if a path stays inside the tree. One path that does not would make git refuse them all.
fn is_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
