//! The open connections. Nobody can shut others out by holding them: when all places are taken, a new caller gets the place of
//! one that does nothing or waits, never of one that works.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, Request};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::sse;
use crate::domain::caller::{Caller, Via};
use crate::domain::token::TokenId;

/// The most open connections. Each needs a file descriptor.
pub(super) const CONNECTIONS: usize = 256;
/// The most that wait for news: streams, and reads with `wait`. The rest is for commands and reads.
pub(super) const WAITING: usize = 128;
/// The same for one caller.
pub(super) const WAITING_OF_ONE: usize = 96;
/// A read does not wait longer than this. Whoever waits longer is a stream and gives its place to a new one; it goes on from
/// its last event.
const STREAM_AGE: Duration = Duration::from_secs(30);

/// Who has a connection.
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
    /// The owner that a token makes of a connection.
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller.via {
            Via::Socket { uid } => Some(Self::User(uid)),
            Via::Token { id, .. } => Some(Self::Token(id)),
            Via::Process => None,
        }
    }
}

/// What a connection does, in the order in which they are closed for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// No request, or half of one.
    Nothing,
    /// A stream, or a read with `wait`.
    Waiting,
    Working,
}

#[derive(Debug)]
struct ConnectionPlace {
    caller: Option<PlaceOwner>,
    doing: Doing,
    since: Instant,
    close: Arc<Notify>,
}

#[derive(Debug, Default)]
struct ConnectionPlaces {
    by_id: BTreeMap<u64, ConnectionPlace>,
    next: u64,
}

/// All connections of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<ConnectionPlaces>>);

/// One connection. Its end frees the place.
#[derive(Debug)]
pub(super) struct Connection {
    all: Connections,
    id: u64,
    close: Arc<Notify>,
}

impl Connections {
    /// A place for a new connection. `None` while all work.
    pub fn enter(&self) -> Option<Connection> {
        let mut places = self.lock();
        if places.by_id.len() >= CONNECTIONS
            && !places.close_one(|place| place.doing < Doing::Working)
        {
            return None;
        }
        let (id, close) = (places.next, Arc::new(Notify::new()));
        places.next += 1;
        let (doing, since) = (Doing::Nothing, Instant::now());
        places
            .by_id
            .insert(id, ConnectionPlace { caller: None, doing, since, close: close.clone() });
        Some(Connection { all: self.clone(), id, close })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ConnectionPlaces> {
        self.0.lock().expect("no code panics with the places")
    }
}

impl ConnectionPlaces {
    /// Closes the connection that does the least, and of these the oldest of the caller who has the most.
    fn close_one(&mut self, may_close: impl Fn(&ConnectionPlace) -> bool) -> bool {
        let mut of_caller: BTreeMap<Option<PlaceOwner>, usize> = BTreeMap::new();
        self.by_id.values().for_each(|place| *of_caller.entry(place.caller).or_default() += 1);
        let rank = |place: &ConnectionPlace| {
            (place.doing, std::cmp::Reverse(of_caller.get(&place.caller).copied()), place.since)
        };
        let closable = self.by_id.iter().filter(|(_, place)| may_close(place));
        let least = closable.min_by_key(|(_, place)| rank(place)).map(|(id, _)| *id);
        let closed = least.and_then(|id| self.by_id.remove(&id));
        closed.inspect(|place| place.close.notify_one()).is_some()
    }

    fn waiting(&self, is: impl Fn(&ConnectionPlace) -> bool) -> usize {
        self.by_id.values().filter(|place| place.doing == Doing::Waiting && is(place)).count()
    }
}

impl Connection {
    /// Resolves when the place is needed for another.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let close = self.close.clone();
        async move { close.notified().await }
    }

    pub fn is_of(&self, owner: PlaceOwner) {
        self.change(|place| place.caller = Some(owner));
    }

    /// A request has come. False if too many wait already and this one would, too.
    pub fn begin<B>(&self, request: &Request<B>) -> bool {
        if !waits(request) {
            // The body of a command may never come.
            let is_whole = request.method() == Method::GET;
            self.set(if is_whole { Doing::Working } else { Doing::Nothing });
            return true;
        }
        let mut places = self.all.lock();
        let caller = places.by_id.get(&self.id).and_then(|place| place.caller);
        let is_old = |place: &ConnectionPlace| {
            place.doing == Doing::Waiting && place.since.elapsed() > STREAM_AGE
        };
        let is_room = (places.waiting(|place| place.caller == caller) < WAITING_OF_ONE
            || places.close_one(|place| is_old(place) && place.caller == caller))
            && (places.waiting(|_| true) < WAITING || places.close_one(is_old));
        drop(places);
        if is_room {
            self.set(Doing::Waiting);
        }
        is_room
    }

    /// The whole request has come.
    pub fn work(&self) {
        self.set(Doing::Working);
    }

    /// The request was answered. A stream goes on.
    pub fn end(&self, is_stream: bool) {
        if !is_stream {
            self.set(Doing::Nothing);
        }
    }

    fn set(&self, doing: Doing) {
        self.change(|place| (place.doing, place.since) = (doing, Instant::now()));
    }

    fn change(&self, change: impl FnOnce(&mut ConnectionPlace)) {
        if let Some(place) = self.all.lock().by_id.get_mut(&self.id) {
            change(place);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().by_id.remove(&self.id);
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
mod tests {
    use super::{CONNECTIONS, Connection, Connections};

    #[tokio::test]
    async fn a_new_caller_gets_the_place_of_one_that_does_nothing_and_of_none_that_works() {
        let all = Connections::default();
        let held: Vec<_> = (0..CONNECTIONS).map(|_| all.enter().unwrap()).collect();
        held[1..].iter().for_each(Connection::work);
        let new = all.enter().expect("it does not wait until a time limit ends the idle one");
        held[0].closed().await;
        new.work();
        assert!(all.enter().is_none());
        drop(new);
        assert!(all.enter().is_some());
    }
}
