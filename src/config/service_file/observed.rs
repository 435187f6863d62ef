//! `[[observe]]` of a service file: the commands whose output is watched for changes.

use std::time::Duration;

use super::TOP;
use super::names::has_control;
use super::steps::run;
use crate::domain::event::NoteKind;
use crate::domain::limits::LONGEST_UNDO;
use crate::domain::observed_command::ObservedCommand;
use crate::settings::{Mistakes, Section, Setting};

/// How often a command runs, where the file does not say.
const DEFAULT_EVERY: Duration = Duration::from_mins(1);
/// The shortest time between two runs.
const SHORTEST_EVERY: Duration = Duration::from_secs(1);
/// How long it may take, where the file does not say, and the most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);
/// The most commands of a service.
const MOST: usize = 20;

const KINDS: [(&str, NoteKind); 5] = [
    ("flag", NoteKind::Flag),
    ("config", NoteKind::Config),
    ("infra", NoteKind::Infra),
    ("data", NoteKind::Data),
    ("external", NoteKind::External),
];

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<ObservedCommand> {
    let Some(entry) = top.take("observe") else { return Vec::new() };
    let mut all: Vec<ObservedCommand> = Vec::new();
    for section in entry.sections(mistakes) {
        if all.len() == MOST {
            mistakes.add(section.at, &section.path, format!("there are more than {MOST} of these"));
            break;
        }
        all.extend(command(section, &all, mistakes));
    }
    all
}

fn command(
    mut section: Section<'_>,
    before: &[ObservedCommand],
    mistakes: &mut Mistakes<'_>,
) -> Option<ObservedCommand> {
    let name = name(&mut section, before, mistakes);
    let shell = section.take("shell");
    let run = if let Some(entry) = section.take("run") {
        run(&entry, shell.as_ref(), mistakes)
    } else {
        mistakes.add(section.at, &section.path, "needs run = \"COMMAND\"");
        None
    };
    let kind = section.take("kind").and_then(|entry| entry.choice(&KINDS, mistakes));
    let every = section.take("every").and_then(|entry| every(&entry, mistakes));
    let timeout = section.take("timeout").and_then(|entry| timeout(&entry, mistakes));
    let undo = section.take("undo").and_then(|entry| undo(&entry, mistakes));
    section.finish_below(&TOP, mistakes);
    Some(ObservedCommand {
        name: name?,
        kind: kind.unwrap_or(NoteKind::Config),
        run: run?,
        every: every.unwrap_or(DEFAULT_EVERY),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        undo,
    })
}

/// A name that is safe as a file name and in a column, and not used before.
fn name(
    section: &mut Section<'_>,
    before: &[ObservedCommand],
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let Some(entry) = section.take("name") else {
        mistakes.add(section.at, &section.path, "needs name = \"NAME\"");
        return None;
    };
    let name = entry.text(mistakes)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || name.len() > 40 || !name.chars().all(allowed) {
        let rule = "use up to 40 letters, digits, \"-\", \"_\" and \".\"";
        entry.reject(mistakes, format!("{name:?} cannot name it; {rule}"));
        return None;
    }
    if before.iter().any(|known| known.name == name) {
        entry.reject(mistakes, format!("{name:?} is above already; give each its own name"));
        return None;
    }
    Some(name.to_owned())
}

fn every(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    let every = entry.duration(mistakes)?;
    if every < SHORTEST_EVERY {
        entry.reject(mistakes, "is shorter than a second; write a time such as \"1m\"");
        return None;
    }
    Some(every)
}

fn timeout(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    let timeout = entry.positive_duration(mistakes)?;
    if timeout > LONGEST_TIMEOUT {
        entry.reject(mistakes, "is longer than a minute; a command that is watched is a quick one");
        return None;
    }
    Some(timeout)
}

fn undo(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?.trim();
    if text.is_empty() || has_control(text) || text.chars().count() > LONGEST_UNDO {
        let rule = "write one line of at most 1,000 characters that undoes a change";
        entry.reject(mistakes, rule);
        return None;
    }
    Some(text.to_owned())
}
