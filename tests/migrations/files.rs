//! Files: which are migrations, what their authors declare, and the command that checks them.

use std::process::{Command, Output};

use trunkline::domain::ids::Sha;
use trunkline::migrations::{
    Claim, Class, Dialect, FileChange, Glob, Layouts, MigrationDirection, MigrationFile,
    SchemaDefinitions, Tool, judge, order,
};

use crate::corpus::judged;
use trunkline_testing::repository::Repository;

fn place(path: &str, all: &[&str]) -> Option<(Tool, MigrationDirection)> {
    let layouts = Layouts::default().seeing(all.iter().copied());
    layouts.place(path).map(|place| (place.tool, place.direction))
}

/// A path, the other files of its repository, and what it is.
type Shape<'a> = (&'a str, &'a [&'a str], Option<(Tool, MigrationDirection)>);

#[test]
fn each_tool_is_known_by_its_layout() {
    let (up, down) = (MigrationDirection::Up, MigrationDirection::Down);
    let cases: &[Shape<'_>] = &[
        ("migrations/20260101_users.sql", &["Cargo.toml"], Some((Tool::Sqlx, up))),
        ("migrations/20260101_users.sql", &[], Some((Tool::Other, up))),
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
        ("db/migrate/2026/20260101000000_users.rb", &[], Some((Tool::Rails, up))),
        ("shop/migrations/00000002_users.py", &[], Some((Tool::Django, up))),
        ("db/versions/ab12_users.py", &["db/script.py.mako"], Some((Tool::Alembic, up))),
        ("prisma/migrations/0_init/migration.sql", &[], Some((Tool::Prisma, up))),
        ("src/main/java/db/migration/V2__Users.java", &[], Some((Tool::Flyway, up))),
        ("app/V2__Users.kt", &[], Some((Tool::Flyway, up))),
        ("db/Migrations/0001_users.SQL", &[], Some((Tool::Other, up))),
        ("dbmigrations/users.sql", &[], Some((Tool::Other, up))),
        ("migrations/users/more/one.sql", &[], Some((Tool::Other, up))),
        ("migrations/users.down.sql", &[], Some((Tool::Other, down))),
        ("migrations/0003_spin_down.sql", &[], Some((Tool::Other, up))),
        ("migrations/spin_down.sql", &[], Some((Tool::Other, up))),
        ("database/migrations/2026_01_01_000000_users.php", &[], Some((Tool::Other, up))),
        ("src/migration/1600000000000-Users.ts", &[], Some((Tool::Other, up))),
        ("migration/src/m20260101_000001_users.rs", &[], Some((Tool::Other, up))),
        ("priv/repo/migrations/20260101000000_users.exs", &[], Some((Tool::Other, up))),
        ("Migrations/20260101000000_Users.cs", &[], Some((Tool::Other, up))),
        ("Migrations/20260101000000_Users.Designer.cs", &[], None),
        ("migration/src/lib.rs", &["Cargo.toml"], None),
        ("migrations/env.py", &[], None),
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
fn a_pattern_that_would_match_nothing_is_refused() {
    let refused = [
        ("db/{a,b}/*.sql", "one pattern for each choice"),
        ("db/[ab]/*.sql", "one pattern for each choice"),
        ("!db/*.sql", "one pattern for each choice"),
        ("db\\*.sql", "one pattern for each choice"),
        ("db/migrate", "names a folder"),
        ("db/**.sql", "must be alone"),
        (" db/*.sql", "space"),
        ("/db/*.sql", "from the top of the repository"),
        ("../db/*.sql", "from the top of the repository"),
        ("db/migrate/", "from the top of the repository"),
    ];
    for (pattern, why) in refused {
        let said = pattern.parse::<Glob>().unwrap_err().to_string();
        assert!(said.contains(why), "{pattern}: {said}");
    }
    for pattern in ["db/**", "**/*.sql", "db/schema.sql", "db/V?__*"] {
        assert!(pattern.parse::<Glob>().is_ok(), "{pattern}");
    }
}

#[test]
fn migrations_run_by_their_numbers() {
    let mut paths = ["m/10_b.sql", "m/9_a.sql", "m/V1.10__c.sql", "m/V1.9__d.sql"];
    paths.sort_by_key(|path| order(path));
    assert_eq!(paths, ["m/V1.9__d.sql", "m/V1.10__c.sql", "m/9_a.sql", "m/10_b.sql"]);
}

#[test]
fn a_date_with_dashes_and_the_version_of_a_folder_count_in_the_order() {
    let ordered = [
        ["m/20170305095748_a/up.sql", "m/2018-04-27-194025_b/up.sql"],
        ["m/2018-04-27-194025_b/up.sql", "m/20190101000000_c/up.sql"],
        ["m/0.9/02__a.sql", "m/0.10/01__b.sql"],
        ["v2.0/V1__a.sql", "v1.0/V2__b.sql"],
    ];
    for [first, then] in ordered {
        assert!(order(first) < order(then), "{first} runs before {then}");
    }
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
        judge(&file, Tool::Flyway, Dialect::Postgres, &SchemaDefinitions::default()).faults.len()
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
    let migration = judge(&file, Tool::Alembic, Dialect::Postgres, &SchemaDefinitions::default());
    let said: Vec<_> = migration.statements.iter().map(|s| (s.line, s.rule.name())).collect();
    assert_eq!(said, [(1, "code-migration".to_owned()), (2, "drop-column".to_owned())]);
}

#[test]
fn a_way_down_is_known_in_each_language_and_ends_where_the_next_function_begins() {
    let ways = [
        ("exports.up = async (knex) => {", "exports.down = async (knex) => {"),
        ("export async function up(db) {", "export async function down(db) {"),
        ("export const up = async (db) => {", "export const down = async (db) => {"),
        ("  up: async (query) => {", "  down: async (query) => {"),
        ("  public async up(runner: Runner) {", "  public async down(runner: Runner) {"),
        ("  def up", "  def down"),
        ("    public function up(): void", "    public function down(): void"),
        (
            "    protected override void Up(Builder b)",
            "    protected override void Down(Builder b)",
        ),
    ];
    let lines = |first: &str, second: &str| {
        let text = format!(
            "{first}\n  const table = 1\n  dropColumn('a', 'b')\n}}\n{second}\n  const table = 1\n  dropTable('c')\n}}\n"
        );
        let file =
            MigrationFile { path: "migrations/1_a.ts", text: &text, change: FileChange::Added };
        let judged = judge(&file, Tool::Other, Dialect::Postgres, &SchemaDefinitions::default());
        judged.statements.iter().map(|statement| statement.line).collect::<Vec<_>>()
    };
    for (up, down) in ways {
        assert_eq!(lines(up, down), [1, 3], "{down}");
        assert_eq!(lines(down, up), [1, 7], "{up}");
    }
}

pub fn check(repository: &Repository, arguments: &[&str]) -> Output {
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
fn a_range_is_checked_by_the_file_of_the_service_of_this_folder() {
    let repository = Repository::new();
    let service = |name: &str, rest: &str| {
        let steps = ["staging", "production", "rollback"]
            .map(|pipeline| format!("[[{pipeline}.steps]]\nname = \"a\"\nrun = \"true\"\n"));
        format!(
            "service = \"{name}\"\n[migrations]\ndialect = \"sqlite\"\n{rest}{}",
            steps.concat()
        )
    };
    repository.write("shop/trunkline.toml", &service("shop", ""));
    repository.write("blog/trunkline.toml", &service("blog", "paths = [\"db/*.sql\"]\n"));
    repository.write("shop/inner/a", "");
    let from = repository.commit_all("Ann", "ann@example.com", "one");
    repository.write("shop/migrations/1_a.sql", "ALTER TABLE a ADD COLUMN c text;");
    repository.write("blog/migrations/1_a.sql", "DROP TABLE a;");
    let second = repository.commit_all("Ann", "ann@example.com", "two");
    let check = |folder: &str, to: &Sha| {
        let checked = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(["migrations", "check", "--range", &format!("{from}..{to}")])
            .current_dir(repository.path().join(folder))
            .output()
            .unwrap();
        (checked.status.code(), String::from_utf8(checked.stderr).unwrap())
    };
    assert_eq!(check("shop/inner", &second).0, Some(0));
    let (code, said) = check("blog", &second);
    assert_eq!(code, Some(2));
    assert!(said.contains("\"db/*.sql\" in paths under [migrations] matches no file"), "{said}");
    repository.write("db/1_a.sql", "DROP TABLE a;");
    let third = repository.commit_all("Ann", "ann@example.com", "three");
    assert_eq!(check("blog", &third).0, Some(3));
    assert_eq!(check("shop", &third).0, Some(0));
}

#[test]
fn a_file_that_goes_down_is_told_and_not_judged() {
    let repository = Repository::new();
    repository.write("migrations/1_a.up.sql", "CREATE TABLE a (b text);");
    repository.write("migrations/1_a.down.sql", "DROP TABLE a;");
    let (up, down) = ("migrations/1_a.up.sql", "migrations/1_a.down.sql");
    let both = check(&repository, &[up, down, "--dialect", "sqlite"]);
    assert_eq!(both.status.code(), Some(0), "{both:?}");
    let said = String::from_utf8(both.stdout).unwrap();
    assert!(said.contains("1_a.down.sql: down migration, not judged"), "{said}");
    assert_eq!(check(&repository, &[down, "--dialect", "sqlite"]).status.code(), Some(2));
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
