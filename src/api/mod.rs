//! The HTTP API: paths, headers, queries and problem documents, shared by the server and its client.

pub mod page;
pub mod path;
pub mod problem;
pub mod query;
pub mod version;

/// The version of the API. It grows when an older program could misread a newer one.
pub const API: u32 = 2;
/// The header of every request and answer with the sender's [`API`].
pub const API_HEADER: &str = "trunkline-api";
/// The header with the version of the sending program, for people.
pub const VERSION_HEADER: &str = "trunkline-version";
/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The header with the key of a command; see [`crate::domain::ids::IdempotencyKey`].
pub const KEY_HEADER: &str = "idempotency-key";
/// A page of a log: the cursor of its first byte.
pub const LOG_START: &str = "trunkline-log-start";
/// A page of a log: the cursor for the next page.
pub const LOG_NEXT: &str = "trunkline-log-next";
/// A page of a log: the size of the whole log now, in bytes.
pub const LOG_SIZE: &str = "trunkline-log-size";
/// A page of a log: `true` when no more lines will come.
pub const LOG_ENDED: &str = "trunkline-log-ended";
/// The media type of a [`problem::ProblemDocument`].
pub const PROBLEM: &str = "application/problem+json";
/// The largest request body that a server reads, in bytes.
pub const LARGEST_REQUEST: usize = 256 * 1024;
