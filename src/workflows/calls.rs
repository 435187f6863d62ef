//! Which workflow a promote or a rollback can start, and what that call needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::WorkflowFiles;
use crate::deploys::DeployingJob;
use crate::expression::{self, Certainty};
use crate::inputs::{self, InputRole, KEY_INPUT};
use crate::model::{DeclaredInput, WorkflowFile};
use crate::occasion::{TriggerKind, WorkflowPlace};
use crate::reach::ShownName;
use crate::ways::ProductionWay;

/// A dispatch that deploys one commit to production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowCall {
    pub workflow: String,
    /// The branch whose version of the file runs.
    #[serde(rename = "ref")]
    pub at: String,
    /// The job that deploys, if its name is certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// With `{sha}` and `{run}` where trunkline fills them in.
    pub inputs: BTreeMap<String, String>,
    /// Whether a run can be found again when the answer of its start got lost.
    pub shows_key: bool,
}

/// Whether a workflow can be started for a promote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallReadiness {
    Ready(WorkflowCall),
    /// With the call as far as it is known, and what has to be answered.
    Asked(WorkflowCall, Vec<String>),
    NotPossible(String),
}

/// Every workflow that can be started by hand and deploys production.
pub(crate) fn calls(
    ways: &[ProductionWay<'_>],
    files: &WorkflowFiles,
    place: &WorkflowPlace,
) -> Vec<(String, CallReadiness)> {
    let by_hand = || ways.iter().filter(|way| *way.first().trigger() == TriggerKind::Dispatch);
    let names: BTreeSet<&str> = by_hand().map(|way| way.first().file.as_str()).collect();
    let mut calls = Vec::new();
    for name in names {
        let Some(workflow) = files.workflow(name) else { continue };
        let ways: Vec<_> = by_hand().filter(|way| way.first().file == name).collect();
        calls.push((name.to_owned(), call(workflow, &ways, place)));
    }
    calls
}

fn call(
    workflow: &WorkflowFile,
    ways: &[&ProductionWay<'_>],
    place: &WorkflowPlace,
) -> CallReadiness {
    let inputs = workflow.triggers.dispatch.as_deref().unwrap_or_default();
    let file = &workflow.file;
    let with_role = |role| inputs.iter().filter(move |input| inputs::role(input) == Some(role));
    let commits: Vec<_> = with_role(InputRole::Commit).collect();
    let Some(commit) = commits.first() else {
        let artefact = with_role(InputRole::Artefact).next();
        return CallReadiness::NotPossible(artefact.map_or_else(
            || format!("{file} has no input that names the commit: it deploys the head of the branch that it is started on"),
            |input| format!("{file} takes {}, and which one a commit has is not known here", input.name),
        ));
    };
    let mut questions = Vec::new();
    let mut values = BTreeMap::from([(commit.name.clone(), "{sha}".to_owned())]);
    if commits.len() > 1 {
        let names: Vec<_> = commits.iter().map(|input| input.name.as_str()).collect();
        questions.push(format!("which input of {file} names the commit: {}?", names.join(" or ")));
    }
    chosen(file, ways, &mut values, &mut questions);
    for input in inputs {
        if values.contains_key(&input.name) {
            continue;
        }
        match (inputs::role(input), &input.default) {
            (Some(InputRole::Key), _) => {
                values.insert(input.name.clone(), "{run}".to_owned());
            }
            (_, Some(default)) if input.required => {
                values.insert(input.name.clone(), default.clone());
            }
            (_, None) if input.required => questions.push(ask(file, input)),
            _ => {}
        }
    }
    if !crate::lanes::can_be_written(file) {
        questions.push(format!(
            "{file:?} cannot be written as the name of a workflow here: rename the file?"
        ));
    }
    let jobs: Vec<_> = ways[0].jobs.clone();
    if !ways[0].staging.is_empty() {
        questions.push(format!("{file} deploys staging first: should a promote do that too?"));
    }
    if jobs.iter().all(|job| job.certainty == Certainty::Perhaps) {
        questions.push(format!(
            "whether job {} of {file} runs depends on what only GitHub knows: does it run for such a start?",
            jobs[0].job.id
        ));
    }
    let call = WorkflowCall {
        workflow: file.clone(),
        at: place.trunk.clone(),
        job: one_job(&jobs),
        shows_key: shows(workflow, KEY_INPUT) && values.contains_key(KEY_INPUT),
        inputs: values,
    };
    if questions.is_empty() {
        CallReadiness::Ready(call)
    } else {
        CallReadiness::Asked(call, questions)
    }
}

/// The value of the input that chooses the environment, if one alone is production's.
fn chosen(
    file: &str,
    ways: &[&ProductionWay<'_>],
    values: &mut BTreeMap<String, String>,
    questions: &mut Vec<String>,
) {
    let all: BTreeSet<_> = ways.iter().map(|way| &way.first().occasion.inputs).collect();
    let first = &ways[0].first().occasion.inputs;
    values.extend(first.iter().map(|(name, value)| (name.clone(), value.clone())));
    if all.len() > 1 {
        let options = all.iter().flat_map(|inputs| inputs.values().map(String::as_str));
        let options: Vec<_> = options.collect();
        questions.push(format!(
            "{file} has several choices for production ({}): which one, or each as a step of its own?",
            options.join(", ")
        ));
    }
}

fn ask(file: &str, input: &DeclaredInput) -> String {
    let name = &input.name;
    if input.options.is_empty() {
        return format!("what is the value of the required input {name} of {file}?");
    }
    let options = input.options.join(", ");
    format!("which value has the required input {name} of {file}: {options}?")
}

/// The one job that has to succeed.
fn one_job(jobs: &[&DeployingJob]) -> Option<String> {
    let mut names = jobs.iter().map(|job| match &job.job.shown {
        ShownName::Exact(name) => Some(name.clone()),
        ShownName::Begins(_) => None,
    });
    let first = names.next()??;
    names.next().is_none().then_some(first)
}

/// Whether the title of a run shows an input.
pub(crate) fn shows(workflow: &WorkflowFile, input: &str) -> bool {
    let Some(run_name) = &workflow.run_name else { return false };
    let wanted = [format!("inputs.{input}"), format!("github.event.inputs.{input}")];
    expression::paths(run_name)
        .iter()
        .any(|path| wanted.iter().any(|w| path.eq_ignore_ascii_case(w)))
}
