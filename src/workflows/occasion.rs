//! The occasions on which a workflow runs: each trigger with what is known of its event.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::expression::{self, KnownValues, Value};
use crate::glob;
use crate::model::{DeclaredInput, Filters, WorkflowFile};

/// The most options of an input that are tried, and the most branches of a file.
const MOST: usize = 40;

/// What makes a workflow run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "on", content = "name")]
pub enum TriggerKind {
    PushTrunk,
    /// Another branch, or a pattern of some.
    PushBranch(String),
    Tag(String),
    Release,
    Dispatch,
    MergeGroup,
    PullRequestMerged,
    /// By the end of another workflow, named by its `name:`, which ran for the trunk.
    AfterWorkflow(String),
    Schedule,
    RepositoryDispatch,
}

/// One occasion, with what its expressions can know.
#[derive(Debug, Clone)]
pub(crate) struct Occasion {
    pub trigger: TriggerKind,
    /// Of the run that ended before, for a `workflow_run`.
    pub origin: Option<TriggerKind>,
    pub known: KnownValues,
    /// The values of a dispatch's inputs that were chosen for it.
    pub inputs: BTreeMap<String, String>,
}

/// Where the files are from.
#[derive(Debug, Clone, Default)]
pub struct WorkflowPlace {
    /// `owner/name` at GitHub, if it is known.
    pub repository: Option<String>,
    pub trunk: String,
}

/// Every occasion on which a workflow runs. `all` are the workflows of the repository.
pub(crate) fn occasions(
    file: &WorkflowFile,
    all: &[WorkflowFile],
    place: &WorkflowPlace,
) -> Vec<Occasion> {
    let mut found = pushes(file, place);
    let triggers = &file.triggers;
    if let Some(filters) = &triggers.release {
        found.push(release(filters, place));
    }
    if triggers.merge_group {
        let start = Value::Begins("refs/heads/gh-readonly-queue/".into());
        found.push(Occasion::of(TriggerKind::MergeGroup, "merge_group", start, place));
    }
    if let Some(filters) = &triggers.pull_request {
        found.extend(merged(filters, place));
    }
    if let Some(filters) = &triggers.workflow_run {
        found.extend(after(filters, all, place, 0));
    }
    for (is_there, trigger, event) in [
        (triggers.schedule, TriggerKind::Schedule, "schedule"),
        (triggers.repository_dispatch, TriggerKind::RepositoryDispatch, "repository_dispatch"),
    ] {
        if is_there {
            found.push(Occasion::of(trigger, event, branch(&place.trunk), place));
        }
    }
    if let Some(inputs) = &triggers.dispatch {
        found.extend(dispatches(inputs, place));
    }
    for occasion in &mut found {
        occasion.known.set("github.workflow", Value::Text(file.name.clone()));
    }
    found
}

fn branch(name: &str) -> Value {
    Value::Text(format!("refs/heads/{name}"))
}

/// A branch or tag by a pattern, of which only the beginning is known.
fn by_pattern(start: &str, pattern: &str) -> Value {
    if glob::has_wildcard(pattern) {
        Value::Begins(format!("{start}{}", glob::beginning(pattern)))
    } else {
        Value::Text(format!("{start}{pattern}"))
    }
}

