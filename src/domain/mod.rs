//! The vocabulary of deploys and the decisions about them: pure data and functions, no I/O, no clock.

pub mod build;
pub mod by_hand;
pub mod caller;
pub mod chain;
pub mod command;
pub mod commit;
pub mod commit_location;
pub mod delivery;
pub mod deployment;
pub mod engine_metrics;
pub mod event;
pub mod expected;
pub mod ids;
pub mod instant;
pub mod lane;
<<<<<<< HEAD
=======
pub mod late;
>>>>>>> origin/observe
pub mod limits;
pub mod link;
pub mod log;
pub mod on_call;
pub mod people;
pub mod plan;
pub mod policy;
pub mod presence;
pub mod pull_request;
pub mod quarantine;
pub mod recipe;
pub mod remedy;
pub mod remote;
pub mod repository_address;
pub mod request;
mod restored;
pub mod retention;
pub mod schema;
pub mod service;
pub mod sightings;
pub mod sign_in;
pub mod snapshot;
pub mod soak;
pub mod statement;
pub mod stats;
pub mod stops;
pub mod time;
pub mod token;
pub mod variables;
pub mod way_back;
pub mod words;
