//! Asks for a promoter, and withdraws the request.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CommandContext, Decided, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::event::{DeploymentKind, Fact};
use crate::domain::ids::Seq;
use crate::domain::people::Actor;
use crate::domain::plan::{Fingerprint, Plan};
use crate::domain::time::{between, say};

pub(super) fn ask(
    service: &ServiceView<'_>,
    plan: &Plan,
    confirmed: &Fingerprint,
    note: &str,
    CommandContext { actor, now, .. }: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    plan.check_without_reasons(confirmed, service.state)?;
    let build = plan.target.build;
    if plan.kind != DeploymentKind::Promote {
        return Err(Refusal::invalid(format!("{build} is live already")));
    }
    if let Some(open) = service.state.open_request(now).filter(|open| open.build == build) {
        let age = say(between(open.at, now));
        let sentence = format!("{} asked for {build} {age} ago already ({})", open.by, open.id);
        return Err(Refusal::invalid(sentence));
    }
    let note = text("note", note, Need::Optional)?;
    let stands = service.policy.request_expires;
    let until = TimeDelta::from_std(stands).ok().and_then(|stands| now.checked_add_signed(stands));
    let until = until.ok_or_else(|| Refusal::invalid("request_expires is too long; shorten it"))?;
    let on_call = on_call(service, actor, now);
    let said = format!("asked for a promoter of {build}, for {}{on_call}", say(stands));
    let facts = vec![Fact::PromoterRequested { build, until, note }];
    Ok(Decided { facts, deployment: None, said })
}

/// `; on call: raj, kim`: whom to call if nobody takes it. Empty if that is not known, or only who asks.
fn on_call(service: &ServiceView<'_>, actor: &Actor, now: DateTime<Utc>) -> String {
    let members = service.on_call.map(|on_call| on_call.members(service.people, now));
    let is_other = |name: &String| !actor.is_person(name);
    let others: Vec<_> = members.into_iter().flatten().filter(is_other).collect();
    if others.is_empty() { String::new() } else { format!("; on call: {}", others.join(", ")) }
}

pub(super) fn withdraw(
    service: &ServiceView<'_>,
    id: Seq,
    reason: &str,
    CommandContext { actor, now, .. }: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    let request = service.state.requests.iter().find(|request| request.id == id);
    let missing = || Refusal::not_found(format!("there is no request {id}"));
    let request = request.ok_or_else(missing)?;
    if !request.is_open(now) {
        let state = request.state(now).as_str();
        return Err(Refusal::invalid(format!("request {id} is {state} already")));
    }
    if request.by != *actor {
        let sentence =
            format!("request {id} belongs to {by}; only {by} can withdraw it", by = request.by);
        return Err(Refusal::Policy { sentence, findings: Vec::new() });
    }
    let reason = text("reason", reason, Need::Optional)?;
    let said = format!("the request for {} is withdrawn", request.build);
    let facts = vec![Fact::RequestWithdrawn { request: id, reason }];
    Ok(Decided { facts, deployment: None, said })
}
