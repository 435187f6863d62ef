//! Whether production may be rolled back by itself after its watch turned bad, and what speaks against it. It takes away only
//! what a person promoted here, once, and only where all that is known speaks for it.

use chrono::{DateTime, Utc};

use super::deployment::Deployment;
use super::event::{DeploymentKind, Fact};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq};
use super::needs::NeedStanding;
use super::people::Actor;
use super::plan::{Finding, Guard, Plan, Severity};
use super::remedy::Remedy;
use super::schema::{Outlook, Verdict};
use super::service::ServiceState;
use super::snapshot::alarm::{Alarm, alarms};
use super::tried::{TriedWayBack, Trust};
use super::watch::{AutoDecision, AutoRollback, SampleVerdict, WatchState, WatchTurned};
use super::wave::waves_of;

const PRODUCTION: Environment = Environment::Production;

/// A rollback that was decided on and that is neither asked for nor given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRollback {
    /// The event that decided it.
    pub id: Seq,
    /// The deployment whose watch is bad.
    pub watched: DeploymentId,
    pub to: BuildNumber,
}

/// What is decided as the watch of production turns bad by one of these facts, which are not applied yet. `None` if none turns
/// it, or if it was bad before.
#[must_use]
pub fn on_turn(
    state: &ServiceState,
    facts: &[Fact],
    needs: &[NeedStanding],
    now: DateTime<Utc>,
) -> Option<AutoRollback> {
    let watch = state.watches.last(PRODUCTION).filter(|watch| watch.is_open())?;
    let turned = facts.iter().find_map(|fact| match fact {
        Fact::WatchTurned(turned) if turned.to == SampleVerdict::Bad => Some(turned),
        _ => None,
    });
    let turned = turned.filter(|turned| turned.deployment == watch.deployment)?;
    if watch.judged(SampleVerdict::Bad).next().is_some() {
        return None;
    }
    let WatchTurned { deployment, check, says, value, .. } = turned.clone();
    let decision = match (lacks(state, deployment, needs, now), state.rollback_target()) {
        (lacks, Some(to)) if lacks.is_empty() => AutoDecision::RollsBack { to },
        (lacks, _) => AutoDecision::Stays { why: lacks.join("; ") },
    };
    Some(AutoRollback { deployment, check, since: now, says, value, decision })
}

/// The rollback that has to be made now.
#[must_use]
pub fn pending(state: &ServiceState) -> Option<PendingRollback> {
    let watch = state.watches.last(PRODUCTION)?;
    let decided = watch.decided.as_ref()?;
    let AutoDecision::RollsBack { to } = decided.decision else { return None };
    let is_made = since(state, DeploymentId::from(decided.id)).any(Deployment::is_automatic);
    let (id, watched) = (decided.id, watch.deployment);
    (!is_made).then_some(PendingRollback { id, watched, to })
}

/// What speaks against a rollback that is pending: what did when it was decided, and evidence that is not there any more.
#[must_use]
pub fn against(
    state: &ServiceState,
    pending: &PendingRollback,
    needs: &[NeedStanding],
    now: DateTime<Utc>,
) -> Vec<String> {
    let watch = state.watches.last(PRODUCTION).filter(|w| w.deployment == pending.watched);
    let mut against: Vec<_> = watch.and_then(|watch| not_bad(watch, now)).into_iter().collect();
    against.extend(lacks(state, pending.watched, needs, now));
    let other = state.rollback_target().filter(|to| *to != pending.to);
    against.extend(other.map(|to| format!("the way back leads to {to} by now")));
    against
}

/// That it stays as it is, for the record.
#[must_use]
pub fn given_up(
    state: &ServiceState,
    pending: &PendingRollback,
    why: String,
    now: DateTime<Utc>,
) -> AutoRollback {
    let (deployment, decision) = (pending.watched, AutoDecision::Stays { why });
    let watch = state.watches.last(PRODUCTION).filter(|w| w.deployment == deployment);
    let check = watch.and_then(|watch| {
        watch.judged(SampleVerdict::Bad).next().or_else(|| watch.checks.first()).cloned()
    });
    let (name, since, says) = match check {
        Some(check) => (check.name, check.since, check.says.unwrap_or_default()),
        None => (String::new(), now, String::new()),
    };
    AutoRollback { deployment, check: name, since, says, value: None, decision }
}

/// What the plan of the rollback itself speaks against it: it has to be as good as a plan can be.
#[must_use]
pub fn against_plan(plan: &Plan) -> Vec<String> {
    let refused = plan.findings.iter().filter(|finding| finding.severity >= Severity::Override);
    let mut against: Vec<_> = refused.map(|finding| finding.sentence.clone()).collect();
    against.extend(of_schema(plan.verdict.as_ref()));
    against.extend(of_trust(plan.tried.as_ref(), plan.at));
    against
}

