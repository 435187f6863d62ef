//! Whatever a file contains, judging it ends soon, panics never, and calls nothing fine that was not understood.

use std::time::{Duration, Instant};

use trunkline::migrations::{
    Class, Dialect, FileChange, MigrationFile, SchemaDefinitions, Tool, judge,
};

use crate::corpus::{DIALECTS, cases, judged};
use trunkline_testing::dice::{Dice, Seed};

/// A guard against hanging: a pattern that explodes takes hours, and a slow machine far less than this.
const SOON: Duration = Duration::from_mins(5);

fn ends_soon(what: &str, text: &str) {
    for dialect in DIALECTS {
        let began = Instant::now();
        let migration = judged(text, text, dialect);
        let took = began.elapsed();
        assert!(took < SOON, "{what} on {} took {took:?}", dialect.as_str());
        assert!(migration.statements.len() <= 2_001, "{what}");
        for statement in &migration.statements {
            assert!(statement.text.chars().count() <= 200, "{what}");
        }
    }
}

/// Each hides from whoever splits it otherwise than its database does.
#[test]
fn what_is_hidden_is_never_fine() {
    let hidden = [
        (Dialect::Postgres, "-- add an index\rDROP TABLE users;"),
        (
            Dialect::Postgres,
            "CREATE INDEX a ON t (b);\n-- +goose down the rabbit hole\nDROP TABLE users;",
        ),
        (Dialect::Postgres, "CREATE INDEX a ON t (b);\n-- migrate:down\nDROP TABLE users;"),
        (Dialect::Postgres, "SELECT E'a'\n'\\''; DROP TABLE users; --'"),
        (Dialect::Postgres, "COPY l TO '/x' WITH (NULL ' from stdin ');\nDROP TABLE users;\n\\."),
        (Dialect::Postgres, "COPY \"a from stdin\" TO '/x';\nDROP TABLE users;\n\\."),
        (Dialect::Postgres, "COPY (SELECT a FROM stdin) TO '/x';\nDROP TABLE users;\n\\."),
        (
            Dialect::Postgres,
            "-- +goose Down\n-- deploy: rollback-safe, x\n-- +goose Up\nDROP TABLE users;",
        ),
        (Dialect::Postgres, "\\set x 1 \\i contract.sql"),
        (Dialect::Mysql, "/*!99999 SELECT ' */; DROP TABLE users; -- ' */"),
        (Dialect::Mysql, "/*!50000 /*!50000 DROP TABLE users */ */"),
        (
            Dialect::Mysql,
            "SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT '\\'; DROP TABLE users; -- '",
        ),
        (Dialect::Mysql, "-- x\r/*\nDROP TABLE users;\n-- \r*/\nSELECT 1;"),
        (Dialect::Sqlite, "-- x\r/*\nDROP TABLE users;\n-- \r*/\nSELECT 1;"),
        (Dialect::Mysql, "SET sql_mode=@m; SELECT '\\'; DROP TABLE users; -- ';"),
        (Dialect::Mysql, "--\u{a0}SELECT 1;\nDROP TABLE users;"),
    ];
    for (dialect, text) in hidden {
        let class = judged(text, "", dialect).class();
        assert!(class >= Class::Unknown, "{text:?} is {}", class.as_str());
    }
}

#[test]
fn a_long_file_of_anything_ends_soon() {
    let size = 100_000;
    for part in [" ", " ;", "d;", "COPY t FROM stdin;\n", "DROP TABLE a;"] {
        ends_soon(part, &part.repeat(size / part.len()));
    }
    for part in ["\\;", "delimiter(;"] {
        ends_soon(part, &part.repeat(size / part.len()));
    }
    let block = "-- +goose Up\n-- +goose StatementBegin\nCOPY t ";
    ends_soon("a block", &format!("{block}{}", ";".repeat(size)));
    ends_soon("ends", &format!("CREATE PROCEDURE {}", "end(".repeat(size / 4)));
    ends_soon("a delimiter in a word", &format!("DELIMITER a\n{}", "ba".repeat(size / 2)));
    let ends = format!("CREATE {} PROCEDURE {}", "x".repeat(size / 2), "end ".repeat(size / 8));
    ends_soon("a routine", &ends);
}

#[test]
fn nesting_and_length_neither_overflow_nor_hang() {
    for length in [20, 30, 49, 100, 1_000, 10_000] {
        for piece in [
            "(",
            "((SELECT ",
            "CASE WHEN ",
            "NOT ",
            "/*",
            "/*/",
            "'",
            "$a$",
            "[",
            "BEGIN ",
            "- ",
            "a.",
            "~",
        ] {
            let text = format!("SELECT {}", piece.repeat(length));
            ends_soon(&format!("{length} of {piece:?}"), &text);
        }
        let chain = format!("SELECT 1{};", "+1".repeat(length));
        ends_soon("a chain of sums", &chain);
        let brackets = format!("SELECT {}1{};", "(".repeat(length), ")".repeat(length));
        ends_soon("brackets", &brackets);
        let unions = format!("SELECT 1{};", " UNION SELECT 1".repeat(length));
        ends_soon("unions", &unions);
        let and = format!("DELETE FROM t WHERE a{};", " AND a".repeat(length));
        ends_soon("conditions", &and);
    }
}

