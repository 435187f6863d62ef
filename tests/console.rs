//! The console as a person meets it: its real loop over a scripted backend, on a clock that the tests move.

#[path = "console/command.rs"]
mod command;
#[path = "console/emergency.rs"]
mod emergency;
#[path = "console/harness.rs"]
mod harness;
#[path = "console/link.rs"]
mod link;
#[path = "console/panes.rs"]
mod panes;
#[path = "console/promises.rs"]
mod promises;
#[path = "console/promote.rs"]
mod promote;
#[path = "console/screens.rs"]
mod screens;
#[path = "console/sizes.rs"]
mod sizes;
