//! When it began, was noticed and was over, as far as the record or a person tells, each with its evidence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bad_samples::BadSamples;
use super::timeline::IncidentInput;
use super::{Incident, IncidentMark, IncidentUpdate, UsersAffected};
use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{DeploymentId, Seq};
use crate::domain::time::{Milliseconds, between, millis, say};

/// The times of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentTimes {
    /// When users began to be affected, or the earliest that they can have been.
    pub began: IncidentTime,
    /// When it was noticed, or the latest that it can have been.
    pub detected: IncidentTime,
    /// When users were no longer affected, as far as is known.
    pub restored: IncidentTime,
    pub to_detect: IncidentSpan,
    pub to_restore: IncidentSpan,
    pub affected_at_least: IncidentSpan,
    pub affected_at_most: IncidentSpan,
}

/// One time and its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentTime {
    /// Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    pub bound: TimeBound,
    /// How it is known, or why it is not.
    pub evidence: String,
    /// The event that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

/// Whether it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeBound {
    /// Then, by its evidence.
    Then,
    NotEarlier,
    NotLater,
    NotKnown,
}

impl TimeBound {
    /// Before the time: `not earlier than `.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Then => "",
            Self::NotEarlier => "not earlier than ",
            Self::NotLater => "not later than ",
            Self::NotKnown => "not known",
        }
    }
}

/// A length of time, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSpan {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub took: Option<Duration>,
    /// `at most 12m`, or `not known: it is not over`.
    pub words: String,
}

/// The times of the incident of this input.
#[must_use]
pub fn times(input: IncidentInput<'_>) -> IncidentTimes {
    let seen = BadSamples::of(input);
    let (began, detected, restored) = (began(input), detected(input, &seen), restored(input));
    IncidentTimes {
        to_detect: to_detect(&began, &detected),
        to_restore: to_restore(&detected, &restored),
        affected_at_least: at_least(input.incident, &seen),
        affected_at_most: at_most(input.incident, &began),
        began,
        detected,
        restored,
    }
}

/// The last line with this mark: a later one corrects an earlier one.
fn marked(incident: &Incident, mark: IncidentMark) -> Option<IncidentTime> {
    let line = incident.updates.iter().rev().find(|update| update.mark == Some(mark))?;
    Some(by_person(line))
}

fn by_person(line: &IncidentUpdate) -> IncidentTime {
    let text = if line.text.is_empty() { String::new() } else { format!(": {}", line.text) };
    IncidentTime {
        at: Some(line.at.unwrap_or(line.written_at)),
        bound: TimeBound::Then,
        evidence: format!("{} says so{text}", line.by),
        seq: Some(line.seq),
    }
}

fn not_known(why: &str) -> IncidentTime {
    IncidentTime { at: None, bound: TimeBound::NotKnown, evidence: why.to_owned(), seq: None }
}

fn began(input: IncidentInput<'_>) -> IncidentTime {
    if let Some(said) = marked(input.incident, IncidentMark::Began) {
        return said;
    }
    let made = input.incident.taken_back().next();
    let made = made.and_then(|taken| input.state.deployments.get(&taken.deployment));
    let Some(made) = made else {
        return not_known("nobody said it, and no rollback tells which deployment it was");
    };
    let (noun, build, id) = (made.request.kind.noun(), made.request.build, made.id);
    let what = match made.started_at {
        Some(_) => format!("the {noun} of {build} ({id}) began then"),
        None => format!("the {noun} of {build} ({id}) was requested or seen then"),
    };
    let is_start = |fact: &Fact| matches!(fact, Fact::DeploymentStarted { deployment, .. } if *deployment == id);
    let event = own(input).find(|event| is_start(&event.fact));
    IncidentTime {
        at: Some(made.started_at.unwrap_or(made.requested_at)),
        bound: TimeBound::NotEarlier,
        evidence: format!("{what} and was taken back; whether it is the cause is not known"),
        seq: Some(event.map_or(Seq(id.0), |event| event.seq)),
    }
}

/// The events of the service itself.
fn own(input: IncidentInput<'_>) -> impl DoubleEndedIterator<Item = &Event> {
    input.events.iter().filter(move |event| event.service == *input.service)
}

fn detected(input: IncidentInput<'_>, seen: &BadSamples) -> IncidentTime {
    let by_watch = seen.first.as_ref().map(|first| IncidentTime {
        at: Some(first.at),
        bound: TimeBound::Then,
        evidence: format!(
            "the first bad sample of {} by the watch of {}; not known before that",
            first.check, first.deployment
        ),
        seq: Some(first.seq),
    });
    let said = marked(input.incident, IncidentMark::Detected);
    let known = [said, by_watch].into_iter().flatten().min_by_key(|time| time.at);
    known.unwrap_or_else(|| {
        let opened =
            (input.incident.opened_at, Seq(input.incident.id.0), "the incident was opened then");
        let first = input.incident.rollbacks.first().map(|linked| linked.rollback);
        let made = first.and_then(|id| input.state.deployments.get(&id));
        let rolled = made.map(|made| {
            let began = made.started_at.map_or(made.requested_at, |at| at.min(made.requested_at));
            (began, Seq(made.id.0), "the rollback was requested or began then")
        });
        let (at, seq, what) = rolled.into_iter().chain([opened]).min().unwrap_or(opened);
        IncidentTime {
            at: Some(at),
            bound: TimeBound::NotLater,
            evidence: format!("{what}; nobody said when it was noticed"),
            seq: Some(seq),
        }
    })
}

