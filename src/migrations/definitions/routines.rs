//! Notes triggers and the bodies of routines, also those that the parser does not read.

use std::sync::LazyLock;

use regex::Regex;

use super::super::names::bare;
use super::{SchemaDefinitions, words};

/// A name with its schema.
const NAME: &str =
    r#"((?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+))*)"#;

fn pattern(text: &str) -> Regex {
    Regex::new(&text.replace("NAME", NAME)).expect("the pattern is valid")
}

fn plain(name: &str) -> String {
    bare(&name.replace(['"', '`', '[', ']', ' '], ""))
}

/// A statement that makes a trigger. The names are without their schemas.
#[derive(Debug)]
pub(in super::super) struct MadeTrigger<'t> {
    pub(in super::super) name: String,
    pub(in super::super) table: String,
    /// When it runs, such as `before insert or update`, in lower case.
    pub(in super::super) events: String,
    /// What follows the name of the table.
    pub(in super::super) rest: &'t str,
    only_new: bool,
}

impl<'t> MadeTrigger<'t> {
    pub(in super::super) fn of(sql: &'t str) -> Option<Self> {
        static MAKES: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r"(?is)^create\s+(?:or\s+replace\s+)?(?:definer\s*=\s*\S+\s+)?(?:(?:constraint|temp|temporary)\s+)?trigger\s+(if\s+not\s+exists\s+)?NAME\s+((?:before|after|instead|insert|update|delete)\b.*?)\s+on\s+NAME(.*)$",
            )
        });
        let found = MAKES.captures(sql)?;
        let rest = found.get(5)?;
        Some(Self {
            name: plain(&found[2]),
            table: plain(&found[4]),
            events: found[3].to_lowercase(),
            rest: &sql[rest.range()],
            only_new: found.get(1).is_some(),
        })
    }
}

/// The name and the table in a statement that drops a trigger.
pub(in super::super) fn dropped_trigger(sql: &str) -> Option<(String, Option<String>)> {
    static DROPS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?is)^drop\s+trigger\s+(?:if\s+exists\s+)?NAME(?:\s+on\s+NAME)?")
    });
    let found = DROPS.captures(sql)?;
    Some((plain(&found[1]), found.get(2).map(|table| plain(table.as_str()))))
}

/// The name of a routine that a statement makes, and the name with the arguments.
pub(in super::super) fn made_routine(sql: &str) -> Option<(String, String)> {
    static MAKES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?is)^create\s+(?:or\s+replace\s+)?(?:definer\s*=\s*\S+\s+)?(?:function|procedure)\s+(?:if\s+not\s+exists\s+)?NAME\s*(\([^)]*)",
        )
    });
    let found = MAKES.captures(sql)?;
    let arguments: Vec<_> = found[2].split_whitespace().collect();
    let written = found[1].replace(['"', '`', ' '], "").to_lowercase();
    Some((plain(&found[1]), format!("{written}{}", arguments.join(" ").to_lowercase())))
}

/// True if two texts are the same statement.
pub(in super::super) fn is_same(one: &str, other: &str) -> bool {
    // A line comment makes the end of its line matter.
    one == other || !one.contains("--") && one.split_whitespace().eq(other.split_whitespace())
}

impl SchemaDefinitions {
    /// Notes what a statement does to triggers and routines.
    pub(super) fn note_routine(&mut self, sql: &str) {
        if let Some(made) = MadeTrigger::of(sql) {
            let place = (made.name, made.table);
            if !(made.only_new && self.triggers.contains_key(&place)) {
                self.triggers.insert(place, sql.to_owned());
            }
        } else if let Some((name, table)) = dropped_trigger(sql) {
            let is_it = |of: &str| table.as_ref().is_none_or(|table| table == of);
            self.triggers.retain(|(trigger, of), _| *trigger != name || !is_it(of));
        } else if let Some((_, signature)) = made_routine(sql) {
            self.bodies.insert(signature, sql.to_owned());
        } else {
            self.doubt_bodies(sql);
        }
    }

    /// Removes the routines that a statement changes.
    fn doubt_bodies(&mut self, sql: &str) {
        let mut first = sql.split_whitespace().take(2).map(str::to_lowercase);
        let verb = first.next().unwrap_or_default();
        let kind = first.next().unwrap_or_default();
        let is_about_routines =
            ["function", "procedure", "routine", "schema"].contains(&kind.as_str());
        if ["alter", "drop"].contains(&verb.as_str()) && is_about_routines {
            let words = words(sql);
            self.bodies.retain(|signature, _| !words.contains(&name_in(signature)));
        }
    }

    /// The statement that made a trigger.
    pub(in super::super) fn trigger(&self, name: &str, table: Option<&str>) -> Option<&str> {
        let is_it = |(trigger, of): &&(String, String)| {
            trigger == name && table.is_none_or(|table| table == of)
        };
        let mut found = self.triggers.iter().filter(|(place, _)| is_it(place));
        found.next().filter(|_| found.next().is_none()).map(|(_, text)| text.as_str())
    }

    /// True if a table has a trigger of this name.
    pub(in super::super) fn has_trigger(&self, name: &str) -> bool {
        self.partial || self.triggers.keys().any(|(trigger, _)| trigger == name)
    }

    /// The statement that made a routine, if there is only one of this name.
    pub(in super::super) fn body(&self, name: &str) -> Option<&str> {
        let mut found = self.bodies.iter().filter(|(signature, _)| name_in(signature) == name);
        found.next().filter(|_| found.next().is_none()).map(|(_, text)| text.as_str())
    }

    /// The statement that made the routine with these arguments.
    pub(in super::super) fn body_of(&self, signature: &str) -> Option<&str> {
        self.bodies.get(signature).map(String::as_str)
    }

    /// True if no trigger runs this routine, for all that earlier files show.
    pub(in super::super) fn runs_nowhere(&self, routine: &str) -> bool {
        let runs = |text: &String| words(text).contains(routine);
        !self.partial && !self.triggers.values().any(runs)
    }
}

/// The bare name of a routine with its arguments.
fn name_in(signature: &str) -> String {
    bare(signature.split('(').next().unwrap_or(signature))
}
