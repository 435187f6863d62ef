//! Tells people elsewhere what happens: one consumer of the record fills the outbox, and a queue for each destination empties
//! it. Nothing here is ever in the way of a plan, a command or a step.

mod backoff;
mod consumer;
pub mod destination;
mod notifier;
pub mod opened;
mod queue;
mod rendering;
mod route;
pub mod slack;
pub mod source;
pub mod template;

pub use self::notifier::{Notifier, NotifyOptions};
pub use self::queue::NotifyTimes;