/// The stack of the threads that judge, in the engine and in tests.
const STACK: usize = 2 * 1024 * 1024;
/// The most tokens of a statement that is parsed.
const MOST_TOKENS: usize = 4_000;

/// Chains are as deep as they are long for whoever walks or drops them. The longest that are parsed fit the stack of a
/// debug build too.
#[test]
fn the_longest_chains_that_are_parsed_fit_the_stack() {
    let chains = [
        ("SELECT 1", " + 1"),
        ("SELECT 'a'", " || 'a'"),
        ("SELECT a", " AND a"),
        ("SELECT a", " OR a"),
        ("SELECT 1", " UNION SELECT 1"),
        ("SELECT 1", " UNION ALL SELECT 1"),
    ];
    let judge_all = move || {
        for dialect in DIALECTS {
            for (start, link) in chains {
                let longest = (MOST_TOKENS - tokens(start)) / tokens(link);
                let class = |links: usize| {
                    judged(&format!("{start}{};", link.repeat(links)), "", dialect).class()
                };
                assert_eq!(class(longest), Class::Additive, "{link:?} on {}", dialect.as_str());
                assert_eq!(class(longest + 1), Class::Unknown, "{link:?} on {}", dialect.as_str());
            }
            for nested in ["NOT ", "- ", "(", "CASE WHEN "] {
                let text = format!("SELECT {}a;", nested.repeat(MOST_TOKENS - 2));
                assert_eq!(judged(&text, "", dialect).class(), Class::Unknown, "{nested:?}");
            }
        }
    };
    let judging = std::thread::Builder::new().stack_size(STACK).spawn(judge_all).unwrap();
    judging.join().unwrap();
}

fn tokens(sql: &str) -> usize {
    sql.split_whitespace().count()
}

#[test]
fn many_statements_are_cut_and_said_to_be() {
    let text = "SELECT 1;\n".repeat(5_000);
    let migration = judged(&text, "", Dialect::Postgres);
    assert_eq!(migration.statements.len(), 2_001);
    assert_eq!(migration.class(), Class::Unknown);
    assert_eq!(migration.statements[2_000].line, 2_001);
}

#[test]
fn a_file_beyond_a_megabyte_is_unknown() {
    let text = format!("-- {}\n", "x".repeat(1024 * 1024));
    let migration = judged(&text, "", Dialect::Sqlite);
    assert_eq!(migration.class(), Class::Unknown, "{migration:?}");
}

#[test]
fn bytes_of_any_kind_are_judged() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    for _ in 0..400 {
        let bytes: Vec<u8> = (0..dice.below(300)).map(|_| dice.roll().to_le_bytes()[0]).collect();
        ends_soon("bytes", &String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn mutated_statements_never_panic() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    let noise =
        ["'", "\"", "$$", ";", "/*", "*/", "--", "(", ")", "é", "\u{202e}", "\0", "BEGIN", "\\"];
    for dialect in DIALECTS {
        for case in cases(dialect) {
            let mut text: Vec<char> = case.text.chars().collect();
            for _ in 0..3 {
                let at = dice.below(text.len() + 1);
                text.splice(at..at, dice.pick(&noise).chars());
                let at = dice.below(text.len());
                text.remove(at);
            }
            ends_soon("a mutated statement", &text.into_iter().collect::<String>());
        }
    }
}

#[test]
fn what_is_not_understood_is_never_fine() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    let words =
        ["ALTER", "TABLE", "DROP", "users", "ADD", "(", ")", ",", "COLUMN", "CREATE", "=", "1"];
    for _ in 0..2_000 {
        let body: Vec<&str> = (0..dice.below(8)).map(|_| *dice.pick(&words)).collect();
        // No grammar has a statement that begins like this.
        let text = format!("GARBLE {}", body.join(" "));
        let dialect = dice.one_of(&DIALECTS);
        let migration = judged(&text, "", dialect);
        assert_eq!(migration.class(), Class::Unknown, "{text}");
    }
}

#[test]
fn a_migration_as_code_is_never_fine() {
    let text =
        "class X < ActiveRecord::Migration[7.1]\n  def change\n    add_column :a, :b\n  end\nend\n";
    let file =
        MigrationFile { path: "db/migrate/20260101000000_x.rb", text, change: FileChange::Added };
    let migration = judge(&file, Tool::Rails, Dialect::Postgres, &SchemaDefinitions::default());
    assert_eq!(migration.class(), Class::Unknown);
}
