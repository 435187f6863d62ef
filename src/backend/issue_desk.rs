//! Has issues with drafts of postmortems opened, one at a time, and recorded. Nothing else waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Answer, BackendError};
use crate::domain::caller::Caller;
use crate::domain::command::{Command, Receipt, Refusal};
use crate::domain::ids::{IdempotencyKey, IncidentId, ServiceName};
use crate::engine::commands::has_role;
use crate::engine::{Handle, IssueOpener, NoIssue};

/// How long whoever asked waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// After this an issue is in the list of its project, or its request never arrived.
const SETTLED: Duration = Duration::from_mins(1);

type IncidentOf = (ServiceName, IncidentId);

/// The one place where issues are opened.
pub(super) struct IssueDesk {
    opener: Box<dyn IssueOpener>,
    /// The requests of which nobody knows whether they arrived, and since when. Two at a time could open two.
    doubts: Mutex<BTreeMap<IncidentOf, Instant>>,
}

impl IssueDesk {
    pub fn new(opener: impl IssueOpener + 'static) -> Self {
        Self { opener: Box::new(opener), doubts: Mutex::default() }
    }

    /// It goes on when whoever asked goes away or waited long enough, so that what was opened is recorded.
    pub async fn open(
        self: Arc<Self>,
        by: (Handle, Caller),
        of: IncidentOf,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        let work = tokio::spawn(async move { self.opened(by, of, key).await });
        match timeout(PATIENCE, work).await {
            Ok(done) => {
                done.unwrap_or_else(|_| Err(BackendError::Unknown("the engine stops".into())))
            }
            Err(_) => Err(refused(
                "it takes long and goes on: the incident has the address of its issue once that is there; \
                 if it has none in a minute, ask for it again"
                    .to_owned(),
            )),
        }
    }

    async fn opened(
        &self,
        (engine, caller): (Handle, Caller),
        of: IncidentOf,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        let (service, incident) = of.clone();
        let with = |place| Command::OpenPostmortemIssue { incident, place };
        // The writer says why, and records it.
        if !has_role(&caller) {
            return Ok(engine.command(&service, &caller, with(None), key).await?);
        }
        let mut doubts = self.doubts.lock().await;
        let report = engine.incident(&service, incident, &caller).await?;
        let of_report = &report.incident.incident;
        let place = match (&of_report.issue, of_report.document.is_some()) {
            (Some(place), _) => place.clone(),
            (None, true) => {
                let why = "its postmortem is written or dismissed; it needs no draft";
                return Err(Refusal::invalid(why).into());
            }
            (None, false) => {
                let may_open = doubts.get(&of).is_none_or(|since| since.elapsed() >= SETTLED);
                match self.opener.open(&report, may_open).await {
                    Ok(place) => place,
                    Err(NoIssue::Refused(why)) => return Err(refused(why)),
                    Err(NoIssue::Unknown(why)) => {
                        if may_open {
                            doubts.insert(of, Instant::now());
                        }
                        return Err(refused(why));
                    }
                }
            }
        };
        doubts.remove(&of);
        Ok(engine.command(&service, &caller, with(Some(place)), key).await?)
    }
}

fn refused(sentence: String) -> BackendError {
    Refusal::Policy { sentence, findings: Vec::new() }.into()
}
