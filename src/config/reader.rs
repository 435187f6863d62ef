//! The raw stage of a settings file: sections and entries that know their place, read key by key.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Complaints, ConfigError, did_you_mean, list};
use crate::domain::time;

/// Longer than anything that trunkline waits for, and far from where sums of times overflow.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// Parses a text into its tree, in which every key and value has its place.
///
/// # Errors
/// When it is not TOML.
pub(super) fn tree<'t>(text: &'t str, file: &str) -> Result<Spanned<DeTable<'t>>, ConfigError> {
    DeTable::parse(text).map_err(|error| {
        let mut complaints = Complaints::new(file, text);
        let at = error.span().map_or(0, |span| span.start);
        complaints.add(at, "", format!("not TOML: {}", error.message().to_lowercase()));
        complaints.into_error()
    })
}

/// A table whose keys are taken one by one, so that the ones left over are unknown.
pub(super) struct Section<'a> {
    /// Its own path; empty for the whole file.
    pub(super) path: String,
    /// Where it stands.
    pub(super) at: usize,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    is_unsure: bool,
}

impl<'a> Section<'a> {
    pub(super) fn of_file(tree: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            path: String::new(),
            at: 0,
            table: tree.get_ref(),
            known: Vec::new(),
            is_unsure: false,
        }
    }

    /// The entry of a key, if it is there; from now on the key is a known one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.entry(key.get_ref(), key.span().start, value))
    }

    /// Every entry, for a table whose keys are names that the writer chose.
    pub(super) fn all(&self) -> Vec<Entry<'a>> {
        let entry = |(key, value): (&Spanned<_>, _)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            self.entry(name, key.span().start, value)
        };
        self.table.iter().map(entry).collect()
    }

    /// Leaves no key unknown, where it was not found out which keys belong here.
    pub(super) fn know_all(&mut self) {
        self.is_unsure = true;
    }

    /// Complains about every key that nobody took.
    pub(super) fn finish(self, complaints: &mut Complaints<'_>) {
        self.finish_below(&[], complaints);
    }

    /// The same; a key of the top of the file that landed in this section is told where it belongs.
    pub(super) fn finish_below(self, top: &[&str], complaints: &mut Complaints<'_>) {
        for entry in self.all().into_iter().filter(|_| !self.is_unsure) {
            if self.known.contains(&entry.name.as_str()) {
                continue;
            }
            let advice = if top.contains(&entry.name.as_str()) {
                "; it belongs to the top of the file, above the first [table]".to_owned()
            } else {
                did_you_mean(&entry.name, &self.known)
                    .unwrap_or_else(|| format!("; known here: {}", list(&self.known)))
            };
            complaints.add(entry.key_at, &entry.path, format!("unknown key{advice}"));
        }
    }

    fn entry(&self, name: &str, key_at: usize, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let shown = name.escape_debug();
        let path =
            if self.path.is_empty() { shown.to_string() } else { format!("{}.{shown}", self.path) };
        let (name, at, value) = (name.to_owned(), value.span().start, value.get_ref());
        Entry { name, path, key_at, at, value }
    }
}

/// One key with its value.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    /// The whole path of the key.
    pub(super) path: String,
    /// Where the key stands.
    pub(super) key_at: usize,
    /// Where the value stands.
    pub(super) at: usize,
    value: &'a DeValue<'a>,
}

