//! The errors of a command and their exit codes.

use std::io::{self, Write};
use std::process::ExitCode;

use color_eyre::eyre::{Report, eyre};

use super::{remedy, wording};
use crate::backend::BackendError;
use crate::config::ConfigError;
use crate::domain::command::Refusal;
use crate::gate;

pub const DONE: u8 = 0;
pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const REFUSED: u8 = 3;
pub const CHANGED: u8 = 4;
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Why a command ended early.
#[derive(Debug)]
pub enum CliError {
    /// The reader of the output has closed it, as in `trunkline events | head`. Not a failure.
    ClosedPipe,
    /// The arguments or the configuration are wrong.
    Usage(String),
    /// A guard refused the action, or it was not confirmed; nothing was done.
    Refused(String),
    /// The service has changed since the plan was made; nothing was done.
    Changed(String),
    Failed(Report),
    /// Ctrl-C ended the command; what it watched goes on.
    Interrupted(String),
}

impl CliError {
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }

    pub fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(eyre!("{}", sentence.into()))
    }

    /// What it says.
    pub fn sentence(&self) -> String {
        match self {
            Self::ClosedPipe => String::new(),
            Self::Usage(sentence)
            | Self::Refused(sentence)
            | Self::Changed(sentence)
            | Self::Interrupted(sentence) => sentence.clone(),
            Self::Failed(report) => format!("{report:#}"),
        }
    }

    /// Writes the error to standard error and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let code = match self {
            Self::ClosedPipe => return ExitCode::from(DONE),
            Self::Usage(_) => USAGE,
            Self::Refused(_) => REFUSED,
            Self::Changed(_) => CHANGED,
            Self::Failed(_) => FAILED,
            Self::Interrupted(_) => INTERRUPTED,
        };
        Self::warn(&self.sentence());
        ExitCode::from(code)
    }

    /// Writes a warning to standard error.
    pub fn warn(sentence: &str) {
        for (index, line) in sentence.lines().enumerate() {
            let line = gate::line(line);
            let lead = if index == 0 { "trunkline: " } else { "" };
            // If standard error is closed, only the exit code remains.
            let _ = writeln!(io::stderr(), "{lead}{line}");
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(Report::new(error))
        }
    }
}

impl From<Report> for CliError {
    fn from(report: Report) -> Self {
        Self::Failed(report)
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<BackendError> for CliError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Refused(refusal) => refusal.into(),
            other => Self::Failed(Report::new(other)),
        }
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        let sentence = wording::sentence(&refusal.to_string());
        match refusal {
            Refusal::Policy { findings, .. } => {
                let remedies = findings.iter().map(|found| remedy::after(found.remedy.as_ref()));
                Self::Refused(sentence + &remedies.collect::<String>())
            }
            Refusal::Changed { .. } => {
                Self::Changed(format!("{sentence}; nothing was done, plan again"))
            }
            Refusal::Moved { .. } => Self::Changed(format!("{sentence}; nothing was done")),
            // The arguments are valid, but the service's state does not allow the action.
            Refusal::NotFound { remedy, .. } | Refusal::Invalid { remedy, .. } => {
                Self::failed(sentence + &remedy::after(remedy.as_ref()))
            }
            Refusal::KeyReused => Self::Usage(sentence),
        }
    }
}
