//! The commands of a rollback by hand do what the engine does, without it.

use std::collections::BTreeMap;
use std::process::Command;

use trunkline::domain::by_hand::ByHand;
use trunkline::domain::command::Action;
use trunkline::domain::event::StepSpec;
use trunkline::domain::ids::BuildNumber;
use trunkline_testing::engine::{QUICK, World};

const TOKEN: &str = "tok_4f9d8a7c6b5e";

/// Runs the commands in a shell that has exported the token, and says what they print.
fn run(by_hand: &ByHand, folder: &std::path::Path) -> String {
    let file = folder.join("by-hand.txt");
    let text = by_hand.text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]);
    std::fs::write(&file, text.join("\n")).unwrap();
    let output = Command::new("sh").arg(file).env("DEPLOY_TOKEN", TOKEN).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{}", text.join("\n"));
    String::from_utf8(output.stdout).unwrap()
}

/// The variables of a step that prints its environment; not those that differ by themselves.
fn environment<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let differ = ["PWD", "OLDPWD", "SHLVL", "_", "TRUNKLINE_DEPLOYMENT"];
    let pairs = lines.into_iter().filter_map(|line| line.split_once('='));
    let pairs = pairs.filter(|(name, _)| !differ.contains(name));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

async fn to_live(world: &World, change: &str) -> BuildNumber {
    let build = world.verified(change).await;
    world.live(build).await;
    build
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_find_by_hand_what_they_find_in_a_rollback() {
    let declared = "[env]\npass = [\"KUBECONFIG\"]\nset = { REGION = \"it's $HOME\", LANG = \"C\" }\n[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n[[production.waves]]\nname = \"canary\"\ntargets = [\"h1\"]\npause = \"1s\"\n[[production.waves]]\nname = \"rest\"\ntargets = [\"h2\"]\n";
    let mut world =
        World::with_file(&(QUICK.replace("echo back to $TRUNKLINE_BUILD", "env") + declared));
    for (name, value) in [("KUBECONFIG", "/k8s/prod"), ("DEPLOY_TOKEN", TOKEN)] {
        world.exported.insert(name.to_owned(), value.to_owned());
    }
    world.start().await;
    let (first, _) = (to_live(&world, "a").await, to_live(&world, "b").await);
    let known = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let by_hand = s.rollback.as_ref()?.by_hand.clone()?;
        (!by_hand.commands.is_empty() && by_hand.checkout_kept).then_some(by_hand)
    };
    let by_hand = *world.until("the commands are known", known).await;
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(plan.by_hand.as_deref(), Some(&by_hand), "the plan and the screen say the same");
    assert_eq!(by_hand.to, first);
    let shown = serde_json::to_string(&by_hand).unwrap();
    assert!(!shown.contains(TOKEN) && !shown.contains("/k8s/prod"), "{shown}");
    assert!(shown.contains("DEPLOY_TOKEN") && shown.contains("REGION"), "{shown}");
    let output = Command::new("sh")
        .args(["-c", &by_hand.commands.join("\n")])
        .env_remove("DEPLOY_TOKEN")
        .env("KUBECONFIG", "/k8s/prod")
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && complaint.contains("DEPLOY_TOKEN"), "{output:?}");
    assert_eq!(output.stdout, b"");
    let back = world.rollback().await;
    world.ended(back).await;
    let log = world.log(back, 0).await;
    world.stop().await;
    let file = world.folder().join("run");
    std::fs::write(&file, by_hand.commands.join("\n")).unwrap();
    let mut by_person = Command::new("sh");
    by_person.arg(file).env("DEPLOY_TOKEN", TOKEN).env("KUBECONFIG", "/k8s/prod").env("OTHER", "x");
    let printed = String::from_utf8(by_person.output().unwrap().stdout).unwrap();
    let printed = printed.replace(TOKEN, "***");
    let (by_hand, by_engine) =
        (environment(printed.lines()), environment(log.iter().map(String::as_str)));
    assert_eq!(by_hand, by_engine);
    assert_eq!(by_engine["REGION"], "it's $HOME");
    let waves = ["TRUNKLINE_WAVE", "TRUNKLINE_TARGETS"].map(|name| by_engine[name].as_str());
    assert_eq!(waves, ["all", "h1 h2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_a_kept_checkout_comes_out_of_the_mirror() {
    let file = QUICK.replace("echo back to $TRUNKLINE_BUILD", "cat page ops/notes");
    let mut world = World::with_file(&file);
    // Neither this file nor what it names is in an archive that git makes.
    world.repository.write(".gitattributes", "ops export-ignore\n");
    world.repository.write("ops/notes", "notes");
    world.start().await;
    let mut builds = Vec::new();
    for change in ["one", "two", "three", "four", "five", "six"] {
        world.repository.write("page", change);
        builds.push(to_live(&world, change).await);
    }
    let plan = world.plan("raj", Action::Rollback { to: Some(builds[0]) }).await.unwrap();
    let by_hand = plan.by_hand.unwrap();
    assert!(!by_hand.checkout_kept, "{:?}", by_hand.checkout);
    world.stop().await;
    assert_eq!(run(&by_hand, world.folder()), "onenotesAll steps succeeded.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_said_and_no_half_of_it_is_a_command() {
    let world = World::open(QUICK).await;
    let (first, _) = (to_live(&world, "a").await, to_live(&world, "b").await);
    let mut plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let steps: &[StepSpec] = &[];
    assert_ne!(plan.steps, steps);
    let by_hand = plan.by_hand.take().unwrap();
    let unknown = ByHand { commands: Vec::new(), ..*by_hand };
    let text = unknown.text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]);
    assert!(text.iter().all(|line| line.starts_with("# ")), "{text:#?}");
    assert!(text[0].contains(&first.to_string()), "{text:#?}");
}
