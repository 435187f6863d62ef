//! What a request is for, and so what it may wait for.

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallUrgency {
    /// It looks at what others do.
    Observe,
    /// It looks at a run of ours.
    Follow,
    /// It starts or ends a run, or looks at a rollback or at a run that is to end.
    Act,
}
