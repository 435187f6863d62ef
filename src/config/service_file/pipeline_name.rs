//! The three pipelines of a service file.

/// Which pipeline a step is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PipelineName {
    Staging,
    Production,
    Rollback,
}

impl PipelineName {
    /// As the file names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Rollback => "rollback",
        }
    }
}
