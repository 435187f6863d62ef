//! A watch that turns bad rolls production back by itself where that may be: once, and as a person's rollback does it.

use std::fs;
use std::path::Path;

use chrono::Utc;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{DeploymentKind, Event, Fact};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::watch::{AutoDecision, AutoRollback, SampleVerdict};
use trunkline::store::{NewEvent, Store};
use trunkline_testing::engine::{QUICK, World, refusal};

use super::{PRODUCTION, until_judged};

/// A service that wants to be rolled back by itself, whose way back can be rehearsed and waits at the gate.
fn alone(folder: &Path) -> String {
    let (gated, ends) = ("run = \"./release\"", folder.join("ends"));
    let file = QUICK.replace("run = \"echo back to $TRUNKLINE_BUILD\"", gated);
    format!(
        "{file}[rollback]\nrehearse = \"by-hand\"\n[production]\nauto_rollback = true\n[[production.watch]]\n\
         name = \"queue\"\nrun = \"exit $(cat '{}')\"\nevery = \"1s\"\nfor = \"10m\"\n",
        ends.display()
    )
}

fn ends(world: &World, how: &str) {
    fs::write(world.folder().join("ends"), how).unwrap();
}

/// #2 was live, the way back to it was rehearsed, and #3 is live and watched.
async fn watched() -> (World, BuildNumber, DeploymentId) {
    let mut world = World::with_file(QUICK);
    ends(&world, "0");
    world.repository.write("trunkline.toml", &alone(world.folder()));
    world.repository.commit_all("Ann", "ann@example.com", "watch it");
    world.start().await;
    let one = world.verified("one").await;
    world.live(one).await;
    let two = world.verified("two").await;
    let said = beforehand(&world, two).await;
    let never = "the way back is not proven (rollback never run here)";
    assert_eq!(said, format!("Not rolled back by itself if a check turns BAD: {never}"));
    let back = world.command("raj", Command::Rehearse {}).await.unwrap().deployment.unwrap();
    let forward = world.ended(DeploymentId(back.0 + 1)).await;
    assert_eq!(forward.state(), DeploymentState::Succeeded);
    let said = beforehand(&world, two).await;
    assert_eq!(said, format!("Rolled back to {one} by itself if a check turns BAD"));
    let promote = world.live(two).await;
    until_judged(&world, promote, "queue", SampleVerdict::Good).await;
    (world, one, promote)
}

async fn beforehand(world: &World, build: BuildNumber) -> String {
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let said = plan.findings.into_iter().find(|found| found.sentence.contains("by itself"));
    said.expect("it is said").sentence
}

async fn events(world: &World) -> Vec<Event> {
    world.handle().events(None, Seq(0), 1_000).await.unwrap()
}

async fn decisions(world: &World) -> Vec<AutoRollback> {
    let decided = |event: Event| match event.fact {
        Fact::AutoRollback(decided) => Some(decided),
        _ => None,
    };
    events(world).await.into_iter().filter_map(decided).collect()
}

/// The rollbacks of production, by whomever.
async fn rollbacks(world: &World) -> Vec<(DeploymentId, Actor)> {
    let rollback = |event: Event| match event.fact {
        Fact::DeploymentRequested(asked) if asked.kind == DeploymentKind::Rollback => {
            Some((event.seq.into(), event.actor))
        }
        _ => None,
    };
    events(world).await.into_iter().filter_map(rollback).collect()
}

async fn until_rolled_back(world: &World) -> Deployment {
    let rollback = |snapshot: &ServiceSnapshot| {
        let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
        rows.find(|made| made.request.kind == DeploymentKind::Rollback).cloned()
    };
    world.until("it is rolled back", rollback).await
}

