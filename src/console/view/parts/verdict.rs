//! How a rollback would go: a word that fits everywhere, and the reasons in full.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::schema::{Outlook, Verdict};
use crate::domain::tried::{TriedWayBack, Trust};
use crate::gate::{self, Safe};

/// The most lines of one reason: a statement without end must not hide the next reason.
const MOST_LINES: usize = 5;

/// The word and its look where there is little room.
#[must_use]
pub fn word(outlook: Outlook) -> (&'static str, Role) {
    let role = match outlook {
        Outlook::Safe => Role::Ok,
        Outlook::Risk => Role::Warn,
        Outlook::PointOfNoReturn => Role::Danger,
    };
    (outlook.short(), role)
}

/// The look of whether a way back was tried.
#[must_use]
pub fn tried_role(model: &Model, tried: &TriedWayBack) -> Role {
    match tried.trust(model.now()) {
        Trust::Proven => Role::Ok,
        Trust::Old | Trust::Unheard | Trust::Untargeted | Trust::Changed | Trust::Never => {
            Role::Warn
        }
        Trust::Failed => Role::Danger,
    }
}

/// Where the lines are put.
#[derive(Clone, Copy)]
pub struct VerdictPlace {
    pub width: u16,
    /// The columns that stay empty on the left.
    pub left: usize,
    /// How wide the names on the left are.
    pub name: usize,
    /// The most reasons that are shown.
    pub most: usize,
}

/// The outlook, the floor, and the reasons; says how many reasons are left out.
pub fn lines(model: &Model, verdict: &Verdict, place: VerdictPlace) -> Vec<Line<'static>> {
    let VerdictPlace { width, left, name, most } = place;
    let theme = &model.options.theme;
    let (_, role) = word(verdict.outlook);
    let text = verdict.headline();
    let row = |text: &str| Row::new(theme, width).gap(left).cell(text, name, Role::Muted);
    let room = usize::from(width).saturating_sub(left + name + 1);
    let named = std::iter::once("verdict").chain(std::iter::repeat(""));
    let head = gate::sentence(&text).wrap(room);
    let mut lines: Vec<_> =
        head.iter().zip(named).map(|(line, name)| row(name).safe(line, role).line()).collect();
    for why in verdict.why.iter().take(most) {
        lines.extend(reason(model, why, place));
    }
    let more = verdict.why.len().saturating_sub(most);
    if more > 0 {
        let text = format!("and {more} more reasons");
        lines.push(Row::new(theme, width).gap(left).own(text, Role::Muted).line());
    }
    lines
}

fn reason(
    model: &Model,
    why: &str,
    VerdictPlace { width, left, .. }: VerdictPlace,
) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let mut texts = gate::sentence(why).wrap(usize::from(width).saturating_sub(left + 3));
    if texts.len() > MOST_LINES {
        texts.truncate(MOST_LINES - 1);
        texts.push(gate::sentence(theme.symbols.ellipsis));
    }
    let marks = std::iter::once(theme.symbols.separator).chain(std::iter::repeat(" "));
    let row = |(text, mark): (&Safe, &str)| {
        Row::new(theme, width).gap(left).cell(mark, 2, Role::Muted).safe(text, Role::Text).line()
    };
    texts.iter().zip(marks).map(row).collect()
}
