//! How builds follow a trunk that moves in unusual ways.

use trunkline::domain::command::Action;
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::plan::{Guard, Severity};
use trunkline_testing::engine::{QUICK, World};

/// The number of the newest build and its commit, once it is that of the trunk's tip.
async fn newest(world: &World) -> BuildNumber {
    let tip = world.repository.head();
    world.until_build("the tip is a build", |row| row.build.sha == tip).await.build.number
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_follows_a_trunk_that_was_reset_and_what_left_it_needs_a_reason() {
    let mut world = World::open(QUICK).await;
    let good = world.verified("good").await;
    let kept = world.repository.head();
    let leaked = world.verified("secret").await;
    world.repository.rewrite(&kept);
    let staged = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.live.get(&Environment::Staging).filter(|live| live.build == good).map(|_| ())
    };
    world.until("staging runs the newest build of the trunk again", staged).await;
    let plan = world.plan("raj", Action::Promote { build: leaked }).await.unwrap();
    let off_trunk = plan.findings.iter().any(|finding| {
        let is_order = (finding.guard, finding.severity) == (Guard::Order, Severity::Override);
        is_order && finding.sentence.contains("not on the trunk any more")
    });
    assert!(off_trunk, "{:#?}", plan.findings);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_with_the_trunk_as_its_second_parent_makes_one_build() {
    let mut world = World::open(QUICK).await;
    world.verified("base").await;
    world.repository.branch("local");
    world.repository.commit("local 1");
    world.repository.commit("local 2");
    world.repository.switch("main");
    let live = world.verified("trunk").await;
    world.live(live).await;
    world.repository.switch("local");
    world.repository.merge("main", "Merge branch 'main'");
    world.repository.git(["branch", "--force", "main", "local"]);
    world.repository.switch("main");
    let merged = newest(&world).await;
    assert_eq!(merged, BuildNumber(live.0 + 1), "the local commits are no builds");
    let plan = world.plan("ann", Action::Promote { build: merged }).await.unwrap();
    let subjects: Vec<_> = plan.range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["Merge branch 'main'", "local 2", "local 1"]);
    assert!(plan.range.lost.is_empty(), "{:#?}", plan.range.lost);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_stay_gits_count_after_more_merges_than_one_look_takes() {
    let mut world = World::with_file(QUICK);
    world.start().await;
    world.until_build("the first build", |row| row.build.number == BuildNumber(1)).await;
    world.stop().await;
    for number in 0..203 {
        let message = format!("merge {number}");
        world.repository.git(["commit", "--quiet", "--allow-empty", "--message", &message]);
    }
    world.start().await;
    let newest = newest(&world).await;
    let counted = world.repository.git(["rev-list", "--count", "--first-parent", "HEAD"]);
    assert_eq!(newest.0.to_string(), counted);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_file_of_more_than_a_mebibyte_is_a_problem_and_the_trunk_goes_on() {
    let mut world = World::open(QUICK).await;
    world.verified("good").await;
    let huge = format!("{QUICK}# {}\n", "x".repeat(1024 * 1024));
    world.repository.write("trunkline.toml", &huge);
    world.repository.commit_all("Ann", "ann@example.com", "huge");
    newest(&world).await;
    let problem = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.problems.iter().any(|problem| problem.what.contains("larger than 1 MiB")).then_some(())
    };
    world.until("the problem is said", problem).await;
    world.repository.write("trunkline.toml", QUICK);
    world.verified("corrected").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_file_that_is_not_utf8_is_a_problem_at_its_line_and_the_last_good_one_holds() {
    let mut world = World::open(QUICK).await;
    let good = world.verified("good").await;
    let file = world.repository.path().join("trunkline.toml");
    let latin1 = [QUICK.as_bytes(), b"[people.Zo\xeb]\nemails = [\"zoe@example.com\"]\n"].concat();
    std::fs::write(&file, latin1).unwrap();
    let sha = world.repository.commit_all("Ann", "ann@example.com", "in Latin-1");
    let line = QUICK.lines().count() + 1;
    let says = format!("trunkline.toml:{line}:11: byte EB is not UTF-8; save the file as UTF-8");
    let told = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let problem = s.problems.iter().find(|problem| problem.what == says)?;
        let row = s.builds.iter().find(|row| row.build.sha == sha)?;
        Some((problem.remedy.clone(), row.state))
    };
    let (remedy, state) = world.until("the mistake is said", told).await;
    assert_eq!(remedy, "fix it on the trunk; until then the last good file applies");
    assert_eq!(state, trunkline::domain::build::BuildState::Broken);
    world.live(good).await;
    world.repository.write("trunkline.toml", QUICK);
    world.verified("corrected").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_or_a_folder_in_place_of_the_service_file_is_called_what_it_is() {
    let mut world = World::open(QUICK).await;
    world.verified("good").await;
    let file = world.repository.path().join("trunkline.toml");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    world.repository.commit_all("Ann", "ann@example.com", "a link");
    let says = |what: &'static str| {
        move |s: &trunkline::domain::snapshot::ServiceSnapshot| {
            s.problems.iter().any(|problem| problem.what.contains(what)).then_some(())
        }
    };
    world.until("the link is said", says("is a link, which is not followed")).await;
    std::fs::remove_file(&file).unwrap();
    world.repository.write("trunkline.toml/part", "x");
    world.repository.commit_all("Ann", "ann@example.com", "a folder");
    world.until("the folder is said", says("is a folder; commit a file in its place")).await;
    std::fs::remove_dir_all(&file).unwrap();
    world.repository.commit_all("Ann", "ann@example.com", "nothing");
    world.until("nothing is said to be there", says("has no trunkline.toml")).await;
    world.stop().await;
}
