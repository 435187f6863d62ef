//! Why the engine did not carry out a request: one type from the decision to the API.

use crate::domain::command::Refusal;
use crate::domain::log::Unsearchable;
use crate::store::StoreError;

/// Why a command or a query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A decision: nothing was done, and the sentence says what to do instead.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The service changed since its facts were gathered. Nothing was done: gather them again.
    #[error("the service changes faster than it can be read; try again")]
    Outdated,
    /// Something went wrong. Nothing was done.
    #[error("{0}")]
    Failed(String),
    /// It is unknown whether the command was recorded: ask for its receipt.
    #[error("{0}")]
    Unknown(String),
}

impl CommandError {
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// The engine is stopping and accepts no input.
    #[must_use]
    pub fn stopping() -> Self {
        Self::failed("the engine is stopping")
    }
}

impl From<Unsearchable> for CommandError {
    fn from(unsearchable: Unsearchable) -> Self {
        Self::Refused(unsearchable.into())
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}
