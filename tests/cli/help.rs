//! The manual pages, and what a shell is told when it completes a line.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use trunkline_testing::home::Home;

#[test]
fn every_page_that_the_manual_names_is_there() {
    let home = Home::new();
    let first = home.said(&["man"]);
    assert!(first.contains(".TH trunkline 1"), "{first}");
    let folder = home.path("pages");
    home.said(&["man", "--write", folder.to_str().unwrap()]);
    let mut open = vec![first];
    let mut seen = 0;
    while let Some(page) = open.pop() {
        let named = page.lines().filter(|line| line.starts_with("trunkline\\-"));
        for name in named.filter_map(|line| line.strip_suffix("(1)")) {
            let name = name.replace('\\', "");
            let page = fs::read_to_string(folder.join(format!("{name}.1"))).expect(&name);
            assert!(page.contains("Exit codes") && page.contains("Example"), "{name}: {page}");
            open.push(page);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    assert!(home.said(&["man", "freeze", "add"]).contains(".TH trunkline-freeze-add 1"));
    let unknown = home.trunkline(&["man", "promot"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

/// What the shell is told for the last of these words.
fn completed(home: &Home, words: &[&str]) -> Vec<String> {
    let mut asking = home.command(&[&["--", "trunkline"], words].concat());
    let output = asking.env("TRUNKLINE_COMPLETE", "fish").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn a_shell_completes_what_the_engine_knows() {
    let home = Home::with_one_live();
    home.said(&["freeze", "add", "--for", "1h", "--reason", "the sale"]);
    home.said(&["ask", "2"]);
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.said(&["completions", shell]).contains("TRUNKLINE_COMPLETE"), "{shell}");
    }
    let live = home.json(&["history", "--json"])[0]["id"].to_string();
    let freeze = home.json(&["freeze", "list", "--json"])["freezes"][0]["id"].to_string();
    let request = home.json(&["requests", "--json"])[0]["id"].to_string();
    let deployment = format!("d{live}");
    for (words, expected) in [
        (&["promote", ""][..], "2"),
        (&["rollback", "1"], "1"),
        (&["plan", "promote", ""], "1"),
        (&["status", "--service", "s"], "shop"),
        (&["promote", "2", "--reason", "au"], "author="),
        (&["audit", "--actor", "s"], "sam"),
        (&["logs", "d"], &deployment),
        (&["logs", "--step", ""], "release"),
        (&["lift", ""], &freeze),
        (&["withdraw", ""], &request),
        (&["fre"], "freeze"),
    ] {
        let found = completed(&home, words);
        assert!(found.iter().any(|word| word == expected), "{words:?}: {found:?}");
    }
    let engine = Pid::from_raw(home.engine().unwrap().try_into().unwrap()).unwrap();
    kill_process(engine, Signal::STOP).unwrap();
    // It ends although the engine answers nothing.
    let held = completed(&home, &["promote", ""]);
    kill_process(engine, Signal::CONT).unwrap();
    assert!(!held.contains(&"2".to_owned()), "{held:?}");
}

#[test]
fn completing_starts_no_engine_and_only_answers_its_own_script() {
    let home = Home::with_shop();
    assert!(!completed(&home, &["promote", ""]).contains(&"1".to_owned()));
    assert_eq!(home.engine(), None);
    let version = home.command(&["--version"]).env("COMPLETE", "bash").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
}
