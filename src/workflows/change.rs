//! The small change that lets a repository promote and roll back by build: a new file, or a few lines of one that is there.

use std::fmt::Write as _;

use serde::Serialize;

use crate::WorkflowFiles;
use crate::calls::WorkflowCall;
use crate::deploys::DeployingJob;
use crate::inputs::KEY_INPUT;
use crate::model::WorkflowFile;
use crate::occasion::TriggerKind;
use crate::reach::FollowedCall;
use crate::ways::{ProductionPattern, ProductionWay};
use crate::yaml::Node;

/// What should be changed. trunkline shows it and changes nothing itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProposedChange {
    pub file: ChangedWorkflow,
    /// What it is for, and what it leaves to a person.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedWorkflow {
    /// A new file with this text.
    New { path: String, text: String },
    /// Lines that go into a file, each behind the line of this number; 0 is the top.
    Lines { path: String, add: Vec<(usize, String)> },
}

/// `None` if nothing has to be changed, or nothing can be shown.
pub(crate) fn of(
    way: &ProductionWay<'_>,
    call: Option<&WorkflowCall>,
    ways: &[ProductionWay<'_>],
    files: &WorkflowFiles,
) -> Option<ProposedChange> {
    if let Some(call) = call {
        let workflow = files.workflow(&call.workflow)?;
        return (!call.shows_key).then(|| show_key(workflow, call))?;
    }
    let by_hand = ways.iter().find(|way| *way.first().trigger() == TriggerKind::Dispatch);
    match way.pattern {
        ProductionPattern::Dispatch => take_commit(files.workflow(&by_hand?.first().file)?),
        ProductionPattern::TagOrRelease if by_hand.is_some() => {
            take_commit(files.workflow(&by_hand?.first().file)?)
        }
        ProductionPattern::Branch => Some(move_branch(way)),
        ProductionPattern::AfterStaging
        | ProductionPattern::EveryMerge
        | ProductionPattern::TagOrRelease => Some(promote(way)),
        ProductionPattern::HandedOver | ProductionPattern::NoneHere => None,
    }
}

fn path(file: &str) -> String {
    format!("{}/{file}", crate::WORKFLOW_FOLDER)
}

/// The key as an input, and a title that shows it.
fn show_key(workflow: &WorkflowFile, call: &WorkflowCall) -> Option<ProposedChange> {
    let mut add = Vec::new();
    let has_input = call.inputs.contains_key(KEY_INPUT);
    if !has_input {
        let inputs = workflow.tree.get("on")?.get("workflow_dispatch")?.get("inputs")?;
        add.push(input_line(inputs, &format!("{KEY_INPUT}: {{type: string, default: \"\"}}"))?);
    }
    let shown = format!("${{{{ inputs.{KEY_INPUT} }}}}");
    if workflow.run_name.is_none() {
        let commit =
            call.inputs.iter().find(|(_, value)| *value == "{sha}").map(|(name, _)| name)?;
        let line = title_line(workflow);
        add.push((line, format!("run-name: deploy ${{{{ inputs.{commit} }}}} {shown}")));
    }
    let why = match &workflow.run_name {
        None => {
            "With these lines trunkline finds a run again when the answer of its start got lost."
                .to_owned()
        }
        Some(_) => format!(
            "trunkline finds a run again when the answer of its start got lost if run-name also holds {shown}; add that to its \
             end by hand."
        ),
    };
    Some(ProposedChange { file: ChangedWorkflow::Lines { path: path(&workflow.file), add }, why })
}

/// A line behind the last input, as far in as the others.
fn input_line(inputs: &Node, text: &str) -> Option<(usize, String)> {
    let (last, indent) = inputs.entries().next().map(|(key, _)| (key.line, key.column))?;
    // Before the first one: where the last one ends is not certain.
    Some((last - 1, format!("{}{text}", " ".repeat(indent))))
}

/// Behind the `name:`, else at the top.
fn title_line(workflow: &WorkflowFile) -> usize {
    let name = workflow.tree.entries().find(|(key, _)| key.text == "name");
    let is_short = |node: &Node| node.text().is_some_and(|text| !text.contains('\n'));
    name.filter(|(key, node)| is_short(node) && key.line == node.line)
        .map_or(0, |(key, _)| key.line)
}

/// A workflow that deploys the head of its branch gets an input for the commit.
fn take_commit(workflow: &WorkflowFile) -> Option<ProposedChange> {
    let on = workflow.tree.get("on")?;
    let (key, dispatch) = on.entries().find(|(key, _)| key.text == "workflow_dispatch")?;
    let pad = |more: usize| " ".repeat(key.column + more);
    let commit = "sha: {type: string, required: true}";
    let our_key = format!("{KEY_INPUT}: {{type: string, default: \"\"}}");
    let mut add = match dispatch.get("inputs") {
        Some(inputs) => {
            let (line, first) = input_line(inputs, commit)?;
            let (_, second) = input_line(inputs, &our_key)?;
            vec![(line, format!("{first}\n{second}"))]
        }
        None if dispatch.is_null() => {
            vec![(key.line, format!("{}inputs:\n{}{commit}\n{}{our_key}", pad(2), pad(4), pad(4)))]
        }
        None => return None,
    };
    if workflow.run_name.is_none() {
        let title = format!("run-name: deploy ${{{{ inputs.sha }}}} ${{{{ inputs.{KEY_INPUT} }}}}");
        add.push((title_line(workflow), title));
    }
    add.extend(checkouts(workflow));
    let why = format!(
        "{} deploys the head of the branch that it is started on. With an input for the commit it can promote and roll back, once \
         all of it uses that commit: each checkout by ref: ${{{{ inputs.sha }}}}, and what deploys instead of github.sha.",
        workflow.file
    );
    Some(ProposedChange { file: ChangedWorkflow::Lines { path: path(&workflow.file), add }, why })
}

/// The lines that make each checkout take the commit of the input, where the file is written in lines.
fn checkouts(workflow: &WorkflowFile) -> Vec<(usize, String)> {
    let jobs = workflow.tree.get("jobs").into_iter().flat_map(Node::entries);
    let steps = jobs.filter_map(|(_, job)| job.get("steps")).flat_map(Node::items);
    steps.filter_map(checkout).collect()
}

fn checkout(step: &Node) -> Option<(usize, String)> {
    let commit = "${{ inputs.sha }}";
    let (uses, action) = step.entries().find(|(key, _)| key.text == "uses")?;
    if !action.text()?.starts_with("actions/checkout@") || action.line != uses.line {
        return None;
    }
    let Some((with, values)) = step.entries().find(|(key, _)| key.text == "with") else {
        // In one line with its step, nothing can be put below it.
        let is_alone = step.entries().filter(|(key, _)| key.line == uses.line).count() == 1;
        let pad = " ".repeat(uses.column);
        let is_block = step.line == uses.line && is_alone && step.entries().count() == 1;
        return is_block.then(|| (uses.line, format!("{pad}with: {{ref: \"{commit}\"}}")));
    };
    let first = values.entries().map(|(key, _)| key).next()?;
    let is_below = first.line > with.line && values.get("ref").is_none();
    is_below.then(|| (with.line, format!("{}ref: {commit}", " ".repeat(first.column))))
}

const HEAD: &str = "run-name: deploy ${{ inputs.sha }} ${{ inputs.trunkline }}\n\
    on: {workflow_dispatch: {inputs: {sha: {type: string, required: true}, trunkline: {type: string, default: \"\"}}}}\n";

/// A new workflow that does for one commit what the production job does.
fn promote(way: &ProductionWay<'_>) -> ProposedChange {
    let job = way.first();
    let does = match way.pattern {
        ProductionPattern::EveryMerge => "rolls production back to a build",
        _ => "promotes and rolls back by build",
    };
    let mut text =
        format!("{HEAD}concurrency: {{group: {}, cancel-in-progress: false}}\n", group(job));
    let called = job.job.followed.first().filter(|call| !call.with.is_empty());
    let why = if let Some(called) = called {
        let takes = call_text(&mut text, called, job);
        let end = if takes {
            "It calls the workflow that deploys today, with the promoted commit."
        } else {
            "It calls the workflow that deploys today. That one takes no commit yet: give it an input for it, and pass inputs.sha."
        };
        format!("With this file trunkline {does}. {end}")
    } else {
        steps_text(&mut text, job);
        format!(
            "With this file trunkline {does}. Put what job {} of {} does in the place of the last line, \
             for the commit in SHA.",
            job.job.id, job.file
        )
    };
    ProposedChange { file: ChangedWorkflow::New { path: path("promote.yml"), text }, why }
}

/// The group of the job that deploys production today, so that the two never run at once.
fn group(job: &DeployingJob) -> String {
    let known = job.job.concurrency.iter().find_map(|(name, _)| name.clone());
    let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    known.filter(plain).unwrap_or_else(|| "production".to_owned())
}

/// Returns whether the called workflow is given the commit.
fn call_text(text: &mut String, called: &FollowedCall, job: &DeployingJob) -> bool {
    let mut takes_commit = false;
    let _ = writeln!(text, "permissions: {{contents: read, id-token: write}}");
    let _ = writeln!(text, "jobs:\n  production:\n    uses: ./{}\n    with:", called.path);
    for (name, value) in &called.with {
        let is_commit = ["sha", "commit", "ref", "tag", "image", "version"]
            .iter()
            .any(|word| crate::class::words(name).iter().any(|part| part == word));
        match value.text().filter(|_| !is_commit) {
            Some(value) => {
                let _ = writeln!(text, "      {name}: {}", serde_json::Value::from(value));
            }
            None if is_commit => {
                takes_commit = true;
                let _ = writeln!(text, "      {name}: ${{{{ inputs.sha }}}}");
            }
            None => {
                let _ = writeln!(
                    text,
                    "      # {name}: is computed in {}; say it for a promote",
                    job.file
                );
            }
        }
    }
    if !takes_commit {
        let _ = writeln!(
            text,
            "      # Not complete: {} needs an input for the commit, and here inputs.sha.",
            called.path
        );
    }
    text.push_str("    secrets: inherit\n");
    takes_commit
}

fn steps_text(text: &mut String, job: &DeployingJob) {
    let environment = job.job.environment_name().unwrap_or("production");
    text.push_str("permissions: {contents: read, id-token: write}\n");
    let environment = serde_json::Value::from(environment);
    let _ = writeln!(
        text,
        "jobs:\n  deploy:\n    runs-on: ubuntu-latest\n    environment: {environment}"
    );
    text.push_str(CHECKOUT);
    text.push_str("      - run: ./bin/deploy production \"$SHA\"\n        env: {SHA: \"${{ inputs.sha }}\"}\n");
}

const CHECKOUT: &str = "    steps:\n      - uses: actions/checkout@v5\n        with: {ref: \"${{ inputs.sha }}\", \
    persist-credentials: false}\n";

/// A workflow that moves the production branch to one commit.
fn move_branch(way: &ProductionWay<'_>) -> ProposedChange {
    let branch = match way.first().trigger() {
        TriggerKind::PushBranch(branch) => branch.as_str(),
        _ => "production",
    };
    let mut text = HEAD.replace(
        "trunkline: {type: string",
        "kind: {type: string, default: promote}, trunkline: {type: string",
    );
    text.push_str("concurrency: {group: move-production, cancel-in-progress: false}\npermissions: {contents: read}\njobs:\n  move:\n    runs-on: ubuntu-latest\n    steps:\n");
    let branch = serde_json::Value::from(branch);
    let _ = write!(
        text,
        "      - uses: actions/checkout@v5\n        with: {{fetch-depth: 0, token: \"${{{{ secrets.DEPLOY_TOKEN }}}}\"}}\n      - env: {{SHA: \"${{{{ inputs.sha }}}}\", KIND: \"${{{{ inputs.kind }}}}\", BRANCH: {branch}}}\n        run: |\n          if [ \"$KIND\" = rollback ]; then\n            git push --force-with-lease=\"$BRANCH:$(git rev-parse \"origin/$BRANCH\")\" origin \"$SHA:refs/heads/$BRANCH\"\n          else\n            git push origin \"$SHA:refs/heads/$BRANCH\"\n          fi\n"
    );
    let why = format!(
        "With this file trunkline moves the branch {branch} to a build: forwards only for a promote, with force for a rollback. \
         DEPLOY_TOKEN must be the token of an App or a person: a push with GITHUB_TOKEN starts no workflow. The end of this run \
         is not yet a deploy; production is observed on the branch."
    );
    ProposedChange { file: ChangedWorkflow::New { path: path("promote.yml"), text }, why }
}
