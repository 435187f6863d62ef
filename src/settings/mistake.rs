//! Mistakes in a settings text, each with its line, column and key.

use std::fmt;

/// One mistake, at the key or value that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The whole path of the key, such as `policy.soak`; empty for the file as a whole.
    pub key: String,
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.sentence)
    }
}

/// Collects every mistake of one text, so that a reader sees all of them at once.
pub struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    all: Vec<Mistake>,
}

impl<'t> Mistakes<'t> {
    #[must_use]
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, all: Vec::new() }
    }

    /// Adds a mistake at the byte `at`.
    pub fn add(&mut self, at: usize, key: &str, sentence: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.all.push(Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            sentence: sentence.into(),
        });
    }

    /// How many there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The result, if there is no mistake. A result of `None` always has a mistake that explains it.
    ///
    /// # Errors
    /// With every mistake that was added.
    pub fn finish<T>(self, result: Option<T>) -> Result<T, InvalidSettings> {
        match result {
            Some(result) if self.all.is_empty() => Ok(result),
            _ => Err(self.into_error()),
        }
    }

    #[must_use]
    pub fn into_error(mut self) -> InvalidSettings {
        self.all.sort_by_key(|mistake| (mistake.line, mistake.column));
        InvalidSettings(self.all)
    }
}

/// The mistakes of one text in the order of its lines; shown one on a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct InvalidSettings(Vec<Mistake>);

impl InvalidSettings {
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }

    /// All mistakes in one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        self.to_string().replace('\n', "; ")
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}
