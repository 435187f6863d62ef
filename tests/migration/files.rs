//! Files: which are migrations, what their authors declare, and the command that checks them.

use std::process::{Command, Output};

use trunkline::domain::migration::layout::{Direction, Layouts, order};
use trunkline::domain::migration::{
    Claim, Class, Dialect, FileChange, KnownSchema, MigrationFile, Tool, judge,
};

use crate::corpus::judged;
use crate::repository::Repository;

fn place(path: &str, all: &[&str]) -> Option<(Tool, Direction)> {
    let layouts = Layouts::default().seeing(all.iter().copied());
    layouts.place(path).map(|place| (place.tool, place.direction))
}

/// A path, the other files of its repository, and what it is.
type Shape<'a> = (&'a str, &'a [&'a str], Option<(Tool, Direction)>);

#[test]
fn each_tool_is_known_by_its_layout() {
    let (up, down) = (Direction::Up, Direction::Down);
    let cases: &[Shape<'_>] = &[
        ("migrations/20260101_users.sql", &[], Some((Tool::Sqlx, up))),
        ("migrations/1_users.up.sql", &["Cargo.toml"], Some((Tool::Sqlx, up))),
        ("migrations/1_users.down.sql", &["Cargo.toml"], Some((Tool::Sqlx, down))),
        ("db/1_users.down.sql", &["go.mod"], Some((Tool::GolangMigrate, down))),
        ("migrations/U2__users.sql", &["Cargo.toml"], Some((Tool::Refinery, up))),
        ("migrations/V2__users.rs", &["Cargo.toml"], Some((Tool::Refinery, up))),
        ("db/U2__users.sql", &["flyway.toml"], Some((Tool::Flyway, down))),
        ("src/main/resources/db/migration/V1.2__users.sql", &[], Some((Tool::Flyway, up))),
        ("sql/R__views.sql", &[], Some((Tool::Flyway, up))),
        ("migrations/2026-01-01-000000_users/up.sql", &[], Some((Tool::Diesel, up))),
        ("migrations/2026-01-01-000000_users/down.sql", &[], Some((Tool::Diesel, down))),
        ("migrations/00001_users.go", &["go.mod"], Some((Tool::Goose, up))),
        ("db/migrate/20260101000000_users.rb", &[], Some((Tool::Rails, up))),
        ("shop/migrations/0002_users.py", &[], Some((Tool::Django, up))),
        ("alembic/versions/ab12_users.py", &[], Some((Tool::Alembic, up))),
        ("prisma/migrations/20260101000000_users/migration.sql", &[], Some((Tool::Prisma, up))),
        ("db/migrations/20260101000000_users.sql", &[], Some((Tool::Dbmate, up))),
        ("migrations/README.md", &[], None),
        ("shop/migrations/__init__.py", &[], None),
        ("src/main.rs", &["Cargo.toml"], None),
    ];
    for (path, all, expected) in cases {
        assert_eq!(place(path, all), *expected, "{path}");
    }
}

#[test]
fn configured_paths_alone_decide() {
    let layouts = Layouts::new(vec!["sql/**/*.sql".parse().unwrap()]);
    assert_eq!(layouts.place("sql/a/b/x.sql").map(|p| p.tool), Some(Tool::Configured));
    assert_eq!(layouts.place("sql/x.sql").map(|p| p.tool), Some(Tool::Configured));
    assert_eq!(layouts.place("sql/x.sqlx"), None);
    assert_eq!(layouts.place("migrations/1_users.sql"), None);
}

#[test]
fn migrations_run_by_their_numbers() {
    let mut paths = ["m/10_b.sql", "m/9_a.sql", "m/V1.10__c.sql", "m/V1.9__d.sql"];
    paths.sort_by_key(|path| order(path));
    assert_eq!(paths, ["m/V1.9__d.sql", "m/V1.10__c.sql", "m/9_a.sql", "m/10_b.sql"]);
}

#[test]
fn a_declaration_counts_with_a_reason_and_hides_nothing() {
    let text =
        "-- deploy: rollback-safe, nobody reads it since March\nALTER TABLE a DROP COLUMN b;";
    let migration = judged(text, "", Dialect::Postgres);
    assert_eq!((migration.class(), migration.judged()), (Class::Additive, Class::Contract));
    assert_eq!(migration.declared.unwrap().reason, "nobody reads it since March");
}

#[test]
fn a_declaration_without_a_reason_is_a_fault_and_does_not_count() {
    for head in
        ["rollback-safe", "rollback-safe,", "rollback-safe, .", "ready-since 12, x", "fine, x"]
    {
        let text = format!("-- deploy: {head}\nDROP TABLE a;");
        let migration = judged(&text, "", Dialect::Mysql);
        assert_eq!((migration.class(), migration.faults.len()), (Class::Contract, 1), "{head}");
    }
}

