//! The handshake: what to say when the two sides speak different versions of the protocol.

use std::cmp::Ordering;

use super::API;

/// Which side of the wire this program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Engine,
}

/// What is wrong with a message whose [`super::API_HEADER`] and [`super::VERSION_HEADER`] say this, read by the side
/// `us`; `None` when nothing is. The sentence is written for the person at the client.
#[must_use]
pub fn mismatch(us: Side, api: &str, version: Option<&str>) -> Option<String> {
    let Ok(theirs) = api.parse::<u32>() else {
        return Some(format!("{api:?} is not a number of the API; this side speaks {API}"));
    };
    let theirs_is = theirs.cmp(&API);
    let engine_is = match us {
        Side::Client => theirs_is,
        Side::Engine => theirs_is.reverse(),
    };
    let (client, engine) = match us {
        Side::Client => (API, theirs),
        Side::Engine => (theirs, API),
    };
    let who = match (us, version) {
        (_, None) => String::new(),
        (Side::Client, Some(version)) => format!(" (the engine is version {version:?})"),
        (Side::Engine, Some(version)) => format!(" (this program is version {version:?})"),
    };
    match engine_is {
        Ordering::Equal => None,
        Ordering::Less => Some(format!(
            "the engine is older than this program: it speaks API {engine}, not {client}{who}; run `trunkline engine restart`"
        )),
        Ordering::Greater => Some(format!(
            "this program is older than the engine: it speaks API {client}, not {engine}{who}; start the newer trunkline, or run `trunkline engine restart` to go on with this one"
        )),
    }
}
