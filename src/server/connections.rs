//! The open connections and the requests over them. Nobody can shut others out by holding them: when all places are taken, a new
//! caller gets the place of one that does nothing or waits, never of one that works.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::Request;
use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::sse;
use crate::domain::caller::{Caller, Via};
use crate::domain::link::LinkMaker;
use crate::domain::token::TokenId;

/// The most open connections: of 200 consoles each has three. Each needs a file descriptor, and the usual limit is 1,024.
pub(super) const CONNECTIONS: usize = 768;
/// How many of these only the engine's own socket gets: its owner can act whatever others do.
const OWN: usize = 32;
/// The most reads of one caller that work or whose answers are on their way, besides those over the engine's own socket.
pub(super) const WORKING_OF_ONE: usize = 64;
/// The same for commands.
pub(super) const COMMANDS_OF_ONE: usize = 64;
/// The most that wait for news: streams, and reads with `wait`. Of 200 consoles each has two.
pub(super) const WAITING: usize = 512;
/// The same for one caller.
pub(super) const WAITING_OF_ONE: usize = 96;
/// A read does not wait longer than this. Whoever waits longer is a stream and gives its place to a new one; it goes on from
/// its last event.
const STREAM_AGE: Duration = Duration::from_secs(30);

/// Who has a connection or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PlaceOwner {
    /// A user of this machine, by the user id.
    User(u32),
    /// An address, as long as no token came from it.
    Address(IpAddr),
    /// A token, wherever it is used.
    Token(TokenId),
}

impl PlaceOwner {
    /// The owner that a token makes of a connection. Readers of a link do not take the places of whoever made it.
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller.via {
            Via::Socket { uid } | Via::Browser { maker: LinkMaker::User(uid), .. } => {
                Some(Self::User(uid))
            }
            Via::Token { id, .. } | Via::Browser { maker: LinkMaker::Token(id), .. } => {
                Some(Self::Token(id))
            }
            Via::Process | Via::Link { .. } | Via::Nothing => None,
        }
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The engine's own socket.
    Own,
    /// The socket of a group, or the port.
    Other,
}

/// What a request or its connection does, in the order in which they are closed for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// No request, half of one, or an answer that the caller has not taken yet.
    Nothing,
    /// A stream, or a read with `wait`.
    Waiting,
    Working,
}

/// What a request is for. Those of a kind are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    Read,
    /// Waits for news.
    News,
    Command,
}

impl RequestKind {
    fn of<B>(request: &Request<B>) -> Self {
        match request.method() {
            _ if waits(request) => Self::News,
            method if method.is_safe() => Self::Read,
            _ => Self::Command,
        }
    }

    /// The most of one caller.
    fn most(self) -> usize {
        match self {
            Self::Read => WORKING_OF_ONE,
            Self::News => WAITING_OF_ONE,
            Self::Command => COMMANDS_OF_ONE,
        }
    }
}

#[derive(Debug)]
struct OpenConnection {
    door: Door,
    owner: Option<PlaceOwner>,
    since: Instant,
    close: Arc<Notify>,
}

#[derive(Debug)]
struct OpenRequest {
    connection: u64,
    owner: Option<PlaceOwner>,
    kind: RequestKind,
    doing: Doing,
    since: Instant,
    /// It is a stream that was told to end, and is not counted any more.
    is_ended: bool,
    close: Arc<Notify>,
}

#[derive(Debug, Default)]
struct TakenPlaces {
    connections: BTreeMap<u64, OpenConnection>,
    /// In HTTP/2 one connection has several.
    requests: BTreeMap<u64, OpenRequest>,
    next: u64,
}

/// All connections of a server.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    most: usize,
    places: Arc<Mutex<TakenPlaces>>,
}

/// One connection. Its end frees the place.
#[derive(Debug)]
pub(super) struct Connection {
    all: Connections,
    id: u64,
    close: Arc<Notify>,
}

/// One request, until its answer was taken. Its end frees the place.
#[derive(Debug)]
pub(super) struct RequestPlace {
    connection: Arc<Connection>,
    id: u64,
    close: Arc<Notify>,
}

impl Default for Connections {
    /// As many places as the descriptors of this process allow.
    fn default() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        let may_have = descriptors.and_then(|most| usize::try_from(most).ok());
        Self::at_most(
            may_have.map_or(CONNECTIONS, |most| (most / 4 * 3).clamp(2 * OWN, CONNECTIONS)),
        )
    }
}

impl Connections {
    fn at_most(most: usize) -> Self {
        Self { most, places: Arc::default() }
    }

