//! The handshake: the sentence if client and engine speak different versions of the API.

use super::API;

/// Which side of the connection this program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Engine,
}

/// Why a message with this [`super::API_HEADER`] and [`super::VERSION_HEADER`] is incompatible with the side `us`;
/// `None` if it is compatible. The sentence is for the person at the client.
#[must_use]
pub fn mismatch(us: Side, api: &str, version: Option<&str>) -> Option<String> {
    let Ok(theirs) = api.parse::<u32>() else {
        return Some(format!("{api:?} is not an API version; this side speaks API {API}"));
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
