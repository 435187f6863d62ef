//! What opens issues elsewhere, as the engine's side sees it.

use std::pin::Pin;

use crate::domain::incident::IncidentReport;

/// The address of the issue, or why there is none, or why that is not known.
pub type OpeningIssue<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

/// Opens issues with drafts of postmortems.
pub trait IssueOpener: Send + Sync {
    /// Finds the issue of this incident, or opens it. It must not be called twice at a time.
    fn open<'a>(&'a self, report: &'a IncidentReport) -> OpeningIssue<'a>;
}
