//! Asks commands of a service file that tell something and change nothing: they run as steps do, in a tree of the trunk's tip that
//! no deployment uses, and for a short time. Nobody waits for them.

mod made_once;
mod trees;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join, maybe_done};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use self::made_once::MadeOnce;
use self::trees::{AskedTree, AskedTrees};
use super::gather::GatherContext;
use super::reserve::Reserve;
use super::runner::Mask;
use super::runner::local::command::{RunPlace, command, quick_command, shell_has_pipefail};
use super::variables::{Ask, StepNeeds};
use crate::domain::event::Run;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::time::say;
use crate::git::{ChildGroup, Mirror};

/// The most bytes that a command may print on each of its outputs.
const LARGEST: usize = 64 * 1024;
/// How long its outputs are still read after it ended.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the values of variables count. While others are fetched, they serve as long again.
const FRESH: Duration = Duration::from_mins(1);
/// So long what the shells said of themselves counts, with the same variables.
const SHELLS_STAY: Duration = Duration::from_hours(1);
/// The folder of the trees, in the data folder.
const FOLDER: &str = "asked";

/// The folder of all trees in which commands are asked.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// What asks the commands of all services.
pub(super) struct AskedCommands {
    gather: GatherContext,
    reserve: Reserve,
    folder: PathBuf,
    places: Mutex<HashMap<ServiceName, Arc<AskedPlace>>>,
}

/// What the commands of one service have in common.
struct AskedPlace {
    ready: MadeOnce<Arc<AskedReady>>,
    trees: Arc<AskedTrees>,
}

/// A tree and the variables of its service file. The tree stays as long as somebody has this.
struct AskedReady {
    tip: Sha,
    tree: Arc<AskedTree>,
    values: Arc<AskedValues>,
}

impl AskedReady {
    fn is_younger_than(&self, age: Duration) -> bool {
        self.values.at.elapsed() < age && self.tree.path.is_dir()
    }
}

/// What it takes to make them.
struct AskedMaker {
    gather: GatherContext,
    reserve: Reserve,
    trees: Arc<AskedTrees>,
    mirror: Mirror,
    tip: Sha,
    needs: StepNeeds,
}

/// The variables of a service, as they were a moment ago.
struct AskedValues {
    at: Instant,
    needs: StepNeeds,
    environment: BTreeMap<String, String>,
    mask: Mask,
    pipefail: Pipefail,
}

/// Whether `sh` and `bash` have it.
#[derive(Clone, Copy)]
struct Pipefail {
    sh: bool,
    bash: bool,
    asked: Instant,
}

/// How a command ended, and what it printed, without secrets.
#[derive(Debug)]
pub(super) struct AskedAnswer {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl AskedAnswer {
    /// How it ended, if not well: `exit 3`.
    pub fn failure(&self) -> Option<String> {
        let by = || self.status.code().map_or("ended by a signal".to_owned(), exit);
        (!self.status.success()).then(by)
    }

    /// The last line that it printed, of its errors only if there is no other.
    pub fn last_line(&self) -> Option<&str> {
        let mut lines = self.err.lines().chain(self.out.lines());
        lines.rfind(|line| !line.trim().is_empty())
    }
}

fn exit(code: i32) -> String {
    format!("exit {code}")
}

impl AskedCommands {
    pub fn new(gather: GatherContext, reserve: Reserve, data: &Path) -> Self {
        Self { gather, reserve, folder: folder(data), places: Mutex::default() }
    }

    /// How long [`AskedCommands::ask`] takes at most with this limit.
    pub fn at_most(limit: Duration) -> Duration {
        limit * 2 + DRAIN
    }

