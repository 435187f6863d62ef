//! The wire: paths, headers, queries and problem documents, shared by the server and its client.

/// The number of the protocol. It grows when an older program could misread what a newer one says.
pub const API: u32 = 1;
/// Both sides put [`API`] into this header of every message.
pub const API_HEADER: &str = "trunkline-api";
