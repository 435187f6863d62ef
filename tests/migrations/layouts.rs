//! Where migrations lie: ways down, several databases, folders that no layout fits, ranges, long histories.

use std::fmt::Write as _;

use trunkline::migrations::{
    Class, Dialect, FileChange, Layouts, MigrationDirection, MigrationFile, SchemaDefinitions,
    Tool, judge,
};

use crate::corpus::judged;
use crate::files::check;
use trunkline_testing::repository::Repository;

#[test]
fn a_file_that_goes_down_beside_one_that_goes_up_is_no_way_up() {
    let pairs = [
        ("migrations/sqls/2026-a-up.sql", "migrations/sqls/2026-a-down.sql"),
        ("migrations/001.do.sql", "migrations/001.undo.sql"),
        ("migrations/0001_a.sql", "migrations/0001_a.rollback.sql"),
        ("migrations/0001_a.sql", "migrations/0001_a_revert.sql"),
        ("migrations/up/0001_a.sql", "migrations/down/0001_a.sql"),
        ("db/migrations/0001_a.sql", "db/migrations/rollback/0001_a.sql"),
        ("migrations/V1.Init.postgres.up.sql", "migrations/V1.Init.postgres.down.sql"),
    ];
    for (up, down) in pairs {
        let layouts = Layouts::default().seeing([up, down]);
        let way = |path: &str| layouts.place(path).map(|place| place.direction);
        assert_eq!(way(up), Some(MigrationDirection::Up), "{up}");
        assert_eq!(way(down), Some(MigrationDirection::Down), "{down}");
    }
    let alone = Layouts::default().seeing(["migrations/0004-slow-down.sql"]);
    let place = alone.place("migrations/0004-slow-down.sql").unwrap();
    assert_eq!(place.direction, MigrationDirection::Up);
}

#[test]
fn the_folders_of_more_tools_are_known() {
    let known: [(&str, &[&str], Tool); 6] = [
        ("sql/schema/001_users.sql", &[], Tool::Goose),
        ("drizzle/0000_calm_fish.sql", &[], Tool::Other),
        ("packages/db/drizzle/20260101000000_calm/migration.sql", &[], Tool::Other),
        ("conf/evolutions/default/1.sql", &[], Tool::Other),
        ("scripts/20260101000000_users.sql", &[], Tool::Other),
        ("deploy/users.sql", &["sqitch.plan"], Tool::Other),
    ];
    for (path, all, tool) in known {
        let layouts = Layouts::default().seeing(all.iter().copied().chain([path]));
        assert_eq!(layouts.place(path).map(|place| place.tool), Some(tool), "{path}");
    }
    let sqitch = Layouts::default().seeing(["sqitch.plan"]);
    let way = sqitch.place("revert/users.sql").map(|place| place.direction);
    assert_eq!(way, Some(MigrationDirection::Down));
}

#[test]
fn the_down_part_of_a_file_is_not_judged() {
    let files = [
        "-- +migrate Up\nCREATE TABLE a (b int);\n-- +migrate Down\nDROP TABLE c;",
        "-- Up Migration\nCREATE TABLE a (b int);\n-- Down Migration\nDROP TABLE c;",
        "CREATE TABLE a (b int);\n---- create above / drop below ----\nDROP TABLE c;",
        "-- // make a\nCREATE TABLE a (b int);\n-- //@UNDO\nDROP TABLE c;",
        "# --- !Ups\nCREATE TABLE a (b int);\n# --- !Downs\nDROP TABLE c;",
    ];
    for text in files {
        let file = MigrationFile { path: "migrations/1_a.sql", text, change: FileChange::Added };
        let judge =
            |dialect| judge(&file, Tool::Other, dialect, &SchemaDefinitions::default()).judged();
        let dialect = if text.starts_with('#') { Dialect::Mysql } else { Dialect::Postgres };
        assert_eq!(judge(dialect), Class::Additive, "{text}");
    }
    let down_first = "-- +goose Down\nALTER TABLE a ADD COLUMN b int;\n-- +goose Up\nALTER TABLE a DROP COLUMN b;";
    assert_eq!(judged(down_first, "", Dialect::Postgres).judged(), Class::Contract);
}

#[test]
fn what_code_takes_away_is_named_in_each_tool() {
    let calls = [
        ("    remove_reference :orders, :user", "drop-column"),
        ("        migrations.RemoveConstraint('order', 'positive')", "drop-constraint"),
        ("    op.drop_constraint('uq_a', 'a')", "drop-constraint"),
        ("      remove :legacy_total", "drop-column"),
        ("    drop table(:orders)", "drop-object"),
        ("    await queryInterface.removeColumn('a', 'b');", "drop-column"),
        ("    await queryRunner.dropForeignKey('a', 'b');", "drop-constraint"),
        ("    await knex.schema.dropTableIfExists('a');", "drop-object"),
        ("        Schema::dropIfExists('a');", "drop-object"),
        ("            $table->dropSoftDeletes();", "drop-column"),
        ("    await queryRunner.query(`ALTER TABLE a DROP COLUMN b`);", "drop-column"),
        ("    change_column :orders, :total, :bigint", "modify-column"),
    ];
    for (call, rule) in calls {
        let text = format!("up\n{call}\n");
        let file =
            MigrationFile { path: "migrations/1_a.rb", text: &text, change: FileChange::Added };
        let judged = judge(&file, Tool::Other, Dialect::Postgres, &SchemaDefinitions::default());
        let rules: Vec<_> = judged.statements.iter().map(|s| s.rule.name()).collect();
        assert_eq!(rules, ["code-migration", rule], "{call}");
    }
}

