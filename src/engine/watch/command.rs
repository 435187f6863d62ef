//! Runs the command of a check: exit 0 is good, 1 is bad, all else is unknown.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::event::Run;
use crate::domain::ids::ServiceName;
use crate::domain::watch::{SampleVerdict, WatchSample, WatchState};
use crate::engine::asked::AskedCommands;

/// A command and what it is told.
pub(super) struct CommandProbe {
    asked: Arc<AskedCommands>,
    service: ServiceName,
    facts: [(&'static str, String); 3],
    run: Run,
}

impl CommandProbe {
    pub fn new(
        asked: Arc<AskedCommands>,
        service: ServiceName,
        watch: &WatchState,
        run: Run,
    ) -> Self {
        let facts = [
            ("TRUNKLINE_ENVIRONMENT", watch.environment.to_string()),
            ("TRUNKLINE_BUILD", watch.build.0.to_string()),
            ("TRUNKLINE_DEPLOYMENT", watch.deployment.0.to_string()),
        ];
        Self { asked, service, facts, run }
    }

    pub async fn look(&self, longest: Duration) -> WatchSample {
        let asked = self.asked.ask(&self.service, (&self.run, longest), &self.facts);
        let answer = match Box::pin(asked).await {
            Ok(answer) => answer,
            Err(why) => return WatchSample::unknown(why),
        };
        let (verdict, how) = match answer.status.code() {
            Some(0) => (SampleVerdict::Good, "exit 0".to_owned()),
            Some(1) => (SampleVerdict::Bad, "exit 1".to_owned()),
            Some(code) => {
                (SampleVerdict::Unknown, format!("exit {code}, which is neither 0 nor 1"))
            }
            None => (SampleVerdict::Unknown, "ended by a signal".to_owned()),
        };
        let says = answer.last_line().map_or_else(|| how.clone(), |last| format!("{how}: {last}"));
        WatchSample { verdict, says, value: None }
    }
}
