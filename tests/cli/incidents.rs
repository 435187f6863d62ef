//! Incidents on the command line: the question after a rollback, an incident from its opening to its postmortem, and where
//! it is named.

use std::fs;
use std::process::Output;

use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

fn told(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// #2 was live and rolled back to #1.
fn rolled_back() -> Home {
    let home = Home::with_service(&service_file("echo shipped"));
    home.await_build(1, "verified");
    home.said(&["promote", "1", "--yes", "--wait"]);
    home.merge("sam", "page.html", "two");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    home.said(&["rollback", "--yes", "--wait"]);
    home
}

#[test]
fn a_rollback_asks_becomes_an_incident_and_ends_in_a_postmortem() {
    let home = rolled_back();
    let status = home.said(&["status", "--service", "shop"]);
    assert!(status.contains("were users affected before rollback d"), "{status}");
    let (code, said) =
        told(&home.trunkline(&["incident", "open", "it is slow", "--severity", "7"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("there is no severity \"7\"; use one of SEV-1 (production down"),
        "{said}"
    );

    let open =
        ["incident", "open", "checkout answers 500", "--severity", "2", "--key", "night-0001"];
    let said = home.said(&open);
    assert!(said.contains("is open, SEV-2: checkout answers 500, after rollback d"), "{said}");
    assert_eq!(home.said(&open), said, "the same key opens nothing twice");
    let id = said.split(' ').next().unwrap().to_owned();
    let status = home.said(&["status", "--service", "shop"]);
    assert!(!status.contains("were users affected"), "{status}");
    assert!(status.contains(&format!("{id} SEV-2: checkout answers 500; open ")), "{status}");
    assert!(status.contains("update due in 1"), "{status}");

    home.said(&["incident", "update", "support called", "--at", "20m", "--detected"]);
    home.said(&["incident", "update", "300 carts", "--users-affected", "yes"]);
    let show = home.said(&["incident", "show"]);
    for line in ["  about       rollback d", "support called (event ", ", written ", " by me)"] {
        assert!(show.contains(line), "{line:?} in {show}");
    }
    let promoted = show.lines().find(|line| line.contains("me promotes #2 to production")).unwrap();
    assert!(promoted.contains("(event"), "{show}");
    let report = home.json(&["incident", "show", "--json"]);
    assert_eq!(report["incident"]["users_affected"], "yes", "{report:#}");
    assert_eq!(report["taken_back"][0]["build"], 2);

    let said = home.said(&["incident", "resolve", "rolled back; it is gone"]);
    assert!(said.contains(&format!("{id} is resolved; postmortem due ")), "{said}");
    reopened_by_the_printed_line(&home, &id);
    let (code, said) = told(&home.trunkline(&["incident", "update", "more"]));
    assert!(code == Some(2) && said.contains("no incident is open; name one"), "{said}");
    postmortem(&home, &id);
    named_elsewhere(&home, &id);
}

/// Whoever updates an incident that is over is told so, and the line that opens it again does.
fn reopened_by_the_printed_line(home: &Home, id: &str) {
    let said = home.said(&["incident", "update", "it is back", "--id", id]);
    assert!(said.contains(&format!("noted on {id}; {id} is resolved: ")), "{said}");
    let line = said.trim().split_once("If it is not over: trunkline ").expect(&said).1;
    let line: Vec<_> = line.split(' ').map(|word| word.trim_matches('"')).collect();
    assert_eq!(line[..2], ["incident", "reopen"]);
    assert!(home.said(&line).contains(&format!("{id} is open again")), "{line:?}");
    home.said(&["incident", "resolve", "it is gone again"]);
}

fn postmortem(home: &Home, id: &str) {
    let path = home.path("postmortem.md");
    let file = path.to_str().unwrap();
    let said = home.said(&["incident", "postmortem", "--file", file]);
    let then = said.trim().split_once("then say where it is: trunkline ").expect(&said).1;
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Postmortem: checkout answers 500\n"), "{text}");
    assert!(text.contains("TO FILL IN") && text.contains("support called"), "{text}");
    fs::write(&path, "mine").unwrap();
    let (code, said) = told(&home.trunkline(&["incident", "postmortem", id, "--file", file]));
    assert!(code == Some(1) && said.contains("is there already and stays as it is"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(home.said(&["incident", "list"]).contains("; postmortem due "));
    let place = "https://wiki.example/7";
    let then: Vec<_> =
        then.split(' ').map(|word| if word == "PLACE" { place } else { word }).collect();
    let written = home.said(&then);
    assert!(written.contains("is written: https://wiki.example/7"), "{written}");
    assert!(home.said(&["incident", "list"]).contains("; postmortem written"));
    let again = ["incident", "postmortem", id, "--dismiss", "no time"];
    assert_eq!(told(&home.trunkline(&again)).0, Some(1), "it is written");
}

fn named_elsewhere(home: &Home, id: &str) {
    let history = home.said(&["history"]);
    let rows = history.lines().filter(|line| line.contains(id)).count();
    assert_eq!(rows, 2, "the promote and the rollback: {history}");
    let sha = home.json(&["builds", "--json"])[0]["sha"].as_str().unwrap().to_owned();
    let place = home.said(&["where", &sha]);
    assert!(place.contains(&format!("incident    {id} SEV-2: checkout answers 500")), "{place}");
}

#[test]
fn users_that_were_not_affected_are_said_once_and_may_be_said_otherwise_later() {
    let home = rolled_back();
    let said = home.said(&["incident", "not-affected", "--note", "no error"]);
    assert!(said.contains("noted: users were not affected before d"), "{said}");
    let rollback = said.trim().rsplit(' ').next().unwrap().to_owned();
    let status = home.said(&["status", "--service", "shop"]);
    assert!(!status.contains("were users affected"), "{status}");
    let again = ["incident", "not-affected", "--rollback", &rollback];
    let (code, said) = told(&home.trunkline(&again));
    assert!(code == Some(1) && said.contains("me said so before"), "{said}");
    let open = ["incident", "open", "two called", "--severity", "SEV-3", "--rollback", &rollback];
    assert!(home.said(&open).contains(&format!("after rollback {rollback}")));
    let audit = home.said(&["audit"]);
    assert!(
        audit.contains(&format!("users were not affected before {rollback}: no error")),
        "{audit}"
    );
}
