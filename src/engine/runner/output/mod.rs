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
pub(in crate::engine) use self::mask::Mask;