impl Occasion {
    fn of(trigger: TriggerKind, event: &str, at: Value, place: &WorkflowPlace) -> Self {
        let mut known = KnownValues::default();
        known.set("github.event_name", Value::Text(event.into()));
        let (kind, name) = match &at {
            Value::Text(text) => (text.clone(), named(text).map(|name| Value::Text(name.into()))),
            Value::Begins(text) => {
                (text.clone(), named(text).map(|name| Value::Begins(name.into())))
            }
            _ => (String::new(), None),
        };
        known.set("github.ref", at);
        known.set("github.ref_name", name.unwrap_or(Value::Unknown));
        let kind = if kind.starts_with("refs/tags/") { "tag" } else { "branch" };
        known.set("github.ref_type", Value::Text(kind.into()));
        if let Some(repository) = &place.repository {
            let (owner, _) = repository.split_once('/').unwrap_or((repository, ""));
            for (name, value) in [
                ("github.repository", repository.as_str()),
                ("github.event.repository.full_name", repository),
                ("github.repository_owner", owner),
                ("github.event.repository.owner.login", owner),
            ] {
                known.set(name, Value::Text(value.into()));
            }
        }
        known.set("github.event.repository.fork", Value::Bool(false));
        known.set("github.event.repository.default_branch", Value::Text(place.trunk.clone()));
        for context in ["pull_request", "release", "workflow_run", "merge_group", "inputs"] {
            known.close(&format!("github.event.{context}"));
        }
        known.close("inputs");
        for name in ["github.event.action", "github.base_ref", "github.head_ref"] {
            known.set(name, Value::Null);
        }
        Self { trigger, origin: None, known, inputs: BTreeMap::new() }
    }

    /// The trigger that decides which commit it is: that of the run before, for a `workflow_run`.
    pub fn root(&self) -> &TriggerKind {
        self.origin.as_ref().unwrap_or(&self.trigger)
    }
}

fn named(at: &str) -> Option<&str> {
    at.strip_prefix("refs/heads/").or_else(|| at.strip_prefix("refs/tags/"))
}

fn pushes(file: &WorkflowFile, place: &WorkflowPlace) -> Vec<Occasion> {
    let Some(filters) = &file.triggers.push else { return Vec::new() };
    let of_branch = |name: &str| {
        let at = by_pattern("refs/heads/", name);
        Occasion::of(TriggerKind::PushBranch(name.to_owned()), "push", at, place)
    };
    let of_tag = |name: &String| {
        let at = by_pattern("refs/tags/", name);
        Occasion::of(TriggerKind::Tag(name.clone()), "push", at, place)
    };
    let (trunk, others) = branches(file, filters, &place.trunk);
    let mut found = Vec::new();
    if trunk {
        found.push(Occasion::of(TriggerKind::PushTrunk, "push", branch(&place.trunk), place));
    }
    found.extend(others.iter().take(MOST).map(|name| of_branch(name)));
    found.extend(tags(file, filters).iter().take(MOST).map(of_tag));
    found
}

/// Whether a push of the trunk runs it, and which other branches do. Without a filter these are the ones that it asks for.
fn branches(file: &WorkflowFile, filters: &Filters, trunk: &str) -> (bool, Vec<String>) {
    let only_tags = filters.tags.is_some() || filters.tags_ignore.is_some();
    match (&filters.branches, &filters.branches_ignore) {
        (Some(patterns), _) => {
            let others = patterns.iter().filter(|name| !name.starts_with('!') && *name != trunk);
            let mut others: Vec<_> = others.filter(|name| *name != "**").cloned().collect();
            let asked = asked_for(file, "refs/heads/");
            others.extend(asked.into_iter().filter(|name| {
                name != trunk && !patterns.contains(name) && glob::takes(patterns, name)
            }));
            (glob::takes(patterns, trunk), others)
        }
        (None, None) if only_tags => (false, Vec::new()),
        (None, ignored) => {
            let ignored = ignored.as_deref().unwrap_or_default();
            let is_free = |name: &String| !glob::takes(ignored, name);
            let mut others = asked_for(file, "refs/heads/");
            others.retain(|name| name != trunk && is_free(name));
            (is_free(&trunk.to_owned()), others)
        }
    }
}

fn tags(file: &WorkflowFile, filters: &Filters) -> Vec<String> {
    let only_branches = filters.branches.is_some() || filters.branches_ignore.is_some();
    match &filters.tags {
        Some(tags) => tags.iter().filter(|tag| !tag.starts_with('!')).cloned().collect(),
        None if only_branches => Vec::new(),
        None => asked_for(file, "refs/tags/"),
    }
}

