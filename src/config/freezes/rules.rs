//! `[[freeze]]`: what every kind of freeze says.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::calendars::Calendars;
use super::{FeedSource, bounded, kinds};
use crate::config::error::Complaints;
use crate::config::reader::{Entry, Section};
use crate::domain::freeze::{Restricted, Rule};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::policy::FreezeMode;

/// The most freezes of a file.
const MOST: usize = 200;
/// The most characters of an id.
const LONGEST_ID: usize = 60;
/// The most characters of a reason.
const LONGEST_REASON: usize = 500;

/// A freeze as far as it could be read.
pub(super) struct Read {
    pub id: Option<String>,
    /// Where its own times are.
    pub zone: Option<Tz>,
    /// `None` when something is wrong with it.
    pub rule: Option<Rule>,
    pub feed: Option<FeedSource>,
}

pub(super) fn read(
    top: &mut Section<'_>,
    default: Option<Tz>,
    calendars: &Calendars,
    complaints: &mut Complaints<'_>,
) -> Vec<Read> {
    let Some(entry) = top.take("freeze") else { return Vec::new() };
    let mut ids = BTreeSet::new();
    let sections = bounded(&entry, MOST, complaints);
    sections
        .into_iter()
        .map(|section| rule(section, default, calendars, &mut ids, complaints))
        .collect()
}

fn rule(
    mut section: Section<'_>,
    default: Option<Tz>,
    calendars: &Calendars,
    ids: &mut BTreeSet<String>,
    complaints: &mut Complaints<'_>,
) -> Read {
    let id = id(&mut section, ids, complaints);
    let reason = reason(&mut section, complaints);
    let policy = section.take("policy").and_then(|entry| {
        let modes = [("block", FreezeMode::Override), ("warn", FreezeMode::Warn)];
        entry.choice(&modes, complaints)
    });
    let environments = environments(&mut section, complaints);
    let services = services(&mut section, complaints);
    let actions = actions(&mut section, complaints);
    let name = id.as_deref().unwrap_or_default();
    let found = kinds::read(&mut section, name, default, calendars, complaints);
    section.finish(complaints);
    let rule = || {
        Some(Rule {
            id: id.clone()?,
            environments,
            services,
            actions,
            policy: policy.unwrap_or(FreezeMode::Override),
            reason: reason?,
            kind: found.kind?,
            thaws: Vec::new(),
        })
    };
    Read { rule: rule(), id, zone: found.zone, feed: found.feed }
}

fn id(
    section: &mut Section<'_>,
    ids: &mut BTreeSet<String>,
    complaints: &mut Complaints<'_>,
) -> Option<String> {
    let Some(entry) = section.take("id") else {
        missing(section, "id", "name the freeze, as in id = \"pre-holiday\"", complaints);
        return None;
    };
    let id = entry.text(complaints)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !id.chars().all(allowed) || id.len() > LONGEST_ID {
        let how = format!("use at most {LONGEST_ID} letters, digits, \"-\", \"_\" and \".\"");
        entry.complain(complaints, format!("{id:?} is not an id; {how}"));
        return None;
    }
    if !ids.insert(id.to_owned()) {
        entry.complain(
            complaints,
            format!("there is a freeze {id:?} already; give this one another id"),
        );
    }
    Some(id.to_owned())
}

fn reason(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Option<String> {
    let Some(entry) = section.take("reason") else {
        missing(section, "reason", "say in a few words why promotes should wait", complaints);
        return None;
    };
    let reason = entry.text(complaints)?.trim();
    if reason.chars().count() > LONGEST_REASON {
        let sentence = format!("is longer than {LONGEST_REASON} characters; shorten it");
        entry.complain(complaints, sentence);
    }
    Some(reason.to_owned())
}

pub(super) fn missing(
    section: &Section<'_>,
    key: &str,
    advice: &str,
    complaints: &mut Complaints<'_>,
) {
    let path = format!("{}.{key}", section.path);
    complaints.add(section.at, &path, format!("is missing; {advice}"));
}

fn environments(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Vec<Environment> {
    let words = [("production", Environment::Production), ("staging", Environment::Staging)];
    let Some(entry) = section.take("environments") else { return vec![Environment::Production] };
    some_of(&entry, complaints, |item, complaints| item.choice(&words, complaints))
}

fn services(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Vec<String> {
    let Some(entry) = section.take("services") else { return vec!["*".to_owned()] };
    some_of(&entry, complaints, |item, complaints| {
        let text = item.text(complaints)?;
        if text != "*"
            && let Err(invalid) = text.parse::<ServiceName>()
        {
            item.complain(complaints, format!("{invalid}; \"*\" stands for all"));
            return None;
        }
        Some(text.to_owned())
    })
}

fn actions(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Vec<Restricted> {
    let Some(entry) = section.take("actions") else { return vec![Restricted::Promote] };
    some_of(&entry, complaints, |item, complaints| {
        let text = item.text(complaints)?;
        if matches!(text, "rollback" | "abort" | "cancel") {
            let sentence = format!("{text:?} can never be frozen; take it out");
            item.complain(complaints, sentence);
            return None;
        }
        item.choice(&[("promote", Restricted::Promote)], complaints)
    })
}

/// A list that says something.
pub(super) fn some_of<T>(
    entry: &Entry<'_>,
    complaints: &mut Complaints<'_>,
    mut read: impl FnMut(&Entry<'_>, &mut Complaints<'_>) -> Option<T>,
) -> Vec<T> {
    let items = super::values::items(entry, complaints);
    if items.is_empty() && entry.is_list() {
        entry.complain(
            complaints,
            "is an empty list, so nothing would be frozen; fill it or remove it",
        );
    }
    items.iter().filter_map(|item| read(item, complaints)).collect()
}
