//! The steps in a service file: for staging, production and rollbacks.

use std::collections::BTreeSet;
use std::time::Duration;

use super::pipeline_name::PipelineName;
use super::remote::{RemoteKeys, WaitKeys, job};
use super::targets::TargetKeys;
use super::waves::DeclaredWaves;
use super::{leaves, live, needs, observe, shared_way, watch};
use crate::domain::event::{Run, StepSpec};
use crate::domain::lane::{Lane, Lanes};
use crate::domain::leftovers::DeclaredLeftover;
use crate::domain::live_source::{LiveSource, LiveSources};
use crate::domain::needs::RollbackNeed;
use crate::domain::policy::Rehearse;
use crate::domain::target::{StepTarget, TargetName};
use crate::domain::watch::{EnvironmentWatch, ServiceWatches};
use crate::settings::{Mistakes, Section, Setting};

/// The default timeout of a step.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(15);

const ADD_ROLLBACK: &str = "production has steps and rollback has none; add [[rollback.steps]], often the same as \
     for production: they run in the checkout of the build to roll back to";

/// Whether the rollback steps may run in staging.
const REHEARSE: [(&str, Rehearse); 3] =
    [("never", Rehearse::Never), ("by-hand", Rehearse::ByHand), ("daily", Rehearse::Daily)];

pub(super) struct Pipelines {
    pub(super) staging: Vec<StepSpec>,
    pub(super) production: Vec<StepSpec>,
    pub(super) rollback: Vec<StepSpec>,
    pub(super) lanes: Lanes,
    pub(super) live: LiveSources,
    pub(super) watches: ServiceWatches,
    pub(super) rehearse: Rehearse,
    pub(super) needs: Vec<RollbackNeed>,
    pub(super) leaves: Vec<DeclaredLeftover>,
}

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Pipelines {
    let staging = DeclaredPipeline::read(PipelineName::Staging, top, mistakes);
    let production = DeclaredPipeline::read(PipelineName::Production, top, mistakes);
    let rollback = DeclaredPipeline::read(PipelineName::Rollback, top, mistakes);
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
        (Some(_), Some(at)) => same_targets(&production, &rollback, at, mistakes),
        (None, None) => {}
    }
    production.waves.fit(&[&production.steps, &rollback.steps], mistakes);
    Pipelines {
        staging: staging.steps,
        production: production.waves.expanded(production.steps),
        rollback: rollback.steps,
        lanes: Lanes { staging: staging.lane, production: production.lane },
        live: LiveSources { staging: staging.live, production: production.live },
        watches: ServiceWatches { staging: staging.watch, production: production.watch },
        rehearse: rollback.rehearse,
        needs: rollback.needs,
        leaves: rollback.leaves,
    }
}

