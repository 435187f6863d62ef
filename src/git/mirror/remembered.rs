//! What was read of commits. A commit never changes, so nobody reads it twice.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::Sha;

/// The most answers of one kind that are kept. They begin anew when there are as many.
const MOST: usize = 500;
/// The most bytes of a file that is kept.
const LARGEST: usize = 16 * 1024;

/// The answers about the commits of one mirror.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Commits and those that have them in their history. That one has not is asked each time: a shallow history grows.
    pub ancestors: KeptAnswers<(Sha, Sha), ()>,
    pub large_mailmaps: KeptAnswers<Sha, bool>,
    files: KeptAnswers<(Sha, String), Vec<u8>>,
}

impl Remembered {
    pub fn file(&self, at: &Sha, path: &str) -> Option<Vec<u8>> {
        self.files.get(&(at.clone(), path.to_owned()))
    }

    pub fn keep_file(&self, at: &Sha, path: &str, file: &[u8]) {
        if file.len() <= LARGEST {
            self.files.keep((at.clone(), path.to_owned()), file.to_vec());
        }
    }

    /// For a mirror that was made anew: it may lack what the one before had.
    pub fn forget(&self) {
        self.ancestors.known().clear();
        self.large_mailmaps.known().clear();
        self.files.known().clear();
    }
}

/// The answers of one kind.
#[derive(Debug)]
pub(super) struct KeptAnswers<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for KeptAnswers<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> KeptAnswers<K, V> {
    pub fn get(&self, key: &K) -> Option<V> {
        self.known().get(key).cloned()
    }

    pub fn keep(&self, key: K, value: V) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, value);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> Sha {
        String::from(digit).repeat(40).parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_bounded_and_forgotten_with_its_mirror() {
        let remembered = Remembered::default();
        let (large, small) = (vec![b'x'; LARGEST + 1], vec![b'x'; LARGEST]);
        remembered.keep_file(&sha('a'), "large", &large);
        remembered.keep_file(&sha('a'), "small", &small);
        assert_eq!(remembered.file(&sha('a'), "large"), None);
        assert_eq!(remembered.file(&sha('a'), "small"), Some(small));
        assert_eq!(remembered.file(&sha('b'), "small"), None, "each commit has its own");
        remembered.large_mailmaps.keep(sha('a'), true);
        remembered.ancestors.keep((sha('a'), sha('b')), ());
        remembered.forget();
        assert_eq!(remembered.file(&sha('a'), "small"), None);
        assert_eq!(remembered.large_mailmaps.get(&sha('a')), None);
        assert_eq!(remembered.ancestors.get(&(sha('a'), sha('b'))), None);
        for number in 0..3 * MOST {
            remembered.keep_file(&sha('a'), &number.to_string(), b"");
        }
        assert!(remembered.files.known().len() <= MOST);
    }
}
