//! What a rollback leaves behind, on the command line: listed in the plan, ticked off, and asked for at the release.

use std::process::Output;

use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

fn told(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// #2 is live, with a flag, and declares what a rollback leaves.
fn shop() -> Home {
    let leaves = "[rollback]\nleaves = [{ what = \"the page cache\", check = \"curl -I /\", undo = \"./purge\" }]\n\
                  [[rollback.steps]]";
    let file = service_file("echo shipped").replace("[[rollback.steps]]", leaves);
    let home = Home::with_service(&file);
    home.await_build(1, "verified");
    home.said(&["promote", "1", "--yes", "--wait"]);
    home.merge("sam", "page.html", "two");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    home.said(&["note", "flag", "pay-v2 on", "--undo", "flagctl off pay-v2"]);
    home
}

#[test]
fn what_stays_behind_is_planned_ticked_and_released_only_by_a_word_of_its_own() {
    let home = shop();
    let plan = home.said(&["plan", "rollback"]);
    for line in [
        "  stays behind\n             #2 ran ",
        "             1 the page cache\n               check: curl -I /; undo: ./purge\n",
        "             2 flag pay-v2 on\n               undo: flagctl off pay-v2\n",
    ] {
        assert!(plan.contains(line), "{line:?} in {plan}");
    }
    let json = home.json(&["plan", "rollback", "--json"]);
    assert_eq!(json["stays_behind"]["items"][1]["undo"], "flagctl off pay-v2", "{json:#}");
    assert_eq!(json["stays_behind"]["written"]["builds"], serde_json::json!([2]));
    assert_eq!(told(&home.trunkline(&["tick"])).1, "production is not on hold\n");

    home.said(&["rollback", "--yes", "--wait"]);
    let list = home.said(&["tick"]);
    assert!(list.starts_with("stays behind after d") && list.contains("(2 of 2 open)"), "{list}");
    assert!(list.contains("   1 [ ] the page cache\n         check: curl -I /; undo:"), "{list}");
    let release = ["release", "--none-bad", "--reason", "it is well"];
    let (code, said) = told(&home.trunkline(&release));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("  1 the page cache\n  2 flag pay-v2 on\n"), "{said}");
    // The command that it names does what it says.
    let (_, command) = said.split_once("as in: trunkline ").unwrap();
    let command = command.split_once(';').unwrap().0;
    let ticked = home.said(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(ticked, "ticked: the page cache; 1 more open\n");
    let again = ["tick", "1", "--key", "tick-1-again"];
    assert_eq!(told(&home.trunkline(&again)).0, Some(1), "it is ticked");
    home.said(&["untick", "1"]);
    home.said(&["tick", "1"]);
    let status = home.said(&["status", "--service", "shop"]);
    assert!(status.contains("to tick     stays behind: 1 of 2 open: 2 flag pay-v2 on"), "{status}");
    assert!(home.said(&["tick"]).contains("[x] the page cache  (ticked by me "));

    let all = [&release[..], &["--leave-open"]].concat();
    let said = home.said(&all);
    assert!(said.contains("is released; left open: flag pay-v2 on"), "{said}");
    let history = home.said(&["history"]);
    let row = history.lines().find(|line| line.contains("rollback")).unwrap();
    assert!(row.contains("its hold was released with this open: flag pay-v2 on"), "{row}");
    let audit = home.said(&["audit"]);
    for line in [
        "leaves behind 2 things: the page cache, flag pay-v2 on",
        "me ticked 1 of what stays behind in production: the page cache",
        "me opened again 1 of what stays behind in production: the page cache",
        "me released the hold on production: it is well; left open: flag pay-v2 on",
    ] {
        assert!(audit.contains(line), "{line:?} in {audit}");
    }
}

#[test]
fn a_release_at_a_terminal_asks_once_more_about_what_is_open() {
    let home = shop();
    home.said(&["rollback", "--yes", "--wait"]);
    let release = ["release", "--none-bad", "--reason", "well"];
    let mut screen = home.on_terminal(&release, (100, 24));
    screen.shows("release with 2 open? [y/N]");
    screen.keys("n\r");
    screen.shows("nothing was done");
    screen.ended();
    assert!(home.said(&["tick"]).contains("2 of 2 open"), "it is on hold as before");
    let mut screen = home.on_terminal(&release, (100, 24));
    screen.shows("release with 2 open? [y/N]");
    screen.keys("y\r");
    screen.shows("is released; left open: the page cache, flag pay-v2 on");
    screen.ended();
}
