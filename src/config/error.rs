//! What is wrong with a settings file, each complaint with its place, its key and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why settings could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text says something that trunkline cannot follow; one line for each, in the order of the file.
    #[error("{}", lines(.0))]
    Wrong(Vec<Complaint>),
    #[error("{}: cannot be read: {why}", file.display())]
    Unreadable { file: PathBuf, why: io::Error },
    #[error("{}: cannot be written: {why}", file.display())]
    Unwritable { file: PathBuf, why: io::Error },
    #[error("{}: {repository:?} is watched already", file.display())]
    WatchedAlready { file: PathBuf, repository: String },
    #[error(
        "{}: no [[services]] table can be appended here, because `services` is written as a list; \
         write each service as a [[services]] table of its own", file.display()
    )]
    ServicesAsList { file: PathBuf },
    #[error(
        "{} belongs to somebody else or is open to others; remove it, or set {variable} to a folder of yours",
        folder.display()
    )]
    NotPrivate { folder: PathBuf, variable: &'static str },
    #[error("{} is there and is no folder; move it away, or name another with {variable}", folder.display())]
    NoFolder { folder: PathBuf, variable: &'static str },
    #[error("there is no home folder; set TRUNKLINE_CONFIG_DIR and TRUNKLINE_DATA_DIR")]
    NoHome,
}

impl ConfigError {
    /// All of it as one sentence, for where a line is all there is.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        self.to_string().replace('\n', "; ")
    }

    /// What is wrong with the text, in its order; empty when the trouble is with the file itself.
    #[must_use]
    pub fn complaints(&self) -> &[Complaint] {
        match self {
            Self::Wrong(complaints) => complaints,
            _ => &[],
        }
    }
}

fn lines(complaints: &[Complaint]) -> String {
    complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong, at the key or value that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The whole path of the key, such as `policy.soak`; empty for the file as a whole.
    pub key: String,
    pub sentence: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.sentence)
    }
}

/// Everything found wrong in one text, gathered so that one look at it is enough.
pub(super) struct Complaints<'t> {
    file: &'t str,
    text: &'t str,
    all: Vec<Complaint>,
}

impl<'t> Complaints<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, all: Vec::new() }
    }

    /// Complains about what stands at the byte `at`.
    pub(super) fn add(&mut self, at: usize, key: &str, sentence: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.all.push(Complaint {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            sentence: sentence.into(),
        });
    }

    /// What was resolved, if there was nothing to complain about; without a complaint there has to be something.
    pub(super) fn finish<T>(self, resolved: Option<T>) -> Result<T, ConfigError> {
        match resolved {
            Some(resolved) if self.all.is_empty() => Ok(resolved),
            _ => Err(self.into_error()),
        }
    }

    pub(super) fn into_error(mut self) -> ConfigError {
        self.all.sort_by_key(|complaint| (complaint.line, complaint.column));
        ConfigError::Wrong(self.all)
    }
}

/// `; did you mean "x"?` for the known word that is closest to what was written, or nothing when none is close.
pub(super) fn did_you_mean(written: &str, known: &[&str]) -> Option<String> {
    let furthest = (written.chars().count() / 3).max(1);
    known
        .iter()
        .map(|word| (strsim::osa_distance(&written.to_lowercase(), word), word))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| format!("; did you mean {word:?}?"))
}

/// Words in quotes as a sentence lists them: `"a", "b" and "c"`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "nothing".into(),
    }
}
