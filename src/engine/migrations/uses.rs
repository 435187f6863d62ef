//! Caches which commits use which words. A commit never changes, so it is searched once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::domain::ids::Sha;

/// The most cached answers. At the limit the cache is cleared.
const CAPACITY: usize = 10_000;

/// Whether a word is used in the code of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    None,
    /// By this file, if known.
    By(Option<String>),
}

/// The uses of words in the code of commits. The clones share their answers.
#[derive(Debug, Clone, Default)]
pub struct Uses(Arc<Mutex<HashMap<(Sha, String), Use>>>);

impl Uses {
    pub fn known(&self, at: &Sha, word: &str) -> Option<Use> {
        let all = self.0.lock().expect("no code panics while holding the answers");
        all.get(&(at.clone(), word.to_lowercase())).cloned()
    }

    pub fn remember(&self, at: &Sha, word: &str, used: Use) {
        let mut all = self.0.lock().expect("no code panics while holding the answers");
        if all.len() >= CAPACITY {
            all.clear();
        }
        all.insert((at.clone(), word.to_lowercase()), used);
    }
}
