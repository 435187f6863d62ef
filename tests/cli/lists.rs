//! What the command line lists is whole or says what is missing, and what it takes as a name is what it shows.

use std::io::Write as _;
use std::process::{Command, Stdio};

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

const WIDE: (u16, u16) = (200, 50);

/// Adds so many empty commits to the trunk at once.
fn merge_many(home: &Home, count: u64) {
    let mut import = Vec::new();
    for number in 1..=count {
        let (text, from) =
            (format!("many {number}"), if number == 1 { "from refs/heads/main^0\n" } else { "" });
        let who = format!("sam <sam@shop.example> {} +0000", 1_790_000_000 + number);
        import.push(format!(
            "commit refs/heads/main\ncommitter {who}\ndata {}\n{text}\n{from}\n",
            text.len()
        ));
    }
    let mut git = Command::new("git");
    git.current_dir(home.shop()).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut git = git.spawn().unwrap();
    git.stdin.take().unwrap().write_all(import.concat().as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
}

#[test]
fn a_list_is_as_long_as_it_was_asked_for_or_says_what_is_missing() {
    let home = Home::with_shop();
    home.await_build(1, "verified");
    merge_many(&home, 130);
    until("all are found", || home.listed(&["builds", "--json"])[0]["number"] == 131);
    let all = home.trunkline(&["builds", "-n", "300"]);
    let listed = String::from_utf8(all.stdout).unwrap();
    assert_eq!(listed.lines().count(), 131, "{listed}");
    assert!(listed.lines().last().unwrap().starts_with("#1 "), "{listed}");
    assert_eq!(all.stderr, b"");
    assert_eq!(home.json(&["builds", "-n", "120", "--json"]).as_array().unwrap().len(), 120);
    let cut = home.trunkline(&["builds", "-n", "2"]);
    assert_eq!(String::from_utf8(cut.stdout).unwrap().lines().count(), 2);
    let said = String::from_utf8(cut.stderr).unwrap();
    assert_eq!(said, "129 older not shown; add -n 131 for all of them\n");
    for _ in 0..2 {
        home.said(&["promote", "1", "--yes", "--wait"]);
    }
    let history = home.trunkline(&["history", "-n", "1"]);
    let said = String::from_utf8(history.stderr).unwrap();
    assert!(said.contains("older ones not shown; add --before d"), "{said}");
    let before = said.split_whitespace().find(|word| word.starts_with('d')).unwrap();
    let older = home.trunkline(&["history", "--before", before]);
    assert_eq!(String::from_utf8(older.stdout).unwrap().lines().count(), 1);
    assert_eq!(older.stderr, b"");
    let audit = home.trunkline(&["audit", "--limit", "3"]);
    assert_eq!(String::from_utf8(audit.stdout).unwrap().lines().count(), 3);
    assert!(String::from_utf8(audit.stderr).unwrap().contains("older ones not shown"));
}

#[test]
fn a_log_is_found_by_its_deployment_or_by_its_build() {
    let home = Home::with_one_live();
    let live = home.json(&["history", "--json"])[0]["id"].as_u64().unwrap();
    let by_id = home.said(&["logs", &format!("d{live}")]);
    assert!(by_id.contains("shipped"), "{by_id}");
    assert_eq!(home.said(&["logs", "#1"]), by_id, "the last deployment of the build");
    assert_eq!(home.said(&["logs", &live.to_string()]), by_id, "no build has this number");
    let staged = home.said(&["logs", "#2"]);
    assert!(staged.contains("staged"), "{staged}");
    let both = home.trunkline(&["logs", "2"]);
    assert_eq!(both.status.code(), Some(2));
    let said = String::from_utf8(both.stderr).unwrap();
    assert!(said.contains("the deployment d2 or the build #2; write d2 or '#2'"), "{said}");
    let nothing = home.trunkline(&["logs", "999"]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains("no deployment d999, and no deployment of a build #999"), "{said}");
}

#[test]
fn a_commit_is_found_by_the_names_of_the_repository_here() {
    let home = Home::with_one_live();
    home.git(&["tag", "v1", "HEAD~1"]);
    home.git(&["branch", "feed"]);
    let here =
        |name: &str| home.command(&["where", name]).current_dir(home.shop()).output().unwrap();
    for (name, build) in
        [("HEAD", "#2"), ("main", "#2"), ("feed", "#2"), ("v1", "#1"), ("HEAD~1", "#1")]
    {
        let output = here(name);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("build       {build}")), "{name}: {output:?}");
    }
    let unknown = here("no-such-branch");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("git knows no such name"),
        "{unknown:?}"
    );
}

#[test]
fn tables_have_colours_on_a_terminal_that_wants_them() {
    let home = Home::with_service(&service_file("exit 3"));
    home.await_build(1, "verified");
    home.trunkline(&["promote", "1", "--yes", "--wait"]);
    let shown = |arguments: &[&str], more: &[(&str, &str)]| {
        let mut terminal = home.on_terminal_with(arguments, WIDE, more);
        assert_eq!(terminal.exit_code(), 0);
        String::from_utf8(terminal.bytes()).unwrap()
    };
    assert!(shown(&["builds"], &[]).contains("\u{1b}[32mverified\u{1b}[0m"));
    assert!(shown(&["history"], &[]).contains("\u{1b}[31mfailed: "));
    assert!(shown(&["plan", "promote", "1"], &[]).contains("\u{1b}[32m  ok "));
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!shown(&["builds"], &[plain]).contains('\u{1b}'), "{plain:?}");
    }
    assert!(!home.said(&["builds"]).contains('\u{1b}'), "a pipe has no colours");
}
