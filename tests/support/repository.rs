//! A real git repository in a temporary folder, with commits that have the same ids in every run.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use trunkline::domain::ids::Sha;

/// The time of the first commit; each one after it is a minute later.
const FIRST_COMMIT: u64 = 1_750_000_000;

/// A repository with a work tree, on the branch `main`, without any commit yet. Who commits is always a bot, so that
/// nothing can take the committer for the author unseen.
pub struct Repository {
    folder: TempDir,
    commits: Cell<u64>,
}

impl Repository {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Self { folder, commits: Cell::new(0) };
        repository.init();
        repository
    }

    /// What `git init --template= --initial-branch=main` writes: hundreds of tests need one.
    fn init(&self) {
        let git = self.path().join(".git");
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs::create_dir_all(git.join(folder)).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let core = "repositoryformatversion = 0\n\tfilemode = true\n\tbare = false";
        fs::write(git.join("config"), format!("[core]\n\t{core}\n")).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path as text, as settings name it.
    pub fn address(&self) -> &str {
        self.path().to_str().unwrap()
    }

    /// A commit of Ann's that changes a file of the same name as the message.
    pub fn commit(&self, message: &str) -> Sha {
        self.commit_by("Ann", "ann@example.com", message, message, message)
    }

    /// Writes one file and commits it.
    pub fn commit_by(
        &self,
        name: &str,
        email: &str,
        file: &str,
        content: &str,
        message: &str,
    ) -> Sha {
        self.write(file, content);
        self.commit_all(name, email, message)
    }

    /// Writes a file without committing it.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a script that can be run, without committing it.
    pub fn write_script(&self, file: &str, text: &str) {
        crate::write_script(&self.path().join(file), text);
    }

    /// Commits everything that has changed, if anything has.
    pub fn commit_all(&self, name: &str, email: &str, message: &str) -> Sha {
        self.commits.set(self.commits.get() + 1);
        self.git(["add", "--all"]);
        let author = format!("--author={name} <{email}>");
        let options = ["commit", "--quiet", "--allow-empty", "--allow-empty-message"];
        self.git([&options[..], &["--cleanup=verbatim", &author, "-m", message]].concat());
        self.head()
    }

    /// Adds a submodule at this commit, without committing it.
    pub fn add_submodule(&self, path: &str, url: &str, at: &Sha) {
        let modules = self.path().join(".gitmodules");
        let others = fs::read_to_string(&modules).unwrap_or_default();
        let own = format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n");
        fs::write(modules, others + &own).unwrap();
        self.move_submodule(path, at);
    }

    /// Moves a submodule to another commit, without committing it.
    pub fn move_submodule(&self, path: &str, at: &Sha) {
        // git keeps the entry of an empty folder.
        fs::create_dir_all(self.path().join(path)).unwrap();
        self.git(["update-index", "--add", "--cacheinfo", &format!("160000,{at},{path}")]);
    }

    /// Makes a branch at the current commit and goes there.
    pub fn branch(&self, name: &str) {
        self.git(["switch", "--quiet", "--create", name]);
    }

    pub fn switch(&self, name: &str) {
        self.git(["switch", "--quiet", name]);
    }

    /// Merges a branch into the current one by a merge commit of somebody who only presses the button.
    pub fn merge(&self, branch: &str, message: &str) -> Sha {
        self.merge_by("Presser", "presser@example.com", branch, message)
    }

    /// Merges a branch into the current one by somebody's merge commit, which has to go without conflicts.
    pub fn merge_by(&self, name: &str, email: &str, branch: &str, message: &str) -> Sha {
        self.git(["merge", "--quiet", "--no-ff", "--no-commit", branch]);
        self.commit_all(name, email, message)
    }

    /// Begins a merge and leaves it to be finished by `commit_all`, whether it has conflicts or not.
    pub fn begin_merge(&self, branch: &str) {
        self.run(["merge", "--quiet", "--no-ff", "--no-commit", branch]);
        self.git(["rev-parse", "--verify", "--quiet", "MERGE_HEAD"]);
    }

    /// Throws away what came after a commit, as a force-push does.
    pub fn rewrite(&self, to: &Sha) {
        self.git(["reset", "--quiet", "--hard", to.as_str()]);
    }

    pub fn head(&self) -> Sha {
        let git = self.path().join(".git");
        let head = fs::read_to_string(git.join("HEAD")).unwrap_or_default();
        let branch = head.strip_prefix("ref: ").map(|name| git.join(name.trim()));
        let loose = branch.and_then(|branch| fs::read_to_string(branch).ok());
        let sha = loose.unwrap_or_else(|| self.git(["rev-parse", "HEAD"]));
        sha.trim().parse().unwrap()
    }

    /// Runs git here and gives what it said, which has to be a success.
    pub fn git<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let date = format!("{} +0000", FIRST_COMMIT + 60 * self.commits.get());
        Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Presser")
            .env("GIT_AUTHOR_EMAIL", "presser@example.com")
            .env("GIT_COMMITTER_NAME", "rebase-bot")
            .env("GIT_COMMITTER_EMAIL", "rebase-bot@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .output()
            .unwrap()
    }
}
