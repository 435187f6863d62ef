//! The fingerprint of a plan: one digest for each part that the decision depends on. It lets a refusal name the part
//! that changed, even after a restart.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Endpoints, Guard, Plan, PlanInput, Severity};
use crate::domain::command::Action;
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::incident::IncidentPolicy;
use crate::domain::people::Actor;
use crate::domain::policy::Policy;
use crate::domain::schema::{Outlook, Verdict};
use crate::domain::service::ServiceState;
use crate::domain::stops::{Freeze, Hold};
use crate::domain::target::{TargetStanding, changed_in_words};
use crate::domain::time::{between, say};

/// The digests of a plan's parts, written as `live:0123456789abcdef.target:…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z]+:[0-9a-fA-F]{16}([.][a-z]+:[0-9a-fA-F]{16})*$")]
pub struct Fingerprint(BTreeMap<Part, String>);

/// A part that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Actor,
    Action,
    Live,
    Target,
    Staging,
    Range,
    InFlight,
    Freeze,
    Hold,
    Quarantine,
    Policy,
    Steps,
    Schema,
    Variables,
}

impl Part {
    const ALL: [Self; 14] = [
        Self::Actor,
        Self::Action,
        Self::Live,
        Self::Target,
        Self::Staging,
        Self::Range,
        Self::InFlight,
        Self::Freeze,
        Self::Hold,
        Self::Quarantine,
        Self::Policy,
        Self::Steps,
        Self::Schema,
        Self::Variables,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Action => "action",
            Self::Live => "live",
            Self::Target => "target",
            Self::Staging => "staging",
            Self::Range => "range",
            Self::InFlight => "flight",
            Self::Freeze => "freeze",
            Self::Hold => "hold",
            Self::Quarantine => "quarantine",
            Self::Policy => "policy",
            Self::Steps => "steps",
            Self::Schema => "schema",
            Self::Variables => "variables",
        }
    }
}

pub(super) fn of(
    input: PlanInput<'_>,
    ends: &Endpoints,
    action: Action,
    actor: &Actor,
    now: DateTime<Utc>,
    verdict: Option<&Verdict>,
) -> Fingerprint {
    let state = input.state;
    let environment = ends.environment;
    let shas: Vec<_> = input.range.commits.iter().map(|commit| &commit.sha).collect();
    let lost: Vec<_> = input.range.lost.iter().map(|commit| &commit.sha).collect();
    let later: Vec<_> = input.range.later.iter().map(|change| &change.by).collect();
    let target = state.builds.get(&ends.target).map(|build| &build.sha);
    let bad: Vec<_> = state.bad_in(ends.target).iter().map(|bad| bad.quarantined.id).collect();
    let mut parts = BTreeMap::from([
        (Part::Actor, digest(&(input.service, actor))),
        (Part::Action, digest(&action)),
        (Part::Live, live(state, ends)),
        (Part::Target, digest(&(ends.target, target))),
        (Part::Range, digest(&(shas, input.range.more, lost, later))),
        (Part::InFlight, digest(&state.in_flight(environment).map(|d| d.id))),
        (Part::Quarantine, digest(&bad)),
        (Part::Steps, digest(&input.steps)),
        (Part::Schema, schema(input, ends, verdict)),
    ]);
    match ends.kind {
        DeploymentKind::Rollback => {}
        DeploymentKind::Retry => parts.extend(retry_parts(input)),
        _ => parts.extend(promote_parts(input, ends, now)),
    }
    Fingerprint(parts)
}

/// What runs there. What nobody deployed counts for every plan; that a deployment left targets apart counts for no rollback,
/// which goes over it.
fn live(state: &ServiceState, ends: &Endpoints) -> String {
    let environment = ends.environment;
    let live = (state.live(environment), state.last_ended(environment).map(|d| d.id));
    let is_rollback = ends.kind == DeploymentKind::Rollback;
    let counts = |target: &&TargetStanding| {
        target.changed_at.is_some() || target.said_since.is_some() && !is_rollback
    };
    let apart = state.targets_apart(environment).iter().filter(counts);
    let apart: Vec<_> = apart.map(|target| (&target.target, target.build, &target.why)).collect();
    if apart.is_empty() { digest(&live) } else { digest(&(live, apart)) }
}

/// The parts that a retry in staging depends on beside those of every plan.
fn retry_parts(input: PlanInput<'_>) -> [(Part, String); 3] {
    let hold = input.state.holds.get(&Environment::Staging).map(|hold| hold.id);
    [
        (Part::Hold, digest(&hold)),
        (Part::Policy, digest(&input.policy.staging)),
        (Part::Variables, digest(&input.variables.recorded())),
    ]
}

/// For a rollback, only whether the confirmation needs the typed number: a promote that starts must not invalidate it.
fn schema(input: PlanInput<'_>, ends: &Endpoints, verdict: Option<&Verdict>) -> String {
    if ends.kind == DeploymentKind::Rollback {
        return digest(&verdict.map(|verdict| verdict.outlook == Outlook::PointOfNoReturn));
    }
    digest(&(input.migrations, verdict))
}

