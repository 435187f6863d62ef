//! A step that runs at another engine: `http = { engine = "…", job = "…" }` or `github = { … }`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::github_way::{self, WayKeys};
use super::names::{LONGEST_NAME, has_control, is_repository, is_workflow, named, required};
use super::pipeline_name::PipelineName;
use crate::domain::remote::{
    EngineName, GitHubWay, PLACEHOLDERS, RemoteCall, RemoteJob, unknown_placeholder,
};
use crate::settings::{Mistakes, Section, Setting};

/// How long a run may wait for its start, unless the step says otherwise.
const START_WITHIN: Duration = Duration::from_mins(10);
/// The most bytes of one value.
const LONGEST: usize = 1024;
/// The most inputs of a job.
const MOST: usize = 50;

/// How long a run may wait for people and timers, unless the step says otherwise.
const WAIT_WITHIN: Duration = Duration::from_hours(24);
/// The placeholder of the target's name.
pub(super) const TARGET: &str = "{target}";

/// The keys of such a step, or of one of its targets.
pub(super) struct RemoteKeys<'a> {
    http: Option<Setting<'a>>,
    github: Option<Setting<'a>>,
    inputs: Option<Setting<'a>>,
}

/// How long the runs of such a step may wait.
pub(super) struct WaitKeys<'a> {
    start_within: Option<Setting<'a>>,
    wait_within: Option<Setting<'a>>,
}

/// What the keys of [`WaitKeys`] say, or the defaults.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    start_within: Duration,
    wait_within: Duration,
}

impl<'a> WaitKeys<'a> {
    pub fn take(section: &mut Section<'a>) -> Self {
        Self {
            start_within: section.take("start_within"),
            wait_within: section.take("wait_within"),
        }
    }

    /// Adds a mistake for each that is there: the step runs here.
    pub fn reject(self, mistakes: &mut Mistakes<'_>) {
        for entry in [self.start_within, self.wait_within].into_iter().flatten() {
            reject_here(&entry, mistakes);
        }
    }

    /// What they say for a step with these calls.
    pub fn patience(&self, calls: &[CallKey<'_>], mistakes: &mut Mistakes<'_>) -> Patience {
        let is_github = calls.iter().any(|call| matches!(call, CallKey::GitHub(_)));
        if let Some(entry) = self.wait_within.as_ref().filter(|_| !is_github) {
            entry.reject(mistakes, "is for a workflow at GitHub; a job waits for nobody");
        }
        let mut time = |entry: Option<&Setting<'_>>, usual| {
            entry.and_then(|entry| entry.positive_duration(mistakes)).unwrap_or(usual)
        };
        Patience {
            start_within: time(self.start_within.as_ref(), START_WITHIN),
            wait_within: time(self.wait_within.as_ref().filter(|_| is_github), WAIT_WITHIN),
        }
    }
}

fn reject_here(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) {
    entry.reject(mistakes, "is for a step at another engine; this one runs here");
}

/// The key that says what is called, with what it says.
pub(super) enum CallKey<'a> {
    Http(Setting<'a>),
    GitHub(Setting<'a>),
}

impl<'a> CallKey<'a> {
    pub fn entry(&self) -> &Setting<'a> {
        match self {
            Self::Http(entry) | Self::GitHub(entry) => entry,
        }
    }
}

impl<'a> RemoteKeys<'a> {
    pub fn take(section: &mut Section<'a>) -> Self {
        Self {
            http: section.take("http"),
            github: section.take("github"),
            inputs: section.take("inputs"),
        }
    }

