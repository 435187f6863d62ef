//! The number of a question, which its answer carries too.

/// Ties an answer to the question: an answer to a question that nobody waits for any more is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
