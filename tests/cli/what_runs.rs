//! What production really runs, as the command line tells it: stories 3 and 9 of the incidents, with three hosts.

use trunkline_testing::home::Home;
use trunkline_testing::hosts::{COPY, Hosts, WHICH};
use trunkline_testing::small_shop::service_file;

/// A shop whose builds #3 and #4 went live on all hosts, one after the other.
fn with_two_live(hosts: &Hosts) -> Home {
    let file = service_file("sh release").replace("echo back again", "sh release");
    let live = "[production.live]\nrun = [\"sh\", \"which.sh\"]\nsettle = \"0s\"\n";
    let set = format!("[env]\nset = {{ HOSTS = \"{}\" }}\n", hosts.path().display());
    let home = Home::with_service(&format!("{file}{set}{live}"));
    home.merge("sam", "release", COPY);
    home.merge("sam", "which.sh", WHICH);
    home.verified(3);
    let first = home.said(&["promote", "3", "--yes", "--wait"]);
    assert!(first.contains("took effect on 3 of 3"), "{first}");
    home.merge("sam", "a", "a change");
    home.verified(4);
    home.said(&["promote", "4", "--yes", "--wait"]);
    home
}

fn all_run(hosts: &Hosts) -> String {
    let [one, two, three] = ["h1", "h2", "h3"].map(|host| hosts.runs(host));
    assert!(one == two && two == three, "{one} {two} {three}");
    one
}

#[test]
fn a_rollback_that_reaches_two_of_three_fails_says_so_everywhere_and_is_done_again() {
    let hosts = Hosts::start();
    let home = with_two_live(&hosts);
    hosts.mark("h3", "skip");
    let back = home.trunkline(&["rollback", "--yes", "--wait"]);
    assert_eq!(back.status.code(), Some(1), "{back:?}");
    let why = String::from_utf8_lossy(&back.stderr);
    assert!(why.contains("partly: 2 of 3, h3 runs #4"), "{why}");
    let status = home.said(&["status"]);
    let said = "production is in doubt: rollback of #3 ended partly: 2 of 3, h3 runs #4";
    assert!(status.contains(said), "{status}");
    assert!(status.contains("h1 h2 #3, h3 #4 (unsettled since d"), "{status}");
    let fleet = home.json(&["status", "--json"]);
    assert_eq!(fleet["services"][0]["targets"][2]["build"], 4, "{fleet:#}");
    assert_eq!(fleet["services"][0]["alarms"][0]["alarm"], "in_doubt", "{fleet:#}");
    let history = home.said(&["history"]);
    assert!(history.contains("partly: 2 of 3, h3 runs #4 (its steps succeeded"), "{history}");
    let audit = home.said(&["audit"]);
    assert!(audit.contains("says of production: h1 h2 run #3, h3 runs #4"), "{audit}");
    let plan = home.json(&["plan", "rollback", "--json"]);
    assert_eq!(plan["target"]["build"], 3, "the same again: {plan:#}");
    hosts.unmark("h3", "skip");
    let again = home.said(&["rollback", "--yes", "--wait"]);
    assert!(again.contains("took effect on 3 of 3"), "{again}");
    all_run(&hosts);
    let status = home.said(&["status"]);
    assert!(status.contains("(3 of 3 say so)") && !status.contains("in doubt"), "{status}");
}

#[test]
fn a_release_that_dies_on_the_second_host_is_put_back_on_all() {
    let hosts = Hosts::start();
    let home = with_two_live(&hosts);
    let before = all_run(&hosts);
    home.merge("sam", "b", "a bad change");
    home.verified(5);
    hosts.mark("h2", "dies");
    let promote = home.trunkline(&["promote", "5", "--yes", "--wait"]);
    assert_eq!(promote.status.code(), Some(1), "{promote:?}");
    hosts.unmark("h2", "dies");
    let plan = home.json(&["plan", "rollback", "--json"]);
    assert_eq!(plan["target"]["build"], 4, "what ran before, not one further back: {plan:#}");
    let back = home.said(&["rollback", "--yes", "--wait"]);
    assert!(back.contains("took effect on 3 of 3"), "{back}");
    assert_eq!(all_run(&hosts), before);
}

#[test]
fn what_hangs_is_not_waited_for_and_nothing_is_called_proven() {
    let live = "[production.live]\nrun = \"sleep 3600\"\ntimeout = \"1s\"\nsettle = \"0s\"\n";
    let home = Home::with_service(&format!("{}{live}", service_file("echo released")));
    home.verified(1);
    home.merge("sam", "a", "a change");
    home.verified(2);
    let back = ["rollback", "--yes", "--wait"];
    for command in
        [&["promote", "1", "--yes", "--wait"][..], &["promote", "2", "--yes", "--wait"], &back]
    {
        let said = home.said(command);
        let (proof, look) = (
            " is not proven, its targets have not answered: the command sleep 3600 does not say what production runs: ",
            "trunkline status says what they run, once they answer",
        );
        assert!(said.contains(proof) && said.contains(look), "{command:?}: {said}");
        assert!(!said.contains("took effect"), "{command:?}: {said}");
    }
}

#[test]
fn what_is_not_known_stands_in_a_plan_without_a_tick() {
    let home = Home::with_service(&service_file("echo released"));
    home.verified(1);
    home.said(&["promote", "1", "--yes", "--wait"]);
    home.merge("sam", "a", "a change");
    home.verified(2);
    let plan = home.said(&["plan", "promote", "2"]);
    let line = plan.lines().find(|line| line.contains("Nothing tells what production"));
    assert!(line.is_some_and(|line| line.trim().starts_with("unknown ")), "{plan}");
    let mut console = home.on_terminal(&[], (120, 40));
    console.shows("change a");
    console.keys("P");
    console.until("the mark", |screen| {
        screen.lines().any(|line| line.contains("[?]  Nothing tells what production"))
    });
}