    /// What is called. There is one call at most.
    pub fn call(&mut self, mistakes: &mut Mistakes<'_>) -> Option<CallKey<'a>> {
        let (http, github) = (self.http.take(), self.github.take());
        if let (Some(_), Some(github)) = (&http, &github) {
            github.reject(mistakes, "stands beside http; a step has one of them");
        }
        http.map(CallKey::Http).or(github.map(CallKey::GitHub))
    }

    /// Adds a mistake for each that is there: the step runs here.
    pub fn reject(self, mistakes: &mut Mistakes<'_>) {
        if let Some(entry) = self.inputs {
            reject_here(&entry, mistakes);
        }
    }

    /// The inputs. Those of targets may name `{target}`.
    pub fn inputs(self, has_target: bool, mistakes: &mut Mistakes<'_>) -> BTreeMap<String, String> {
        self.inputs.map_or_else(BTreeMap::new, |entry| inputs(&entry, has_target, mistakes))
    }
}

/// The job that a call names.
pub(super) fn job(
    call: &CallKey<'_>,
    inputs: BTreeMap<String, String>,
    (pipeline, patience): (PipelineName, Patience),
    mistakes: &mut Mistakes<'_>,
) -> Option<RemoteJob> {
    let entry = call.entry();
    let mut section = entry.section(mistakes)?;
    let engine = required(&mut section, "engine", mistakes);
    let engine = engine.and_then(|entry| engine_name(&entry, mistakes));
    let call = match call {
        CallKey::Http(_) => {
            let job = required(&mut section, "job", mistakes);
            let job = job.and_then(|entry| job_name(&entry, mistakes));
            job.map(|job| RemoteCall::Http { job })
        }
        CallKey::GitHub(_) => github(&mut section, (pipeline, patience.wait_within), mistakes),
    };
    section.finish_below(&super::TOP, mistakes);
    match &call {
        Some(RemoteCall::Http { .. }) => as_variables(&inputs, entry, mistakes),
        Some(RemoteCall::GitHubBy { .. }) if !inputs.is_empty() => {
            let why = "takes no inputs: only a workflow that is dispatched (ref) does";
            entry.reject(mistakes, why);
        }
        _ => {}
    }
    let start_within = patience.start_within;
    Some(RemoteJob { engine: engine?, call: call?, inputs, start_within })
}

/// The workflow that a `github` names.
fn github(
    section: &mut Section<'_>,
    (pipeline, wait_within): (PipelineName, Duration),
    mistakes: &mut Mistakes<'_>,
) -> Option<RemoteCall> {
    let repository = required(section, "repository", mistakes)
        .and_then(|entry| named(&entry, is_repository, "write \"OWNER/NAME\"", mistakes));
    let rule = "write the name of a file in .github/workflows, such as \"deploy.yml\"";
    let workflow = required(section, "workflow", mistakes)
        .and_then(|entry| named(&entry, is_workflow, rule, mistakes));
    let way = github_way::read(section, pipeline, mistakes);
    let is_approval = matches!(way, Some(WayKeys::Other(GitHubWay::Approve { .. })));
    let job =
        if is_approval { Some(required(section, "job", mistakes)?) } else { section.take("job") };
    let job = job.and_then(|entry| {
        let text = entry.text(mistakes)?;
        let is_good = !text.is_empty() && text.len() <= LONGEST_NAME && !has_control(text);
        if !is_good {
            entry.reject(mistakes, "is no name of a job");
        }
        is_good.then(|| text.to_owned())
    });
    let (repository, workflow) = (repository?, workflow?);
    Some(match way? {
        WayKeys::Dispatch(at) => RemoteCall::GitHub { repository, workflow, at, job, wait_within },
        WayKeys::Other(way) => RemoteCall::GitHubBy { repository, workflow, way, job, wait_within },
    })
}

/// A job gets its inputs as variables.
fn as_variables(
    inputs: &BTreeMap<String, String>,
    entry: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
) {
    let mut seen = BTreeSet::new();
    for name in inputs.keys() {
        if name.contains('-') || !seen.insert(name.to_ascii_uppercase()) {
            let rule = "a job gets its inputs as variables; use A-Z, a-z, 0-9 and \"_\", and no name twice";
            entry.reject(mistakes, format!("the input {name:?} cannot be given: {rule}"));
        }
    }
}

pub(super) fn engine_name(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<EngineName> {
    let name = entry.text(mistakes)?;
    let parsed = name.parse();
    if parsed.is_err() {
        let rule = "use up to 40 of a-z, 0-9, \"-\", \"_\" and \".\"";
        entry.reject(mistakes, format!("{name:?} cannot name an engine; {rule}"));
    }
    parsed.ok()
}

/// The name of a job, which no path and no pattern can be taken for.
fn job_name(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let name = entry.text(mistakes)?;
    if is_job_name(name) {
        return Some(name.to_owned());
    }
    let rule = "use up to 100 letters, digits, \"-\", \"_\" and \".\", and \"/\" between folders";
    entry.reject(mistakes, format!("{name:?} cannot name a job; {rule}"));
    None
}

fn is_job_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(allowed)
    };
    name.len() <= 100 && name.split('/').all(is_part)
}

fn inputs(
    entry: &Setting<'_>,
    has_target: bool,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, String> {
    let Some(section) = entry.section(mistakes) else { return BTreeMap::new() };
    let all = section.all();
    if all.len() > MOST {
        entry.reject(mistakes, format!("has more than {MOST} values; a job takes no more"));
    }
    let mut inputs = BTreeMap::new();
    for entry in all.into_iter().take(MOST) {
        let inside = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if entry.name.is_empty() || !entry.name.chars().all(inside) || entry.name.len() > 100 {
            entry.reject(mistakes, "is no name of an input; use A-Z, a-z, 0-9, \"-\" and \"_\"");
        } else if let Some(value) = entry.text(mistakes)
            && is_good(value, has_target, &entry, mistakes)
        {
            inputs.insert(entry.name, value.to_owned());
        }
    }
    inputs
}

fn is_good(
    value: &str,
    has_target: bool,
    entry: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
) -> bool {
    // It is filled in with the name of each target as the file is read.
    let value = if has_target { value.replace(TARGET, "") } else { value.to_owned() };
    let why = if value.len() > LONGEST {
        format!("is longer than {LONGEST} bytes")
    } else if value.contains('\0') {
        "contains a NUL character; remove it".to_owned()
    } else if value.contains(TARGET) {
        format!("{TARGET} is for a step with targets; this one has none")
    } else if let Some(name) = unknown_placeholder(&value) {
        let known = PLACEHOLDERS.iter().map(|name| format!("{{{name}}}"));
        let known: Vec<_> = known.chain(has_target.then(|| TARGET.to_owned())).collect();
        format!("{{{name}}} is no placeholder; known: {}", known.join(" "))
    } else {
        return true;
    };
    entry.reject(mistakes, why);
    false
}
