//! `[staging.observe]` and `[production.observe]`: the runs at another engine that deploy there without trunkline.

use regex::RegexBuilder;

use super::names::{LONGEST_NAME, has_control, is_repository, is_workflow, named, required};
use super::remote::engine_name;
use crate::domain::lane::{CommitFrom, Lane, LaneKind, RunsOf};
use crate::settings::{Mistakes, Section, Setting};

/// The most jobs that are named.
const MOST_JOBS: usize = 20;
/// The largest regular expression, compiled, in bytes.
const LARGEST_REGEX: usize = 256 * 1024;

/// Reads the setting `observe`.
pub(super) fn read(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Lane> {
    let mut section = entry.section(mistakes)?;
    let github = section.take("github");
    section.finish_below(&super::TOP, mistakes);
    let Some(github) = github else {
        entry.reject(mistakes, "needs github = { engine = \"NAME\", … }");
        return None;
    };
    lane(github.section(mistakes)?, mistakes)
}

fn lane(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Lane> {
    let engine = required(&mut section, "engine", mistakes);
    let engine = engine.and_then(|entry| engine_name(&entry, mistakes));
    let repository = required(&mut section, "repository", mistakes)
        .and_then(|entry| named(&entry, is_repository, "write \"OWNER/NAME\"", mistakes));
    let rule = "write the name of a file in .github/workflows, such as \"deploy.yml\"";
    let workflow = section.take("workflow");
    if let Some(environment) = section.take("environment") {
        let kind = deployments(&environment, workflow.as_ref(), &mut section, mistakes);
        let means = hands_over(&mut section, mistakes);
        section.finish_below(&super::TOP, mistakes);
        return Some(Lane {
            engine: engine?,
            repository: repository?,
            kind: kind?,
            jobs: Vec::new(),
            event: None,
            of: None,
            commit: CommitFrom::Event,
            hands_over: means,
        });
    }
    if workflow.is_none() {
        let sentence =
            "needs workflow = \"FILE\", or environment = \"NAME\" where no workflow deploys";
        mistakes.add(section.at, &section.path, sentence);
    }
    let workflow = workflow.and_then(|entry| named(&entry, is_workflow, rule, mistakes));
    let jobs = section.take("jobs").map_or_else(Vec::new, |entry| jobs(&entry, mistakes));
    let rule = "write the name of an event, such as \"push\"";
    let event = section.take("event").and_then(|entry| named(&entry, is_event, rule, mistakes));
    let of = runs_of(&mut section, mistakes);
    let commit = section.take("sha").and_then(|entry| commit_from(&entry, mistakes));
    let hands_over = hands_over(&mut section, mistakes);
    section.finish_below(&super::TOP, mistakes);
    Some(Lane {
        engine: engine?,
        repository: repository?,
        kind: LaneKind::Workflow(workflow?),
        jobs,
        event,
        of,
        commit: commit.unwrap_or(CommitFrom::Event),
        hands_over,
    })
}

fn hands_over(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> bool {
    let means = [("live", false), ("handed over", true)];
    let means = section.take("means").and_then(|entry| entry.choice(&means, mistakes));
    means.unwrap_or(false)
}

/// The deployments of an environment, which have nothing of a run.
fn deployments(
    environment: &Setting<'_>,
    workflow: Option<&Setting<'_>>,
    section: &mut Section<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<LaneKind> {
    let of_runs = ["jobs", "event", "branch", "tag", "sha"].map(|key| section.take(key));
    for entry in of_runs.iter().flatten().chain(workflow) {
        entry.reject(mistakes, "is of runs; keep it, or environment");
    }
    let is_name = |text: &str| !text.trim().is_empty() && !has_control(text);
    let rule = "write the name of an environment at GitHub, such as \"production\"";
    named(environment, is_name, rule, mistakes).map(LaneKind::Deployments)
}

/// The names of jobs, as GitHub shows them: `deploy`, `production / deploy (eu)`.
fn jobs(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let names = entry.texts(mistakes);
    if names.is_empty() && entry.is_list() || names.len() > MOST_JOBS {
        entry.reject(mistakes, format!("names no job or more than {MOST_JOBS}"));
    }
    let mut jobs = Vec::new();
    for name in names {
        if name.value.is_empty() || name.value.len() > LONGEST_NAME || has_control(name.value) {
            mistakes.add(name.at, &entry.path, format!("{:?} is no name of a job", name.value));
        } else {
            jobs.push(name.value.to_owned());
        }
    }
    jobs
}

fn is_event(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn runs_of(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<RunsOf> {
    let (branch, tag) = (section.take("branch"), section.take("tag"));
    if let (Some(_), Some(tag)) = (&branch, &tag) {
        tag.reject(mistakes, "stands beside branch; the runs are of one of them");
    }
    let is_pattern = |text: &str| !text.is_empty() && !text.contains(' ') && !has_control(text);
    let rule = "write a name, in which * stands for any text";
    let name =
        |entry: Setting<'_>, mistakes: &mut Mistakes<'_>| named(&entry, is_pattern, rule, mistakes);
    match (branch, tag) {
        (Some(branch), _) => name(branch, mistakes).map(RunsOf::Branch),
        (None, Some(tag)) => name(tag, mistakes).map(RunsOf::Tag),
        (None, None) => None,
    }
}

/// `"head"`, or `"title:REGEX"` with one group.
fn commit_from(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<CommitFrom> {
    let text = entry.text(mistakes)?;
    if text == "head" {
        return Some(CommitFrom::Head);
    }
    let Some(pattern) = text.strip_prefix("title:") else {
        entry.reject(mistakes, "write \"head\", or \"title:\" and a regular expression");
        return None;
    };
    let compiled = RegexBuilder::new(pattern).size_limit(LARGEST_REGEX).build();
    match compiled {
        Ok(regex) if regex.captures_len() == 2 => Some(CommitFrom::Title(pattern.to_owned())),
        Ok(_) => {
            entry.reject(mistakes, "needs exactly one group, around the commit: ([0-9a-f]{40})");
            None
        }
        Err(why) => {
            // The first line only draws the expression.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default().trim();
            entry.reject(mistakes, format!("is no regular expression: {why}"));
            None
        }
    }
}
