//! Whether anything stands in the way of a promote by somebody else's pipeline. What is not known is never a yes.

use serde::Serialize;

use super::ids::{Environment, ServiceName};
use super::instant::in_utc;
use super::snapshot::ServiceSnapshot;
use super::snapshot::alarm::Alarm;
use super::stops::evaluate_freezes;
use super::words::about;
use crate::calendar::FreezeState;

/// What it does not look at: it has no build.
pub const NOT_LOOKED_AT: [&str; 6] = [
    "who wrote the commits",
    "verification in staging",
    "soak time",
    "bad commits",
    "migrations",
    "the order of builds",
];

/// The answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MayPromote {
    pub service: ServiceName,
    pub at: chrono::DateTime<chrono::Utc>,
    pub may: MayAnswer,
    /// What stands in the way, and what is not known.
    pub reasons: Vec<MayReason>,
    /// What only warns.
    pub warnings: Vec<String>,
    pub not_looked_at: [&'static str; 6],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MayAnswer {
    Yes,
    No,
    Unknown,
}

/// One reason against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MayReason {
    pub kind: MayKind,
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MayKind {
    Hold,
    Freeze,
    InFlight,
    InDoubt,
    Unknown,
}

impl MayPromote {
    /// The answer for a service as it is now.
    #[must_use]
    pub fn of(snapshot: &ServiceSnapshot) -> Self {
        let (freeze, warnings) = freezes(snapshot);
        let mut reasons: Vec<_> = hold(snapshot).into_iter().chain(freeze).collect();
        reasons.extend(in_flight(snapshot));
        reasons.extend(in_doubt(snapshot));
        reasons.extend(unheard(snapshot));
        reasons.extend(unknown(snapshot));
        let stands = |reason: &MayReason| reason.kind != MayKind::Unknown;
        let may = match reasons.as_slice() {
            [] => MayAnswer::Yes,
            reasons if reasons.iter().any(stands) => MayAnswer::No,
            _ => MayAnswer::Unknown,
        };
        let (service, at) = (snapshot.service.clone(), snapshot.at);
        Self { service, at, may, reasons, warnings, not_looked_at: NOT_LOOKED_AT }
    }
}

fn reason(kind: MayKind, sentence: impl Into<String>) -> MayReason {
    MayReason { kind, sentence: sentence.into() }
}

fn hold(snapshot: &ServiceSnapshot) -> Option<MayReason> {
    let hold = snapshot.holds.get(&Environment::Production)?;
    let since = in_utc(hold.at);
    let sentence = format!("production is on hold since {since} by {}: {}", hold.by, hold.reason);
    Some(reason(MayKind::Hold, sentence))
}

/// The freeze in force, and the one that only warns.
fn freezes(snapshot: &ServiceSnapshot) -> (Option<MayReason>, Vec<String>) {
    let evaluation = evaluate_freezes(&snapshot.calendar, &snapshot.freezes, snapshot.at);
    let by_hand = snapshot.freezes.iter().any(|freeze| freeze.covers(snapshot.at));
    let end = evaluation
        .lasts_until
        .map_or("until lifted".to_owned(), |at| format!("until {}", in_utc(at)));
    let sentence = format!("production is frozen {end}: {}", evaluation.why());
    match evaluation.state.under(snapshot.policy.freeze) {
        FreezeState::Open if !by_hand => (None, Vec::new()),
        FreezeState::Warn => (None, vec![sentence]),
        FreezeState::Open | FreezeState::Frozen => {
            (Some(reason(MayKind::Freeze, sentence)), Vec::new())
        }
    }
}

fn in_flight(snapshot: &ServiceSnapshot) -> Option<MayReason> {
    let mut open = snapshot.deployments.iter().map(|row| &row.deployment);
    let open = open.find(|deployment| {
        deployment.is_open() && deployment.request.environment == Environment::Production
    })?;
    let sentence = format!("another deployment runs: {} by {} ({})", about(open), open.by, open.id);
    Some(reason(MayKind::InFlight, sentence))
}

fn in_doubt(snapshot: &ServiceSnapshot) -> Vec<MayReason> {
    let of_production = |alarm: &&Alarm| alarm.environment() == Environment::Production;
    let mut all: Vec<_> = snapshot
        .alarms
        .iter()
        .filter(of_production)
        .map(|alarm| reason(MayKind::InDoubt, alarm.sentence()))
        .collect();
    if all.is_empty() && snapshot.unsettled.is_some() {
        all.push(reason(MayKind::InDoubt, "production is in doubt since its last deployment"));
    }
    if snapshot.live_unknown {
        all.push(reason(MayKind::InDoubt, "what production runs is not known"));
    }
    all
}

/// That nobody heard whether the last deployment took effect.
fn unheard(snapshot: &ServiceSnapshot) -> Option<MayReason> {
    let last = snapshot.unheard?;
    let sentence = format!("what the targets of production run was not heard since {last}");
    Some(reason(MayKind::Unknown, sentence))
}

/// What could not be read: its holds and freezes may not be all there are, and production may run something else.
fn unknown(snapshot: &ServiceSnapshot) -> Vec<MayReason> {
    let Some(doubts) = &snapshot.rules_in_doubt else {
        let sentence = "this server does not say whether its rules are up to date; update it";
        return vec![reason(MayKind::Unknown, sentence)];
    };
    let calendar = snapshot.calendar_problems.iter();
    let all = doubts.iter().chain(calendar).map(|why| reason(MayKind::Unknown, why.clone()));
    let mut all: Vec<_> = all.collect();
    all.dedup();
    all
}
