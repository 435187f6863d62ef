//! The watch after a promote, with real processes and real HTTP: it begins by itself, goes on after a restart, shows no
//! secret, and what hangs is unknown and in nobody's way.

mod auto_rollback;
mod prometheus;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{DeploymentId, Environment, Seq};
use trunkline::domain::plan::Guard;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::watch::{CheckState, LiveEvidence, SampleVerdict, WatchEnd, WatchState};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::until;
use trunkline_testing::version_page::{VersionAnswer, VersionPage};

use crate::trouble::{fill_disk, until_problems};

const PRODUCTION: Environment = Environment::Production;

/// A service file with these checks of production.
fn watched_by(checks: &str) -> String {
    format!("{QUICK}{checks}")
}

pub fn watch(snapshot: &ServiceSnapshot) -> Option<&WatchState> {
    snapshot.watches.get(&PRODUCTION)
}

pub fn check<'s>(snapshot: &'s ServiceSnapshot, name: &str) -> Option<&'s CheckState> {
    watch(snapshot)?.checks.iter().find(|check| check.name == name)
}

/// Waits until a check of the watch of this deployment is judged so.
pub async fn until_judged(
    world: &World,
    deployment: DeploymentId,
    name: &str,
    verdict: SampleVerdict,
) -> ServiceSnapshot {
    let is = |snapshot: &ServiceSnapshot| {
        let of = watch(snapshot).filter(|watch| watch.deployment == deployment)?;
        let of = of.checks.iter().find(|check| check.name == name)?;
        (of.verdict == verdict && of.says.is_some()).then(|| snapshot.clone())
    };
    world.until(&format!("{name} of {deployment} is {verdict:?}"), is).await
}

pub async fn until_ended(world: &World, deployment: DeploymentId) -> WatchEnd {
    let ended = |snapshot: &ServiceSnapshot| {
        let of = watch(snapshot).filter(|watch| watch.deployment == deployment)?;
        of.ended.as_ref().map(|ended| ended.end)
    };
    world.until("the watch ends", ended).await
}

pub async fn sentences(world: &World) -> Vec<String> {
    let events = world.handle().events(None, Seq(0), 1_000).await.unwrap();
    let watch = events.iter().filter(|event| event.fact.kind().starts_with("watch_"));
    watch.map(trunkline::domain::event::Event::sentence).collect()
}

