//! The jobs that deploy: what each occasion of each workflow brings where.

use crate::class::{self, EnvironmentClass, class_of, class_of_all, is_no_deploy_target, words};
use crate::expression::Certainty;
use crate::expression::Value;
use crate::occasion::{self, Occasion, TriggerKind, WorkflowPlace};
use crate::reach::{self, NamedEnvironment, ReachedJob, ShownName};
use crate::verbs::{self, HandOver, StepVerb};
use crate::{WorkflowFiles, model::WorkflowFile};

/// A job that deploys on an occasion.
#[derive(Debug, Clone)]
pub(crate) struct DeployingJob {
    pub file: String,
    pub workflow: String,
    pub occasion: Occasion,
    pub job: ReachedJob,
    pub certainty: Certainty,
    pub target: DeployTarget,
    pub proof: Proof,
    pub hand_over: Option<HandOver>,
    /// What does it: an action, a called workflow, or the name of a command.
    pub means: String,
    /// It stands for a workflow that it calls, whose own jobs do not show that they deploy.
    pub is_part: bool,
}

/// Where it deploys to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeployTarget {
    /// By a name that has a class.
    Sure { class: EnvironmentClass, name: String, by: ClassSource },
    /// By a name that says neither, an expression, or nothing at all.
    Unclear(Option<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClassSource {
    /// The names of job, workflow and file.
    Names,
    Environment,
}

/// How well it is known that the job deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// Its environment alone.
    Environment,
    /// Its environment, and a name that says "deploy".
    Named,
    /// A command, an action or a called workflow.
    Verb,
}

const DEPLOY_WORDS: [&str; 9] =
    ["deploy", "deploys", "deployment", "release", "promote", "rollout", "ship", "redeploy", "cd"];
/// Work on an environment that brings no build there.
const OTHER_WORK: [&str; 33] = [
    "migrate",
    "migration",
    "migrations",
    "backup",
    "backups",
    "restore",
    "destroy",
    "teardown",
    "maintenance",
    "task",
    "tasks",
    "refresh",
    "seed",
    "reset",
    "delete",
    "cleanup",
    "clean",
    "restart",
    "stop",
    "scale",
    "console",
    "shell",
    "db",
    "database",
    "smoke",
    "e2e",
    "rollback",
    "housekeeping",
    "downgrade",
    "sync",
    "purge",
    "scan",
    "drift",
];

/// What such a job does is never a deploy.
const NEVER: [&str; 4] = ["lint", "linting", "monitor", "dryrun"];

impl DeployingJob {
    pub fn class(&self) -> Option<EnvironmentClass> {
        match self.target {
            DeployTarget::Sure { class, .. } => Some(class),
            DeployTarget::Unclear(_) => None,
        }
    }

    pub fn trigger(&self) -> &TriggerKind {
        &self.occasion.trigger
    }
}

/// Every job that deploys, on every occasion.
pub(crate) fn deploying(files: &WorkflowFiles, place: &WorkflowPlace) -> Vec<DeployingJob> {
    let mut found = Vec::new();
    for file in files.workflows() {
        for occasion in occasion::occasions(file, files.workflows(), place) {
            let not_merged = (occasion.trigger == TriggerKind::PullRequestMerged)
                .then(|| reach::reached(file, &occasion::not_merged(&occasion), files));
            let jobs = reach::reached(file, &occasion, files).into_iter().filter(|job| {
                // Without a test for the merge, it runs for every pull request that is closed.
                let without = not_merged.as_ref();
                without.is_none_or(|jobs| jobs.iter().all(|other| other.id != job.id))
            });
            let jobs = jobs.filter_map(|job| deploys(file, &occasion, job)).collect();
            found.extend(without_parts(jobs));
        }
    }
    found
}

