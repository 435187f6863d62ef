//! What stays behind after a rollback, in words: one set of sentences for the plan, the hold and every screen.

use super::{Leftover, LeftoverTick, Leftovers, LeftoversListed, WrittenData};
use crate::domain::ids::BuildNumber;
use crate::domain::people::Actor;
use crate::domain::time::say;

/// The title of the list.
pub const STAYS_BEHIND: &str = "stays behind";

/// The most builds that a sentence names.
const NAMED: usize = 3;

impl Leftovers {
    /// That nothing is known, with what was looked at; or that it is not known, and why. `None` if there is a list.
    #[must_use]
    pub fn nothing(&self) -> Option<String> {
        if !self.items.is_empty() {
            return None;
        }
        match (&self.written, self.doubts.as_slice()) {
            (Some(written), []) => {
                let first = first(&written.builds);
                Some(format!(
                    "nothing else is known to stay behind: no migration found in what it takes away, no note since {first} \
                     began, no leaves declared"
                ))
            }
            (None, []) => None,
            (_, doubts) => {
                Some(format!("what else stays behind is not known: {}", doubts.join("; ")))
            }
        }
    }

    /// Why there may be more than the list has.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let is_list = !self.items.is_empty() && !self.doubts.is_empty();
        is_list.then(|| format!("there may be more: {}", self.doubts.join("; ")))
    }

    /// What is said above the list and in its place: `#21 ran 42m before it and may have written data in its own form`.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.written.as_ref().map(WrittenData::sentence).into_iter().chain(self.nothing())
    }

    /// `2 of 3 open`; `None` where there is no list.
    #[must_use]
    pub fn count(&self) -> Option<String> {
        let (open, all) = (self.open().count(), self.items.len());
        (all > 0).then(|| match open {
            0 => format!("all {all} ticked"),
            open => format!("{open} of {all} open"),
        })
    }

    /// The list in one line: `3 things: the page cache, flag pay-v2 on, and 1 more`.
    #[must_use]
    pub fn in_short(&self) -> Option<String> {
        let all = self.items.len();
        let mut names: Vec<_> =
            self.items.iter().take(NAMED).map(|item| item.what.clone()).collect();
        let more = all.saturating_sub(NAMED);
        names.extend((more > 0).then(|| format!("and {more} more")));
        let s = if all == 1 { "" } else { "s" };
        (all > 0).then(|| format!("{all} thing{s}: {}", names.join(", ")))
    }

    /// All of it in a line or two.
    #[must_use]
    pub fn in_brief(&self) -> String {
        let all = self.in_short().into_iter().chain(self.sentences()).chain(self.doubt());
        all.collect::<Vec<_>>().join("; ")
    }

    /// The names of those that are open, with their numbers: `1 the page cache, 3 flag pay-v2 on`.
    #[must_use]
    pub fn open_in_words(&self) -> String {
        let names = self.open().map(|(number, item)| format!("{number} {}", item.what));
        names.collect::<Vec<_>>().join(", ")
    }
}

impl WrittenData {
    /// How long what the rollback takes away could write data.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (ran, builds) = (say(self.ran), &self.builds);
        match builds.as_slice() {
            [] => format!(
                "a commit of no known build ran {ran} before it and may have written data in its own form"
            ),
            [one] => format!("{one} ran {ran} before it and may have written data in its own form"),
            several => {
                let named: Vec<_> =
                    several.iter().rev().take(NAMED).map(BuildNumber::to_string).collect();
                let more = several.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!(
                    "{}{more} ran {ran} before it and may have written data in their own form",
                    named.join(", ")
                )
            }
        }
    }
}

impl LeftoversListed {
    /// `d57 leaves 2 things behind: the page cache, flag pay-v2 on`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let id = self.rollback;
        match self.left.in_short().or_else(|| self.left.nothing()) {
            Some(what) if self.left.items.is_empty() => format!("{id}: {what}"),
            Some(what) => format!("{id} leaves behind {what}"),
            None => format!("{id}: what it leaves behind is not known"),
        }
    }
}

impl LeftoverTick {
    /// `kim ticked 2 of production's hold: the page cache`.
    #[must_use]
    pub fn sentence(&self, by: &Actor, verb: &str) -> String {
        let Self { environment, item, what, .. } = self;
        format!("{by} {verb} {item} of what stays behind in {environment}: {what}")
    }
}

impl Leftover {
    /// How to look and what to do, if that is known: `check: …; undo: …`.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let check = self.check.as_ref().map(|check| format!("check: {check}"));
        let undo = self.undo.as_ref().map(|undo| format!("undo: {undo}"));
        let all: Vec<_> = check.into_iter().chain(undo).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn first(builds: &[BuildNumber]) -> String {
    builds.first().map_or_else(|| "it".to_owned(), BuildNumber::to_string)
}
