//! Tells people elsewhere what happens: one consumer of the record fills the outbox, and a queue for each destination empties
//! it. Nothing here is ever in the way of a plan, a command or a step.

pub mod body;
pub mod destination;
pub mod discord;
pub mod escape;
mod http;
pub mod mattermost;
pub mod pagerduty;
mod signature;
pub mod slack;
pub mod style;
pub mod teams;
pub mod template;
pub mod webhook;
