//! What the files of a local repository tell of its trunk: every move of it, in every layout, or nothing at all.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use trunkline::git::{BranchState, Mirror};

use trunkline_testing::repository::Repository;

/// A repository with commits, and where it is watched: another work tree, a bare one beside it, or itself.
struct Laid {
    name: &'static str,
    work: Repository,
    watched: PathBuf,
    /// What is watched gets its commits by a push.
    pushes: bool,
    mirror: Mirror,
    folder: TempDir,
}

impl Laid {
    async fn new(
        name: &'static str,
        work: Repository,
        lay: impl Fn(&Repository, &TempDir),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        work.commit("one");
        work.commit("two");
        lay(&work, &folder);
        let aside = folder.path().join("watched");
        let watched = if aside.exists() { aside } else { work.path().to_owned() };
        let pushes = name == "a bare repository";
        let place = folder.path().join("mirror.git");
        let mirror = Mirror::open(&place, watched.to_str().unwrap()).await.unwrap();
        Self { name, work, watched, pushes, mirror, folder }
    }

    async fn standing(&self) -> BranchState {
        let standing = self.mirror.standing("main").await;
        standing.unwrap_or_else(|| panic!("{}: the files do not tell", self.name))
    }

    /// Does something to the repository and asks whether the files tell of it.
    async fn is_told(&self, what: &str, done: impl Fn(&Repository)) {
        let before = self.standing().await;
        assert_eq!(before, self.standing().await, "{}: nothing was done", self.name);
        done(&self.work);
        if self.pushes {
            let to = self.watched.to_str().unwrap();
            self.work.git(["push", "--quiet", "--force", to, "main"]);
        }
        assert_ne!(before, self.standing().await, "{}: {what} is not told", self.name);
    }
}

/// An empty repository whose git folder or refs are kept in this way; `None` where git is too old for it.
fn initialised(option: &str) -> Option<Repository> {
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    let init = ["init", "--quiet", "--template=", "--initial-branch=main", option, "."];
    let made = Command::new("git").args(init).current_dir(repository.path()).output().unwrap();
    made.status.success().then_some(repository)
}

async fn layouts() -> Vec<Laid> {
    let aside = tempfile::tempdir().unwrap();
    let elsewhere = format!("--separate-git-dir={}", aside.path().join("folder").display());
    let elsewhere = initialised(&elsewhere).expect("every git can do this");
    // Kept for as long as the tests run: it holds the repository of one of them.
    let _kept = aside.keep();
    let mut layouts = vec![
        Laid::new("a work tree", Repository::new(), |_, _| {}).await,
        Laid::new("a git folder elsewhere", elsewhere, |_, _| {}).await,
        Laid::new("packed refs", Repository::new(), |work, _| {
            work.git(["pack-refs", "--all"]);
        })
        .await,
        Laid::new("another work tree", Repository::new(), |work, folder| {
            let path = folder.path().join("watched");
            work.git(["worktree", "add", "--quiet", "-b", "other", path.to_str().unwrap()]);
        })
        .await,
        Laid::new("a bare repository", Repository::new(), |work, folder| {
            let path = folder.path().join("watched");
            work.git(["clone", "--quiet", "--bare", ".", path.to_str().unwrap()]);
        })
        .await,
    ];
    if let Some(tables) = initialised("--ref-format=reftable") {
        layouts.push(Laid::new("refs in tables", tables, |_, _| {}).await);
    }
    layouts
}

#[tokio::test]
async fn every_move_of_the_trunk_is_told_in_every_layout() {
    for laid in layouts().await {
        laid.is_told("a commit", |work| drop(work.commit("three"))).await;
        laid.is_told("a merge", |work| {
            work.branch("feature");
            work.commit("four");
            work.switch("main");
            work.merge("feature", "five");
        })
        .await;
        laid.is_told("a force-push", |work| {
            drop(work.git(["reset", "--quiet", "--hard", "HEAD~1"]));
        })
        .await;
        laid.is_told("a move by another name", |work| {
            work.git(["update-ref", "refs/heads/main", "feature"]);
        })
        .await;
        assert!(laid.folder.path().exists());
    }
}

#[tokio::test]
async fn a_move_and_its_undoing_are_told_too() {
    for laid in layouts().await.into_iter().filter(|laid| !laid.pushes) {
        laid.is_told("forth and back", |work| {
            work.git(["update-ref", "refs/heads/main", "HEAD~1"]);
            work.git(["update-ref", "refs/heads/main", "main@{1}"]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_branch_that_is_packed_deleted_or_made_again_is_told() {
    for laid in layouts().await.into_iter().filter(|laid| !laid.pushes) {
        laid.work.commit("three");
        laid.is_told("the end of the branch", |work| {
            work.git(["switch", "--quiet", "--detach"]);
            work.git(["branch", "--quiet", "-D", "main"]);
        })
        .await;
        laid.is_told("a new branch of this name", |work| {
            work.git(["branch", "--quiet", "main"]);
        })
        .await;
    }
}

#[tokio::test]
async fn another_default_branch_is_told() {
    let laid = Laid::new("a work tree", Repository::new(), |_, _| {}).await;
    laid.is_told("another HEAD", |work| work.branch("develop")).await;
    laid.is_told("what the origin calls default", |work| {
        work.git(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"]);
    })
    .await;
    laid.is_told("a branch that is usually the trunk", |work| {
        work.git(["branch", "--quiet", "master"]);
    })
    .await;
}

#[tokio::test]
async fn where_the_files_do_not_tell_git_is_asked() {
    let laid = Laid::new("a work tree", Repository::new(), |_, _| {}).await;
    assert!(laid.mirror.standing("main").await.is_some());
    assert!(laid.mirror.standing("../main").await.is_none());
    assert!(laid.mirror.standing("/etc/hostname").await.is_none());
    laid.work.git(["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    assert!(laid.mirror.standing("alias").await.is_none(), "it moves when main does");
    let trunk = laid.work.path().join(".git/refs/heads/linked");
    std::os::unix::fs::symlink("main", trunk).unwrap();
    assert!(laid.mirror.standing("linked").await.is_none(), "it moves when main does");
    let places = [
        format!("file://{}", laid.work.address()),
        laid.folder.path().join("nothing").display().to_string(),
        laid.folder.path().display().to_string(),
    ];
    for place in places {
        let mirror = Mirror::open(&laid.folder.path().join("other.git"), &place).await.unwrap();
        assert!(mirror.standing("main").await.is_none(), "{place}");
    }
}
