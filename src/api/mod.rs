//! The wire: paths, headers, queries and problem documents, shared by the server and its client.

pub mod page;
pub mod path;
pub mod problem;
pub mod query;
pub mod version;

/// The number of the protocol. It grows when an older program could misread what a newer one says.
pub const API: u32 = 1;
/// Both sides put [`API`] into this header of every message.
pub const API_HEADER: &str = "trunkline-api";
/// The version of the program that wrote a message, for people.
pub const VERSION_HEADER: &str = "trunkline-version";
/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The caller's own name for a command; see [`crate::domain::ids::IdempotencyKey`].
pub const KEY_HEADER: &str = "idempotency-key";
/// A page of a log: the cursor of its first byte.
pub const LOG_START: &str = "trunkline-log-start";
/// A page of a log: where to go on reading.
pub const LOG_NEXT: &str = "trunkline-log-next";
/// A page of a log: how long the whole log is now.
pub const LOG_SIZE: &str = "trunkline-log-size";
/// A page of a log: `true` when no more lines will come.
pub const LOG_ENDED: &str = "trunkline-log-ended";
/// The media type of a [`problem::ProblemDocument`].
pub const PROBLEM: &str = "application/problem+json";
/// The largest request body that a server reads, in bytes.
pub const LARGEST_REQUEST: usize = 256 * 1024;
