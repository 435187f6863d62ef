//! `[[thaw]]`: exceptions from a freeze.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use trunkline_settings::{Mistakes, Section, did_you_mean, list};

use super::bounded;
use super::freezes::{ParsedFreeze, missing};
use super::kinds::ends;
use super::values::own_zone;

/// The most thaws of a file.
const MOST: usize = 500;

/// Adds its exceptions to every freeze, in the order of their starts.
pub(super) fn read(
    top: &mut Section<'_>,
    default: Option<Tz>,
    freezes: &mut [ParsedFreeze],
    mistakes: &mut Mistakes<'_>,
) {
    let Some(entry) = top.take("thaw") else { return };
    for section in bounded(&entry, MOST, mistakes) {
        if let Some((target, from, until)) = thaw(section, default, freezes, mistakes)
            && let Some(rule) = freezes[target].rule.as_mut()
        {
            rule.exceptions.push((from, until));
        }
    }
    for rule in freezes.iter_mut().filter_map(|parsed| parsed.rule.as_mut()) {
        rule.exceptions.sort_unstable();
    }
}

fn thaw(
    mut section: Section<'_>,
    default: Option<Tz>,
    freezes: &[ParsedFreeze],
    mistakes: &mut Mistakes<'_>,
) -> Option<(usize, DateTime<Utc>, DateTime<Utc>)> {
    let target = target(&mut section, freezes, mistakes);
    if let Some(entry) = section.take("reason") {
        entry.text(mistakes);
    }
    // Without a zone of its own it has the zone of its freeze.
    let inherited = target.and_then(|at| freezes[at].zone).or(default);
    // A missing zone is no mistake of a thaw whose freeze is unknown.
    let inherited = inherited.or(target.is_none().then_some(Tz::UTC));
    let zone = own_zone(&mut section, inherited, mistakes);
    let ends = zone.and_then(|zone| ends(&mut section, zone, mistakes));
    if zone.is_none() {
        section.accept_all_keys();
    }
    section.finish(mistakes);
    let (from, until) = ends?;
    Some((target?, from, until))
}

fn target(
    section: &mut Section<'_>,
    freezes: &[ParsedFreeze],
    mistakes: &mut Mistakes<'_>,
) -> Option<usize> {
    let Some(entry) = section.take("freeze") else {
        missing(section, "freeze", "name the id of the freeze that it opens", mistakes);
        return None;
    };
    let name = entry.text(mistakes)?;
    let found = freezes.iter().position(|parsed| parsed.id.as_deref() == Some(name));
    if found.is_none() {
        let ids: Vec<_> = freezes.iter().filter_map(|parsed| parsed.id.as_deref()).collect();
        let advice =
            did_you_mean(name, &ids).unwrap_or_else(|| format!("; there are {}", list(&ids)));
        entry.reject(mistakes, format!("there is no freeze {name:?}{advice}"));
    }
    found
}
