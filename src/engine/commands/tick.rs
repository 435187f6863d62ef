//! What a rollback left behind: it is listed on its hold, ticked off, and said at the release.

use super::{Decided, ServiceView, check_hold};
use crate::domain::command::{ItemOfHold, Refusal};
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Environment, Seq};
use crate::domain::leftovers::{Leftover, LeftoverTick, Leftovers, LeftoversListed};
use crate::domain::plan::Plan;
use crate::domain::stops::Hold;

/// The fact that lists on a hold what the rollback of a plan leaves behind.
pub(super) fn listed(plan: &Plan, hold: Seq, rollback: DeploymentId) -> Option<Fact> {
    let left = plan.stays_behind.as_deref()?.clone();
    let environment = plan.environment;
    Some(Fact::LeftoversListed(LeftoversListed { environment, hold, rollback, left }))
}

pub(super) fn tick(service: &ServiceView<'_>, of: ItemOfHold) -> Result<Decided, Refusal> {
    let (hold, item) = found(service, of)?;
    if let Some(mark) = &item.ticked {
        let sentence = format!("{} is ticked already, by {}: {}", of.item, mark.by, item.what);
        return Err(Refusal::invalid(sentence));
    }
    // What is cleared away while the old code still runs may come back.
    let rollback = hold.rollback.and_then(|id| service.state.deployments.get(&id));
    if let Some(open) = rollback.filter(|rollback| rollback.is_open()) {
        let sentence =
            format!("{} is not over: tick {} once it has ended", open.in_words(), of.item);
        return Err(Refusal::invalid(sentence));
    }
    let said = format!("ticked: {}{}", item.what, rest(hold, of.item));
    Ok(decided(Fact::LeftoverTicked(fact(of, hold, item)), said))
}

pub(super) fn untick(service: &ServiceView<'_>, of: ItemOfHold) -> Result<Decided, Refusal> {
    let (hold, item) = found(service, of)?;
    if item.ticked.is_none() {
        return Err(Refusal::invalid(format!("{} is not ticked: {}", of.item, item.what)));
    }
    let said = format!("open again: {}", item.what);
    Ok(decided(Fact::LeftoverUnticked(fact(of, hold, item)), said))
}

/// The names of what is open at a release.
///
/// # Errors
/// When something is open that the caller does not name.
pub(super) fn open_at_release(
    service: &ServiceView<'_>,
    environment: Environment,
    leave_open: &[u32],
) -> Result<Vec<String>, Refusal> {
    let left = service.state.holds.get(&environment).and_then(|hold| hold.left.as_deref());
    let Some(left) = left else { return Ok(Vec::new()) };
    if left.open().any(|(number, _)| !leave_open.contains(&number)) {
        let sentence = format!(
            "the rollback left something behind that is open: {}; tick it, or say that it stays open",
            left.open_in_words()
        );
        return Err(Refusal::invalid(sentence));
    }
    Ok(left.open().map(|(_, item)| item.what.clone()).collect())
}

/// `; left open: the page cache`, or nothing.
pub(super) fn left_open(open: &[String]) -> String {
    if open.is_empty() { String::new() } else { format!("; left open: {}", open.join(", ")) }
}

fn found<'a>(
    service: &'a ServiceView<'_>,
    of: ItemOfHold,
) -> Result<(&'a Hold, &'a Leftover), Refusal> {
    let environment = of.environment;
    let hold = service.state.holds.get(&environment);
    let hold = hold.ok_or_else(|| Refusal::invalid(format!("{environment} is not on hold")))?;
    check_hold(service, environment, of.hold)?;
    let item = hold.left.as_ref().and_then(|left| left.item(of.item));
    let item = item.ok_or_else(|| {
        let all = hold.left.as_ref().map_or(0, |left| left.items.len());
        let has = match all {
            0 => "has no list of what stays behind".to_owned(),
            all => format!("has the numbers 1 to {all}"),
        };
        Refusal::not_found(format!("there is no {}: the hold on {environment} {has}", of.item))
    })?;
    Ok((hold, item))
}

fn fact(of: ItemOfHold, hold: &Hold, item: &Leftover) -> LeftoverTick {
    let (environment, item_number, what) = (of.environment, of.item, item.what.clone());
    LeftoverTick { environment, hold: hold.id, item: item_number, what }
}

/// How many stay open once this one is ticked.
fn rest(hold: &Hold, ticked: u32) -> String {
    let open = hold.left.as_deref().into_iter().flat_map(Leftovers::open);
    match open.filter(|(number, _)| *number != ticked).count() {
        0 => "; nothing is open any more".to_owned(),
        more => format!("; {more} more open"),
    }
}

fn decided(fact: Fact, said: String) -> Decided {
    Decided { facts: vec![fact], deployment: None, said }
}
