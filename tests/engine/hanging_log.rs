//! The log of a run at another engine: what the run does meanwhile is shown, and a disk that hangs under it stops nothing else.

use std::fs;
use std::io::Read as _;
use std::process::Command as Program;

use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::words;
use trunkline_testing::faulty_proxy::Fault;

use super::github::Actions;
use super::remote::Elsewhere;

/// The one thread of this engine has other work, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_disk_that_hangs_under_the_log_of_a_run_holds_up_nothing_else() {
    let Some(all) = Elsewhere::open().await else { return };
    let build = all.world.verified("first").await;
    all.line.set(Fault::Refuse);
    let id = all.world.promote(build).await;
    let key = all.key(id).await;
    // Whoever opens it waits for a reader.
    let folder = all.world.data().join("runs").join(id.0.to_string()).join("0");
    fs::create_dir_all(&folder).unwrap();
    let log = folder.join("log");
    assert!(Program::new("mkfifo").arg(&log).status().unwrap().success());
    all.line.set(Fault::Pass);
    all.server.until_ended(&key).await;
    all.world.verified("second").await;
    assert!(all.world.deployment(id).is_open());
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(log).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(all.ended(id).await.state(), DeploymentState::Succeeded);
    let text = tokio::task::spawn_blocking(|| reading.join().unwrap()).await.unwrap();
    assert!(text.contains(&format!("promote of {}", build.0)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_does_is_shown_while_it_runs() {
    let all = Actions::open().await;
    let (id, run) = all.running().await;
    let shown = |what: &'static str| {
        move |snapshot: &ServiceSnapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            words::elsewhere(&row.deployment, 0).filter(|words| words.ends_with(what))
        }
    };
    let first = "job deploy: step 1 of 1 \"checkout\"";
    let words = all.world.until("its step is shown", shown(first)).await;
    assert_eq!(words, format!("at github, run {run}: {first}"));
    all.github.change(run, |run| run.runs("deploy", "migrate"));
    all.world.until("the next step is shown", shown("step 2 of 2 \"migrate\"")).await;
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    let deployment = all.world.ended(id).await;
    assert_eq!(words::elsewhere(&deployment, 0), Some(format!("at github, run {run}")));
}
