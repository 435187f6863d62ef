//! A commit that was rolled back and named bad does not come again with the next build, unless that has its revert.

use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::ids::{BuildNumber, Environment, Sha};
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline::domain::snapshot::BuildRow;

use trunkline_testing::engine::{QUICK, World, refusal};

async fn build_of(world: &World, sha: &Sha) -> BuildNumber {
    let verified = |row: &BuildRow| row.build.sha == *sha && !row.build.verifications.is_empty();
    world.until_build("the merge is verified in staging", verified).await.build.number
}

fn release(bad: Option<Vec<String>>) -> Command {
    let (environment, reason) = (Environment::Production, "double charges".into());
    Command::Release { environment, reason, bad, hold: None, leave_open: Vec::new() }
}

async fn quarantine(world: &World, build: BuildNumber) -> Option<Finding> {
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    plan.findings.into_iter().find(|finding| finding.guard == Guard::Quarantine)
}

/// A rollback of the second build, released by naming its commit; gives that commit.
async fn rolled_back(world: &World) -> Sha {
    let good = world.verified("good").await;
    world.live(good).await;
    let bad = world.repository.commit("charge twice");
    let build = build_of(world, &bad).await;
    world.live(build).await;
    let back = world.rollback().await;
    world.ended(back).await;
    bad
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_commit_stays_out_until_a_build_has_its_revert() {
    let mut world = World::open(QUICK).await;
    let bad = rolled_back(&world).await;
    world.command("raj", release(Some(vec![bad.short().to_owned()]))).await.unwrap();

    let next = world.verified("something else").await;
    let caught = quarantine(&world, next).await.unwrap();
    assert_eq!(caught.severity, Severity::Override);
    assert!(caught.sentence.contains(bad.short()), "{caught:?}");
    assert!(caught.sentence.contains("double charges"), "{caught:?}");
    assert!(caught.sentence.contains("No known revert"), "{caught:?}");

    // Staging goes on, and says it.
    let row = world.until_build("the next build", |row| row.build.number == next).await;
    assert_eq!(row.bad, std::slice::from_ref(&bad));

    world.repository.git(["revert", "--no-edit", bad.as_str()]);
    let clean = build_of(&world, &world.repository.head()).await;
    assert_eq!(quarantine(&world, clean).await.unwrap().severity, Severity::Info);
    let caught = quarantine(&world, next).await.unwrap();
    assert!(caught.sentence.contains(&format!("{clean} is the first build")), "{caught:?}");
    world.live(clean).await;

    // Taking the revert back brings the bad commit back.
    let away = world.repository.head();
    world.repository.git(["revert", "--no-edit", away.as_str()]);
    let again = build_of(&world, &world.repository.head()).await;
    assert_eq!(quarantine(&world, again).await.unwrap().severity, Severity::Override);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_names_the_bad_commit_in_the_record() {
    let mut world = World::open(QUICK).await;
    let bad = rolled_back(&world).await;
    world.command("raj", release(Some(vec![bad.to_string()]))).await.unwrap();
    let next = world.verified("something else").await;
    let plan = world.plan("raj", Action::Promote { build: next }).await.unwrap();
    let command = Command::Execute {
        action: plan.action,
        fingerprint: plan.fingerprint.clone(),
        overrides: std::collections::BTreeMap::new(),
    };
    let Refusal::Policy { sentence, .. } = refusal(world.command("raj", command).await) else {
        panic!("it is policy that refuses")
    };
    assert!(sentence.contains(bad.short()), "{sentence}");
    let id = world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    let request = world.deployment(id).request;
    assert_eq!(request.overrides[&Guard::Quarantine], "a test");
    assert!(request.findings.iter().any(|finding| finding.sentence.contains(bad.short())));
    world.ended(id).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rollback_a_release_says_what_was_bad_or_that_nothing_was() {
    let mut world = World::open(QUICK).await;
    rolled_back(&world).await;
    let Refusal::Invalid { sentence, .. } = refusal(world.command("raj", release(None)).await)
    else {
        panic!("it has to be said")
    };
    assert!(sentence.contains("name the bad commits"), "{sentence}");
    let unknown = release(Some(vec!["abcdef1234".into()]));
    assert!(matches!(refusal(world.command("raj", unknown).await), Refusal::NotFound { .. }));
    world.command("raj", release(Some(Vec::new()))).await.unwrap();
    let next = world.verified("something else").await;
    assert_eq!(quarantine(&world, next).await, None);
    world.stop().await;
}

/// A branch that is merged, and whose first commit is known to be bad.
struct Branch {
    /// What it began at.
    base: Sha,
    bad: Sha,
    merge: Sha,
    build: BuildNumber,
}

/// A world with such a branch, on which these commits stand beside the bad one.
async fn with_a_bad_branch(beside: &[&str]) -> (World, Branch) {
    let world = World::open(QUICK).await;
    let good = world.verified("good").await;
    world.live(good).await;
    let base = world.repository.head();
    world.repository.branch("feature");
    let bad = world.repository.commit("charge twice");
    for subject in beside {
        world.repository.commit(subject);
    }
    world.repository.switch("main");
    let merge = world.repository.merge("feature", "Merge branch 'feature'");
    let build = build_of(&world, &merge).await;
    let command = Command::Quarantine { commits: vec![bad.to_string()], reason: "charges".into() };
    world.command("raj", command).await.unwrap();
    (world, Branch { base, bad, merge, build })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_is_reverted_takes_back_what_came_with_it() {
    let (mut world, Branch { bad, merge, build, .. }) =
        with_a_bad_branch(&["and tell nobody"]).await;
    assert_eq!(quarantine(&world, build).await.unwrap().severity, Severity::Override);
    world.repository.git(["revert", "--no-edit", "--mainline=1", merge.as_str()]);
    let clean = build_of(&world, &world.repository.head()).await;
    assert_eq!(quarantine(&world, clean).await.unwrap().severity, Severity::Info);
    let alarm = Command::Clear { commit: bad.to_string(), reason: "a false alarm".into() };
    world.command("raj", alarm).await.unwrap();
    assert_eq!(quarantine(&world, build).await, None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quarantine_is_the_same_after_a_restart() {
    let mut world = World::open(QUICK).await;
    let bad = rolled_back(&world).await;
    world.command("raj", release(Some(vec![bad.to_string()]))).await.unwrap();
    let next = world.verified("something else").await;
    let before = quarantine(&world, next).await.unwrap();
    world.stop().await;
    world.start().await;
    world.until_build("the builds are there again", |row| row.build.number == next).await;
    let after = quarantine(&world, next).await.unwrap();
    assert_eq!(before.severity, after.severity);
    assert!(after.sentence.contains(bad.short()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_push_that_moves_the_bad_commit_into_another_merge_is_caught() {
    let (mut world, Branch { base, bad, .. }) = with_a_bad_branch(&[]).await;

    world.repository.rewrite(&base);
    world.repository.commit("instead");
    let again = world.repository.merge("feature", "Merge branch 'feature' once more");
    let moved = build_of(&world, &again).await;
    let caught = quarantine(&world, moved).await.unwrap();
    assert_eq!(caught.severity, Severity::Override);
    assert!(
        caught.sentence.starts_with(&format!("Contains bad commit {}", bad.short())),
        "{caught:?}"
    );

    // Without the merge, nothing of it is left.
    world.repository.rewrite(&base);
    world.repository.commit("nothing of it");
    let clean = build_of(&world, &world.repository.head()).await;
    assert_eq!(quarantine(&world, clean).await.unwrap().severity, Severity::Info);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_is_moved_onto_the_branch_itself_has_its_bad_commit() {
    let (mut world, Branch { bad, merge, .. }) = with_a_bad_branch(&[]).await;

    world.repository.rewrite(&bad);
    world
        .until_build("the merge is off the trunk", |row| {
            row.build.sha == merge && row.build.off_trunk
        })
        .await;
    let next = world.repository.commit("go on");
    let next = build_of(&world, &next).await;
    assert_eq!(quarantine(&world, next).await.unwrap().severity, Severity::Override);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_build_has_is_not_named_bad() {
    let mut world = World::open(QUICK).await;
    world.repository.branch("feature");
    let aside = world.repository.commit("not merged");
    world.repository.switch("main");
    world.verified("good").await;
    let command = Command::Quarantine { commits: vec![aside.to_string()], reason: "x".into() };
    let Refusal::NotFound { sentence, .. } = refusal(world.command("raj", command).await) else {
        panic!("it is in no build")
    };
    assert!(sentence.contains("no build has a commit"), "{sentence}");
    world.stop().await;
}
