//! What opens issues elsewhere, as the engine's side sees it.

use std::pin::Pin;

use crate::domain::incident::IncidentReport;

/// Why there is no address of an issue, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoIssue {
    /// None was opened.
    Refused(String),
    /// Nobody knows whether one was opened.
    Unknown(String),
}

/// The address of the issue, or why there is none.
pub type OpeningIssue<'a> = Pin<Box<dyn Future<Output = Result<String, NoIssue>> + Send + 'a>>;

/// Opens issues with drafts of postmortems.
pub trait IssueOpener: Send + Sync {
    /// Finds the issue of this incident, or opens it, if that is not forbidden now. It must not be called twice at a time.
    fn open<'a>(&'a self, report: &'a IncidentReport, may_open: bool) -> OpeningIssue<'a>;
}
