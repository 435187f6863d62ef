//! Slack hears each thing once, in its true final state and in order, whatever gets lost on the way.

mod day;
mod faults;
mod hostile;
pub mod incident;
mod program;
mod recovery;
mod restarts;
mod told;
