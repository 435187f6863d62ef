//! Who else has the service open now.

use ratatui::text::Line;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;

/// The most people that are listed.
const LISTED: usize = 8;
/// The most columns of a name; the time comes after it.
const LONGEST_NAME: usize = 20;

/// One line for each who is here besides the user, with the time; nothing where nobody is.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let people: Vec<_> = model.others_here().collect();
    if people.is_empty() {
        return Vec::new();
    }
    let title = Row::new(theme, width).gap(1).own("here now", Role::Muted).line();
    let person = people.iter().take(LISTED).map(|person| {
        let since = age(model.since(person.since));
        let only = if person.may_act { "" } else { ", only reads" };
        Row::new(theme, width)
            .gap(3)
            .called_within(&person.actor.to_string(), LONGEST_NAME, Role::AuthorOther)
            .own(format!(" for {since}{only}"), Role::Muted)
            .line()
    });
    let more = people.len().saturating_sub(LISTED);
    let more = (more > 0)
        .then(|| Row::new(theme, width).gap(3).own(format!("and {more} more"), Role::Muted).line());
    std::iter::once(title).chain(person).chain(more).collect()
}
