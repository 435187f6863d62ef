//! The workflow that trunkline ships deploys: act carries out each dispatch.

use std::sync::Arc;

use tokio::sync::mpsc;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline_testing::act::Act;
use trunkline_testing::engine::QUICK;
use trunkline_testing::github::GitHub;

use crate::github::Actions;

const WORKFLOW: &str = include_str!("../../assets/github/deploy.yml");
const DOCUMENT: &str = include_str!("../../docs/github.md");
/// Says what it does, and leaves the commit behind. A service that has a file `broken` cannot be deployed.
const DEPLOY: &str = r#"#!/bin/sh
echo "deploying $2 to $1"
[ ! -e broken ] || { echo "no table" >&2; exit 1; }
mkdir -p "$OUT" && git rev-parse HEAD >"$OUT/$1"
"#;

/// The steps of the document, with a repository that has the script of the workflow.
fn file() -> String {
    let pieces = DOCUMENT.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut of_steps = pieces.filter(|piece| piece.contains("[[production.steps]]"));
    let steps = of_steps.next().unwrap();
    format!("{}{steps}", &QUICK[..QUICK.find("[[production.steps]]").unwrap()])
}

async fn open() -> Option<(Actions, Arc<Act>)> {
    let github = GitHub::start().await;
    let inputs = ["sha", "kind", "by", "trunkline"].map(str::to_owned);
    github.workflow("acme/shop", "deploy.yml", |workflow| workflow.inputs = Some(inputs.into()));
    let address = github.address();
    let all = Actions::before(github, address, &file(), "").await;
    let act = Act::of(all.world.repository.path())?;
    all.world.repository.write_script("deploy.sh", DEPLOY);
    Some((all, Arc::new(act)))
}

/// Lets act carry out every run that is dispatched.
fn carry_out(github: &GitHub, act: &Arc<Act>) {
    let (send, mut dispatched) = mpsc::unbounded_channel();
    github.on_dispatch(move |run| send.send(run.clone()).unwrap());
    let (github, act) = (github.runner(), act.clone());
    tokio::spawn(async move {
        while let Some(run) = dispatched.recv().await {
            let (github, act) = (github.clone(), act.clone());
            let done = move || act.carry_out(&github, &run, WORKFLOW);
            tokio::task::spawn_blocking(done).await.unwrap();
        }
    });
}

fn deployed(act: &Act) -> Option<String> {
    Some(std::fs::read_to_string(act.out().join("production")).ok()?.trim().to_owned())
}

fn trouble(deployment: &Deployment) -> &str {
    deployment.trouble().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workflow_that_is_shipped_deploys_the_commit_that_was_promoted_and_the_one_before_it() {
    let Some((all, act)) = open().await else { return };
    carry_out(&all.github, &act);
    let good = all.promoted().await;
    assert_eq!(good.state(), DeploymentState::Succeeded, "{good:#?}");
    let sha = good.request.sha.to_string();
    assert_eq!(deployed(&act), Some(sha.clone()));
    let printed = all.log(good.id).await.0;
    assert!(printed.contains(&format!("deploying {sha} to production")), "{printed:?}");

    let newer = all.promoted().await;
    assert_eq!(deployed(&act), Some(newer.request.sha.to_string()));
    all.world.repository.write("broken", "");
    let broken = all.promoted().await;
    assert_eq!(broken.state(), DeploymentState::Failed, "{broken:#?}");
    let said = "failed at github: job deploy, step 2 \"deploy\"";
    assert!(trouble(&broken).contains(said), "{}", trouble(&broken));
    assert!(all.log(broken.id).await.0.contains(&"no table".to_owned()));
    assert_eq!(deployed(&act), Some(newer.request.sha.to_string()));

    let back = all.world.rollback().await;
    let back = all.world.ended(back).await;
    assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    assert_eq!(deployed(&act), Some(back.request.sha.to_string()));
}