/// The branches or tags that the conditions of a workflow name.
fn asked_for(file: &WorkflowFile, start: &str) -> Vec<String> {
    let contexts = ["github.ref", "github.ref_name", "github.event.workflow_run.head_branch"];
    let mut names: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let bare = !text.starts_with("refs/") && start == "refs/heads/";
        let name = text.strip_prefix(start).or(bare.then_some(text));
        if let Some(name) = name.filter(|name| !name.is_empty() && name.len() <= 100)
            && !names.iter().any(|known| known == name)
            && names.len() < MOST
        {
            names.push(name.to_owned());
        }
    };
    for text in texts(file) {
        for name in expression::compared_with(text, &contexts) {
            add(&name);
        }
    }
    for (_, value) in file.env.iter().filter(|(_, value)| value.starts_with(start)) {
        add(value);
    }
    names
}

/// The texts of a workflow in which a branch may be asked for.
fn texts(file: &WorkflowFile) -> impl Iterator<Item = &str> {
    file.jobs.iter().flat_map(|job| {
        let steps = job.steps.iter().filter_map(|step| step.condition.as_deref());
        let with = job.with.iter().map(|(_, value)| value.as_str());
        let own = [&job.condition, &job.environment, &job.name].into_iter().flatten();
        steps.chain(with).chain(own.map(String::as_str))
    })
}

fn release(filters: &Filters, place: &WorkflowPlace) -> Occasion {
    let types = filters.types.as_deref().unwrap_or_default();
    let is_early = !types.is_empty() && types.iter().all(|kind| kind == "prereleased");
    let at = Value::Begins("refs/tags/".into());
    let mut occasion = Occasion::of(TriggerKind::Release, "release", at, place);
    let known = &mut occasion.known;
    known.clear("github.event.release");
    known.set("github.event.release.draft", Value::Bool(false));
    known.set("github.event.release.prerelease", Value::Bool(is_early));
    known.set("github.event.action", Value::Unknown);
    occasion
}

/// A pull request that was merged into the trunk.
fn merged(filters: &Filters, place: &WorkflowPlace) -> Option<Occasion> {
    let is_closed = filters.types.as_ref().is_some_and(|types| types.iter().any(|t| t == "closed"));
    let into_trunk = filters.branches.as_ref().is_none_or(|b| glob::takes(b, &place.trunk));
    if !is_closed || !into_trunk {
        return None;
    }
    let at = Value::Begins("refs/pull/".into());
    let mut occasion = Occasion::of(TriggerKind::PullRequestMerged, "pull_request", at, place);
    let known = &mut occasion.known;
    known.clear("github.event.pull_request");
    known.set("github.event.action", Value::Text("closed".into()));
    known.set("github.event.pull_request.merged", Value::Bool(true));
    known.set("github.event.pull_request.base.ref", Value::Text(place.trunk.clone()));
    known.set("github.event.pull_request.draft", Value::Bool(false));
    known.set("github.base_ref", Value::Text(place.trunk.clone()));
    known.set("github.head_ref", Value::Unknown);
    Some(occasion)
}

/// The same pull request when it was closed without a merge.
pub(crate) fn not_merged(occasion: &Occasion) -> Occasion {
    let mut closed = occasion.clone();
    closed.known.set("github.event.pull_request.merged", Value::Bool(false));
    closed
}

/// How many workflows may follow one another.
const LONGEST_CHAIN: usize = 3;

