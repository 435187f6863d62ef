//! Several targets in a step, as workflows of GitHub: each is dispatched once, waits, is given up and turns up for itself.

use trunkline::domain::command::Command;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Fact, Outcome};
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::plan::Guard;
use trunkline::domain::remote::{FoundBy, Waits};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::target::in_words;
use trunkline_testing::github::{DispatchFault, FakeRun};

use super::github::Actions;
use super::targets::file;

fn at_github(_: &str) -> String {
    "github = { engine = \"github\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\", job = \"deploy\" }".to_owned()
}

impl Actions {
    async fn regions(order: &str) -> Self {
        let all = Self::with(&file(order, at_github), "").await;
        all.github.workflow("acme/shop", "deploy.yml", |workflow| {
            workflow.inputs.get_or_insert_default().insert("region".into());
        });
        all
    }

    /// The run of a region that was dispatched last, once it is there.
    async fn run_of(&self, region: &'static str) -> FakeRun {
        let is = |run: &FakeRun| run.inputs["region"] == region && run.conclusion.is_none();
        self.github.until("the region is dispatched", |github| github.runs().iter().any(is)).await;
        self.github.runs().into_iter().find(is).unwrap()
    }

    async fn end(&self, region: &'static str, word: &'static str) {
        let run = self.run_of(region).await.id;
        self.github.change(run, |run| match word {
            "success" => run.succeeds("deploy", "deployed"),
            word => run.ends(word),
        });
    }

    async fn standing(&self) -> String {
        let snapshot = self.world.until("there is one", |s| Some(s.clone())).await;
        in_words(snapshot.targets.get(&Environment::Production).map_or(&[], Vec::as_slice))
    }
}

fn runs(run: &mut FakeRun) {
    run.runs("deploy", "checkout");
}

