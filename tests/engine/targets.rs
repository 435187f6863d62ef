//! Several targets in a step, as jobs over HTTP: each has its own run, whatever happens between two of them.

use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState, StepState};
use trunkline::domain::event::{Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::target::in_words;
use trunkline_testing::engine::QUICK;
use trunkline_testing::faulty_proxy::Fault;

use super::remote::Elsewhere;

/// A service whose production has targets in this order, and whose rollback takes them together.
pub(super) fn file(order: &str, of: impl Fn(&str) -> String) -> String {
    let start = QUICK.find("[[production.steps]]").expect("it has production");
    let step = |order: &str| {
        let targets: Vec<_> = ["eu", "us"].map(of_name(&of)).into();
        format!(
            "name = \"release\"\norder = {order:?}\ntimeout = \"1m\"\n\
             inputs = {{ sha = \"{{sha}}\", region = \"{{target}}\", kind = \"{{kind}}\", trunkline = \"{{run}}\" }}\n\
             targets = [{}]\n",
            targets.join(", ")
        )
    };
    let (production, rollback) = (step(order), step("together"));
    format!("{}[[production.steps]]\n{production}[[rollback.steps]]\n{rollback}", &QUICK[..start])
}

fn of_name(of: &impl Fn(&str) -> String) -> impl Fn(&str) -> String + '_ {
    move |name| format!("{{ name = {name:?}, {} }}", of(name))
}

fn at_deployer(name: &str) -> String {
    format!("http = {{ engine = \"deployer\", job = \"shop-{name}\" }}")
}

const GATED: &str = "echo \"$JOB_INPUT_REGION begun\"; while [ ! -e \"open-$JOB_INPUT_REGION\" ]; do sleep 0.02; done; echo done";

impl Elsewhere {
    async fn regions(order: &str) -> Option<Self> {
        let all = Self::with(&file(order, at_deployer)).await?;
        for name in ["eu", "us"] {
            all.server.job(
                &format!("shop-{name}"),
                "echo \"$JOB_KIND of $JOB_BUILD to $JOB_INPUT_REGION\"",
            );
        }
        Some(all)
    }

    /// From now on the jobs of these regions wait for their gates.
    fn gate(&self, names: &[&str]) {
        for name in names {
            self.server.job(&format!("shop-{name}"), GATED);
        }
    }

    fn open_gate_of(&self, name: &str) {
        std::fs::write(self.server.jobs().join(format!("open-{name}")), "").unwrap();
    }

    /// The key of a step of a deployment, once it is recorded.
    async fn key_of(&self, id: DeploymentId, step: usize) -> String {
        let key = |snapshot: &ServiceSnapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            Some(row.deployment.sent(step)?.key.to_string())
        };
        self.world.until("the step is recorded as sent", key).await
    }

    async fn live_everywhere(&self) -> BuildNumber {
        let (build, id) = self.promote("good").await;
        assert_eq!(self.ended(id).await.state(), DeploymentState::Succeeded);
        build
    }

    async fn cancel(&self, deployment: DeploymentId) {
        let cancel = Command::Cancel { deployment, reason: "a test".into() };
        self.world.command("raj", cancel).await.unwrap();
    }

    async fn snapshot(&self) -> ServiceSnapshot {
        self.world.until("there is a snapshot", |snapshot| Some(snapshot.clone())).await
    }

    /// How often each step of a deployment was recorded as sent.
    async fn sent(&self, id: DeploymentId) -> Vec<usize> {
        let events = self.world.handle().events(None, Seq(0), 10_000).await.unwrap();
        let steps = events.into_iter().filter_map(|event| match event.fact {
            Fact::RunSent { deployment, step, .. } if deployment == id => Some(step),
            _ => None,
        });
        steps.collect()
    }
}

fn standing(snapshot: &ServiceSnapshot) -> String {
    in_words(snapshot.targets.get(&Environment::Production).map_or(&[], Vec::as_slice))
}

