//! Says aloud when the watch of production turns bad and when it ends, and tells the engine that a person saw its end.

use tokio::time::Instant;

use crate::backend::intents::Intent;
use crate::console::effect::{Effect, Outside};
use crate::console::model::notes::Tone;
use crate::console::model::{Model, Screen, Sent};
use crate::domain::command::Command;
use crate::domain::ids::Environment;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::watch::WatchEnd;
use crate::domain::words::watch;

/// What is new since the snapshot before; without one, what nobody has seen yet.
pub fn tell(model: &mut Model, before: Option<&ServiceSnapshot>) -> Vec<Effect> {
    let Some(now) = &model.service else { return Vec::new() };
    let (service, was, is) = (now.service.clone(), before.and_then(bad), bad(now));
    let unseen = watch::of_live(now).and_then(|watch| {
        Some((watch.deployment, watch.ended.as_ref()?.end, watch::unseen(watch, model.now())?))
    });
    let mut effects = Vec::new();
    match (&was, &is) {
        (_, Some((name, sentence))) if was.as_ref().is_none_or(|(known, _)| known != name) => {
            model.insist(&service, Tone::Bad, sentence.clone());
            effects.push(Effect::Outside(Outside::Bell));
            effects.push(Effect::Outside(Outside::Title(format!("BAD: {service} - trunkline"))));
        }
        (Some(_), None) => {
            effects.push(Effect::Outside(Outside::Title(format!("{service} - trunkline"))));
        }
        _ => {}
    }
    let shown = unseen.as_ref().map(|(deployment, ..)| *deployment);
    if model.watch_end.show(shown)
        && let Some((_, end, text)) = unseen
    {
        let tone = if end == WatchEnd::Good { Tone::Plain } else { Tone::Bad };
        model.insist(&service, tone, text);
    }
    effects
}

/// The bad watch of production: which check of which deployment, and the sentence.
fn bad(snapshot: &ServiceSnapshot) -> Option<(String, String)> {
    snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::WatchBad { environment: Environment::Production, deployment, check, .. } => {
            Some((format!("{deployment} {check}"), alarm.sentence()))
        }
        Alarm::WaveBad { deployment, wave, check, .. } => {
            Some((format!("{deployment} {wave} {check}"), alarm.sentence()))
        }
        _ => None,
    })
}

/// What is on screen is drawn.
pub fn drawn(model: &mut Model, at: Instant) {
    if model.screen == Screen::Service && model.overlays.is_empty() {
        model.watch_end.drawn(at);
    }
}

/// A person pressed a key: what was on screen before is seen.
pub fn seen(model: &mut Model, key: Instant) -> Vec<Effect> {
    if !model.may_act() || model.screen != Screen::Service {
        return Vec::new();
    }
    let service = model.service.as_ref().map(|service| service.service.clone());
    let Some(service) = service else { return Vec::new() };
    let Some(deployment) = model.watch_end.seen_by(key) else { return Vec::new() };
    let command = Command::SeeWatch { deployment };
    let (ticket, key) = (model.next_ticket(), model.next_key());
    let what = command.what(None);
    let intent =
        Intent { key: key.clone(), service: service.clone(), what: what.clone(), at: model.now() };
    model.sent.push(Sent { ticket, key, service, what, lost: None });
    vec![Effect::Send { ticket, command, intent }]
}
