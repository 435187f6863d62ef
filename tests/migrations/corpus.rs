//! Every statement of the corpus is judged as it says, and every row of the rule table has statements.

use std::fmt::Write as _;

use trunkline::migrations::{
    Dialect, FileChange, JudgedMigration, MigrationFile, RuleRow, SchemaDefinitions, Tool, judge,
};

pub const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

/// A file with the class and the rule of its worst statement, and what ran before it.
#[derive(Debug)]
pub struct Case {
    pub line: usize,
    pub expected: String,
    pub earlier: String,
    pub text: String,
}

pub fn cases(dialect: Dialect) -> Vec<Case> {
    let path = format!("tests/data/migrations/{}.sql", dialect.as_str());
    let corpus = std::fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for (line, text) in (1..).zip(corpus.lines()) {
        if let Some(expected) = text.strip_prefix(">> ") {
            let expected = expected.to_owned();
            cases.push(Case { line, expected, earlier: String::new(), text: String::new() });
            continue;
        }
        let case = cases.last_mut().expect("the corpus begins with a case");
        let (part, text) = match text.strip_prefix("<< ") {
            Some(earlier) => (&mut case.earlier, earlier),
            None => (&mut case.text, text),
        };
        writeln!(part, "{text}").unwrap();
    }
    cases
}

pub fn judged(text: &str, earlier: &str, dialect: Dialect) -> JudgedMigration {
    let mut known = SchemaDefinitions::default();
    known.learn(earlier, dialect);
    let file = MigrationFile { path: "migrations/1_x.sql", text, change: FileChange::Added };
    judge(&file, Tool::Sqlx, dialect, &known)
}

/// The class and the rules of the worst statements.
fn worst(migration: &JudgedMigration) -> Vec<String> {
    let class = migration.judged();
    let worst = migration.statements.iter().filter(|statement| statement.class == class);
    worst.map(|statement| format!("{} {}", class.as_str(), statement.rule.name())).collect()
}

#[test]
fn every_statement_of_the_corpus_is_judged_as_it_says() {
    let (mut wrong, mut count) = (String::new(), 0);
    for dialect in DIALECTS {
        for case in cases(dialect) {
            let migration = judged(&case.text, &case.earlier, dialect);
            count += migration.statements.len();
            let said = worst(&migration);
            if !said.contains(&case.expected) {
                let place = format!("{}.sql:{}", dialect.as_str(), case.line);
                writeln!(wrong, "{place}: {} but {said:?}\n{}", case.expected, case.text).unwrap();
            }
        }
    }
    assert!(count >= 220, "{count} statements");
    assert!(wrong.is_empty(), "judged otherwise:\n{wrong}");
}

#[test]
fn every_row_of_the_rule_table_has_cases_for_each_of_its_databases() {
    let mut missing = Vec::new();
    for row in RuleRow::TABLE {
        let names: Vec<String> = row.rules.iter().map(|rule| rule.name()).collect();
        for dialect in row.dialects {
            let told =
                |case: &Case| names.iter().any(|name| case.expected.ends_with(&format!(" {name}")));
            if !cases(*dialect).iter().any(told) {
                missing.push(format!("{} on {}", row.number, dialect.as_str()));
            }
        }
    }
    assert!(missing.is_empty(), "rows without a case: {missing:?}");
}

#[test]
fn the_rule_table_has_all_its_rows() {
    let numbers: Vec<_> = RuleRow::TABLE.iter().map(|row| row.number).collect();
    let mut expected: Vec<String> = (1..=27).map(|number| number.to_string()).collect();
    expected.insert(8, "8b".to_owned());
    assert_eq!(numbers, expected);
}

#[test]
fn the_name_of_a_rule_is_the_one_on_the_wire() {
    for rule in RuleRow::TABLE.iter().flat_map(|row| row.rules) {
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
    }
}
