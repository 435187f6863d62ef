//! The steps in a service file: for staging, production and rollbacks.

use std::time::Duration;

use super::remote::RemoteKeys;
use super::{live, observe};
use crate::domain::event::{Run, StepSpec};
use crate::domain::lane::{Lane, Lanes};
use crate::domain::live_source::{LiveSource, LiveSources};
use crate::settings::{Mistakes, Section, Setting};

/// The default timeout of a step.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(15);

const ADD_ROLLBACK: &str = "production has steps and rollback has none; add [[rollback.steps]], often the same as \
     for production: they run in the checkout of the build to roll back to";

pub(super) struct Pipelines {
    pub(super) staging: Vec<StepSpec>,
    pub(super) production: Vec<StepSpec>,
    pub(super) rollback: Vec<StepSpec>,
    pub(super) lanes: Lanes,
    pub(super) live: LiveSources,
}

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Pipelines {
    let staging = DeclaredPipeline::read("staging", top, mistakes);
    let production = DeclaredPipeline::read("production", top, mistakes);
    let rollback = DeclaredPipeline::read("rollback", top, mistakes);
    if staging.at.is_none() && staging.lane.is_none() {
        let sentence = "has no steps; add [[staging.steps]] with a name and what to run, or [staging.observe] where CI deploys \
                        staging";
        mistakes.add(0, "staging", sentence);
    }
    if let (Some(at), true) = (staging.at, staging.lane.is_some()) {
        let sentence = "has steps beside [staging.observe]: where CI deploys staging, trunkline runs nothing there; remove \
                        one of them";
        mistakes.add(at, "staging", sentence);
    }
    match (production.at, rollback.at) {
        (Some(at), None) => mistakes.add(at, "rollback", ADD_ROLLBACK),
        (None, Some(at)) => {
            let sentence = "production has no steps to roll back; add [[production.steps]]";
            mistakes.add(at, "rollback", sentence);
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    Pipelines {
        staging: staging.steps,
        production: production.steps,
        rollback: rollback.steps,
        lanes: Lanes { staging: staging.lane, production: production.lane },
        live: LiveSources { staging: staging.live, production: production.live },
    }
}

#[derive(Default)]
struct DeclaredPipeline {
    /// The byte position of what runs its steps, if the file has that.
    at: Option<usize>,
    steps: Vec<StepSpec>,
    lane: Option<Lane>,
    live: Option<LiveSource>,
}

impl DeclaredPipeline {
    fn read(name: &'static str, top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Self {
        let Some(entry) = top.take(name) else { return Self::default() };
        let at = Some(entry.key_at);
        let Some(mut section) = entry.section(mistakes) else {
            return Self { at, ..Self::default() };
        };
        let (observed, told) = (section.take("observe"), section.take("live"));
        let (at, steps) = match section.take("steps") {
            Some(entry) => (at, steps(&entry, mistakes)),
            None if observed.is_some() || told.is_some() => (None, Vec::new()),
            None => (at, no_steps(section.at, &section.path, mistakes)),
        };
        let lane = observed.and_then(|entry| {
            if name == "rollback" {
                entry.reject(mistakes, "is for staging and production; remove it");
            }
            observe::read(&entry, mistakes)
        });
        let live = told.and_then(|entry| {
            if name == "rollback" {
                entry.reject(mistakes, "is for staging and production; remove it");
            }
            live::read(&entry, mistakes)
        });
        section.finish_below(&super::TOP, mistakes);
        Self { at, steps, lane, live }
    }
}

fn steps(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<StepSpec> {
    let sections = entry.sections(mistakes);
    if sections.is_empty() && entry.is_list() {
        return no_steps(entry.at, &entry.path, mistakes);
    }
    let mut steps: Vec<StepSpec> = Vec::new();
    for section in sections {
        steps.extend(step(section, &steps, mistakes));
    }
    steps
}

fn no_steps(at: usize, path: &str, mistakes: &mut Mistakes<'_>) -> Vec<StepSpec> {
    mistakes.add(at, path, "has no steps; add one with a name and what to run, or remove it");
    Vec::new()
}

fn step(
    mut section: Section<'_>,
    before: &[StepSpec],
    mistakes: &mut Mistakes<'_>,
) -> Option<StepSpec> {
    let name = name(&mut section, before, mistakes);
    let (command, shell) = (section.take("run"), section.take("shell"));
    let mut keys = RemoteKeys::take(&mut section);
    let run = match (command, keys.call(mistakes)) {
        (Some(entry), None) => {
            keys.reject(mistakes);
            run(&entry, shell.as_ref(), mistakes)
        }
        (None, Some(call)) => {
            if let Some(shell) = shell {
                shell.reject(mistakes, "is for a step that runs here; remove it");
            }
            keys.job(&call, mistakes)
        }
        (Some(_), Some(call)) => {
            call.entry().reject(mistakes, "stands beside run; a step has one of them");
            None
        }
        (None, None) => {
            missing(&section, "run = \"COMMAND\", github = {…} or http = {…}", mistakes)
        }
    };
    let timeout = section.take("timeout").and_then(|entry| entry.positive_duration(mistakes));
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    let expected = section.take("expected").and_then(|entry| expected(&entry, timeout, mistakes));
    section.finish_below(&super::TOP, mistakes);
    Some(StepSpec { name: name?, run: run?, timeout, expected })
}

/// A name that is safe as a file name and in a column, and not used before.
fn name(
    section: &mut Section<'_>,
    before: &[StepSpec],
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let Some(entry) = section.take("name") else {
        return missing(section, "name = \"NAME\"", mistakes);
    };
    let name = entry.text(mistakes)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || name.len() > 40 || !name.chars().all(allowed) {
        let rule = "use up to 40 letters, digits, \"-\", \"_\" and \".\"";
        entry.reject(mistakes, format!("{name:?} cannot name a step; {rule}"));
        return None;
    }
    if before.iter().any(|step| step.name == name) {
        let sentence = format!("there is a step {name:?} above; give each its own name");
        entry.reject(mistakes, sentence);
        return None;
    }
    Some(name.to_owned())
}

fn missing<T>(section: &Section<'_>, what: &str, mistakes: &mut Mistakes<'_>) -> Option<T> {
    mistakes.add(section.at, &section.path, format!("a step needs {what}"));
    None
}

/// A text is for a shell; a list is a program with arguments.
fn run(
    entry: &Setting<'_>,
    shell: Option<&Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Run> {
    if !entry.is_list() {
        let is_bash = match shell {
            Some(shell) => shell.choice(&[("sh", false), ("bash", true)], mistakes)?,
            None => false,
        };
        let line = entry.text(mistakes)?;
        let run = if is_bash { Run::Bash } else { Run::Shell };
        return no_nul(entry, line, mistakes).then(|| run(line.to_owned()));
    }
    if let Some(shell) = shell {
        shell.reject(
            mistakes,
            "a list runs without a shell; write the command as a text, or remove this",
        );
        return None;
    }
    let words = entry.words(mistakes)?;
    if words.first().is_none_or(|program| program.trim().is_empty()) {
        entry.reject(mistakes, "names no program; start the list with one");
        return None;
    }
    words
        .iter()
        .all(|word| no_nul(entry, word, mistakes))
        .then(|| Run::Argv(words.into_iter().map(str::to_owned).collect()))
}

fn no_nul(entry: &Setting<'_>, text: &str, mistakes: &mut Mistakes<'_>) -> bool {
    let clean = !text.contains('\0');
    if !clean {
        entry.reject(mistakes, "contains a NUL character, which no command can; remove it");
    }
    clean
}

fn expected(
    entry: &Setting<'_>,
    timeout: Duration,
    mistakes: &mut Mistakes<'_>,
) -> Option<Duration> {
    let expected = entry.positive_duration(mistakes)?;
    if expected > timeout {
        let limit = humantime::format_duration(timeout);
        let sentence =
            format!("is longer than the step's timeout of \"{limit}\"; raise the timeout");
        entry.reject(mistakes, sentence);
        return None;
    }
    Some(expected)
}
