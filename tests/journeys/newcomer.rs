//! A newcomer: a clone of a repository with a past and a submodule, from `init` to a rollback, and a second person who
//! joins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

/// The hub of a team, with a repository that has a submodule by a relative address, a tag and three commits.
struct Team {
    hub: tempfile::TempDir,
}

/// Runs git as somebody of the team, and returns what it prints.
fn git(home: &Home, folder: &Path, who: &str, arguments: &[&str]) -> String {
    let (name, email) = (format!("user.name={who}"), format!("user.email={who}@shop.example"));
    let allowed = "protocol.file.allow=always";
    let mut git = Command::new("git");
    git.current_dir(folder).envs(home.environment());
    git.args(["-c", &name, "-c", &email, "-c", allowed, "-c", "init.defaultBranch=main"]);
    let output = git.args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Team {
    fn new(home: &Home) -> Self {
        let team = Self { hub: tempfile::tempdir().unwrap() };
        let hub = team.hub.path();
        for name in ["shop.git", "lib.git"] {
            git(home, hub, "sam", &["init", "--quiet", "--bare", "--initial-branch=main", name]);
        }
        let library = hub.join("library");
        git(home, hub, "sam", &["clone", "--quiet", "lib.git", "library"]);
        commit(home, &library, "code.txt", "the library");
        git(home, hub, "sam", &["clone", "--quiet", "shop.git", "work"]);
        let work = hub.join("work");
        commit(home, &work, "page.html", "one");
        git(home, &work, "sam", &["submodule", "--quiet", "add", "../lib.git", "vendor/lib"]);
        commit(home, &work, "page.html", "two");
        git(home, &work, "sam", &["tag", "v1.0"]);
        git(home, &work, "sam", &["push", "--quiet", "--tags"]);
        commit(home, &work, "page.html", "three");
        team
    }

    /// Somebody's clone, by a user who lets git use local addresses and looks at the trunk often.
    fn clone_for(&self, home: &Home) -> PathBuf {
        fs::create_dir_all(home.path("config")).unwrap();
        fs::write(home.path("config/config.toml"), "poll = \"200ms\"\n").unwrap();
        fs::write(home.path(".gitconfig"), "[protocol \"file\"]\n\tallow = always\n").unwrap();
        let hub = self.hub.path().join("shop.git");
        git(home, &home.path(""), "me", &["clone", "--quiet", hub.to_str().unwrap(), "mine"]);
        home.path("mine")
    }
}

/// A commit of sam's that is pushed.
fn commit(home: &Home, folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).unwrap();
    git(home, folder, "sam", &["add", "--all"]);
    git(home, folder, "sam", &["commit", "--quiet", "--message", text]);
    git(home, folder, "sam", &["push", "--quiet", "origin", "HEAD:main"]);
}

fn init(home: &Home, clone: &Path) -> String {
    let output = home.command(&["init", "--service", "shop"]).current_dir(clone).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_newcomer_deploys_a_service_with_a_past_and_a_second_person_joins() {
    let (home, teammate) = (Home::new(), Home::new());
    let team = Team::new(&home);
    let (mine, hub) = (team.clone_for(&home), team.hub.path().join("shop.git"));
    let said = init(&home, &mine);
    assert!(said.contains(&format!("watches main of {} from now on", hub.display())), "{said}");

    // The steps of the sample give way to real ones, which need the submodule and the tag.
    let look = "cat vendor/lib/code.txt; git describe --tags; echo shipped";
    fs::write(mine.join("trunkline.toml"), service_file(look)).unwrap();
    git(&home, &mine, "me", &["add", "trunkline.toml"]);
    git(&home, &mine, "me", &["commit", "--quiet", "--message", "Deploy with trunkline"]);
    git(&home, &mine, "me", &["push", "--quiet"]);
    let first = 4;
    home.await_build(first, "verified");
    let status = home.said(&["status", "--service", "shop"]);
    assert!(status.contains("production  not known; run: trunkline adopt SHA"), "{status}");
    assert!(status.contains("rollback    none: what is live is not known"), "{status}");
    let live = git(&home, &mine, "me", &["rev-parse", "HEAD~1"]);
    let place = home.said(&["where", &live]);
    assert!(place.contains("not known: what is live is not known"), "{place}");
    let refused = home.trunkline(&["rollback", "--yes"]);
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.contains("what production runs is not known"), "{refused}");
    let plan = home.said(&["plan", "promote", "4"]);
    assert!(plan.contains("now live   not known"), "{plan}");
    assert!(plan.contains("run: trunkline adopt SHA"), "{plan}");

    // What the plan asks for is stated, and then it knows what ships.
    let stated = home.said(&["adopt", &live]);
    assert!(stated.contains("#3") && stated.contains("counts as live in production"), "{stated}");
    let plan = home.said(&["plan", "promote", "4"]);
    assert!(plan.contains("ships      1 commit, 1 file"), "{plan}");
    let promoted = home.said(&["promote", "4", "--yes", "--wait", "--reason", "author=it is mine"]);
    assert!(promoted.contains("succeeded"), "{promoted}");
    let log = home.said(&["logs"]);
    assert!(log.contains("the library") && log.contains("v1.0-2-g"), "{log}");
    assert!(!home.trunkline(&["rollback", "--yes"]).status.success(), "#3 declares no way back");

    // A colleague's push arrives by itself, without a pull in the clone.
    let work = team.hub.path().join("work");
    git(&home, &work, "sam", &["pull", "--quiet", "--rebase", "origin", "main"]);
    commit(&home, &work, "page.html", "four");
    home.await_build(5, "verified");
    assert!(home.said(&["promote", "5", "--yes", "--wait"]).contains("succeeded"));
    assert!(home.said(&["rollback", "--yes", "--wait"]).contains("succeeded"));
    let status = home.json(&["status", "--service", "shop", "--json"]);
    assert_eq!(status["live"]["production"]["build"], 4, "{status:#}");

    // The second person finds the service file there, and needs nothing else.
    let theirs = team.clone_for(&teammate);
    let said = init(&teammate, &theirs);
    assert!(said.contains("trunkline.toml is there already, for shop"), "{said}");
    assert!(!said.contains("git add"), "nothing is left to bring to the trunk: {said}");
    teammate.await_build(5, "verified");
}
