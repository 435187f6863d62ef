//! What the words of GitHub mean for a run. They are open: a word that nobody knows is no success.

use chrono::{DateTime, TimeDelta, Utc};

use super::answers::{PendingBody, WorkflowJobBody, WorkflowRunBody, instant};
use crate::domain::remote::Waits;
use crate::engine::runner::remote::answers::{RunState, SeenJob};
use crate::engine::runner::remote::client::sentence;

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub state: RunState,
    /// The word for it.
    pub word: String,
    pub says: Option<String>,
}

impl Judged {
    fn new(state: RunState, word: &str, says: Option<String>) -> Self {
        Self { state, word: sentence(word), says: says.map(|says| sentence(&says)) }
    }
}

/// How a run stands whose jobs are these. The named job has to have run, too.
pub(super) fn judged(
    run: &WorkflowRunBody,
    jobs: &[WorkflowJobBody],
    named: Option<&str>,
) -> Judged {
    let status = run.status.as_deref().unwrap_or_default();
    match status {
        // Between two jobs it is queued again.
        "requested" | "queued" | "pending" if began(jobs).is_none() => {
            Judged::new(RunState::Queued, status, None)
        }
        "completed" => completed(run.conclusion.as_deref().unwrap_or_default(), jobs, named),
        _ => Judged::new(RunState::Running, status, step(jobs)),
    }
}

fn completed(conclusion: &str, jobs: &[WorkflowJobBody], named: Option<&str>) -> Judged {
    match conclusion {
        "success" => named.map_or_else(
            || Judged::new(RunState::Succeeded, conclusion, None),
            |named| deployed(jobs, named),
        ),
        "failure" => Judged::new(RunState::Failed, "failed", failed(jobs)),
        "timed_out" => Judged::new(RunState::Failed, conclusion, failed(jobs)),
        "startup_failure" => {
            let why = "the workflow file is wrong, or no runner has the labels of a job";
            Judged::new(RunState::Failed, conclusion, Some(why.into()))
        }
        "cancelled" => {
            let why = "by somebody there, or by another run of its concurrency group";
            Judged::new(RunState::Cancelled, conclusion, Some(why.into()))
        }
        "skipped" => Judged::new(RunState::Failed, conclusion, Some("no job ran".into())),
        other => Judged::new(RunState::Failed, other, None),
    }
}

/// A run is green although the job that deploys was left out.
fn deployed(jobs: &[WorkflowJobBody], named: &str) -> Judged {
    let all: Vec<_> = jobs.iter().filter(|job| is_named(job, named)).collect();
    if all.iter().any(|job| job.status.as_deref() != Some("completed")) {
        // The list of jobs may be older than the run.
        return Judged::new(RunState::Running, "in_progress", None);
    }
    let bad = all.iter().find(|job| job.conclusion.as_deref() != Some("success"));
    match (all.first(), bad) {
        (None, _) => {
            let others: Vec<_> =
                jobs.iter().filter_map(|job| job.name.as_deref()).take(5).collect();
            let others = others.join(", ");
            let why = format!(
                "it has no job \"{named}\" (it has {others}); whether it deployed is not known"
            );
            Judged::new(RunState::Failed, "success", Some(why))
        }
        (_, None) => Judged::new(RunState::Succeeded, "success", None),
        (_, Some(job)) => {
            let word = job.conclusion.as_deref().unwrap_or_default();
            let is_skipped = |job: &&WorkflowJobBody| job.conclusion.as_deref() == Some("skipped");
            let why = if all.iter().all(is_skipped) {
                format!("job {named} did not run, so nothing was deployed")
            } else {
                format!("job {}", job.name.as_deref().unwrap_or(named))
            };
            Judged::new(RunState::Failed, word, Some(why))
        }
    }
}

/// How the named job stands in a run that has other jobs too. These are its parts.
pub(super) fn judged_alone(run: &WorkflowRunBody, jobs: &[WorkflowJobBody], named: &str) -> Judged {
    let is = |job: &WorkflowJobBody, word: &str| job.status.as_deref() == Some(word);
    let run_is_over = run.status.as_deref() == Some("completed");
    let all_over = !jobs.is_empty() && jobs.iter().all(|job| is(job, "completed"));
    // The jobs of a called workflow are listed one after the other: only the end of the run tells which was the last.
    let is_whole = |job: &WorkflowJobBody| {
        let rest = job.name.as_deref().and_then(|name| name.strip_prefix(named));
        rest.is_some_and(|rest| !rest.starts_with(" / "))
    };
    if all_over && (run_is_over || jobs.iter().all(is_whole) || jobs.iter().any(is_bad)) {
        return ended_alone(jobs, named);
    }
    if run_is_over && jobs.is_empty() {
        return deployed(jobs, named);
    }
    let is_queued = began(jobs).is_none() && !jobs.iter().any(|job| is(job, "waiting"));
    if is_queued && !run_is_over {
        return Judged::new(RunState::Queued, "queued", None);
    }
    Judged::new(RunState::Running, "in_progress", step(jobs))
}

