//! What the GitHub of tests tells of its things, in the form of its published description.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::deployment::{FakeDeployment, FakeDeploymentStatus};
use super::run::{FakeJob, FakeRun};
use super::workflow::FakeWorkflow;

/// The addresses of the API and of the pages, as whoever asks sees them.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub api: String,
    pub web: String,
}

impl Addresses {
    fn repository(&self, name: &str) -> String {
        format!("{}/repos/{name}", self.api)
    }
}

/// The parts of a repository that have an address of their own, after `_url`.
const PARTS: &[(&str, &str)] = &[
    ("archive", "{archive_format}{/ref}"),
    ("assignees", "assignees{/user}"),
    ("blobs", "git/blobs{/sha}"),
    ("branches", "branches{/branch}"),
    ("collaborators", "collaborators{/collaborator}"),
    ("comments", "comments{/number}"),
    ("commits", "commits{/sha}"),
    ("compare", "compare/{base}...{head}"),
    ("contents", "contents/{+path}"),
    ("contributors", "contributors"),
    ("deployments", "deployments"),
    ("downloads", "downloads"),
    ("events", "events"),
    ("forks", "forks"),
    ("git_commits", "git/commits{/sha}"),
    ("git_refs", "git/refs{/sha}"),
    ("git_tags", "git/tags{/sha}"),
    ("hooks", "hooks"),
    ("issue_comment", "issues/comments{/number}"),
    ("issue_events", "issues/events{/number}"),
    ("issues", "issues{/number}"),
    ("keys", "keys{/key_id}"),
    ("labels", "labels{/name}"),
    ("languages", "languages"),
    ("merges", "merges"),
    ("milestones", "milestones{/number}"),
    ("notifications", "notifications{?since,all,participating}"),
    ("pulls", "pulls{/number}"),
    ("releases", "releases{/id}"),
    ("stargazers", "stargazers"),
    ("statuses", "statuses/{sha}"),
    ("subscribers", "subscribers"),
    ("subscription", "subscription"),
    ("tags", "tags"),
    ("teams", "teams"),
    ("trees", "git/trees{/sha}"),
];

/// The number of a thing that is known by its name, the same each time.
fn number(name: &str) -> u64 {
    name.bytes().fold(7, |number, byte| (number * 31 + u64::from(byte)) % 1_000_003)
}

pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A commit where a test names none.
fn sha_or_zeros(sha: &str) -> String {
    if sha.is_empty() { "0".repeat(40) } else { sha.to_owned() }
}

/// A person, or a bot if the name ends in `[bot]`.
pub(super) fn user(to: &Addresses, login: &str) -> Value {
    // The brackets of a bot's name are encoded, and its page is that of its app.
    let name = login.replace('[', "%5B").replace(']', "%5D");
    let page = login.strip_suffix("[bot]").map(|app| format!("apps/{app}"));
    let url = format!("{}/users/{name}", to.api);
    let part = |part: &str| format!("{url}/{part}");
    json!({
        "login": login,
        "id": number(login),
        "node_id": format!("U_{}", number(login)),
        "avatar_url": format!("{}/avatars/{name}", to.web),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{}/{}", to.web, page.as_ref().unwrap_or(&name)),
        "followers_url": part("followers"),
        "following_url": part("following{/other_user}"),
        "gists_url": part("gists{/gist_id}"),
        "starred_url": part("starred{/owner}{/repo}"),
        "subscriptions_url": part("subscriptions"),
        "organizations_url": part("orgs"),
        "repos_url": part("repos"),
        "events_url": part("events{/privacy}"),
        "received_events_url": part("received_events"),
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
        "site_admin": false,
    })
}

/// Whoever asks.
pub(super) fn account(to: &Addresses, login: &str) -> Value {
    let mut account = user(to, login);
    let more = json!({
        "name": null,
        "company": null,
        "blog": null,
        "location": null,
        "email": null,
        "hireable": null,
        "bio": null,
        "public_repos": 1,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2026-01-26T19:01:12Z",
        "updated_at": "2026-11-27T05:00:00Z",
    });
    merge(&mut account, more);
    account
}

