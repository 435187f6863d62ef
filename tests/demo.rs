//! The demo as a newcomer meets it: the real program on a terminal, nothing configured.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use portable_pty::CommandBuilder;

#[path = "support/screen.rs"]
mod screen;

use screen::Screen;

const PROGRAM: &str = env!("CARGO_BIN_EXE_trunkline");
const SOON: Duration = Duration::from_secs(20);
/// Two deployments to staging and two to production, on a machine that has other things to do.
const OPENING: Duration = Duration::from_mins(2);

fn environment(folder: &Path) -> [(&'static str, String); 6] {
    let below = |name: &str| folder.join(name).display().to_string();
    [
        ("TRUNKLINE_CONFIG_DIR", below("config")),
        ("TRUNKLINE_DATA_DIR", below("data")),
        ("HOME", below("")),
        ("TERM", "xterm-256color".into()),
        ("LC_ALL", "C.UTF-8".into()),
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
    ]
}

fn trunkline(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).envs(environment(folder)).args(arguments).output().unwrap()
}

/// A folder with a demo in it, whose engine ends with this.
struct Demo(tempfile::TempDir);

impl Demo {
    fn open(&self) -> Screen {
        let mut command = CommandBuilder::new(PROGRAM);
        command.cwd(self.0.path());
        for (name, value) in environment(self.0.path()) {
            command.env(name, value);
        }
        Screen::start(command, 40, 120)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let stopped = trunkline(self.0.path(), &["--demo", "engine", "stop"]);
        assert!(stopped.status.success() || std::thread::panicking(), "{stopped:?}");
    }
}

#[test]
fn a_newcomer_sees_builds_go_live_and_rolls_one_back_with_one_key() {
    let demo = Demo(tempfile::tempdir().unwrap());
    let mut screen = demo.open();
    screen.await_that("the demo", SOON, |text| text.contains("DEMO"));
    let header = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    screen.await_that("a second build live", OPENING, |text| {
        let header = header(text);
        header.contains("#20 ok") && header.contains("#19")
    });
    screen.press("!");
    screen.await_that("the build before, live again", OPENING, |text| {
        header(text).contains("#19 ok")
    });
    screen.press("q");
    screen.press("q");
    let (code, picture) = screen.end();
    assert_eq!(code, 0, "{picture}");
    let history = trunkline(demo.0.path(), &["--demo", "history", "--json"]);
    let history: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
    assert_eq!(history[0]["request"]["kind"], "rollback");
}

#[test]
fn a_demo_that_cannot_be_shown_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let output = trunkline(folder.path(), &["demo"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!folder.path().join("data").exists());
}
