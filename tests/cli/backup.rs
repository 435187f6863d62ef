//! `trunkline backup` and `restore` on the real binary: what is refused, the way out, and what stays when they fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use chrono::DateTime;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::store::{NewEvent, Reader, Store};

use trunkline_testing::home::Home;

/// More than fits into a file of the size that a test allows.
const ROWS: usize = 300;

fn record(path: &Path, notes: impl Iterator<Item = String>) {
    let mut store = Store::open(path).unwrap();
    let event = |note: String| {
        let fact = Fact::BuildVerified { build: BuildNumber(1), note, kind: VerifyBy::Person };
        NewEvent { service: "shop".parse().unwrap(), actor: Actor::Person("ann".into()), fact }
    };
    store.append(DateTime::UNIX_EPOCH, notes.map(event).collect(), None).unwrap();
}

/// A user with a record and no engine.
fn recorded() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("data")).unwrap();
    fs::create_dir(home.path("config")).unwrap();
    fs::set_permissions(home.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    record(&home.path("data/trunkline.db"), (0..ROWS).map(|n| format!("{n} {}", "x".repeat(900))));
    home
}

fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What every restore of a test compares with: the last row of the record.
fn head(home: &Home) -> (u64, String) {
    let head = Reader::open(&home.path("data/trunkline.db")).unwrap().check().unwrap();
    (head.rows, head.hash.to_string())
}

