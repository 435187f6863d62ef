//! Finds the commits whose code uses the name of a table or column, as a word or in camel case.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::error::GitError;
use super::process::Git;
use crate::domain::ids::Sha;

/// The time limit of a whole search: a plan waits for it.
const SEARCH: Duration = Duration::from_secs(5);
/// How many trees one run of git searches.
const TREES_AT_ONCE: usize = 100;
/// The longest name that is searched for, longer than any database allows.
const LONGEST_WORD: usize = 256;
/// The longest path that is returned.
const LONGEST_PATH: usize = 200;
/// Trunkline's own files, which are not code.
const OWN: [&str; 2] = ["trunkline.toml", "freezes.toml"];

/// The commits that use a word, each with one file that does; `None` if the search is impossible or the path is too long.
pub type Users = HashMap<Sha, Option<String>>;

/// The commits with the word in any text file outside of the excepted paths and of dumped schemas. Case is ignored, as in
/// SQL. A word that cannot be searched for counts as used everywhere.
pub(super) async fn find(
    mirror: &Path,
    word: &str,
    at: &[Sha],
    folder: Option<&str>,
    except: &[String],
) -> Result<Users, GitError> {
    if word.trim().is_empty() || word.len() > LONGEST_WORD || word.contains(char::is_control) {
        return Ok(at.iter().map(|tree| (tree.clone(), None)).collect());
    }
    let except: HashSet<_> = except.iter().map(String::as_str).collect();
    let search = async {
        let mut found = Users::new();
        for trees in at.chunks(TREES_AT_ONCE) {
            let output = grep(mirror, word, trees, folder).await?;
            let users = users(&output, &except);
            let is_short = |path: &&str| path.len() <= LONGEST_PATH;
            found.extend(trees.iter().filter_map(|tree| {
                let path = users.get(tree.as_str())?;
                Some((tree.clone(), Some(*path).filter(is_short).map(str::to_owned)))
            }));
        }
        Ok(found)
    };
    let late = |_| GitError::TimedOut { what: "grep", after: SEARCH };
    timeout(SEARCH, search).await.map_err(late)?
}

async fn grep(
    mirror: &Path,
    word: &str,
    trees: &[Sha],
    folder: Option<&str>,
) -> Result<String, GitError> {
    let options =
        ["-l", "-z", "-w", "-i", "-F", "-I", "--full-name", "--no-color", "--no-textconv"];
    let ended = Git::new("grep")
        .args(options)
        .args(["-e", word])
        .args(in_camel_case(word).iter().flat_map(|word| ["-e", word.as_str()]))
        .args(trees.iter().map(Sha::as_str))
        .args(["--"])
        .args(folder)
        .end(mirror)
        .await?;
    match ended.code {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        _ => Err(ended.failed("grep")),
    }
}

/// `legacy_total` as `legacytotal`, which also matches `legacyTotal` and `LegacyTotal`: the search ignores case.
fn in_camel_case(word: &str) -> Option<String> {
    let parts = word.split('_').filter(|part| !part.is_empty()).count();
    (parts > 1).then(|| word.replace('_', ""))
}

/// The first counted file of each tree in grep's output, which has entries `tree:path`. The excepted paths are filtered
/// here, since git takes only as many as fit into its arguments.
fn users<'a>(output: &'a str, except: &HashSet<&str>) -> HashMap<&'a str, &'a str> {
    let hits = output.split('\0').filter_map(|hit| hit.split_once(':'));
    let is_own = |path: &str| OWN.contains(&path.rsplit('/').next().unwrap_or(path));
    let counts = |path: &str| !except.contains(path) && !is_own(path) && !is_dumped_schema(path);
    let mut users = HashMap::new();
    for (tree, path) in hits.filter(|(_, path)| counts(path)) {
        users.entry(tree).or_insert(path);
    }
    users
}

/// True if a migration tool dumps the database's schema into this file: such a file is not code. `schema.prisma` and
/// diesel's `schema.rs` count as code: the code generated from them queries every column that they name.
fn is_dumped_schema(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_of_rails = folder == "db" || folder.ends_with("/db");
    let is_named = |end: &str, tail: &str| name == end || name.ends_with(tail);
    is_named("structure.sql", "_structure.sql")
        || name == "schema.sql"
        || is_of_rails && is_named("schema.rb", "_schema.rb")
}
