//! A line of text that a dialog asks for, and what it takes.

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::Tz;
use crate::calendar::zone::Edge;
use crate::console::model::text_input::TextInput;
use crate::domain::ids::BuildNumber;
use crate::domain::limits::LONGEST_NOTE;
use crate::domain::{instant, time};

/// A line of text that the dialog asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub kind: FieldKind,
    pub text: TextInput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Reason,
    /// May stay empty.
    Note,
    /// The number of the build, typed again.
    Number(BuildNumber),
    /// When a freeze ends; empty means when it is lifted.
    Until,
    /// What is wrong, in one line.
    Title,
    /// What is new about an incident; may stay empty where something else changes.
    Update,
    /// How an incident ended.
    Ending,
}

impl Field {
    pub(super) fn empty(kind: FieldKind) -> Self {
        Self { kind, text: TextInput::default() }
    }

    /// Adds what was typed or pasted; what no number has in it is dropped from a number.
    pub fn insert(&mut self, text: &str) {
        let fitting: String = text.chars().filter(|c| self.takes(*c)).collect();
        self.text.insert(&fitting);
    }

    /// Whether it takes such a character.
    #[must_use]
    pub fn takes(&self, letter: char) -> bool {
        match self.kind {
            FieldKind::Number(_) => letter.is_ascii_digit(),
            _ => !letter.is_control(),
        }
    }

    /// Whether there is no going on while it is empty.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.kind, FieldKind::Note | FieldKind::Until)
    }

    pub(super) fn check(&self, now: DateTime<Utc>, zone: Tz) -> Result<(), String> {
        match self.kind {
            FieldKind::Reason if self.text.as_str().trim().is_empty() => {
                Err("type a reason".into())
            }
            FieldKind::Number(build) if self.text.as_str().trim().parse() != Ok(build) => {
                Err(format!("type {} to go on", build.0))
            }
            FieldKind::Title if self.text.as_str().trim().is_empty() => {
                Err("say what is wrong, in one line".into())
            }
            FieldKind::Title if self.text.as_str().trim().chars().count() > LONGEST_NOTE => {
                Err(format!("at most {LONGEST_NOTE} characters; the rest is an update"))
            }
            FieldKind::Ending if self.text.as_str().trim().is_empty() => {
                Err("say how it ended".into())
            }
            FieldKind::Note
            | FieldKind::Reason
            | FieldKind::Number(_)
            | FieldKind::Title
            | FieldKind::Update
            | FieldKind::Ending => Ok(()),
            FieldKind::Until => self.until(now, zone).map(|_| ()),
        }
    }

    /// The end of a freeze from what was typed: nothing, a duration from now, or a local date and time.
    ///
    /// # Errors
    /// What can be typed instead.
    pub fn until(&self, now: DateTime<Utc>, zone: Tz) -> Result<Option<DateTime<Utc>>, String> {
        let text = self.text.as_str().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let from_now = |duration| now.checked_add_signed(TimeDelta::from_std(duration).ok()?);
        let until = match time::parse(text) {
            Ok(duration) => from_now(duration),
            Err(_) => instant::typed(text, &Ok(zone), Edge::End).ok(),
        };
        match until {
            Some(until) if until > now => Ok(Some(until)),
            Some(_) => Err("the end is in the past".into()),
            None => Err("an end is like \"2h\", \"30m\", \"1d\" or \"2026-11-27 05:00\"".into()),
        }
    }
}