/// A command that says a secret and ends as the file says, and one that hangs.
fn commands(folder: &Path) -> String {
    let file = folder.join("ends").display().to_string();
    format!(
        r#"
[secrets]
env = ["SHOP_TOKEN"]
[[production.watch]]
name = "queue"
run = "echo \"token $SHOP_TOKEN in $TRUNKLINE_ENVIRONMENT, $(cat limit)\"; exit $(cat '{file}')"
every = "1s"
for = "10m"
[[production.watch]]
name = "hangs"
run = "sleep 600 & sleep 600"
every = "1s"
for = "10m"
timeout = "1s"
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_by_commands_shows_no_secret_goes_on_after_a_restart_and_is_in_nobodys_way() {
    let mut world = World::with_file(QUICK);
    let ends = world.folder().join("ends");
    fs::write(&ends, "0").unwrap();
    world.repository.write("trunkline.toml", &watched_by(&commands(world.folder())));
    world.repository.write("limit", "limit 5");
    world.repository.commit_all("Ann", "ann@example.com", "watch it");
    world.exported.insert("SHOP_TOKEN".into(), "s3cret-of-the-shop".into());
    world.start().await;
    let build = world.verified("one").await;
    let first = world.live(build).await;
    until_judged(&world, first, "queue", SampleVerdict::Good).await;
    let seen = until_judged(&world, first, "hangs", SampleVerdict::Unknown).await;
    assert_eq!(check(&seen, "hangs").unwrap().says.as_deref(), Some("it takes longer than 1s"));
    assert_eq!(seen.evidence, LiveEvidence::Unknown);

    fs::write(&ends, "1").unwrap();
    let seen = until_judged(&world, first, "queue", SampleVerdict::Bad).await;
    let said = check(&seen, "queue").unwrap().says.clone().unwrap();
    assert!(
        said.starts_with("exit 1: token ") && said.ends_with(" in production, limit 5"),
        "{said}"
    );
    assert!(!format!("{seen:?}").contains("s3cret"), "{said}");
    assert_eq!(seen.evidence, LiveEvidence::Bad);

    // The engine ends in the middle of it, and goes on with the same watch.
    world.stop().await;
    fs::write(&ends, "0").unwrap();
    world.start().await;
    let again = until_judged(&world, first, "queue", SampleVerdict::Good).await;
    assert_eq!(watch(&again).unwrap().until, watch(&seen).unwrap().until);
    assert_eq!(check(&again, "queue").unwrap().turned_bad, 1, "what was before is not forgotten");

    // A promote with a check that hangs goes its way, and takes the place of the watch.
    let next = world.verified("two").await;
    let second = world.live(next).await;
    until_judged(&world, second, "queue", SampleVerdict::Good).await;
    let all = sentences(&world).await;
    let replaced = format!("watch of {first} ended early: something else was deployed");
    assert!(all.contains(&replaced), "{all:#?}");
    assert!(!all.concat().contains("s3cret"), "{all:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_could_not_be_recorded_is_told_once_the_disk_has_room() {
    let mut world = World::with_file(QUICK);
    let ends = world.folder().join("ends");
    fs::write(&ends, "0").unwrap();
    let check = format!(
        "[[production.watch]]\nname = \"queue\"\nrun = \"exit $(cat '{}')\"\nevery = \"1s\"\nfor = \"10m\"\n",
        ends.display()
    );
    world.repository.write("trunkline.toml", &watched_by(&check));
    world.repository.commit_all("Ann", "ann@example.com", "watch it");
    world.start().await;
    let build = world.verified("one").await;
    let first = world.live(build).await;
    until_judged(&world, first, "queue", SampleVerdict::Good).await;
    let database = Connection::open(world.data().join("trunkline.db")).unwrap();
    fill_disk(&database);
    fs::write(&ends, "1").unwrap();
    until_problems(&world, |are_none| !are_none).await;
    database.execute_batch("DROP TRIGGER full").unwrap();
    until_judged(&world, first, "queue", SampleVerdict::Bad).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deployment_does_while_it_runs_is_no_news_of_the_build_before() {
    let mut world = World::with_file(QUICK);
    let (ends, looks) = (world.folder().join("ends"), world.folder().join("looks"));
    fs::write(&ends, "0").unwrap();
    let checks = format!(
        "[[production.watch]]\nname = \"queue\"\nrun = \"exit $(cat '{}')\"\nevery = \"1s\"\n\
         [[staging.watch]]\nname = \"looks\"\nrun = \"echo >> '{}'\"\nevery = \"1s\"\n",
        ends.display(),
        looks.display()
    );
    world.repository.write("trunkline.toml", &watched_by(&checks));
    world.repository.commit_all("Ann", "ann@example.com", "watch it");
    world.start().await;
    let build = world.verified("one").await;
    let first = world.live(build).await;
    until_judged(&world, first, "queue", SampleVerdict::Good).await;
    let next = world.verified("two").await;
    let second = world.promote_and_hold(next).await;
    fs::write(&ends, "1").unwrap();
    // Staging is looked at meanwhile as often as production would be.
    let looked = || fs::read_to_string(&looks).unwrap_or_default().lines().count();
    let before = looked();
    until("staging is looked at", || looked() >= before + 4);
    fs::write(&ends, "0").unwrap();
    world.open_gate();
    world.ended(second).await;
    until_judged(&world, second, "queue", SampleVerdict::Good).await;
    let all = sentences(&world).await;
    assert!(!all.iter().any(|sentence| sentence.contains("queue is BAD")), "{all:#?}");
    world.stop().await;
}

/// A check by HTTP of this page, every second for so long.
fn front(page: &VersionPage, lasts: &str) -> String {
    format!(
        "[[production.watch]]\nname = \"front\"\nhttp = {{ url = {:?}, body = \"ready\" }}\nevery = \"1s\"\nfor = \"{lasts}\"\n\
         [[production.watch]]\nname = \"elsewhere\"\nhttp = {{ url = \"http://127.0.0.1:9/\" }}\nevery = \"1s\"\nfor = \"{lasts}\"\n",
        page.url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_by_http_says_what_is_bad_and_asks_only_hosts_that_the_operator_lists() {
    let page = VersionPage::start(VersionAnswer::Text("ready".into()));
    let mut world = World::with_file(&watched_by(&front(&page, "3s")));
    let hosts = format!("poll = \"50ms\"\n[live]\nhosts = [\"http://{}\"]\n", page.host());
    world.start_by_file(&hosts).await;
    let build = world.verified("one").await;
    let first = world.live(build).await;
    until_judged(&world, first, "front", SampleVerdict::Good).await;
    assert_eq!(until_ended(&world, first).await, WatchEnd::Unknown, "one could not be asked");
    let all = sentences(&world).await;
    let says = all.iter().find(|sentence| sentence.contains("elsewhere is UNKNOWN"));
    assert!(says.unwrap().contains("does not let services be asked there"), "{all:#?}");
    let plan = world.plan("raj", Action::Rollback { to: None }).await;
    assert!(plan.is_err(), "there is nothing to go back to");

    // Nobody saw it, until somebody says so.
    let is_unseen = |snapshot: &ServiceSnapshot| {
        let of = trunkline::domain::words::watch::lines(snapshot);
        of.iter().any(|(_, text)| text.contains("not seen by anyone")).then_some(())
    };
    world.until("it is said that nobody saw it", is_unseen).await;
    let see = Command::SeeWatch { deployment: first };
    world.command("raj", see).await.unwrap();
    let seen =
        |snapshot: &ServiceSnapshot| watch(snapshot)?.seen.as_ref().map(|seen| seen.by.clone());
    assert_eq!(world.until("it is seen", seen).await.to_string(), "raj");

    let second = world.verified("two").await;
    page.set(VersionAnswer::Status(503));
    let second = world.live(second).await;
    let bad = until_judged(&world, second, "front", SampleVerdict::Bad).await;
    let front = check(&bad, "front").unwrap();
    assert!(front.says.as_ref().unwrap().contains("has to be 200 to 299"), "{front:?}");
    assert_eq!((front.good, front.bad), (0, 2), "two samples are enough");
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let evidence = plan.findings.iter().find(|finding| finding.guard == Guard::Watch).unwrap();
    assert!(evidence.sentence.starts_with("#3 is watched: front BAD"), "{evidence:?}");
    assert!(evidence.sentence.contains("503 in"), "{evidence:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_declares_no_watch_is_not_watched_and_not_called_so() {
    let world = World::open(QUICK).await;
    let build = world.verified("one").await;
    world.live(build).await;
    let facts = world.handle().events(None, Seq(0), 1_000).await.unwrap();
    assert!(!facts.iter().any(|event| matches!(event.fact, Fact::WatchBegan(_))));
    let snapshot = world.until("it is live", |snapshot| Some(snapshot.clone())).await;
    assert_eq!(snapshot.evidence, LiveEvidence::NotWatched);
    assert_eq!(snapshot.evidence_in_words(PRODUCTION, snapshot.at), "not watched");
}