#[test]
fn a_backup_is_one_private_file_that_verifies_and_replaces_nothing() {
    let home = recorded();
    let said = home.said(&["backup", "copy"]);
    let (rows, hash) = head(&home);
    assert!(said.contains(&format!("has {rows} rows")) && said.contains(&hash), "{said}");
    assert!(said.contains("does not have the logs"), "{said}");
    let mode = fs::metadata(home.path("copy")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(home.said(&["audit", "verify", "copy"]).contains(&hash));

    let before = fs::read(home.path("copy")).unwrap();
    record(&home.path("data/trunkline.db"), ["later".to_owned()].into_iter());
    let sentence = refused(&home.trunkline(&["backup", "copy"]), 2);
    assert!(sentence.contains("exists") && sentence.contains("--force"), "{sentence}");
    assert_eq!(fs::read(home.path("copy")).unwrap(), before);
    assert!(home.said(&["backup", "copy", "--force"]).contains(&head(&home).1));

    for target in ["data/trunkline.db", "data/copy"] {
        let sentence = refused(&home.trunkline(&["backup", target, "--force"]), 2);
        assert!(sentence.contains("outside of it"), "{sentence}");
    }
    for command in ["backup", "restore"] {
        let sentence = refused(&home.trunkline(&["--profile", "prod", command, "copy"]), 2);
        assert!(sentence.contains("on its server"), "{sentence}");
    }
    assert_eq!(head(&home).0, rows + 1);
}

#[test]
fn a_backup_or_restore_that_finds_no_space_leaves_everything_as_it_was() {
    let home = recorded();
    home.said(&["backup", "copy"]);
    let before = head(&home);
    let limited = |arguments: &[&str]| {
        let script = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(trunkline_testing::program()).args(arguments);
        shell.current_dir(home.path("")).envs(home.environment()).output().unwrap()
    };
    refused(&limited(&["backup", "second"]), 1);
    let sentence = refused(&limited(&["restore", "copy", "--instead"]), 1);
    assert!(sentence.contains("nothing was changed"), "{sentence}");
    let sentence = refused(&home.trunkline(&["backup", "missing/second"]), 1);
    assert!(sentence.contains("cannot write"), "{sentence}");
    assert_eq!(head(&home), before);
    let left: Vec<_> = [home.path(""), home.path("data")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("second") || name.contains("restor"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_restore_over_a_newer_record_is_refused_and_its_ways_out_work() {
    let home = recorded();
    home.said(&["backup", "copy"]);
    let (rows, _) = head(&home);
    record(&home.path("data/trunkline.db"), ["later".to_owned()].into_iter());
    let newer = head(&home);
    let sentence = refused(&home.trunkline(&["restore", "copy"]), 3);
    assert!(sentence.contains("newer: it has 1 more events"), "{sentence}");
    assert!(sentence.contains("--instead"), "{sentence}");
    assert_eq!(head(&home), newer, "nothing was changed");

    let said = home.said(&["restore", "copy", "--instead"]);
    assert!(said.contains("NOT KNOWN: what was deployed after"), "{said}");
    assert!(said.contains("no token that was revoked here since opens anything"), "{said}");
    let doctor = home.said(&["doctor"]);
    assert!(doctor.contains("before a restore, never removed"), "{doctor}");
    assert!(doctor.contains("each is kept 180d and, the oldest first, up to 20 GiB"), "{doctor}");
    assert_eq!(head(&home).0, rows + 1, "the backup and that it was restored");
    let sentence = refused(&home.trunkline(&["restore", "copy"]), 3);
    assert!(sentence.contains("newer"), "a second time: {sentence}");

    let back = said.lines().find_map(|line| line.split_once("back, run: ")).unwrap().1;
    let script = back.replace("trunkline ", "\"$TRUNKLINE\" ");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("TRUNKLINE", trunkline_testing::program());
    let done = shell.current_dir(home.path("")).envs(home.environment()).output().unwrap();
    assert!(done.status.success(), "{back}: {done:?}");
    assert_eq!(head(&home).0, newer.0 + 1, "the newer record is back");
}

#[test]
fn a_restore_that_was_killed_is_finished_and_told_before_another_begins() {
    let home = recorded();
    home.said(&["backup", "copy"]);
    record(&home.path("data/trunkline.db"), ["later".to_owned()].into_iter());
    let newer = head(&home);
    fs::create_dir(home.path("data/restoring-x")).unwrap();
    fs::copy(home.path("copy"), home.path("data/restoring-x/trunkline.db")).unwrap();
    let sentence = refused(&home.trunkline(&["restore", "copy", "--instead"]), 1);
    assert!(
        sentence.contains("an earlier restore, which was killed, is finished now"),
        "{sentence}"
    );
    assert!(sentence.contains("before-restore-x/trunkline.db' --instead"), "{sentence}");
    assert!(!sentence.contains("nothing was changed"), "{sentence}");
    assert_eq!(head(&home).0, newer.0 - 1, "only the earlier one was done");
    home.said(&["restore", "copy", "--instead"]);
}

#[test]
fn a_file_that_is_no_whole_record_is_not_restored() {
    let home = recorded();
    home.said(&["backup", "copy"]);
    let before = head(&home);
    let whole = fs::read(home.path("copy")).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let mut changed = whole;
    let at = changed.windows(4).position(|text| text == b"7 xx").unwrap();
    changed[at] = b'8';
    let bad =
        [("half", half), ("changed", changed), ("text", b"a text".repeat(900)), ("empty", vec![])];
    for (name, bytes) in bad {
        fs::write(home.path(name), bytes).unwrap();
        let sentence = refused(&home.trunkline(&["restore", name, "--instead"]), 1);
        assert!(sentence.contains("nothing was changed"), "{name}: {sentence}");
        assert_eq!(head(&home), before, "{name}");
    }
    let sentence = refused(&home.trunkline(&["restore", "data/trunkline.db"]), 1);
    assert!(sentence.contains("the record itself"), "{sentence}");
}

#[test]
fn a_damaged_record_is_replaced_only_instead_and_is_kept() {
    let home = recorded();
    home.said(&["backup", "copy"]);
    let database = home.path("data/trunkline.db");
    fs::write(&database, b"damaged".repeat(900)).unwrap();
    let sentence = refused(&home.trunkline(&["restore", "copy"]), 3);
    assert!(sentence.contains("cannot be read"), "{sentence}");
    let said = home.said(&["restore", "copy", "--instead"]);
    assert!(!said.contains("to get that record back"), "nobody can: {said}");
    assert!(said.contains("NOT KNOWN: which tokens were revoked after"), "{said}");
    assert!(!said.contains("no token that was revoked"), "{said}");
    let aside = said.split("kept in \"").nth(1).unwrap().split('"').next().unwrap();
    let kept = fs::read(Path::new(aside).join("trunkline.db")).unwrap();
    assert_eq!(kept, b"damaged".repeat(900));
    assert_eq!(head(&home).0, ROWS as u64 + 1);
}

#[test]
fn after_a_restore_production_is_in_doubt_until_it_is_stated() {
    let home = Home::with_one_live();
    home.said(&["backup", "copy"]);
    let sentence = refused(&home.trunkline(&["restore", "copy"]), 1);
    assert!(sentence.contains("trunkline engine stop"), "{sentence}");
    home.said(&["engine", "stop"]);
    let said = home.said(&["restore", "copy"]);
    assert!(said.contains("trunkline adopt SHA"), "{said}");
    let status = home.said(&["status"]);
    assert!(status.contains("production is in doubt"), "{status}");
    home.said(&["audit", "verify"]);
    let sha = home.json(&["builds", "--json"])[0]["sha"].as_str().unwrap().to_owned();
    home.said(&["adopt", &sha, "--reason", "looked", "--service", "shop"]);
    let status = home.said(&["status"]);
    assert!(!status.contains("in doubt"), "{status}");
}