fn restored(input: IncidentInput<'_>) -> IncidentTime {
    let incident = input.incident;
    if let Some(said) = marked(incident, IncidentMark::Restored) {
        return said;
    }
    if let Some(end) = incident.resolved.as_ref().filter(|end| end.at.is_some()) {
        return IncidentTime {
            at: Some(end.over_at()),
            bound: TimeBound::Then,
            evidence: format!("{} says so: {}", end.by, end.text),
            seq: Some(end.seq),
        };
    }
    let rollbacks = incident.rollbacks.iter().rev();
    let mut made = rollbacks.filter_map(|of| input.state.deployments.get(&of.rollback));
    match made.find(|made| made.state() == DeploymentState::Succeeded) {
        Some(made) => rolled_back(input, made),
        None if incident.is_open() => not_known("it is not over"),
        None => not_known("nobody said when users were well again, and no rollback succeeded"),
    }
}

fn rolled_back(input: IncidentInput<'_>, made: &Deployment) -> IncidentTime {
    let Some(end) = &made.ended else { return not_known("the rollback has not ended") };
    let build = made.request.build;
    let effect = match made.effect.as_ref() {
        None => "no target was asked what it runs".to_owned(),
        Some(effect) => effect.in_words(build),
    };
    let (id, outcome) = (made.id, &end.outcome);
    let evidence = format!(
        "the rollback {id} {outcome} then ({effect}); nobody said when users were well again"
    );
    if made.effect.as_ref().is_some_and(|effect| !effect.is_whole(build)) {
        return not_known(&evidence);
    }
    let is_end = |fact: &Fact| match fact {
        Fact::DeploymentEnded { deployment, .. } | Fact::ObservedEnded { deployment, .. } => {
            *deployment == id
        }
        _ => false,
    };
    let event = own(input).rev().find(|event| is_end(&event.fact));
    IncidentTime {
        at: Some(end.at),
        bound: TimeBound::Then,
        evidence,
        seq: Some(event.map_or(Seq(id.0), |event| event.seq)),
    }
}

fn span(took: Duration, words: String) -> IncidentSpan {
    IncidentSpan { took: Some(took), words }
}

fn unknown_span(words: &str) -> IncidentSpan {
    IncidentSpan { took: None, words: words.to_owned() }
}

fn to_detect(began: &IncidentTime, detected: &IncidentTime) -> IncidentSpan {
    let (Some(from), Some(to)) = (began.at, detected.at) else {
        return unknown_span("not known: when it began is not known");
    };
    if to < from {
        return unknown_span("not known: it was noticed before the time given as its beginning");
    }
    let took = between(from, to);
    let is_exact = began.bound == TimeBound::Then && detected.bound == TimeBound::Then;
    span(took, format!("{}{}", if is_exact { "" } else { "at most " }, say(took)))
}

fn to_restore(detected: &IncidentTime, restored: &IncidentTime) -> IncidentSpan {
    let (Some(from), Some(to)) = (detected.at, restored.at) else {
        return unknown_span("not known: when it was over is not known");
    };
    if to < from {
        return unknown_span("not known: it was over before the time given as its detection");
    }
    let took = between(from, to);
    let is_exact = detected.bound == TimeBound::Then;
    span(took, format!("{}{}", if is_exact { "" } else { "at least " }, say(took)))
}

/// Nothing to measure where nobody says that users were affected.
fn unaffected(incident: &Incident) -> Option<IncidentSpan> {
    match incident.users_affected {
        UsersAffected::Yes => None,
        UsersAffected::No => Some(unknown_span("users were not affected, as people said")),
        UsersAffected::NotKnown => {
            Some(unknown_span("not known: nobody said whether users were affected"))
        }
    }
}

/// By people's word, or the longest time in which the watch judged a check bad.
fn at_least(incident: &Incident, seen: &BadSamples) -> IncidentSpan {
    if let Some(none) = unaffected(incident) {
        return none;
    }
    let (from, to) =
        (marked(incident, IncidentMark::Began), marked(incident, IncidentMark::Restored));
    let said = from.and_then(|from| from.at).zip(to.and_then(|to| to.at));
    if let Some((from, to)) = said.filter(|(from, to)| from <= to) {
        let took = between(from, to);
        return span(took, format!("{}, as people said", say(took)));
    }
    match &seen.longest {
        Some((took, check)) => {
            span(*took, format!("{}, in which the watch judged {check} bad", say(*took)))
        }
        None => unknown_span("not known: no watch measured it and nobody said it"),
    }
}

/// From the beginning, or the earliest that it can have been, to the end by people's word.
fn at_most(incident: &Incident, began: &IncidentTime) -> IncidentSpan {
    if let Some(none) = unaffected(incident) {
        return none;
    }
    let said = marked(incident, IncidentMark::Restored).and_then(|said| said.at);
    let end = said.or_else(|| incident.resolved.as_ref().map(super::IncidentEnd::over_at));
    let Some(to) = end else { return unknown_span("not known: it is not over") };
    let Some(from) = began.at else {
        return unknown_span("not known: when it began is not known");
    };
    if to < from {
        return unknown_span("not known: it was over before the time given as its beginning");
    }
    let took = between(from, to);
    let caveat = match began.bound {
        TimeBound::Then => "",
        _ => ", if what was taken back is the cause",
    };
    span(took, format!("{}{caveat}", say(took)))
}

/// Whether a deployment is one that the incident's rollbacks took back.
pub(super) fn is_taken_back(incident: &Incident, deployment: DeploymentId) -> bool {
    incident.taken_back().any(|taken| taken.deployment == deployment)
}
