//! What a merge commit changed itself: where it differs from what git makes of its parents without anybody's help.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::{DIFF_OPTIONS, MARK, ReadCommit, fields, paths};
use crate::domain::commit::Commit;
use crate::git::process::Git;

/// The mark, the id, and an end that keeps the first path apart from it.
const FORMAT: &str = "--format=tformat:/%x00%H%x00";

/// git merges again as it does by default: no setting of the user's changes the outcome, and no attribute has a
/// driver or a filter started, since the attributes are read from the empty tree.
const SETTINGS: [&str; 6] = [
    "merge.renames=true",
    "merge.directoryRenames=conflict",
    "merge.renormalize=false",
    "merge.default=text",
    "core.attributesFile=/dev/null",
    "attr.tree=4b825dc642cb6eb9a060e54bf8d69288fbee4904",
];

/// Leaves each merge the paths that it changed itself. It comes with those that differ from all its parents, which
/// are also paths that both sides changed in different places: so git merges once more, for all of them in one run.
///
/// What git cannot merge again keeps the paths it came with: a merge of more than two, and every one when git is
/// older than 2.35 or fails. Then a merge may count as somebody's own work that was not, never the other way round.
pub(super) async fn resolve<'a>(
    mirror: &Path,
    folder: Option<&str>,
    commits: impl Iterator<Item = &'a mut ReadCommit>,
) {
    let merges: Vec<_> = commits.map(|read| &mut read.commit).filter(|c| can_differ(c)).collect();
    if merges.is_empty() {
        return;
    }
    let Some(answer) = merge_again(mirror, folder, &merges).await else { return };
    let mut own = parse(&answer);
    for merge in merges {
        if let Some(paths) = own.remove(merge.sha.as_str()) {
            merge.files = paths;
        }
    }
}

fn can_differ(commit: &Commit) -> bool {
    commit.parents == 2 && !commit.files.is_empty()
}

async fn merge_again(
    mirror: &Path,
    folder: Option<&str>,
    merges: &[&mut Commit],
) -> Option<Vec<u8>> {
    let ids: String = merges.iter().map(|merge| [merge.sha.as_str(), "\n"].concat()).collect();
    let git = SETTINGS.iter().fold(Git::new("log"), |git, setting| git.set((*setting).to_owned()));
    git.args(DIFF_OPTIONS)
        .args(["--remerge-diff", "--no-walk=unsorted", "--stdin", FORMAT, "--"])
        .args(folder)
        .input(ids.into_bytes())
        .run(mirror)
        .await
        .ok()
}

/// The paths of each commit that the answer names.
fn parse(answer: &[u8]) -> HashMap<Cow<'_, str>, Vec<String>> {
    let mut fields = fields(answer);
    let mut own = HashMap::new();
    while fields.next().is_some_and(|mark| mark == MARK) {
        let id = fields.next().unwrap_or_default();
        let _end = fields.next();
        own.insert(id, paths(&mut fields));
    }
    own
}
