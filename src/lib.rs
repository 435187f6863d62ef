//! trunkline, the deploy console for trunk-based teams.

pub mod api;
pub mod backend;
pub mod cli;
pub mod config;
pub mod console;
pub mod domain;
pub mod engine;
pub mod fault;
pub mod git;
pub mod notify;
pub mod oidc;
pub mod postmortem;
pub mod server;
pub mod store;
pub mod terminal;

pub use trunkline_calendar as calendar;
pub use trunkline_gate as gate;
pub use trunkline_migrations as migrations;
pub use trunkline_settings as settings;
pub use trunkline_workflows as workflows;
