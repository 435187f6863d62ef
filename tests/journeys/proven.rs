//! A way back is proven by what people do: a rollback that reaches one host too few is made again, and a rehearsal lets a
//! promote pass.

use std::fs;

use trunkline_testing::hosts::{COPY, Hosts, WHICH};
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::{later, leave, promote, row, shop};

const SETTINGS: &str = "poll = \"100ms\"\nemergency_countdown = \"10m\"";

#[test]
fn a_rollback_that_reaches_two_of_three_is_made_again_and_then_the_way_back_is_proven() {
    let hosts = Hosts::start();
    let file = service_file().raj().person("ann").step("staging", "smoke", "[\"true\"]");
    let file = file.step("production", "release", "./release");
    let file = file.step("rollback", "release", "./release").text();
    let live = "[production.live]\nrun = \"./which.sh\"\nsettle = \"0s\"\n";
    let set = format!("[env]\nset = {{ HOSTS = \"{}\" }}\n", hosts.path().display());
    let shop = shop(&format!("{file}{set}{live}"));
    let shop = shop.with_script("release", COPY).with_script("which.sh", WHICH).watched(SETTINGS);
    let mut screen = shop.console();
    let mut shas = Vec::new();
    for (build, subject) in [("#1", ""), ("#2", "sell hats"), ("#3", "sell shoes")] {
        if !subject.is_empty() {
            shop.merge(subject);
        }
        row(&screen, build, "verified");
        screen.keys("1g");
        promote(&mut screen, build);
        row(&screen, build, "LIVE");
        shas.push(shop.repository.head().to_string());
    }
    screen.shows("rollback never run here");
    hosts.mark("h3", "skip");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #3 → #2");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    screen.shows("production differs by target: h1 h2 #2, h3 #3");
    assert_eq!(
        ["h1", "h2", "h3"].map(|host| hosts.runs(host)),
        [&shas[1], &shas[1], &shas[2]].map(Clone::clone)
    );
    hosts.unmark("h3", "skip");
    screen.keys("!");
    screen.shows("BACK PRODUCTION  #3 → #2");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    screen.hides("h3 #3");
    screen.shows("R → #1");
    later(&mut screen);
    // The question takes room from what is said of the way back.
    screen.resize(160, 40);
    screen.shows("schema SAFE, proven");
    leave(screen);
    for host in ["h1", "h2", "h3"] {
        assert_eq!(hosts.runs(host), shas[1]);
    }
    assert_eq!(shop.kinds(), ["rollback", "rollback", "promote", "promote", "promote"]);
}

/// Each step is for all environments. In staging it waits while the gate is there.
const DEPLOY: &str = r#"
n=0
while [ "$TRUNKLINE_ENVIRONMENT" = staging ] && [ -e "$GATE" ] && [ $n -lt 6000 ]; do n=$((n + 1)); sleep 0.02; done
echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD is out"
"#;

#[test]
fn a_promote_passes_a_rehearsal_that_runs_and_the_rehearsal_proves_the_way_back() {
    let file = service_file().raj().person("ann").everywhere("release", "exec sh ./deploy");
    let file = file.step("staging", "smoke", "[\"true\"]").text();
    let shop = shop(&format!("{file}[rollback]\nrehearse = \"by-hand\"\n"));
    let gate = shop.home.path("gate");
    let shop = shop.with("deploy", &format!("GATE='{}'{DEPLOY}", gate.display()));
    let shop = shop.watched(SETTINGS);
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    row(&screen, "#1", "LIVE");
    shop.merge("sell hats");
    row(&screen, "#2", "verified");
    fs::write(&gate, "").unwrap();
    let said = shop.home.said(&["rehearse"]);
    assert!(said.contains("rollback steps to #1"), "{said}");
    screen.shows("STG #1 REHEARSING");
    screen.keys("1g");
    promote(&mut screen, "#2");
    row(&screen, "#2", "LIVE");
    screen.shows("STG #1 REHEARSING");
    screen.shows("rollback never run here");
    fs::remove_file(&gate).unwrap();
    screen.shows("schema SAFE, proven");
    leave(screen);
    let status = shop.home.said(&["status"]);
    let rollback = status.lines().find(|line| line.contains("schema SAFE")).unwrap();
    assert!(rollback.contains("proven") && rollback.contains("ago in staging"), "{rollback}");
    assert_eq!(shop.kinds(), ["promote", "promote"]);
    let staging = shop.home.json(&["history", "staging", "--json"]);
    let kinds: Vec<_> = staging
        .as_array()
        .unwrap()
        .iter()
        .map(|made| made["request"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["return", "rehearsal", "auto", "auto"], "staging came forward");
}
