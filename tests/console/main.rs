//! The console as a person meets it: its real loop over a scripted backend, on a clock that the tests move.

mod arrivals;
mod burst;
mod bytes;
mod command;
mod emergency;
mod following;
mod keys;
mod link;
mod log;
mod log_pane;
mod log_reading;
mod notes;
mod panes;
mod promises;
mod promote;
mod quarantine;
mod reading;
mod replan;
mod requests;
mod retry;
mod screens;
mod search;
mod sizes;
mod stops;
mod trouble;
mod typing;
