//! `[[rollback.needs]]`: what the rollback steps need, and how to look whether it is there.

use std::time::Duration;

use super::names::{has_control, required};
use super::steps;
use crate::domain::event::Run;
use crate::domain::live_source::LiveUrl;
use crate::domain::needs::{NeedProbe, RollbackNeed};
use crate::settings::{Mistakes, Section, Setting};

/// How often it is looked at, where the file does not say.
const EVERY: Duration = Duration::from_mins(5);
/// The shortest pause: a look starts a process.
const LEAST: Duration = Duration::from_secs(10);
/// The most needs of one service.
const MOST: usize = 10;
/// The most characters of a name.
const LONGEST: usize = 40;
/// The longest address.
const LONGEST_URL: usize = 2_000;

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
    let probe = probe(&mut section, mistakes);
    let every = section.take("every").and_then(|entry| {
        let every = entry.positive_duration(mistakes)?;
        if every < LEAST {
            entry.reject(mistakes, "is shorter than 10s; write a longer time");
            return None;
        }
        Some(every)
    });
    section.finish_below(&super::TOP, mistakes);
    Some(RollbackNeed { name: name?, probe: probe?, every: every.unwrap_or(EVERY) })
}

/// One of `run` and `url`.
fn probe(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<NeedProbe> {
    let (run, url) = (section.take("run"), section.take("url"));
    match (run, url) {
        (Some(_), Some(url)) => {
            url.reject(mistakes, "stands beside run; keep one of both");
            None
        }
        (Some(run), None) => match steps::run(&run, None, mistakes)? {
            Run::Argv(words) => Some(NeedProbe::Run(words)),
            Run::Shell(line) => Some(NeedProbe::Run(vec!["sh".into(), "-ec".into(), line])),
            Run::Bash(_) | Run::Remote(_) => None,
        },
        (None, Some(url)) => {
            let text = url.text(mistakes)?;
            let parsed = match LiveUrl::parse(text) {
                Ok(_) if text.len() > LONGEST_URL => Err("is too long for an address"),
                parsed => parsed,
            };
            let parsed = parsed.map_err(|why| url.reject(mistakes, format!("{text:?} {why}")));
            parsed.ok().map(NeedProbe::Url)
        }
        (None, None) => {
            let sentence = "a need has run = \"COMMAND\" or url = \"https://HOST/PATH\"";
            mistakes.add(section.at, &section.path, sentence);
            None
        }
    }
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
