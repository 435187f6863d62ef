//! A trunk that was renamed or is declared elsewhere, and a repository that moved: each works, or says the remedy that
//! works.

use std::fs;

use trunkline::domain::command::Action;
use trunkline::domain::ids::{BuildNumber, Sha};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::snapshot::{BuildRow, Problem, ServiceSnapshot};

use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::repository::Repository;

async fn problem(world: &World, part: &str) -> Problem {
    let find = |s: &ServiceSnapshot| s.problems.iter().find(|p| p.what.contains(part)).cloned();
    world.until(part, find).await
}

async fn verified(world: &World, sha: &Sha) -> BuildNumber {
    let is = |row: &BuildRow| row.build.sha == *sha && !row.build.verifications.is_empty();
    world.until_build("it is verified", is).await.build.number
}

fn declares(world: &World, trunk: &str) -> Sha {
    let file = QUICK.replace("trunk = \"main\"", &format!("trunk = {trunk:?}"));
    world.repository.write("trunkline.toml", &file);
    world.repository.commit_all("Ann", "ann@example.com", "the trunk has another name")
}

#[tokio::test]
async fn a_trunk_that_was_renamed_is_followed_once_its_service_file_says_so() {
    let (mut world, build) = World::with_build().await;
    world.repository.git(["branch", "--move", "main", "master"]);
    let told = problem(&world, "has no branch \"main\"").await;
    assert!(told.what.contains("its default branch is \"master\""), "{told:?}");
    let remedy = "set trunk = \"master\" in trunkline.toml on master";
    assert!(told.remedy.starts_with(remedy), "{told:?}");
    let renamed = declares(&world, "master");
    assert_eq!(verified(&world, &renamed).await.0, build.0 + 1);
    let quiet = |s: &ServiceSnapshot| s.problems.is_empty().then_some(());
    world.until("no problem is left", quiet).await;
    world.stop().await;
}

#[tokio::test]
async fn a_new_service_follows_the_trunk_that_its_file_names_and_no_force_push_is_said() {
    let mut world = World::with_file(QUICK);
    let on_main = declares(&world, "release");
    world.repository.branch("release");
    let tip = world.repository.commit("on release");
    world.repository.switch("main");
    world.start().await;
    verified(&world, &tip).await;
    let builds = world.until("the builds", |s| Some(s.builds.clone())).await;
    assert!(builds.iter().all(|row| row.build.sha != on_main && !row.build.off_trunk));
    world.stop().await;
}

#[tokio::test]
async fn a_repository_that_moved_keeps_its_service_s_history() {
    let (mut world, build) = World::with_build().await;
    world.live(build).await;
    world.stop().await;
    let elsewhere = world.folder().join("elsewhere");
    let from = world.repository.address().to_owned();
    world.repository.git(["clone", "--quiet", "--bare", &from, elsewhere.to_str().unwrap()]);
    world.start_at(elsewhere.to_str().unwrap()).await;
    assert_eq!(
        world.until("what is live", |s| s.live.values().next().map(|live| live.build)).await,
        build
    );
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    assert!(plan.range.is_empty() && plan.range.from.is_some(), "{:?}", plan.range);
    world.stop().await;
}

#[tokio::test]
async fn another_history_at_the_new_address_can_be_promoted_and_nothing_is_called_known() {
    let (mut world, build) = World::with_build().await;
    world.live(build).await;
    world.stop().await;
    let other = Repository::new();
    other.write("trunkline.toml", QUICK);
    let script = fs::read_to_string(world.repository.path().join("release")).unwrap();
    other.write_script("release", &script);
    let begin = other.commit_all("Ann", "ann@example.com", "another beginning");
    world.start_at(other.address()).await;
    let newest = verified(&world, &begin).await;
    let plan = world.plan("raj", Action::Promote { build: newest }).await.unwrap();
    let author = plan.findings.iter().find(|finding| finding.guard == Guard::Author).unwrap();
    assert_eq!(author.severity, Severity::Override);
    assert!(author.sentence.contains("has no commit of"), "{author:?}");
    assert!(plan.migrations.trouble.is_some(), "its migrations are not called fine");
    world.live(newest).await;
    let back = world.ended(world.rollback().await).await;
    assert_eq!(back.request.build, build, "the kept tree is enough");
    assert!(back.succeeded(), "{:?}", back.trouble());
    world.stop().await;
}

#[tokio::test]
async fn a_trunk_that_was_followed_is_followed_after_a_restart_without_a_mirror() {
    let mut world = World::with_file(QUICK);
    declares(&world, "release");
    world.repository.branch("release");
    let first = world.repository.commit("on release");
    world.repository.switch("main");
    world.start().await;
    let build = verified(&world, &first).await;
    world.stop().await;
    // Nothing but the record says any more which branch it was.
    world.repository.git(["rm", "--quiet", "trunkline.toml"]);
    world.repository.commit("no service on main");
    world.repository.switch("release");
    let second = world.repository.commit("on release too");
    world.repository.switch("main");
    fs::remove_dir_all(world.data().join("mirrors")).unwrap();
    world.start().await;
    assert_eq!(verified(&world, &second).await.0, build.0 + 1);
    let quiet = |s: &ServiceSnapshot| {
        let is_lost = s.builds.iter().any(|row| row.build.off_trunk);
        assert!(!is_lost && s.problems.iter().all(|problem| problem.what.contains("mirror")));
        (s.trunk == "release").then_some(())
    };
    world.until("the trunk is release", quiet).await;
    world.stop().await;
}

#[tokio::test]
async fn the_trunk_is_known_while_the_repository_is_away() {
    for declared in [Some("release"), None] {
        let mut world = World::with_file(&QUICK.replace("trunk = \"main\"\n", ""));
        if let Some(trunk) = declared {
            world.repository.branch(trunk);
        }
        let tip = world.repository.commit("on the trunk");
        world.repository.switch("main");
        start(&mut world, declared).await;
        verified(&world, &tip).await;
        world.stop().await;
        let away = world.folder().join("away");
        fs::rename(world.repository.path(), &away).unwrap();
        start(&mut world, declared).await;
        let trunk = world.until("a snapshot", |s| Some(s.trunk.clone())).await;
        assert_eq!(trunk, declared.unwrap_or("main"));
        world.stop().await;
        fs::rename(&away, world.repository.path()).unwrap();
    }
}

async fn start(world: &mut World, trunk: Option<&str>) {
    match trunk {
        Some(trunk) => world.start_on(trunk).await,
        None => world.start().await,
    }
}
