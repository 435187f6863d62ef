//! A rollback while a run at GitHub goes on: it goes out behind that run where GitHub keeps the order, and else waits for its end;
//! and a person can stop waiting.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Event, Fact, Outcome};
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::log::LogFrom;
use trunkline::domain::remedy::Remedy;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline_testing::engine::refusal;

use super::github::Actions;

const IN_PLAIN_WORDS: &str = "on: workflow_dispatch\nconcurrency:\n  group: Production\n";

impl Actions {
    /// A promote whose run holds these groups and does not hear that it is to end, after one that went well. A rollback's run
    /// waits behind it.
    async fn deaf_promote(&self, groups: &'static [&'static str]) -> (Deployment, DeploymentId) {
        let good = self.promoted().await;
        self.github.on_dispatch(|run| {
            if run.inputs["kind"] == "rollback" {
                run.status = "pending".into();
            } else {
                run.runs("deploy", "migrate");
                run.group = groups.first().map(|name| (*name).to_owned());
                run.is_deaf = true;
            }
        });
        let bad = self.promote().await;
        self.github.until("it runs", |github| github.runs().len() == 2).await;
        (good, bad)
    }

    /// Waits until the log of the one step says this.
    async fn noted(&self, id: DeploymentId, text: &str) {
        let backend = self.world.backend("raj");
        let (mut cursor, mut seen) = (0, String::new());
        while !seen.contains(text) {
            let (from, wait) = (LogFrom::After(cursor), Duration::from_secs(5));
            let page = backend.log(&self.world.service, id, 0, from, 1 << 16, wait).await.unwrap();
            cursor = page.next;
            seen += &String::from_utf8_lossy(&page.bytes);
            assert!(!page.ended || seen.contains(text), "{seen}");
        }
    }

    async fn cancel(&self, deployment: DeploymentId) {
        let cancel = Command::Cancel { deployment, reason: "a test".into() };
        self.world.command("raj", cancel).await.unwrap();
    }

    async fn ends(&self) -> Vec<DeploymentId> {
        let ended = |event: Event| match event.fact {
            Fact::DeploymentEnded { deployment, .. } => Some(deployment),
            _ => None,
        };
        self.events().await.into_iter().filter_map(ended).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_does_not_wait_for_a_graceful_cancel_where_the_engine_keeps_order() {
    let all = Actions::open().await;
    all.github.workflow("acme/shop", "deploy.yml", |it| it.text = Some(IN_PLAIN_WORDS.into()));
    let (good, bad) = all.deaf_promote(&["production"]).await;
    let back = all.world.rollback().await;
    all.github.until("the rollback is sent", |github| github.runs().len() == 3).await;
    let runs = all.github.runs();
    assert_eq!(
        (runs[1].status.as_str(), runs[2].inputs["kind"].as_str()),
        ("in_progress", "rollback")
    );
    let note = "the rollback goes out now: github keeps it behind this run, in the concurrency group Production";
    all.noted(bad, note).await;
    // What ended last is told last, in whatever order it is seen.
    all.github.change(runs[2].id, |run| run.succeeds("deploy", "back"));
    let step_ended = |s: &ServiceSnapshot| {
        let row = s.deployments.iter().find(|row| row.deployment.id == back)?;
        row.deployment.running_step().is_none().then(|| row.deployment.clone())
    };
    all.noted(back, "back").await;
    let waits = all
        .world
        .until("its step has ended", |s| step_ended(s).filter(|d| d.telling_step().is_some()))
        .await;
    assert!(waits.is_open(), "{waits:#?}");
    all.github.change(runs[1].id, |run| run.ends("cancelled"));
    let back = all.world.ended(back).await;
    assert_eq!(
        (back.state(), back.request.build),
        (DeploymentState::Succeeded, good.request.build)
    );
    assert_eq!(all.world.deployment(bad).ended.unwrap().outcome, Outcome::Cancelled);
    assert!(all.ends().await.ends_with(&[bad, back.id]));
    assert_eq!(all.world.live_now(), Some(good.request.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_waits_where_nothing_shows_that_the_engine_keeps_order() {
    let expression = "concurrency:\n  group: deploy-${{ inputs.kind }}\n";
    for (file, groups) in [
        (expression, &["deploy-promote"][..]),
        (IN_PLAIN_WORDS, &[][..]),
        (IN_PLAIN_WORDS, &["staging"][..]),
        ("", &["production"][..]),
    ] {
        let all = Actions::open().await;
        if !file.is_empty() {
            all.github.workflow("acme/shop", "deploy.yml", |it| it.text = Some(file.into()));
        }
        let (good, bad) = all.deaf_promote(groups).await;
        let back = all.world.rollback().await;
        all.noted(bad, "the rollback waits for the end of this run").await;
        assert_eq!(all.github.runs().len(), 2, "{file}");
        let run = all.github.runs()[1].id;
        all.github.change(run, |run| run.ends("cancelled"));
        all.github.until("the rollback is sent", |github| github.runs().len() == 3).await;
        let run = all.github.runs()[2].id;
        all.github.change(run, |run| run.succeeds("deploy", "back"));
        let back = all.world.ended(back).await;
        assert_eq!(back.request.build, good.request.build);
        assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_wanted_after_the_cancel_goes_out_behind_the_run_too() {
    let all = Actions::open().await;
    all.github.workflow("acme/shop", "deploy.yml", |it| it.text = Some(IN_PLAIN_WORDS.into()));
    let (_, bad) = all.deaf_promote(&["production"]).await;
    all.cancel(bad).await;
    all.github.until("it is asked to end", |github| github.runs()[1].cancels > 0).await;
    all.world.rollback().await;
    all.github.until("the rollback is sent", |github| github.runs().len() == 3).await;
    assert!(all.world.deployment(bad).is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_stop_waiting_for_a_run_that_does_not_end() {
    let all = Actions::open().await;
    let (good, bad) = all.deaf_promote(&[]).await;
    let give_up = Command::GiveUp { deployment: bad, reason: "it hangs".into() };
    let said = refusal(all.world.command("raj", give_up.clone()).await).to_string();
    assert!(said.contains("is not being cancelled; cancel it first"), "{said}");
    all.cancel(bad).await;
    all.github.until("it is asked to end", |github| github.runs()[1].forces > 0).await;
    let again = Command::Cancel { deployment: bad, reason: String::new() };
    let Refusal::Invalid { remedy, .. } = refusal(all.world.command("raj", again).await) else {
        panic!("it is no refusal of that kind");
    };
    assert_eq!(remedy, Some(Remedy::GiveUp { deployment: bad }));
    let receipt = all.world.command("raj", give_up).await.unwrap();
    let run = all.github.runs()[1].id;
    assert_eq!(
        receipt.said,
        format!("{bad} is given up; run {run} at github may still change production")
    );
    let deployment = all.world.ended(bad).await;
    let why = deployment.trouble().unwrap_or_default();
    assert!(matches!(deployment.ended.as_ref().unwrap().outcome, Outcome::Interrupted(_)), "{why}");
    assert!(
        why.contains(&format!(
            "raj stopped waiting for run {run} at github, which was asked to end (it hangs); it may still change production"
        )),
        "{why}"
    );
    // A rollback waits no more, either.
    let back = all.world.rollback().await;
    all.github.until("the rollback is sent", |github| github.runs().len() == 3).await;
    let third = all.github.runs()[2].id;
    all.github.change(third, |run| run.succeeds("deploy", "back"));
    assert_eq!(all.world.ended(back).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.world.live_now(), Some(good.request.build));
    // And what the run does in the end is told all the same.
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    let live = |s: &ServiceSnapshot| {
        let live = s.live.get(&Environment::Production)?;
        let live = Some(live).filter(|live| live.build == deployment.request.build)?;
        s.deployments.iter().find(|row| row.deployment.id == live.deployment).cloned()
    };
    let late = all.world.until("the end of the run is told", live).await;
    assert_eq!(late.deployment.by.to_string(), "trunkline at github");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_evicted_from_its_group_is_an_alarm_and_offered_anew() {
    let all = Actions::open().await;
    let good = all.promoted().await;
    all.promoted().await;
    all.github.on_dispatch(|run| run.ends("cancelled"));
    let back = all.world.rollback().await;
    let evicted = all.world.ended(back).await;
    let why = evicted.trouble().unwrap_or_default().to_owned();
    assert!(why.contains("cancelled at github: by somebody there, or by another run"), "{why}");
    let alarms = all
        .world
        .until("it is an alarm", |s| (!s.alarms.is_empty()).then(|| s.alarms.clone()))
        .await;
    let said: Vec<_> = alarms.iter().map(Alarm::sentence).collect();
    let build = good.request.build;
    let doubt = format!(
        "production is in doubt: rollback of {build} failed at step release; what runs there is not known"
    );
    assert_eq!(said, [doubt]);
    let plan = all.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!((plan.target.build, plan.retries), (build, Some(back)));
    all.github.on_dispatch(|run| run.succeeds("deploy", "back"));
    let again = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    assert_eq!(all.world.ended(again).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.world.live_now(), Some(build));
}
