//! `leaves` below `[rollback]`: what a rollback leaves behind, for people to look after.

use super::names::{has_control, required};
use crate::domain::leftovers::DeclaredLeftover;
use crate::domain::limits::{LONGEST_NOTE, LONGEST_REASON};
use crate::settings::{Mistakes, Section, Setting};

/// The most of them.
const MOST: usize = 20;

pub(super) fn read(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<DeclaredLeftover> {
    let sections = entry.sections(mistakes);
    if sections.len() > MOST {
        entry.reject(mistakes, format!("has more than {MOST} entries; remove some"));
    }
    let mut leaves: Vec<DeclaredLeftover> = Vec::new();
    for section in sections {
        leaves.extend(leftover(section, &leaves, mistakes));
    }
    leaves
}

fn leftover(
    mut section: Section<'_>,
    before: &[DeclaredLeftover],
    mistakes: &mut Mistakes<'_>,
) -> Option<DeclaredLeftover> {
    let what = required(&mut section, "what", mistakes);
    let what = what.and_then(|entry| {
        let what = text(&entry, LONGEST_NOTE, mistakes)?;
        if before.iter().any(|known| known.what == what) {
            entry.reject(mistakes, format!("{what:?} is listed twice; keep one"));
            return None;
        }
        Some(what)
    });
    let mut advice = |key| {
        let entry = section.take(key);
        entry.and_then(|entry| text(&entry, LONGEST_REASON, mistakes))
    };
    let (check, undo) = (advice("check"), advice("undo"));
    section.finish_below(&super::TOP, mistakes);
    Some(DeclaredLeftover { what: what?, check, undo })
}

/// A text of one line.
fn text(entry: &Setting<'_>, longest: usize, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?.trim();
    if text.is_empty() || text.chars().count() > longest || has_control(text) {
        entry.reject(mistakes, format!("is not one line of 1 to {longest} characters"));
        return None;
    }
    Some(text.to_owned())
}