    /// Runs a command of a service to its end, with these facts beside the variables that its file declares. The limit counts
    /// from its start; as long again it may wait for its tree and its variables, which are made whoever waits.
    ///
    /// # Errors
    /// When it cannot be started, takes too long, or prints too much, as the end of a sentence about it.
    pub async fn ask(
        &self,
        service: &ServiceName,
        (run, limit): (&Run, Duration),
        facts: &[(&str, String)],
    ) -> Result<AskedAnswer, String> {
        let (ready, folder) = self.prepare(service, limit).await?;
        let values = &ready.values;
        let mut environment = values.environment.clone();
        environment.insert("TRUNKLINE_SERVICE".to_owned(), service.to_string());
        environment.extend(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let pipefail = match run {
            Run::Bash(_) => values.pipefail.bash,
            Run::Shell(_) | Run::Argv(_) | Run::Remote(_) => values.pipefail.sh,
        };
        let child = started(run, (&folder, &environment), pipefail);
        let child = child.map_err(|error| format!("it cannot start: {error}"))?;
        let (status, out, err) = ended(child, limit).await?;
        if out.len().max(err.len()) > LARGEST {
            return Err(format!("it prints more than {} KiB", LARGEST / 1024));
        }
        let hidden = |bytes: &[u8]| String::from_utf8_lossy(&values.mask.hide(bytes)).into_owned();
        Ok(AskedAnswer { status, out: hidden(&out), err: hidden(&err) })
    }

    /// The tree of the trunk's tip with the values of its variables, and the folder of the service in it. While a new one is
    /// made, the one before serves.
    async fn prepare(
        &self,
        service: &ServiceName,
        longest: Duration,
    ) -> Result<(Arc<AskedReady>, PathBuf), String> {
        let known = self.gather.world.read(|world| {
            let of = world.services.get(service)?;
            let variables = of.file.as_ref()?.variables.clone();
            let needs = StepNeeds::of(of, variables, Ask::WATCH);
            Some((of.state.tip.clone()?, of.mirror.clone(), of.watched.folder.clone(), needs))
        });
        let (tip, mirror, folder, needs) = known.ok_or("the trunk is not known yet")?;
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || {
                let trees = Arc::new(AskedTrees::of(self.folder.join(service.as_str())));
                Arc::new(AskedPlace { ready: MadeOnce::default(), trees })
            };
            places.entry(service.clone()).or_insert_with(new).clone()
        };
        let is_current = |ready: &Arc<AskedReady>| {
            ready.tip == tip && ready.values.needs == needs && ready.is_younger_than(FRESH)
        };
        let is_usable = |ready: &Arc<AskedReady>| ready.is_younger_than(FRESH * 2);
        let (gather, reserve) = (self.gather.clone(), self.reserve.clone());
        let (trees, tip, needs) = (place.trees.clone(), tip.clone(), needs.clone());
        let maker = AskedMaker { gather, reserve, trees, mirror, tip, needs };
        let make = |before| maker.make(before);
        let ready = place.ready.get(longest, (is_current, is_usable), make).await?;
        let tree = &ready.tree.path;
        let folder = folder.map_or_else(|| tree.clone(), |folder| tree.join(folder));
        Ok((ready, folder))
    }
}

impl Pipefail {
    async fn of_shells(environment: &BTreeMap<String, String>) -> Self {
        let (sh, bash) = tokio::join!(
            shell_has_pipefail("sh", environment),
            shell_has_pipefail("bash", environment)
        );
        Self { sh, bash, asked: Instant::now() }
    }
}

impl AskedMaker {
    async fn make(self, before: Option<Arc<AskedReady>>) -> Result<Arc<AskedReady>, String> {
        let tree = match self.trees.there(&self.tip) {
            Some(tree) => tree,
            None if self.reserve.is_short() || self.reserve.is_released() => {
                return Err("the disk is almost full".to_owned());
            }
            None => self.trees.make(&self.tip, &self.mirror).await?,
        };
        let before = before.map(|before| before.values.clone());
        let is_fresh =
            |known: &&Arc<AskedValues>| known.needs == self.needs && known.at.elapsed() < FRESH;
        let values = match before.as_ref().filter(is_fresh) {
            Some(known) => known.clone(),
            None => Arc::new(self.values(before.as_deref()).await?),
        };
        let trees = self.trees.clone();
        let _next_time = tokio::task::spawn_blocking(move || trees.tidy()).await;
        Ok(Arc::new(AskedReady { tip: self.tip, tree, values }))
    }

