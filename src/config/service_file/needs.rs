//! `[[rollback.needs]]`: what the rollback steps need, and how to look whether it is there.

use std::time::Duration;

use super::names::{has_control, required};
use super::steps;
use crate::domain::event::Run;
use crate::domain::needs::RollbackNeed;
use crate::settings::{Mistakes, Section, Setting};

/// How often it is looked at, where the file does not say.
const EVERY: Duration = Duration::from_mins(5);
/// The shortest pause: a look starts a process.
const LEAST: Duration = Duration::from_secs(10);
/// The most needs of one service.
const MOST: usize = 10;
/// The most characters of a name.
const LONGEST: usize = 40;

pub(super) fn read(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<RollbackNeed> {
    let sections = entry.sections(mistakes);
    if sections.len() > MOST {
        entry.reject(mistakes, format!("has more than {MOST} needs; remove some"));
    }
    let mut needs: Vec<RollbackNeed> = Vec::new();
    for section in sections {
        needs.extend(need(section, &needs, mistakes));
    }
    needs
}

fn need(
    mut section: Section<'_>,
    before: &[RollbackNeed],
    mistakes: &mut Mistakes<'_>,
) -> Option<RollbackNeed> {
    let name = required(&mut section, "name", mistakes);
    let name = name.and_then(|entry| self::name(&entry, before, mistakes));
    let run = required(&mut section, "run", mistakes);
    let run = run.and_then(|entry| steps::run(&entry, None, mistakes));
    let every = section.take("every").and_then(|entry| {
        let every = entry.positive_duration(mistakes)?;
        if every < LEAST {
            entry.reject(mistakes, "is shorter than 10s; write a longer time");
            return None;
        }
        Some(every)
    });
    section.finish_below(&super::TOP, mistakes);
    let probe = match run? {
        Run::Argv(words) => words,
        Run::Shell(line) => vec!["sh".to_owned(), "-ec".to_owned(), line],
        Run::Bash(_) | Run::Remote(_) => return None,
    };
    Some(RollbackNeed { name: name?, probe, every: every.unwrap_or(EVERY) })
}

fn name(
    entry: &Setting<'_>,
    before: &[RollbackNeed],
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let text = entry.text(mistakes)?.trim();
    if text.chars().count() > LONGEST || has_control(text) {
        entry.reject(mistakes, "is no name; write one of at most 40 characters");
        return None;
    }
    if before.iter().any(|need| need.name == text) {
        entry.reject(mistakes, format!("{text:?} is the name of another need; choose another"));
        return None;
    }
    Some(text.to_owned())
}
