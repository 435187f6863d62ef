//! What an observed command printed last, on disk: a restart sees no change that there is not.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::diff::diff;
use crate::domain::chain::Hash;
use crate::domain::event::Run;
use crate::domain::observed_command::ObservedCommand;

/// The last output of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptOutput {
    /// What ran: another command has another output.
    run: Run,
    text: String,
    /// The digest of the last recorded change when this was kept.
    recorded: Option<String>,
}

/// What an output is beside the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OutputNews {
    Same,
    /// There was none to compare with.
    Baseline,
    Changed(String),
}

impl KeptOutput {
    pub fn of(command: &ObservedCommand, text: String, recorded: Option<String>) -> Self {
        Self { run: command.run.clone(), text, recorded }
    }

    pub fn digest(&self) -> String {
        Hash::of(&self.text).to_string()
    }

    /// Compares with the output before.
    pub fn news(&self, before: Option<&Self>) -> OutputNews {
        let Some(before) = before.filter(|before| before.run == self.run) else {
            return OutputNews::Baseline;
        };
        if before.text == self.text {
            return OutputNews::Same;
        }
        // It was recorded, and the engine was killed before this was kept.
        let is_told = self.recorded == Some(self.digest()) && self.recorded != before.recorded;
        if is_told {
            OutputNews::Baseline
        } else {
            OutputNews::Changed(diff(&before.text, &self.text))
        }
    }

    /// Reads it; `None` if there is none. One that is damaged counts as none.
    pub fn read(file: &Path) -> Result<Option<Self>, String> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    /// Keeps it, as a whole or not at all.
    pub fn kept(&self, file: &Path) -> Result<(), String> {
        let partial = file.with_extension("partial");
        // What is recorded by now is known only at the next run.
        let kept = serde_json::to_vec(self).map_err(io::Error::other);
        let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let kept = folder.and(kept).and_then(|bytes| std::fs::write(&partial, bytes));
        let kept = kept.and_then(|()| std::fs::rename(&partial, file));
        kept.map_err(|error| format!("{}: {error}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::event::NoteKind;

    fn output(line: &str, text: &str, recorded: Option<&str>) -> KeptOutput {
        let command = ObservedCommand {
            name: "flags".into(),
            kind: NoteKind::Flag,
            run: Run::Shell(line.into()),
            every: Duration::from_mins(1),
            timeout: Duration::from_secs(1),
            undo: None,
        };
        KeptOutput::of(&command, text.into(), recorded.map(str::to_owned))
    }

    #[test]
    fn the_first_output_is_the_baseline_and_so_is_that_of_another_command() {
        let first = output("flags", "a=on\n", None);
        assert_eq!(first.news(None), OutputNews::Baseline);
        assert_eq!(output("flags", "a=on\n", None).news(Some(&first)), OutputNews::Same);
        assert_eq!(output("flags -v", "a: on\n", None).news(Some(&first)), OutputNews::Baseline);
        let changed = output("flags", "a=off\n", None).news(Some(&first));
        assert_eq!(changed, OutputNews::Changed("-a=on\n+a=off".into()));
    }

    #[test]
    fn a_change_that_was_recorded_before_a_crash_is_not_recorded_again() {
        let first = output("flags", "a=on\n", None);
        let digest = output("flags", "a=off\n", None).digest();
        let again = output("flags", "a=off\n", Some(&digest));
        assert_eq!(again.news(Some(&first)), OutputNews::Baseline);
        // The same change once more, after another one, is a change.
        let between = output("flags", "a=half\n", Some(&digest));
        let OutputNews::Changed(_) = again.news(Some(&between)) else { panic!("{again:?}") };
    }
}
