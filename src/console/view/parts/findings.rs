//! The sentences of the guards, each with what it asks for.

use ratatui::text::Line;

use crate::console::actions::remedy;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::instant;
use crate::domain::plan::{Finding, Severity};
use crate::gate::{self, Safe};

/// The most lines of one finding: a name without end in it must not hide the findings after it.
const MOST_LINES: usize = 6;

/// The same where there is room to scroll; a name without end still ends.
const MOST_LINES_IN_FULL: usize = 100;

/// A finding on as many lines as it needs, but for one that would hide the others.
pub fn lines(model: &Model, finding: &Finding, width: u16) -> Vec<Line<'static>> {
    at_most(MOST_LINES, model, finding, width)
}

/// A finding that needs an override: none of it is left out.
pub fn in_full(model: &Model, finding: &Finding, width: u16) -> Vec<Line<'static>> {
    at_most(MOST_LINES_IN_FULL, model, finding, width)
}

fn at_most(most: usize, model: &Model, finding: &Finding, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let (mark, role) = match finding.severity {
        // A tick would say that somebody looked.
        Severity::Info if finding.unknown => ("?", Role::Muted),
        Severity::Info => (theme.symbols.ok, Role::Ok),
        Severity::Warn => (theme.symbols.warn, Role::Warn),
        Severity::Override => ("!!", Role::Danger),
        Severity::Refuse => ("NO", Role::Danger),
    };
    let words = if finding.severity == Severity::Info { Role::Text } else { role };
    let sentence = remedy::sentence(&model.options.keymap, finding);
    let mut texts = gate::sentence(&instant::localized(&sentence, model.zone()))
        .wrap(usize::from(width).saturating_sub(7));
    if texts.len() > most {
        texts.truncate(most - 1);
        texts.push(gate::sentence(theme.symbols.ellipsis));
    }
    let marks = std::iter::once(format!("[{mark}]")).chain(std::iter::repeat(String::new()));
    let row = |(text, mark): (&Safe, String)| {
        Row::new(theme, width).gap(2).cell(mark, 5, role).safe(text, words).line()
    };
    texts.iter().zip(marks).map(row).collect()
}
