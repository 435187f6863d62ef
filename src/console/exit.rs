//! How the console ends: the ways out, and the errors that end it.

/// Why the console ended without anything being wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Somebody left it.
    Left,
    /// There are no more keys to come.
    InputEnded,
    /// Somebody goes on with the engine of this profile, or with that of this machine.
    Switch(Option<String>),
}

/// Why the console could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the terminal cannot be taken over: {0}")]
    Terminal(String),
    #[error("the screen cannot be drawn: {0}")]
    Screen(String),
    #[error("the keys cannot be read: {0}")]
    Input(String),
    /// The service that was asked for by name does not exist.
    #[error("{0}")]
    NoService(String),
}
