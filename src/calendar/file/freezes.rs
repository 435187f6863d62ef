//! `[[freeze]]`: the keys of every kind of freeze.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use trunkline_settings::name::check_service_name;
use trunkline_settings::{Mistakes, Section, Setting};

use super::calendars::Calendars;
use super::{FeedSource, bounded, kinds};
use crate::evaluation::FreezeMode;
use crate::rule::FreezeRule;

/// The most freezes of a file.
const MOST: usize = 200;
/// The most characters of an id.
const LONGEST_ID: usize = 60;
/// The most characters of a reason.
const LONGEST_REASON: usize = 500;

/// A freeze, as far as it is valid.
pub(super) struct ParsedFreeze {
    pub id: Option<String>,
    /// The zone of its own times.
    pub zone: Option<Tz>,
    /// `None` if it has a mistake.
    pub rule: Option<FreezeRule>,
    pub feed: Option<FeedSource>,
}

pub(super) fn read(
    top: &mut Section<'_>,
    default: Option<Tz>,
    calendars: &Calendars,
    mistakes: &mut Mistakes<'_>,
) -> Vec<ParsedFreeze> {
    let Some(entry) = top.take("freeze") else { return Vec::new() };
    let mut ids = BTreeSet::new();
    let sections = bounded(&entry, MOST, mistakes);
    sections
        .into_iter()
        .map(|section| rule(section, default, calendars, &mut ids, mistakes))
        .collect()
}

fn rule(
    mut section: Section<'_>,
    default: Option<Tz>,
    calendars: &Calendars,
    ids: &mut BTreeSet<String>,
    mistakes: &mut Mistakes<'_>,
) -> ParsedFreeze {
    let id = id(&mut section, ids, mistakes);
    let reason = reason(&mut section, mistakes);
    let policy = section.take("policy").and_then(|entry| {
        let modes = [("block", FreezeMode::Override), ("warn", FreezeMode::Warn)];
        entry.choice(&modes, mistakes)
    });
    let environments = environments(&mut section, mistakes);
    let services = services(&mut section, mistakes);
    actions(&mut section, mistakes);
    let name = id.as_deref().unwrap_or_default();
    let parsed = kinds::read(&mut section, name, default, calendars, mistakes);
    section.finish(mistakes);
    let rule = || {
        Some(FreezeRule {
            id: id.clone()?,
            environments,
            services,
            policy: policy.unwrap_or(FreezeMode::Override),
            reason: reason?,
            kind: parsed.kind?,
            exceptions: Vec::new(),
        })
    };
    ParsedFreeze { rule: rule(), id, zone: parsed.zone, feed: parsed.feed }
}

fn id(
    section: &mut Section<'_>,
    ids: &mut BTreeSet<String>,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let Some(entry) = section.take("id") else {
        missing(section, "id", "name the freeze, as in id = \"pre-holiday\"", mistakes);
        return None;
    };
    let id = entry.text(mistakes)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !id.chars().all(allowed) || id.len() > LONGEST_ID {
        let how = format!("use at most {LONGEST_ID} letters, digits, \"-\", \"_\" and \".\"");
        entry.reject(mistakes, format!("{id:?} is not an id; {how}"));
        return None;
    }
    if !ids.insert(id.to_owned()) {
        entry.reject(
            mistakes,
            format!("there is a freeze {id:?} already; give this one another id"),
        );
    }
    Some(id.to_owned())
}

fn reason(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let Some(entry) = section.take("reason") else {
        missing(section, "reason", "say why promotes should wait", mistakes);
        return None;
    };
    let reason = entry.text(mistakes)?.trim();
    if reason.chars().count() > LONGEST_REASON {
        let sentence = format!("is longer than {LONGEST_REASON} characters; shorten it");
        entry.reject(mistakes, sentence);
    }
    Some(reason.to_owned())
}

pub(super) fn missing(section: &Section<'_>, key: &str, advice: &str, mistakes: &mut Mistakes<'_>) {
    let path = format!("{}.{key}", section.path);
    mistakes.add(section.at, &path, format!("is missing; {advice}"));
}

fn environments(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<&'static str> {
    let words = ["production", "staging"].map(|word| (word, word));
    let Some(entry) = section.take("environments") else { return vec!["production"] };
    some_of(&entry, mistakes, |item, mistakes| item.choice(&words, mistakes))
}

fn services(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let Some(entry) = section.take("services") else { return vec!["*".to_owned()] };
    some_of(&entry, mistakes, |item, mistakes| {
        let text = item.text(mistakes)?;
        if text != "*"
            && let Err(invalid) = check_service_name(text)
        {
            item.reject(mistakes, format!("{invalid}; \"*\" stands for all"));
            return None;
        }
        Some(text.to_owned())
    })
}

/// `promote` is the only action that can be frozen, so the list is checked and not kept.
fn actions(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) {
    let Some(entry) = section.take("actions") else { return };
    some_of(&entry, mistakes, |item, mistakes| {
        let text = item.text(mistakes)?;
        if matches!(text, "rollback" | "abort" | "cancel") {
            let sentence = format!("{text:?} can never be frozen; remove it");
            item.reject(mistakes, sentence);
            return None;
        }
        item.choice(&[("promote", ())], mistakes)
    });
}

/// The valid items of a list that must not be empty.
pub(super) fn some_of<T>(
    entry: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
    mut read: impl FnMut(&Setting<'_>, &mut Mistakes<'_>) -> Option<T>,
) -> Vec<T> {
    let items = super::values::items(entry, mistakes);
    if items.is_empty() && entry.is_list() {
        entry
            .reject(mistakes, "is an empty list, so nothing would be frozen; fill it or remove it");
    }
    items.iter().filter_map(|item| read(item, mistakes)).collect()
}
