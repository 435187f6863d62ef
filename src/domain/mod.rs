//! The vocabulary of deploys and the decisions about them: pure data and functions, no I/O, no clock.

pub mod build;
pub mod caller;
pub mod chain;
pub mod command;
pub mod commit;
pub mod commit_location;
pub mod deployment;
pub mod event;
pub mod expected;
pub mod ids;
pub mod instant;
pub mod log;
pub mod people;
pub mod plan;
pub mod policy;
pub mod pull_request;
pub mod quarantine;
pub mod remedy;
pub mod request;
pub mod schema;
pub mod service;
pub mod snapshot;
pub mod soak;
pub mod stops;
pub mod time;
pub mod way_back;
