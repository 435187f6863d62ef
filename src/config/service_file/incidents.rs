//! `[incidents]` of a service file: its severities, the reminder, and when a postmortem has to be there.

use std::time::Duration;

use super::TOP;
use super::names::{has_control, required};
use crate::domain::incident::{IncidentPolicy, PostmortemTime, SeverityLevel};
use crate::domain::limits::LONGEST_NOTE;
use crate::settings::{Mistakes, Section, Setting};

/// The most severities of a service.
const MOST: usize = 9;
/// The most characters of a severity's name.
const LONGEST_NAME: usize = 20;
/// The longest time between two updates.
const LONGEST_REMIND: Duration = Duration::from_hours(24);

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> IncidentPolicy {
    let mut policy = IncidentPolicy::default();
    let section = top.take("incidents").and_then(|entry| entry.section(mistakes));
    let Some(mut section) = section else { return policy };
    if let Some(entry) = section.take("remind")
        && let Some(time) = entry.positive_duration(mistakes)
    {
        if time > LONGEST_REMIND {
            entry.reject(mistakes, "is longer than a day; write a time such as \"15m\"");
        } else {
            policy.remind = time;
        }
    }
    if let Some(entry) = section.take("postmortem") {
        policy.postmortem = time(&entry, mistakes).unwrap_or(policy.postmortem);
    }
    if let Some(entry) = section.take("severities") {
        let levels = severities(&entry, mistakes);
        if !levels.is_empty() {
            policy.severities = levels;
        }
    }
    section.finish_below(&TOP, mistakes);
    policy
}

fn severities(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<SeverityLevel> {
    let sections = entry.sections(mistakes);
    if entry.is_empty_list() {
        entry.reject(mistakes, "is empty; name at least one, the worst first");
    }
    if sections.len() > MOST {
        entry.reject(mistakes, format!("has more than {MOST} entries; remove some"));
    }
    let mut levels: Vec<SeverityLevel> = Vec::new();
    for section in sections {
        levels.extend(level(section, &levels, mistakes));
    }
    levels
}

fn level(
    mut section: Section<'_>,
    before: &[SeverityLevel],
    mistakes: &mut Mistakes<'_>,
) -> Option<SeverityLevel> {
    let name = required(&mut section, "name", mistakes);
    let name = name.and_then(|entry| {
        let name = line(&entry, LONGEST_NAME, mistakes)?;
        if before.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
            entry.reject(mistakes, format!("{name:?} is listed twice; keep one"));
            return None;
        }
        Some(name)
    });
    let about = section.take("about").and_then(|entry| line(&entry, LONGEST_NOTE, mistakes));
    let postmortem = section.take("postmortem").and_then(|entry| time(&entry, mistakes));
    section.finish_below(&TOP, mistakes);
    Some(SeverityLevel { name: name?, about: about.unwrap_or_default(), postmortem })
}

fn time(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<PostmortemTime> {
    let time = entry.text(mistakes)?.parse();
    time.map_err(|sentence: String| entry.reject(mistakes, sentence)).ok()
}

/// A text of one line.
fn line(entry: &Setting<'_>, longest: usize, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?.trim();
    if text.is_empty() || text.chars().count() > longest || has_control(text) {
        entry.reject(mistakes, format!("is not one line of 1 to {longest} characters"));
        return None;
    }
    Some(text.to_owned())
}
