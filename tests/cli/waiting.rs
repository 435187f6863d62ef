//! What a command says while it waits, and what goes on when it is ended.

use std::fs;

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

const WIDE: (u16, u16) = (200, 50);

/// The words of the command after this label, without the program.
fn printed<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
    let command = line.unwrap_or_else(|| panic!("no {label:?} in {text}")).trim();
    command.strip_prefix("trunkline ").unwrap().split(' ').collect()
}

#[test]
fn ctrl_c_ends_the_waiting_and_says_that_the_deployment_goes_on() {
    let home = Home::new();
    let gate = home.path("gate");
    let waits =
        "n=0; while [ ! -e GATE ] && [ $n -lt 1200 ]; do n=$((n+1)); sleep 0.05; done; echo done";
    home.watch(&service_file(&waits.replace("GATE", gate.to_str().unwrap())));
    home.await_build(1, "verified");
    let mut waiting = home.on_terminal(&["promote", "1", "--yes", "--wait"], WIDE);
    waiting.shows("release ... 1s");
    waiting.keys("\u{3}");
    assert_eq!(waiting.exit_code(), 130);
    let said = waiting.text();
    assert!(said.contains("stopped waiting; d") && said.contains(" goes on"), "{said}");
    let history = home.said(&["history"]);
    assert!(history.contains("running release"), "{history}");
    fs::write(&gate, "").unwrap();
    let watched = home.said(&printed(&said, "watch it:"));
    assert!(watched.contains("done"), "{watched}");
    until("it has ended", || home.said(&["history"]).contains("succeeded"));
    let late = home.trunkline(&printed(&said, "cancel it:"));
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stderr).contains("has ended already"), "{late:?}");
}

#[test]
fn a_promote_of_what_is_live_says_that_it_deploys_it_again() {
    let home = Home::with_one_live();
    let again = home.said(&["promote", "1", "--yes", "--wait"]);
    let (before, _) = again.split_once("  release ").unwrap();
    assert!(before.contains("#1 is live already: this deploys it again"), "{again}");
    assert!(!home.said(&["promote", "2", "--yes", "--wait"]).contains("again"));
}

#[test]
fn a_build_that_is_on_its_way_is_waited_for_and_another_number_is_not() {
    let home = Home::with_one_live();
    home.said(&["status"]);
    home.merge("sam", "late.html", "three");
    let promoted = home.trunkline(&["promote", "3", "--yes", "--wait"]);
    assert_eq!(promoted.status.code(), Some(0), "{promoted:?}");
    let unknown = home.trunkline(&["promote", "99", "--yes"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&unknown.stderr).contains("waiting"), "{unknown:?}");
}

#[test]
fn a_stopped_engine_says_that_the_demo_has_one_too() {
    let home = Home::with_shop();
    home.said(&["status"]);
    let folder = home.path("data/demo/config");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(home.path("config/config.toml"), folder.join("config.toml")).unwrap();
    home.said(&["--demo", "status"]);
    let said = home.said(&["engine", "stop"]);
    assert!(said.contains("the engine of the demo, process id "), "{said}");
    let (_, command) = said.split_once("run: trunkline ").unwrap();
    let stopped = home.said(&command.split_whitespace().collect::<Vec<_>>());
    assert!(stopped.contains("has stopped"), "{stopped}");
    assert_eq!(home.said(&["engine", "stop"]).trim(), "the engine was not running");
}
