//! `trunkline migrations check`: what a schema change does to the code that runs now, before it is merged.

mod input;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::input::{CheckInput, FileToCheck, gather};
use super::Reading;
use super::error::CliError;
use super::output::{self, Output};
use crate::migrations::{
    Class, Dialect, JudgedMigration, JudgedStatement, MigrationFile, SchemaDefinitions, judge,
};

#[derive(Debug, Subcommand)]
pub enum MigrationsCommand {
    /// Judge migrations: files, or those between two commits; exit code 3 when one breaks the code that runs now
    Check(MigrationsArgs),
}

#[derive(Debug, Args)]
pub struct MigrationsArgs {
    /// The migrations to judge, in the order in which they run, or their folder; those before them beside them are read too
    #[arg(value_name = "FILE", required_unless_present = "range")]
    files: Vec<PathBuf>,
    /// Judge the migrations that differ between two commits, of the service that this folder is in
    #[arg(long, value_name = "A..B", conflicts_with = "files")]
    range: Option<String>,
    /// postgres, mysql or sqlite; from trunkline.toml when it says so
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Dialect>,
    /// Fail on what may break too: unknown, data, what needs its readers first, a migration edited or deleted
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct CheckResult {
    dialect: Dialect,
    /// The worst of all, declarations counted.
    class: Class,
    /// Whether the code that runs now may break.
    incompatible: bool,
    migrations: Vec<JudgedMigration>,
    /// Named files that were not judged because they go down.
    down: Vec<String>,
    /// What else was not judged, and why.
    notes: Vec<String>,
}

pub async fn run(command: MigrationsCommand) -> Result<(), CliError> {
    let MigrationsCommand::Check(arguments) = command;
    let gathered = gather(&arguments.files, arguments.range.as_deref()).await?;
    let named = gathered.files.iter().all(|file| file.dialect.is_some());
    let of_files = gathered.files.first().and_then(|file| file.dialect).filter(|_| named);
    let Some(dialect) = arguments.dialect.or(gathered.dialect).or(of_files) else {
        return Err(CliError::usage(
            "the database is not known; pass --dialect postgres, mysql or sqlite, or set dialect under [migrations] in \
             trunkline.toml",
        ));
    };
    let checked = check(&gathered, dialect);
    if arguments.reading.json {
        output::json(&checked)?;
    } else {
        let down = checked.down.iter().map(|path| format!("{path}: down migration, not judged"));
        let notes = checked.notes.iter().cloned();
        Output::new().lines(notes.chain(down).chain(checked.migrations.iter().flat_map(lines)))?;
    }
    verdict(&checked, arguments.strict)
}

fn check(gathered: &CheckInput, dialect: Dialect) -> CheckResult {
    let start = if gathered.incomplete {
        SchemaDefinitions::incomplete()
    } else {
        SchemaDefinitions::default()
    };
    // Each database has definitions of its own.
    let mut known: BTreeMap<Dialect, SchemaDefinitions> = BTreeMap::new();
    let of_file = |file: &FileToCheck| file.dialect.unwrap_or(dialect);
    for file in &gathered.earlier {
        let known = known.entry(of_file(file)).or_insert_with(|| start.clone());
        known.learn(&file.text, of_file(file));
    }
    let mut migrations = Vec::new();
    for file in &gathered.files {
        let known = known.entry(of_file(file)).or_insert_with(|| start.clone());
        let (path, text) = (file.path.as_str(), file.text.as_str());
        let read = MigrationFile { path, text, change: file.change };
        migrations.push(judge(&read, file.tool, of_file(file), known));
        known.learn(text, of_file(file));
    }
    let class = migrations.iter().map(JudgedMigration::class).max().unwrap_or(Class::Additive);
    let (down, notes) = (gathered.down.clone(), gathered.notes.clone());
    CheckResult { dialect, class, incompatible: class.is_incompatible(), migrations, down, notes }
}

fn verdict(checked: &CheckResult, strict: bool) -> Result<(), CliError> {
    let broken = |migration: &&JudgedMigration| {
        let class = migration.class();
        let amber = class != Class::Additive || !migration.faults.is_empty();
        class.is_incompatible() || strict && amber
    };
    let wrong: Vec<_> = checked.migrations.iter().filter(broken).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let more = match wrong.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(CliError::Refused(format!(
        "{:?}{more}: may break the code that runs now; split it into phases, or declare in its header why a \
         rollback is safe",
        first.path
    )))
}

/// A migration as text: its faults, then its statements.
fn lines(migration: &JudgedMigration) -> Vec<String> {
    let mut lines = Vec::new();
    let path = &migration.path;
    lines.extend(migration.faults.iter().map(|fault| format!("{path}: {fault}")));
    if let Some(declared) = &migration.declared {
        lines.push(format!("{path}:{}: {}", declared.line, declared.sentence()));
    }
    for statement in &migration.statements {
        lines.extend(statement_lines(path, statement));
    }
    lines
}

fn statement_lines(path: &str, statement: &JudgedStatement) -> Vec<String> {
    let mut head = format!(
        "{path}:{}: {} ({}",
        statement.line,
        statement.class.as_str(),
        statement.rule.name()
    );
    for also in &statement.also {
        // Writing to a string cannot fail.
        let _ = write!(head, ", {}", also.name());
    }
    let mut lines = vec![format!("{head}): {}", statement.text)];
    if statement.class != Class::Additive && !statement.advice.is_empty() {
        lines.push(format!("    {}", statement.advice));
    }
    lines
}
