//! Whether a push starts a workflow, as far as its file says that.

use crate::WorkflowFiles;
use crate::glob::takes;
use crate::model::Filters;

/// Why a push to a branch starts no run of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPushRun {
    /// The commit has no such file.
    NoFile,
    NotOnPush,
    OtherBranches,
    /// Nothing changed of the paths that it is for.
    OtherPaths,
}

impl WorkflowFiles {
    /// Why a push of a commit with these files starts no run of the workflow. `None` if it starts one or that is not known;
    /// `changed` is `None` where not all changed files are known.
    #[must_use]
    pub fn no_push_run(
        &self,
        file: &str,
        branch: &str,
        changed: Option<&[String]>,
    ) -> Option<NoPushRun> {
        let Some(workflow) = self.workflow(file) else {
            let is_unreadable = |path: &str| path.ends_with(&format!("/{file}"));
            let is_known = !self.unreadable().iter().any(|error| is_unreadable(&error.file));
            return is_known.then_some(NoPushRun::NoFile);
        };
        let Some(push) = &workflow.triggers.push else { return Some(NoPushRun::NotOnPush) };
        if !takes_branch(push, branch) {
            return Some(NoPushRun::OtherBranches);
        }
        let changed = changed.filter(|changed| !changed.is_empty())?;
        (!takes_paths(push, changed)).then_some(NoPushRun::OtherPaths)
    }
}

fn takes_branch(push: &Filters, branch: &str) -> bool {
    match (&push.branches, &push.branches_ignore) {
        (Some(branches), _) => takes(branches, branch),
        (None, Some(ignored)) => !takes(ignored, branch),
        // With tags alone, no branch starts it.
        (None, None) => push.tags.is_none() && push.tags_ignore.is_none(),
    }
}

fn takes_paths(push: &Filters, changed: &[String]) -> bool {
    match (&push.paths, &push.paths_ignore) {
        (Some(paths), _) => changed.iter().any(|path| takes_path(paths, path)),
        (None, Some(ignored)) => changed.iter().any(|path| !takes_path(ignored, path)),
        (None, None) => true,
    }
}

/// A `**/` also stands for no folder at all.
fn takes_path(patterns: &[String], path: &str) -> bool {
    let flat: Vec<_> = patterns.iter().map(|pattern| pattern.replace("**/", "")).collect();
    takes(patterns, path) || flat != patterns && takes(&flat, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_run(on: &str, changed: &[&str]) -> Option<NoPushRun> {
        let text = format!("on:\n  {on}\njobs:\n  a:\n    runs-on: x\n    steps: []\n");
        let files = WorkflowFiles::read([(".github/workflows/ci.yml", text.as_str())]);
        let changed: Vec<_> = changed.iter().map(|path| (*path).to_owned()).collect();
        files.no_push_run("ci.yml", "main", Some(&changed))
    }

    #[test]
    fn a_push_starts_a_workflow_unless_its_filters_say_that_it_does_not() {
        use NoPushRun::{NotOnPush, OtherBranches, OtherPaths};
        for (on, changed, why) in [
            ("push:", &["a"][..], None),
            ("workflow_dispatch:", &["a"], Some(NotOnPush)),
            ("push: {branches: [dev]}", &["a"], Some(OtherBranches)),
            ("push: {branches: ['ma*']}", &["a"], None),
            ("push: {branches-ignore: [main]}", &["a"], Some(OtherBranches)),
            ("push: {tags: ['v*']}", &["a"], Some(OtherBranches)),
            ("push: {paths: ['src/**']}", &["docs/a.md"], Some(OtherPaths)),
            ("push: {paths: ['src/**']}", &["docs/a.md", "src/b/c.rs"], None),
            ("push: {paths: ['**/*.rs']}", &["a.rs"], None),
            ("push: {paths: ['**', '!docs/**']}", &["docs/a.md"], Some(OtherPaths)),
            ("push: {paths-ignore: ['docs/**', '**.md']}", &["docs/a", "b.md"], Some(OtherPaths)),
            ("push: {paths-ignore: ['docs/**']}", &["docs/a", "b.md"], None),
            // What changed is not known.
            ("push: {paths: ['src/**']}", &[], None),
        ] {
            assert_eq!(no_run(on, changed), why, "{on} {changed:?}");
        }
        let files = WorkflowFiles::read([(".github/workflows/bad.yml", "on: [")]);
        assert_eq!(files.no_push_run("bad.yml", "main", None), None, "nobody can read it");
        assert_eq!(files.no_push_run("ci.yml", "main", None), Some(NoPushRun::NoFile));
    }
}
