//! Has issues with drafts of postmortems opened, one at a time, and recorded. Nothing else waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Answer, BackendError};
use crate::domain::caller::Caller;
use crate::domain::command::{Command, Receipt, Refusal};
use crate::domain::ids::{IdempotencyKey, IncidentId, ServiceName};
use crate::engine::commands::has_role;
use crate::engine::{Handle, IssueOpener};

/// How long all of it may take: shorter than whoever asked waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one place where issues are opened.
pub(super) struct IssueDesk {
    opener: Box<dyn IssueOpener>,
    /// Two at a time could open two.
    one: Mutex<()>,
}

impl IssueDesk {
    pub fn new(opener: impl IssueOpener + 'static) -> Self {
        Self { opener: Box::new(opener), one: Mutex::default() }
    }

    /// It goes on when whoever asked goes away, so that what was opened is recorded.
    pub async fn open(
        self: Arc<Self>,
        by: (Handle, Caller),
        of: (ServiceName, IncidentId),
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        let work = tokio::spawn(async move { self.opened(by, of, key).await });
        work.await.unwrap_or_else(|_| Err(BackendError::Unknown("the engine stops".into())))
    }

    async fn opened(
        &self,
        (engine, caller): (Handle, Caller),
        (service, incident): (ServiceName, IncidentId),
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        let with = |place| Command::OpenPostmortemIssue { incident, place };
        // The writer says why, and records it.
        if !has_role(&caller) {
            return Ok(engine.command(&service, &caller, with(None), key).await?);
        }
        let looking = async {
            let _one = self.one.lock().await;
            let report = engine.incident(&service, incident, &caller).await?;
            let incident = &report.incident.incident;
            let place = match (&incident.issue, incident.document.is_some()) {
                (Some(place), _) => place.clone(),
                (None, true) => {
                    let why = "its postmortem is written or dismissed; it needs no draft";
                    return Err(Refusal::invalid(why).into());
                }
                (None, false) => self.opener.open(&report).await.map_err(refused)?,
            };
            Ok(engine.command(&service, &caller, with(Some(place)), key).await?)
        };
        let late = "it took too long, and it is not known whether the issue was opened; ask for it again: it is looked up first";
        timeout(PATIENCE, looking).await.unwrap_or_else(|_| Err(refused(late.to_owned())))
    }
}

fn refused(sentence: String) -> BackendError {
    Refusal::Policy { sentence, findings: Vec::new() }.into()
}
