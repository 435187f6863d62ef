//! Runs the command of a check as a step is run: in the tree of the trunk's tip, with the declared variables, in a process
//! group of its own, and without a secret in what it says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::WatchContext;
use crate::domain::event::Run;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::time::say;
use crate::domain::watch::{SampleVerdict, WatchSample, WatchState};
use crate::engine::runner::{Mask, has_pipefail};
use crate::engine::variables::{Ask, StepNeeds};
use crate::engine::world::Service;
use crate::git::{ChildGroup, Mirror};

/// How long the values of variables count.
const FRESH: Duration = Duration::from_mins(1);
/// How much of the end of the output is kept.
const KEPT: usize = 4 * 1024;
/// How long the tree may take.
const TREE_TIMEOUT: Duration = Duration::from_mins(1);

/// A command and what it needs.
pub(super) struct CommandProbe {
    context: WatchContext,
    service: ServiceName,
    facts: BTreeMap<String, String>,
    run: Run,
    ready: Option<Ready>,
}

/// What a command needs, as it was a moment ago.
struct Ready {
    at: Instant,
    tree: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    mask: Mask,
    has_pipefail: bool,
}

impl CommandProbe {
    pub fn new(context: WatchContext, service: ServiceName, watch: &WatchState, run: Run) -> Self {
        let facts = [
            ("TRUNKLINE_SERVICE", service.to_string()),
            ("TRUNKLINE_ENVIRONMENT", watch.environment.to_string()),
            ("TRUNKLINE_BUILD", watch.build.0.to_string()),
            ("TRUNKLINE_DEPLOYMENT", watch.deployment.0.to_string()),
        ];
        let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { context, service, facts, run, ready: None }
    }

    pub async fn look(&mut self, longest: Duration) -> WatchSample {
        if self.ready.as_ref().is_none_or(|ready| ready.at.elapsed() > FRESH) {
            match Box::pin(self.prepare()).await {
                Ok(ready) => self.ready = Some(ready),
                Err(why) => return WatchSample::unknown(why),
            }
        }
        let Some(ready) = &self.ready else { return WatchSample::unknown("it is not ready") };
        let (code, said) = match self.run_once(ready, longest).await {
            Ok(ended) => ended,
            Err(why) => return WatchSample::unknown(why),
        };
        let said = String::from_utf8_lossy(&ready.mask.hide(&said)).into_owned();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
        let (verdict, how) = match code {
            Some(0) => (SampleVerdict::Good, "exit 0".to_owned()),
            Some(1) => (SampleVerdict::Bad, "exit 1".to_owned()),
            Some(code) => {
                (SampleVerdict::Unknown, format!("exit {code}, which is neither 0 nor 1"))
            }
            None => (SampleVerdict::Unknown, "ended by a signal".to_owned()),
        };
        let says = last.map_or_else(|| how.clone(), |last| format!("{how}: {last}"));
        WatchSample { verdict, says, value: None }
    }

    async fn prepare(&self) -> Result<Ready, String> {
        let found = self.context.world.read(|world| {
            let service: &Service = world.services.get(&self.service)?;
            let variables = service.file.as_ref()?.variables.clone();
            let tip = service.state.tip.clone()?;
            let needs = StepNeeds::of(service, variables, Ask::WATCH);
            Some((needs, tip, service.mirror.clone(), service.watched.folder.clone()))
        });
        let (needs, tip, mirror, folder) = found.ok_or("the service file is not read")?;
        let variables = self.context.variables.of_step(&needs, &self.context.world).await?;
        let tree = self.tree(&tip, &mirror).await?;
        let folder = folder.map_or_else(|| tree.clone(), |folder| tree.join(folder));
        let mask = Mask::new(&variables.secrets);
        let mut environment = variables.environment;
        environment.extend(self.facts.clone());
        let has_pipefail = match &self.run {
            Run::Shell(_) => has_pipefail("sh", &environment).await,
            Run::Bash(_) => has_pipefail("bash", &environment).await,
            Run::Argv(_) | Run::Remote(_) => false,
        };
        Ok(Ready { at: Instant::now(), tree, folder, environment, mask, has_pipefail })
    }

    /// The tree of the trunk's tip. It is shared by the checks of a service, and never that of a candidate.
    async fn tree(&self, tip: &Sha, mirror: &Mirror) -> Result<PathBuf, String> {
        let tree = self.context.trees.join(self.service.as_str()).join(tip.as_str());
        // To look at all of it again each minute would cost too much.
        if self.ready.as_ref().is_some_and(|ready| ready.tree == tree) && tree.is_dir() {
            return Ok(tree);
        }
        let made = timeout(TREE_TIMEOUT, mirror.checkout(tip, &tree)).await;
        let made = made.map_err(|_| "git does not give the tree of the trunk's tip".to_owned())?;
        let _unchanged = made.map_err(|error| error.to_string())?;
        let (of_service, kept) = (self.context.trees.join(self.service.as_str()), tree.clone());
        let tidied = tokio::task::spawn_blocking(move || tidy(&of_service, &kept)).await;
        if !matches!(tidied, Ok(Ok(()))) {
            tracing::warn!(service = %self.service, "old trees of checks stay");
        }
        Ok(tree)
    }

    /// How it ended and the end of what it printed.
    async fn run_once(
        &self,
        ready: &Ready,
        longest: Duration,
    ) -> Result<(Option<i32>, Vec<u8>), String> {
        let cannot = |error: std::io::Error| format!("it cannot be started: {error}");
        let (reader, writer) = std::io::pipe().map_err(cannot)?;
        let reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(cannot)?;
        let mut command = self.command(ready);
        command.stdout(writer.try_clone().map_err(cannot)?).stderr(writer);
        let mut child = command.spawn().map_err(cannot)?;
        // It holds the other end of the pipe, which has to close with the program.
        drop(command);
        let mut group = ChildGroup::of(&child);
        let work = async {
            let said = end_of(reader).await;
            Ok::<_, std::io::Error>((child.wait().await?.code(), said))
        };
        let ended = timeout(longest, work).await;
        let ended = ended.map_err(|_| format!("no answer within {}", say(longest)))?;
        let ended = ended.map_err(|error| error.to_string())?;
        group.ended();
        Ok(ended)
    }

    fn command(&self, ready: &Ready) -> Command {
        let shell = |program: &str, line: &str| {
            let mut shell = Command::new(program);
            shell.arg("-e");
            if ready.has_pipefail {
                shell.args(["-o", "pipefail"]);
            }
            shell.arg("-c").arg(line);
            shell
        };
        let mut command = match &self.run {
            Run::Shell(line) => shell("sh", line),
            Run::Bash(line) => shell("bash", line),
            Run::Argv(argv) => {
                let mut command = Command::new(argv.first().map_or("", String::as_str));
                command.args(argv.iter().skip(1));
                command
            }
            Run::Remote(_) => Command::new(""),
        };
        command
            .current_dir(&ready.folder)
            .env_clear()
            .envs(&ready.environment)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// Reads to the end, and keeps no more than the last bytes.
async fn end_of(mut reader: pipe::Receiver) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; KEPT]);
    while let Ok(read @ 1..) = reader.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let spare = kept.len().saturating_sub(KEPT);
        kept.drain(..spare);
    }
    kept
}

/// Removes the trees of older tips.
fn tidy(of_service: &std::path::Path, kept: &std::path::Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(of_service)? {
        let path = entry?.path();
        if path != kept && path.is_dir() {
            crate::git::tree::remove(&path)?;
        }
    }
    Ok(())
}