/// A repository as other things name it.
fn minimal_repository(to: &Addresses, full_name: &str) -> Value {
    let (owner, name) = full_name.split_once('/').unwrap();
    let url = to.repository(full_name);
    let mut repository = json!({
        "id": number(full_name),
        "node_id": format!("R_{}", number(full_name)),
        "name": name,
        "full_name": full_name,
        "owner": user(to, owner),
        "private": true,
        "html_url": format!("{}/{full_name}", to.web),
        "description": null,
        "fork": false,
        "url": url,
    });
    for (part, path) in PARTS {
        repository[format!("{part}_url")] = format!("{url}/{path}").into();
    }
    repository
}

pub(super) fn repository(to: &Addresses, full_name: &str) -> Value {
    let mut repository = minimal_repository(to, full_name);
    let page = format!("{}/{full_name}", to.web);
    let more = json!({
        "clone_url": format!("{page}.git"),
        "git_url": format!("git://forge.example/{full_name}.git"),
        "ssh_url": format!("git@forge.example:{full_name}.git"),
        "svn_url": page,
        "mirror_url": null,
        "homepage": null,
        "language": null,
        "license": null,
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "open_issues": 0,
        "open_issues_count": 0,
        "size": 108,
        "default_branch": "main",
        "has_issues": true,
        "has_projects": false,
        "has_wiki": false,
        "has_pages": false,
        "has_downloads": true,
        "has_discussions": false,
        "subscribers_count": 0,
        "network_count": 0,
        "archived": false,
        "disabled": false,
        "pushed_at": "2026-11-27T05:00:00Z",
        "created_at": "2026-01-26T19:01:12Z",
        "updated_at": "2026-11-27T05:00:00Z",
    });
    merge(&mut repository, more);
    repository
}

fn merge(object: &mut Value, more: Value) {
    let (Value::Object(object), Value::Object(more)) = (object, more) else { unreachable!() };
    object.extend(more);
}

pub(super) fn workflow(to: &Addresses, workflow: &FakeWorkflow) -> Value {
    let FakeWorkflow { id, repository, file, state, .. } = workflow;
    let page = format!("{}/{repository}", to.web);
    json!({
        "id": id,
        "node_id": format!("W_{id}"),
        "name": file.split('.').next(),
        "path": format!(".github/workflows/{file}"),
        "state": state,
        "created_at": "2026-01-26T19:01:12Z",
        "updated_at": "2026-11-27T05:00:00Z",
        "url": format!("{}/actions/workflows/{id}", to.repository(repository)),
        "html_url": format!("{page}/blob/main/.github/workflows/{file}"),
        "badge_url": format!("{page}/workflows/{file}/badge.svg"),
    })
}

pub(super) fn run(to: &Addresses, run: &FakeRun, workflow: u64) -> Value {
    let FakeRun { id, repository, attempt, .. } = run;
    let base = to.repository(repository);
    let url = format!("{base}/actions/runs/{id}");
    let sha = sha_or_zeros(&run.sha);
    let before = (*attempt > 1).then(|| format!("{url}/attempts/{}", attempt - 1));
    json!({
        "id": id,
        "name": run.workflow.split('.').next(),
        "node_id": format!("WFR_{id}"),
        "check_suite_id": id + 40_000,
        "check_suite_node_id": format!("CS_{id}"),
        "head_branch": run.branch,
        "head_sha": sha,
        "path": format!(".github/workflows/{}", run.workflow),
        "display_title": run.title,
        "run_number": id - 880,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": workflow,
        "url": url,
        "html_url": page(to, run),
        "pull_requests": [],
        "created_at": instant(run.created_at),
        "updated_at": instant(run.updated_at),
        "actor": user(to, &run.actor),
        "run_attempt": attempt,
        "referenced_workflows": [],
        "run_started_at": instant(run.started_at),
        "triggering_actor": user(to, &run.triggering_actor),
        "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"),
        "check_suite_url": format!("{base}/check-suites/{}", id + 40_000),
        "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"),
        "previous_attempt_url": before,
        "workflow_url": format!("{base}/actions/workflows/{workflow}"),
        "head_commit": {
            "id": sha,
            "tree_id": sha,
            "message": run.title,
            "timestamp": instant(run.created_at),
            "author": { "name": run.actor, "email": "somebody@users.noreply.github.com" },
            "committer": { "name": "GitHub", "email": "noreply@github.com" },
        },
        "repository": minimal_repository(to, repository),
        "head_repository": minimal_repository(to, repository),
    })
}

pub(super) fn page(to: &Addresses, run: &FakeRun) -> String {
    format!("{}/{}/actions/runs/{}", to.web, run.repository, run.id)
}

