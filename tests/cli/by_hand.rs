//! A rollback by hand, as the command line shows it: it can be run while the engine is gone, and trunkline is told of it.

use std::fs;
use std::process::Command;

use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

#[test]
fn the_plan_of_a_rollback_can_be_carried_out_by_hand_and_trunkline_told_of_it() {
    let home = Home::new();
    let done = home.path("done");
    let file = service_file("echo shipped");
    home.watch(&file.replace("echo back again", &format!("cat page.html > {}", done.display())));
    home.merge("sam", "page.html", "one");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    home.merge("sam", "page.html", "two");
    home.await_build(3, "verified");
    home.said(&["promote", "3", "--yes", "--wait"]);
    let plan = home.json(&["plan", "rollback", "--json"]);
    assert_eq!(plan["by_hand"]["to"], 2);
    let told = home.said(&["plan", "rollback"]);
    let script = &told[told.find("# Roll production of shop back to #2").expect("it is shown")..];
    assert!(script.contains("# schema SAFE: "), "{script}");
    home.said(&["engine", "stop"]);
    let file = home.path("by-hand");
    fs::write(&file, script).unwrap();
    let output = Command::new("sh").arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{script}");
    assert_eq!(fs::read_to_string(done).unwrap(), "one");
    let commands: Vec<_> =
        script.lines().filter_map(|line| line.strip_prefix("#   trunkline ")).collect();
    assert_eq!(commands.len(), 2, "{script}");
    for command in commands {
        let words = command.replace("\"rolled back by hand\"", "by-hand");
        home.said(&words.split(' ').collect::<Vec<_>>());
    }
    let status = home.json(&["status", "--json"]);
    assert_eq!(status["services"][0]["live"]["build"], 2, "{status:#}");
    assert_eq!(status["services"][0]["hold"]["reason"], "by-hand", "{status:#}");
}