impl Plan {
    /// Says of a promote whether it would be rolled back by itself as things stand, where the service asks for that.
    pub fn note_auto_rollback(&mut self, needs: &[NeedStanding]) {
        let against = match self.kind {
            DeploymentKind::Promote => self.against_undo(needs),
            DeploymentKind::Redeploy => vec!["only a promote of another build is".to_owned()],
            _ => return,
        };
        let back = self.undo_remedy.as_ref().filter(|_| against.is_empty());
        let sentence = if let Some(Remedy::RollBack { to }) = back {
            let waves = if waves_of(&self.steps).is_empty() {
                ""
            } else {
                " after the last wave; between waves the next one waits for a person"
            };
            format!("Rolled back to {to} by itself if a check turns BAD{waves}")
        } else {
            let why = against.join("; ");
            format!("Not rolled back by itself if a check turns BAD: {why}")
        };
        let (guard, severity) = (Guard::Watch, Severity::Info);
        self.findings.push(Finding { guard, severity, sentence, remedy: None, unknown: false });
    }

    /// What would be missing for a rollback by itself after this promote.
    fn against_undo(&self, needs: &[NeedStanding]) -> Vec<String> {
        let Some(Remedy::RollBack { .. }) = self.undo_remedy else {
            return vec![NOWHERE.to_owned()];
        };
        let schema = of_schema(self.verdict.as_ref());
        let trust = of_trust(self.tried.as_ref(), self.at);
        let needs = needs.iter().filter_map(NeedStanding::sentence);
        schema.into_iter().chain(trust).chain(needs).collect()
    }
}

const NOWHERE: &str = "there is no good build to go back to";

/// Everything that is missing for a rollback by itself of what this deployment brought. Empty if nothing is.
fn lacks(
    state: &ServiceState,
    watched: DeploymentId,
    needs: &[NeedStanding],
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut lacks = Vec::new();
    let is_live = state.live(PRODUCTION).is_some_and(|live| live.deployment == watched);
    if !is_live {
        lacks.push(format!("{watched} is not what is live"));
    }
    if !state.deployments.get(&watched).is_some_and(is_persons_promote) {
        lacks.push(format!("{watched} is no promote by a person"));
    }
    let despite = state.deployments.get(&watched).and_then(|made| made.wave.as_ref());
    let despite = despite.and_then(|wave| wave.despite.as_ref());
    lacks.extend(despite.map(|why| format!("a person went on with its waves although {why}")));
    let before = since(state, watched).find(|made| made.is_automatic());
    let before = before.filter(|made| !made.is_open());
    lacks.extend(before.map(|made| format!("it was rolled back by itself before ({})", made.id)));
    let running = state.open(PRODUCTION);
    lacks.extend(running.map(|made| format!("the {} ({}) runs", made.in_words(), made.id)));
    lacks.extend(state.holds.get(&PRODUCTION).map(|_| "production is on hold".to_owned()));
    lacks.extend(doubts(state));
    match state.rollback_target() {
        None => lacks.push(NOWHERE.to_owned()),
        Some(to) => {
            lacks.extend(of_schema(Some(&state.verdict(to))));
            lacks.extend(of_trust(Some(&state.tried_way_back(state.recorded_rollback(to))), now));
        }
    }
    lacks.extend(needs.iter().filter_map(NeedStanding::sentence));
    lacks
}

/// Why it is not known well enough that production runs what is recorded.
fn doubts(state: &ServiceState) -> impl Iterator<Item = String> {
    let is_doubt = |alarm: &Alarm| {
        let is_other = matches!(alarm, Alarm::WatchBad { .. } | Alarm::BadLive { .. });
        alarm.environment() == PRODUCTION && !is_other
    };
    let doubts = alarms(state).into_iter().filter(is_doubt).map(|alarm| alarm.sentence());
    let unheard =
        state.unheard().map(|made| format!("its targets were not heard since {}", made.id));
    let unread = state.unread.get(&PRODUCTION);
    let unread = unread.map(|why| format!("what production runs is not known: {why}"));
    doubts.chain(unheard).chain(unread)
}

fn of_schema(verdict: Option<&Verdict>) -> Option<String> {
    let how = match verdict.map(|verdict| verdict.outlook) {
        Some(Outlook::Safe) => return None,
        Some(outlook) => outlook.as_str(),
        None => "not known",
    };
    Some(format!("the schema of the way back is {how}, not SAFE"))
}

fn of_trust(tried: Option<&TriedWayBack>, now: DateTime<Utc>) -> Option<String> {
    let Some(tried) = tried else { return Some(format!("{UNPROVEN} (not known)")) };
    (tried.trust(now) != Trust::Proven).then(|| format!("{UNPROVEN} ({})", tried.at(now)))
}

const UNPROVEN: &str = "the way back is not proven";

/// Why the watch does not say any more that what is live is bad.
fn not_bad(watch: &WatchState, now: DateTime<Utc>) -> Option<String> {
    if watch.judged(SampleVerdict::Bad).next().is_none() {
        return Some("its watch is not bad any more".to_owned());
    }
    if !watch.is_open() {
        return Some("its watch is over".to_owned());
    }
    watch.is_silent(now).then(|| "its watch told nothing for too long".to_owned())
}

/// The deployments of production that were asked for after this event.
fn since(state: &ServiceState, id: DeploymentId) -> impl Iterator<Item = &Deployment> {
    let later =
        state.deployments.range(id..).map(|(_, made)| made).filter(move |made| made.id > id);
    later.filter(|made| made.request.environment == PRODUCTION)
}

fn is_persons_promote(made: &Deployment) -> bool {
    made.request.kind == DeploymentKind::Promote && matches!(made.by, Actor::Person(_))
}
