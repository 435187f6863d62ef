//! Says aloud when the watch of production turns bad, when it is rolled back by itself and when the watch ends, and tells the
//! engine that a person saw that end.

use tokio::time::Instant;

use crate::backend::intents::Intent;
use crate::console::effect::{Effect, Outside};
use crate::console::model::notes::Tone;
use crate::console::model::{Model, Screen, Sent};
use crate::domain::command::Command;
use crate::domain::ids::Environment;
use crate::domain::people::Actor;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::stops::Hold;
use crate::domain::watch::WatchEnd;
use crate::domain::words::watch;

/// What is new since the snapshot before; without one, what nobody has seen yet.
pub fn tell(model: &mut Model, before: Option<&ServiceSnapshot>) -> Vec<Effect> {
    let Some(now) = &model.service else { return Vec::new() };
    let service = now.service.clone();
    let said = [(before.and_then(bad), bad(now)), (before.and_then(taken_back), taken_back(now))];
    let unseen = watch::of_live(now).and_then(|watch| {
        Some((watch.deployment, watch.ended.as_ref()?.end, watch::unseen(watch, model.now())?))
    });
    let mut effects = Vec::new();
    for (was, is) in said {
        let is_known = |known: &String| was.as_ref().is_some_and(|(was, _)| was == known);
        if let Some((_, sentence)) = is.filter(|(what, _)| !is_known(what)) {
            model.insist(&service, Tone::Bad, sentence);
            effects.push(Effect::Outside(Outside::Bell));
        }
    }
    effects.extend(retitle(model));
    let shown = unseen.as_ref().map(|(deployment, ..)| *deployment);
    if model.watch_end.show(shown)
        && let Some((_, end, text)) = unseen
    {
        let tone = if end == WatchEnd::Good { Tone::Plain } else { Tone::Bad };
        model.insist(&service, tone, text);
    }
    effects
}

/// The bad watch of production: which check of which deployment, what follows by itself, and the sentence.
fn bad(snapshot: &ServiceSnapshot) -> Option<(String, String)> {
    snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::WatchBad { environment, deployment, build, check, by_itself, .. }
            if *environment == Environment::Production =>
        {
            let Some(then) = by_itself else {
                return Some((format!("{deployment} {check}"), alarm.sentence()));
            };
            // What it said stands in the details; there is one line for this.
            let sentence = format!("{check} of {build} is BAD; {then}");
            Some((format!("{deployment} {check} {then}"), sentence))
        }
        Alarm::WaveBad { deployment, wave, check, .. } => {
            Some((format!("{deployment} {wave} {check}"), alarm.sentence()))
        }
        _ => None,
    })
}

/// The rollback that was made by itself, until somebody releases its hold: which one, and the sentence.
fn taken_back(snapshot: &ServiceSnapshot) -> Option<(String, String)> {
    let hold = snapshot.holds.get(&Environment::Production)?;
    let rollback = hold.rollback.filter(|_| hold.by == Actor::System)?;
    let sentence = format!("production is on hold by {} ({rollback}): {}", hold.by, hold.reason);
    Some((rollback.to_string(), sentence))
}

/// The title of the terminal where it is not right any more.
pub fn retitle(model: &mut Model) -> Option<Effect> {
    let service = model.service.as_ref()?;
    let title = title(service, model.is_update_due());
    let is_shown = *model.titled.as_ref().unwrap_or(&name(service)) == title;
    model.titled = Some(title.clone());
    (!is_shown).then_some(Effect::Outside(Outside::Title(title)))
}

fn title(snapshot: &ServiceSnapshot, is_update_due: bool) -> String {
    let name = name(snapshot);
    let live = snapshot.live.get(&Environment::Production);
    // A rollback that runs or that failed took nothing back yet.
    let is_back = |hold: &&Hold| live.is_some_and(|l| Some(l.deployment) == hold.rollback);
    let held = snapshot.holds.get(&Environment::Production).filter(is_back);
    match (bad(snapshot), held.and_then(|_| taken_back(snapshot))) {
        (Some(_), _) => format!("BAD: {name}"),
        _ if is_update_due => format!("UPDATE DUE: {name}"),
        (None, Some(_)) => format!("ROLLED BACK: {name}"),
        (None, None) => name,
    }
}

fn name(snapshot: &ServiceSnapshot) -> String {
    format!("{} - trunkline", snapshot.service)
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
