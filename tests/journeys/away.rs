//! The engine is gone, on this machine or on a server: what was seen last is there in a new console, and how to do without it.

use std::fs;
use std::process::Command;

use trunkline_testing::home::Home;

/// Runs the text that the console keeps, as a person would.
fn by_hand(home: &Home, folder: &str) -> String {
    let file = home.path(folder).join("shop.txt");
    let output = Command::new("sh").arg(&file).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{}", fs::read_to_string(file).unwrap());
    String::from_utf8(output.stdout).unwrap()
}

/// Two builds were live, so that there is a way back.
fn with_a_way_back() -> Home {
    let home = Home::with_one_live();
    home.said(&["promote", "2", "--yes", "--wait"]);
    home
}

/// The folder that a profile's server keeps its last state in.
fn kept(laptop: &Home, profile: &str) -> String {
    let folder = format!("data/profiles/{profile}");
    let entry = fs::read_dir(laptop.path(&folder)).unwrap().flatten().next().unwrap();
    format!("{folder}/{}/last", entry.file_name().to_str().unwrap())
}

#[test]
fn an_engine_that_cannot_start_leaves_the_last_state_and_the_way_back_by_hand() {
    let home = with_a_way_back();
    let mut console = home.on_terminal(&["console"], (120, 40));
    console.shows("PROD shop #2");
    console.shows("fresh");
    console.quits();
    home.said(&["engine", "stop"]);
    let record = home.path("data/trunkline.db");
    let good = fs::read(&record).unwrap();
    fs::write(&record, "no database").unwrap();
    for beside in ["trunkline.db-wal", "trunkline.db-shm"] {
        let _absent = fs::remove_file(home.path("data").join(beside));
    }
    let refused = home.trunkline(&["rollback", "--yes"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("by hand") && told.contains("last/by-hand/shop.txt"), "{told}");
    let mut console = home.on_terminal(&["console"], (120, 40));
    console.shows("AS OF");
    console.shows("PROD shop #2");
    console.keys("P");
    console.shows("actions are off");
    console.keys("b");
    console.shows("Roll back by hand");
    console.shows("last/by-hand/shop.txt");
    console.shows("back to #1");
    assert_eq!(by_hand(&home, "data/last/by-hand"), "back again\nAll steps succeeded.\n");
    let doctor = String::from_utf8(home.trunkline(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("last/by-hand (1 service)"), "{doctor}");
    // The console starts the engine by itself once it can start.
    fs::write(&record, good).unwrap();
    console.keys("\x1b");
    console.shows("fresh");
    console.hides("AS OF");
    console.quits();
}

#[test]
fn a_server_that_is_away_is_switched_to_and_left_and_nobody_else_is_shown_its_state() {
    let (server, laptop) = (with_a_way_back(), Home::new());
    fs::create_dir(laptop.path("config")).unwrap();
    let profile = |name: &str, home: &Home| {
        let socket = home.path("data/run/engine.sock");
        format!("[profiles.{name}]\nurl = 'unix:{}'\n", socket.display())
    };
    let other = Home::with_shop();
    other.await_build(1, "verified");
    let file = laptop.path("config/config.toml");
    fs::write(&file, profile("prod", &server) + &profile("eu", &other)).unwrap();
    let mut console = laptop.on_terminal(&["console", "--profile", "prod"], (80, 24));
    console.shows("shop #2");
    console.shows("fresh");
    console.keys("c");
    console.shows("Servers");
    console.keys("e");
    console.keys("u");
    console.shows("search eu");
    console.keys("\r");
    console.shows("nothing live yet");
    console.shows("eu");
    server.said(&["engine", "stop"]);
    console.keys("c");
    console.shows("Servers");
    for letter in ["p", "r", "o"] {
        console.keys(letter);
    }
    console.shows("search pro");
    console.keys("\r");
    console.shows("AS OF");
    console.shows("shop #2");
    console.keys("b");
    console.shows("Roll back by hand");
    assert!(!laptop.path("data/engine.lock").exists(), "nothing is started on the laptop");
    console.keys("\x1b");
    console.hides("Roll back by hand");
    console.quits();
    let texts = format!("{}/by-hand", kept(&laptop, "prod"));
    assert_eq!(by_hand(&laptop, &texts), "back again\nAll steps succeeded.\n");
    // Another address under the same name gets nothing of it.
    fs::write(&file, profile("prod", &laptop) + &profile("eu", &other)).unwrap();
    let mut console = laptop.on_terminal(&["console", "--profile", "prod"], (120, 40));
    console.shows("nothing could be read yet");
    assert!(!console.text().contains("AS OF"), "{}", console.text());
    console.quits();
    fs::write(&file, profile("prod", &server) + &profile("eu", &other)).unwrap();
    assert!(laptop.trunkline(&["logout", "--profile", "prod"]).status.success());
    assert!(!laptop.path(&texts).exists(), "it went with the sign-in");
}
