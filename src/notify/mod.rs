//! Tells people elsewhere what happens: one consumer of the record fills the outbox, and a queue for each destination empties
//! it. Nothing here is ever in the way of a plan, a command or a step.

pub mod destination;
pub mod slack;
pub mod template;
