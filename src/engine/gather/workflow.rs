//! What the workflow files of the trunk say of the runs that a plan would start at GitHub.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::GatherContext;
use crate::config::engines::{GITHUB, web_host};
use crate::domain::event::StepSpec;
use crate::domain::ids::ServiceName;
use crate::domain::plan::{Endpoints, Finding, Guard, Severity};
use crate::domain::remote::{GitHubWay, RemoteCall, RemoteJob, filled};
use crate::domain::repository_address::RepositoryAddress;
use crate::git::Mirror;
use crate::workflows::preflight::{
    MOST_INPUTS, MOST_INPUTS_OF_SERVER, OtherStart, PlannedStart, Remark, Weight, remarks,
    remarks_of_other,
};
use crate::workflows::{WorkflowFiles, WorkflowPlace};

/// How long a plan waits for the workflow files.
const PATIENCE: Duration = Duration::from_secs(2);
/// The placeholder of the key by which a run is found again.
const KEY: &str = "{run}";

/// One finding for each thing that is known, or could not be known.
pub(super) async fn findings(
    context: &GatherContext,
    name: &ServiceName,
    steps: &[StepSpec],
    ends: &Endpoints,
) -> Vec<Finding> {
    let at_github = steps.iter().filter_map(|step| match &step.remote()?.call {
        RemoteCall::GitHub { repository, workflow, at, .. } => {
            Some((step, step.remote()?, repository, workflow, Some(at)))
        }
        RemoteCall::GitHubBy { repository, workflow, .. } => {
            Some((step, step.remote()?, repository, workflow, None))
        }
        RemoteCall::Http { .. } => None,
    });
    let at_github: Vec<_> = at_github.collect();
    let watched = {
        let world = context.world.world();
        let service = world.services.get(name);
        service.and_then(|service| Some((service.mirror.clone(), service.trunk.clone()?)))
    };
    let (Some((mirror, trunk)), false) = (watched, at_github.is_empty()) else { return Vec::new() };
    let mut findings = Vec::new();
    for (step, job, repository, workflow, at) in at_github {
        let server = server(context, job);
        let found = if is_watched(&mirror, repository, &server) {
            let read = timeout(PATIENCE, files(&mirror, at.unwrap_or(&trunk))).await;
            match read.unwrap_or_else(|_| Err("git takes too long".to_owned())) {
                Ok(files) => {
                    let place = WorkflowPlace {
                        repository: Some(repository.clone()),
                        trunk: trunk.clone(),
                    };
                    match job.call.way() {
                        None => remarks(&files, &place, &start(job, workflow, ends, &server)),
                        Some(way) => remarks_of_other(&files, &place, (workflow, other(way))),
                    }
                }
                Err(why) => vec![not_known(job, &why)],
            }
        } else {
            let why = format!("it is in {repository}, which is not the repository that is watched");
            vec![not_known(job, &why)]
        };
        findings.extend(found.into_iter().map(|remark| (step.name.as_str(), remark)));
    }
    in_groups(findings)
}

/// What is to be said of several steps, as of the targets of one, is said once.
fn in_groups(remarks: Vec<(&str, Remark)>) -> Vec<Finding> {
    let mut groups: Vec<(Vec<&str>, Remark)> = Vec::new();
    for (step, remark) in remarks {
        match groups.iter_mut().find(|(_, known)| *known == remark) {
            Some((steps, _)) if !steps.contains(&step) => steps.push(step),
            Some(_) => {}
            None => groups.push((vec![step], remark)),
        }
    }
    groups.iter().map(|(steps, remark)| finding(steps, remark)).collect()
}

fn not_known(job: &RemoteJob, why: &str) -> Remark {
    let workflow = job.call.job();
    let what = match job.call.way() {
        None => "takes these inputs and shows our key",
        Some(_) => "does what this step expects",
    };
    Remark::not_known(format!("whether {workflow} {what} is not known: {why}"))
}

/// What has the workflow deploy. The name of a tag is known once it is made.
fn other(way: &GitHubWay) -> OtherStart<'_> {
    match way {
        GitHubWay::Approve { .. } => OtherStart::Approval,
        GitHubWay::Tag { release: true, .. } => OtherStart::Release,
        GitHubWay::Tag { .. } => OtherStart::Tag(None),
        GitHubWay::Branch { branch } => OtherStart::Branch(branch),
    }
}

/// Those of the branch whose version of the file runs.
async fn files(mirror: &Mirror, at: &str) -> Result<WorkflowFiles, String> {
    let tip = mirror.tip(at).await.map_err(|error| error.to_string())?;
    let tip = tip.ok_or_else(|| format!("the copy of the repository here has no branch {at}"))?;
    mirror.workflows(&tip).await.map_err(|error| error.to_string())
}

/// The address of the engine's API.
fn server(context: &GatherContext, job: &RemoteJob) -> String {
    let engines = context.variables.engines();
    engines.get(&job.engine).map_or_else(|| GITHUB.to_owned(), |engine| engine.url.clone())
}

/// Whether the mirror is of this repository at this server.
fn is_watched(mirror: &Mirror, repository: &str, server: &str) -> bool {
    let address = RepositoryAddress::of(&mirror.address());
    let path = address.as_ref().and_then(|address| address.at_host(&web_host(server)));
    path.is_some_and(|path| path.eq_ignore_ascii_case(repository))
}

fn start<'a>(
    job: &'a RemoteJob,
    workflow: &'a str,
    ends: &Endpoints,
    server: &str,
) -> PlannedStart<'a> {
    let inputs = job.inputs.iter().map(|(name, text)| (name.clone(), value(text, ends)));
    let key = job.inputs.iter().find(|(_, text)| text.contains(KEY)).map(|(name, _)| name.as_str());
    let is_public = server == GITHUB;
    PlannedStart {
        workflow,
        inputs: inputs.collect::<BTreeMap<_, _>>(),
        key,
        most_inputs: if is_public { MOST_INPUTS } else { MOST_INPUTS_OF_SERVER },
    }
}

/// A value as far as the plan knows it. `None` if it has a placeholder that is filled in later.
fn value(text: &str, ends: &Endpoints) -> Option<String> {
    let is_known = Cell::new(true);
    let text = filled(text, |name| match name {
        "kind" => ends.kind.as_str().to_owned(),
        "environment" => ends.environment.as_str().to_owned(),
        _ => {
            is_known.set(false);
            String::new()
        }
    });
    is_known.get().then_some(text)
}

fn finding(steps: &[&str], remark: &Remark) -> Finding {
    let severity = match remark.weight {
        Weight::NotKnown => Severity::Info,
        Weight::Warning => Severity::Warn,
        Weight::Refused => Severity::Refuse,
    };
    let word = if steps.len() == 1 { "Step" } else { "Steps" };
    let sentence = format!("{word} {}: {}", steps.join(", "), remark.sentence);
    let unknown = severity == Severity::Info;
    Finding { guard: Guard::Engine, severity, sentence, remedy: None, unknown }
}