fn trouble(deployment: &Deployment) -> &str {
    deployment.trouble().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_by_one_the_second_is_dispatched_after_the_first_succeeded() {
    let all = Actions::regions("one-by-one").await;
    all.github.on_dispatch(runs);
    let id = all.promote().await;
    all.run_of("eu").await;
    assert_eq!(all.github.runs().len(), 1);
    all.end("eu", "success").await;
    all.end("us", "failure").await;
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Failed);
    assert!(
        trouble(&deployment).starts_with("step release@us: failed at github"),
        "{deployment:#?}"
    );
    assert!(trouble(&deployment).ends_with("(eu succeeded)"), "{deployment:#?}");
    let pages =
        [0, 1].map(|step| deployment.sent(step).unwrap().run.clone().unwrap().page.unwrap());
    assert!(pages[0].ends_with("/runs/881") && pages[0] != pages[1], "{pages:?}");
    let build = deployment.request.build;
    assert_eq!(all.standing().await, format!("eu {build}, us not known"));
    assert_eq!(all.world.live_now(), None, "only eu has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_each_is_cleared_up_by_its_own_key() {
    let mut all = Actions::regions("together").await;
    all.github.dispatch(DispatchFault::BadGateway);
    all.github.on_dispatch(|run| {
        run.is_listed = false;
        run.runs("deploy", "checkout");
    });
    let id = all.promote().await;
    let (eu, us) = (all.run_of("eu").await.id, all.run_of("us").await.id);
    // Also by another engine, which knows only that both went out.
    all.world.stop().await;
    for run in [eu, us] {
        all.github.change(run, |run| run.is_listed = true);
    }
    all.world.start_by_file_as_it_is().await;
    let found = |snapshot: &ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        let runs: Vec<_> = row.deployment.runs.iter().filter_map(|sent| sent.run.clone()).collect();
        (runs.len() == 2).then(|| row.deployment.clone())
    };
    let deployment = all.world.until("both are found", found).await;
    for run in all.github.runs() {
        let step = usize::from(run.inputs["region"] == "us");
        let sent = deployment.sent(step).unwrap();
        assert_eq!(run.inputs["trunkline"], sent.key.to_string());
        assert_eq!(sent.run.as_ref().unwrap().id, run.id.to_string());
    }
    all.end("us", "success").await;
    all.end("eu", "success").await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.github.runs().len(), 2, "neither was sent twice");
    let found = all.facts(id).await.into_iter().filter_map(|fact| match fact {
        Fact::RunFound { target, how, .. } => Some((target.unwrap().to_string(), how)),
        _ => None,
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, [("eu".into(), FoundBy::Search), ("us".into(), FoundBy::Search)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_waits_for_a_review_while_the_other_goes_on() {
    let all = Actions::regions("together").await;
    all.github.on_dispatch(|run| {
        if run.inputs["region"] == "us" {
            run.waits_for("production", &["ann"]);
        } else {
            run.runs("deploy", "checkout");
        }
    });
    let id = all.promote().await;
    let waits = |snapshot: &ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        row.deployment.waits()?;
        Some(row.deployment.clone())
    };
    let deployment = all.world.until("it waits", waits).await;
    assert!(deployment.sent(0).unwrap().waits.is_none(), "{deployment:#?}");
    let waits = deployment.sent(1).unwrap().waits.clone().unwrap();
    assert!(matches!(waits, Waits::Approval { .. }), "{waits:?}");
    all.end("eu", "success").await;
    all.end("us", "success").await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_cancel_gives_up_all_runs_that_do_not_end_and_each_is_looked_for() {
    let all = Actions::regions("together").await;
    all.github.on_dispatch(|run| {
        run.runs("deploy", "migrate");
        run.is_deaf = true;
    });
    let id = all.promote().await;
    let us = all.run_of("us").await.id;
    let eu = all.run_of("eu").await.id;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    let forced =
        |github: &trunkline_testing::github::GitHub| github.runs().iter().all(|run| run.forces > 0);
    all.github.until("both are asked to end", forced).await;
    let give_up = Command::GiveUp { deployment: id, reason: "it hangs".into() };
    let said = all.world.command("raj", give_up).await.unwrap().said;
    let both = format!(
        "{id} is given up; run {eu} at github and run {us} at github may still change production"
    );
    assert_eq!(said, both);
    let deployment = all.world.ended(id).await;
    assert!(matches!(deployment.ended.as_ref().unwrap().outcome, Outcome::Interrupted(_)));
    for step in ["step release@eu not known", "step release@us not known"] {
        assert!(trouble(&deployment).contains(step), "{deployment:#?}");
    }
    // One of them did its work in the end: the build is there, and nothing is live for that.
    all.github.change(us, |run| run.succeeds("deploy", "deployed"));
    let late = |snapshot: &ServiceSnapshot| {
        let targets = snapshot.targets.get(&Environment::Production)?;
        (targets[1].build == Some(deployment.request.build)).then(|| snapshot.clone())
    };
    let snapshot = all.world.until("the end of one is told", late).await;
    assert!(!snapshot.live.contains_key(&Environment::Production) && snapshot.unsettled.is_some());
    assert_eq!(all.github.runs().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_waits_until_the_runs_of_all_targets_have_ended() {
    let all = Actions::regions("together").await;
    let text = "on: workflow_dispatch\nconcurrency:\n  group: Production\n";
    all.github.workflow("acme/shop", "deploy.yml", |it| it.text = Some(text.into()));
    let good = all.promoted().await;
    assert_eq!(good.state(), DeploymentState::Succeeded, "{good:#?}");
    all.github.on_dispatch(|run| {
        if run.inputs["kind"] == "rollback" {
            run.succeeds("deploy", "back");
        } else {
            run.runs("deploy", "migrate");
            run.is_deaf = true;
        }
    });
    let id: DeploymentId = all.promote().await;
    let (eu, us) = (all.run_of("eu").await.id, all.run_of("us").await.id);
    let back = all.world.rollback().await;
    let asked = |github: &trunkline_testing::github::GitHub| {
        github.runs().iter().filter(|run| run.forces > 0).count() == 2
    };
    all.github.until("both are asked to end", asked).await;
    all.github.change(eu, |run| run.ends("cancelled"));
    let ended = |snapshot: &ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        (!row.deployment.runs_step(0)).then_some(())
    };
    all.world.until("one has ended", ended).await;
    assert_eq!(all.github.runs().len(), 4, "the rollback waits for the other");
    all.github.change(us, |run| run.ends("cancelled"));
    let back = all.world.ended(back).await;
    assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    assert_eq!(all.standing().await, format!("eu us {}", good.request.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_finds_in_the_workflow_of_several_targets_is_said_once() {
    let all = Actions::regions("together").await;
    let build = all.world.verified("a change").await;
    let action = trunkline::domain::command::Action::Promote { build };
    let plan = all.world.plan("raj", action).await.unwrap();
    let of_engine = plan.findings.iter().filter(|finding| finding.guard == Guard::Engine);
    let said: Vec<_> = of_engine.map(|finding| finding.sentence.as_str()).collect();
    assert!(said.iter().all(|said| said.starts_with("Steps release@eu, release@us: ")), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
}
