//! Runs at other engines that were given up and turn up afterwards: nobody wants them any more, and what they did is told.

use reqwest::Client;
use serde_json::json;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{DeploymentKind, Event, Fact};
use trunkline::domain::ids::DeploymentId;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remote::FoundBy;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline_testing::faulty_proxy::Fault;
use trunkline_testing::github::{DispatchFault, FakeRun, GitHub};

use super::github::Actions;
use super::remote::{Elsewhere, TOKEN};

/// The deployment that a late run of this one counts as.
fn counts_as(snapshot: &ServiceSnapshot, of: DeploymentId) -> Option<Deployment> {
    let row = |id| snapshot.deployments.iter().find(|row| row.deployment.id == id);
    let late = row(of)?.deployment.sent(0)?.late?;
    Some(row(late)?.deployment.clone())
}

fn alarm(snapshot: &ServiceSnapshot) -> Option<&Alarm> {
    snapshot.alarms.iter().find(|alarm| matches!(alarm, Alarm::LateRun { .. }))
}

impl Actions {
    /// A promote whose answer got lost and whose run no list shows, so that it was given up.
    async fn given_up(&self, run: impl Fn(&mut FakeRun) + Send + 'static) -> (Deployment, u64) {
        self.github.dispatch(DispatchFault::BadGateway);
        self.github.on_dispatch(move |new| {
            new.is_listed = false;
            run(new);
        });
        let deployment = self.promoted().await;
        assert_eq!(deployment.state(), DeploymentState::Interrupted, "{deployment:#?}");
        self.github.dispatch(DispatchFault::Pass);
        let run = self.github.runs().last().unwrap().id;
        (deployment, run)
    }

    async fn late_ended(&self, of: DeploymentId) -> Deployment {
        let ended = |snapshot: &ServiceSnapshot| {
            counts_as(snapshot, of).filter(|deployment| !deployment.is_open())
        };
        self.world.until("the late run has ended", ended).await
    }

