//! The handshake: what to say when the two sides speak different versions of the protocol.

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
    if theirs == API {
        return None;
    }
    let (client, engine) = match us {
        Side::Client => (API, theirs),
        Side::Engine => (theirs, API),
    };
    let who = version.map_or_else(String::new, |v| format!(" (the other side is version {v:?})"));
    Some(if engine < client {
        format!(
            "the engine is older than this program: it speaks API {engine}, not {client}{who}; run `trunkline engine restart`"
        )
    } else {
        format!(
            "this program is older than the engine: it speaks API {client}, not {engine}{who}; start the newer trunkline, or run `trunkline engine restart` to go on with this one"
        )
    })
}
