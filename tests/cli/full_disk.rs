//! A full disk does not close the way back.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

/// Set in the run of this test that may mount a small disk.
const INSIDE: &str = "TEST_WITH_A_SMALL_DISK";

/// Runs the test of this name once more where it may mount: in namespaces of its own. False if the system forbids that.
fn runs_inside(test: &str) -> bool {
    let may_mount = Command::new("unshare").args(["-Urm", "true"]).output();
    if !may_mount.is_ok_and(|tried| tried.status.success()) {
        return false;
    }
    let mut again = Command::new("unshare");
    again.arg("-Urm").arg(std::env::current_exe().unwrap());
    let ran = again.args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    true
}

#[test]
fn a_rollback_works_on_a_full_disk() {
    if std::env::var_os(INSIDE).is_none() {
        if !runs_inside("full_disk::a_rollback_works_on_a_full_disk") {
            // Around the capture of the harness: also a run that passes has to say it.
            let said = writeln!(std::io::stderr(), "not tried: nobody may mount a small disk here");
            said.expect("a line on standard error");
        }
        return;
    }
    let home = Home::new();
    let data = home.path("data");
    fs::create_dir(&data).unwrap();
    let mount = |arguments: &[&str], program: &str| {
        let done = Command::new(program).args(arguments).arg(&data).status().unwrap();
        assert!(done.success(), "{program}");
    };
    mount(&["-t", "tmpfs", "-o", "size=64m", "none"], "mount");
    home.watch(&service_file("echo shipped"));
    home.await_build(1, "verified");
    home.said(&["promote", "1", "--yes", "--wait"]);
    home.merge("sam", "page.html", "two");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    assert!(data.join("reserve").exists(), "space is kept");
    let mut filler = fs::File::create(data.join("filler")).unwrap();
    while filler.write_all(&[7; 4096]).is_ok() {}
    let problems = |home: &Home| home.said(&["status"]).contains("the disk is almost full");
    until("it is said", || problems(&home));
    let back = home.trunkline(&["rollback", "--yes", "--wait"]);
    assert!(back.status.success(), "{back:?}");
    assert!(home.said(&["logs"]).contains("back again"));
    drop(filler);
    fs::remove_file(data.join("filler")).unwrap();
    until("space is kept again", || data.join("reserve").exists() && !problems(&home));
    home.said(&["engine", "stop"]);
    mount(&[], "umount");
}