#[test]
fn each_database_of_a_repository_has_its_own_migrations() {
    let repository = Repository::new();
    repository.write("migrations/sqlite/1_a.sql", "CREATE TABLE a (b int);");
    repository.write("migrations/postgres/1_a.sql", "CREATE TABLE a (b int);");
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("migrations/sqlite/2_a.sql", "DROP TABLE a;");
    repository.write("migrations/postgres/2_a.sql", "ALTER TABLE a ADD COLUMN c int;");
    repository.commit_all("Ann", "ann@example.com", "two");
    let range = format!("{from}..");
    let both = check(&repository, &["--range", &range, "--json"]);
    assert_eq!(both.status.code(), Some(3), "{both:?}");
    let steps = ["staging", "production", "rollback"]
        .map(|pipeline| format!("[[{pipeline}.steps]]\nname = \"a\"\nrun = \"true\"\n"));
    let file =
        format!("service = \"shop\"\n[migrations]\ndialect = \"postgres\"\n{}", steps.concat());
    repository.write("trunkline.toml", &file);
    repository.commit_all("Ann", "ann@example.com", "three");
    let one = check(&repository, &["--range", &range]);
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let said = String::from_utf8(one.stdout).unwrap();
    assert!(
        said.contains("sqlite/2_a.sql: for another database than postgres, not judged"),
        "{said}"
    );
}

#[test]
fn what_looks_like_a_migration_in_no_known_place_is_said() {
    let repository = Repository::new();
    repository.write("README.md", "a");
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("storage/changes/001_a.sql", "DROP TABLE a;");
    repository.commit_all("Ann", "ann@example.com", "two");
    let range = format!("{from}..HEAD");
    let checked = check(&repository, &["--range", &range, "--dialect", "sqlite"]);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("\"storage/changes/001_a.sql\" looks like one"), "{said}");
    let folder = check(&repository, &["storage", "--dialect", "sqlite"]);
    assert_eq!(folder.status.code(), Some(2), "{folder:?}");
    assert!(String::from_utf8(folder.stderr).unwrap().contains("no migration is recognised"));
    // The remedy.
    let named = check(&repository, &["storage/changes/001_a.sql", "--dialect", "sqlite"]);
    assert_eq!(named.status.code(), Some(3), "{named:?}");
}

#[test]
fn a_range_without_a_migration_says_so() {
    let repository = Repository::new();
    repository.write("a", "a");
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("a", "b");
    repository.commit_all("Ann", "ann@example.com", "two");
    let checked = check(&repository, &["--range", &format!("{from}.."), "--dialect", "sqlite"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("no migration among the 1 files that changed"), "{said}");
}

#[test]
fn a_folder_is_checked_as_its_migrations() {
    let repository = Repository::new();
    repository.write("db/migrations/1_a.sql", "CREATE TABLE a (b int);");
    repository.write("db/migrations/2_a.sql", "DROP TABLE a;");
    let checked = check(&repository, &["db", "--dialect", "sqlite"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
}

#[test]
fn a_branch_is_checked_for_what_it_brings_and_not_for_what_the_trunk_got_since() {
    let repository = Repository::new();
    repository.write("migrations/1_a.sql", "CREATE TABLE a (b int);");
    let parted = repository.commit_all("Ann", "ann@example.com", "one");
    repository.git(&["branch", "trunk"]);
    repository.git(&["checkout", "--quiet", "-b", "feature"]);
    repository.write("migrations/3_a.sql", "ALTER TABLE a ADD COLUMN c int;");
    repository.commit_all("Ann", "ann@example.com", "feature");
    repository.git(&["checkout", "--quiet", "trunk"]);
    repository.write("migrations/2_a.sql", "DROP TABLE a;");
    repository.commit_all("Bob", "bob@example.com", "trunk");
    for range in ["trunk..feature", "trunk...feature", &format!("{parted}..feature")] {
        let checked = check(&repository, &["--range", range, "--dialect", "sqlite", "--json"]);
        assert_eq!(checked.status.code(), Some(0), "{range}: {checked:?}");
        let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert_eq!(document["migrations"].as_array().unwrap().len(), 1, "{range}");
    }
}

#[test]
fn a_definition_far_back_in_a_long_history_is_known() {
    let repository = Repository::new();
    repository.write("migrations/0001_a.sql", "CREATE UNIQUE INDEX a_b ON a (b);");
    for number in 2..300 {
        let mut text = String::new();
        write!(text, "CREATE TABLE t{number} (a int);").unwrap();
        repository.write(&format!("migrations/{number:04}_t.sql"), &text);
    }
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("migrations/0300_a.sql", "DROP INDEX a_b;");
    repository.commit_all("Ann", "ann@example.com", "two");
    let range = format!("{from}..HEAD");
    let checked = check(&repository, &["--range", &range, "--dialect", "sqlite", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(document["migrations"][0]["statements"][0]["rule"], "drop-unique-index");
    // The files beside a named one count too.
    let named = check(&repository, &["migrations/0300_a.sql", "--dialect", "sqlite", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&named.stdout).unwrap();
    assert_eq!(document["migrations"][0]["statements"][0]["rule"], "drop-unique-index");
}
