//! A service in a folder of a repository: what makes a build, and what a plan says of the rest of the tree.

use trunkline::domain::command::{Action, Command};
use trunkline::domain::commit_location::CommitLocation;
use trunkline::domain::ids::{Seq, Sha};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::snapshot::ServiceSnapshot;

use trunkline::backend::Backend as _;
use trunkline_testing::engine::{QUICK, World, refusal};

/// An engine for the service in the folder `shop`, whose file has this line too, and its first build.
async fn shop(line: &str) -> World {
    let mut world = World::with_file(QUICK);
    let file =
        QUICK.replace("./release", "true").replacen("[policy]", &format!("{line}\n[policy]"), 1);
    world.repository.write("shop/trunkline.toml", &file);
    world.repository.commit_all("Ann", "ann@example.com", "the shop");
    world.start_folders(&[Some("shop")]).await;
    world
        .until("the first build is verified", |service| {
            let first = service.builds.first()?;
            (!first.build.verifications.is_empty()).then_some(())
        })
        .await;
    world
}

fn commit(world: &World, who: &str, file: &str) -> Sha {
    world.repository.commit_by(who, &format!("{}@example.com", who.to_lowercase()), file, who, file)
}

async fn verified(world: &World, sha: &Sha) -> trunkline::domain::build::Build {
    let is = |row: &trunkline::domain::snapshot::BuildRow| {
        row.build.sha == *sha && !row.build.verifications.is_empty()
    };
    world.until_build("it is verified", is).await.build
}

#[tokio::test]
async fn a_plan_shows_what_ships_from_beside_the_folder_and_the_guard_looks_at_it() {
    let mut world = shop("").await;
    let first = world.until("a build", |s: &ServiceSnapshot| s.builds.first().cloned()).await;
    let shared = commit(&world, "Raj", "libs/tax");
    let own = commit(&world, "Ann", "shop/cart");
    let build = verified(&world, &own).await;
    assert_eq!(build.number.0, first.build.number.0 + 1, "the shared change made no build");
    let beside: Vec<_> = build.commits.iter().map(|c| (c.sha.clone(), c.beside)).collect();
    assert_eq!(beside, [(own.clone(), false), (shared.clone(), true)]);
    world.live(first.build.number).await;
    let plan = world.plan("raj", Action::Promote { build: build.number }).await.unwrap();
    assert_eq!((plan.range.own_len(), plan.range.beside_len()), (1, 1));
    assert_eq!(plan.range.beside().next().map(|commit| &commit.sha), Some(&shared));
    let author = plan.findings.iter().find(|finding| finding.guard == Guard::Author).unwrap();
    assert_eq!(author.severity, Severity::Override, "{author:?}");
    world.stop().await;
}

#[tokio::test]
async fn paths_of_the_service_file_make_builds_and_one_that_matches_nothing_is_said() {
    let mut world = shop("paths = [\"libs/**\", \"lib/**\"]").await;
    commit(&world, "Raj", "docs/readme");
    let shared = commit(&world, "Raj", "libs/tax");
    let build = verified(&world, &shared).await;
    let beside: Vec<_> = build.commits.iter().map(|c| (c.subject.as_str(), c.beside)).collect();
    assert_eq!(beside, [("libs/tax", false), ("docs/readme", true)]);
    let named = |s: &ServiceSnapshot| s.problems.iter().find(|p| p.what.contains("paths")).cloned();
    let problem = world.until("the pattern is named", named).await;
    assert_eq!(problem.what, "no file matches \"lib/**\" of paths in trunkline.toml");
    world.stop().await;
}

#[tokio::test]
async fn a_build_of_the_newest_commit_is_made_for_whoever_needs_one() {
    let mut world = shop("").await;
    let refused = refusal(world.command("raj", Command::BuildTip {}).await).to_string();
    assert!(refused.contains("is #1 already"), "{refused}");
    world.repository.git(["commit", "--quiet", "--allow-empty", "--message", "again"]);
    let shared = commit(&world, "Raj", "libs/tax");
    let receipt = world.command("raj", Command::BuildTip {}).await.unwrap();
    assert!(receipt.said.starts_with("#2 is made of"), "{}", receipt.said);
    let build = verified(&world, &shared).await;
    let listed: Vec<_> = build.commits.iter().map(|c| (c.subject.as_str(), c.beside)).collect();
    assert_eq!(
        listed,
        [("libs/tax", true), ("again", true)],
        "both were fetched, and both are in it"
    );
    let backend = world.backend("raj");
    let before = Seq(receipt.seq.0 - 1);
    let events = backend.events(None, before, 1, std::time::Duration::ZERO).await.unwrap();
    let said = events[0].sentence();
    assert!(said.starts_with("raj made #2 of the trunk's newest commit"), "{said}");
    let own = commit(&world, "Ann", "shop/cart");
    let next = verified(&world, &own).await;
    let listed: Vec<_> = next.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(listed, ["shop/cart"], "the next build counts on from it");
    world.stop().await;
}

#[tokio::test]
async fn a_bad_commit_that_made_no_build_is_in_the_builds_that_contain_it() {
    let mut world = shop("").await;
    let shared = commit(&world, "Raj", "libs/tax");
    let backend = world.backend("raj");
    let prefix = shared.as_str().parse().unwrap();
    let place = async || backend.commit_location(&world.service, &prefix).await;
    while !matches!(place().await, Ok(CommitLocation::InNoBuild { .. })) {
        tokio::task::yield_now().await;
    }
    let (commits, reason) = (vec![shared.to_string()], "it rounds down".to_owned());
    world.command("raj", Command::Quarantine { commits, reason }).await.unwrap();
    let Ok(CommitLocation::InNoBuild { quarantined: Some(bad), .. }) = place().await else {
        panic!("the commit is where it was, and marked")
    };
    assert_eq!(bad.by, Actor::Person("raj".into()));
    let is_bad = |number: u64| {
        let told = move |s: &ServiceSnapshot| {
            let row = s.builds.iter().find(|row| row.build.number.0 == number)?;
            Some(!row.bad.is_empty())
        };
        world.until("the build", told)
    };
    assert!(!is_bad(1).await, "the build before it has nothing of it");
    verified(&world, &commit(&world, "Ann", "shop/cart")).await;
    assert!(is_bad(2).await && !is_bad(1).await);
    world.repository.git(["revert", "--no-edit", shared.as_str()]);
    verified(&world, &commit(&world, "Ann", "shop/other")).await;
    assert!(!is_bad(3).await, "its revert counts, also outside of the folder");
    world.stop().await;
}
