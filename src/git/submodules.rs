//! Fills the submodules of a checkout from copies of their repositories beside the mirror. A submodule that cannot be filled
//! fails the checkout: an empty folder in its place would be deployed unseen.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checkout::{self, CheckoutSource};
use super::error::GitError;
use super::mirror::sha;
use super::path_locks::PathLocks;
use super::process::Git;
use super::source::display_url;
use super::{bare, lock_files};
use crate::domain::ids::Sha;

/// The most submodules of one checkout, those inside of submodules included.
const MOST: usize = 200;
/// How deep submodules may lie in each other.
const DEEPEST: usize = 10;
/// The largest list of the files of a commit, in bytes.
const LARGEST_LIST: u64 = 512 * 1024 * 1024;
/// The time limit of a fetch. It may bring a whole history.
const FETCHING: Duration = Duration::from_mins(10);

/// The copies of the repositories of submodules, beside a mirror.
struct Copies<'a> {
    folder: PathBuf,
    making: &'a PathLocks,
}

/// A commit whose submodules are filled.
struct SubmoduleLevel<'a> {
    /// The git folder that has its objects.
    objects: PathBuf,
    sha: &'a Sha,
    /// Where its files are.
    tree: PathBuf,
    /// The address that relative addresses start from.
    address: String,
    depth: usize,
}

/// A submodule as a commit and its `.gitmodules` describe it.
struct Submodule {
    path: String,
    sha: Sha,
    /// `None` if `.gitmodules` does not name it.
    declared: Option<DeclaredSubmodule>,
}

#[derive(Default, Clone)]
struct DeclaredSubmodule {
    name: String,
    path: String,
    url: String,
    /// `update = none` says that the folder stays empty.
    stays_empty: bool,
}

/// Fills the submodules of a fresh checkout.
pub(super) async fn fill(source: &CheckoutSource<'_>, tree: &Path) -> Result<(), GitError> {
    let (objects, tree) = (source.mirror.to_owned(), tree.to_owned());
    let (sha, address) = (source.sha, source.address.to_owned());
    let top = SubmoduleLevel { objects, sha, tree, address, depth: 0 };
    let folder = source.mirror.with_extension("submodules");
    let copies = Copies { folder, making: source.making };
    let mut left = MOST;
    level(&top, &copies, &mut left).await
}

async fn level(
    level: &SubmoduleLevel<'_>,
    copies: &Copies<'_>,
    left: &mut usize,
) -> Result<(), GitError> {
    for submodule in submodules(&level.objects, level.sha).await? {
        let Some(declared) = &submodule.declared else {
            return Err(refused(&submodule, "", UNDECLARED));
        };
        if declared.stays_empty {
            continue;
        }
        if level.depth >= DEEPEST || *left == 0 {
            return Err(refused(&submodule, "", "there are too many submodules"));
        }
        *left -= 1;
        let url = resolved(&level.address, &declared.url);
        let failed = |error: GitError| refused(&submodule, &url, &error.to_string());
        let copy = copies.with(&url, &submodule.sha).await.map_err(failed)?;
        let tree = level.tree.join(&submodule.path);
        checkout::write_tree(&copy, &submodule.sha, &tree, &url).await.map_err(failed)?;
        let key = format!("submodule.{}.url", declared.name);
        Git::new("config").args(["--local", &key, &url]).run_in_tree(&level.tree).await?;
        let inner = SubmoduleLevel {
            objects: copy,
            sha: &submodule.sha,
            tree,
            address: url,
            depth: level.depth + 1,
        };
        Box::pin(self::level(&inner, copies, left)).await?;
    }
    Ok(())
}

const UNDECLARED: &str =
    "the commit has no entry for it in .gitmodules: add one, or remove it with git rm --cached";

fn refused(submodule: &Submodule, url: &str, why: &str) -> GitError {
    let (path, sha) = (&submodule.path, submodule.sha.short());
    let from = if url.is_empty() { String::new() } else { format!(" of {}", display_url(url)) };
    let message = format!("the submodule {path} ({sha}{from}) cannot be filled: {why}");
    GitError::Failed { what: "submodule", message }
}

impl Copies<'_> {
    /// The copy of a repository, with this commit.
    async fn with(&self, url: &str, wanted: &Sha) -> Result<PathBuf, GitError> {
        let copy = self.folder.join(format!("{}.git", super::mirror::folder_name(url)));
        {
            let _making = self.making.lock(&copy).await;
            if let Err(why) = std::fs::create_dir(&self.folder)
                && why.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(GitError::File { path: self.folder.clone(), why });
            }
            bare::make_if_missing(&copy, bare::object_format(wanted)).await?;
        }
        fetch(&copy, url, wanted).await.map(|()| copy)
    }
}