    async fn sentences_of(&self, of: DeploymentId) -> Vec<String> {
        let is_found = |event: &&Event| matches!(event.fact, Fact::RunFound { deployment, how: FoundBy::Late, .. } if deployment == of);
        self.events().await.iter().filter(is_found).map(Event::sentence).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_appears_late_is_cancelled_and_said() {
    let mut all = Actions::open().await;
    let (given_up, run) = all.given_up(|_| {}).await;
    all.world.stop().await;
    all.github.change(run, |run| {
        run.is_listed = true;
        run.is_deaf = true;
        run.runs("deploy", "migrate");
    });
    all.world.start_by_file_as_it_is().await;
    let said = |snapshot: &ServiceSnapshot| alarm(snapshot).map(Alarm::sentence);
    let said = all.world.until("it is said", said).await;
    let late = all.world.until("it runs", |s| counts_as(s, given_up.id)).await;
    let page = format!("/acme/shop/actions/runs/{run} ({}); it is being cancelled", late.id);
    assert!(said.starts_with(&format!("a run of {} that was given up turned up: ", given_up.id)));
    assert!(said.ends_with(&page), "{said}");
    let build = all.world.verified("the next").await;
    let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
    let in_flight = plan.findings.iter().find(|found| found.guard == Guard::InFlight).unwrap();
    assert_eq!(in_flight.severity, Severity::Refuse);
    assert!(in_flight.sentence.contains("turned up late and is being cancelled"), "{in_flight:?}");
    all.github.until("it is asked to end", |github| github.runs()[0].forces > 0).await;
    let asked = (all.github.runs()[0].cancels, all.github.runs()[0].forces);
    // Another engine goes on where this one ended.
    all.world.stop().await;
    all.world.start_by_file_as_it_is().await;
    let again = move |github: &GitHub| (github.runs()[0].cancels, github.runs()[0].forces) > asked;
    all.github.until("it is asked once more", again).await;
    all.github.change(run, |run| run.ends("cancelled"));
    let ended = all.late_ended(given_up.id).await;
    assert_eq!((ended.id, ended.state()), (late.id, DeploymentState::Cancelled), "{ended:#?}");
    assert_eq!(
        (ended.request.kind, ended.request.build),
        (DeploymentKind::External, given_up.request.build)
    );
    let snapshot = all.world.until("it is over", |s| alarm(s).is_none().then(|| s.clone())).await;
    let said: Vec<_> = snapshot.alarms.iter().map(Alarm::sentence).collect();
    let doubt = format!(
        "production is in doubt: deployment of {} cancelled; what runs there is not known",
        given_up.request.build
    );
    assert_eq!(said, [doubt]);
    let turned_up = format!(
        "{} step 1 was given up and turned up as run {run} ({}); it is cancelled",
        given_up.id, late.id
    );
    assert_eq!(all.sentences_of(given_up.id).await, [turned_up]);
    assert_eq!((all.github.runs().len(), all.world.live_now()), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_run_that_had_ended_well_is_what_production_runs() {
    let all = Actions::open().await;
    let (given_up, run) = all.given_up(|run| run.succeeds("deploy", "deployed")).await;
    all.github.change(run, |run| run.is_listed = true);
    let ended = all.late_ended(given_up.id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded, "{ended:#?}");
    assert_eq!(ended.by.to_string(), "trunkline at github");
    assert_eq!(all.world.live_now(), Some(given_up.request.build));
    assert_eq!(all.github.count("POST", "cancel"), 0);
    let snapshot =
        all.world.until("nothing is in doubt", |s| s.alarms.is_empty().then(|| s.clone())).await;
    assert_eq!(snapshot.unsettled, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_job_is_cancelled_by_the_next_engine_too() {
    let Some(mut all) = Elsewhere::open().await else { return };
    all.server.job("shop", "echo begun; while [ ! -e open ]; do sleep 0.02; done; echo done");
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Unavailable { retry_after: 1 });
    let id = all.world.promote(build).await;
    let key = all.key(id).await;
    all.until_said_silent().await;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    all.line.set(Fault::Pass);
    assert_eq!(all.ended(id).await.state(), DeploymentState::Interrupted);
    all.world.stop().await;
    // The request was on its way all the time.
    let body = json!({
        "job": "shop", "service": "checkout", "environment": "production", "build": build.0, "sha": "3f2a9c1",
        "previous_sha": null, "kind": "promote", "deployment": id.to_string(), "by": "raj", "inputs": {},
    });
    let put = Client::builder().no_proxy().build().unwrap();
    let put = put.put(format!("{}/runs/{key}", all.server.url())).bearer_auth(TOKEN).json(&body);
    assert!(put.send().await.unwrap().status().is_success());
    all.server.until_started(&key).await;
    all.world.start_by_file_as_it_is().await;
    let ended = |s: &ServiceSnapshot| counts_as(s, id).filter(|late| !late.is_open());
    let late = all.world.until("the late run has ended", ended).await;
    assert_eq!((late.state(), late.request.build), (DeploymentState::Cancelled, build));
    all.server.until_ended(&key).await;
    assert_eq!((all.server.starts(&key), all.world.live_now()), (1, None));
    assert!(late.started_at.is_some(), "it had begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_job_of_a_first_request_is_cancelled_whatever_the_second_one_met() {
    // No server of jobs knows this one yet.
    let file = super::remote::file().replace("job = \"shop\"", "job = \"shop-new\"");
    let Some(all) = Elsewhere::with(&file).await else { return };
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Unavailable { retry_after: 1 });
    let id = all.world.promote(build).await;
    let key = all.key(id).await;
    all.until_said_silent().await;
    all.line.set(Fault::Pass);
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Interrupted, "{deployment:#?}");
    let why = deployment.trouble().unwrap_or_default();
    assert!(why.contains("an earlier request may still start a run at deployer"), "{why}");
    // The first request was on its way all the time.
    all.server.job("shop-new", "echo begun; while [ ! -e open ]; do sleep 0.02; done; echo done");
    let body = json!({
        "job": "shop-new", "service": "checkout", "environment": "production", "build": build.0, "sha": "3f2a9c1",
        "previous_sha": null, "kind": "promote", "deployment": id.to_string(), "by": "raj", "inputs": {},
    });
    let put = Client::builder().no_proxy().build().unwrap();
    let put = put.put(format!("{}/runs/{key}", all.server.url())).bearer_auth(TOKEN).json(&body);
    assert!(put.send().await.unwrap().status().is_success());
    let ended = |s: &ServiceSnapshot| counts_as(s, id).filter(|late| !late.is_open());
    let late = all.world.until("the late run has ended", ended).await;
    assert_eq!(late.state(), DeploymentState::Cancelled, "{late:#?}");
}