fn is_bad(job: &WorkflowJobBody) -> bool {
    job.conclusion.as_deref() != Some("success")
}

fn ended_alone(jobs: &[WorkflowJobBody], named: &str) -> Judged {
    let Some(bad) = jobs.iter().find(|job| is_bad(job)) else {
        return Judged::new(RunState::Succeeded, "success", None);
    };
    match bad.conclusion.as_deref().unwrap_or_default() {
        "skipped" => deployed(jobs, named),
        conclusion => completed(conclusion, jobs, Some(named)),
    }
}

/// Whether this is the named job, one of its matrix, or one of the workflow that it calls.
pub(super) fn is_named(job: &WorkflowJobBody, named: &str) -> bool {
    let rest = job.name.as_deref().and_then(|name| name.strip_prefix(named));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") || rest.starts_with(" / "))
}

/// The first job that failed, with its step.
fn failed(jobs: &[WorkflowJobBody]) -> Option<String> {
    let is_bad = |word: Option<&str>| matches!(word, Some("failure" | "timed_out"));
    let job = jobs.iter().find(|job| is_bad(job.conclusion.as_deref()))?;
    let name = job.name.as_deref().unwrap_or_default();
    let steps = job.steps.as_deref().unwrap_or_default();
    let step = steps.iter().find(|step| is_bad(step.conclusion.as_deref()));
    Some(match step {
        Some(step) => {
            let (number, step) = (step.number.unwrap_or_default(), step.name.as_deref());
            format!("job {name}, step {number} \"{}\"", step.unwrap_or_default())
        }
        None => format!("job {name}"),
    })
}

/// The step that runs, in the first job that has one.
fn step(jobs: &[WorkflowJobBody]) -> Option<String> {
    jobs.iter().filter_map(seen).find_map(|job| job.step.map(|(_, says)| says))
}

/// A job as it is shown and logged.
pub(super) fn seen(job: &WorkflowJobBody) -> Option<SeenJob> {
    let id = job.id?;
    let name = sentence(job.name.as_deref().unwrap_or_default());
    let is_over = job.status.as_deref() == Some("completed");
    let steps = job.steps.as_deref().unwrap_or_default();
    let running = steps.iter().find(|step| step.status.as_deref() == Some("in_progress"));
    let step = running.filter(|_| !is_over).map(|step| {
        let number = step.number.unwrap_or_default();
        let what = step.name.as_deref().unwrap_or_default();
        (number, sentence(&format!("job {name}: step {number} of {} \"{what}\"", steps.len())))
    });
    let ended_at = instant(job.completed_at.as_ref());
    let is_skipped = job.conclusion.as_deref() == Some("skipped");
    // One that never began has no text.
    let has_log = is_over && !is_skipped && !never_began(job);
    Some(SeenJob { id, name, step, has_log, ended_at })
}

/// Whether it was cancelled before a machine took it.
fn never_began(job: &WorkflowJobBody) -> bool {
    let has_steps = job.steps.as_ref().is_some_and(|steps| !steps.is_empty());
    job.conclusion.as_deref() == Some("cancelled") && !has_steps
}

/// When the first of these jobs began to run.
pub(super) fn began(jobs: &[WorkflowJobBody]) -> Option<DateTime<Utc>> {
    let began = |job: &&WorkflowJobBody| {
        matches!(job.status.as_deref(), Some("in_progress" | "completed"))
            && job.conclusion.as_deref() != Some("skipped")
            && !never_began(job)
    };
    jobs.iter().filter(began).filter_map(|job| instant(job.started_at.as_ref())).min()
}

/// What a run waits for. What a person has to do comes before a timer, which ends by itself.
pub(super) fn waits(pending: &[PendingBody], now: DateTime<Utc>) -> Option<Waits> {
    waits_first(pending.iter(), now)
}

