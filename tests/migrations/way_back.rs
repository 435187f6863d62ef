//! Migrations and the way back on the command line: real repositories, real migrations and the real binary.

use serde_json::Value;
use trunkline_testing::home::Home;
use trunkline_testing::repository::Repository;
use trunkline_testing::shop::{shop, smoke_tested};

const WIDE: (u16, u16) = (200, 50);

/// A service whose second build drops a column that the first one uses; #1 is live.
struct Shop {
    home: Home,
    repository: Repository,
}

impl Shop {
    fn open() -> Self {
        let migrations = "[migrations]\ndialect = \"postgres\"\npaths = [\"migrations/*.sql\"]\n";
        let users = "CREATE TABLE users (id int, nickname text);\n";
        let watched = shop(&smoke_tested(migrations))
            .with("migrations/0001_users.sql", users)
            .with("app.py", "print(user.nickname)\n")
            .watched("poll = \"100ms\"");
        let shop = Self { home: watched.home, repository: watched.repository };
        let write = |path: &str, text: &str| shop.repository.write(path, text);
        shop.home.verified(1);
        shop.home.said(&["promote", "1", "--yes", "--wait", "--reason", "migration=the first"]);
        write("migrations/0002_drop.sql", "ALTER TABLE users DROP COLUMN nickname;\n");
        write("app.py", "print(user.id)\n");
        shop.repository.commit_all("Ann", "ann@example.com", "drop nicknames (#31)");
        shop.home.verified(2);
        shop
    }

    /// The same with the second build live, so that the first cannot run any more.
    fn past_the_floor() -> Self {
        let shop = Self::open();
        let reason = "migration=nobody has a nickname";
        shop.home.said(&["promote", "2", "--yes", "--wait", "--reason", reason]);
        shop
    }

    fn live(&self) -> Value {
        let status = self.home.json(&["status", "--service", "checkout", "--json"]);
        status["live"]["production"]["build"].clone()
    }
}

#[test]
fn plan_and_changes_name_each_migration_by_its_class() {
    let shop = Shop::open();
    for command in [&["plan", "promote", "2"][..], &["changes", "#2"]] {
        let said = shop.home.said(command);
        for part in [
            "migrations/0002_drop.sql (configured): contract",
            "line 1: contract (",
            "DROP COLUMN nickname",
            "POINT OF NO RETURN: builds before #2 break",
        ] {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
    }
    assert!(shop.home.said(&["changes", "2"]).contains("pull request 31"));
    let changes = shop.home.json(&["changes", "2", "--json"]);
    assert_eq!(changes["migrations"]["files"][0]["tool"], "configured", "{changes:#}");
}

#[test]
fn a_rollback_past_the_floor_is_said_in_status_plan_and_changes() {
    let shop = Shop::past_the_floor();
    let status = shop.home.said(&["status"]);
    let rollback = status.lines().find(|line| line.trim_start().starts_with("rollback")).unwrap();
    assert!(rollback.contains("#1") && rollback.contains("POINT OF NO RETURN"), "{rollback}");
    let plan = shop.home.said(&["plan", "rollback"]);
    assert!(plan.contains("way back   POINT OF NO RETURN: builds before #2 break"), "{plan}");
    let changes = shop.home.said(&["changes", "--rollback"]);
    assert!(changes.contains("removed by rollback #2 to #1"), "{changes}");
    assert!(changes.contains("drop nicknames") && changes.contains("builds  #2"), "{changes}");
    assert!(!changes.contains("not included in #1"), "{changes}");
}

#[test]
fn without_a_person_a_rollback_past_the_floor_names_its_build() {
    let shop = Shop::past_the_floor();
    let refused = shop.home.trunkline(&["rollback", "--yes"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("--yes needs the build number"), "{why}");
    let named = "run: trunkline rollback 1 --yes --service ";
    assert!(why.contains(named), "it works beside other services, too: {why}");
    assert_eq!(shop.live(), 2);
    shop.home.said(&["rollback", "1", "--yes", "--wait"]);
    assert_eq!(shop.live(), 1);
}

#[test]
fn the_undo_of_a_promote_past_the_floor_is_not_to_be_copied_without_a_thought() {
    let shop = Shop::open();
    let reason = "migration=nobody has a nickname";
    let said = shop.home.said(&["promote", "2", "--yes", "--wait", "--reason", reason]);
    assert!(said.contains("undo: POINT OF NO RETURN\n"), "{said}");
    assert!(said.contains("trunkline rollback 1 --service"), "{said}");
    assert!(!said.contains("rollback 1 --yes"), "{said}");
}

#[test]
fn on_a_terminal_a_rollback_past_the_floor_wants_the_build_typed() {
    let shop = Shop::past_the_floor();
    let mut hasty = shop.home.on_terminal(&["rollback"], WIDE);
    hasty.shows("type 1 to confirm:");
    hasty.keys("y\n");
    assert_eq!(hasty.exit_code(), 3, "{}", hasty.text());
    assert_eq!(shop.live(), 2);
    let mut careful = shop.home.on_terminal(&["rollback", "--wait"], WIDE);
    careful.shows("type 1 to confirm:");
    careful.keys("1\n");
    assert_eq!(careful.exit_code(), 0, "{}", careful.text());
    assert_eq!(shop.live(), 1);
}
