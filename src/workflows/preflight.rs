//! What a plan wants to know of the workflow that it is about to start: will GitHub start it, can it be found again, and
//! will anything take its place.

use std::collections::BTreeMap;

use crate::WorkflowFiles;
use crate::expression::Certainty;
use crate::facts::{GroupName, WorkflowFacts};
use crate::glob;
use crate::model::DeclaredInput;
use crate::occasion::{TriggerKind, WorkflowPlace};
use crate::yaml::Unreadable;

/// The most inputs that github.com takes.
pub const MOST_INPUTS: usize = 25;
/// The most inputs that an Enterprise server takes.
pub const MOST_INPUTS_OF_SERVER: usize = 10;

/// A start that is planned.
#[derive(Debug, Clone)]
pub struct PlannedStart<'a> {
    /// The file in `.github/workflows`.
    pub workflow: &'a str,
    /// The inputs that go out. `None` is a value that is not known yet.
    pub inputs: BTreeMap<String, Option<String>>,
    /// The input that gets trunkline's key, if one does.
    pub key: Option<&'a str>,
    /// How many inputs the server takes.
    pub most_inputs: usize,
}

/// One thing that is known, or that could not be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub weight: Weight,
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It could not be looked at.
    NotKnown,
    /// It goes out, and this may go wrong.
    Warning,
    /// GitHub will not start it.
    Refused,
}

impl Remark {
    #[must_use]
    pub fn not_known(sentence: impl Into<String>) -> Self {
        Self { weight: Weight::NotKnown, sentence: sentence.into() }
    }

    fn warning(sentence: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, sentence: sentence.into() }
    }

    fn refused(sentence: impl Into<String>) -> Self {
        Self { weight: Weight::Refused, sentence: sentence.into() }
    }
}

/// What has a workflow deploy without a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherStart<'a> {
    /// The run of a merge, which is let go on by a review.
    Approval,
    /// The name of the tag, if it is known.
    Tag(Option<&'a str>),
    Release,
    Branch(&'a str),
}

/// Everything that the files say of a workflow that deploys without a dispatch.
#[must_use]
pub fn remarks_of_other(
    files: &WorkflowFiles,
    place: &WorkflowPlace,
    (file, start): (&str, OtherStart<'_>),
) -> Vec<Remark> {
    let facts = match known(files, file, place) {
        Ok(facts) => facts,
        Err(remark) => return vec![remark],
    };
    let triggers = facts.triggers();
    let has = |is: &dyn Fn(&TriggerKind) -> bool| triggers.iter().any(is);
    let (is_started, what) = match start {
        OtherStart::Approval => return approval(&facts),
        OtherStart::Release => (has(&|on| *on == TriggerKind::Release), "a release".to_owned()),
        OtherStart::Tag(name) => {
            let takes = |pattern: &str| name.is_none_or(|name| glob::fits(pattern, name));
            let is_it = |on: &TriggerKind| matches!(on, TriggerKind::Tag(of) if takes(of));
            (has(&is_it), name.map_or_else(|| "a tag".to_owned(), |name| format!("the tag {name}")))
        }
        OtherStart::Branch(name) => {
            let is_it = |on: &TriggerKind| matches!(on, TriggerKind::PushBranch(of) if glob::fits(of, name));
            let is_trunk = name == place.trunk && has(&|on| *on == TriggerKind::PushTrunk);
            (has(&is_it) || is_trunk, format!("a push of {name}"))
        }
    };
    if is_started {
        return Vec::new();
    }
    // A pattern may say more than is read here.
    vec![Remark::warning(format!("as far as {file} tells, {what} does not start it"))]
}

/// What may befall a run that waits for its review.
fn approval(facts: &WorkflowFacts<'_>) -> Vec<Remark> {
    let file = facts.file();
    let Some(groups) = facts.groups_of_merges() else {
        return vec![Remark::warning(format!("as far as {file} tells, no merge starts it"))];
    };
    let mut remarks = Vec::new();
    for used in groups.iter().filter(|used| used.name != GroupName::OwnOfRun) {
        let name = match &used.name {
            GroupName::Known(name) => format!("{name:?}"),
            GroupName::OwnOfRun | GroupName::Computed => "that is computed".to_owned(),
        };
        if used.cancels != Certainty::No {
            remarks.push(Remark::warning(format!(
                "the next merge cancels this run, while it waits or deploys: {file} has cancel-in-progress for its concurrency group {name}"
            )));
        }
    }
    let is_apart = groups.iter().any(|used| used.name != GroupName::OwnOfRun);
    if !is_apart {
        remarks.push(Remark::not_known(format!(
            "nothing in {file} keeps two runs apart: at GitHub an older one can be approved after this one"
        )));
    }
    remarks.dedup();
    remarks
}

/// The facts of a workflow, or why they are not known.
fn known<'a>(
    files: &'a WorkflowFiles,
    file: &str,
    place: &'a WorkflowPlace,
) -> Result<WorkflowFacts<'a>, Remark> {
    WorkflowFacts::of(files, file, place).ok_or_else(|| {
        let is_it = |error: &&Unreadable| error.file.ends_with(&format!("/{file}"));
        match files.unreadable().iter().find(is_it) {
            Some(error) => {
                Remark::not_known(format!("{error}; what this workflow does is not known"))
            }
            None => Remark::refused(format!(
                "{} has no .github/workflows/{file}, so GitHub cannot start it",
                place.trunk
            )),
        }
    })
}