pub(super) fn job(to: &Addresses, run: &FakeRun, job: &FakeJob) -> Value {
    let base = to.repository(&run.repository);
    let began = job.began_at.unwrap_or(run.started_at);
    let steps = job.steps.iter().enumerate().map(|(at, step)| {
        let is_over = step.status == "completed";
        json!({
            "name": step.name,
            "number": at + 1,
            "status": step.status,
            "conclusion": step.conclusion,
            "started_at": instant(began),
            "completed_at": job.ended_at.filter(|_| is_over).map(instant),
        })
    });
    json!({
        "id": job.id,
        "run_id": run.id,
        "run_url": format!("{base}/actions/runs/{}", run.id),
        "run_attempt": run.attempt,
        "node_id": format!("CR_{}", job.id),
        "head_sha": sha_or_zeros(&run.sha),
        "head_branch": run.branch,
        "url": format!("{base}/actions/jobs/{}", job.id),
        "html_url": format!("{}/job/{}", page(to, run), job.id),
        "check_run_url": format!("{base}/check-runs/{}", job.id),
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": instant(run.started_at),
        // One that has not begun has the time at which it was made.
        "started_at": instant(began),
        "completed_at": job.ended_at.map(instant),
        "steps": steps.collect::<Vec<_>>(),
        "labels": ["ubuntu-latest"],
        "workflow_name": run.workflow.split('.').next(),
        "runner_id": job.began_at.map(|_| 1),
        "runner_name": job.began_at.map(|_| "GitHub Actions 1"),
        "runner_group_id": job.began_at.map(|_| 0),
        "runner_group_name": job.began_at.map(|_| "GitHub Actions"),
    })
}

/// An environment as a run that waits for it names it.
pub(super) fn environment_name(name: &str) -> Value {
    json!({
        "id": number(name),
        "node_id": format!("EN_{}", number(name)),
        "name": name,
        "url": format!("https://forge.example/environments/{name}"),
        "html_url": format!("https://forge.example/deployments?environments_filter={name}"),
    })
}

/// Somebody who may review: a person, or `team ops`.
pub(super) fn reviewer(name: &str) -> Value {
    let url = "https://forge.example".to_owned();
    let to = Addresses { api: format!("{url}/api"), web: url };
    let Some(team) = name.strip_prefix("team ") else {
        return json!({ "type": "User", "reviewer": user(&to, name) });
    };
    let url = format!("{}/teams/{}", to.api, number(team));
    let reviewer = json!({
        "id": number(team),
        "node_id": format!("T_{}", number(team)),
        "url": url,
        "html_url": format!("{}/teams/{team}", to.web),
        "name": team,
        "slug": team,
        "description": "",
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "members_url": format!("{url}/members{{/member}}"),
        "repositories_url": format!("{url}/repos"),
        "type": "organization",
        "parent": null,
    });
    json!({ "type": "Team", "reviewer": reviewer })
}

pub(super) fn deployment(to: &Addresses, deployment: &FakeDeployment) -> Value {
    let FakeDeployment { id, repository, environment, .. } = deployment;
    let base = to.repository(repository);
    let changed = deployment.statuses.last().map_or(deployment.created_at, |status| status.at);
    json!({
        "url": format!("{base}/deployments/{id}"),
        "id": id,
        "node_id": format!("DE_{id}"),
        "sha": sha_or_zeros(&deployment.sha),
        "ref": deployment.at,
        "task": "deploy",
        "payload": {},
        "original_environment": environment,
        "environment": environment,
        "description": null,
        "creator": user(to, &deployment.creator),
        "created_at": instant(deployment.created_at),
        "updated_at": instant(changed),
        "statuses_url": format!("{base}/deployments/{id}/statuses"),
        "repository_url": base,
        "transient_environment": false,
        "production_environment": environment == "production",
        "performed_via_github_app": null,
    })
}

pub(super) fn deployment_status(
    to: &Addresses,
    deployment: &FakeDeployment,
    status: &FakeDeploymentStatus,
) -> Value {
    let base = to.repository(&deployment.repository);
    let url = format!("{base}/deployments/{}", deployment.id);
    let of_run = deployment.run.map_or(String::new(), |run| format!("/runs/{run}/job/{run}1"));
    let page = format!("{}/{}/actions{of_run}", to.web, deployment.repository);
    json!({
        "url": format!("{url}/statuses/{}", status.id),
        "id": status.id,
        "node_id": format!("DES_{}", status.id),
        "state": status.state,
        "creator": user(to, &status.creator),
        "description": "",
        "environment": deployment.environment,
        "environment_url": format!("{}/{}", to.web, deployment.environment),
        "log_url": page.clone(),
        "target_url": page,
        "created_at": instant(status.at),
        "updated_at": instant(status.at),
        "deployment_url": url,
        "repository_url": base,
        "performed_via_github_app": null,
    })
}

