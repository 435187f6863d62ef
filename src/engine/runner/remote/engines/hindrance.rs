//! Looks at an engine for what would keep a planned step from deploying.

use super::{Engines, NoEngine};
use crate::domain::ids::Sha;
use crate::domain::remote::RemoteJob;
use crate::engine::runner::remote::client::{CallError, CallUrgency, EngineClient};
use crate::engine::runner::remote::github::{WayTarget, hindrance, page};

/// A step that is planned.
pub struct WayQuestion<'a> {
    pub job: &'a RemoteJob,
    pub build: u64,
    pub sha: &'a Sha,
    /// The identity of whoever would confirm it. Without one, nothing is asked that depends on who that is.
    pub presser: Option<&'a str>,
    /// Whether a step before it approves something.
    pub is_after_approval: bool,
    /// The values of placeholders that are known.
    pub value: &'a (dyn Fn(&str) -> String + Sync),
}

/// Why it would not deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayHindrance {
    Sure(String),
    /// It could not be looked at.
    NotKnown(String),
}

impl From<NoEngine> for WayHindrance {
    fn from(error: NoEngine) -> Self {
        match error {
            NoEngine::Ever(why) => Self::Sure(why),
            NoEngine::Now(why) => Self::NotKnown(why),
        }
    }
}

impl From<CallError> for WayHindrance {
    fn from(error: CallError) -> Self {
        Self::NotKnown(error.why().to_owned())
    }
}

impl Engines {
    /// Looks for what would keep a planned step from deploying. Changes nothing.
    ///
    /// # Errors
    /// With what was found, or why nobody can tell.
    pub async fn hindrance(&self, question: &WayQuestion<'_>) -> Result<(), WayHindrance> {
        let WayQuestion { job, build, sha, presser, is_after_approval, value } = *question;
        if job.call.way().is_none() || job.call.needs_presser() && presser.is_none() {
            return Ok(());
        }
        let client = self.client_for(question).await?.with_urgency(CallUrgency::Act);
        let found =
            hindrance(&client, &job.call, &WayTarget { build, sha, is_after_approval, value })
                .await?;
        found.map_or(Ok(()), |why| Err(WayHindrance::Sure(why)))
    }

    /// What would ask for the step: with a token of whoever confirms it, or with one that may write.
    async fn client_for(&self, question: &WayQuestion<'_>) -> Result<EngineClient, WayHindrance> {
        let WayQuestion { job, sha, presser, .. } = *question;
        let own = self.for_repository(&job.engine, job.call.allowed_as());
        if !job.call.needs_presser() {
            let own = own.await?;
            return match own.about().lacks_writing {
                Some(lacks) => {
                    Err(WayHindrance::Sure(format!("the token of {} lacks {lacks}", job.engine)))
                }
                None => Ok(own),
            };
        }
        let why = match self.as_presser(job, presser).await {
            Ok(client) => return Ok(client),
            Err(NoEngine::Ever(why)) => why,
            Err(error) => return Err(error.into()),
        };
        // Whoever may approve it finds it there.
        let page = match own.await {
            Ok(own) => page(&own, &job.call, sha).await,
            Err(_) => None,
        };
        let page = page.map(|page| format!(": {page}")).unwrap_or_default();
        Err(WayHindrance::Sure(format!("{why}{page}")))
    }
}