/// A value with its place, for complaints that come up later.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<'a> Entry<'a> {
    pub(super) fn complain(&self, complaints: &mut Complaints<'_>, sentence: impl Into<String>) {
        complaints.add(self.at, &self.path, sentence);
    }

    /// A text that is more than blanks.
    pub(super) fn text(&self, complaints: &mut Complaints<'_>) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) if !text.trim().is_empty() => Some(text),
            DeValue::String(_) => {
                self.complain(complaints, "is empty; write a text or remove it");
                None
            }
            _ => self.wrong_type("a text in quotes", complaints),
        }
    }

    /// A whole number from 1 on.
    pub(super) fn count(&self, complaints: &mut Complaints<'_>) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            return self.wrong_type("a whole number", complaints);
        };
        let count =
            u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|count| *count > 0);
        if count.is_none() {
            self.complain(complaints, format!("\"{number}\" is not a number from 1 to 4294967295"));
        }
        count
    }

    /// A time as people write it, of 30 days at most.
    pub(super) fn duration(&self, complaints: &mut Complaints<'_>) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type("a time in quotes such as \"30s\" or \"15m\"", complaints);
        };
        match time::parse(text) {
            Ok(duration) if duration <= LONGEST => return Some(duration),
            Ok(_) => self.complain(complaints, format!("{text:?} is longer than 30 days")),
            Err(why) => self.complain(complaints, why),
        }
        None
    }

    /// The same, but more than nothing.
    pub(super) fn positive_duration(&self, complaints: &mut Complaints<'_>) -> Option<Duration> {
        let duration = self.duration(complaints)?;
        if duration.is_zero() {
            self.complain(
                complaints,
                "has to be longer than nothing; write a time such as \"30s\"",
            );
            return None;
        }
        Some(duration)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        words: &[(&str, T)],
        complaints: &mut Complaints<'_>,
    ) -> Option<T> {
        let text = self.text(complaints)?;
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let advice = did_you_mean(text, &known)
                .unwrap_or_else(|| format!("; known here: {}", list(&known)));
            self.complain(complaints, format!("unknown value {text:?}{advice}"));
        }
        chosen
    }

    /// A list of texts that are more than blanks, each with its place.
    pub(super) fn texts(&self, complaints: &mut Complaints<'_>) -> Vec<Placed<&'a str>> {
        let DeValue::Array(items) = self.value else {
            self.wrong_type::<()>("a list of texts such as [\"a\", \"b\"]", complaints);
            return Vec::new();
        };
        let items = items.iter().map(|item| self.item(item));
        items
            .filter_map(|item| Some(Placed { value: item.text(complaints)?, at: item.at }))
            .collect()
    }

    /// A list of texts of any content; empty ones are arguments too.
    pub(super) fn words(&self, complaints: &mut Complaints<'_>) -> Option<Vec<&'a str>> {
        let items = self.value.as_array()?;
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(word) => words.push(word.as_ref()),
                _ => return self.item(item).wrong_type("a text in quotes", complaints),
            }
        }
        Some(words)
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|items| items.is_empty())
    }

    pub(super) fn section(&self, complaints: &mut Complaints<'_>) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else {
            return self.wrong_type(&format!("a table; begin it with [{}]", self.path), complaints);
        };
        let path = self.path.clone();
        Some(Section { path, at: self.key_at, table, known: Vec::new(), is_unsure: false })
    }

    /// The tables of a `[[list]]`.
    pub(super) fn sections(&self, complaints: &mut Complaints<'_>) -> Vec<Section<'a>> {
        let DeValue::Array(items) = self.value else {
            let wanted = format!("a list of tables; begin each with [[{}]]", self.path);
            self.wrong_type::<()>(&wanted, complaints);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.item(item).section(complaints)).collect()
    }

    /// The entries of a list.
    pub(super) fn items(&self, complaints: &mut Complaints<'_>) -> Vec<Self> {
        let DeValue::Array(items) = self.value else {
            self.wrong_type::<()>("a list", complaints);
            return Vec::new();
        };
        items.iter().map(|item| self.item(item)).collect()
    }

    /// A date, with or without a time; `wanted` is what belongs here.
    pub(super) fn date_time(
        &self,
        wanted: &str,
        complaints: &mut Complaints<'_>,
    ) -> Option<&'a toml::value::Datetime> {
        match self.value {
            DeValue::Datetime(value) => Some(value),
            _ => self.wrong_type(wanted, complaints),
        }
    }

    fn item(&self, item: &'a Spanned<DeValue<'a>>) -> Self {
        let at = item.span().start;
        Self {
            name: self.name.clone(),
            path: self.path.clone(),
            key_at: at,
            at,
            value: item.get_ref(),
        }
    }

    fn wrong_type<T>(&self, wanted: &str, complaints: &mut Complaints<'_>) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.complain(complaints, format!("found {found}, expected {wanted}"));
        None
    }
}