    async fn values(&self, before: Option<&AskedValues>) -> Result<AskedValues, String> {
        let GatherContext { variables, world, .. } = &self.gather;
        let needs = self.needs.clone();
        let values = variables.of_step(&needs, world).await?;
        let environment = values.environment;
        let known = before.filter(|before| before.environment == environment);
        let known = known.map(|before| before.pipefail);
        let pipefail = match known.filter(|known| known.asked.elapsed() < SHELLS_STAY) {
            Some(known) => known,
            None => Pipefail::of_shells(&environment).await,
        };
        let (at, mask) = (Instant::now(), Mask::new(&values.secrets));
        Ok(AskedValues { at, needs, environment, mask, pipefail })
    }
}

/// Starts the command of a run.
fn started(run: &Run, place: RunPlace<'_>, pipefail: bool) -> io::Result<Child> {
    match start(quick_command(run, place, pipefail)?) {
        Err(why) if why.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            start(command(run, place, pipefail)?)
        }
        started => started,
    }
}

fn start(mut command: Command) -> io::Result<Child> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()
}

/// Runs it to its end, and ends all that it started. Nothing of it is read any more when this is over.
async fn ended(
    mut child: Child,
    limit: Duration,
) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), String> {
    let group = ChildGroup::of(&child);
    let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let leader = leader.ok_or("it has no process")?;
    let mut printed = pin!(maybe_done(join(read(child.stdout.take()), read(child.stderr.take()))));
    // Its number stays its own until it is waited for, so that its group can be ended after it.
    let exits = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let exited = tokio::task::spawn_blocking(move || waitid(WaitId::Pid(leader), exits));
    let mut exited = pin!(timeout(limit, exited));
    let in_time = tokio::select! {
        in_time = &mut exited => in_time,
        () = &mut printed => exited.await,
    };
    drop(group);
    let status = child.wait().await.map_err(|error| error.to_string())?;
    in_time
        .map_err(|_| format!("it takes longer than {}", say(limit)))?
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    timeout(DRAIN, &mut printed).await.map_err(|_| "its output does not end")?;
    let (out, err) = printed.take_output().unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What it started in a session of its own is not ended with it, and learns that nobody reads any more.
    #[tokio::test]
    async fn what_goes_on_printing_after_its_command_is_not_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let mut command = Command::new("sh");
        let prints = "trap '' PIPE; : > begun; while echo x; do sleep 0.02; done 2>&-; : > gone";
        // Until it has its session it is ended with its command.
        let starts = "setsid sh -c \"$0\" 2>&1 & until [ -e begun ]; do sleep 0.02; done";
        command.args(["-c", starts, prints]);
        command.current_dir(folder.path()).process_group(0);
        let told = ended(start(command).unwrap(), Duration::from_secs(30)).await;
        assert_eq!(told.map(|_| ()), Err("its output does not end".to_owned()));
        let until_gone = async {
            while !gone.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(timeout(Duration::from_mins(1), until_gone).await.is_ok(), "it is still read");
    }

    /// As where a step starts it.
    #[tokio::test]
    async fn a_script_that_does_not_name_its_shell_is_given_to_one() {
        let folder = tempfile::tempdir().unwrap();
        // Written by another process: what this one still writes cannot be started.
        let makes = "echo 'echo told' > tell; chmod +x tell";
        let mut shell = std::process::Command::new("sh");
        let made = shell.args(["-c", makes]).current_dir(&folder).status();
        assert!(made.unwrap().success());
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment = BTreeMap::from([("PATH".to_owned(), path)]);
        let run = Run::Argv(vec!["tell".to_owned()]);
        let child = started(&run, (folder.path(), &environment), false).unwrap();
        let (status, out, _) = ended(child, Duration::from_secs(30)).await.unwrap();
        assert_eq!((status.code(), out.as_slice()), (Some(0), &b"told\n"[..]));
    }
}
