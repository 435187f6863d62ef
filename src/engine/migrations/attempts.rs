//! Builds whose deployment to production started but that are not live. No rollback or revert undoes their migrations.

use std::collections::BTreeMap;

use super::context::JudgingContext;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::plan::Migrations;
use crate::git::ChangedFile;
use crate::migrations::{
    FileChange, JudgedMigration, Layouts, MigrationDirection, MigrationPath, is_repeatable,
};

/// Files that changed after production may have run them, each with the newest build that had them.
#[derive(Default)]
pub struct Attempts(BTreeMap<String, (BuildNumber, FileChange)>);

impl Attempts {
    /// Compares the target with earlier builds that were attempted in production and are newer than the live build.
    /// A failed comparison becomes a problem in the result.
    pub async fn compare(
        context: &JudgingContext,
        at: &Sha,
        folder: Option<&str>,
        result: &mut Migrations,
    ) -> Self {
        let mut files = BTreeMap::new();
        for (build, sha) in context.attempted.iter().filter(|(_, sha)| sha != at) {
            match context.mirror.changed_files(Some(sha), at, folder).await {
                Ok(changed) => {
                    let changed =
                        changed.listed.into_iter().filter(|f| f.change != FileChange::Added);
                    for ChangedFile { change, path } in changed {
                        files.entry(path).or_insert((*build, change));
                    }
                }
                Err(error) => {
                    let why = format!("what {build} left in the database is unknown: {error}");
                    result.trouble.get_or_insert(why);
                }
            }
        }
        Self(files)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds a fault to each changed migration. A migration that is not listed yet is added.
    pub fn blame(&self, layouts: &Layouts, listed: &mut Vec<JudgedMigration>) {
        for (path, (build, change)) in &self.0 {
            let up = layouts.place(path).filter(|place| place.direction == MigrationDirection::Up);
            let Some(MigrationPath { tool, .. }) = up else { continue };
            if *change == FileChange::Edited && is_repeatable(path) {
                continue;
            }
            let fault = fault(*build, *change);
            match listed.iter_mut().find(|file| file.path == *path) {
                Some(file) => file.faults.push(fault),
                None => listed.push(JudgedMigration {
                    path: path.clone(),
                    tool,
                    change: *change,
                    statements: Vec::new(),
                    declared: None,
                    faults: vec![fault],
                }),
            }
        }
    }
}

fn fault(build: BuildNumber, change: FileChange) -> String {
    match change {
        FileChange::Edited => format!(
            "was edited after {build}, which may have run it in production; it does not run again: add a new file"
        ),
        _ => format!(
            "is gone, but {build} may have run it in production; its changes stay in the database, and its tool may \
             refuse to run: restore the file"
        ),
    }
}