fn deploys(file: &WorkflowFile, occasion: &Occasion, job: ReachedJob) -> Option<DeployingJob> {
    let mut verbs =
        job.steps.iter().filter_map(|step| Some((step, verbs::verb(step)?))).collect::<Vec<_>>();
    let hand_over = verbs.iter().find_map(|(_, verb)| match verb {
        StepVerb::HandsOver(hand_over) => Some(hand_over.clone()),
        StepVerb::Deploys(_) => None,
    });
    verbs.retain(|(_, verb)| matches!(verb, StepVerb::Deploys(_)));
    let said: Vec<String> = verbs
        .iter()
        .filter_map(|(_, verb)| match verb {
            StepVerb::Deploys(said) => Some(said.clone()),
            StepVerb::HandsOver(_) => None,
        })
        .collect();
    let called = called_to_deploy(&job);
    let file_name = file.file.split('.').next().unwrap_or_default();
    let names: Vec<&str> =
        job.words.iter().map(String::as_str).chain([file.name.as_str(), file_name]).collect();
    let is_never = |name: &&str| {
        let words = words(name);
        words.iter().any(|word| NEVER.contains(&word.as_str()))
            || words.windows(2).any(|pair| pair == ["dry", "run"])
    };
    let own = job.words.iter().any(|name| class::is_only_testing(name));
    let is_test = own && job.environment == NamedEnvironment::None && called.is_none();
    if names.iter().any(|name| is_for_review(name))
        || is_excluded(&job)
        || is_test
        || names.iter().any(is_never)
    {
        return None;
    }
    // The job itself, or only the workflow that it is a part of.
    let has_own =
        !said.is_empty() || hand_over.is_some() || job.environment != NamedEnvironment::None;
    let says_so = called.as_ref().is_some_and(|call| call.says_so);
    let has_verb = !said.is_empty() || hand_over.is_some() || says_so;
    let is_named = says_deploy(&job, &names);
    let is_other_work = names.iter().any(|name| has_word(name, &OTHER_WORK)) && !is_named;
    let target = target(&job, called.as_ref(), &names, &said);
    let has_environment =
        matches!(&target, DeployTarget::Sure { by: ClassSource::Environment, .. });
    if is_other_work || !(has_verb || has_environment || is_computed(&job) && is_named) {
        return None;
    }
    let proof = match (has_verb, is_named) {
        (true, _) => Proof::Verb,
        (false, true) => Proof::Named,
        (false, false) => Proof::Environment,
    };
    let of_steps = verbs.iter().map(|(step, _)| step.certainty).max().unwrap_or(Certainty::Yes);
    let means = verbs.first().map(|(step, _)| step.uses.clone().unwrap_or_else(|| "run".into()));
    let means = means.or_else(|| called.as_ref().map(|call| call.path.clone())).unwrap_or_default();
    let hand_over = hand_over.filter(|_| said.is_empty());
    let mut job = job;
    let part_of = called.and_then(|call| call.by).filter(|_| !has_own);
    let is_part = part_of.is_some();
    if let Some((id, shown)) = part_of {
        job.id = id;
        job.shown = shown;
    }
    Some(DeployingJob {
        file: file.file.clone(),
        workflow: file.name.clone(),
        occasion: occasion.clone(),
        certainty: job.certainty.min(of_steps),
        job,
        target,
        proof,
        hand_over,
        means: means.split('@').next().unwrap_or_default().to_owned(),
        is_part,
    })
}

/// Of the jobs of a called workflow, those that deploy themselves; if none does, the job that calls it, once.
fn without_parts(jobs: Vec<DeployingJob>) -> Vec<DeployingJob> {
    let is_below = |job: &DeployingJob, id: &str| {
        !job.is_part && job.job.followed.iter().any(|call| call.id == id)
    };
    let deploys_itself: Vec<String> = jobs
        .iter()
        .filter(|part| part.is_part && jobs.iter().any(|job| is_below(job, &part.job.id)))
        .map(|part| part.job.id.clone())
        .collect();
    let mut kept: Vec<DeployingJob> = Vec::new();
    for job in jobs {
        let is_known = kept.iter().any(|other| {
            other.is_part && other.job.id == job.job.id && other.job.shown == job.job.shown
        });
        if !job.is_part || !(is_known || deploys_itself.contains(&job.job.id)) {
            kept.push(job);
        }
    }
    kept
}

fn has_word(name: &str, list: &[&str]) -> bool {
    words(name).iter().any(|word| list.contains(&word.as_str()))
}

/// Whether the names of the job, of what it calls or of its steps say that it deploys.
fn says_deploy(job: &ReachedJob, names: &[&str]) -> bool {
    let steps = job.steps.iter();
    let steps = steps.flat_map(|step| [step.name.as_deref(), step.uses.as_deref()]).flatten();
    let own = job.words.iter().map(String::as_str);
    let file = names.iter().rev().take(2).copied();
    own.chain(steps).chain(file).any(|name| has_word(name, &DEPLOY_WORDS))
}

