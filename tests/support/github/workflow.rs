//! A workflow of the GitHub of tests.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Default)]
pub struct FakeWorkflow {
    pub id: u64,
    pub repository: String,
    /// Its file below `.github/workflows`.
    pub file: String,
    /// The inputs of a dispatch. `None` if it cannot be dispatched.
    pub inputs: Option<BTreeSet<String>>,
    /// The beginnings of the tags whose push starts it, the branches whose push does, and whether a release does.
    pub tags: BTreeSet<String>,
    pub branches: BTreeSet<String>,
    pub on_release: bool,
    /// `active`, or how it was switched off.
    pub state: String,
    /// The concurrency group of its runs, and whether a newer run ends an older one that runs.
    pub group: Option<String>,
    pub cancels_in_progress: bool,
    /// The text of its file, for whoever asks for it.
    pub text: Option<String>,
}
