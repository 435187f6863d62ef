//! `[[thaw]]`: holes in one freeze each.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::bounded;
use super::kinds::ends;
use super::rules::{Read, missing};
use super::values::own_zone;
use crate::config::error::{Complaints, did_you_mean, list};
use crate::config::reader::Section;

/// The most thaws of a file.
const MOST: usize = 500;

/// Gives every freeze its thaws, in the order of their beginnings.
pub(super) fn read(
    top: &mut Section<'_>,
    default: Option<Tz>,
    freezes: &mut [Read],
    complaints: &mut Complaints<'_>,
) {
    let Some(entry) = top.take("thaw") else { return };
    for section in bounded(&entry, MOST, complaints) {
        if let Some((target, from, until)) = thaw(section, default, freezes, complaints)
            && let Some(rule) = freezes[target].rule.as_mut()
        {
            rule.thaws.push((from, until));
        }
    }
    for rule in freezes.iter_mut().filter_map(|read| read.rule.as_mut()) {
        rule.thaws.sort_unstable();
    }
}

fn thaw(
    mut section: Section<'_>,
    default: Option<Tz>,
    freezes: &[Read],
    complaints: &mut Complaints<'_>,
) -> Option<(usize, DateTime<Utc>, DateTime<Utc>)> {
    let target = target(&mut section, freezes, complaints);
    if let Some(entry) = section.take("reason") {
        entry.text(complaints);
    }
    // Its times are those of the freeze that it opens, unless it says otherwise.
    let inherited = target.and_then(|at| freezes[at].zone).or(default);
    // Of a thaw that opens nothing only its own mistakes are told.
    let inherited = inherited.or(target.is_none().then_some(Tz::UTC));
    let zone = own_zone(&mut section, inherited, complaints);
    let ends = zone.and_then(|zone| ends(&mut section, zone, complaints));
    if zone.is_none() {
        section.know_all();
    }
    section.finish(complaints);
    let (from, until) = ends?;
    Some((target?, from, until))
}

fn target(
    section: &mut Section<'_>,
    freezes: &[Read],
    complaints: &mut Complaints<'_>,
) -> Option<usize> {
    let Some(entry) = section.take("freeze") else {
        missing(section, "freeze", "name the id of the freeze that it opens", complaints);
        return None;
    };
    let name = entry.text(complaints)?;
    let found = freezes.iter().position(|read| read.id.as_deref() == Some(name));
    if found.is_none() {
        let ids: Vec<_> = freezes.iter().filter_map(|read| read.id.as_deref()).collect();
        let advice =
            did_you_mean(name, &ids).unwrap_or_else(|| format!("; there are {}", list(&ids)));
        entry.complain(complaints, format!("there is no freeze {name:?}{advice}"));
    }
    found
}
