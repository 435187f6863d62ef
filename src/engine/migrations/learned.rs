//! Caches what lists of migrations define: the files before those of a promote seldom change.

use std::sync::{Arc, Mutex};

use crate::domain::ids::Sha;
use crate::migrations::{Dialect, SchemaDefinitions};

/// The most lists of files whose definitions are kept: those of the last plans.
const KEPT: usize = 4;

/// What lists of files define, by the contents of the files in their order. The clones share them.
#[derive(Debug, Clone, Default)]
pub struct Learned(Arc<Mutex<Vec<Arc<LearnedFiles>>>>);

/// What these files define.
#[derive(Debug)]
pub struct LearnedFiles {
    pub dialect: Dialect,
    /// Their contents, in their order.
    pub files: Vec<Sha>,
    pub known: SchemaDefinitions,
}

impl Learned {
    /// The longest list with which these files begin.
    pub fn start_of(&self, dialect: Dialect, files: &[Sha]) -> Option<Arc<LearnedFiles>> {
        let all = self.0.lock().expect("no code panics while holding the lists");
        let starts =
            all.iter().filter(|one| one.dialect == dialect && files.starts_with(&one.files));
        starts.max_by_key(|one| one.files.len()).cloned()
    }

    pub fn keep(&self, learned: LearnedFiles) {
        let mut all = self.0.lock().expect("no code panics while holding the lists");
        all.truncate(KEPT - 1);
        all.insert(0, Arc::new(learned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(numbers: &[u64]) -> Vec<Sha> {
        numbers.iter().map(|n| format!("{n:040x}").parse().expect("it is a commit's id")).collect()
    }

    #[test]
    fn the_longest_list_with_which_the_files_begin_is_known_and_only_the_last_lists_stay() {
        let all = Learned::default();
        let dialect = Dialect::Postgres;
        let keep = |numbers: &[u64]| {
            let (files, known) = (files(numbers), SchemaDefinitions::default());
            all.keep(LearnedFiles { dialect, files, known });
        };
        let found = |dialect, numbers: &[u64]| {
            all.start_of(dialect, &files(numbers)).map(|found| found.files.len())
        };
        keep(&[1]);
        keep(&[1, 2, 3]);
        assert_eq!(found(dialect, &[1, 2, 3, 4]), Some(3));
        assert_eq!(found(dialect, &[1, 2]), Some(1));
        assert_eq!(found(dialect, &[5, 1]), None, "another file comes first");
        assert_eq!(found(Dialect::Mysql, &[1, 2, 3]), None);
        (10..10 + KEPT as u64).for_each(|number| keep(&[number]));
        assert_eq!(found(dialect, &[1, 2, 3]), None);
        assert_eq!(found(dialect, &[10]), Some(1));
    }
}
