//! A line with a name on its left: `commit  3f9ac21`.

use chrono::{DateTime, Utc};

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::row::Row;

/// How wide the names on the left are.
pub const NAME: usize = 10;

pub fn fact<'t>(model: &'t Model, width: u16, name: &str) -> Row<'t> {
    Row::new(&model.options.theme, width).gap(1).cell(name, NAME, Role::Muted)
}

pub fn ago(model: &Model, time: DateTime<Utc>) -> String {
    format!("{} ago, {}", age(model.since(time)), clock(model, time))
}