fn is_computed(job: &ReachedJob) -> bool {
    matches!(job.environment, NamedEnvironment::Computed(_))
}

fn is_for_review(name: &str) -> bool {
    let is_one = |word: &String| word.starts_with("review") || word.starts_with("preview");
    words(name).iter().any(is_one)
}

/// By its environment, or without one by its own names.
fn is_excluded(job: &ReachedJob) -> bool {
    match &job.environment {
        NamedEnvironment::Known(name) => is_no_deploy_target(name),
        NamedEnvironment::None | NamedEnvironment::Computed(_) => {
            job.words.iter().any(|name| is_no_deploy_target(name))
        }
    }
}

/// A workflow that is given an environment.
struct CalledWorkflow {
    path: String,
    environment: Option<String>,
    /// The job of this repository that calls it, if it was followed.
    by: Option<(String, ShownName)>,
    /// Its path says that it deploys.
    says_so: bool,
}

/// The call that deploys: of a workflow with "deploy" in its path, or of a foreign one that is given an environment.
fn called_to_deploy(job: &ReachedJob) -> Option<CalledWorkflow> {
    if let Some(call) = &job.foreign {
        return called(&call.path, &call.with, None);
    }
    job.followed.iter().rev().find_map(|call| {
        let by = Some((call.id.clone(), call.shown.clone()));
        called(&call.path, &call.with, by).filter(|called| called.says_so)
    })
}

fn called(
    path: &str,
    with: &[(String, Value)],
    by: Option<(String, ShownName)>,
) -> Option<CalledWorkflow> {
    let named: Vec<_> = with.iter().filter(|(key, _)| verbs::names_environment(key)).collect();
    // The key that says "environment" before one that says "cluster".
    let is_environment =
        |(key, _): &&&(String, Value)| words(key).iter().any(|word| word.starts_with("env"));
    let first = named.iter().find(is_environment).or(named.first())?;
    let environment = first.1.text().filter(|text| !text.is_empty());
    let path = path.split('@').next().unwrap_or_default().to_owned();
    let says_so = path.to_ascii_lowercase().contains("deploy");
    let is_known = environment.as_deref().is_some_and(|name| class_of(name).is_some());
    (says_so || is_known).then_some(CalledWorkflow { path, environment, by, says_so })
}

fn target(
    job: &ReachedJob,
    called: Option<&CalledWorkflow>,
    names: &[&str],
    said: &[String],
) -> DeployTarget {
    let by_name = |name: &str| match class_of(name) {
        Some(class) => {
            DeployTarget::Sure { class, name: name.to_owned(), by: ClassSource::Environment }
        }
        None => DeployTarget::Unclear(Some(name.to_owned())),
    };
    match &job.environment {
        NamedEnvironment::Known(name) => return by_name(name),
        NamedEnvironment::Computed(text) => return DeployTarget::Unclear(Some(text.clone())),
        NamedEnvironment::None => {}
    }
    if let Some(name) = called.and_then(|call| call.environment.as_deref()) {
        return by_name(name);
    }
    // All names together; only when they say nothing, what the steps say.
    let names: Vec<&str> =
        names.iter().copied().filter(|name| !class::is_only_testing(name)).collect();
    let by_names = if names.iter().any(|name| class_of(name).is_some()) {
        class_of_all(names.iter().copied())
    } else {
        class_of_all(said.iter().map(String::as_str))
    };
    match by_names {
        Some(class) => {
            let name = names.iter().find(|name| class_of(name) == Some(class));
            let name = name.map_or_else(|| said.join(" "), |name| (*name).to_owned());
            DeployTarget::Sure { class, name, by: ClassSource::Names }
        }
        None => DeployTarget::Unclear(None),
    }
}

/// The words that say which environment it is: `Staging` and `Staging (EU)` have the same.
pub(crate) fn lane_words(job: &DeployingJob) -> Vec<String> {
    match &job.target {
        DeployTarget::Sure { name, .. } => class::class_words(name),
        DeployTarget::Unclear(name) => name.iter().cloned().collect(),
    }
}
