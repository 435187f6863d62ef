//! The sentences of the guards, each with what it asks for.

use ratatui::text::Line;

use super::row::Row;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::domain::plan::{Finding, Guard, Plan, Severity};
use crate::terminal::gate::{self, Safe};

/// The most lines of one finding: a name without end in it must not hide the findings after it.
const MOST_LINES: usize = 6;

/// A finding on as many lines as it needs.
pub fn lines(model: &Model, finding: &Finding, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let (mark, role) = match finding.severity {
        Severity::Info => (theme.symbols.ok, Role::Ok),
        Severity::Warn => (theme.symbols.warn, Role::Warn),
        Severity::Override => ("!!", Role::Danger),
        Severity::Refuse => ("NO", Role::Danger),
    };
    let words = if finding.severity == Severity::Info { Role::Text } else { role };
    let mut texts = gate::sentence(&finding.sentence).wrap(usize::from(width).saturating_sub(7));
    if texts.len() > MOST_LINES {
        texts.truncate(MOST_LINES - 1);
        texts.push(gate::sentence(theme.symbols.ellipsis));
    }
    let marks = std::iter::once(format!("[{mark}]")).chain(std::iter::repeat(String::new()));
    let row = |(text, mark): (&Safe, String)| {
        Row::new(theme, width).gap(2).cell(mark, 5, role).safe(text, words).line()
    };
    texts.iter().zip(marks).map(row).collect()
}

/// All findings of a plan, what asks for most first, without those of a guard that is told elsewhere.
pub fn of_plan(
    model: &Model,
    plan: &Plan,
    without: Option<Guard>,
    width: u16,
) -> Vec<Line<'static>> {
    let told = |finding: &&Finding| without != Some(finding.guard);
    let mut findings: Vec<_> = plan.findings.iter().filter(told).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.into_iter().flat_map(|finding| lines(model, finding, width)).collect()
}