    /// A place for a new connection. `None` while all work that may be closed for it.
    pub fn enter(&self, door: Door) -> Option<Connection> {
        let mut places = self.lock();
        let others = places.connections.values().filter(|open| open.door == Door::Other).count();
        let is_crowded = door == Door::Other && others >= self.most - OWN;
        let may_close = |open: &OpenConnection| !(is_crowded && open.door == Door::Own);
        if (is_crowded || places.connections.len() >= self.most) && !places.close_one(may_close) {
            return None;
        }
        let (id, close) = (places.id(), Arc::new(Notify::new()));
        let open =
            OpenConnection { door, owner: None, since: Instant::now(), close: close.clone() };
        places.connections.insert(id, open);
        Some(Connection { all: self.clone(), id, close })
    }

    /// How many connections do nothing, wait for news and work.
    pub fn by_doing(&self) -> [(&'static str, u64); 3] {
        let places = self.lock();
        let doing = places.doing();
        let all = places.connections.keys().map(|id| TakenPlaces::of(&doing, *id));
        let all: Vec<_> = all.collect();
        let count = |doing| all.iter().filter(|one| **one == doing).count() as u64;
        [
            ("nothing", count(Doing::Nothing)),
            ("waiting", count(Doing::Waiting)),
            ("working", count(Doing::Working)),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, TakenPlaces> {
        self.places.lock().expect("no code panics with the places")
    }
}

impl TakenPlaces {
    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Something has happened on this connection.
    fn touch(&mut self, connection: u64) {
        if let Some(open) = self.connections.get_mut(&connection) {
            open.since = Instant::now();
        }
    }

    /// What each connection does that has a request: the most that one of its requests does.
    fn doing(&self) -> BTreeMap<u64, Doing> {
        let mut doing = BTreeMap::new();
        for request in self.requests.values() {
            let known = doing.entry(request.connection).or_insert(Doing::Nothing);
            *known = request.doing.max(*known);
        }
        doing
    }

    fn of(doing: &BTreeMap<u64, Doing>, connection: u64) -> Doing {
        doing.get(&connection).copied().unwrap_or(Doing::Nothing)
    }

    /// Closes the connection that does the least, and of these the oldest of the caller who has the most. None that works.
    fn close_one(&mut self, may_close: impl Fn(&OpenConnection) -> bool) -> bool {
        let mut of_owner: BTreeMap<Option<PlaceOwner>, usize> = BTreeMap::new();
        self.connections.values().for_each(|open| *of_owner.entry(open.owner).or_default() += 1);
        let doing = self.doing();
        let rank = |(id, open): &(&u64, &OpenConnection)| {
            (Self::of(&doing, **id), Reverse(of_owner.get(&open.owner).copied()), open.since)
        };
        let closable = self
            .connections
            .iter()
            .filter(|(id, open)| Self::of(&doing, **id) < Doing::Working && may_close(open));
        let least = closable.min_by_key(rank).map(|(id, _)| *id);
        least.is_some_and(|id| self.close(id))
    }

    /// Ends the oldest of these streams that had its time. A connection on which one was ended that is
    /// still there takes nothing of what it is sent, and is closed.
    fn end_stream(&mut self, may_end: impl Fn(&OpenRequest) -> bool) -> bool {
        let ended = self.requests.values().filter(|request| request.is_ended);
        let stalled: BTreeSet<u64> = ended.map(|request| request.connection).collect();
        let is_old = |request: &OpenRequest| {
            request.doing == Doing::Waiting && request.since.elapsed() > STREAM_AGE
        };
        let old = self.requests.values_mut().filter(|one| is_old(one) && may_end(one));
        let oldest = old.min_by_key(|old| (stalled.contains(&old.connection), old.since));
        let Some(oldest) = oldest else { return false };
        let connection = oldest.connection;
        if stalled.contains(&connection) {
            return Self::of(&self.doing(), connection) < Doing::Working && self.close(connection);
        }
        (oldest.is_ended, oldest.doing) = (true, Doing::Nothing);
        oldest.close.notify_one();
        true
    }

    fn close(&mut self, connection: u64) -> bool {
        self.requests.retain(|_, request| request.connection != connection);
        let closed = self.connections.remove(&connection);
        closed.inspect(|open| open.close.notify_one()).is_some()
    }

    fn count(&self, is: impl Fn(&OpenRequest) -> bool) -> usize {
        self.requests.values().filter(|request| !request.is_ended && is(request)).count()
    }

    /// Whether there is room for one more request of a kind, if need be after the end of an old stream.
    fn have_room(&mut self, kind: RequestKind, owner: Option<PlaceOwner>) -> bool {
        let of_one = self.count(|request| request.kind == kind && request.owner == owner);
        let is_room = of_one < kind.most();
        if kind != RequestKind::News {
            return is_room;
        }
        // An answer that its caller does not take keeps a place of that caller, and none of others.
        (is_room || self.end_stream(|request| request.owner == owner))
            && (self.count(|request| request.doing == Doing::Waiting) < WAITING
                || self.end_stream(|_| true))
    }
}

impl Connection {
    /// Resolves when the place is needed for another.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let close = self.close.clone();
        async move { close.notified().await }
    }

    /// Resolves when no request has come or gone for so long.
    pub async fn idle(&self, longest: Duration) {
        loop {
            let left = longest.saturating_sub(self.idles());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }

    fn idles(&self) -> Duration {
        let places = self.all.lock();
        let is_asked = places.requests.values().any(|request| request.connection == self.id);
        match places.connections.get(&self.id) {
            Some(open) if !is_asked => open.since.elapsed(),
            _ => Duration::ZERO,
        }
    }

    pub fn is_of(&self, owner: PlaceOwner) {
        if let Some(open) = self.all.lock().connections.get_mut(&self.id) {
            open.owner = Some(owner);
        }
    }

    /// A place for a request that has come. Whoever reads the body of a command finds it in the request.
    ///
    /// # Errors
    /// If there are too many of its kind.
    pub fn begin_noted<B>(
        self: &Arc<Self>,
        request: &mut Request<B>,
    ) -> Result<Arc<RequestPlace>, RequestKind> {
        let place = Arc::new(self.begin(request)?);
        if !request.method().is_safe() {
            request.extensions_mut().insert(place.clone());
        }
        Ok(place)
    }

    /// A place for a request that has come.
    ///
    /// # Errors
    /// If there are too many of its kind.
    pub fn begin<B>(self: &Arc<Self>, request: &Request<B>) -> Result<RequestPlace, RequestKind> {
        let kind = RequestKind::of(request);
        let mut places = self.all.lock();
        let open = places.connections.get(&self.id);
        let (door, owner) = open.map(|open| (open.door, open.owner)).ok_or(kind)?;
        let is_limited = door == Door::Other || kind == RequestKind::News;
        if is_limited && !places.have_room(kind, owner) {
            return Err(kind);
        }
        let doing = match kind {
            RequestKind::Read => Doing::Working,
            RequestKind::News => Doing::Waiting,
            // Its body may never come.
            RequestKind::Command => Doing::Nothing,
        };
        let (id, close, since) = (places.id(), Arc::new(Notify::new()), Instant::now());
        let (connection, is_ended) = (self.id, false);
        let close_it = close.clone();
        let request =
            OpenRequest { connection, owner, kind, doing, since, is_ended, close: close_it };
        places.requests.insert(id, request);
        places.touch(self.id);
        drop(places);
        Ok(RequestPlace { connection: self.clone(), id, close })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().connections.remove(&self.id);
    }
}

impl RequestPlace {
    /// Resolves when the place is needed for another.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let close = self.close.clone();
        async move { close.notified().await }
    }

    /// The whole request has come.
    pub fn work(&self) {
        self.set(Doing::Working);
    }

    /// The request was answered. A stream goes on.
    pub fn answered(&self, is_stream: bool) {
        self.set(if is_stream { Doing::Waiting } else { Doing::Nothing });
    }

    fn set(&self, doing: Doing) {
        let mut places = self.connection.all.lock();
        if let Some(request) = places.requests.get_mut(&self.id) {
            (request.doing, request.since) = (doing, Instant::now());
            places.touch(self.connection.id);
        }
    }
}

impl Drop for RequestPlace {
    fn drop(&mut self) {
        let mut places = self.connection.all.lock();
        places.requests.remove(&self.id);
        places.touch(self.connection.id);
    }
}

/// Whether the answer may come later than what the server has to do for it.
fn waits<B>(request: &Request<B>) -> bool {
    let mut query = request.uri().query().unwrap_or_default().split('&');
    let seconds = |part: &str| part.strip_prefix("wait=").map(|wait| wait.parse().unwrap_or(1.0));
    sse::wanted(request.headers())
        || query.any(|part| seconds(part).is_some_and(|wait: f64| wait > 0.0))
}

#[cfg(test)]
mod tests;