/// The same of some of what is pending.
pub(super) fn waits_first<'a>(
    pending: impl Iterator<Item = &'a PendingBody>,
    now: DateTime<Utc>,
) -> Option<Waits> {
    let pending: Vec<_> = pending.collect();
    let reviews = pending.iter().find(|one| !by(one).is_empty());
    if let Some(review) = reviews {
        return Some(Waits::Approval { environment: environment(review), by: by(review) });
    }
    let timer = pending.iter().find_map(|one| Some((one, until(one).filter(|at| *at > now)?)));
    if let Some((timer, until)) = timer {
        return Some(Waits::Timer { environment: environment(timer), until });
    }
    let first = pending.first()?;
    Some(Waits::Approval { environment: environment(first), by: Vec::new() })
}

fn environment(pending: &PendingBody) -> String {
    let name = pending.environment.as_ref().and_then(|environment| environment.name.as_deref());
    sentence(name.unwrap_or("without a name"))
}

/// Who could approve: `@ann`, `team ops`.
fn by(pending: &PendingBody) -> Vec<String> {
    let reviewers = pending.reviewers.as_deref().unwrap_or_default().iter();
    let names = reviewers.filter_map(|reviewer| {
        let who = reviewer.reviewer.as_ref()?;
        let person = who.login.as_ref().map(|login| format!("@{login}"));
        let team = who.slug.as_ref().or(who.name.as_ref()).map(|team| format!("team {team}"));
        person.or(team).map(|name| sentence(&name))
    });
    names.take(MOST_REVIEWERS).collect()
}

/// The most reviewers of an environment.
const MOST_REVIEWERS: usize = 6;

fn until(pending: &PendingBody) -> Option<DateTime<Utc>> {
    let minutes = TimeDelta::try_minutes(pending.wait_timer.filter(|minutes| *minutes > 0)?)?;
    instant(pending.wait_timer_started_at.as_ref())?.checked_add_signed(minutes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run(status: &Value, conclusion: &Value, jobs: &Value) -> Judged {
        let run = json!({ "status": status, "conclusion": conclusion });
        let jobs: Vec<WorkflowJobBody> = serde_json::from_value(jobs.clone()).unwrap();
        judged(&serde_json::from_value(run).unwrap(), &jobs, Some("deploy"))
    }

    #[test]
    fn only_a_run_whose_named_job_succeeded_is_a_success() {
        let words = [
            "success",
            "failure",
            "neutral",
            "cancelled",
            "skipped",
            "timed_out",
            "action_required",
            "stale",
            "startup_failure",
            "",
            "SUCCESS",
            "new",
        ];
        let statuses = ["completed", "queued", "in_progress", "waiting", "pending", "", "done"];
        for status in statuses {
            for word in words {
                for job in words {
                    let jobs = json!([{
                        "id": 1, "name": "deploy", "status": "completed", "conclusion": job,
                        "started_at": "2026-11-27T05:00:00Z",
                    }]);
                    let state = run(&json!(status), &json!(word), &jobs).state;
                    let is_good = status == "completed" && word == "success" && job == "success";
                    assert_eq!(state == RunState::Succeeded, is_good, "{status} {word} {job}");
                    assert_eq!(state.is_over(), status == "completed", "{status} {word} {job}");
                }
            }
        }
        let nothing = run(&Value::Null, &Value::Null, &json!([{}]));
        assert_eq!(nothing.state, RunState::Running, "it is watched");
    }

    #[test]
    fn a_person_is_named_before_a_timer_and_a_timer_that_is_over_before_nobody() {
        let now = DateTime::parse_from_rfc3339("2026-11-27T05:10:00Z").unwrap().to_utc();
        let timer = |began: &str| {
            json!({
                "environment": { "name": "production" }, "wait_timer": 30,
                "wait_timer_started_at": began, "reviewers": null,
            })
        };
        let review = json!({
            "environment": { "name": "live\u{7}" },
            "reviewers": [{ "reviewer": { "login": "ann" } }, { "reviewer": null }, {}],
        });
        let waits = |pending: Value| {
            let pending: Vec<PendingBody> = serde_json::from_value(pending).unwrap();
            super::waits(&pending, now).map(|waits| waits.to_string())
        };
        let running = timer("2026-11-27T05:00:00Z");
        let until = "Fri 2026-11-27 05:30 UTC, the timer of environment production";
        let by_ann = "a review by @ann (environment live)";
        assert_eq!(waits(json!([])), None);
        assert_eq!(waits(json!([running])).as_deref(), Some(until));
        assert_eq!(waits(json!([running, review])).as_deref(), Some(by_ann));
        let over = waits(json!([timer("2026-11-27T04:00:00Z")]));
        assert_eq!(over.as_deref(), Some("a rule of environment production"));
        assert_eq!(waits(json!([{}])).as_deref(), Some("a rule of environment without a name"));
    }
}