/// The parts that only a promote depends on. For example, a freeze that begins does not invalidate a rollback.
fn promote_parts(
    input: PlanInput<'_>,
    ends: &Endpoints,
    now: DateTime<Utc>,
) -> [(Part, String); 5] {
    let state = input.state;
    let staging = state.builds.get(&ends.target).map(|build| {
        let verified: Vec<_> = build.verifications.iter().map(|v| v.seq).collect();
        let last = build.staging.map(|id| (id, state.failed_in_staging(build).map(|d| d.id)));
        (build.in_staging_since, verified, build.off_trunk, last)
    });
    let freezes: Vec<_> = state.freezes_at(now).map(|freeze| freeze.id).collect();
    // Leaves out the sentence of a freeze: it may contain an age, which changes with time.
    let by_calendar = input.calendar.matches.iter();
    let by_calendar: Vec<_> = by_calendar.map(|m| (&m.freeze, m.policy, m.from, m.until)).collect();
    let hold = state.holds.get(&Environment::Production).map(|hold| hold.id);
    // What a rollback leaves behind is of no concern to a promote.
    let incidents = IncidentPolicy::default();
    let policy = Policy { leaves: None, incidents, ..input.policy.clone() };
    [
        (Part::Staging, digest(&staging)),
        (Part::Freeze, digest(&(freezes, by_calendar))),
        (Part::Hold, digest(&hold)),
        (Part::Policy, digest(&(policy, input.people))),
        (Part::Variables, digest(&input.variables.recorded())),
    ]
}

/// 64 bits of the SHA-256 over the value's JSON.
fn digest(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value)
        .expect("domain values have string keys and no failing serialiser");
    let mut text = String::with_capacity(16);
    for byte in &Sha256::digest(json)[..8] {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// The current state that the sentences about a change name.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangeDetails<'a> {
    /// The newest open deployment of the plan's environment.
    pub in_flight: Option<&'a Deployment>,
    /// The last deployment there to end, of those that started.
    pub last_ended: Option<&'a Deployment>,
    pub hold: Option<&'a Hold>,
    /// The last freeze set by hand that covers the time of the plan.
    pub freeze: Option<&'a Freeze>,
}

impl<'a> ChangeDetails<'a> {
    pub(super) fn of(state: &'a ServiceState, now: &Plan) -> Self {
        Self {
            in_flight: state.in_flight(now.environment),
            last_ended: state.last_ended(now.environment),
            hold: state.holds.get(&now.environment),
            freeze: state.freezes_at(now.at).last(),
        }
    }
}

impl Fingerprint {
    /// What changed between the plan with this fingerprint and the plan `now`, as sentences.
    #[must_use]
    pub fn changes(&self, now: &Plan, details: ChangeDetails<'_>) -> Vec<String> {
        let differs = |part: &Part| self.0.get(part) != now.fingerprint.0.get(part);
        Part::ALL.into_iter().filter(differs).map(|part| sentence(part, now, details)).collect()
    }
}

fn sentence(part: Part, now: &Plan, details: ChangeDetails<'_>) -> String {
    match part {
        Part::Actor => "the plan is for another person or service".into(),
        Part::Action => "the plan is for another action".into(),
        Part::Live => live_sentence(now, details),
        Part::Target => format!("the target is {} now", now.target.build),
        Part::Staging => format!("the state of {} in staging changed", now.target.build),
        Part::Range => format!("the number of commits is {} now", now.range.len()),
        Part::InFlight => match details.in_flight {
            Some(running) => super::promote::running_now(running, now.at),
            None => "the deployment that was running has ended".into(),
        },
        Part::Freeze => freeze_sentence(now, details),
        Part::Hold => match details.hold {
            Some(hold) => {
                format!("{} was put on hold by {}: {}", now.environment, hold.by, hold.reason)
            }
            None => "the hold was released".into(),
        },
        Part::Quarantine => format!("the bad commits in {} changed", now.target.build),
        Part::Policy => "the policy or [people] in trunkline.toml changed".into(),
        Part::Steps => "the steps of the pipeline changed".into(),
        Part::Schema => "the judgement of the migrations changed".into(),
        Part::Variables => "the environment of the engine changed".into(),
    }
}

fn freeze_sentence(now: &Plan, details: ChangeDetails<'_>) -> String {
    if let Some(freeze) = details.freeze {
        return format!("a freeze began, by {}: {}", freeze.by, freeze.reason);
    }
    let finding = now.findings.iter().find(|finding| finding.guard == Guard::Freeze);
    match finding.filter(|finding| finding.severity > Severity::Info) {
        Some(finding) => format!("the freezes changed: {}", finding.sentence),
        None => "the freeze ended".into(),
    }
}

/// `production changed: #12 is live; promote of #12 by sam succeeded 20s ago`, or `…; sam stated that production runs #12
/// 20s ago`.
fn live_sentence(now: &Plan, details: ChangeDetails<'_>) -> String {
    let live = now.live.as_ref().map_or_else(|| "nothing".into(), |live| live.build.to_string());
    let changed = format!("{} changed: {live} is live", now.environment);
    if let Some(by_hand) = changed_in_words(&now.targets) {
        return format!("{} changed: {by_hand}", now.environment);
    }
    let Some(last) = details.last_ended else { return changed };
    let is_unknown = last.is_of_restore() || last.unknown_commit().is_some();
    let changed = if is_unknown {
        format!("{} changed: what is live is not known", now.environment)
    } else {
        changed
    };
    let ended = last.ended.as_ref();
    let ago =
        ended.map_or_else(String::new, |end| format!(" {} ago", say(between(end.at, now.at))));
    let how = if last.is_stated() || last.is_said() || is_unknown {
        ""
    } else {
        &format!(" {}", last.state().as_str())
    };
    format!("{changed}; {}{how}{ago}", last.in_words())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (part, digest)) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{}:{digest}", part.as_str())?;
        }
        Ok(())
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        let parse = |item: &str| {
            let (name, digest) = item.split_once(':')?;
            let part = Part::ALL.into_iter().find(|part| part.as_str() == name)?;
            let hex = digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| (part, digest.to_owned()))
        };
        let parts: Option<BTreeMap<_, _>> = text.split('.').map(parse).collect();
        parts.map(Self).ok_or(InvalidFingerprint)
    }
}

/// The text is not the fingerprint of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a plan's fingerprint; make the plan again and use the one it shows")]
pub struct InvalidFingerprint;
