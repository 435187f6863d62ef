//! Steps at a GitHub that stands in the way: late, limited, renewed, moved, full of others, and with nothing where something was.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::Outcome;
use trunkline::domain::remote::Waits;
use trunkline::engine::RemoteTimes;
use trunkline_testing::github::{DispatchFault, GITHUB_TOKEN, RunOf};

use crate::github::{Actions, TIMES, file};

/// Somebody else's start of the same workflow.
const OTHER: RunOf<'_> = RunOf {
    repository: "acme/shop",
    workflow: "deploy.yml",
    event: "workflow_dispatch",
    branch: "main",
    sha: "",
    actor: "bob",
    title: "deploy by hand",
    status: "in_progress",
    conclusion: None,
};

fn trouble(deployment: &Deployment) -> String {
    deployment.trouble().unwrap_or_default().to_owned()
}

fn assert_succeeded(deployment: &Deployment, what: &str) {
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{what}: {deployment:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_failure_follows_an_accepted_dispatch_it_is_sent_once() {
    let all = Actions::open().await;
    for status in [500, 502, 503, 504, 408] {
        let runs = all.github.runs().len();
        all.github.lose_next(1, "POST", "/dispatches", status);
        assert_succeeded(&all.promoted().await, &status.to_string());
        assert_eq!(all.github.runs().len() - runs, 1, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_found_by_a_list_that_is_late_by_a_clock_that_is_off_among_many_that_move() {
    let mut all = Actions::open().await;
    all.world.stop().await;
    all.world.remote_times = RemoteTimes { settling: Duration::from_mins(1), ..TIMES };
    all.world.start_by_file_as_it_is().await;
    all.github.dispatch(DispatchFault::NoDetails);
    for clock in [-40, 80] {
        all.github.move_clock(TimeDelta::seconds(clock));
        all.github.lists_late(TimeDelta::minutes(5));
        let id = all.promote().await;
        let asked = all.github.count("GET", "/runs?");
        all.github.until("it is looked for", |github| github.count("GET", "/runs?") > asked).await;
        all.github.lists_late(TimeDelta::zero());
        for _ in 0..70 {
            all.github.push_run(OTHER);
        }
        all.github.push_between_pages(OTHER);
        all.github.move_clock(TimeDelta::minutes(5));
        assert_succeeded(&all.world.ended(id).await, &clock.to_string());
        all.github.move_clock(TimeDelta::minutes(-5));
    }
    let pages = all.github.count("GET", "&page=2");
    assert!(pages > 0, "it was on no first page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_through_limits_and_a_new_token() {
    let all = Actions::open().await;
    let (id, run) = all.running().await;
    all.github.until("it is looked at", |github| github.count("GET", "/jobs?") > 0).await;
    let limited = || all.github.seen().iter().filter(|request| request.status == 403).count();
    let looks = || all.github.seen().iter().filter(|request| request.status < 400).count();
    all.github.limit_for(TimeDelta::seconds(4));
    let (before, seen) = (limited(), looks());
    all.github.until("it is asked after that", |_| limited() > before && looks() > seen + 1).await;
    assert_eq!(limited() - before, 1, "it says when to come again");
    all.github.leave(GITHUB_TOKEN, 0, TimeDelta::seconds(4));
    let (before, seen) = (limited(), looks());
    all.github
        .until("it is asked in the next hour", |_| limited() > before && looks() > seen)
        .await;
    assert_eq!(limited() - before, 1, "it says when the hour is over");

    all.github.revoke(GITHUB_TOKEN);
    all.github
        .until("nobody knows the token", |github| {
            github.seen().iter().any(|request| request.status == 401)
        })
        .await;
    all.github.add_token("ghs_of_another_length", "trunkline-app[bot]");
    std::fs::write(all.world.folder().join("token"), "ghs_of_another_length\n").unwrap();
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    assert_succeeded(&all.world.ended(id).await, "a new token");
    assert_eq!(all.log(id).await.0, ["deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_on_to_another_host_is_not_followed() {
    let all = Actions::open().await;
    let (id, run) = all.running().await;
    all.github.until("it is looked at", |github| github.count("GET", "/jobs?") > 0).await;
    all.github.send_on_next(3, "GET", "/actions/runs/");
    all.github
        .until("all three were sent on", |github| {
            github.seen().iter().filter(|request| request.status == 307).count() == 3
        })
        .await;
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    assert_succeeded(&all.world.ended(id).await, "it was sent on");
    all.github.send_on_next(1, "POST", "/dispatches");
    let why = trouble(&all.promoted().await);
    assert!(why.contains("the repository was renamed or moved"), "{why}");
    assert_eq!(all.github.strays(), (0, 0));
    assert_eq!(all.github.runs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_nothing_where_github_may_leave_it_out_is_seen_through() {
    let all = Actions::open().await;
    all.github.odd(true);
    let (id, run) = all.running().await;
    all.github.until("it is looked at", |github| github.count("GET", "/jobs?") > 1).await;
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    assert_succeeded(&all.world.ended(id).await, "nothing is told");
    assert_eq!(all.log(id).await.0, ["deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_behind_another_of_its_group_and_a_newer_one_takes_its_place() {
    let all = Actions::with(&file("timeout = \"1m\""), "").await;
    all.github.workflow("acme/shop", "deploy.yml", |workflow| {
        workflow.group = Some("production".into());
    });
    let first = all.github.push_run(OTHER);
    let id = all.promote().await;
    assert_eq!(all.waits(id).await, Waits::Behind);
    all.github.set(first, "completed", "success");
    assert_succeeded(&all.world.ended(id).await, "its turn came");

    all.github.push_run(OTHER);
    let id = all.promote().await;
    assert_eq!(all.waits(id).await, Waits::Behind);
    all.github.push_run(OTHER);
    let evicted = all.world.ended(id).await;
    let outcome = &evicted.ended.as_ref().unwrap().outcome;
    assert!(matches!(outcome, Outcome::Failed(_)), "nobody here cancelled it: {outcome}");
    assert!(trouble(&evicted).contains("another run of its concurrency group"), "{evicted:#?}");
}
