//! Which statements take away only what code uses by its name.

use trunkline::migrations::Dialect;

use crate::corpus::judged;

#[test]
fn only_what_takes_away_names_and_nothing_else_goes_by_name() {
    let long = format!("DROP TABLE {};", vec!["a_rather_long_name"; 20].join(", "));
    let cases = [
        ("ALTER TABLE users DROP COLUMN name;", true),
        ("DROP TABLE users, orders;", true),
        ("ALTER TABLE users RENAME COLUMN name TO title;", true),
        ("ALTER TABLE users DROP COLUMN name, ALTER COLUMN age SET NOT NULL;", false),
        ("ALTER TABLE users DROP COLUMN name, ENABLE ROW LEVEL SECURITY;", false),
        ("ALTER TABLE users DROP COLUMN name, ADD COLUMN title text;", false),
        ("ALTER TABLE users DROP COLUMN name, DROP CONSTRAINT users_age;", false),
        ("DROP TABLE users CASCADE;", false),
        ("DROP SCHEMA app;", false),
        ("DROP TYPE mood;", false),
        ("REVOKE SELECT ON users FROM app;", false),
        ("ALTER TABLE users ADD COLUMN name text;", false),
        (&long, false),
    ];
    for (text, expected) in cases {
        let migration = judged(text, "", Dialect::Postgres);
        let [statement] = migration.statements.as_slice() else { panic!("{text}") };
        assert_eq!(statement.goes_by_name(), expected, "{text}");
    }
}
