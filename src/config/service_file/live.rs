//! `live` of `[staging]` and `[production]`: where it is told which commit runs there, by the service, by each of its targets, or
//! by a command.

use std::time::Duration;

use super::names::{has_control, required};
use super::steps;
use crate::domain::live_source::{
    DEFAULT_SETTLE, DEFAULT_TARGETS_SETTLE, DEFAULT_TIMEOUT, LiveAddress, LiveCommand,
    LiveQuestion, LiveSource, LiveUrl,
};
use crate::domain::target::{MOST_TARGETS, TargetName};
use crate::settings::{Mistakes, Section, Setting};

/// The longest address or pointer.
const LONGEST: usize = 500;
/// The longest time of a command. It is asked again every 30 seconds.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Reads the setting `live`.
pub(super) fn read(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveSource> {
    let mut section = entry.section(mistakes)?;
    let (run, targets) = (section.take("run"), section.take("targets"));
    let question = match (&run, &targets) {
        (Some(run), None) => command(run, &mut section, mistakes).map(LiveQuestion::Command),
        (None, Some(targets)) => each(targets, mistakes).map(LiveQuestion::Each),
        (None, None) => address(&mut section, mistakes).map(LiveQuestion::One),
        (Some(_), Some(targets)) => {
            targets.reject(mistakes, "stands beside run; keep one of them");
            None
        }
    };
    if run.is_some() || targets.is_some() {
        for key in ["url", "pointer"] {
            if let Some(entry) = section.take(key) {
                let beside = if run.is_some() { "run" } else { "targets" };
                let sentence = format!("stands beside {beside}; keep one of them");
                mistakes.add(entry.key_at, &entry.path, sentence);
            }
        }
    }
    let settle = section.take("settle").and_then(|entry| entry.duration(mistakes));
    section.finish_below(&super::TOP, mistakes);
    let question = question?;
    let usual = match question {
        LiveQuestion::One(_) => DEFAULT_SETTLE,
        LiveQuestion::Each(_) | LiveQuestion::Command(_) => DEFAULT_TARGETS_SETTLE,
    };
    Some(LiveSource { question, settle: settle.unwrap_or(usual) })
}

fn command(
    run: &Setting<'_>,
    section: &mut Section<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<LiveCommand> {
    let shell = section.take("shell");
    let run = steps::run(run, shell.as_ref(), mistakes);
    let timeout = section.take("timeout").and_then(|entry| {
        let timeout = entry.positive_duration(mistakes)?;
        if timeout > LONGEST_TIMEOUT {
            entry.reject(mistakes, "is longer than \"1m\"; it is asked again every 30 seconds");
        }
        Some(timeout)
    });
    Some(LiveCommand { run: run?, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) })
}

fn each(
    entry: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<(TargetName, LiveAddress)>> {
    let section = entry.section(mistakes)?;
    let all = section.all();
    if all.is_empty() || all.len() > MOST_TARGETS {
        entry.reject(
            mistakes,
            format!("needs 1 to {MOST_TARGETS} targets, each with url and pointer"),
        );
    }
    let mut targets = Vec::new();
    for entry in all {
        let name = entry.name.parse::<TargetName>();
        if name.is_err() {
            let rule = "use up to 40 of a-z, 0-9, \"-\", \"_\" and \".\"";
            let sentence = format!("{:?} cannot name a target; {rule}", entry.name);
            mistakes.add(entry.key_at, &entry.path, sentence);
        }
        let Some(mut section) = entry.section(mistakes) else { continue };
        let address = address(&mut section, mistakes);
        section.finish_below(&super::TOP, mistakes);
        targets.extend(name.ok().zip(address));
    }
    (!targets.is_empty()).then_some(targets)
}

fn address(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveAddress> {
    let url = required(section, "url", mistakes).and_then(|entry| url(&entry, mistakes));
    let pointer =
        required(section, "pointer", mistakes).and_then(|entry| pointer(&entry, mistakes));
    Some(LiveAddress { url: url?, pointer: pointer? })
}

fn url(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveUrl> {
    let text = entry.text(mistakes)?;
    let parsed = match LiveUrl::parse(text) {
        Ok(url) if text.len() <= LONGEST => Ok(url),
        Ok(_) => Err("is too long for an address"),
        Err(why) => Err(why),
    };
    parsed.map_err(|why| entry.reject(mistakes, format!("{text:?} {why}"))).ok()
}

/// The path to the commit in the answer, as RFC 6901 writes it.
fn pointer(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let is_good = text.starts_with('/') && text.len() <= LONGEST && !has_control(text);
    if !is_good {
        let rule = "write the place of the commit in the answer, such as \"/sha\"";
        entry.reject(mistakes, format!("{text:?} is no JSON pointer; {rule}"));
    }
    is_good.then(|| text.to_owned())
}
