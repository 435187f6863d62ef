//! A service that ran before trunkline: that what is live is not known, and what a person states about it.

use std::fs;

use trunkline::domain::command::{Action, Command};
use trunkline::domain::ids::{BuildNumber, Environment, Sha};
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};

use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::home::until;
use trunkline_testing::service_file::service_file;

/// A service with three commits before trunkline, the first without a service file, and its first build.
async fn old_service() -> (World, [Sha; 3]) {
    let mut world = World::with_file(QUICK);
    let begin = world.repository.head();
    let commit =
        |name: &str| world.repository.commit_by("Raj", "raj@example.com", name, name, name);
    let shas = [begin, commit("second"), commit("third")];
    world.start().await;
    let first = |row: &trunkline::domain::snapshot::BuildRow| {
        row.build.number == BuildNumber(3) && !row.build.verifications.is_empty()
    };
    world.until_build("the first build", first).await;
    (world, shas)
}

fn adopt(commit: &Sha, reason: &str) -> Command {
    Command::Adopt { commit: commit.short().to_owned(), reason: reason.to_owned() }
}

fn said(plan: &Plan, guard: Guard) -> (Severity, &str) {
    let found = plan.findings.iter().find(|finding| finding.guard == guard).unwrap();
    (found.severity, &found.sentence)
}

#[tokio::test]
async fn a_first_promote_says_that_what_is_live_is_unknown_until_a_person_states_it() {
    let (mut world, [_, second, third]) = old_service().await;
    let newest = Action::Promote { build: BuildNumber(3) };
    let is_unknown = |s: &ServiceSnapshot| Some(s.live_unknown);
    assert!(world.until("a snapshot", is_unknown).await);
    let refused = world.plan("ann", Action::Rollback { to: None }).await.unwrap_err().to_string();
    assert!(refused.starts_with("what production runs is not known"), "{refused}");
    let plan = world.plan("ann", newest).await.unwrap();
    assert!(plan.live_unknown && plan.live.is_none());
    let (severity, sentence) = said(&plan, Guard::Order);
    assert_eq!(severity, Severity::Warn);
    assert!(sentence.starts_with("What is live is not known"), "{sentence}");
    let remedies: Vec<_> = plan.findings.iter().filter_map(|f| f.remedy.clone()).collect();
    assert!(remedies.contains(&Remedy::Adopt { commit: None }), "{remedies:?}");
    let (severity, sentence) = said(&plan, Guard::Author);
    assert_eq!(severity, Severity::Warn);
    assert!(sentence.contains("is not known"), "{sentence}");
    assert!(plan.undo.contains("not known"), "{}", plan.undo);

    world.command("ann", adopt(&second, "")).await.unwrap();
    assert_eq!(world.live_now(), Some(BuildNumber(2)), "it counts the commits of the trunk");
    let plan = world.plan("raj", newest).await.unwrap();
    assert!(!plan.live_unknown && !world.until("a snapshot", is_unknown).await);
    let subjects: Vec<_> = plan.range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["third"]);
    assert_eq!(said(&plan, Guard::Author).0, Severity::Override, "raj wrote what ships");
    world.live(BuildNumber(3)).await;
    let back = world.ended(world.rollback().await).await;
    assert_eq!(back.request.build, BuildNumber(2), "its commit has the steps to come back");
    assert_eq!(world.live_now(), Some(BuildNumber(2)));
    let again = refusal(world.command("ann", adopt(&second, "why")).await).to_string();
    assert!(again.contains("live by the record already"), "{again}");
    let reason = refusal(world.command("ann", adopt(&third, " ")).await).to_string();
    assert_eq!(reason, "a reason is needed", "the record says that another build is live");
    world.command("ann", adopt(&third, "we deployed it by hand")).await.unwrap();
    assert_eq!(world.live_now(), Some(BuildNumber(3)));
    world.stop().await;
}

#[tokio::test]
async fn a_build_from_before_the_service_file_is_never_offered_as_a_way_back() {
    let mut world = World::with_file(QUICK);
    world.repository.git(["rm", "--quiet", "--cached", "trunkline.toml"]);
    let text = std::fs::read_to_string(world.repository.path().join("trunkline.toml")).unwrap();
    std::fs::remove_file(world.repository.path().join("trunkline.toml")).unwrap();
    let bare = world.repository.commit_all("Ann", "ann@example.com", "no service file");
    world.repository.write("trunkline.toml", &text);
    world.repository.commit_all("Ann", "ann@example.com", "deploy with trunkline");
    world.start().await;
    let first = |row: &trunkline::domain::snapshot::BuildRow| !row.build.verifications.is_empty();
    let build = world.until_build("the first build", first).await.build.number;
    let unknown = Command::Adopt { commit: "fedcba9876".into(), reason: String::new() };
    let unknown = refusal(world.command("raj", unknown).await).to_string();
    assert!(unknown.starts_with("no fetched commit"), "{unknown}");
    world.command("raj", adopt(&bare, "")).await.unwrap();
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    assert!(plan.undo.contains("declares no steps to bring it back"), "{}", plan.undo);
    assert_eq!(plan.undo_remedy, None);
    world.live(build).await;
    let target = world.until("a snapshot", |s| Some(s.rollback.is_some())).await;
    assert!(!target, "nothing is offered that would be refused");
    let refused = world.plan("raj", Action::Rollback { to: None }).await.unwrap_err().to_string();
    assert!(refused.contains("was live before trunkline"), "{refused}");
    let rows = world.until("the history", |s| Some(s.deployments.clone())).await;
    let of_production =
        rows.iter().filter(|row| row.deployment.request.environment == Environment::Production);
    assert_eq!(of_production.count(), 2, "the statement stands in the history");
    world.stop().await;
}