/// The ends of other workflows. They are named by their `name:`, not by their file.
fn after(
    filters: &Filters,
    all: &[WorkflowFile],
    place: &WorkflowPlace,
    depth: usize,
) -> Vec<Occasion> {
    let mut found = Vec::new();
    for name in filters.workflows.iter().filter(|_| depth < LONGEST_CHAIN) {
        for before in all.iter().filter(|file| file.name == *name) {
            let mut ends = pushes(before, place);
            if let Some(filters) = &before.triggers.workflow_run {
                ends.extend(after(filters, all, place, depth + 1));
            }
            found.extend(ends.iter().filter_map(|end| after_one(name, end, filters, place)));
        }
        if !all.iter().any(|file| file.name == *name) {
            let push = Occasion::of(TriggerKind::PushTrunk, "push", branch(&place.trunk), place);
            let unknown = after_one(name, &push, filters, place).map(|mut occasion| {
                occasion.known.set("github.event.workflow_run.event", Value::Unknown);
                occasion
            });
            found.extend(unknown);
        }
    }
    found.truncate(MOST);
    found
}

/// What follows one end of a workflow, if the branches of the filter have it.
fn after_one(
    name: &str,
    end: &Occasion,
    filters: &Filters,
    place: &WorkflowPlace,
) -> Option<Occasion> {
    let head = end.known.value("github.ref_name");
    let is_taken = match (&head, &filters.branches, &filters.branches_ignore) {
        (Value::Text(head), Some(patterns), _) => glob::takes(patterns, head),
        (Value::Text(head), None, Some(ignored)) => !glob::takes(ignored, head),
        _ => true,
    };
    is_taken.then(|| after_push(name, end, head, place))
}

fn after_push(name: &str, push: &Occasion, head: Value, place: &WorkflowPlace) -> Occasion {
    let trigger = TriggerKind::AfterWorkflow(name.to_owned());
    let mut occasion = Occasion::of(trigger, "workflow_run", branch(&place.trunk), place);
    let known = &mut occasion.known;
    known.clear("github.event.workflow_run");
    for (key, value) in [("conclusion", "success"), ("event", "push"), ("name", name)] {
        known.set(&format!("github.event.workflow_run.{key}"), Value::Text(value.into()));
    }
    known.set("github.event.workflow_run.head_branch", head);
    known.set("github.event.action", Value::Text("completed".into()));
    occasion.origin = Some(push.root().clone());
    occasion
}

/// A dispatch for each value of the input that chooses the environment, the other inputs with their defaults.
fn dispatches(inputs: &[DeclaredInput], place: &WorkflowPlace) -> Vec<Occasion> {
    let chooser = inputs.iter().find(|input| crate::inputs::chooses_environment(input));
    let options: Vec<Option<&String>> = match chooser {
        Some(input) if !input.options.is_empty() => {
            input.options.iter().take(MOST).map(Some).collect()
        }
        _ => vec![None],
    };
    let of = |option: Option<&String>| {
        let mut occasion =
            Occasion::of(TriggerKind::Dispatch, "workflow_dispatch", branch(&place.trunk), place);
        for input in inputs {
            let is_chooser = chooser.is_some_and(|chooser| chooser.name == input.name);
            let chosen = if is_chooser { option } else { None };
            give(&mut occasion, input, chosen);
        }
        occasion
    };
    options.into_iter().map(of).collect()
}

/// Puts the value of an input where expressions find it. One without a value is not known: whoever starts it gives one.
fn give(occasion: &mut Occasion, input: &DeclaredInput, chosen: Option<&String>) {
    let is_boolean = input.kind == "boolean";
    let unset = || is_boolean.then(|| "false".to_owned());
    let text = chosen.or(input.default.as_ref()).cloned().or_else(unset);
    let plain = text.clone().map_or(Value::Unknown, Value::Text);
    let typed = match &text {
        Some(text) if is_boolean => Value::Bool(text == "true"),
        _ => plain.clone(),
    };
    if let Some(chosen) = chosen {
        occasion.inputs.insert(input.name.clone(), chosen.clone());
    }
    occasion.known.set(&format!("inputs.{}", input.name), typed);
    occasion.known.set(&format!("github.event.inputs.{}", input.name), plain);
}
