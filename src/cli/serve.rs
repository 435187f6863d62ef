//! `trunkline serve`: runs the deploy engine on its socket until it is told to stop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Context as _, Report};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::demo::colleagues::Colleagues;
use super::demo::presence::DemoPresence;
use super::engine_lock::{EngineLock, LockError};
use super::error::CliError;
use super::listening::{self, Bound, ListenArgs, Listening};
use super::output::Output;
use super::{Global, by_hand, connection, context, head_copy, own_login, trace};
use crate::backend::embedded::{Embedded, EngineAccess};
use crate::config::operator_files::OperatorFiles;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::domain::caller::Caller;
use crate::domain::people::Person;
use crate::domain::time::say;
use crate::engine::clock::SystemClock;
use crate::engine::{Engine, EngineOptions, Handle, RemoteTimes, Services};
use crate::notify::issues::IssueTracker;
use crate::notify::{Notifier, NotifyOptions, NotifyTimes};
use crate::server::{self, NetworkListener, NetworkOptions};

/// How often the demo's engine checks whether it is watched.
const POLL: Duration = Duration::from_secs(1);
/// What is said of a server file of which something cannot be opened, and of one with a mistake.
const PARTLY: &str = "not everything of server.toml is open";
const WHOLLY: &str = "nothing of server.toml is in force";

#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Run in this terminal; this is the default
    #[arg(long, conflicts_with = "background")]
    foreground: bool,
    /// Leave the session of the program that started this
    #[arg(long, hide = true)]
    background: bool,
    #[command(flatten)]
    listening: ListenArgs,
    /// Check the server file and the certificate, and end
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "an option that may have a value")]
    check: Option<Option<PathBuf>>,
}

pub async fn run(global: Global, arguments: ServeArgs) -> Result<(), CliError> {
    let places = context::places(&global)?;
    let ServeArgs { background, listening, check, .. } = arguments;
    if let Some(file) = check {
        let told = listening::check(listening.with_file(file), &places).await?;
        return Output::new().line(told);
    }
    let server_file = listening.server_file();
    // An engine that starts by itself serves its own socket whatever else is wrong: a rollback goes over it.
    let (mut listening, mut trouble, shut_how) = match listening.read(&places) {
        Ok(listening) => (listening, Vec::new(), PARTLY),
        Err(why) if background => (Listening::default(), vec![why], WHOLLY),
        Err(why) => return Err(why),
    };
    if background {
        rustix::process::setsid().wrap_err("cannot leave the session")?;
    }
    places.create()?;
    trace::to_file(&places.engine_log());
    let lock = EngineLock::take(&places.lock()).map_err(|error| match error {
        held @ LockError::Held { .. } => CliError::failed(held.to_string()),
        error @ LockError::Io(..) => CliError::Failed(Report::new(error)),
    })?;
    let files_of_server = server_file.clone();
    let handle = Engine::open(options(&places, &global, listening.people(), server_file)?)
        .await
        .wrap_err("the engine cannot start")?;
    let (certificates, public_url) = (listening.certificates(), listening.public_url());
    let (chain_head, provider) = (listening.chain_head.clone(), listening.provider());
    let Bound { mut listeners, unopened, late } = listening.bind(&places.socket()).await?;
    trouble.extend(unopened);
    let shut: Vec<_> = trouble.iter().map(CliError::sentence).collect();
    let (why, options) = late.unzip();
    let taken = why
        .as_ref()
        .map(|why| format!("{}; that is tried again every {}", why.sentence(), say(server::RETRY)));
    if !background && let Some(first) = trouble.into_iter().chain(why).next() {
        // A console takes a socket without an engine for an engine that died.
        let _gone_already = std::fs::remove_file(places.socket());
        return Err(first);
    }
    tell_unopened(&handle, shut_how, shut.iter().chain(&taken)).await;
    let opening = options.map(|options| {
        let (opened, late) = oneshot::channel();
        listeners.late = Some(late);
        tokio::spawn(open_late(handle.clone(), options, shut, opened))
    });
    let address = listeners.port.as_ref().map(NetworkListener::address);
    let (socket, log) = (places.socket(), places.engine_log());
    tracing::info!(socket = %socket.display(), "the engine is running");
    if let Some(address) = address {
        tracing::info!(%address, "the engine listens on a port");
    }
    if !background {
        let (socket, log) = (socket.display(), log.display());
        let also = address.map_or_else(String::new, |address| format!(" and on {address}"));
        Output::new().line(format!("the engine listens on {socket}{also}; its log is {log}"))?;
    }
    let presence = DemoPresence::new();
    let work = global.demo.then(|| tokio::spawn(colleagues(&handle, &places, &presence).work()));
    let socket_made = file_id(&places.socket());
    let stop = stop(handle.clone(), presence.clone(), global.demo)?;
    let stop = async move {
        stop.await;
        // First of all, while it still answers there: a console takes a socket without an engine for an engine that died, and
        // restarts it. Another engine may have made a socket since then.
        if socket_made.is_some() && file_id(&socket) == socket_made {
            let _gone_already = std::fs::remove_file(&socket);
        }
    };
    let renewing = certificates.map(|all| tokio::spawn(all.watch(told(handle.clone()))));
    let copying = chain_head.map(|copy| tokio::spawn(head_copy::keep(handle.clone(), copy)));
    let states = connection::local_states(&places, &global);
    let keeping = tokio::spawn(by_hand::keep(handle.clone(), states));
    let notifier = notifier(&handle, &places, files_of_server.as_deref(), public_url.clone());
    let access = EngineAccess::new(handle.clone()).at(public_url).trusting(provider);
    let files = OperatorFiles::new(&places.user_file(), files_of_server.as_deref());
    let access = access.opening(IssueTracker::new(files, Arc::new(environment())));
    let access = access.on_request(move || presence.note());
    let served = server::serve_all(listeners, access, stop).await;
    for task in work.into_iter().chain(renewing).chain(copying).chain(opening).chain([keeping]) {
        task.abort();
    }
    if let Some(notifier) = notifier
        && !notifier.stop().await
    {
        tracing::error!("what tells others had ended before");
    }
    handle.shutdown().await;
    drop(lock);
    tracing::info!("the engine has ended");
    Ok(served.wrap_err("the engine stopped listening")?)
}