fn mark_bad(commit: &Sha) -> Command {
    Command::Quarantine { commits: vec![commit.to_string()], reason: "charges twice".into() }
}

#[tokio::test]
async fn git_tells_which_bad_commits_are_in_what_was_stated_to_be_live() {
    let (mut world, [begin, second, third]) = old_service().await;
    world.command("ann", mark_bad(&second)).await.unwrap();
    world.command("ann", adopt(&begin, "")).await.unwrap();
    world.live(BuildNumber(3)).await;
    world.command("ann", mark_bad(&third)).await.unwrap();
    let offer = world.until("a way back", |s| s.rollback.as_ref().map(|offer| offer.to)).await;
    assert_eq!(offer, BuildNumber(1), "both bad commits are later");
    let back = world.ended(world.rollback().await).await;
    assert!(back.succeeded(), "{:?}", back.trouble());
    world.command("ann", mark_bad(&begin)).await.unwrap();
    let rows = world.until("the builds", |s| Some(s.builds.clone())).await;
    let first: Vec<&BuildRow> =
        rows.iter().filter(|row| row.build.number == BuildNumber(1)).collect();
    assert_eq!((&first[0].bad, first[0].in_doubt.len()), (&vec![begin], 0));
    world.stop().await;
}

#[tokio::test]
async fn a_mistaken_statement_is_corrected_until_something_was_deployed_since() {
    let (mut world, [begin, second, _]) = old_service().await;
    world.command("ann", adopt(&begin, "")).await.unwrap();
    let silent = refusal(world.command("raj", adopt(&second, "")).await).to_string();
    assert_eq!(silent, "a reason is needed");
    let said = world.command("raj", adopt(&second, "the other host")).await.unwrap().said;
    let expected = format!(
        "#2 {} counts as live in production, instead of #1 {}",
        second.short(),
        begin.short()
    );
    assert_eq!(said, expected);
    let builds = world.until("the builds", |s| Some(s.builds.clone())).await;
    let numbers: Vec<_> = builds.iter().map(|row| row.build.number.0).collect();
    assert_eq!(numbers, [3, 2]);
    let refused = refusal(world.command("raj", adopt(&second, "again")).await).to_string();
    assert_eq!(refused, "#2 is live by the record already");
    world.live(BuildNumber(3)).await;
    let said = world.command("raj", adopt(&begin, "put back by hand")).await.unwrap().said;
    assert_eq!(said, format!("#1 {} counts as live in production", begin.short()));
    assert_eq!(world.live_now(), Some(BuildNumber(1)));
    let builds = world.until("the builds", |s| Some(s.builds.clone())).await;
    let numbers: Vec<_> = builds.iter().map(|row| row.build.number.0).collect();
    assert_eq!(numbers, [3, 2, 1], "what was deployed since stays");
    world.stop().await;
}

#[tokio::test]
async fn a_commit_from_before_its_folder_moved_is_read_where_it_is() {
    let mut world = World::with_file(QUICK);
    let file = QUICK.replace("./release", "true").replace("echo back", "pwd; echo back");
    world.repository.git(["rm", "--quiet", "trunkline.toml"]);
    world.repository.write("shops/web/trunkline.toml", &file);
    world.repository.write("docs/trunkline.toml", &file.replace("\"checkout\"", "\"docs\""));
    let old = world.repository.commit_all("Ann", "ann@example.com", "the shop");
    world.repository.git(["mv", "shops/web", "app"]);
    world.repository.commit_all("Ann", "ann@example.com", "move the folder");
    world.repository.write("app/page", "");
    let newest = world.repository.commit_all("Ann", "ann@example.com", "a page");
    world.start_folders(&[Some("app")]).await;
    let is = |row: &BuildRow| row.build.sha == newest && !row.build.verifications.is_empty();
    let build = world.until_build("it is verified", is).await.build.number;
    world.command("ann", adopt(&old, "")).await.unwrap();
    world.live(build).await;
    let back = world.rollback().await;
    assert!(world.ended(back).await.succeeded());
    let ran_in = &world.log(back, 0).await[0];
    assert!(ran_in.ends_with("/shops/web"), "{ran_in}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_stated_has_a_checkout_that_nothing_changes() {
    let look = "git status --short; cat settings";
    let file = service_file().raj().step("staging", "smoke", "true");
    let file = file.step("production", "release", "true").step("rollback", "release", look);
    let mut world = World::with_file(&file.text());
    world.repository.write("settings", "as committed\n");
    let before = world.repository.commit_all("Ann", "ann@example.com", "settings");
    world.start().await;
    let build = world.verified("a change").await;
    world.command("raj", adopt(&before, "")).await.unwrap();
    let tree = world.data().join(format!("checkouts/checkout/pristine/{before}"));
    until("the checkout is made before anybody needs it", || tree.join("settings").exists());
    world.live(build).await;
    fs::write(tree.join("settings"), "as edited in a hurry\n").unwrap();
    let back = world.rollback().await;
    let ended = world.ended(back).await;
    assert_eq!(ended.request.sha, before);
    assert!(ended.succeeded(), "{:?}", ended.trouble());
    assert_eq!(world.log(back, 0).await, ["as committed"]);
    assert_eq!(fs::read_to_string(tree.join("settings")).unwrap(), "as committed\n");
    world.stop().await;
}
