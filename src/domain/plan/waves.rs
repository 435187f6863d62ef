//! What a plan says of waves: in which parts production is taken, and what is waited for between them.

use chrono::{DateTime, Utc};

use super::{Endpoints, Finding, Guard, PlanInput, Severity, finding};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::target::TargetName;
use crate::domain::watch::{SampleVerdict, watch_in_words};
use crate::domain::wave::{
    WavePause, loops_over_nothing, targets_in_words, waves_in_words, waves_of,
};

/// The waves of a promote, or in which order a rollback takes the targets.
pub(super) fn findings(input: PlanInput<'_>, ends: &Endpoints, now: DateTime<Utc>) -> Vec<Finding> {
    if ends.kind == DeploymentKind::Rollback {
        let all = input.state.targets_to_roll_back(ends.target, None);
        let nothing = loops_over_nothing(input.steps, &all);
        let nothing = nothing.map(|said| finding(Guard::WayBack, Severity::Warn, said));
        return nothing
            .into_iter()
            .chain(taken_back(input, all))
            .chain(evidence(input, now))
            .collect();
    }
    in_waves(input).into_iter().collect()
}

fn in_waves(input: PlanInput<'_>) -> Option<Finding> {
    let waves = waves_of(input.steps);
    if waves.is_empty() {
        return None;
    }
    let words = format!("In {} waves: {}", waves.len(), waves_in_words(&waves));
    let goes_on = waves.iter().any(|(_, wave)| matches!(wave.pause, Some(WavePause::For { .. })));
    let checks = input.policy.watch.join(", ");
    let (severity, looked) = match (checks.is_empty(), goes_on) {
        (false, _) => (Severity::Info, format!("watched between them: {checks}")),
        (true, true) => {
            let why = "not watched between them: a wave goes on when its pause is over";
            (Severity::Warn, why.to_owned())
        }
        (true, false) => (Severity::Info, "not watched between them".to_owned()),
    };
    Some(finding(Guard::Watch, severity, format!("{words}; {looked}")))
}

/// Which targets a rollback takes first, where a deployment changed only a part of them.
fn taken_back(input: PlanInput<'_>, all: Vec<TargetName>) -> Option<Finding> {
    let changed = input.state.changed_by_waves(None);
    let rest: Vec<_> = all.into_iter().filter(|target| !changed.contains(target)).collect();
    if changed.is_empty() || rest.is_empty() {
        return None;
    }
    let (first, then) = (targets_in_words(&changed), targets_in_words(&rest));
    let sentence = format!("Takes the changed targets first: {first}, then {then}, without pauses");
    Some(finding(Guard::Order, Severity::Info, sentence))
}

/// What the watch saw since the last wave, if that speaks for going back.
fn evidence(input: PlanInput<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let paused = input.state.paused(Environment::Production)?;
    let wait = paused.waiting_wave()?;
    let watch = input.state.watches.of_wave(paused.id, wait.number)?;
    let bad: Vec<_> = watch.judged(SampleVerdict::Bad).collect();
    if bad.is_empty() {
        return None;
    }
    let (build, wave) = (paused.request.build, wait.named());
    let mut sentence = format!("{wave} of {build} is {}", watch_in_words(watch, now));
    for says in
        bad.iter().filter_map(|check| Some(format!("; {}: {}", check.name, check.says.as_ref()?)))
    {
        sentence.push_str(&says);
    }
    Some(finding(Guard::Watch, Severity::Warn, sentence))
}
