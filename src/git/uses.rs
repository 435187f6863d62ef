//! Whether code uses the name of a table or column, as a word or in camel case.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::error::GitError;
use super::process::Git;
use crate::domain::ids::Sha;

/// How long a search may take in all, as a plan waits for it.
const SEARCH: Duration = Duration::from_secs(5);
/// How many trees one run of git searches.
const TREES_AT_ONCE: usize = 100;
/// The longest name that is searched for; databases know none that long.
const LONGEST_WORD: usize = 256;
/// The longest path that is given.
const LONGEST_PATH: usize = 200;
/// Our own files: their words are not code.
const OWN: [&str; 2] = ["trunkline.toml", "freezes.toml"];

/// The commits that use a word, each with a file that does; `None` where the search is impossible or the path is long.
pub type Users = HashMap<Sha, Option<String>>;

/// The commits in whose trees the word occurs in any text outside of the excepted paths and of dumped schemas. Case
/// does
/// not matter, as it does not to SQL. A word that cannot be searched for counts as used everywhere.
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
            let answer = grep(mirror, word, trees, folder).await?;
            let users = users(&answer, &except);
            let told = |path: &&str| path.len() <= LONGEST_PATH;
            found.extend(trees.iter().filter_map(|tree| {
                let path = users.get(tree.as_str())?;
                Some((tree.clone(), Some(*path).filter(told).map(str::to_owned)))
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

/// `legacy_total` as `legacyTotal` or `LegacyTotal`, which are the same where case does not matter.
fn in_camel_case(word: &str) -> Option<String> {
    let parts = word.split('_').filter(|part| !part.is_empty()).count();
    (parts > 1).then(|| word.replace('_', ""))
}

/// The trees of an answer, each entry of which is `tree:path`, with their first files. The paths are left out here
/// rather
/// than by git, which takes only as many as fit into its arguments.
fn users<'a>(answer: &'a str, except: &HashSet<&str>) -> HashMap<&'a str, &'a str> {
    let hits = answer.split('\0').filter_map(|hit| hit.split_once(':'));
    let is_own = |path: &str| OWN.contains(&path.rsplit('/').next().unwrap_or(path));
    let counts = |path: &str| !except.contains(path) && !is_own(path) && !is_dumped_schema(path);
    let mut users = HashMap::new();
    for (tree, path) in hits.filter(|(_, path)| counts(path)) {
        users.entry(tree).or_insert(path);
    }
    users
}

/// Whether this is what a migration tool writes of the database after it has run: that follows the migrations and uses
/// nothing. `schema.prisma` and diesel's `schema.rs` are no such files: the code that is made of them asks for every
/// column that they name.
fn is_dumped_schema(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_of_rails = folder == "db" || folder.ends_with("/db");
    let is_named = |end: &str, tail: &str| name == end || name.ends_with(tail);
    is_named("structure.sql", "_structure.sql")
        || name == "schema.sql"
        || is_of_rails && is_named("schema.rb", "_schema.rb")
}
