//! The tool is in the fire: git hangs, the engine is killed in the middle of the rollback, and in the end it is done by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

/// A git that does not come back from a repository of others while the file `hang` is there.
const HANGING: &str = r#"#!/bin/sh
case " $* " in *" fetch "*|*" ls-remote "*|*" clone "*)
    echo asked >> "$HOME/asked"
    while [ -e "$HOME/hang" ]; do sleep 0.05; done ;;
esac
PATH=${PATH#*:} exec git "$@"
"#;

/// A user in whose shell that git is the first.
struct Fire {
    home: Home,
    path: String,
}

impl Fire {
    /// Two builds were live. The rollback step notes that it ran, and waits while the file `gate` is there.
    fn begin() -> Self {
        let home = Home::new();
        let (ran, gate) = (home.path("ran"), home.path("gate"));
        let step = format!(
            "echo back >> {}; while [ -e {} ]; do sleep 0.02; done",
            ran.display(),
            gate.display()
        );
        home.watch(&service_file("echo shipped").replace("echo back again", &step));
        home.await_build(1, "verified");
        home.said(&["promote", "1", "--yes", "--wait"]);
        home.merge("sam", "page.html", "two");
        home.await_build(2, "verified");
        home.said(&["promote", "2", "--yes", "--wait"]);
        home.said(&["engine", "stop"]);
        let git = home.path("programs/git");
        fs::create_dir(home.path("programs")).unwrap();
        fs::write(&git, HANGING).unwrap();
        fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(home.path("hang"), "").unwrap();
        let path =
            format!("{}:{}", home.path("programs").display(), std::env::var("PATH").unwrap());
        Self { home, path }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env("PATH", &self.path);
        command
    }

    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn rollbacks(&self) -> usize {
        let history = self.home.json(&["history", "--json"]);
        let of = |made: &&serde_json::Value| made["request"]["kind"] == "rollback";
        history.as_array().unwrap().iter().filter(of).count()
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn with_git_hung_and_the_engine_killed_in_the_middle_exactly_one_rollback_runs() {
    let fire = Fire::begin();
    let home = &fire.home;
    fs::write(home.path("gate"), "").unwrap();
    // `trunkline rollback` starts an engine, whose git hangs from its first look on.
    let first = fire.command(&["rollback", "--yes", "--wait"]);
    let first = { first }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("its step runs", || fire.ran() == ["back"]);
    assert!(home.path("asked").exists(), "git was asked, and did not answer");
    home.kill_engine();

    // Whoever is in the fire tries again: it is the same rollback, and nothing runs twice.
    let again = fire.command(&["rollback", "--yes"]).output().unwrap();
    let said = told(&again);
    assert_eq!(again.status.code(), Some(3), "{said}");
    assert!(said.contains("rollback of #1"), "it says what runs: {said}");
    fs::remove_file(home.path("gate")).unwrap();
    // The first one started an engine again by itself, and tells what became of it.
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", told(&first));
    assert_eq!((fire.ran().len(), fire.rollbacks()), (1, 1));
    let status = home.json(&["status", "--service", "shop", "--json"]);
    assert_eq!(status["live"]["production"]["build"], 1, "{status:#}");
    assert_eq!(
        status["holds"]["production"]["rollback"],
        status["live"]["production"]["deployment"]
    );
    assert!(home.path("hang").exists(), "git hung all the time");
    by_hand(&fire);
    fs::remove_file(home.path("hang")).unwrap();
}

/// The hard version: no engine at all. The commands are run by hand, and noted afterwards with their time.
fn by_hand(fire: &Fire) {
    let home = &fire.home;
    home.said(&["release", "--none-bad", "--reason", "again", "--leave-open"]);
    home.said(&["promote", "2", "--yes", "--wait", "--reason", "verified=a test"]);
    let told = home.said(&["plan", "rollback"]);
    let script = &told[told.find("# Roll production of shop back to #1").expect("it is shown")..];
    let sheet = home.path("break-glass");
    fs::write(&sheet, script).unwrap();
    home.said(&["engine", "stop"]);
    let output = Command::new("sh").arg(&sheet).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{script}");
    assert_eq!(fire.ran().len(), 2, "once by trunkline, once by hand");
    let note = fire
        .command(&["note", "infra", "ran break-glass of shop", "--at", "10m"])
        .output()
        .unwrap();
    assert!(note.status.success(), "{note:?}");
    let noted = home.said(&["audit", "--kind", "noted", "--json"]);
    let noted: serde_json::Value = serde_json::from_str(noted.lines().next().unwrap()).unwrap();
    let at = |value: &serde_json::Value| {
        chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap()
    };
    let ago = at(&noted["at"]) - at(&noted["fact"]["changed_at"]);
    assert!((9..=11).contains(&ago.num_minutes()), "{noted:#}");
    assert_eq!(fire.rollbacks(), 1, "nobody claims that trunkline did it");
}
