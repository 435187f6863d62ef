//! What a plan says of the watch of production: how what is live does, and whether somebody will look at what comes.

use chrono::{DateTime, Utc};

use super::{Finding, Guard, PlanInput, Severity, finding};
use crate::domain::ids::Environment;
use crate::domain::watch::{
    AutoRollbackInput, LiveEvidence, SampleVerdict, WatchState, auto_rollback, evidence,
    evidence_of,
};

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
    if let Some(why) = not_by_itself(input, watch) {
        sentence.push_str("; not rolled back by itself: ");
        sentence.push_str(why);
    }
    vec![finding(Guard::Watch, severity, sentence)]
}

/// Why a watch that is bad did not roll back by itself, where the service says that it may.
fn not_by_itself(input: PlanInput<'_>, watch: Option<&WatchState>) -> Option<&'static str> {
    let production = Environment::Production;
    let bad = watch?.judged(SampleVerdict::Bad).next().filter(|_| input.policy.auto_rollback)?;
    let target = input.state.rollback_target();
    auto_rollback(AutoRollbackInput {
        is_allowed: true,
        bad: Some((&bad.name, bad.says.as_deref().unwrap_or_default())),
        target: target.map(|target| (target, input.state.verdict(target).outlook)),
        // Nothing tells yet whether the steps of a rollback were seen to work.
        is_proven: false,
        is_free: input.state.in_flight(production).is_none(),
    })
    .err()
}
