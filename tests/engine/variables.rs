//! What the steps find in their environment: a small base and what the service declares, whoever started the engine.

use std::collections::BTreeMap;

use trunkline::domain::command::Action;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::{BuildNumber, Seq};
use trunkline::domain::plan::{Finding, Guard, Plan, Severity};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::{QUICK, World};

const TOKEN: &str = "tok_4f9d8a7c6b5e";

/// The service whose steps print their whole environment, with this declaration.
fn printing(declared: &str) -> String {
    QUICK.replace("\"./release\"", "\"env\"").replace("echo back to $TRUNKLINE_BUILD", "env")
        + declared
}

fn exported(world: &mut World, name: &str, value: &str) {
    world.exported.insert(name.to_owned(), value.to_owned());
}

async fn environment_of(world: &World, build: BuildNumber) -> BTreeMap<String, String> {
    let id = world.live(build).await;
    let lines = world.log(id, 0).await;
    let pairs = lines.iter().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn about_variables(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.guard == Guard::Variables).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_finds_a_base_the_facts_and_what_its_service_declares() {
    let declared = "[env]\npass = [\"KUBECONFIG\"]\nset = { REGION = \"eu west\", LANG = \"C\" }\n[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n";
    let mut world = World::with_file(&printing(declared));
    for (name, value) in
        [("KUBECONFIG", "/k8s/prod"), ("DEPLOY_TOKEN", TOKEN), ("OTHER", "x"), ("LANG", "de")]
    {
        exported(&mut world, name, value);
    }
    world.start().await;
    let build = world.verified("a change").await;
    let found = environment_of(&world, build).await;
    // A shell adds these by itself.
    let by_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let names: Vec<_> = found.keys().filter(|name| !by_shell.contains(&name.as_str())).collect();
    let known = [
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TMPDIR",
        "TERM",
        "CI",
        "KUBECONFIG",
        "REGION",
        "DEPLOY_TOKEN",
    ];
    let strange =
        names.iter().filter(|n| !known.contains(&n.as_str()) && !n.starts_with("TRUNKLINE_"));
    assert_eq!(strange.count(), 0, "{names:?}");
    let values =
        ["KUBECONFIG", "REGION", "LANG", "DEPLOY_TOKEN", "TERM", "CI"].map(|n| found[n].as_str());
    assert_eq!(values, ["/k8s/prod", "eu west", "C", "***", "dumb", "true"]);
    assert_eq!(found["PATH"], world.exported["PATH"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_variable_without_a_value_stops_everything_before_production_is_touched() {
    let mut world = World::with_file(QUICK);
    world.start().await;
    let first = world.verified("a change").await;
    world.live(first).await;
    let second = world.verified("another").await;
    world.live(second).await;
    world
        .repository
        .write("trunkline.toml", &format!("{QUICK}[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n"));
    let sha = world.repository.commit_all("Ann", "ann@example.com", "needs a token");
    let failed = world.until("staging fails", |s| {
        let row = s.deployments.iter().find(|row| row.deployment.request.sha == sha)?;
        row.deployment.trouble().map(ToString::to_string)
    });
    let why = failed.await;
    assert!(why.contains("The steps need DEPLOY_TOKEN, which the engine does not have"), "{why}");
    assert!(why.contains("trunkline engine restart"), "{why}");
    let problem = world.until("it is a problem", |s| s.problems.first().map(|p| p.what.clone()));
    assert_eq!(problem.await, "The steps need DEPLOY_TOKEN, which the engine does not have");
    let newest =
        world.until("there is a build", |s| s.builds.first().map(|row| row.build.number)).await;
    let plan = world.plan("raj", Action::Promote { build: newest }).await.unwrap();
    assert_eq!(about_variables(&plan)[0].severity, Severity::Refuse);
    assert!(world.execute("raj", &plan).await.is_err());
    // The builds before it declare nothing, so the way back is open.
    let blocked = world.until("the way back", |s| s.rollback.as_ref().map(|r| r.blocked.clone()));
    assert_eq!(blocked.await, None);
    let back = world.rollback().await;
    assert_eq!(world.ended(back).await.state(), DeploymentState::Succeeded);
    world.stop().await;
    exported(&mut world, "DEPLOY_TOKEN", TOKEN);
    world.start().await;
    world.until("the problem is gone", |s| s.problems.is_empty().then_some(())).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_would_be_refused_is_not_called_safe() {
    let file = printing("[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n");
    let mut world = World::with_file(&file);
    exported(&mut world, "DEPLOY_TOKEN", TOKEN);
    world.start().await;
    for change in ["a", "b"] {
        let build = world.verified(change).await;
        world.live(build).await;
    }
    world.stop().await;
    world.exported.remove("DEPLOY_TOKEN");
    world.start().await;
    let blocked = world.until("it is said", |s| s.rollback.as_ref()?.blocked.clone()).await;
    assert_eq!(blocked, "The steps need DEPLOY_TOKEN, which the engine does not have");
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(about_variables(&plan)[0].severity, Severity::Refuse);
    assert!(world.execute("raj", &plan).await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_rollback_lacks_is_never_said_of_another() {
    let mut world = World::with_file(&printing("[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n"));
    exported(&mut world, "DEPLOY_TOKEN", TOKEN);
    world.start().await;
    let first = world.verified("needs a token").await;
    world.live(first).await;
    world.repository.write("trunkline.toml", &printing(""));
    let second = world.verified("needs none").await;
    world.live(second).await;
    world.stop().await;
    world.exported.remove("DEPLOY_TOKEN");
    world.start().await;
    let blocked = |s: &ServiceSnapshot| s.rollback.as_ref()?.blocked.clone();
    world.until("the way back to the first is blocked", blocked).await;
    let third = world.verified("more").await;
    world.promote(third).await;
    let offer = |s: &ServiceSnapshot| s.rollback.clone().filter(|offer| offer.to == second);
    let offer = world.until("the second is the way back", offer).await;
    assert_eq!(offer.blocked, None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_started_from_another_shell_is_a_finding_with_the_name_and_never_the_value() {
    let mut world = World::with_file(&printing("[env]\npass = [\"KUBECONFIG\"]\n"));
    exported(&mut world, "KUBECONFIG", "/k8s/of-staging-cluster");
    world.start().await;
    let first = world.verified("a change").await;
    let id = world.live(first).await;
    let second = world.verified("another").await;
    let same = world.plan("raj", Action::Promote { build: second }).await.unwrap();
    assert_eq!(about_variables(&same), Vec::<&Finding>::new());
    world.stop().await;
    exported(&mut world, "KUBECONFIG", "/k8s/of-another-cluster");
    world.start().await;
    assert!(world.execute("raj", &same).await.is_err(), "what was confirmed is not what would run");
    let plan = world.plan("raj", Action::Promote { build: second }).await.unwrap();
    let [found] = about_variables(&plan)[..] else { panic!("{plan:#?}") };
    assert_eq!(found.severity, Severity::Warn);
    assert!(
        found.sentence.starts_with(&format!("KUBECONFIG is not what it was for {id}.")),
        "{found:?}"
    );
    let events = world.handle().events(None, Seq(0), 1000).await.unwrap();
    let record = serde_json::to_string(&events).unwrap();
    assert!(record.contains("\"KUBECONFIG\"") && !record.contains("-cluster"), "{record}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gives_a_running_engine_what_it_lacks() {
    let file = printing("[env]\npass = [\"KUBECONFIG\"]\n[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n");
    let mut world = World::with_file(&file);
    world.start_by_file("").await;
    let lacks = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.problems.first().map(|p| p.what.clone())
    };
    let what = world.until("it lacks both", lacks).await;
    assert_eq!(what, "The steps need DEPLOY_TOKEN and KUBECONFIG, which the engine does not have");
    let secrets = world.folder().join("secrets.env");
    std::fs::write(&secrets, format!("DEPLOY_TOKEN={TOKEN}\nKUBECONFIG='/k8s/prod'\nOTHER=1\n"))
        .unwrap();
    world.write_user_file(&format!("[secrets]\nenv_file = {secrets:?}\n"));
    world.until("it lacks nothing", |s| s.problems.is_empty().then_some(())).await;
    let build = world.verified("a change").await;
    let found = environment_of(&world, build).await;
    assert_eq!(
        (found["KUBECONFIG"].as_str(), found["DEPLOY_TOKEN"].as_str()),
        ("/k8s/prod", "***")
    );
    assert!(!found.contains_key("OTHER"), "only what is declared");
    std::fs::write(&secrets, "DEPLOY_TOKEN\n").unwrap();
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let sentence = &about_variables(&plan)[0].sentence;
    assert!(sentence.contains("cannot be used: line 1 is not NAME=VALUE"), "{sentence}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_values_and_its_last_answer_counts_when_it_fails() {
    let mut world = World::with_file(&printing("[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n"));
    let vault = world.folder().join("vault.env");
    std::fs::write(&vault, format!("DEPLOY_TOKEN={TOKEN}\n")).unwrap();
    let command = format!("[secrets]\ncommand = [\"cat\", {vault:?}]\n");
    world.start_by_file(&command).await;
    let build = world.verified("a change").await;
    std::fs::remove_file(&vault).unwrap();
    assert_eq!(environment_of(&world, build).await["DEPLOY_TOKEN"], "***");
    world.stop().await;
    world.start_by_file(&command).await;
    let lacks =
        world.until("nothing is known", |s| s.problems.first().map(|p| p.what.clone())).await;
    assert!(lacks.contains("the command \"cat\" of [secrets] failed"), "{lacks}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_the_steps_of_its_service_alone_and_no_log_of_any() {
    let mut world = World::with_file(&printing("[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n"));
    let other = QUICK.replace("checkout", "other").replace("\"./release\"", "\"cat leak; env\"");
    world.repository.write("other/trunkline.toml", &other);
    world.repository.write("other/leak", TOKEN);
    world.repository.commit_all("Ann", "ann@example.com", "another service");
    exported(&mut world, "DEPLOY_TOKEN", TOKEN);
    world.start_folders(&[None, Some("other")]).await;
    world.service = "other".parse().unwrap();
    world.repository.commit_by("Ann", "ann@example.com", "other/x", "x", "x");
    let sha = world.repository.head();
    let verified = world.until_build("other is verified", |row| {
        row.build.sha == sha && !row.build.verifications.is_empty()
    });
    let build = verified.await.build.number;
    let id = world.live(build).await;
    let log = world.log(id, 0).await.join("\n");
    assert!(log.contains("***") && !log.contains(TOKEN), "{log}");
    assert!(!log.contains("DEPLOY_TOKEN"), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_build_needs_is_known_when_its_file_is_gone() {
    let declared = "[env]\npass = [\"KUBECONFIG\"]\nset = { REGION = \"eu\", ZONE = \"a\" }\n";
    let mut world = World::with_file(&printing(declared));
    exported(&mut world, "KUBECONFIG", "/k8s/prod");
    world.start().await;
    let old = world.verified("a change").await;
    world.live(old).await;
    let now = "[env]\nset = { ZONE = \"b\" }\n";
    world.repository.write("trunkline.toml", &printing(now));
    let new = world.verified("needs less").await;
    world.live(new).await;
    world.stop().await;
    for folder in ["mirrors", "checkouts"] {
        std::fs::remove_dir_all(world.data().join(folder)).unwrap();
    }
    world.exported.remove("KUBECONFIG");
    let away = world.folder().join("away");
    std::fs::rename(world.repository.path(), &away).unwrap();
    world.start().await;
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let [needed, set] = about_variables(&plan)[..] else { panic!("{plan:#?}") };
    assert_eq!((needed.severity, set.severity), (Severity::Refuse, Severity::Warn));
    assert!(needed.sentence.contains("need KUBECONFIG, which"), "{needed:?}");
    // Without a service file nothing gives ZONE a value either.
    assert!(set.sentence.contains("has no value of REGION and ZONE"), "{set:?}");
    world.stop().await;
    std::fs::rename(&away, world.repository.path()).unwrap();
}
