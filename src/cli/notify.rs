//! `trunkline notify`: tries a destination, shows what waits to be told, and has told again what was given up.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::context::places;
use super::engine_process;
use super::error::CliError;
use super::output::{self, Output};
use super::own_login;
use super::wording::ago;
use super::{Global, Reading};
use crate::config::notify::DestinationSettings;
use crate::config::operator_files::OperatorFiles;
use crate::config::places::Places;
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::notice::{DestinationName, Notice, NoticeAbout, NoticeKey};
use crate::engine::clock::{Clock as _, SystemClock};
use crate::store::outbox::{ItemState, NewItem, OUTBOX, Outbox, OutboxCount, OutboxItem};

/// How long a test message may take.
const TEST_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
/// How many notices that were not told are listed.
const LISTED: usize = 50;
/// The service that a test is of.
const OWN: &str = "trunkline";

#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a test message to a destination, and wait until it is there
    Test(NotifyTestArgs),
    /// Show the destinations, what waits, and what was not told
    Status {
        #[command(flatten)]
        reading: Reading,
    },
    /// Send again what was not told
    Retry(NotifyRetryArgs),
}

#[derive(Debug, Args)]
pub struct NotifyTestArgs {
    #[arg(value_name = "DESTINATION")]
    destination: DestinationName,
    /// The channel, by its name in the operator's file; without it the destination's own
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct NotifyRetryArgs {
    /// The number that "trunkline notify status" shows
    #[arg(value_name = "ITEM", required_unless_present = "all")]
    item: Option<i64>,
    /// Everything that was not told
    #[arg(long, conflicts_with = "item")]
    all: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What `notify status` prints.
#[derive(Debug, Serialize)]
struct NotifyStatus {
    destinations: Vec<DestinationStatus>,
    /// Newest first.
    not_told: Vec<UntoldNotice>,
}

#[derive(Debug, Serialize)]
struct DestinationStatus {
    name: String,
    /// Absent if the operator's files do not name it any more.
    kind: Option<&'static str>,
    waiting: u64,
    failed: u64,
    dropped: u64,
    oldest: Option<chrono::DateTime<chrono::Utc>>,
}

#[derive(Debug, Serialize)]
struct UntoldNotice {
    item: i64,
    destination: String,
    channel: String,
    notice: String,
    at: chrono::DateTime<chrono::Utc>,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct NotifyTested {
    destination: String,
    channel: String,
    state: ItemState,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct NotifyRetried {
    retried: usize,
}

pub async fn run(global: &Global, command: NotifyCommand) -> Result<(), CliError> {
    let places = places(global)?;
    match command {
        NotifyCommand::Test(arguments) => test(&places, arguments).await,
        NotifyCommand::Status { reading } => status(&places, reading),
        NotifyCommand::Retry(arguments) => retry(&places, &arguments),
    }
}

fn path(places: &Places) -> PathBuf {
    places.data.join(OUTBOX)
}

/// The operator's files, as the engine reads them: it may have been started with another server file.
pub(super) fn operator_files(places: &Places) -> OperatorFiles {
    let noted = outbox(places).ok().flatten().and_then(|outbox| outbox.server_file().ok()?);
    OperatorFiles::new(&places.user_file(), noted.as_deref())
}

/// The outbox, if an engine made one.
fn outbox(places: &Places) -> Result<Option<Outbox>, CliError> {
    let path = path(places);
    if !path.exists() {
        return Ok(None);
    }
    Outbox::open(&path).map(Some).map_err(|why| CliError::failed(why.to_string()))
}

fn status(places: &Places, reading: Reading) -> Result<(), CliError> {
    let files = operator_files(places);
    let settings = files.destinations()?;
    let outbox = outbox(places)?;
    let (counts, failed) = match &outbox {
        None => (Vec::new(), Vec::new()),
        Some(outbox) => {
            let read = outbox.counts().and_then(|counts| Ok((counts, outbox.failed(LISTED)?)));
            read.map_err(|why| CliError::failed(why.to_string()))?
        }
    };
    let named = settings.iter().map(|(name, settings)| {
        let count = counts.iter().find(|count| count.destination == *name);
        destination_status(name, Some(settings), count)
    });
    let gone = counts.iter().filter(|count| !settings.contains_key(&count.destination));
    let gone = gone.map(|count| destination_status(&count.destination, None, Some(count)));
    let document = NotifyStatus {
        destinations: named.chain(gone).collect(),
        not_told: failed.iter().map(untold).collect(),
    };
    if reading.json {
        return output::json(&document);
    }
    Output::new().lines(lines(&document, outbox.is_some()))
}

fn destination_status(
    name: &DestinationName,
    settings: Option<&DestinationSettings>,
    count: Option<&OutboxCount>,
) -> DestinationStatus {
    DestinationStatus {
        name: name.to_string(),
        kind: settings.map(|settings| settings.kind.as_str()),
        waiting: count.map_or(0, |count| count.waiting),
        failed: count.map_or(0, |count| count.failed),
        dropped: count.map_or(0, |count| count.dropped),
        oldest: count.and_then(|count| count.oldest),
    }
}

fn untold(item: &OutboxItem) -> UntoldNotice {
    UntoldNotice {
        item: item.id,
        destination: item.destination.to_string(),
        channel: item.channel.clone(),
        notice: item.notice.key.to_string(),
        at: item.notice.at,
        why: item.error.clone(),
    }
}

fn lines(document: &NotifyStatus, has_outbox: bool) -> Vec<String> {
    let now = SystemClock.now();
    if document.destinations.is_empty() {
        return vec!["nobody is told: no file of the operator has a [notify.NAME]".to_owned()];
    }
    let mut lines = Vec::new();
    for of in &document.destinations {
        let kind = of.kind.unwrap_or("not in the operator's files any more");
        let oldest = of.oldest.map(|at| format!(", the oldest since {}", ago(at, now)));
        let dropped = (of.dropped > 0).then(|| format!(", {} details dropped", of.dropped));
        lines.push(format!(
            "{} ({kind}): {} waiting{}, {} not told{}",
            of.name,
            of.waiting,
            oldest.unwrap_or_default(),
            of.failed,
            dropped.unwrap_or_default()
        ));
    }
    for of in &document.not_told {
        let why = of.why.as_deref().unwrap_or("?");
        lines.push(format!("not told: {} {} at {}: {why}", of.item, of.notice, of.destination));
    }
    if !document.not_told.is_empty() {
        lines.push("send one again with: trunkline notify retry ITEM; all with --all".to_owned());
    }
    if !has_outbox {
        lines.push("no engine has told anybody yet; run: trunkline engine restart".to_owned());
    }
    lines
}

fn retry(places: &Places, arguments: &NotifyRetryArgs) -> Result<(), CliError> {
    let Some(mut outbox) = outbox(places)? else {
        return Err(CliError::failed("nobody was told anything yet"));
    };
    let retried = outbox.retry(arguments.item, SystemClock.now());
    let retried = retried.map_err(|why| CliError::failed(why.to_string()))?;
    if let (0, Some(item)) = (retried, arguments.item) {
        let sentence = format!("{item} is nothing that was not told; see: trunkline notify status");
        return Err(CliError::failed(sentence));
    }
    if arguments.reading.json {
        return output::json(&NotifyRetried { retried });
    }
    Output::new().line(match retried {
        0 => "nothing was given up".to_owned(),
        1 => "1 notice is sent again within 10 s while the engine runs".to_owned(),
        count => format!("{count} notices are sent again within 10 s while the engine runs"),
    })
}

async fn test(places: &Places, arguments: NotifyTestArgs) -> Result<(), CliError> {
    let files = operator_files(places);
    let all = files.destinations()?;
    let name = arguments.destination;
    let Some(settings) = all.get(&name) else {
        let known = all.keys().map(DestinationName::as_str).collect::<Vec<_>>().join(", ");
        let sentence = format!("no file of the operator has [notify.{name}]; there are: {known}");
        return Err(CliError::usage(sentence));
    };
    let channel = match &arguments.channel {
        // A destination without a channel of its own has one for each service; any of them tries the token.
        None if settings.channel.is_none() => settings.channels.values().next().cloned(),
        named => Some(settings.channel_of(named.as_deref()).map_err(CliError::usage)?),
    };
    let channel = channel.unwrap_or_default();
    let Some(mut outbox) = outbox(places)?.filter(|_| engine_process::answers(&places.socket()))
    else {
        return Err(CliError::failed(
            "the engine that runs tells nobody yet; run: trunkline engine restart",
        ));
    };
    let item = sent(&mut outbox, &name, &channel).await?;
    let document = NotifyTested {
        destination: name.to_string(),
        channel,
        state: item.state,
        why: item.error.clone(),
    };
    if arguments.reading.json {
        output::json(&document)?;
    }
    match item.state {
        ItemState::Done if arguments.reading.json => Ok(()),
        ItemState::Done => Output::new().line(format!("{name} has it")),
        _ => {
            let why = item.error.unwrap_or_else(|| "it still waits".to_owned());
            Err(CliError::failed(format!("{name} does not have it: {why}")))
        }
    }
}

/// Puts a test into the outbox and waits for what becomes of it.
async fn sent(
    outbox: &mut Outbox,
    name: &DestinationName,
    channel: &str,
) -> Result<OutboxItem, CliError> {
    let failed = |why: crate::store::StoreError| CliError::failed(why.to_string());
    let key = NoticeKey::stored(format!("test/{}", Uuid::new_v4().simple()));
    let service: ServiceName = OWN.parse().expect("the name is a good one");
    let now = SystemClock.now();
    let about = NoticeAbout::Test { by: own_login::own() };
    let notice = Notice { key: key.clone(), service, seq: Seq(0), at: now, about };
    let (destination, at) = (name.clone(), channel.to_owned());
    outbox.add(None, &[NewItem { destination, channel: at, notice }], None, now).map_err(failed)?;
    let deadline = Instant::now() + TEST_WITHIN;
    loop {
        let found = outbox.find(name, channel, &key).map_err(failed)?;
        let found = found.ok_or_else(|| CliError::failed("the test is gone"))?;
        let is_over = !matches!(found.state, ItemState::Open | ItemState::Sending);
        if is_over || found.attempts > 0 || Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::time::sleep(LOOK).await;
    }
}
