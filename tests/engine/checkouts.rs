//! Every deployment runs in a fresh tree of its commit, whatever steps before it left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::{BuildNumber, DeploymentId};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::World;
use trunkline_testing::home::until;
use trunkline_testing::service_file::service_file;

/// What a step sees when it starts: changed and foreign files, and the contents of one file.
const LOOK: &str = "git status --short || true; cat settings";

/// A world whose production steps do this, and whose rollback steps look first.
async fn shop(production: &str) -> (World, BuildNumber, BuildNumber) {
    let file = service_file().raj().step("staging", "smoke", "true");
    let file = file.step("production", "release", &format!("{LOOK}; {production}"));
    let file = file.step("rollback", "release", &format!("{LOOK}; {production}"));
    let mut world = World::with_file(&file.text());
    world.repository.write("settings", "as committed\n");
    world.repository.write("tool", "a tool");
    world.start().await;
    let first = world.verified("first").await;
    let second = world.verified("second").await;
    world.live(first).await;
    world.live(second).await;
    (world, first, second)
}

async fn goes_back(world: &World, to: BuildNumber) -> DeploymentId {
    let id = world.rollback().await;
    let ended = world.ended(id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded, "{:?}", ended.trouble());
    assert_eq!(world.live_now(), Some(to));
    assert_eq!(world.log(id, 0).await, ["as committed"], "the tree is as it was committed");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_finds_nothing_of_what_the_steps_before_it_did() {
    let steps = "mkdir dist; echo edited >> settings; rm tool; git add -A; touch new";
    let (mut world, first, second) = shop(steps).await;
    goes_back(&world, first).await;
    let again = world.promote(second).await;
    assert_eq!(world.ended(again).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.log(again, 0).await, ["as committed"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_step_does_to_its_git_the_way_back_stays_open() {
    for steps in [
        "git -c user.name=r -c user.email=r@x commit --quiet --allow-empty -m v1.0.1",
        "git checkout --quiet -b release",
        "rm -rf .git",
        "rm -rf .git/HEAD settings",
        "chmod -R a-w .",
    ] {
        let (mut world, first, second) = shop(steps).await;
        goes_back(&world, first).await;
        world.live(second).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pristine_tree_that_was_changed_is_made_again() {
    let (mut world, first, _) = shop("true").await;
    let tree = pristine(&world, first);
    fs::write(tree.join("settings"), "as commItted").unwrap();
    fs::remove_file(tree.join("tool")).unwrap();
    goes_back(&world, first).await;
    assert!(tree.join("tool").exists());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_needs_no_mirror() {
    let (mut world, first, _) = shop("true").await;
    let mirrors = world.data().join("mirrors");
    for mirror in fs::read_dir(&mirrors).unwrap().flatten() {
        fs::rename(mirror.path(), world.folder().join("taken")).unwrap();
    }
    let id = world.rollback().await;
    let ended = world.ended(id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded, "{:?}", ended.trouble());
    assert_eq!(world.live_now(), Some(first));
    assert!(world.log(id, 0).await.contains(&"as committed".to_owned()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_that_nothing_needs_go_also_write_protected_ones() {
    let steps = "mkdir -p cache/deep; touch cache/deep/file; chmod -R a-w cache";
    let (mut world, _, second) = shop(steps).await;
    for number in 3..10 {
        let build = world.verified(&format!("change {number}")).await;
        world.live(build).await;
    }
    let trees = || {
        let entries = fs::read_dir(world.data().join("checkouts/checkout")).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    // Five of production, the last of staging, and the folder of the pristine ones.
    until("the old trees go", || trees().len() <= 7);
    assert!(!pristine(&world, second).exists());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_may_leave_its_own_tree_but_not_change_the_pristine_one() {
    let (mut world, first, second) = shop("true").await;
    let id = world.rollback().await;
    let sha = world.ended(id).await.request.sha;
    let own = world.data().join(format!("checkouts/checkout/{id}"));
    fs::set_permissions(own.join("settings"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(own.join("settings"), "changed in place").unwrap();
    let tree = world.data().join(format!("checkouts/checkout/pristine/{sha}"));
    assert_eq!(fs::read_to_string(tree.join("settings")).unwrap(), "as committed\n");
    assert_eq!(world.live_now(), Some(first));
    world.live(second).await;
    world.stop().await;
}

fn pristine(world: &World, build: BuildNumber) -> PathBuf {
    let service = world.handle().service(&world.service, &raj()).unwrap();
    let row = service.builds.iter().find(|row| row.build.number == build).unwrap();
    world.data().join(format!("checkouts/checkout/pristine/{}", row.build.sha))
}

fn raj() -> trunkline::domain::caller::Caller {
    trunkline::domain::caller::Caller::in_process("raj")
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_that_are_missing_are_made_again_when_the_engine_starts() {
    let (mut world, first, _) = shop("true").await;
    let tree = pristine(&world, first);
    world.stop().await;
    fs::remove_dir_all(&tree).unwrap();
    world.start().await;
    until("the tree is made", || tree.join("settings").exists());
    goes_back(&world, first).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_cannot_be_made_again_is_a_problem_until_it_is_there() {
    let (mut world, first, second) = shop("true").await;
    let [tree, other] = [first, second].map(|build| pristine(&world, build));
    world.stop().await;
    fs::write(tree.join("settings"), "changed").unwrap();
    fs::remove_dir_all(&other).unwrap();
    fs::remove_dir_all(world.data().join("mirrors")).unwrap();
    let away = world.folder().join("away");
    fs::rename(world.repository.path(), &away).unwrap();
    world.start().await;
    let said = |s: &ServiceSnapshot| {
        s.problems.iter().find(|p| p.what.starts_with("no good checkout")).cloned()
    };
    let problem = world.until("it is said", said).await;
    for part in [format!("of {second} and {first}: "), "git ".to_owned()] {
        assert!(problem.what.contains(&part), "{part}: {problem:?}");
    }
    assert!(problem.remedy.ends_with("trunkline retries automatically"), "{problem:?}");
    assert!(tree.exists(), "it is not thrown away");
    fs::rename(&away, world.repository.path()).unwrap();
    let is_over = |s: &ServiceSnapshot| said(s).is_none().then_some(());
    world.until("it is made again by itself", is_over).await;
    assert_eq!(fs::read_to_string(tree.join("settings")).unwrap(), "as committed\n");
    assert!(other.exists());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_is_missing_takes_no_space_that_a_rollback_uses() {
    let (mut world, first, second) = shop("true").await;
    let [tree, other] = [first, second].map(|build| pristine(&world, build));
    let [held, released] = ["reserve", "reserve.released"].map(|name| world.data().join(name));
    until("space is kept", || held.exists());
    world.stop().await;
    fs::remove_dir_all(&tree).unwrap();
    fs::write(&released, "").unwrap();
    world.start().await;
    let said = |s: &ServiceSnapshot| {
        s.problems.iter().find(|p| p.what.starts_with("no good checkout")).cloned()
    };
    let problem = world.until("it is said", said).await;
    let what = format!("no good checkout is kept of {first}: the disk is almost full");
    assert_eq!(problem.what, what, "the other one needs no space");
    assert!(other.exists() && !tree.exists());
    fs::remove_file(&released).unwrap();
    let is_over = |s: &ServiceSnapshot| said(s).is_none().then_some(());
    world.until("it is made by itself", is_over).await;
    assert!(tree.exists());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_0_1_0_left_serves_a_rollback_when_there_is_nothing_else() {
    let (mut world, first, _) = shop("true").await;
    let tree = pristine(&world, first);
    world.stop().await;
    let sha = tree.file_name().unwrap().to_str().unwrap();
    let old = world.data().join(format!("checkouts/checkout/production-{sha}"));
    fs::rename(&tree, &old).unwrap();
    for mirror in fs::read_dir(world.data().join("mirrors")).unwrap().flatten() {
        fs::rename(mirror.path(), world.folder().join("taken")).unwrap();
    }
    fs::rename(world.repository.path(), world.folder().join("gone")).unwrap();
    world.start().await;
    let id = world.rollback().await;
    let ended = world.ended(id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded, "{:?}", ended.trouble());
    assert_eq!(world.live_now(), Some(first));
    world.stop().await;
}
