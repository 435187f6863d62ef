//! Runs the command that tells what an environment runs: as steps are run, in a checkout of the trunk's tip, for a short time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use crate::domain::ids::{Environment, ServiceName, Sha};
use crate::domain::live_source::LiveCommand;
use crate::domain::time::say;
use crate::engine::gather::GatherContext;
use crate::engine::runner::local::command::command;
use crate::engine::runner::masked;
use crate::engine::variables::{Ask, StepNeeds};
use crate::git::{ChildGroup, Mirror, tree};

/// The most bytes that it may print.
const LARGEST: usize = 64 * 1024;
/// The most characters of its errors that are shown.
const LONGEST_SHOWN: usize = 200;
/// How long its output is still read after it ended.
const DRAIN: Duration = Duration::from_secs(1);
/// The folder of its checkouts, beside those of deployments.
const FOLDER: &str = "asked";

/// What one place remembers of its command.
#[derive(Default)]
pub(super) struct CommandMemory {
    /// The commit whose tree is there.
    made: Option<Sha>,
    /// What it printed last, before and after secrets were masked.
    printed: Option<(Vec<u8>, String)>,
}

/// Runs such commands.
pub(super) struct LiveCommands {
    gather: GatherContext,
}

/// What a command is run with.
struct PreparedCommand {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    needs: StepNeeds,
}

impl LiveCommands {
    pub fn new(gather: GatherContext) -> Self {
        Self { gather }
    }

    /// What it prints.
    ///
    /// # Errors
    /// With what went wrong, as the end of a sentence.
    pub async fn ask(
        &self,
        (service, environment): (&ServiceName, Environment),
        asked: &LiveCommand,
        memory: &mut CommandMemory,
    ) -> Result<String, String> {
        let prepared = self.prepare(service, environment, memory).await?;
        let run = command(&asked.run, &prepared.folder, &prepared.environment).await;
        let mut run = run.map_err(|error| error.to_string())?;
        let (status, out, err) = ended(&mut run, asked.timeout).await?;
        if !status.success() {
            let why = self.masked(&prepared.needs, &err).await;
            let shown: String = why.trim().chars().take(LONGEST_SHOWN).collect();
            let how = status.code().map_or("is killed".to_owned(), |code| format!("exits {code}"));
            return Err(if shown.is_empty() {
                format!("it {how}")
            } else {
                format!("it {how}: {shown:?}")
            });
        }
        if out.len() > LARGEST {
            return Err(format!("it prints more than {} KiB", LARGEST / 1024));
        }
        if let Some((_, text)) = memory.printed.as_ref().filter(|(raw, _)| *raw == out) {
            return Ok(text.clone());
        }
        let text = self.masked(&prepared.needs, &out).await;
        memory.printed = Some((out, text.clone()));
        Ok(text)
    }

    async fn prepare(
        &self,
        service: &ServiceName,
        environment: Environment,
        memory: &mut CommandMemory,
    ) -> Result<PreparedCommand, String> {
        let known = self.gather.world.read(|world| {
            let of = world.services.get(service)?;
            let variables = of.file.as_ref()?.variables.clone();
            let needs = StepNeeds::of(of, variables, Ask::WATCH);
            Some((of.mirror.clone(), of.state.tip.clone()?, of.watched.folder.clone(), needs))
        });
        let (mirror, tip, folder, needs) = known.ok_or("the trunk is not known yet")?;
        let place = [service.as_str(), environment.as_str()];
        let place =
            place.iter().fold(self.gather.checkouts.with_file_name(FOLDER), |at, of| at.join(of));
        let tree = self.tree(&mirror, &place, tip, memory).await?;
        let mut variables = self.gather.variables.environment_of(&needs).await?;
        let facts = [
            ("TRUNKLINE_SERVICE", service.to_string()),
            ("TRUNKLINE_ENVIRONMENT", environment.to_string()),
        ];
        variables.extend(facts.map(|(name, value)| (name.to_owned(), value)));
        let folder = folder.map_or(tree.clone(), |folder| tree.join(folder));
        Ok(PreparedCommand { folder, environment: variables, needs })
    }

    /// A checkout of the trunk's tip of its own. That of an older tip is removed.
    async fn tree(
        &self,
        mirror: &Mirror,
        place: &Path,
        tip: Sha,
        memory: &mut CommandMemory,
    ) -> Result<PathBuf, String> {
        let tree = place.join(tip.as_str());
        if memory.made.as_ref() == Some(&tip) && tree.exists() {
            return Ok(tree);
        }
        let made = mirror.checkout(&tip, &tree).await;
        drop(made.map_err(|error| format!("its checkout cannot be made: {error}"))?);
        let (place, kept) = (place.to_owned(), tree.clone());
        let _others_stay = tokio::task::spawn_blocking(move || remove_others(&place, &kept)).await;
        memory.made = Some(tip);
        Ok(tree)
    }

    async fn masked(&self, needs: &StepNeeds, text: &[u8]) -> String {
        let secrets = self.gather.variables.secrets(needs, &self.gather.world).await;
        String::from_utf8_lossy(&masked(text, &secrets)).into_owned()
    }
}

fn remove_others(place: &Path, kept: &Path) {
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let is_other =
            !entry.path().starts_with(kept) && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_other {
            let _found_next_time = tree::remove(&entry.path());
        }
    }
}

/// Runs it to its end, and ends all that it started.
async fn ended(
    run: &mut tokio::process::Command,
    limit: Duration,
) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), String> {
    let piped = std::process::Stdio::piped;
    let started = run.stdout(piped()).stderr(piped()).kill_on_drop(true).spawn();
    let mut child = started.map_err(|error| format!("it cannot start: {error}"))?;
    let group = ChildGroup::of(&child);
    let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let leader = leader.ok_or("it has no process")?;
    let out = tokio::spawn(read(child.stdout.take()));
    let err = tokio::spawn(read(child.stderr.take()));
    // Its number stays its own until it is waited for, so that its group can be ended after it.
    let exits = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let exited = tokio::task::spawn_blocking(move || waitid(WaitId::Pid(leader), exits));
    let in_time = timeout(limit, exited).await;
    drop(group);
    let status = child.wait().await.map_err(|error| error.to_string())?;
    in_time
        .map_err(|_| format!("it takes longer than {}", say(limit)))?
        .map_err(|e| e.to_string())?
        .map_err(|e| e.to_string())?;
    let rest = async { (out.await.unwrap_or_default(), err.await.unwrap_or_default()) };
    let (out, err) = timeout(DRAIN, rest).await.map_err(|_| "its output does not end")?;
    Ok((status, out, err))
}

/// What comes, up to a byte more than is allowed.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let most = u64::try_from(LARGEST + 1).unwrap_or(u64::MAX);
        let _what_came = pipe.take(most).read_to_end(&mut bytes).await;
    }
    bytes
}
