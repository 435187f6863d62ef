//! Who is on call, in words. Each screen says instants in its own way.

use chrono::{DateTime, Utc};

use crate::calendar::Tz;
use crate::domain::instant::localized;
use crate::domain::on_call::{OnCallShift, OnCallState};
use crate::domain::presence::PresentPerson;
use crate::domain::snapshot::ServiceSnapshot;

/// The name of the line.
pub const ON_CALL: &str = "on call";

/// `raj (here now) until Tue 08:00, then kim`, as of `now`; `None` for a service of which no file says who is on call.
/// `present` is who has the service open, `when` says an instant, and `zone` is the reader's.
#[must_use]
pub fn sentence(
    snapshot: &ServiceSnapshot,
    present: &[PresentPerson],
    now: DateTime<Utc>,
    zone: Tz,
    when: impl Fn(DateTime<Utc>) -> String,
) -> Option<String> {
    let on_call = snapshot.on_call.as_ref()?;
    let next = on_call.next(now);
    let (text, until) = match on_call.state(now) {
        OnCallState::Unknown { since, why } => {
            let why = localized(&why, zone);
            return Some(format!("not known, since {}: {why}", when(since)));
        }
        OnCallState::Nobody => ("nobody, by its calendar".to_owned(), None),
        OnCallState::People(shifts) => {
            let until = shifts.iter().filter_map(|shift| shift.until).max();
            let said = shifts.into_iter().map(|shift| {
                let until = shift.until.map(|until| format!(" until {}", when(until)));
                format!("{}{}", person(snapshot, present, shift), until.unwrap_or_default())
            });
            (said.collect::<Vec<_>>().join(", "), until)
        }
    };
    let next = next.and_then(|next| Some((next, next.from?))).map(|(next, from)| {
        // Whoever begins when the last one ends needs no time of their own.
        if until == Some(from) {
            format!(", then {}", next.who)
        } else {
            format!("; {} from {}", next.who, when(from))
        }
    });
    let read = on_call.read_at.filter(|_| on_call.trouble.is_some());
    let read = read.map(|at| format!("; as read {}", super::ago(at, now)));
    Some(format!("{text}{}{}", next.unwrap_or_default(), read.unwrap_or_default()))
}

/// `raj (here now)`. Who is no member of `[people]` is whoever the text says, and nobody else.
fn person(snapshot: &ServiceSnapshot, present: &[PresentPerson], shift: &OnCallShift) -> String {
    let Some(actor) = shift.actor() else { return format!("{} (not in [people])", shift.who) };
    if actor == snapshot.me.actor {
        return format!("{} (you)", shift.who);
    }
    match present.iter().find(|person| person.actor == actor) {
        Some(present) if present.may_act => format!("{} (here now)", shift.who),
        Some(_) => format!("{} (here now, only reads)", shift.who),
        None => shift.who.clone(),
    }
}
