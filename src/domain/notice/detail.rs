//! The sentences that stand below a message.

use super::{DetailKind, Notice, NoticeAbout, NoticeDetail, NoticeKey};
use crate::domain::deployment::Deployment;
use crate::domain::effect::DeploymentEffect;
use crate::domain::event::{
    DeploymentKind, DeploymentRequest, Event, Fact, Outcome, StepOutcome, TargetSaid, TargetsSaid,
};
use crate::domain::ids::{DeploymentId, Environment, Seq};
use crate::domain::live_source::AskedOf;
use crate::domain::service::ServiceState;
use crate::domain::time::say;

/// What an event says below the message that it belongs to.
pub(super) fn details(
    event: &Event,
    state: &ServiceState,
    held_by: Option<&NoticeKey>,
) -> Vec<Notice> {
    match &event.fact {
        Fact::DeploymentRequested(request) => requested(event, request),
        Fact::StepEnded { deployment, step, outcome, took, .. } => {
            let Some(found) = state.deployments.get(deployment) else { return Vec::new() };
            let name = step_name(found, *step);
            let how = match outcome {
                StepOutcome::Succeeded => format!("{name} succeeded in {}", say(*took)),
                other => format!("{name}: {other} after {}", say(*took)),
            };
            let detail = of(event, *deployment, DetailKind::Step, how);
            vec![with_step(detail, *step)]
        }
        Fact::RunWaits { deployment, step, waits: Some(waits), .. } => {
            let Some(found) = state.deployments.get(deployment) else { return Vec::new() };
            let how = format!("{} waits for {waits}", step_name(found, *step));
            vec![with_step(of(event, *deployment, DetailKind::Step, how), *step)]
        }
        Fact::CancelRequested { deployment, .. } => {
            vec![of(event, *deployment, DetailKind::Cancel, event.sentence())]
        }
        Fact::DeploymentEnded { deployment, outcome }
        | Fact::ObservedEnded { deployment, outcome, .. } => {
            ended(event, *deployment, outcome, state).into_iter().collect()
        }
        Fact::WaveWaits(_) | Fact::WaveContinued(_) => of_subject(event, DetailKind::Wave),
        Fact::WatchTurned(_) => {
            let mut all = of_subject(event, DetailKind::Watch);
            let is_of_production = event.subject().deployment.is_some_and(|id| {
                let found = state.deployments.get(&id);
                found.is_some_and(|of| of.request.environment == Environment::Production)
            });
            for notice in &mut all {
                loud(notice, is_of_production);
            }
            all
        }
        Fact::AutoRollback(_) => {
            let mut all = of_subject(event, DetailKind::Watch);
            for notice in &mut all {
                loud(notice, true);
            }
            all
        }
        Fact::HoldReleased { environment: Environment::Production, .. } => {
            held_by.map(|key| released(event, key)).into_iter().collect()
        }
        Fact::UsersNotAffected(answer) => {
            let kind = DetailKind::IncidentNote;
            vec![of(event, answer.rollback, kind, event.sentence())]
        }
        Fact::FreezeLifted { freeze, .. } => vec![lifted(event, *freeze)],
        Fact::TargetsSaid(said) => heard(event, said, state).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The overrides with their reasons: everybody is to hear of them.
fn requested(event: &Event, request: &DeploymentRequest) -> Vec<Notice> {
    let id = DeploymentId::from(event.seq);
    let sentences = request.override_sentences().map(|said| format!("{} {said}", event.actor));
    let all = sentences.enumerate().map(|(at, sentence)| {
        let mut notice = of(event, id, DetailKind::Override, sentence);
        notice.key = notice.key.part(&format!("override{at}"));
        loud(&mut notice, true);
        notice
    });
    all.collect()
}

/// What nobody may miss of an end: that it is no success, and that a rollback is done.
fn ended(
    event: &Event,
    id: DeploymentId,
    outcome: &Outcome,
    state: &ServiceState,
) -> Option<Notice> {
    let deployment = state.deployments.get(&id)?;
    let DeploymentRequest { kind, build, environment, .. } = &deployment.request;
    let is_rollback = *kind == DeploymentKind::Rollback;
    let took = deployment.took().map_or_else(String::new, |took| format!(" after {}", say(took)));
    let (sentence, is_loud) = match outcome {
        Outcome::Succeeded if is_rollback => {
            let took = deployment.took().map_or_else(String::new, |t| format!(" in {}", say(t)));
            let by = &deployment.by;
            let sentence = if is_asked(*environment, state) {
                format!(
                    "the steps of the rollback of {environment} to {build} by {by} succeeded{took}; its targets were not heard yet"
                )
            } else {
                format!("{environment} rolled back to {build}{took} by {by}")
            };
            (sentence + &after_rollback(id, *environment, state), true)
        }
        Outcome::Succeeded => return None,
        Outcome::Failed(why) => (format!("{build} failed in {environment}{took}: {why}"), true),
        Outcome::Interrupted(why) => {
            (format!("{build} was interrupted in {environment}{took}: {why}"), true)
        }
        Outcome::Cancelled => (format!("{build} was cancelled in {environment}{took}"), false),
    };
    let mut notice = of(event, id, DetailKind::Ended, sentence);
    loud(&mut notice, is_loud);
    let step = deployment.steps.iter().position(|step| !step.succeeded());
    Some(match (outcome, step) {
        (Outcome::Failed(_) | Outcome::Interrupted(_), Some(step)) => with_step(notice, step),
        _ => notice,
    })
}

/// What a rollback leaves to be done: its hold, and the question of users.
fn after_rollback(id: DeploymentId, environment: Environment, state: &ServiceState) -> String {
    let hold = state.holds.get(&environment).filter(|hold| hold.rollback == Some(id));
    let is_asked = state.incidents.questions().iter().any(|asked| asked.is_of(id));
    let hold = hold.map(|_| format!("; that put {environment} on hold"));
    let asks = is_asked.then(|| "; were users affected?".to_owned());
    hold.into_iter().chain(asks).collect()
}

/// Whether the targets of an environment are asked what they run.
fn is_asked(environment: Environment, state: &ServiceState) -> bool {
    let asked = match environment {
        Environment::Staging => state.asked_of_staging,
        Environment::Production => state.asked_of_production,
    };
    asked == Some(AskedOf::Targets)
}

/// What targets said of the last deployment before: of a rollback always, of others where not all have it.
fn heard(event: &Event, said: &TargetsSaid, state: &ServiceState) -> Option<Notice> {
    let ended = |of: &&Deployment| {
        let at = of.ended.as_ref().map(|ended| ended.at);
        of.request.environment == said.environment && at.is_some_and(|at| at <= event.at)
    };
    let all = state.deployments.values().filter(ended);
    let last = all.max_by_key(|of| (of.ended.as_ref().map(|ended| ended.at), of.id))?;
    let effect = last.effect.as_ref().filter(|_| last.succeeded())?;
    // What somebody changed at a target later is no word of this deployment.
    let is_of_it = |now: &TargetSaid| {
        let mut known = effect.targets.iter().filter(|known| known.target == now.target);
        now.says()
            .is_none_or(|says| known.any(|known| known.says().is_some_and(|k| k.is_same(says))))
    };
    let (build, is_rollback) = (last.request.build, last.request.kind == DeploymentKind::Rollback);
    let told = DeploymentEffect { targets: said.targets.clone() };
    let is_told =
        is_rollback || said.environment == Environment::Production && !told.is_whole(build);
    if !is_told || !said.targets.iter().all(is_of_it) {
        return None;
    }
    let kind = if is_rollback { "rollback" } else { "deployment" };
    let words = told.in_words(build);
    let sentence = format!("the {kind} of {} to {build}: {words}", said.environment);
    let mut notice = of(event, last.id, DetailKind::Heard, sentence);
    // The same answers again are no news.
    let answered = said.targets.iter().filter(|said| said.says().is_some()).count();
    notice.key =
        NoticeKey::of_deployment(&event.service, last.id).part(&format!("heard{answered}"));
    loud(&mut notice, true);
    Some(notice)
}

/// A release says so below what told of the hold.
fn released(event: &Event, held_by: &NoticeKey) -> Notice {
    under(event, held_by.clone(), DetailKind::Released, event.sentence())
}

/// A freeze that a person lifted says so below its message.
fn lifted(event: &Event, freeze: Seq) -> Notice {
    let of = NoticeKey::of_event(&event.service, freeze);
    under(event, of, DetailKind::Over, event.sentence())
}

/// A loud detail of a message that is about no deployment.
fn under(event: &Event, of: NoticeKey, kind: DetailKind, sentence: String) -> Notice {
    let about = NoticeDetail { loud: true, ..NoticeDetail::new(of, kind, sentence) };
    Notice {
        key: NoticeKey::of_event(&event.service, event.seq),
        service: event.service.clone(),
        seq: event.seq,
        at: event.at,
        about: NoticeAbout::Detail(about),
    }
}

fn of_subject(event: &Event, kind: DetailKind) -> Vec<Notice> {
    let id = event.subject().deployment;
    id.map(|id| of(event, id, kind, event.sentence())).into_iter().collect()
}

fn of(event: &Event, deployment: DeploymentId, kind: DetailKind, sentence: String) -> Notice {
    let of = NoticeKey::of_deployment(&event.service, deployment);
    let detail =
        NoticeDetail { deployment: Some(deployment), ..NoticeDetail::new(of, kind, sentence) };
    Notice {
        key: NoticeKey::of_event(&event.service, event.seq),
        service: event.service.clone(),
        seq: event.seq,
        at: event.at,
        about: NoticeAbout::Detail(detail),
    }
}

fn loud(notice: &mut Notice, is: bool) {
    if let NoticeAbout::Detail(detail) = &mut notice.about {
        detail.loud = is;
    }
}

fn with_step(mut notice: Notice, at: usize) -> Notice {
    if let NoticeAbout::Detail(detail) = &mut notice.about {
        detail.step = Some(at);
    }
    notice
}

/// `step release`, or `step release (target eu)`.
fn step_name(deployment: &Deployment, step: usize) -> String {
    let name = deployment.request.steps.get(step).map_or("?", |spec| spec.name.as_str());
    match deployment.target_name(step) {
        Some(target) => format!("{name} (target {target})"),
        None => name.to_owned(),
    }
}
