//! What a promote brings to the schema, file by file: the class in words, the worst statements and the advice.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::plan::Plan;
use crate::gate;
use crate::migrations::{Class, JudgedMigration, JudgedStatement};

/// The most files that are shown one by one.
const FILES_SHOWN: usize = 20;
/// The most statements of one file: the worst ones.
const STATEMENTS_SHOWN: usize = 3;
/// The most lines of one sentence: a text without end must not hide what comes after it.
const MOST_LINES: usize = 4;

/// The section about migrations; nothing where there are none.
pub fn lines(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let migrations = &plan.migrations;
    let mut files: Vec<_> = migrations.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse((file.judged(), file.faults.len())));
    let mut lines = Vec::new();
    if let Some(why) = &migrations.trouble {
        let text = format!("the migrations could not be judged: {why}");
        lines.extend(sentence(model, width, 1, &text, Role::Danger));
    }
    for why in &migrations.shared {
        lines.extend(sentence(model, width, 1, why, Role::Danger));
    }
    if !files.is_empty() {
        let row = Row::new(&model.options.theme, width).gap(1);
        lines.push(row.own("migrations", Role::Muted).line());
    }
    lines.extend(files.iter().take(FILES_SHOWN).flat_map(|file| of_file(model, file, width)));
    lines.extend(more(model, width, 1, files.len().saturating_sub(FILES_SHOWN), "migration"));
    lines
}

fn of_file(model: &Model, file: &JudgedMigration, width: u16) -> Vec<Line<'static>> {
    let class = file.class();
    let row = Row::new(&model.options.theme, width).gap(1);
    let row = row.cell(class.as_str(), 20, role(class)).cell(file.tool.as_str(), 15, Role::Muted);
    let mut lines = vec![row.name(&file.path, Role::Text).line()];
    if let Some(declared) = &file.declared {
        let text = format!("line {}: {}", declared.line, declared.sentence());
        lines.extend(sentence(model, width, 3, &text, Role::Muted));
    }
    for fault in &file.faults {
        lines.extend(sentence(model, width, 3, fault, Role::Warn));
    }
    let worst = file.worst_first();
    lines.extend(worst.iter().take(STATEMENTS_SHOWN).flat_map(|s| of_statement(model, s, width)));
    let hidden = worst.len().saturating_sub(STATEMENTS_SHOWN);
    lines.extend(more(model, width, 3, hidden, "statement"));
    lines
}

fn of_statement(model: &Model, statement: &JudgedStatement, width: u16) -> Vec<Line<'static>> {
    let JudgedStatement { line, text, class, rule, advice, .. } = statement;
    let row =
        Row::new(&model.options.theme, width).gap(3).own(format!("line {line}: "), Role::Muted);
    let mut lines = vec![row.name(text, Role::Text).line()];
    let judged = format!("{}, {}: {advice}", class.as_str(), rule.name());
    lines.extend(sentence(model, width, 5, &judged, role(*class)));
    lines
}

fn more(
    model: &Model,
    width: u16,
    indent: usize,
    count: usize,
    noun: &str,
) -> Option<Line<'static>> {
    let plural = if count == 1 { "" } else { "s" };
    let row = Row::new(&model.options.theme, width).gap(indent);
    (count > 0).then(|| row.own(format!("and {count} more {noun}{plural}"), Role::Muted).line())
}

/// A sentence on as many lines as it needs, as far as they go.
fn sentence(
    model: &Model,
    width: u16,
    indent: usize,
    text: &str,
    role: Role,
) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let mut texts = gate::sentence(text).wrap(usize::from(width).saturating_sub(indent + 1));
    if texts.len() > MOST_LINES {
        texts.truncate(MOST_LINES - 1);
        texts.push(gate::sentence(theme.symbols.ellipsis));
    }
    let row = |text| Row::new(theme, width).gap(indent).safe(text, role).line();
    texts.iter().map(row).collect()
}

fn role(class: Class) -> Role {
    match class {
        Class::Additive => Role::Ok,
        Class::NeedsReadersFirst | Class::Data | Class::Unknown => Role::Warn,
        Class::NeedsWritersFirst | Class::Contract => Role::Danger,
    }
}
