//! What a plan does to the schema, and how a rollback would go, as text.

use crate::domain::event::DeploymentKind;
use crate::domain::plan::{Migrations, Plan};
use crate::migrations::{Class, JudgedMigration, JudgedStatement};

/// The most files that are listed.
const FILES_SHOWN: usize = 20;
/// The most statements of one file.
const STATEMENTS_SHOWN: usize = 5;
/// The most reasons of a verdict.
const REASONS_SHOWN: usize = 5;

/// Each migration by its class, the worst files first; nothing where there are none.
pub fn migrations(migrations: &Migrations) -> Vec<String> {
    let mut files: Vec<_> = migrations.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse((file.judged(), file.faults.len())));
    let mut lines = Vec::new();
    lines.extend(migrations.trouble.iter().map(|why| format!("could not be judged: {why}")));
    lines.extend(migrations.shared.iter().cloned());
    lines.extend(files.iter().take(FILES_SHOWN).flat_map(|file| of_file(file)));
    lines.extend(more(files.len(), FILES_SHOWN, "file", ""));
    lines
}

fn of_file(file: &JudgedMigration) -> Vec<String> {
    let mut lines =
        vec![format!("{} ({}): {}", file.path, file.tool.as_str(), file.class().as_str())];
    let declared = file.declared.as_ref();
    lines.extend(declared.map(|d| format!("  line {}: {}", d.line, d.sentence())));
    lines.extend(file.faults.iter().map(|fault| format!("  fault: {fault}")));
    let worst = file.worst_first();
    lines.extend(
        worst.iter().take(STATEMENTS_SHOWN).flat_map(|statement| statement_lines(statement)),
    );
    lines.extend(more(worst.len(), STATEMENTS_SHOWN, "statement", "  "));
    lines
}

fn statement_lines(statement: &JudgedStatement) -> Vec<String> {
    let JudgedStatement { line, text, class, rule, advice, .. } = statement;
    let mut lines = vec![format!("  line {line}: {} ({}): {text}", class.as_str(), rule.name())];
    let has_advice = *class != Class::Additive && !advice.is_empty();
    lines.extend(has_advice.then(|| format!("    {advice}")));
    lines
}

fn more(count: usize, shown: usize, noun: &str, indent: &str) -> Option<String> {
    let hidden = count.saturating_sub(shown);
    let plural = if hidden == 1 { "" } else { "s" };
    (hidden > 0).then(|| format!("{indent}and {hidden} more {noun}{plural}"))
}

/// `way back   SAFE: no blocking migration found (after this)`, and the reasons if it is not safe.
pub fn way_back(plan: &Plan) -> Vec<String> {
    let Some(verdict) = &plan.verdict else { return Vec::new() };
    let after = if plan.kind == DeploymentKind::Rollback { "" } else { " (after this)" };
    let mut lines = vec![format!("  way back   {}{after}", verdict.headline())];
    let why = verdict.why.iter().take(REASONS_SHOWN);
    lines.extend(why.map(|why| format!("             {why}")));
    lines.extend(more(verdict.why.len(), REASONS_SHOWN, "reason", "             "));
    lines
}
