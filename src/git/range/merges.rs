//! Finds what a merge commit changed by hand: the paths where it differs from git's automatic merge of its parents.

use std::collections::HashMap;
use std::path::Path;

use super::{DIFF_OPTIONS, MARK, ReadCommit, fields, paths};
use crate::domain::commit::Commit;
use crate::git::process::Git;

/// The mark, the id, and an empty field before the first path.
const FORMAT: &str = "--format=tformat:/%x00%H%x00";

/// Git's defaults for the automatic merge, whatever the user's settings are. Attributes are read from the empty tree, so
/// that no merge driver or filter is started.
const SETTINGS: [&str; 6] = [
    "merge.renames=true",
    "merge.directoryRenames=conflict",
    "merge.renormalize=false",
    "merge.default=text",
    "core.attributesFile=/dev/null",
    "attr.tree=4b825dc642cb6eb9a060e54bf8d69288fbee4904",
];

/// Reduces the files of each merge to those changed by hand. `git log` lists the files that differ from all parents,
/// which includes files that both sides changed in different places. So all merges are redone in one run of git and
/// compared.
///
/// A merge that cannot be redone keeps its files: one of more than two parents, and every merge if git is older than 2.35
/// or fails. Then a merge may count as its author's own work although it is not, but never the reverse.
pub(super) async fn resolve<'a>(mirror: &Path, commits: impl Iterator<Item = &'a mut ReadCommit>) {
    let merges: Vec<_> = commits.map(|read| &mut read.commit).filter(|c| can_differ(c)).collect();
    if merges.is_empty() {
        return;
    }
    let Some(output) = redo_merges(mirror, &merges).await else { return };
    let mut own = parse(&output);
    for merge in merges {
        if let Some(paths) = own.remove(merge.sha.as_str()) {
            merge.files = paths;
        }
    }
}

/// True for a merge of two parents with files that may not be changed by hand.
fn can_differ(commit: &Commit) -> bool {
    commit.parents == 2 && !commit.files.is_empty()
}

async fn redo_merges(mirror: &Path, merges: &[&mut Commit]) -> Option<Vec<u8>> {
    let ids: String = merges.iter().map(|merge| [merge.sha.as_str(), "\n"].concat()).collect();
    let git = SETTINGS.iter().fold(Git::new("log"), |git, setting| git.set((*setting).to_owned()));
    git.args(DIFF_OPTIONS)
        .args(["--remerge-diff", "--no-walk=unsorted", "--stdin", FORMAT, "--"])
        .input(ids.into_bytes())
        .run(mirror)
        .await
        .ok()
}

/// The paths of each commit in git's output.
fn parse(output: &[u8]) -> HashMap<String, Vec<String>> {
    let mut fields = fields(output);
    let mut own = HashMap::new();
    while fields.next().is_some_and(|mark| mark == MARK) {
        let id = fields.next().unwrap_or_default();
        let _end = fields.next();
        own.insert(id, paths(&mut fields));
    }
    own
}
