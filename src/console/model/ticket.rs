//! The number of a question, which its answer carries too.

/// Ties an answer to its question: an answer that is no longer waited for is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