fn key(deployment: &Deployment, step: usize) -> &str {
    deployment.sent(step).unwrap().key.as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_its_own_run_key_inputs_and_log() {
    let Some(all) = Elsewhere::regions("one-by-one").await else { return };
    let (build, id) = all.promote("a change").await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    for (step, name) in ["eu", "us"].into_iter().enumerate() {
        let key = key(&deployment, step);
        assert!(key.contains(&format!("-{id}.{}-{name}-", step + 1)), "{key}");
        assert_eq!(all.server.starts(key), 1);
        let line = format!("promote of {} to {name}", build.0);
        assert_eq!(all.world.log(id, step).await, [line]);
    }
    let snapshot = all.snapshot().await;
    assert_eq!(standing(&snapshot), format!("eu us {build}"));
    assert_eq!((all.world.live_now(), snapshot.unsettled), (Some(build), None));
    let events = all.world.handle().events(None, Seq(0), 10_000).await.unwrap();
    let said: Vec<_> = events.iter().map(trunkline::domain::event::Event::sentence).collect();
    for sentence in [
        format!("{id} step 2 (target us) started"),
        format!("{id} step 2 (target us) goes to deployer as {}", key(&deployment, 1)),
        format!("{id} step 2 (target us): succeeded"),
    ] {
        assert!(said.contains(&sentence), "{sentence}: {said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_the_middle_leaves_production_unsettled_and_a_rollback_takes_all() {
    let Some(all) = Elsewhere::regions("one-by-one").await else { return };
    let good = all.live_everywhere().await;
    all.server.job("shop-us", "[ \"$JOB_KIND\" = rollback ] || exit 3");
    let (bad, id) = all.promote("bad").await;
    let deployment = all.ended(id).await;
    let why = "step release@us: failed at deployer: exit status 3 (eu succeeded)";
    assert_eq!(deployment.trouble(), Some(why));
    let snapshot = all.snapshot().await;
    assert_eq!(standing(&snapshot), format!("eu {bad}, us {good} or {bad}"));
    assert_eq!((all.world.live_now(), snapshot.unsettled), (Some(good), Some(id)));
    let told: Vec<_> = snapshot.alarms.iter().map(Alarm::sentence).collect();
    let alarm = format!(
        "production differs by target: eu {bad}, us {good} or {bad}; promote of {bad} failed at step release@us"
    );
    assert_eq!(told, [alarm]);
    let plan = all.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(plan.target.build, good);
    let said: Vec<_> = plan.findings.iter().map(|finding| finding.sentence.clone()).collect();
    let differ = format!(
        "Targets of production differ: eu {bad}, us {good} or {bad}. This brings {good} to all of them"
    );
    assert!(said.contains(&differ), "{said:#?}");
    let by_hand = plan.by_hand.as_ref().unwrap().commands.join("\n");
    for line in ["Step release@eu", "Step release@us", "\"region\":\"us\""] {
        assert!(by_hand.contains(line), "{by_hand}");
    }
    let back = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    let back = all.ended(back).await;
    assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    assert_eq!((all.server.starts(key(&back, 0)), all.server.starts(key(&back, 1))), (1, 1));
    let snapshot = all.snapshot().await;
    assert_eq!((standing(&snapshot), snapshot.unsettled), (format!("eu us {good}"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_between_two_targets_each_run_has_started_once() {
    let Some(mut all) = Elsewhere::regions("one-by-one").await else { return };
    all.gate(&["eu", "us"]);
    let (build, id) = all.promote("a change").await;
    let eu = all.key_of(id, 0).await;
    all.server.until_started(&eu).await;
    all.world.stop().await;
    all.open_gate_of("eu");
    all.server.until_ended(&eu).await;
    all.world.start_by_file_as_it_is().await;
    let us = all.key_of(id, 1).await;
    all.server.until_started(&us).await;
    all.world.stop().await;
    all.world.start_by_file_as_it_is().await;
    all.open_gate_of("us");
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!((all.server.starts(&eu), all.server.starts(&us)), (1, 1));
    assert_eq!((all.sent(id).await, all.line.count("PUT")), (vec![0, 1], 2));
    assert_eq!(all.world.log(id, 1).await, ["us begun", "done"]);
    assert_eq!(all.world.live_now(), Some(build));
}

#[tokio::test(flavor = "multi_thread")]
async fn together_all_run_at_once_and_each_is_found_again_after_a_crash() {
    let Some(mut all) = Elsewhere::regions("together").await else { return };
    all.gate(&["eu", "us"]);
    all.line.set(Fault::LoseAnswer);
    let (_, id) = all.promote("a change").await;
    let keys = [all.key_of(id, 0).await, all.key_of(id, 1).await];
    for key in &keys {
        all.server.until_started(key).await;
    }
    all.world.stop().await;
    all.line.set(Fault::Pass);
    all.world.start_by_file_as_it_is().await;
    all.open_gate_of("us");
    all.server.until_ended(&keys[1]).await;
    let is_over = |snapshot: &ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        row.deployment.steps[1].succeeded().then(|| row.deployment.clone())
    };
    let deployment = all.world.until("us has ended", is_over).await;
    assert!(deployment.is_open() && deployment.runs_step(0), "it waits for eu: {deployment:#?}");
    all.open_gate_of("eu");
    assert_eq!(all.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(keys.map(|key| all.server.starts(&key)), [1, 1]);
    assert_eq!((all.sent(id).await, all.line.count("PUT")), (vec![0, 1], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_all_runs_that_go_on_and_starts_no_other() {
    let Some(all) = Elsewhere::regions("together").await else { return };
    all.gate(&["eu", "us"]);
    let (_, id) = all.promote("a change").await;
    for step in 0..2 {
        all.server.until_started(&all.key_of(id, step).await).await;
    }
    all.cancel(id).await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(all.line.count("DELETE"), 2);

    let Some(all) = Elsewhere::regions("one-by-one").await else { return };
    all.gate(&["eu"]);
    let (_, id) = all.promote("a change").await;
    all.server.until_started(&all.key_of(id, 0).await).await;
    all.cancel(id).await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.ended.as_ref().unwrap().outcome, Outcome::Cancelled);
    assert_eq!(deployment.steps[1], StepState::Skipped);
    assert_eq!((all.line.count("PUT"), all.server.all_starts().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_with_one_of_two_targets_done_brings_both_back() {
    let Some(all) = Elsewhere::regions("one-by-one").await else { return };
    let good = all.live_everywhere().await;
    all.server.job("shop-us", "[ \"$JOB_KIND\" = rollback ] || while :; do sleep 0.02; done");
    let (bad, id) = all.promote("bad").await;
    let us = all.key_of(id, 1).await;
    all.server.until_started(&us).await;
    let snapshot = all.snapshot().await;
    assert_eq!(standing(&snapshot), format!("eu {bad}, us {good}"), "while it goes on");
    assert_eq!((all.world.live_now(), snapshot.unsettled), (Some(good), None));
    let back = all.world.rollback().await;
    assert_eq!(all.ended(id).await.ended.unwrap().outcome, Outcome::Cancelled);
    let back = all.ended(back).await;
    assert_eq!((back.state(), back.request.build), (DeploymentState::Succeeded, good));
    assert_eq!((all.server.starts(key(&back, 0)), all.server.starts(key(&back, 1))), (1, 1));
    assert_eq!(all.server.starts(&us), 1);
    let snapshot = all.snapshot().await;
    assert_eq!((standing(&snapshot), snapshot.unsettled), (format!("eu us {good}"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_its_own_time_to_run() {
    let file = file("together", at_deployer).replace("timeout = \"1m\"", "timeout = \"1s\"");
    let Some(all) = Elsewhere::with(&file).await else { return };
    all.gate(&["eu"]);
    all.server.job("shop-us", "echo quick");
    let (_, id) = all.promote("a change").await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.trouble(), Some("step release@eu: timed out (us succeeded)"));
}
