//! The command line on the real binary: what it prints, what it does and the exit codes that say so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use trunkline::config::ServiceFile;
use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

/// A terminal on which no line of a command is too long.
const WIDE: (u16, u16) = (200, 50);

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_and_version_are_answers_and_mistakes_are_usage_errors() {
    let home = Home::new();
    let help = home.said(&["--help"]);
    for verb in ["promote", "rollback", "freeze", "doctor", "Exit codes"] {
        assert!(help.contains(verb), "{verb} is not in {help}");
    }
    assert!(!help.contains("supervise"), "{help}");
    assert!(home.said(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    for wrong in [
        &["promot"][..],
        &["promote"],
        &["promote", "x"],
        &["promote", "1", "--reason", "soak"],
        &["promote", "1", "--reason", "sock=x"],
        &["hold"],
        &["freeze", "add", "--for", "1h", "--until", "2030-01-01", "--reason", "x"],
        &["status", "--service", "NOT A NAME"],
        &["verify", "1", "--note", "x", "--key", "short"],
    ] {
        assert_eq!(home.trunkline(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_machine_without_certificates_needs_none() {
    let home = Home::with_shop();
    let nowhere = home.path("nowhere");
    let mut status = home.command(&["status"]);
    let output = status.env("SSL_CERT_FILE", &nowhere).env("SSL_CERT_DIR", &nowhere).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let home = Home::new();
    for arguments in [&["man"][..], &["completions", "bash"], &["doctor", "--json"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home.command(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(complaint(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_command_that_acts_does_so_whether_or_not_anybody_reads_about_it() {
    let home = Home::with_service(&service_file("exit 3"));
    home.await_build(1, "verified");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let promote = home.command(&["promote", "1", "--yes", "--wait"]).stdout(writer).output();
    assert_eq!(promote.unwrap().status.code(), Some(1));
    assert_eq!(home.json(&["history", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn where_nothing_is_watched_a_command_says_how_to_begin() {
    let home = Home::new();
    let output = home.trunkline(&["status"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("trunkline init"), "{output:?}");
    let output = home.trunkline(&["--demo", "status"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("trunkline demo"), "{output:?}");
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_place() {
    let home = Home::new();
    fs::create_dir(home.path("config")).unwrap();
    fs::write(home.path("config/config.toml"), "pol = \"1s\"\n").unwrap();
    let output = home.trunkline(&["status"]);
    assert_eq!(output.status.code(), Some(2));
    let said = complaint(&output);
    assert!(said.contains("config.toml:1:1") && said.contains("did you mean \"poll\""), "{said}");
    let doctor = home.trunkline(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("config.toml:1:1"), "{doctor:?}");
}

#[test]
fn init_writes_a_file_that_works_and_never_overwrites_one() {
    let home = Home::new();
    fs::create_dir(home.shop()).unwrap();
    home.git(&["init", "--quiet", "--initial-branch=trunk"]);
    let init = || home.command(&["init"]).current_dir(home.shop()).output().unwrap();
    let first = init();
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let text = fs::read_to_string(home.shop().join("trunkline.toml")).unwrap();
    let file = ServiceFile::parse(&text, "trunkline.toml").unwrap();
    assert_eq!((file.name.as_str(), file.trunk.as_deref()), ("shop", Some("trunk")));
    let user = fs::read_to_string(home.path("config/config.toml")).unwrap();
    assert!(user.contains(home.shop().to_str().unwrap()), "{user}");
    let second = init();
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    assert!(String::from_utf8_lossy(&second.stdout).contains("is there already"), "{second:?}");
    assert_eq!(fs::read_to_string(home.shop().join("trunkline.toml")).unwrap(), text);
}

#[test]
fn init_outside_of_a_repository_says_so() {
    let home = Home::new();
    let output = home.trunkline(&["init"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("not in a git repository"), "{output:?}");
}

#[test]
fn a_build_is_promoted_and_rolled_back_by_hand() {
    let home = Home::with_one_live();
    let promoted = home.said(&["promote", "2", "--yes", "--wait"]);
    assert!(promoted.contains("trunkline rollback 1 --yes --service shop"), "{promoted}");
    assert!(promoted.contains("release succeeded"), "{promoted}");
    assert!(home.said(&["logs"]).contains("shipped"));
    let back = home.said(&["rollback", "--yes", "--wait"]);
    assert!(back.contains("promote 2 --service shop"), "{back}");
    let status = home.json(&["status", "--service", "shop", "--json"]);
    assert_eq!(status["live"]["production"]["build"], 1, "{status:#}");
    let history = home.json(&["history", "--json"]);
    let kinds: Vec<_> = history.as_array().unwrap().iter().map(|d| &d["request"]["kind"]).collect();
    assert_eq!(kinds, ["rollback", "promote", "promote"]);
    let held = home.trunkline(&["promote", "2", "--yes"]);
    assert_eq!(held.status.code(), Some(3), "{held:?}");
    assert!(complaint(&held).contains("--reason hold=TEXT"), "{held:?}");
}

#[test]
fn a_promote_without_its_reasons_names_every_guard_and_does_nothing() {
    let home = Home::with_shop();
    home.await_build(1, "verified");
    home.merge("me", "page.html", "mine");
    home.await_build(2, "verified");
    home.said(&["freeze", "add", "--for", "1h", "--reason", "sale"]);
    let refused = home.trunkline(&["promote", "2", "--yes", "--reason", "freeze=the sale is over"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = complaint(&refused);
    assert!(said.contains("--reason author=TEXT") && !said.contains("freeze=TEXT"), "{said}");
    assert_eq!(home.json(&["history", "--json"]), Value::Array(vec![]));
    let asked = home.trunkline(&["promote", "2"]);
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    assert!(complaint(&asked).contains("--yes"), "{asked:?}");
    let (over, alone) = ("freeze=the sale is over", "author=nobody else is awake");
    home.said(&["promote", "2", "--yes", "--wait", "--reason", over, "--reason", alone]);
    let overrides = &home.json(&["history", "--json"])[0]["request"]["overrides"];
    assert_eq!(overrides["author"], "nobody else is awake");
}

#[test]
fn what_the_command_line_is_refused_is_in_the_record_with_its_sentence() {
    let home = Home::with_one_live();
    home.said(&["promote", "2", "--yes", "--wait"]);
    let older = home.trunkline(&["promote", "1", "--yes"]);
    assert_eq!(older.status.code(), Some(3), "{older:?}");
    home.said(&["hold", "--reason", "errors"]);
    home.merge("ann", "page.html", "more");
    home.await_build(3, "verified");
    let held = home.trunkline(&["promote", "3", "--yes"]);
    assert_eq!(held.status.code(), Some(3), "{held:?}");
    for sentence in ["#1 is older than #2", "Production is on hold"] {
        let audit = || home.said(&["audit", "--kind", "refused"]);
        trunkline_testing::home::until(sentence, || audit().contains(sentence));
    }
}

#[test]
fn a_deployment_that_fails_fails_the_command_that_waits_for_it() {
    let home = Home::with_service(&service_file("echo no >&2; exit 3"));
    home.await_build(1, "verified");
    let output = home.trunkline(&["promote", "1", "--yes", "--wait"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(complaint(&output).contains("exit 3"), "{output:?}");
    assert!(home.said(&["logs", "--step", "release"]).contains("no"));
}

#[test]
fn what_changed_while_a_person_read_the_plan_stops_the_promote() {
    let home = Home::with_one_live();
    let mut answerer = home.on_terminal(&["promote", "2", "--wait"], WIDE);
    answerer.shows("[y/N]");
    home.said(&["freeze", "add", "--for", "1h", "--reason", "an incident elsewhere"]);
    answerer.keys("y\n");
    let (code, said) = (answerer.exit_code(), answerer.text());
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("changed") && said.contains("plan again"), "{said}");
    let status = home.json(&["status", "--service", "shop", "--json"]);
    assert_eq!(status["live"]["production"]["build"], 1, "{status:#}");
}

#[test]
fn the_changes_of_a_build_name_its_commits_and_what_it_does_not_have() {
    let home = Home::with_one_live();
    home.merge("ann", "b/of (#31)", "three");
    home.await_build(3, "verified");
    home.merge("sam", "late.html", "four");
    home.await_build(4, "verified");
    let said = home.said(&["changes", "3"]);
    for part in [
        "changes from #1 to #3",
        "builds  #3, #2",
        "change b/of (#31) (ann)",
        "pull request 31",
        "  page.html",
        "not included in #3",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let (_, missing) = said.split_once("not included in #3").unwrap();
    assert!(missing.contains("#4") && missing.contains("change late.html"), "{said}");
    let newest = home.json(&["changes", "--json"]);
    assert_eq!(newest["build"], 4, "{newest:#}");
    assert_eq!(newest["not_in_this_build"], serde_json::json!([]), "{newest:#}");
    let request = &newest["range"]["commits"][1]["pull_request"];
    assert_eq!(request["number"], 31, "{newest:#}");
}

#[test]
fn reading_commands_print_documents() {
    let home = Home::with_one_live();
    for arguments in [
        &["status", "--json"][..],
        &["status", "--service", "shop", "--json"],
        &["builds", "--json"],
        &["history", "staging", "--json"],
        &["plan", "promote", "2", "--json"],
        &["doctor", "--json"],
        &["engine", "status", "--json"],
    ] {
        let document = home.json(arguments);
        assert!(document.is_object() || document.is_array(), "{arguments:?}: {document}");
    }
    for arguments in [&["events", "--json"][..], &["logs", "--json"]] {
        let lines = home.said(arguments);
        assert!(lines.lines().count() > 0, "{arguments:?}");
        for line in lines.lines() {
            assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}");
        }
    }
}

#[test]
fn the_same_key_never_acts_twice() {
    let home = Home::with_shop();
    home.await_build(1, "verified");
    let hold = ["hold", "--reason", "watching the dashboards", "--key", "one-intent-1"];
    assert_eq!(home.said(&hold), home.said(&hold));
    let events = home.said(&["events"]);
    assert_eq!(events.matches("put production on hold").count(), 1, "{events}");
    let other = home.trunkline(&["hold", "--reason", "other", "--key", "one-intent-1"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
}

#[test]
fn a_herd_with_one_key_is_one_promote_and_each_of_it_is_told_so() {
    let home = Home::with_one_live();
    let promote = ["promote", "2", "--yes", "--wait", "--key", "one-for-all-1"];
    std::thread::scope(|scope| {
        let herd: Vec<_> = (0..12).map(|_| scope.spawn(|| home.said(&promote))).collect();
        for one in herd {
            let said = one.join().expect("each is told that it is done");
            assert!(said.contains("succeeded"), "{said}");
        }
    });
    assert_eq!(home.json(&["history", "--json"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_retry_with_its_key_tells_the_first_answer_whatever_came_after() {
    let home = Home::with_one_live();
    let promote = ["promote", "2", "--yes", "--wait", "--key", "one-promote-1"];
    let first = home.said(&promote);
    let receipt = first.lines().find(|line| line.contains("requested (")).unwrap();
    for retry in 0..2 {
        let again = home.said(&promote);
        assert!(again.contains(receipt) && again.contains("succeeded"), "{retry}: {again}");
    }
    assert_eq!(home.json(&["history", "--json"]).as_array().unwrap().len(), 2);
    let other = home.trunkline(&["promote", "1", "--yes", "--key", "one-promote-1"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    assert!(complaint(&other).contains("used for a different command"), "{other:?}");
    let back = home.trunkline(&["rollback", "--yes", "--key", "one-promote-1"]);
    assert_eq!(back.status.code(), Some(2), "{back:?}");
    let freeze = ["freeze", "add", "--for", "1h", "--reason", "sale", "--key", "one-freeze-1"];
    assert_eq!(home.said(&freeze), home.said(&freeze));
    let lift = ["lift", "--reason", "over", "--key", "one-lift-1"];
    assert_eq!(home.said(&lift), home.said(&lift));
    home.said(&["rollback", "--yes", "--wait"]);
    let release = ["release", "--none-bad", "--reason", "fine", "--key", "one-release-1"];
    assert_eq!(home.said(&release), home.said(&release));
    home.merge("ann", "more.html", "three");
    home.await_build(3, "verified");
    let ask = ["ask", "3", "--key", "one-ask-1"];
    assert!(home.said(&ask).contains(home.said(&ask).lines().last().unwrap()));
    let withdraw = ["withdraw", "--key", "one-withdraw-1"];
    assert_eq!(home.said(&withdraw), home.said(&withdraw));
    let other = home.trunkline(&["ask", "3", "--key", "one-withdraw-1"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
}

#[test]
fn what_is_missing_or_so_already_fails_and_is_no_wrong_usage() {
    let home = Home::with_one_live();
    home.said(&["hold", "--reason", "looking"]);
    let fails = |arguments: &[&str], code: i32, part: &str| {
        let output = home.trunkline(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(part), "{arguments:?}: {said}");
    };
    fails(&["hold", "--reason", "again"], 1, "on hold already");
    fails(&["release", "staging", "--reason", "x"], 1, "is not on hold");
    let last = home.json(&["history", "--json"])[0]["id"].to_string();
    fails(&["cancel", &last, "--reason", "x"], 1, "has ended already");
    fails(&["cancel", "99999", "--reason", "x"], 1, "no deployment");
    fails(&["verify", "99", "--note", "x"], 1, "no build");
    fails(&["withdraw"], 1, "no request is open");
    fails(&["lift", "--reason", "x"], 1, "no freeze to lift");
    fails(&["where", "deadbeef"], 1, "is unknown: no fetched commit");
    fails(&["where", "deadbeef", "--json"], 1, "unknown_here");
    home.said(&["release", "--reason", "looked"]);
    home.said(&["promote", "2", "--yes", "--wait"]);
    home.said(&["rollback", "--yes", "--wait"]);
    fails(&["release", "--reason", "x"], 2, "--bad SHA");
}

#[test]
fn a_commit_in_quarantine_is_said_without_the_promote_that_would_ship_it() {
    let home = Home::with_one_live();
    let sha = home.json(&["builds", "--json"])[0]["sha"].as_str().unwrap().to_owned();
    assert!(home.said(&["where", &sha]).contains("trunkline promote 2"));
    home.said(&["quarantine", "add", &sha, "--reason", "it loses orders"]);
    let said = home.said(&["where", &sha]);
    assert!(said.contains("quarantined by"), "{said}");
    assert!(!said.contains("trunkline promote"), "{said}");
}

#[test]
fn requests_and_the_walked_chain_have_documents_that_say_how_it_stands() {
    let home = Home::with_one_live();
    home.said(&["ask", "2"]);
    assert_eq!(home.json(&["requests", "--json"])[0]["state"], "open");
    home.said(&["withdraw"]);
    assert_eq!(home.json(&["requests", "--json"])[0]["state"], "withdrawn");
    let walked = home.json(&["audit", "verify", "--json"]);
    assert_eq!(walked["broken"], Value::Null, "{walked}");
    assert_eq!(walked["rows"], walked["head"]["seq"], "{walked}");
}

#[test]
fn a_verification_says_what_is_still_asked_for() {
    let both = service_file("echo shipped")
        .replace("verify = \"step:smoke\"", "verify = [\"step:smoke\", \"person\"]");
    let before = both.replace("\"smoke\"", "\"look\"").replace("step:smoke", "step:look");
    let home = Home::with_service(&before);
    home.await_build(1, "in_staging");
    home.merge("sam", "trunkline.toml", &both);
    home.await_build(2, "in_staging");
    let said = home.said(&["verify", "1", "--note", "seen"]);
    assert_eq!(said.trim(), "you verified #1; still missing: step smoke");
    assert_eq!(home.said(&["verify", "2", "--note", "seen"]).trim(), "#2 is verified");
}

#[test]
fn a_second_engine_is_refused_and_told_who_the_first_is() {
    let home = Home::with_shop();
    home.said(&["status"]);
    let first = home.engine().unwrap();
    let output = home.trunkline(&["serve"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(complaint(&output).contains(&first.to_string()), "{output:?}");
    home.said(&["engine", "restart"]);
    assert_ne!(home.engine().unwrap(), first);
    home.said(&["engine", "stop"]);
    assert_eq!(home.json(&["engine", "status", "--json"])["running"], false);
}

#[test]
fn an_override_on_a_terminal_wants_its_reason_and_the_build_typed() {
    let home = Home::with_one_live();
    home.said(&["hold", "--reason", "looking at the graphs"]);
    let mut hasty = home.on_terminal(&["promote", "2"], WIDE);
    hasty.shows("reason to override hold:");
    hasty.keys("graphs are fine\n");
    hasty.shows("type 2 to confirm:");
    hasty.keys("y\n");
    let (code, said) = (hasty.exit_code(), hasty.text());
    assert_eq!(code, 3, "{said}");
    let mut careful = home.on_terminal(&["promote", "2", "--wait"], WIDE);
    careful.shows("reason to override hold:");
    careful.keys("graphs are fine\n");
    careful.shows("type 2 to confirm:");
    careful.keys("2\n");
    let (code, said) = (careful.exit_code(), careful.text());
    assert_eq!(code, 0, "{said}");
    let overrides = &home.json(&["history", "--json"])[0]["request"]["overrides"];
    assert_eq!(overrides["hold"], "graphs are fine");
}

/// A service whose release waits for a file, and that file.
fn with_a_gate() -> (Home, PathBuf) {
    let home = Home::new();
    let gate = home.path("gate");
    let waits = format!(
        "echo before; n=0; while [ ! -e '{}' ] && [ $n -lt 600 ]; do n=$((n+1)); sleep 0.05; done; echo after",
        gate.display()
    );
    home.watch(&service_file(&waits));
    home.await_build(1, "verified");
    (home, gate)
}

#[test]
fn a_log_is_followed_to_the_end_of_its_deployment() {
    let (home, gate) = with_a_gate();
    home.said(&["promote", "1", "--yes"]);
    let mut following = home.command(&["logs", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "before"));
    fs::write(&gate, "").unwrap();
    assert_eq!(lines.last().unwrap(), "after");
    assert!(following.wait().unwrap().success());
}

/// Ends the engine in the middle of a promote that somebody waits for, and expects that it hurts nobody.
fn loses_nothing(end_engine: impl FnOnce(&Home)) {
    let (home, gate) = with_a_gate();
    let promote = ["promote", "1", "--yes", "--wait"];
    let mut waiting = home.command(&promote).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("release ...")));
    end_engine(&home);
    fs::write(&gate, "").unwrap();
    assert!(lines.last().unwrap().ends_with("succeeded"));
    assert!(waiting.wait().unwrap().success());
    let log = home.said(&["logs"]);
    assert_eq!(log.matches("before\n").count(), 1, "{log}");
    assert!(log.ends_with("after\n"), "{log}");
}

#[test]
fn an_engine_that_restarts_in_the_middle_of_a_promote_loses_nothing() {
    loses_nothing(|home| {
        home.said(&["engine", "restart"]);
    });
}

#[test]
fn an_engine_that_is_killed_in_the_middle_of_a_promote_is_brought_back_and_loses_nothing() {
    loses_nothing(Home::kill_engine);
}

#[test]
fn what_others_wrote_reaches_a_terminal_only_as_text() {
    let home = Home::with_shop();
    let subject = "red \u{1b}[31m back\u{202e}wards \u{9b}2J";
    home.git(&[
        "-c",
        "user.name=eve",
        "-c",
        "user.email=e@x",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        subject,
    ]);
    home.await_build(2, "verified");
    let mut terminal = home.on_terminal_with(&["builds"], WIDE, &[("NO_COLOR", "1")]);
    assert_eq!(terminal.exit_code(), 0);
    let shown = terminal.text();
    assert!(shown.contains("red ") && shown.contains("wards"), "{shown}");
    let bytes = String::from_utf8(terminal.bytes()).unwrap();
    assert!(!bytes.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{bytes:?}");
    let piped = home.said(&["builds", "--json"]);
    assert!(!piped.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{piped:?}");
    let builds: Value = serde_json::from_str(&piped).unwrap();
    assert_eq!(builds[0]["commits"][0]["subject"], subject);
}

#[test]
fn logs_print_a_long_line_whole() {
    let long = "printf 'begin%040000dend\\n' 7";
    let home = Home::with_service(&service_file("true").replace("echo staged", long));
    home.await_build(1, "verified");
    let said = home.said(&["logs"]);
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("begin")).collect();
    let [line] = lines.as_slice() else { panic!("{} lines", lines.len()) };
    assert!(line.len() == 40_008 && line.ends_with("7end"), "{}", line.len());
    let said = home.said(&["logs", "--json"]);
    assert_eq!(said.lines().filter(|line| line.contains("begin")).count(), 1);
    assert!(!said.contains("\"continues\""), "one document for one line");
}
