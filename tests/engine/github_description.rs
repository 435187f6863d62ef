//! What trunkline asks of GitHub, and what the GitHub of these tests answers, held against GitHub's published descriptions.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use trunkline::config::user_file::UserFile;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::Outcome;
use trunkline::domain::remote::Waits;
use trunkline::engine::runner::remote::check_engines;
use trunkline_testing::github::{DeploymentOf, DispatchFault, GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::github_description::{DescribedGitHub, descriptions};

use crate::github::{Actions, file, settings};
use crate::github_ways::one_promote_in_every_way;

/// What trunkline asks, below the path of a repository.
const ASKED: [&str; 18] = [
    "GET ",
    "GET /actions/workflows",
    "POST /actions/workflows/{workflow_id}/dispatches",
    "GET /actions/workflows/{workflow_id}/runs",
    "GET /actions/runs/{run_id}",
    "GET /actions/runs/{run_id}/jobs",
    "GET /actions/runs/{run_id}/attempts/{attempt_number}",
    "GET /actions/runs/{run_id}/attempts/{attempt_number}/jobs",
    "GET /actions/runs/{run_id}/pending_deployments",
    "POST /actions/runs/{run_id}/pending_deployments",
    "GET /actions/jobs/{job_id}/logs",
    "GET /git/ref/{ref}",
    "POST /git/refs",
    "PATCH /git/refs/{ref}",
    "GET /compare/{basehead}",
    "POST /releases",
    "GET /releases/tags/{tag}",
    "POST /actions/runs/{run_id}/cancel",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_github_and_answered_here_is_as_github_describes_it() {
    for name in descriptions() {
        let github = GitHub::start().await;
        let Some(described) = DescribedGitHub::before(&github, &name).await else { return };
        let (address, path) = (described.address(), described.path());
        let all = Actions::before(github, address, &file("timeout = \"1m\""), path).await;
        checks_pass(&all, path).await;
        a_run_that_waits_for_a_review_succeeds(&all).await;
        a_run_is_found_without_its_number(&all).await;
        the_first_attempt_counts(&all).await;
        runs_are_ended(&all).await;
        one_promote_in_every_way(&all, path).await;
        others_are_answered(&all.github, &described).await;
        let operations = described.operations();
        for asked in ASKED {
            let (method, path) = asked.split_once(' ').unwrap();
            let operation = format!("{method} /repos/{{owner}}/{{repo}}{path}");
            assert!(operations.contains(&operation), "{name}: {operation}: {operations:?}");
        }
        assert!(operations.contains("GET /user"), "{name}: {operations:?}");
        assert!(operations.contains("GET /rate_limit"), "{name}: {operations:?}");
        let violations = described.violations();
        assert!(violations.is_empty(), "{name}: {}", violations.join("\n"));
    }
}

async fn checks_pass(all: &Actions, path: &str) {
    let file = all.world.user_file();
    for may in ["[\"acme/*\"]", "[\"acme/shop\"]"] {
        let settings = settings(&all.world, &format!("{}{path}", all.line.url()), may);
        all.world.write_user_file(&settings);
        let read = UserFile::load(&file).unwrap();
        let checks = check_engines(&read, file.clone(), BTreeMap::new()).await;
        assert_eq!(checks[0].answers, Ok(()));
    }
}

async fn a_run_that_waits_for_a_review_succeeds(all: &Actions) {
    let (id, run) = all.running().await;
    all.github.until("its jobs are seen", |github| github.count("GET", "/jobs?") > 2).await;
    all.github.change(run, |run| run.waits_for("production", &["ann", "team ops"]));
    let by = ["@ann", "team ops"].map(str::to_owned).to_vec();
    assert_eq!(all.waits(id).await, Waits::Approval { environment: "production".into(), by });
    all.github.change(run, |run| {
        run.pending.clear();
        run.succeeds("deploy", "deployed");
    });
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(all.log(id).await.0, ["deployed"]);
}

async fn a_run_is_found_without_its_number(all: &Actions) {
    all.github.dispatch(DispatchFault::NoDetails);
    all.github.on_dispatch(|run| run.succeeds("deploy", "deployed"));
    let deployment = all.promoted().await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    all.github.dispatch(DispatchFault::Pass);
}

async fn the_first_attempt_counts(all: &Actions) {
    all.github.on_dispatch(|run| {
        run.job_ends("deploy", "failure", Some("no table"));
        run.ends("failure");
        run.again();
    });
    assert_eq!(all.promoted().await.state(), DeploymentState::Failed);
}

async fn runs_are_ended(all: &Actions) {
    for hears in [true, false] {
        let before = all.github.runs().len();
        all.github.on_dispatch(move |run| {
            run.hears = hears;
            run.runs("deploy", "checkout");
        });
        let id = all.promote().await;
        all.github.until("it runs", |github| github.runs().len() > before).await;
        let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
        all.world.command("raj", cancel).await.unwrap();
        let deployment = all.world.ended(id).await;
        assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled, "{hears}");
    }
}

/// What the engine does not ask for, and the GitHub of these tests answers.
async fn others_are_answered(github: &GitHub, described: &DescribedGitHub) {
    let http = Client::builder().no_proxy().user_agent("a test").build().unwrap();
    let ask = async |method: Method, path: &str, body: Option<Value>, expected: u16| {
        let mut asked = http.request(method, format!("{}{path}", described.url()));
        if let Some(body) = body {
            asked = asked.json(&body);
        }
        let answer = asked.bearer_auth(GITHUB_TOKEN).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(status, expected, "{path}: {text}");
    };
    let get = async |path: &str| ask(Method::GET, path, None, 200).await;
    github.environment("free", &[], 0);
    github.environment("guarded", &["ann"], 30);
    let run = busy(github);
    let one = github.runs().into_iter().find(|one| one.id == run).unwrap();
    get("/user").await;
    for path in ["/releases/tags/r1-none", "/git/ref/tags%2Fnone"] {
        ask(Method::GET, &format!("/repos/acme/shop{path}"), None, 404).await;
    }
    let head = github.reference("heads/production").unwrap();
    for (method, path, body, status) in [
        (Method::POST, "/git/refs", json!({ "ref": "refs/heads/production", "sha": head }), 422),
        (Method::POST, "/git/refs", json!({ "ref": "refs/tags/new", "sha": "c".repeat(40) }), 422),
        (Method::PATCH, "/git/refs/heads%2Fnone", json!({ "sha": head }), 422),
    ] {
        ask(method, &format!("/repos/acme/shop{path}"), Some(body), status).await;
    }
    for path in [
        "/actions/workflows/deploy.yml",
        "/environments?per_page=100",
        "/actions/runs?branch=main&event=push&status=success&per_page=1&exclude_pull_requests=true",
        "/actions/runs?created=%3E%3D2020-01-01T00:00:00Z&head_sha=abc&actor=bob&page=2",
        "/actions/workflows/deploy-staging.yml/runs",
        "/deployments?environment=production&ref=main&task=deploy",
        "/deployments/5001",
        "/deployments/5001/statuses",
        &format!("/actions/jobs/{}", one.earlier[0].jobs[0].id),
    ] {
        get(&format!("/repos/acme/shop{path}")).await;
    }
    let of_run = format!("/repos/acme/shop/actions/runs/{run}");
    for path in ["", "/attempts/1", "/jobs?filter=all", "/pending_deployments", "/approvals"] {
        get(&format!("{of_run}{path}")).await;
    }
    let environments = [&one.pending[0]["environment"]["id"]];
    let review = json!({ "environment_ids": environments, "state": "approved", "comment": "" });
    ask(Method::POST, &format!("{of_run}/pending_deployments"), Some(review), 200).await;
    get(&format!("{of_run}/approvals")).await;
    ask(Method::POST, &format!("{of_run}/force-cancel"), None, 202).await;
    ask(Method::POST, &format!("{of_run}/rerun"), None, 201).await;
}

/// Others work here. Gives the number of a run that was started twice, and waits for a review.
fn busy(github: &GitHub) -> u64 {
    let run = github.push_run(RunOf { sha: &"a".repeat(40), ..RunOf::default() });
    github.succeed(run, "deploy");
    github.rerun(run, "ann");
    github.change(run, |run| run.waits_for("staging", &["ann", "team ops"]));
    let bot = github.push_run(RunOf { actor: "renovate[bot]", title: "", ..RunOf::default() });
    github.change(bot, |run| run.runs("deploy", "checkout"));
    let deployment =
        github.deploy(DeploymentOf { creator: "vercel[bot]", ..DeploymentOf::default() });
    for word in ["in_progress", "success", "inactive"] {
        github.deployment_status(deployment, word, "vercel[bot]");
    }
    run
}