/// Everything that the files say of a planned start, the worst first.
#[must_use]
pub fn remarks(
    files: &WorkflowFiles,
    place: &WorkflowPlace,
    start: &PlannedStart<'_>,
) -> Vec<Remark> {
    let file = start.workflow;
    let facts = match known(files, file, place) {
        Ok(facts) => facts,
        Err(remark) => return vec![remark],
    };
    let Some(declared) = facts.inputs() else {
        return vec![Remark::refused(format!(
            "{file} has no workflow_dispatch, so GitHub cannot start it"
        ))];
    };
    let mut remarks = inputs(file, declared, start);
    remarks.extend(key(&facts, start));
    remarks.extend(groups(&facts, start));
    if files.are_too_many() {
        let sentence = "there is more in the workflows of this repository than was looked at: whether a merge can cancel this deploy is not known";
        remarks.push(Remark::not_known(sentence));
    }
    remarks.sort_by_key(|remark| std::cmp::Reverse(remark.weight));
    remarks
}

fn inputs(file: &str, declared: &[DeclaredInput], start: &PlannedStart<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let most = start.most_inputs;
    let count = start.inputs.len().max(declared.len());
    if count > most {
        remarks.push(Remark::refused(format!(
            "{file} has {count} inputs; this GitHub takes {most} at most"
        )));
    }
    for (name, value) in &start.inputs {
        let Some(input) = declared.iter().find(|input| input.name == *name) else {
            remarks.push(Remark::refused(format!(
                "{file} does not declare the input {name}, so GitHub refuses it"
            )));
            continue;
        };
        let Some(value) = value else { continue };
        let is_boolean = input.kind == "boolean";
        if input.kind == "choice" && !input.options.contains(value) {
            let options = input.options.join(", ");
            remarks.push(Remark::refused(format!("{file} takes {options} as {name}, not {value}")));
        } else if is_boolean && value != "true" && value != "false" {
            remarks.push(Remark::refused(format!(
                "{file} takes true or false as {name}, not {value}"
            )));
        } else if value.is_empty() && input.required {
            remarks.push(Remark::refused(format!(
                "{file} requires the input {name}, and its value is empty"
            )));
        }
    }
    for input in declared {
        let is_missing = input.required && input.default.is_none() && input.kind != "boolean";
        if is_missing && !start.inputs.contains_key(&input.name) {
            remarks.push(Remark::refused(format!(
                "{file} requires the input {}, and the step gives none",
                input.name
            )));
        }
    }
    remarks
}

/// Whether a run can be found again when the answer of its start got lost.
fn key(facts: &WorkflowFacts<'_>, start: &PlannedStart<'_>) -> Option<Remark> {
    let file = facts.file();
    let Some(input) = start.key else {
        return Some(Remark::warning(format!(
            "no input of the step gives our key to {file}: a lost answer cannot be cleared up by itself"
        )));
    };
    (!facts.shows(input)).then(|| {
        Remark::warning(format!(
            "{file} does not show our key: a lost answer cannot be cleared up by itself"
        ))
    })
}

fn groups(facts: &WorkflowFacts<'_>, start: &PlannedStart<'_>) -> Vec<Remark> {
    let file = facts.file();
    let given =
        start.inputs.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let given: Vec<_> = given.collect();
    let shared = facts.shared_groups(&given);
    let mut remarks: Vec<Remark> = Vec::new();
    for group in &shared {
        let (name, with) = (&group.group, &group.with);
        remarks.push(Remark::warning(if group.cancels {
            format!("the next merge would cancel this deploy, while it runs or waits: {with} uses its concurrency group {name:?} with cancel-in-progress")
        } else {
            format!("a merge waits for this deploy, and takes its place while it waits itself: {with} uses its concurrency group {name:?}")
        }));
    }
    for used in facts.groups(&given) {
        match (&used.name, used.cancels) {
            (GroupName::Known(name), Certainty::Yes | Certainty::Perhaps)
                if !shared.iter().any(|group| group.cancels && group.group.eq_ignore_ascii_case(name)) =>
            {
                remarks.push(Remark::warning(format!(
                    "the next start of {file} would cancel this deploy: it has cancel-in-progress for its concurrency group {name:?}"
                )));
            }
            (GroupName::Computed, _) => remarks.push(Remark::not_known(format!(
                "a concurrency group of {file} is computed when it runs: whether a merge can cancel this deploy is not known"
            ))),
            _ => {}
        }
    }
    remarks.dedup();
    remarks
}
