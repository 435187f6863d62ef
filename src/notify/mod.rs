//! Tells people elsewhere what happens: one consumer of the record fills the outbox, and a queue for each destination empties
//! it. Nothing here is ever in the way of a plan, a command or a step.

mod backoff;
pub mod body;
mod consumer;
pub mod destination;
pub mod discord;
pub mod escape;
mod http;
pub mod issues;
pub mod mattermost;
mod notifier;
pub mod opened;
pub mod pagerduty;
mod queue;
mod rendering;
mod route;
mod signature;
pub mod slack;
pub mod source;
pub mod style;
pub mod teams;
pub mod template;
pub mod webhook;

pub use self::notifier::{Notifier, NotifyOptions};
pub use self::queue::NotifyTimes;
