//! Reads the tree of a settings file key by key; every section and setting knows its place.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::duration;
use crate::mistake::{InvalidSettings, Mistakes};
use crate::words::{did_you_mean, list};

/// The longest duration; sums of such durations do not overflow.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The text of a file.
///
/// # Errors
/// If it is not UTF-8, at the first byte that is not.
pub fn text(bytes: Vec<u8>, file: &str) -> Result<String, InvalidSettings> {
    String::from_utf8(bytes).map_err(|error| {
        let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = String::from_utf8_lossy(&bytes[..at]);
        let mut mistakes = Mistakes::new(file, &before);
        let sentence = format!("byte {:02X} is not UTF-8; save the file as UTF-8", bytes[at]);
        mistakes.add(at, "", sentence);
        mistakes.into_error()
    })
}

/// Parses a text into a tree in which every key and value has its place.
///
/// # Errors
/// If it is not TOML.
pub fn tree<'t>(text: &'t str, file: &str) -> Result<Spanned<DeTable<'t>>, InvalidSettings> {
    DeTable::parse(text).map_err(|error| {
        let mut mistakes = Mistakes::new(file, text);
        let at = error.span().map_or(0, |span| span.start);
        mistakes.add(at, "", format!("not TOML: {}", error.message().to_lowercase()));
        mistakes.into_error()
    })
}

/// A table. Keys are taken one by one; the keys that are left are unknown.
pub struct Section<'a> {
    /// Its own path; empty for the whole file.
    pub path: String,
    /// Its byte position.
    pub at: usize,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    accepts_all: bool,
}

impl<'a> Section<'a> {
    #[must_use]
    pub fn of_file(tree: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            path: String::new(),
            at: 0,
            table: tree.get_ref(),
            known: Vec::new(),
            accepts_all: false,
        }
    }

    /// The setting of a key, if it is there. The key counts as known.
    pub fn take(&mut self, key: &'static str) -> Option<Setting<'a>> {
        self.known.push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.setting(key.get_ref(), key.span().start, value))
    }

    /// Every setting, for a table whose keys are free names.
    #[must_use]
    pub fn all(&self) -> Vec<Setting<'a>> {
        let setting = |(key, value): (&Spanned<_>, _)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            self.setting(name, key.span().start, value)
        };
        self.table.iter().map(setting).collect()
    }

    /// Accepts every key, if it is unclear which keys belong here.
    pub fn accept_all_keys(&mut self) {
        self.accepts_all = true;
    }

    /// Adds a mistake for every key that was not taken.
    pub fn finish(self, mistakes: &mut Mistakes<'_>) {
        self.finish_below(&[], mistakes);
    }

    /// The same, with advice for a key that belongs to the top of the file.
    pub fn finish_below(self, top: &[&str], mistakes: &mut Mistakes<'_>) {
        for setting in self.all().into_iter().filter(|_| !self.accepts_all) {
            if self.known.contains(&setting.name.as_str()) {
                continue;
            }
            let advice = if top.contains(&setting.name.as_str()) {
                "; move it to the top of the file, above the first [table]".to_owned()
            } else {
                did_you_mean(&setting.name, &self.known)
                    .unwrap_or_else(|| format!("; known: {}", list(&self.known)))
            };
            mistakes.add(setting.key_at, &setting.path, format!("unknown key{advice}"));
        }
    }

    fn setting(&self, name: &str, key_at: usize, value: &'a Spanned<DeValue<'a>>) -> Setting<'a> {
        let shown = name.escape_debug();
        let path =
            if self.path.is_empty() { shown.to_string() } else { format!("{}.{shown}", self.path) };
        let (name, span, value) = (name.to_owned(), value.span(), value.get_ref());
        Setting { name, path, key_at, at: span.start, end: span.end, value }
    }
}

/// A key with its value.
pub struct Setting<'a> {
    pub name: String,
    /// The whole path of the key.
    pub path: String,
    /// The byte position of the key.
    pub key_at: usize,
    /// The byte position of the value.
    pub at: usize,
    /// The first byte after it.
    pub end: usize,
    value: &'a DeValue<'a>,
}

/// A value with its byte position, for mistakes that are found later.
#[derive(Debug, Clone)]
pub struct Located<T> {
    pub value: T,
    pub at: usize,
}

impl<'a> Setting<'a> {
    pub fn reject(&self, mistakes: &mut Mistakes<'_>, sentence: impl Into<String>) {
        mistakes.add(self.at, &self.path, sentence);
    }

