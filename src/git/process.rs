//! Runs the git program without a shell, prompts or hooks, with limits on time and output.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::time::timeout;

use super::child_group::ChildGroup;
use super::error::GitError;
use super::source::display_url;

/// The time limit of a local command.
pub(super) const LOCAL: Duration = Duration::from_secs(20);
/// The time limit of a command that uses the network.
pub(super) const NETWORK: Duration = Duration::from_mins(1);

const LARGEST_OUTPUT: u64 = 64 * 1024 * 1024;
const LARGEST_ERROR_OUTPUT: usize = 16 * 1024;
/// How much of the output is read at once.
const PIECE: usize = 64 * 1024;
/// How long to wait for the end of the error output after git has ended: a shared ssh connection may keep it open.
const LINGER: Duration = Duration::from_millis(200);

/// Settings that override the user's, so that every run gives the same result and starts no other program.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    "core.commitGraph=true",
    "init.defaultRefFormat=files",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "log.showSignature=false",
    "log.follow=false",
    "i18n.logOutputEncoding=UTF-8",
    "trailer.separators=:",
    "mailmap.file=/dev/null",
    "advice.detachedHead=false",
];

/// Variables that would make git use another repository, run other programs, or print secrets.
pub const REDIRECTING: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_ATTR_SOURCE",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_TEMPLATE_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_EXTERNAL_DIFF",
    "GIT_ALLOW_PROTOCOL",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET",
    "GIT_CURL_VERBOSE",
];

/// A git command to run.
pub(super) struct Git {
    what: &'static str,
    settings: Vec<String>,
    arguments: Vec<OsString>,
    input: Option<Vec<u8>>,
    within: Duration,
    at_most: u64,
    /// Variables that this run has, or that it lacks.
    variables: Vec<(&'static str, Option<&'static str>)>,
    longest_field: usize,
}

/// The output of a git that ended by itself. `message` is its error output.
pub(super) struct GitOutput {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    message: String,
}

impl Git {
    pub(super) fn new(what: &'static str) -> Self {
        let (settings, arguments) = (Vec::new(), Vec::new());
        Self {
            what,
            settings,
            arguments,
            input: None,
            within: LOCAL,
            at_most: LARGEST_OUTPUT,
            variables: Vec::new(),
            longest_field: usize::MAX,
        }
    }

