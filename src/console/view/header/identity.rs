//! The right of the header: practice or not, which server, who you are, what you may, how old the data is.

use super::length::Length;
use crate::console::model::Model;
use crate::console::model::link::{FromDisk, LinkState};
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::row::Row;
use crate::domain::time::say;

/// `DEMO prod ana RW fresh`, with names of at most so many columns.
pub fn identity<'t>(model: &Model, row: Row<'t>, length: Length, most: usize) -> Row<'t> {
    let demo = model.options.demo || model.description.as_ref().is_some_and(|d| d.demo);
    let row = row.gap(if length < Length::Bare { 2 } else { 1 });
    let row = if demo { row.own("DEMO ", Role::Accent) } else { row };
    let row = match &model.options.profile {
        Some(profile) => row.called_within(profile, most, Role::Accent).gap(1),
        // Only where it could be taken for that of a profile.
        None if !model.options.engines.is_empty() => row.own("local ", Role::Accent),
        None => row,
    };
    let row = match &model.service {
        Some(service) => {
            row.called_within(&service.me.actor.to_string(), most, Role::AuthorMe).gap(1)
        }
        None => row,
    };
    let row = match (model.may_act(), length < Length::Bare) {
        (true, _) => row.own("RW ", Role::Muted),
        (false, true) => row.own("READ-ONLY ", Role::Warn),
        (false, false) => row.own("RO ", Role::Warn),
    };
    aged(model, row, length).gap(1)
}

/// `AS OF 03:12 (4h ago)`.
fn as_of(model: &Model, disk: FromDisk) -> String {
    format!("AS OF {} ({} ago)", clock(model, disk.seen), say(disk.age(model.at)))
}

/// How old the data is, in words that cannot be missed once nothing may be done on it.
pub fn freshness<'t>(model: &Model, row: Row<'t>) -> Row<'t> {
    aged(model, row, Length::Full)
}

fn aged<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let is_long = length < Length::NoRetry;
    let retry = model.link.retry_in(model.at).filter(|_| is_long);
    let retry = retry.map_or_else(String::new, |wait| {
        format!(", retry in {}s", wait.as_millis().div_ceil(1_000))
    });
    let off = if length < Length::Bare { ", actions off" } else { "" };
    if let Some(disk) = model.from_disk() {
        // When it was seen is told by each list too.
        return if length < Length::NoFresh {
            row.own(
                format!("{}{}", as_of(model, disk), if is_long { off } else { "" }),
                Role::Stale,
            )
        } else {
            row.own(format!("{} OLD", say(disk.age(model.at))), Role::Stale)
        };
    }
    if let Some(old) = model.stale() {
        return row.own(format!("STALE {}{retry}{off}", say(old)), Role::Stale);
    }
    match &model.link.state {
        LinkState::Connecting => row.own("connecting", Role::Muted),
        LinkState::Down { .. } => {
            let age = say(model.at.saturating_duration_since(model.link.last_answer));
            let long = if is_long { " for" } else { "" };
            row.own(format!("no answer{long} {age}{retry}"), Role::Warn)
        }
        LinkState::Up if model.is_paused() => row.own("PAUSED", Role::Stale),
        LinkState::Up if length < Length::NoFresh => row.own("fresh", Role::Muted),
        LinkState::Up => row,
    }
}
