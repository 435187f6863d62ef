//! When it began, was noticed and was over, as far as the record or a person tells, each with its evidence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bad_samples::BadSamples;
use super::report::IncidentCut;
use super::timeline::IncidentInput;
use super::{Incident, IncidentMark, IncidentTurn, IncidentUpdate, UsersAffected};
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
    /// What this holds for: `if #3 is the cause`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
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

impl IncidentTime {
    /// What comes before the time: `if #3 is the cause, not earlier than `.
    #[must_use]
    pub fn bound_in_words(&self) -> String {
        let condition = self.condition.as_ref();
        let condition = condition.map_or_else(String::new, |condition| format!("{condition}, "));
        format!("{condition}{}", self.bound.in_words())
    }
}

/// A length of time, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSpan {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub took: Option<Duration>,
    /// `at most 12m`, or `not known: the incident is still open`.
    pub words: String,
}

/// The times of the incident of this input.
#[must_use]
pub fn times(input: IncidentInput<'_>, cut: IncidentCut) -> IncidentTimes {
    let seen = BadSamples::of(input);
    let (began, restored) = (began(input), restored(input));
    let detected = if cut.own { detected_in_part(input) } else { detected(input, &seen) };
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

/// The last line with this mark: a later one corrects an earlier one. Who opened the incident again says that users were not
/// well.
pub(super) fn last_marked(incident: &Incident, mark: IncidentMark) -> Option<&IncidentUpdate> {
    let is_over = |update: &&IncidentUpdate| {
        mark == IncidentMark::Restored && update.turn == Some(IncidentTurn::Reopened)
    };
    let counted = incident.updates.iter().rev().take_while(|update| !is_over(update));
    counted.into_iter().find(|update| update.mark == Some(mark))
}

fn marked(incident: &Incident, mark: IncidentMark) -> Option<IncidentTime> {
    last_marked(incident, mark).map(by_person)
}

fn by_person(line: &IncidentUpdate) -> IncidentTime {
    let text = if line.text.is_empty() { String::new() } else { format!(": {}", line.text) };
    IncidentTime {
        at: Some(line.at.unwrap_or(line.written_at)),
        bound: TimeBound::Then,
        condition: None,
        evidence: format!("{} says so{text}", line.by),
        seq: Some(line.seq),
    }
}

fn not_known(why: &str) -> IncidentTime {
    let evidence = why.to_owned();
    IncidentTime { at: None, bound: TimeBound::NotKnown, condition: None, evidence, seq: None }
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
    let (noun, id) = (made.request.kind.noun(), made.id);
    let what = if made.started_at.is_some() { "began" } else { "was requested or seen" };
    let is_start = |fact: &Fact| matches!(fact, Fact::DeploymentStarted { deployment, .. } if *deployment == id);
    let event = own(input).find(|event| is_start(&event.fact));
    IncidentTime {
        at: Some(made.started_at.unwrap_or(made.requested_at)),
        bound: TimeBound::NotEarlier,
        condition: Some(format!("if {} is the cause", made.deployed())),
        evidence: format!("its {noun} ({id}) {what} then"),
        seq: Some(event.map_or(Seq(id.0), |event| event.seq)),
    }
}

/// The events of the service itself.
fn own(input: IncidentInput<'_>) -> impl DoubleEndedIterator<Item = &Event> {
    input.events.iter().filter(move |event| event.service == *input.service)
}

/// What a watch judged first may be in the events that were not read.
fn detected_in_part(input: IncidentInput<'_>) -> IncidentTime {
    let said = marked(input.incident, IncidentMark::Detected);
    said.unwrap_or_else(|| {
        not_known("there are too many events to read the first of them, and nobody said it")
    })
}

fn detected(input: IncidentInput<'_>, seen: &BadSamples) -> IncidentTime {
    let by_watch = seen.first.as_ref().map(|first| IncidentTime {
        at: Some(first.at),
        // It is not the time of the sample itself.
        bound: TimeBound::NotLater,
        condition: None,
        evidence: format!("the watch of {} judged {} bad then", first.deployment, first.check),
        seq: Some(first.seq),
    });
    let said = marked(input.incident, IncidentMark::Detected);
    let known = [said, by_watch].into_iter().flatten().min_by_key(|time| time.at);
    known.unwrap_or_else(|| {
        let first = input.incident.rollbacks.first().map(|linked| linked.rollback);
        let made = first.and_then(|id| input.state.deployments.get(&id));
        let rolled = made.map(|made| {
            let began = made.started_at.map_or(made.requested_at, |at| at.min(made.requested_at));
            (made.id, began)
        });
        let rolled = rolled.filter(|(_, began)| *began < input.incident.opened_at);
        // Why somebody rolled back is not recorded.
        let rolled = rolled.map_or_else(String::new, |(id, began)| {
            let at = input.incident.clock(began);
            format!("; if the rollback {id} was because of it, not later than {at}")
        });
        IncidentTime {
            at: Some(input.incident.opened_at),
            bound: TimeBound::NotLater,
            condition: None,
            evidence: format!(
                "{} was opened then; nobody said when it was noticed{rolled}",
                input.incident.id
            ),
            seq: Some(Seq(input.incident.id.0)),
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
            condition: None,
            evidence: format!("{} says so: {}", end.by, end.text),
            seq: Some(end.seq),
        };
    }
    // A rollback that succeeded is no word on how users are.
    let open =
        incident.is_open().then(|| format!("nobody said, and {} is still open", incident.id));
    let unsaid = (!incident.is_open()).then(|| "nobody said when users were well again".to_owned());
    let end = incident.resolved.as_ref().map(|end| {
        let (id, at) = (incident.id, incident.clock(end.written_at));
        format!("{id} was resolved at {at} (event {})", end.seq)
    });
    let known = [open, unsaid, last_success(input).map(|made| rolled_back(input, made)), end];
    not_known(&known.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// The last of its rollbacks that succeeded.
pub(super) fn last_success(input: IncidentInput<'_>) -> Option<&Deployment> {
    let rollbacks = input.incident.rollbacks.iter().rev();
    let mut made = rollbacks.filter_map(|of| input.state.deployments.get(&of.rollback));
    made.find(|made| made.state() == DeploymentState::Succeeded)
}

/// `the rollback d16 succeeded at 02:59:10 UTC (event 19)`, with what targets said of it.
fn rolled_back(input: IncidentInput<'_>, made: &Deployment) -> String {
    let id = made.id;
    let is_end = |fact: &Fact| match fact {
        Fact::DeploymentEnded { deployment, .. } | Fact::ObservedEnded { deployment, .. } => {
            *deployment == id
        }
        _ => false,
    };
    let event = own(input).rev().find(|event| is_end(&event.fact));
    let seq = event.map(|event| format!(" (event {})", event.seq)).unwrap_or_default();
    let at = made.ended.as_ref().map(|end| format!(" at {}", input.incident.clock(end.at)));
    let effect = made.effect.as_ref().map(|effect| effect.in_words(made.request.build));
    let effect = effect.map(|effect| format!(", {effect}")).unwrap_or_default();
    format!("the rollback {id} succeeded{}{seq}{effect}", at.unwrap_or_default())
}

fn span(took: Duration, words: String) -> IncidentSpan {
    IncidentSpan { took: Some(took), words }
}

fn unknown_span(words: &str) -> IncidentSpan {
    IncidentSpan { took: None, words: words.to_owned() }
}

fn to_detect(began: &IncidentTime, detected: &IncidentTime) -> IncidentSpan {
    let (Some(from), Some(to)) = (began.at, detected.at) else {
        let which = if began.at.is_none() { "it began" } else { "it was noticed" };
        return unknown_span(&format!("not known: when {which} is not known"));
    };
    if to < from {
        return unknown_span("not known: it was noticed before the time given as its beginning");
    }
    let took = between(from, to);
    let is_exact = began.bound == TimeBound::Then && detected.bound == TimeBound::Then;
    let condition = began.condition.as_ref().map(|condition| format!(", {condition}"));
    let bound = if is_exact { "" } else { "at most " };
    span(took, format!("{bound}{}{}", say(took), condition.unwrap_or_default()))
}

fn to_restore(detected: &IncidentTime, restored: &IncidentTime) -> IncidentSpan {
    let (Some(from), Some(to)) = (detected.at, restored.at) else {
        let which = if restored.at.is_none() { "users were well again" } else { "it was noticed" };
        return unknown_span(&format!("not known: when {which} is not known"));
    };
    if to < from {
        return unknown_span(
            "not known: users were well again before the time given as its detection",
        );
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
            let id = incident.id;
            Some(unknown_span(&format!(
                "not known: nobody answered in {id} whether users were affected"
            )))
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
    let Some(to) = end else { return unknown_span("not known: the incident is still open") };
    let Some(from) = began.at else {
        return unknown_span("not known: when it began is not known");
    };
    if to < from {
        return unknown_span("not known: it was over before the time given as its beginning");
    }
    let took = between(from, to);
    let said = last_marked(incident, IncidentMark::Began);
    let said = said.map(|line| format!("if it began when {} says", line.by));
    let condition = began.condition.clone().or(said);
    let condition = condition.map(|condition| format!(", {condition}")).unwrap_or_default();
    span(took, format!("{}{condition}", say(took)))
}

/// Whether a deployment is one that the incident's rollbacks took back.
pub(super) fn is_taken_back(incident: &Incident, deployment: DeploymentId) -> bool {
    incident.taken_back().any(|taken| taken.deployment == deployment)
}