    /// Adds a setting for this run.
    pub(super) fn set(mut self, setting: String) -> Self {
        self.settings.push(setting);
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Lets pathspecs have magic. Each must begin with its own.
    pub(super) fn with_pathspecs(mut self) -> Self {
        self.variables.push(("GIT_LITERAL_PATHSPECS", None));
        self
    }

    /// Lets git-lfs bring contents.
    pub(super) fn with_lfs(mut self) -> Self {
        self.variables.extend([("GIT_LFS_SKIP_SMUDGE", None), ("GIT_LITERAL_PATHSPECS", None)]);
        self
    }

    /// For an address that a commit names and no person: git allows fewer protocols.
    pub(super) fn for_submodule(mut self) -> Self {
        self.variables.push(("GIT_PROTOCOL_FROM_USER", Some("0")));
        self
    }

    /// Writes this to git's standard input and closes it.
    pub(super) fn input(mut self, input: Vec<u8>) -> Self {
        self.input = Some(input);
        self
    }

    pub(super) fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    pub(super) fn at_most(mut self, bytes: u64) -> Self {
        self.at_most = bytes;
        self
    }

    /// Cuts each field of the output that NUL ends after this many bytes. What is cut off does not count for
    /// [`Self::at_most`].
    pub(super) fn cut_fields(mut self, bytes: usize) -> Self {
        self.longest_field = bytes;
        self
    }

    /// Runs git in a bare repository and returns its output.
    ///
    /// # Errors
    /// As [`Self::end`], and when the exit code is not 0.
    pub(super) async fn run(self, repository: &Path) -> Result<Vec<u8>, GitError> {
        let what = self.what;
        self.end(repository).await?.succeeded(what)
    }

    /// Runs git in a bare repository and returns its exit code and output.
    ///
    /// # Errors
    /// When it cannot start, takes too long or writes too much.
    pub(super) async fn end(self, repository: &Path) -> Result<GitOutput, GitError> {
        let mut command = command();
        command.arg("--git-dir").arg(repository).current_dir(repository);
        self.finish(command).await
    }

    /// Like [`Self::run`], without a repository.
    pub(super) async fn run_anywhere(self) -> Result<Vec<u8>, GitError> {
        let (what, mut command) = (self.what, command());
        command.current_dir("/");
        self.finish(command).await?.succeeded(what)
    }

    /// Like [`Self::run`], in a repository with a work tree.
    pub(super) async fn run_in_tree(self, tree: &Path) -> Result<Vec<u8>, GitError> {
        let (what, mut command) = (self.what, command());
        command.arg("--git-dir").arg(tree.join(".git")).arg("--work-tree").arg(tree);
        command.current_dir(tree);
        self.finish(command).await?.succeeded(what)
    }

    /// Like [`Self::run`], in the repository that contains a folder.
    pub(super) async fn run_in(self, folder: &Path) -> Result<Vec<u8>, GitError> {
        let (what, mut command) = (self.what, command());
        command.current_dir(folder);
        self.finish(command).await?.succeeded(what)
    }

    async fn finish(self, mut command: std::process::Command) -> Result<GitOutput, GitError> {
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.arg(self.what).args(&self.arguments);
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let folder = command.get_current_dir().map(Path::to_owned);
        let mut command = tokio::process::Command::from(command);
        let child = command.kill_on_drop(true).spawn();
        let child = child.map_err(|why| match folder.filter(|folder| !folder.is_dir()) {
            // The system returns the same error for a missing folder as for a missing program.
            Some(path) => GitError::File { path, why },
            None => GitError::NotStarted { why },
        })?;
        let (what, within) = (self.what, self.within);
        match timeout(within, self.wait(child)).await {
            Ok(output) => output,
            Err(_) => Err(GitError::TimedOut { what, after: within }),
        }
    }

    async fn wait(self, mut child: Child) -> Result<GitOutput, GitError> {
        let mut group = ChildGroup::of(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut message = Vec::new();
        let (status, stdout) = {
            let feed = async {
                if let (Some(mut stdin), Some(input)) = (stdin, &self.input) {
                    // If git ends early, the write fails, but git's exit code and message are the error to report.
                    stdin.write_all(input).await.ok();
                }
            };
            let run = async {
                let ((), stdout) = tokio::join!(feed, self.read(stdout));
                let stdout = stdout?;
                let status = child.wait().await;
                Ok((status.map_err(|why| GitError::NotStarted { why })?, stdout))
            };
            let errors = read_errors(stderr, &mut message);
            tokio::pin!(run, errors);
            tokio::select! {
                biased;
                () = &mut errors => run.await?,
                ended = &mut run => {
                    timeout(LINGER, errors).await.ok();
                    ended?
                }
            }
        };
        group.ended();
        let message = display_url(String::from_utf8_lossy(&message).trim());
        Ok(GitOutput { code: status.code(), stdout, message })
    }

    async fn read(&self, stdout: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, GitError> {
        let mut output = CutFields { kept: Vec::new(), longest: self.longest_field, len: 0 };
        let Some(mut stdout) = stdout else { return Ok(output.kept) };
        let mut piece = vec![0; PIECE];
        loop {
            let read = stdout.read(&mut piece).await;
            let read = read
                .map_err(|why| GitError::Unexpected { what: self.what, detail: why.to_string() })?;
            if read == 0 {
                return Ok(output.kept);
            }
            output.push(&piece[..read]);
            if output.kept.len() as u64 > self.at_most {
                return Err(GitError::TooMuch { what: self.what, limit: self.at_most });
            }
        }
    }
}

/// Output in which each field that NUL ends is cut after `longest` bytes.
struct CutFields {
    kept: Vec<u8>,
    longest: usize,
    /// The length of the field at the end.
    len: usize,
}

impl CutFields {
    fn push(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == 0) {
            let (field, end) = match part.split_last() {
                Some((0, field)) => (field, true),
                _ => (part, false),
            };
            let room = self.longest.saturating_sub(self.len);
            self.kept.extend_from_slice(&field[..field.len().min(room)]);
            self.len = if end { 0 } else { self.len.saturating_add(field.len()) };
            self.kept.extend(end.then_some(0));
        }
    }
}

impl GitOutput {
    /// The standard output, if the exit code is 0.
    pub(super) fn succeeded(self, what: &'static str) -> Result<Vec<u8>, GitError> {
        match self.code {
            Some(0) => Ok(self.stdout),
            _ => Err(self.failed(what)),
        }
    }

    pub(super) fn failed(self, what: &'static str) -> GitError {
        let message = match (self.message.is_empty(), self.code) {
            (false, _) => self.message,
            (true, Some(code)) => format!("it ended with exit code {code}"),
            (true, None) => "it was ended by a signal".to_owned(),
        };
        GitError::Failed { what, message }
    }
}

/// Git with the settings of every run.
pub(super) fn command() -> std::process::Command {
    let mut command = std::process::Command::new("git");
    for setting in SETTINGS {
        command.arg("-c").arg(setting);
    }
    for variable in REDIRECTING {
        command.env_remove(variable);
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_LFS_SKIP_SMUDGE", "1")
        .stdin(Stdio::null());
    command
}

/// Reads all of the error output, so that git never blocks, and keeps the first part.
async fn read_errors(stderr: Option<impl AsyncRead + Unpin>, message: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let room = LARGEST_ERROR_OUTPUT - message.len();
        message.extend_from_slice(&piece[..read.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_git_that_hangs_is_stopped_with_its_helpers() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/shop.git", silent.local_addr().unwrap());
        let running =
            Git::new("ls-remote").args(["--", &url]).within(Duration::from_secs(2)).run_anywhere();
        let (ended, accepted) = tokio::join!(running, silent.accept());
        let stopped = ended.unwrap_err();
        assert!(matches!(stopped, GitError::TimedOut { what: "ls-remote", .. }), "{stopped}");
        let (mut helper, _) = accepted.unwrap();
        let mut request = Vec::new();
        let closed = timeout(Duration::from_secs(10), helper.read_to_end(&mut request)).await;
        assert!(closed.is_ok(), "the helper that held the connection is gone");
    }

    #[test]
    fn a_field_is_cut_wherever_its_pieces_end() {
        let whole = b"ab\0abcdef\0\0abc\0abcd";
        for size in 1..whole.len() {
            let mut output = CutFields { kept: Vec::new(), longest: 3, len: 0 };
            whole.chunks(size).for_each(|piece| output.push(piece));
            assert_eq!(output.kept, b"ab\0abc\0\0abc\0abc", "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn the_error_contains_gits_own_message() {
        let refused = Git::new("rev-parse").args(["--verify", "x"]).run_anywhere().await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with("git rev-parse failed: fatal: "), "{refused}");
    }
}