/// A branch or a tag.
pub(super) fn reference(to: &Addresses, repository: &str, (name, sha): (&str, &str)) -> Value {
    let base = to.repository(repository);
    json!({
        "ref": format!("refs/{name}"),
        "node_id": format!("REF_{}", number(name)),
        "url": format!("{base}/git/refs/{name}"),
        "object": { "sha": sha, "type": "commit", "url": format!("{base}/git/commits/{sha}") },
    })
}

fn commit(to: &Addresses, repository: &str, sha: &str) -> Value {
    let (base, page) = (to.repository(repository), format!("{}/{repository}", to.web));
    let who = json!({ "name": "Bob", "email": "bob@example.com", "date": "2026-11-27T05:00:00Z" });
    json!({
        "url": format!("{base}/commits/{sha}"),
        "sha": sha,
        "node_id": format!("C_{sha}"),
        "html_url": format!("{page}/commit/{sha}"),
        "comments_url": format!("{base}/commits/{sha}/comments"),
        "commit": {
            "url": format!("{base}/git/commits/{sha}"),
            "author": who,
            "committer": who,
            "message": "a change",
            "comment_count": 0,
            "tree": { "sha": sha, "url": format!("{base}/git/trees/{sha}") },
        },
        "author": user(to, "bob"),
        "committer": user(to, "bob"),
        "parents": [],
    })
}

/// How a commit stands to another.
pub(super) fn comparison(
    to: &Addresses,
    repository: &str,
    (base, head): (&str, &str),
    (word, ahead, behind): (&str, usize, usize),
) -> Value {
    let page = format!("{}/{repository}/compare/{base}...{head}", to.web);
    json!({
        "url": format!("{}/compare/{base}...{head}", to.repository(repository)),
        "html_url": page,
        "permalink_url": page,
        "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"),
        "base_commit": commit(to, repository, base),
        "merge_base_commit": commit(to, repository, base),
        "status": word,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [],
        "files": [],
    })
}

pub(super) fn release(
    to: &Addresses,
    repository: &str,
    (tag, sha): (&str, &str),
    by: &str,
) -> Value {
    let (base, page) = (to.repository(repository), format!("{}/{repository}", to.web));
    let url = format!("{base}/releases/{}", number(tag));
    json!({
        "url": url,
        "html_url": format!("{page}/releases/tag/{tag}"),
        "assets_url": format!("{url}/assets"),
        "upload_url": format!("{url}/assets{{?name,label}}"),
        "tarball_url": format!("{base}/tarball/{tag}"),
        "zipball_url": format!("{base}/zipball/{tag}"),
        "id": number(tag),
        "node_id": format!("RE_{}", number(tag)),
        "tag_name": tag,
        "target_commitish": sha,
        "name": tag,
        "body": "",
        "draft": false,
        "prerelease": false,
        "created_at": "2026-11-27T05:00:00Z",
        "published_at": "2026-11-27T05:00:00Z",
        "author": user(to, by),
        "assets": [],
    })
}

/// The same with nothing in every field that GitHub has been seen to leave empty.
pub(super) fn emptied(mut object: Value) -> Value {
    const EMPTY: &[&str] = &[
        "actor",
        "creator",
        "description",
        "display_title",
        "head_branch",
        "head_commit",
        "head_repository",
        "pull_requests",
        "referenced_workflows",
        "run_started_at",
        "runner_name",
        "started_at",
        "triggering_actor",
        "updated_at",
        "workflow_name",
    ];
    for name in EMPTY {
        if let Some(value) = object.get_mut(*name) {
            *value = Value::Null;
        }
    }
    for name in ["environment_url", "log_url", "target_url"] {
        if let Some(value) = object.get_mut(name) {
            *value = "".into();
        }
    }
    // Seen in webhooks: a name that is there and empty.
    if object.get("run_number").is_some() {
        object["name"] = "".into();
    }
    object
}
