//! `trunkline init` in a clone: it watches the remote, also for one who joins later, and every remedy that names it works.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

/// A user beside a bare repository whose trunk has the service, and what sam works in.
fn with_hub() -> (Home, PathBuf, PathBuf) {
    let home = Home::new();
    let (hub, work) = (home.path("hub.git"), home.path("work"));
    let top = home.path("");
    git(&home, &top, &["init", "--quiet", "--bare", "--initial-branch=main", "hub.git"]);
    git(&home, &hub, &["config", "uploadpack.allowFilter", "true"]);
    git(&home, &top, &["clone", "--quiet", "hub.git", "work"]);
    push(&home, &work, "page.html", "one");
    push(&home, &work, "trunkline.toml", &service_file("echo shipped"));
    (home, hub, work)
}

fn git(home: &Home, folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .envs(home.environment())
        .args(["-c", "user.name=sam", "-c", "user.email=sam@shop.example"])
        .args(["-c", "init.defaultBranch=main"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn push(home: &Home, folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).unwrap();
    git(home, folder, &["add", "--all"]);
    git(home, folder, &["commit", "--quiet", "--message", file]);
    git(home, folder, &["push", "--quiet", "origin", "HEAD:main"]);
}

fn init(home: &Home, clone: &Path, arguments: &[&str]) -> Output {
    let mut init = home.command(&["init"]);
    init.args(arguments).current_dir(clone).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn user_file(home: &Home) -> String {
    fs::read_to_string(home.path("config/config.toml")).unwrap()
}

/// What the service's problems say.
fn problems(home: &Home) -> String {
    home.json(&["status", "--json", "--service", "shop"])["problems"].to_string()
}

#[test]
fn a_watched_clone_is_said_and_init_in_it_watches_its_remote_with_the_same_history() {
    let (home, hub, work) = with_hub();
    let mine = home.path("mine");
    git(&home, &home.path(""), &["clone", "--quiet", "hub.git", "mine"]);
    home.watch_repository(&mine, "poll = \"200ms\"");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    push(&home, &work, "page.html", "two");
    git(&home, &mine, &["fetch", "--quiet"]);
    until("the problem is said", || problems(&home).contains("what others push arrives when"));
    assert!(problems(&home).contains("run \\\"init\\\" in that clone"), "{}", problems(&home));

    let now = said(&init(&home, &mine, &[]));
    assert!(
        now.contains(&format!(
            "watches main of {} from now on, not {}",
            hub.display(),
            mine.display()
        )),
        "{now}"
    );
    home.await_build(3, "verified");
    let status = home.json(&["status", "--json", "--service", "shop"]);
    assert_eq!(status["live"]["production"]["build"], 2, "its history is the same: {status:#}");
    assert_eq!(status["problems"].as_array().map(Vec::len), Some(0), "{status:#}");
    let again = said(&init(&home, &mine, &[]));
    assert!(again.contains("already"), "{again}");

    let back = said(&init(&home, &mine, &["--clone"]));
    assert!(back.contains(&format!("of {} from now on", mine.display())), "{back}");
    assert!(user_file(&home).contains(mine.to_str().unwrap()));
}

#[test]
fn a_clone_that_lacks_a_part_of_the_history_says_the_remedy_and_the_remedy_works() {
    for option in ["--depth=1", "--filter=blob:none"] {
        let (home, hub, _) = with_hub();
        let url = format!("file://{}", hub.display());
        git(&home, &home.path(""), &["clone", "--quiet", "--no-checkout", option, &url, "mine"]);
        let mine = home.path("mine");
        home.watch_repository(&mine, "poll = \"200ms\"");
        let told = || String::from_utf8_lossy(&home.trunkline(&["doctor"]).stdout).into_owned();
        let engine = || home.trunkline(&["status"]);
        engine();
        until("the clone is called what it is", || told().contains("lacks a part of the history"));
        assert!(told().contains("run \"init\" in that clone"), "{}", told());
        fs::write(mine.join("trunkline.toml"), service_file("echo shipped")).unwrap();
        said(&init(&home, &mine, &[]));
        home.await_build(2, "verified");
    }
}

#[test]
fn a_remote_that_cannot_be_read_is_said_and_the_clone_can_be_watched_instead() {
    let (home, hub, _) = with_hub();
    let mine = home.path("mine");
    git(&home, &home.path(""), &["clone", "--quiet", "hub.git", "mine"]);
    fs::create_dir_all(home.path("config")).unwrap();
    fs::write(home.path("config/config.toml"), "poll = \"200ms\"\n").unwrap();
    fs::rename(&hub, home.path("gone.git")).unwrap();
    let output = init(&home, &mine, &[]);
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && warned.contains("trunkline init --clone"), "{output:?}");
    said(&init(&home, &mine, &["--clone"]));
    home.await_build(2, "verified");
    assert_eq!(user_file(&home).matches("[[services]]").count(), 1, "{}", user_file(&home));
}

#[test]
fn a_service_file_that_is_there_is_never_overwritten_and_its_mistakes_are_said() {
    let (home, _, work) = with_hub();
    let wrong = init(&home, &work, &["--service", "other"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    fs::write(work.join("trunkline.toml"), "service = 1").unwrap();
    let wrong = init(&home, &work, &[]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert_eq!(fs::read_to_string(work.join("trunkline.toml")).unwrap(), "service = 1");
}
