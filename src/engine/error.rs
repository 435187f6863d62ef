//! Why an engine could not be opened.

use crate::git::GitError;
use crate::store::StoreError;

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error("{path}: {source}")]
    Folder { path: String, source: std::io::Error },
    #[error(
        "the record {database} ends at event {head}, but {run} was run after that: the record was replaced or cut \
         off; restore the right record, or move {runs} away to continue from this one"
    )]
    CutOff { database: String, head: u64, run: String, runs: String },
}
