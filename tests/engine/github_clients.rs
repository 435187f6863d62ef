//! The GitHub of these tests, read by a client of GitHub that nobody here wrote: what is tried on it is tried on something
//! that others take for GitHub.

use std::process::Command;

use serde_json::Value;
use trunkline_testing::github::{DeploymentOf, GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::proofs::installed;

/// Asks as a person's script would, and prints what it read.
const SCRIPT: &str = r#"
import json, os, github
from github import Auth, Github

hub = Github(base_url=os.environ["URL"], auth=Auth.Token(os.environ["TOKEN"]), per_page=2, retry=None)
shop = hub.get_repo("acme/shop")
staging = shop.get_workflow("deploy-staging.yml")
pushed = list(shop.get_workflow_runs(branch="main", event="push", status="success"))
rerun = shop.get_workflow_run(int(os.environ["RERUN"]))
deploy = shop.get_workflow("deploy.yml")
took = deploy.create_dispatch(shop.default_branch, {"sha": "a" * 40, "kind": "promote", "trunkline": "by-hand"})
dispatched = list(deploy.get_runs(event="workflow_dispatch"))
ours = dispatched[0]
deployments = list(shop.get_deployments(environment="production"))
try:
    hub.get_repo("acme/other")
    missing = "found"
except github.UnknownObjectException as error:
    missing = error.status
print(json.dumps({
    "login": hub.get_user().login,
    "name": shop.full_name,
    "workflows": [one.path for one in shop.get_workflows()],
    "staging": staging.state,
    "pushed": [(one.head_sha, one.actor.login, one.conclusion) for one in pushed],
    "count": shop.get_workflow_runs(branch="main").totalCount,
    "rerun": [rerun.run_attempt, rerun.triggering_actor.login, rerun.actor.login],
    "jobs": [(one.name, one.conclusion, len(one.steps)) for one in rerun.jobs("all")],
    "took": took,
    "ours": [ours.id, ours.display_title, ours.status, ours.event],
    "cancelled": ours.cancel(),
    "after": shop.get_workflow_run(ours.id).conclusion,
    "deployments": [(one.sha, one.creator.login, [s.state for s in one.get_statuses()]) for one in deployments],
    "left": hub.get_rate_limit().rate.remaining < 5000,
    "missing": missing,
}))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_others_reads_the_github_of_these_tests() {
    let Some(packages) = installed("TRUNKLINE_PYGITHUB", "reading GitHub with PyGithub") else {
        return;
    };
    let github = GitHub::start().await;
    let shas: Vec<_> = (0..5).map(|n: u8| n.to_string().repeat(40)).collect();
    let runs: Vec<_> =
        shas.iter().map(|sha| github.push_run(RunOf { sha, ..RunOf::default() })).collect();
    for run in &runs {
        github.change(*run, |run| run.runs("deploy", "checkout"));
        github.succeed(*run, "deploy");
    }
    github.rerun(runs[0], "ann");
    github.on_dispatch(|run| run.runs("deploy", "checkout"));
    let deployment = github.deploy(DeploymentOf { sha: &shas[1], ..DeploymentOf::default() });
    for word in ["in_progress", "success"] {
        github.deployment_status(deployment, word, "bob");
    }
    let mut python = Command::new(std::env::var_os("TRUNKLINE_PYTHON").unwrap_or("python3".into()));
    python.args(["-c", SCRIPT]).env("PYTHONPATH", packages).env("URL", github.url());
    python.env("TOKEN", GITHUB_TOKEN).env("RERUN", runs[0].to_string()).env_remove("HTTP_PROXY");
    let told = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let pushed: Vec<_> =
        shas[1..].iter().rev().map(|sha| serde_json::json!([sha, "bob", "success"])).collect();
    let expected = serde_json::json!({
        "login": "trunkline-acme",
        "name": "acme/shop",
        "workflows": [".github/workflows/deploy.yml", ".github/workflows/deploy-staging.yml"],
        "staging": "active",
        "pushed": pushed,
        "count": 6,
        "rerun": [2, "ann", "bob"],
        "jobs": [["deploy", "success", 1]],
        "took": true,
        "ours": [886, format!("deploy {} by-hand", "a".repeat(40)), "in_progress", "workflow_dispatch"],
        "cancelled": true,
        "after": "cancelled",
        "deployments": [[shas[1], "bob", ["success", "in_progress"]]],
        "left": true,
        "missing": 404,
    });
    assert_eq!(told, expected);
}