    /// A text that is not blank.
    pub fn text(&self, mistakes: &mut Mistakes<'_>) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) if !text.trim().is_empty() => Some(text),
            DeValue::String(_) => {
                self.reject(mistakes, "is empty; write a text or remove it");
                None
            }
            _ => self.wrong_type("a text in quotes", mistakes),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, mistakes: &mut Mistakes<'_>) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_type("true or false", mistakes),
        }
    }

    /// A whole number from 1 on.
    pub fn count(&self, mistakes: &mut Mistakes<'_>) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            return self.wrong_type("a whole number", mistakes);
        };
        let count =
            u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|count| *count > 0);
        if count.is_none() {
            self.reject(mistakes, format!("\"{number}\" is not a number from 1 to 4294967295"));
        }
        count
    }

    /// A number in millionths, with or without decimals.
    pub fn millionths(&self, mistakes: &mut Mistakes<'_>) -> Option<i64> {
        let text = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => return self.wrong_type("a number", mistakes),
        };
        let number = text.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.filter(|number| number.abs() < 9e12);
        if number.is_none() {
            self.reject(mistakes, format!("\"{text}\" is not a number below 9000000000000"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is within the range")]
        number.map(|number| (number * 1e6).round() as i64)
    }

    /// A duration such as `15m`, at most 30 days.
    pub fn duration(&self, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type("a time in quotes such as \"30s\" or \"15m\"", mistakes);
        };
        match duration::parse(text) {
            Ok(duration) if duration <= LONGEST => return Some(duration),
            Ok(_) => self.reject(mistakes, format!("{text:?} is longer than 30 days")),
            Err(why) => self.reject(mistakes, why),
        }
        None
    }

    /// The same, longer than 0.
    pub fn positive_duration(&self, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        let duration = self.duration(mistakes)?;
        if duration.is_zero() {
            self.reject(mistakes, "must be longer than 0; write a time such as \"30s\"");
            return None;
        }
        Some(duration)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, words: &[(&str, T)], mistakes: &mut Mistakes<'_>) -> Option<T> {
        let text = self.text(mistakes)?;
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let advice =
                did_you_mean(text, &known).unwrap_or_else(|| format!("; known: {}", list(&known)));
            self.reject(mistakes, format!("unknown value {text:?}{advice}"));
        }
        chosen
    }

    /// A list of texts that are not blank, each with its place.
    pub fn texts(&self, mistakes: &mut Mistakes<'_>) -> Vec<Located<&'a str>> {
        let DeValue::Array(items) = self.value else {
            self.wrong_type::<()>("a list of texts such as [\"a\", \"b\"]", mistakes);
            return Vec::new();
        };
        let items = items.iter().map(|item| self.item(item));
        items
            .filter_map(|item| Some(Located { value: item.text(mistakes)?, at: item.at }))
            .collect()
    }

    /// A list of any texts, for arguments of a command.
    pub fn words(&self, mistakes: &mut Mistakes<'_>) -> Option<Vec<&'a str>> {
        let items = self.value.as_array()?;
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(word) => words.push(word.as_ref()),
                _ => return self.item(item).wrong_type("a text in quotes", mistakes),
            }
        }
        Some(words)
    }

    #[must_use]
    pub fn is_text(&self) -> bool {
        self.value.is_str()
    }

    #[must_use]
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    #[must_use]
    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|items| items.is_empty())
    }

    pub fn section(&self, mistakes: &mut Mistakes<'_>) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else {
            return self.wrong_type(&format!("a table; start it with [{}]", self.path), mistakes);
        };
        let path = self.path.clone();
        Some(Section { path, at: self.key_at, table, known: Vec::new(), accepts_all: false })
    }

    /// The tables of a `[[list]]`.
    pub fn sections(&self, mistakes: &mut Mistakes<'_>) -> Vec<Section<'a>> {
        let DeValue::Array(items) = self.value else {
            let wanted = format!("a list of tables; start each with [[{}]]", self.path);
            self.wrong_type::<()>(&wanted, mistakes);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.item(item).section(mistakes)).collect()
    }

    /// The items of a list.
    pub fn items(&self, mistakes: &mut Mistakes<'_>) -> Vec<Self> {
        let DeValue::Array(items) = self.value else {
            self.wrong_type::<()>("a list", mistakes);
            return Vec::new();
        };
        items.iter().map(|item| self.item(item)).collect()
    }

    /// A date with or without a time; `wanted` describes it in errors.
    pub fn date_time(
        &self,
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<&'a toml::value::Datetime> {
        match self.value {
            DeValue::Datetime(value) => Some(value),
            _ => self.wrong_type(wanted, mistakes),
        }
    }

    fn item(&self, item: &'a Spanned<DeValue<'a>>) -> Self {
        let span = item.span();
        Self {
            name: self.name.clone(),
            path: self.path.clone(),
            key_at: span.start,
            at: span.start,
            end: span.end,
            value: item.get_ref(),
        }
    }

    fn wrong_type<T>(&self, wanted: &str, mistakes: &mut Mistakes<'_>) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.reject(mistakes, format!("found {found}, expected {wanted}"));
        None
    }
}