/// Tells everybody who looks at the engine which of its doors are shut.
async fn tell_unopened(handle: &Handle, how: &str, why: impl Iterator<Item = &String>) {
    let why: Vec<_> = why.map(String::as_str).collect();
    let what = (!why.is_empty()).then(|| format!("{how}: {}", why.join("; ")));
    let remedy =
        "correct that, try it with: trunkline serve --check, and run: trunkline engine restart";
    if let Some(what) = &what {
        tracing::error!(what, "the engine does not listen as server.toml says");
    }
    handle.tell("server", what, remedy).await;
}

/// Opens the port that was taken once it is free; `shut` is what else is not open.
async fn open_late(
    handle: Handle,
    options: NetworkOptions,
    shut: Vec<String>,
    opened: oneshot::Sender<NetworkListener>,
) {
    let port = NetworkListener::bind_late(options).await;
    tracing::info!(address = %port.address(), "the engine listens on a port");
    let _the_engine_ended = opened.send(port);
    tell_unopened(&handle, PARTLY, shut.iter()).await;
}

/// Tells everybody who looks at the engine what is wrong with its certificate.
fn told(handle: Handle) -> impl Fn(Option<String>) + Send + 'static {
    move |why| {
        let handle = handle.clone();
        let remedy =
            "put a valid pair where [tls] of server.toml says; it is read within half a minute";
        tokio::spawn(async move { handle.tell("certificate", why, remedy).await });
    }
}

/// Tells people elsewhere what happens, if the operator's files name a destination.
fn notifier(
    handle: &Handle,
    places: &Places,
    server_file: Option<&Path>,
    pages: Option<String>,
) -> Option<Notifier> {
    let options = NotifyOptions {
        files: OperatorFiles::new(&places.user_file(), server_file),
        data: places.data.clone(),
        environment: Arc::new(environment()),
        pages,
        times: NotifyTimes::default(),
    };
    Notifier::start(handle.clone(), options)
}

fn options(
    places: &Places,
    global: &Global,
    people: BTreeMap<String, Person>,
    server_file: Option<PathBuf>,
) -> Result<EngineOptions, CliError> {
    let user = UserFile::load(&places.user_file())?;
    Ok(EngineOptions {
        data: places.data.clone(),
        lock: Some(places.lock()),
        services: Services::File(places.user_file()),
        server_file,
        environment: environment(),
        program: std::env::current_exe().wrap_err("cannot find this program")?,
        poll: user.poll,
        owner: Some(own_login::own()),
        people,
        demo: global.demo,
        remote_times: RemoteTimes::default(),
        clock: Arc::new(SystemClock),
    })
}

/// The environment of this process, as far as it is text.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

fn colleagues(handle: &Handle, places: &Places, presence: &DemoPresence) -> Colleagues<Embedded> {
    let login = |name| Embedded::new(handle.clone(), Caller::in_process(name));
    let folder = places.data.parent().map_or_else(PathBuf::new, PathBuf::from);
    Colleagues { moira: login("moira"), sam: login("sam"), folder, presence: presence.clone() }
}

/// A file by its device and inode.
fn file_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Ends on a signal, or when the engine lost its data folder; in the demo also when it is not watched and nothing runs.
fn stop(
    handle: Handle,
    presence: DemoPresence,
    demo: bool,
) -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let lost = handle.clone();
    let unwatched = async move {
        if demo {
            unwatched(&handle, &presence).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("terminated"),
            _ = interrupt.recv() => tracing::info!("interrupted"),
            what = lost.lost() => tracing::error!(what, "the engine ends"),
            () = unwatched => tracing::info!("the demo is not watched any more"),
        }
    })
}

async fn unwatched(handle: &Handle, presence: &DemoPresence) {
    while presence.is_watched() || handle.is_busy() {
        tokio::time::sleep(POLL).await;
    }
}
