//! The README's promises: every command in it runs, and every key and verb that it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use trunkline::calendar::FreezesFile;
use trunkline::config::{ServiceFile, UserFile};
use trunkline::console::actions;
use trunkline::console::actions::context::InputContext;
use trunkline::console::actions::keymap::Keymap;

const README: &str = include_str!("../../README.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_trunkline");
/// What is not run here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cargo run --release", "the demo's own tests open it on a terminal"),
    ("cargo test", "this is part of it"),
    ("cargo bench ", "they measure for minutes and compare nothing with a limit"),
    ("trunkline", "the console fills a terminal, which the tests of the demo give it"),
    ("trunkline serve", "it runs until it is told to stop; the tests of a team start it"),
    ("trunkline login ", "the tests of a team sign in to a server of theirs"),
    ("trunkline --profile ", "the tests of a team sign in to a server of theirs"),
    ("curl ", "the machine may have none; the tests of the server ask for the same documents"),
];

/// A user whose repository has one commit, as the README wants it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.shop()).unwrap();
        for line in [
            "git config --global user.name Jane",
            "git config --global user.email jane@example.com",
            "git init --quiet --initial-branch=main",
            "git commit --quiet --allow-empty --message Begin",
        ] {
            home.succeeds(line);
        }
        home
    }

    fn shop(&self) -> PathBuf {
        self.0.path().join("shop")
    }

    /// Runs a line as a shell would, with this trunkline first on the path.
    fn run(&self, line: &str) -> Output {
        let folder = Path::new(PROGRAM).parent().unwrap().to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = [folder].into_iter().chain(std::env::split_paths(&others));
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.shop()).stdin(Stdio::null());
        shell.env("PATH", std::env::join_paths(path).unwrap()).env("HOME", self.0.path());
        shell.env("GIT_CONFIG_NOSYSTEM", "1").env("XDG_CONFIG_HOME", self.0.path().join(".config"));
        shell.env("TRUNKLINE_CONFIG_DIR", self.0.path().join("config"));
        shell.env("TRUNKLINE_DATA_DIR", self.0.path().join("data"));
        shell.output().unwrap()
    }

    fn succeeds(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What production saw, newest first.
    fn history(&self) -> Vec<String> {
        let history = self.succeeds("trunkline history --json");
        let history: Vec<Value> = serde_json::from_str(&history).unwrap();
        let requests = history.iter().map(|deployment| &deployment["request"]);
        requests.map(|r| format!("{} {}", r["kind"].as_str().unwrap(), r["build"])).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let stopped = self.run("trunkline engine stop");
        assert!(stopped.status.success() || std::thread::panicking(), "{stopped:?}");
    }
}

/// What stands in the README's blocks of this language, line by line.
fn blocks(language: &str) -> Vec<Vec<&'static str>> {
    let begin = format!("```{language}\n");
    let blocks = README.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| block.lines().collect()).collect()
}

/// The commands of the README, in order.
fn commands() -> Vec<&'static str> {
    let lines = blocks("console").concat();
    lines
        .into_iter()
        .map(|line| line.strip_prefix("$ ").expect("a command begins with $"))
        .collect()
}

fn runs_elsewhere(line: &str) -> bool {
    ELSEWHERE
        .iter()
        .any(|(known, _)| line == *known || known.ends_with(' ') && line.starts_with(known))
}

/// The rows of the table whose first heading is this, cell by cell.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let begin = format!("| {heading} |");
    let lines = README.lines().skip_while(|line| !line.starts_with(&begin)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The words of a cell that stand in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_command_runs_in_the_order_of_the_readme() {
    let home = Home::new();
    let commands = commands();
    assert!(commands.len() > 25, "{commands:?}");
    for line in commands.into_iter().filter(|line| !runs_elsewhere(line)) {
        home.succeeds(line);
        if line.starts_with("trunkline rollback") {
            assert_eq!(home.history(), ["rollback 2", "promote 3", "promote 2"]);
        }
    }
}

#[test]
fn what_runs_elsewhere_is_still_in_the_readme() {
    let commands = commands();
    for (known, why) in ELSEWHERE {
        assert!(commands.iter().any(|line| line.starts_with(known)), "{known:?} ({why}) is gone");
    }
}

#[test]
fn the_sample_files_are_what_trunkline_reads() {
    let samples: Vec<String> = blocks("toml").iter().map(|lines| lines.join("\n")).collect();
    let [service, freezes, user] = samples.as_slice() else { panic!("{samples:?}") };
    let service = ServiceFile::parse(service, "trunkline.toml").unwrap();
    assert_eq!(service.name.as_str(), "shop");
    FreezesFile::parse(freezes, "freezes.toml").unwrap();
    let user = UserFile::parse(user, "config.toml").unwrap();
    assert_eq!(user, UserFile { services: user.services.clone(), ..UserFile::default() });
}

#[test]
fn every_key_of_the_table_does_something() {
    let keys: Vec<_> = table("key").iter().flat_map(|row| quoted(row[0])).collect();
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        let name = if key.len() > 1 { key.to_lowercase() } else { key.to_owned() };
        let chord = name.parse().expect("it is a key");
        let keymap = Keymap::default();
        let here = [InputContext::Everywhere, InputContext::Log];
        let action = here.iter().find_map(|context| keymap.action(*context, chord));
        assert!(action.is_some(), "no action has the key {key:?}");
    }
}

#[test]
fn every_capital_that_changes_something_is_in_the_table() {
    let named: BTreeSet<_> = table("key").iter().flat_map(|row| quoted(row[0])).collect();
    for entry in actions::ACTIONS.iter().take(7) {
        assert!(entry.keys.iter().all(|key| named.contains(key)), "{} is not there", entry.name);
    }
}

#[test]
fn the_verbs_of_the_table_are_those_of_the_help() {
    let rows = table("command");
    let named = rows.iter().flat_map(|row| quoted(row[0]));
    let named: BTreeSet<_> = named.filter_map(|words| words.split(' ').next()).collect();
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs: BTreeSet<_> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let verbs: BTreeSet<_> = verbs.into_iter().filter(|verb| *verb != "help").collect();
    assert_eq!(named, verbs);
}

#[test]
fn every_file_that_the_readme_links_to_is_there() {
    let links = README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let links: Vec<_> = links.filter(|link| !link.contains("://")).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(link);
        assert!(path.is_file(), "{link} is not there");
    }
}
