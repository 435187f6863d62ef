//! A note of a change beside the deployments.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Decided, within};
use crate::domain::command::{NewNote, Refusal};
use crate::domain::event::{ChangeNote, Fact};
use crate::domain::limits::{LONGEST_NOTE, LONGEST_REASON, LONGEST_UNDO};

/// How long ago a change may be that is noted only now.
const LONGEST_AGO: TimeDelta = TimeDelta::days(14);
/// How far the clock of whoever notes it may be ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

pub(super) fn note(new: &NewNote, now: DateTime<Utc>) -> Result<Decided, Refusal> {
    let what = within("text of the note", new.what.trim(), LONGEST_NOTE)?;
    if what.is_empty() {
        return Err(Refusal::invalid("a note needs a text; say what was changed"));
    }
    let note = ChangeNote {
        kind: new.kind,
        what,
        who: optional("name of who changed it", new.who.as_ref(), LONGEST_NOTE)?,
        undo: optional("undo", new.undo.as_ref(), LONGEST_UNDO)?,
        link: link(new.link.as_ref())?,
        changed_at: changed_at(new.changed_at, now)?,
        observed: None,
    };
    let said = format!("noted: {}", note.label());
    Ok(Decided { facts: vec![Fact::Noted(note)], deployment: None, said })
}

fn optional(what: &str, text: Option<&String>, longest: usize) -> Result<Option<String>, Refusal> {
    let text = text.map(|text| text.trim()).filter(|text| !text.is_empty());
    text.map(|text| within(what, text, longest)).transpose()
}

fn link(link: Option<&String>) -> Result<Option<String>, Refusal> {
    let Some(link) = optional("link", link, LONGEST_REASON)? else { return Ok(None) };
    let is_address = ["https://", "http://"].iter().any(|scheme| link.starts_with(scheme));
    if !is_address || link.contains(char::is_whitespace) {
        return Err(Refusal::invalid("the link is no address; begin it with https://"));
    }
    Ok(Some(link))
}

fn changed_at(
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Refusal> {
    match at {
        Some(at) if at > now + AHEAD => {
            Err(Refusal::invalid("the time of the change is in the future; note what was changed"))
        }
        Some(at) if at < now - LONGEST_AGO => {
            Err(Refusal::invalid("the time of the change is more than 14 days ago"))
        }
        at => Ok(at.map(|at| at.min(now))),
    }
}