/// Waits until it is said why production stays as it is, by the watch of this deployment.
async fn until_it_stays(world: &World, deployment: DeploymentId) -> String {
    let why = |snapshot: &ServiceSnapshot| {
        let watch = super::watch(snapshot).filter(|watch| watch.deployment == deployment)?;
        match &watch.decided.as_ref()?.decision {
            AutoDecision::Stays { why } => Some(why.clone()),
            AutoDecision::RollsBack { .. } => None,
        }
    };
    world.until("it is said why it stays", why).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_turns_bad_rolls_back_by_itself_once_with_its_reason_and_its_hold() {
    let (mut world, one, promote) = Box::pin(watched()).await;
    world.close_gate();
    ends(&world, "1");
    let back = until_rolled_back(&world).await;
    world.running(back.id).await;
    assert_eq!((back.by.clone(), back.request.build), (Actor::System, one));
    let found = back.request.findings.iter().find(|found| found.sentence.contains("queue BAD"));
    assert!(found.is_some(), "the reason is in its plan: {:?}", back.request.findings);
    // Who presses ! now rolls nothing back a second time.
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let refused = refusal(world.execute("raj", &plan).await).to_string();
    assert!(refused.contains(&format!("rollback of {one}")), "{refused}");

    let decided = decisions(&world).await;
    assert_eq!(decided.len(), 1, "{decided:#?}");
    assert_eq!((decided[0].deployment, decided[0].check.as_str()), (promote, "queue"));
    assert_eq!(decided[0].decision, AutoDecision::RollsBack { to: one });
    assert_eq!(decided[0].says, "exit 1");
    let all = events(&world).await;
    let at = all.iter().position(|event| matches!(event.fact, Fact::AutoRollback(_))).unwrap();
    let names: Vec<_> = all[at - 1..=at + 2].iter().map(|event| event.fact.kind()).collect();
    let in_order = ["watch_turned", "auto_rollback", "deployment_requested", "hold_placed"];
    assert_eq!(names, in_order, "one after the other, and nothing between");
    let hold = world.until("the hold", |s| s.holds.get(&PRODUCTION).cloned()).await;
    assert_eq!((&hold.by, hold.rollback), (&Actor::System, Some(back.id)));
    assert_eq!(hold.reason, format!("rolled back from #4 to {one} by itself: queue BAD"));

    world.open_gate();
    assert_eq!(world.ended(back.id).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.live_now(), Some(one));
    // What it brought back is bad too: that is said, and nothing goes further back.
    let why = until_it_stays(&world, back.id).await;
    assert!(why.contains(&format!("{} is no promote by a person", back.id)), "{why}");
    world.stop().await;
    world.start().await;
    world.verified("three").await;
    assert_eq!(rollbacks(&world).await, [(back.id, Actor::System)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_is_recorded_and_an_engine_that_died_after_its_decision_rolls_back_once() {
    let (mut world, one, promote) = Box::pin(watched()).await;
    let (environment, reason) = (PRODUCTION, "the database moves".to_owned());
    let hold = Command::Hold { environment, reason: reason.clone() };
    world.command("raj", hold).await.unwrap();
    ends(&world, "1");
    assert_eq!(until_it_stays(&world, promote).await, "production is on hold");
    let alarm = |snapshot: &ServiceSnapshot| snapshot.alarms.first().map(Alarm::sentence);
    let sentence = world.until("it is an alarm", alarm).await;
    let says = "exit 1; not rolled back by itself: production is on hold";
    assert!(sentence.ends_with(says), "{sentence}");
    let release =
        Command::Release { environment, reason, bad: None, hold: None, leave_open: Vec::new() };
    world.command("raj", release).await.unwrap();
    world.stop().await;
    assert_eq!(decide(&world, promote, one), DeploymentId(0), "nobody rolled back before");

    // The engine before died when it had recorded the decision.
    world.start().await;
    let back = until_rolled_back(&world).await;
    assert_eq!(world.ended(back.id).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.live_now(), Some(one));
    world.stop().await;
    world.start().await;
    world.verified("three").await;
    assert_eq!(rollbacks(&world).await, [(back.id, Actor::System)], "and no engine does it again");
    world.stop().await;
}

/// Records that production is rolled back by itself, as the engine does before it does it. Returns the last rollback.
fn decide(world: &World, deployment: DeploymentId, to: BuildNumber) -> DeploymentId {
    let mut store = Store::open(&world.data().join("trunkline.db")).unwrap();
    let mut last = DeploymentId(0);
    store
        .replay(|event| {
            if matches!(&event.fact, Fact::DeploymentRequested(r) if r.kind == DeploymentKind::Rollback) {
                last = event.seq.into();
            }
        })
        .unwrap();
    let (check, says) = ("queue".to_owned(), "exit 1".to_owned());
    let decision = AutoDecision::RollsBack { to };
    let since = Utc::now();
    let decided = AutoRollback { deployment, check, since, says, value: None, decision };
    let (service, actor) = (world.service.clone(), Actor::System);
    let fact = Fact::AutoRollback(decided);
    store.append(since, vec![NewEvent { service, actor, fact }], None).unwrap();
    last
}