/// A rollback takes all that a promote took: one that left out a target would leave production with two builds.
fn same_targets(
    production: &DeclaredPipeline,
    rollback: &DeclaredPipeline,
    at: usize,
    mistakes: &mut Mistakes<'_>,
) {
    let (promoted, taken_back) = (production.targets(), rollback.targets());
    if taken_back.is_empty() && promoted.is_empty() {
        return;
    }
    let lacks = |all: &BTreeSet<&TargetName>, of: &BTreeSet<&TargetName>| {
        let names: Vec<_> = all.difference(of).map(|name| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let whole = taken_back.is_empty();
    if let Some(names) = lacks(&promoted, &taken_back).filter(|_| !whole) {
        let sentence =
            format!("leaves out the target {names}, which production has; a rollback takes all");
        mistakes.add(at, "rollback", sentence);
    }
    if let Some(names) = lacks(&taken_back, &promoted) {
        let sentence = format!("has the target {names}, which production does not have");
        mistakes.add(at, "rollback", sentence);
    }
}

#[derive(Default)]
struct DeclaredPipeline {
    /// The byte position of what runs its steps, if the file has that.
    at: Option<usize>,
    steps: Vec<StepSpec>,
    lane: Option<Lane>,
    live: Option<LiveSource>,
    watch: EnvironmentWatch,
    waves: DeclaredWaves,
    rehearse: Rehearse,
    needs: Vec<RollbackNeed>,
    leaves: Vec<DeclaredLeftover>,
}

impl DeclaredPipeline {
    fn read(name: PipelineName, top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Self {
        let Some(entry) = top.take(name.as_str()) else { return Self::default() };
        let at = Some(entry.key_at);
        let Some(mut section) = entry.section(mistakes) else {
            return Self { at, ..Self::default() };
        };
        let watch = watch::read(&mut section, name, mistakes);
        let mut of_rollback = |key| match name {
            PipelineName::Rollback => section.take(key),
            PipelineName::Staging | PipelineName::Production => None,
        };
        let (rehearse, needs) = (of_rollback("rehearse"), of_rollback("needs"));
        let leaves = of_rollback("leaves");
        let leaves = leaves.map_or_else(Vec::new, |entry| leaves::read(&entry, mistakes));
        let needs = needs.map_or_else(Vec::new, |entry| needs::read(&entry, mistakes));
        let rehearse = rehearse.and_then(|entry| entry.choice(&REHEARSE, mistakes));
        let waves = match name {
            PipelineName::Production => section.take("waves"),
            PipelineName::Staging | PipelineName::Rollback => None,
        };
        let (observed, told) = (section.take("observe"), section.take("live"));
        let (at, steps) = match section.take("steps") {
            Some(entry) => (at, steps(&entry, name, mistakes)),
            None if observed.is_some() || told.is_some() => (None, Vec::new()),
            None => (at, no_steps(section.at, &section.path, mistakes)),
        };
        let lane = observed.and_then(|entry| {
            if name == PipelineName::Rollback {
                entry.reject(mistakes, "is for staging and production; remove it");
            }
            observe::read(&entry, mistakes)
        });
        let live = told.and_then(|entry| {
            if name == PipelineName::Rollback {
                entry.reject(mistakes, "is for staging and production; remove it");
            }
            live::read(&entry, mistakes)
        });
        let waves = waves.map(|entry| DeclaredWaves::read(&entry, live.as_ref(), mistakes));
        section.finish_below(&super::TOP, mistakes);
        let (rehearse, waves) = (rehearse.unwrap_or_default(), waves.unwrap_or_default());
        Self { at, steps, lane, live, watch, waves, rehearse, needs, leaves }
    }

    fn targets(&self) -> BTreeSet<&TargetName> {
        self.steps.iter().filter_map(|step| step.target.as_ref()).map(|to| &to.name).collect()
    }
}

fn steps(
    entry: &Setting<'_>,
    pipeline: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> Vec<StepSpec> {
    let sections = entry.sections(mistakes);
    if sections.is_empty() && entry.is_list() {
        return no_steps(entry.at, &entry.path, mistakes);
    }
    let mut steps: Vec<StepSpec> = Vec::new();
    for section in sections {
        steps.extend(step(section, (pipeline, &steps), mistakes));
    }
    steps
}

fn no_steps(at: usize, path: &str, mistakes: &mut Mistakes<'_>) -> Vec<StepSpec> {
    mistakes.add(at, path, "has no steps; add one with a name and what to run, or remove it");
    Vec::new()
}

/// A declared step; with targets, one step of a deployment for each.
fn step(
    mut section: Section<'_>,
    (pipeline, before): (PipelineName, &[StepSpec]),
    mistakes: &mut Mistakes<'_>,
) -> Vec<StepSpec> {
    let name = name(&mut section, before, mistakes);
    let runs = runs(&mut section, (pipeline, name.as_deref(), before), mistakes);
    let timeout = section.take("timeout").and_then(|entry| entry.positive_duration(mistakes));
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    let expected = section.take("expected").and_then(|entry| expected(&entry, timeout, mistakes));
    section.finish_below(&super::TOP, mistakes);
    let Some(name) = name else { return Vec::new() };
    let spec = |(target, run): (Option<StepTarget>, Run)| {
        let name = target.as_ref().map_or_else(|| name.clone(), StepTarget::step_name);
        StepSpec { name, run, timeout, expected, target }
    };
    runs.into_iter().map(spec).collect()
}

/// What a step runs: one thing, or one for each target.
fn runs(
    section: &mut Section<'_>,
    (pipeline, name, before): (PipelineName, Option<&str>, &[StepSpec]),
    mistakes: &mut Mistakes<'_>,
) -> Vec<(Option<StepTarget>, Run)> {
    let (command, shell) = (section.take("run"), section.take("shell"));
    let (mut keys, waits) = (RemoteKeys::take(section), WaitKeys::take(section));
    let targets = TargetKeys::take(section);
    let call = keys.call(mistakes);
    let (is_here, has_call) = (command.is_some(), call.is_some());
    if let Some(shell) =
        shell.as_ref().filter(|_| !is_here && (has_call || targets.targets().is_some()))
    {
        shell.reject(mistakes, "is for a step that runs here; remove it");
    }
    if is_here || has_call || targets.targets().is_none() {
        targets.reject(mistakes);
    }
    let run = match (command, call) {
        (Some(entry), None) => {
            keys.reject(mistakes);
            waits.reject(mistakes);
            run(&entry, shell.as_ref(), mistakes)
        }
        (None, Some(call)) => {
            let inputs = keys.inputs(false, mistakes);
            let patience = waits.patience(std::slice::from_ref(&call), mistakes);
            let job = job(&call, inputs, (pipeline, patience), mistakes);
            let why = job.as_ref().and_then(|job| shared_way::beside_steps(&job.call, before));
            if let Some(why) = why {
                call.entry().reject(mistakes, why);
            }
            job.map(Run::Remote)
        }
        (Some(_), Some(call)) => {
            call.entry().reject(mistakes, "stands beside run; a step has one of them");
            None
        }
        (None, None) if targets.targets().is_some() => {
            let jobs = targets.jobs((pipeline, name, before), (keys, &waits), mistakes);
            return jobs
                .into_iter()
                .map(|(target, job)| (Some(target), Run::Remote(job)))
                .collect();
        }
        (None, None) => {
            let what = "run = \"COMMAND\", github = {…}, http = {…} or targets = […]";
            missing(section, what, mistakes)
        }
    };
    run.map(|run| (None, run)).into_iter().collect()
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
    if before.iter().any(|step| step.declared() == name) {
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
pub(super) fn run(
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
