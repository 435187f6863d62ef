//! The panes of a service, and the list of services.

pub mod activity;
pub mod build_quality;
pub mod calendar;
pub mod details;
pub mod fleet;
pub mod freeze;
pub mod log;
pub mod production;
pub mod staging;
pub mod week;
