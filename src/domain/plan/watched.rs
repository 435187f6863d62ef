//! What a plan says of the watch of production: how what is live does, and whether somebody will look at what comes.

use chrono::{DateTime, Utc};

use super::{Finding, Guard, PlanInput, Severity, finding};
use crate::domain::ids::Environment;
use crate::domain::watch::{LiveEvidence, SampleVerdict, WatchState, evidence, evidence_of};

/// What a promote leaves and what it comes to.
pub(super) fn on_promote(input: PlanInput<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let checks = &input.policy.watch;
    let after = format!("Watched after this: {}", checks.join(", "));
    let after = finding(Guard::Watch, Severity::Info, after);
    let after = (!checks.is_empty()).then_some(after);
    live(input, now).into_iter().chain(after).collect()
}

/// How what is live does, if that speaks for going back or is not seen to the end.
pub(super) fn live(input: PlanInput<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let production = Environment::Production;
    let (live, watch) = (input.state.live(production), input.state.watches.last(production));
    let severity = match evidence_of(live, watch, now) {
        LiveEvidence::Bad | LiveEvidence::Unknown | LiveEvidence::Begun => Severity::Warn,
        LiveEvidence::GoodSoFar => Severity::Info,
        LiveEvidence::NotWatched | LiveEvidence::Good | LiveEvidence::Recovered => {
            return Vec::new();
        }
    };
    let Some(live_now) = live else { return Vec::new() };
    let mut sentence = format!("{} is {}", live_now.build, evidence(live, watch, now));
    let bad = watch.iter().flat_map(|watch| &watch.checks);
    let bad = bad.filter(|check| severity == Severity::Warn && !check.verdict.is_good());
    for says in bad.filter_map(|check| Some(format!("; {}: {}", check.name, check.says.as_ref()?)))
    {
        sentence.push_str(&says);
    }
    if let Some(by_itself) = watch.and_then(|watch| by_itself(input, watch)) {
        sentence.push_str("; ");
        sentence.push_str(&by_itself);
    }
    vec![finding(Guard::Watch, severity, sentence)]
}

/// What a bad watch leads to by itself, where the service asks for that.
fn by_itself(input: PlanInput<'_>, watch: &WatchState) -> Option<String> {
    let is_bad = watch.judged(SampleVerdict::Bad).next().is_some();
    let missed = || {
        let why = "not rolled back by itself: nobody had asked for that when it turned bad";
        input.policy.auto_rollback.then(|| why.to_owned())
    };
    is_bad.then(|| watch.decided_in_words().or_else(missed))?
}
