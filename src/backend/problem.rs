//! Converts a backend's error to the problem document that a server sends, and back.

use std::time::Duration;

use super::BackendError;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::domain::command::Refusal;

/// How long a caller waits before it asks an unreachable engine again.
pub const RETRY: Duration = Duration::from_secs(1);

/// How long a caller should wait before it asks again, if the error says so.
#[must_use]
pub fn retry_after(error: &BackendError) -> Option<Duration> {
    match error {
        BackendError::Busy { again, .. } => Some(*again),
        BackendError::Unreachable(_) => Some(RETRY),
        _ => None,
    }
}

impl From<BackendError> for ProblemDocument {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Refused(refusal) => refusal.into(),
            BackendError::Unreachable(why) | BackendError::Busy { why, .. } => {
                Self::new(ProblemKind::Unreachable, why)
            }
            BackendError::Unknown(why) => Self::new(ProblemKind::Unknown, why),
            BackendError::Incompatible(why) => Self::new(ProblemKind::Incompatible, why),
            BackendError::Unauthorized(why) => Self::new(ProblemKind::NotSignedIn, why),
            BackendError::NoSession(why) => Self::new(ProblemKind::NoSession, why),
            BackendError::NotAllowed(why) => Self::new(ProblemKind::NotAllowed, why),
            BackendError::Failed(why) => Self::new(ProblemKind::Failed, why),
        }
    }
}

impl From<Refusal> for ProblemDocument {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Policy { .. } => ProblemKind::Policy,
            Refusal::Changed { .. } | Refusal::Moved { .. } => ProblemKind::Changed,
            Refusal::NotFound { .. } => ProblemKind::NotFound,
            Refusal::Invalid { .. } => ProblemKind::Invalid,
            Refusal::KeyReused => ProblemKind::KeyReused,
        };
        Self { refusal: Some(refusal.clone()), ..Self::new(kind, refusal.to_string()) }
    }
}

/// The error for a problem document. `is_read` is false if the request was a command. `again` is the answer's
/// `retry-after`.
#[must_use]
pub fn error(problem: ProblemDocument, again: Option<Duration>, is_read: bool) -> BackendError {
    if let Some(refusal) = problem.refusal {
        return refusal.into();
    }
    let (kind, detail) = (problem.kind, problem.detail);
    // With these problems nothing was done. With others, a command may have been recorded.
    let nothing_done = is_read
        || problem.status == 429
        || kind == ProblemKind::Unreachable
        || kind == ProblemKind::Stopping;
    if let (true, Some(again)) = (nothing_done, again) {
        return BackendError::Busy { why: detail, again };
    }
    match kind {
        ProblemKind::Unreachable | ProblemKind::Stopping => BackendError::Unreachable(detail),
        ProblemKind::Incompatible => BackendError::Incompatible(detail),
        ProblemKind::NotSignedIn => BackendError::Unauthorized(detail),
        ProblemKind::NoSession => BackendError::NoSession(detail),
        ProblemKind::NotAllowed => BackendError::NotAllowed(detail),
        ProblemKind::Unknown => BackendError::Unknown(detail),
        ProblemKind::TimedOut | ProblemKind::Other if !is_read && problem.status >= 500 => {
            BackendError::Unknown(detail)
        }
        ProblemKind::NoSuchPath => BackendError::Failed(format!(
            "{detail}; an engine that is older than this program does not know it: run `trunkline engine restart`"
        )),
        _ => BackendError::Failed(detail),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::backend::Backend as _;
    use crate::backend::scripted::{SERVICE, Scripted};
    use crate::domain::command::Action;

    /// What a client makes of the answer that a server makes of the error.
    fn over_the_wire(error: BackendError, is_read: bool) -> BackendError {
        let again = retry_after(&error);
        let document = serde_json::to_vec(&ProblemDocument::from(error)).unwrap();
        super::error(serde_json::from_slice(&document).unwrap(), again, is_read)
    }

    async fn refusals() -> Vec<Refusal> {
        let (scripted, service) = (Scripted::new(DateTime::UNIX_EPOCH), SERVICE.parse().unwrap());
        let build = scripted.change(|world| world.verified_build(&service, "ada"));
        let plan = scripted.plan(&service, Action::Promote { build }).await.unwrap();
        vec![
            Refusal::Policy { sentence: "d7 is running".into(), findings: plan.findings.clone() },
            Refusal::Changed { changes: vec!["the freeze ended".into()], plan: Box::new(plan) },
            Refusal::Moved { sentence: "production is on another hold".into() },
            Refusal::not_found("there is no build #12"),
            Refusal::invalid("d7 has ended already"),
            Refusal::KeyReused,
        ]
    }

    #[tokio::test]
    async fn every_error_comes_out_of_http_as_it_went_in() {
        let why = || "the disk is full".to_owned();
        let errors = [
            BackendError::Busy { why: why(), again: Duration::from_secs(7) },
            BackendError::Unknown(why()),
            BackendError::Incompatible(why()),
            BackendError::Unauthorized(why()),
            BackendError::NoSession(why()),
            BackendError::NotAllowed(why()),
            BackendError::Failed(why()),
        ];
        let errors =
            errors.into_iter().chain(refusals().await.into_iter().map(BackendError::Refused));
        for error in errors {
            match &error {
                // A new variant is named here and tested above.
                BackendError::Refused(_)
                | BackendError::Unreachable(_)
                | BackendError::Busy { .. }
                | BackendError::Unknown(_)
                | BackendError::Incompatible(_)
                | BackendError::Unauthorized(_)
                | BackendError::NoSession(_)
                | BackendError::NotAllowed(_)
                | BackendError::Failed(_) => {}
            }
            for is_read in [true, false] {
                assert_eq!(over_the_wire(error.clone(), is_read), error, "is_read: {is_read}");
            }
        }
        // Only here the answer says more than the error: when to ask again.
        let (unreachable, busy) =
            (BackendError::Unreachable(why()), BackendError::Busy { why: why(), again: RETRY });
        assert_eq!(over_the_wire(unreachable, true), busy);
    }
}