/// Brings a commit into a copy, unless it is there. Two may fetch at the same time: neither waits for the other's network. A
/// ref that the other one is just writing makes git fail, but the commit is there then.
async fn fetch(copy: &Path, url: &str, wanted: &Sha) -> Result<(), GitError> {
    if has(copy, wanted).await {
        return Ok(());
    }
    let fetch = |git: Git| git.for_submodule().within(FETCHING).run(copy);
    let everything = || fetch(bare::fetch_everything(url.as_ref()));
    let all = lock_files::without_abandoned(copy, everything).await;
    if has(copy, wanted).await {
        return Ok(());
    }
    all?;
    // A commit that no branch has. Some servers give it by its id.
    let kept = format!("refs/trunkline/keep/{wanted}");
    let by_id = || fetch(bare::fetch_ref(url.as_ref(), wanted.as_str(), &kept));
    let brought = lock_files::without_abandoned(copy, by_id).await;
    if has(copy, wanted).await { Ok(()) } else { brought.map(drop) }
}

/// Whether a copy has a commit with all its files. A git that was killed, and one that still fetches, may have brought the
/// commit alone. What the refs of the copy reach is complete, unless one of them is broken: then all is looked at.
async fn has(copy: &Path, wanted: &Sha) -> bool {
    let list = || Git::new("rev-list").args(["--objects", "--quiet", wanted.as_str()]);
    match list().args(["--not", "--all", "--"]).run(copy).await {
        Err(error) if is_of_a_ref(&error) => list().args(["--"]).run(copy).await.is_ok(),
        listed => listed.is_ok(),
    }
}

/// Whether git stumbled over a ref of the copy and not over what was asked for.
fn is_of_a_ref(error: &GitError) -> bool {
    let GitError::Failed { message, .. } = error else { return false };
    message.lines().any(|line| line.starts_with("fatal: bad object refs/"))
}

/// The submodules of a commit.
async fn submodules(objects: &Path, at: &Sha) -> Result<Vec<Submodule>, GitError> {
    let list =
        Git::new("ls-tree").args(["-r", "-z", "--full-tree", "--end-of-options", at.as_str()]);
    let listed = list.at_most(LARGEST_LIST).run(objects).await?;
    let entries = listed.split(|byte| *byte == 0).filter(|entry| entry.starts_with(b"160000 "));
    let entries: Vec<_> = entries.map(String::from_utf8_lossy).collect();
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let declared = declared(objects, at).await;
    let mut submodules = Vec::with_capacity(entries.len());
    for entry in &entries {
        let Some((about, path)) = entry.split_once('\t') else { continue };
        let id = about.rsplit(' ').next().unwrap_or_default();
        let of_path = declared.values().find(|declared| declared.path == path).cloned();
        let of_path = of_path.filter(|declared| !declared.url.is_empty());
        submodules.push(Submodule {
            path: path.to_owned(),
            sha: sha("ls-tree", id)?,
            declared: of_path,
        });
    }
    Ok(submodules)
}

/// The entries of `.gitmodules`, by their names. A file that git refuses has none.
async fn declared(objects: &Path, at: &Sha) -> HashMap<String, DeclaredSubmodule> {
    let blob = format!("{at}:.gitmodules");
    let list = Git::new("config").args(["-z", "--list", "--blob", &blob]);
    let listed = list.run(objects).await.unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    let mut all: HashMap<String, DeclaredSubmodule> = HashMap::new();
    for (key, value) in listed.split('\0').filter_map(|entry| entry.split_once('\n')) {
        let Some((name, key)) =
            key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.'))
        else {
            continue;
        };
        let entry = all.entry(name.to_owned()).or_default();
        name.clone_into(&mut entry.name);
        match key {
            "path" => value.clone_into(&mut entry.path),
            "url" => value.clone_into(&mut entry.url),
            "update" => entry.stays_empty = value == "none",
            _ => {}
        }
    }
    all
}

/// An address from `.gitmodules`: one that begins with `./` or `../` starts from the address of the repository around it.
fn resolved(around: &str, url: &str) -> String {
    if !url.starts_with("./") && !url.starts_with("../") {
        return url.to_owned();
    }
    let (mut base, mut rest) = (around.trim_end_matches('/'), url);
    let mut colon = false;
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            rest = after;
            let cut = base.rfind('/').or_else(|| base.rfind(':'));
            colon = cut.is_some_and(|at| base.as_bytes()[at] == b':');
            base = &base[..cut.unwrap_or(0)];
        } else {
            break;
        }
    }
    let separator = if colon { ':' } else { '/' };
    format!("{base}{separator}{rest}").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_address_starts_from_the_repository_around_it() {
        let cases = [
            ("https://host/team/shop.git", "../lib.git", "https://host/team/lib.git"),
            ("https://host/team/shop.git/", "../../other/lib", "https://host/other/lib"),
            ("git@host:team/shop.git", "../lib.git", "git@host:team/lib.git"),
            ("git@host:shop.git", "../lib.git", "git@host:lib.git"),
            ("/srv/git/shop", "../lib/", "/srv/git/lib"),
            ("/srv/git/shop", "./lib", "/srv/git/shop/lib"),
            ("/srv/git/shop", "/elsewhere/lib", "/elsewhere/lib"),
            ("/srv/git/shop", "https://host/lib", "https://host/lib"),
        ];
        for (around, url, expected) in cases {
            assert_eq!(resolved(around, url), expected, "{url} from {around}");
        }
    }
}