#[test]
fn a_declaration_below_the_first_statement_is_none() {
    let migration = judged("DROP TABLE a;\n-- deploy: rollback-safe, x", "", Dialect::Sqlite);
    assert_eq!((migration.class(), migration.declared), (Class::Contract, None));
}

#[test]
fn a_build_that_is_ready_does_not_make_a_contract_fine() {
    let migration = judged("-- deploy: ready-since #12, x\nDROP TABLE a;", "", Dialect::Sqlite);
    assert_eq!(migration.class(), Class::Contract);
    assert_eq!(migration.declared.unwrap().claim, Claim::ReadySince("#12".into()));
}

#[test]
fn an_edited_migration_is_a_fault_unless_it_is_repeatable() {
    let faults = |path, change| {
        let file = MigrationFile { path, text: "SELECT 1;", change };
        judge(&file, Tool::Flyway, Dialect::Postgres, &KnownSchema::default()).faults.len()
    };
    assert_eq!(faults("V1__a.sql", FileChange::Added), 0);
    assert_eq!(faults("V1__a.sql", FileChange::Edited), 1);
    assert_eq!(faults("V1__a.sql", FileChange::Deleted), 1);
    assert_eq!(faults("R__a.sql", FileChange::Edited), 0);
}

#[test]
fn code_that_takes_away_is_named_and_its_way_down_is_not() {
    let text = "def upgrade():\n    op.drop_column('a', 'b')\n\ndef downgrade():\n    op.drop_table('c')\n";
    let file = MigrationFile { path: "versions/a_b.py", text, change: FileChange::Added };
    let migration = judge(&file, Tool::Alembic, Dialect::Postgres, &KnownSchema::default());
    let said: Vec<_> = migration.statements.iter().map(|s| (s.line, s.rule.name())).collect();
    assert_eq!(said, [(1, "code-migration".to_owned()), (2, "drop-column".to_owned())]);
}

fn check(repository: &Repository, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(["migrations", "check"])
        .args(arguments)
        .current_dir(repository.path())
        .output()
        .unwrap()
}

#[test]
fn a_range_is_checked_with_what_ran_before_it() {
    let repository = Repository::new();
    repository.write("migrations/1_a.sql", "CREATE UNIQUE INDEX a_b ON a (b);");
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("migrations/2_a.sql", "ALTER TABLE a ADD COLUMN c text;\nDROP INDEX a_b;");
    repository.write("migrations/2_a.down.sql", "DROP TABLE a;");
    let to = repository.commit_all("Ann", "ann@example.com", "two");
    let range = format!("{from}..{to}");
    let checked = check(&repository, &["--range", &range, "--dialect", "sqlite", "--json"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(document["class"], "contract");
    assert_eq!(document["migrations"].as_array().unwrap().len(), 1);
    let rules: Vec<_> =
        (0..2).map(|at| document["migrations"][0]["statements"][at]["rule"].clone()).collect();
    assert_eq!(rules, ["add-column", "drop-unique-index"]);
}

#[test]
fn the_exit_code_says_fine_amber_broken_or_misused() {
    let repository = Repository::new();
    repository.write("fine.sql", "ALTER TABLE a ADD COLUMN b text;");
    repository.write("amber.sql", "UPDATE a SET b = 1;");
    repository.write("broken.sql", "DROP TABLE a\u{1b}[2J;");
    repository.write("broken2.sql", "DROP TABLE a;");
    let code = |arguments: &[&str]| check(&repository, arguments).status.code();
    let dialect = ["--dialect", "postgres"];
    assert_eq!(code(&[&["fine.sql"][..], &dialect].concat()), Some(0));
    assert_eq!(code(&[&["amber.sql"][..], &dialect].concat()), Some(0));
    assert_eq!(code(&[&["amber.sql", "--strict"][..], &dialect].concat()), Some(3));
    assert_eq!(code(&[&["fine.sql", "broken2.sql"][..], &dialect].concat()), Some(3));
    assert_eq!(code(&["fine.sql"]), Some(2));
    assert_eq!(code(&[&["gone.sql"][..], &dialect].concat()), Some(2));
    assert_eq!(code(&[&["--range", "--output=x..y"][..], &dialect].concat()), Some(2));
    let shown = check(&repository, &[&["broken.sql"][..], &dialect].concat());
    assert!(!shown.stdout.contains(&0x1b), "{shown:?}");
}
