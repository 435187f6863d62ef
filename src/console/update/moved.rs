//! What changed between the plan that was shown and the plan as it is now, in sentences.

use crate::console::model::Model;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::plan::{Plan, Severity};
use crate::domain::time::{between as time_between, say};

pub fn between(model: &Model, shown: &Plan, now: &Plan) -> Vec<String> {
    let mut changes = Vec::new();
    let live = |plan: &Plan| plan.live.as_ref().map(|live| live.build);
    if live(shown) != live(now) {
        changes.push(live_changed(model, live(shown), live(now)));
    }
    if shown.target.build != now.target.build {
        changes.push(format!("the target is {} now, not {}", now.target.build, shown.target.build));
    }
    if shown.range.len() != now.range.len() {
        let (now, shown) = (now.range.len(), shown.range.len());
        changes.push(format!("the number of commits is {now} now, not {shown}"));
    }
    let asks = |plan: &Plan| {
        let worse = plan.findings.iter().filter(|f| f.severity > Severity::Info);
        worse.map(|f| (f.guard, f.severity, f.sentence.clone())).collect::<Vec<_>>()
    };
    let (before, after) = (asks(shown), asks(now));
    let had = |guard, severity| before.iter().any(|(g, s, _)| *g == guard && *s == severity);
    let new = after.into_iter().filter(|(guard, severity, _)| !had(*guard, *severity));
    changes.extend(new.map(|(_, _, sentence)| sentence));
    if changes.is_empty() {
        changes.push("something that this plan rests on changed".into());
    }
    changes
}

/// `production changed: #1287 -> #1288, promoted by sam 4s ago`.
fn live_changed(model: &Model, from: Option<BuildNumber>, to: Option<BuildNumber>) -> String {
    let name = |build: Option<BuildNumber>| build.map_or("nothing".into(), |b| b.to_string());
    let change = format!("production changed: {} -> {}", name(from), name(to));
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    let Some(row) = live.and_then(|live| model.deployment(live.deployment)) else {
        return change;
    };
    let did = match row.deployment.request.kind {
        DeploymentKind::Rollback => "rolled back",
        _ => "promoted",
    };
    let ended = row.deployment.ended.as_ref();
    let ago = ended
        .map_or_else(String::new, |e| format!(" {} ago", say(time_between(e.at, model.now()))));
    format!("{change}, {did} by {}{ago}", row.deployment.by)
}
