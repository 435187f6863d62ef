//! What a step prints, made into the lines of its log: without secrets, as a terminal shows it in the end, and bounded.

mod forms;
mod line;
mod lines;
mod log_file;
mod mask;
mod sequences;
mod tail;
#[cfg(test)]
mod tests;

pub(super) use self::lines::{Block, Lines};
pub(super) use self::log_file::LogFile;
pub(super) use self::mask::Mask;
use crate::engine::variables::Secret;

/// The bytes with these secrets masked, as in the log of a step.
#[must_use]
pub(in crate::engine) fn masked(secrets: &[Secret], bytes: &[u8]) -> Vec<u8> {
    Mask::new(secrets).hide(bytes)
}
