//! Answers that were read before, so that an engine tells only what changed: an unchanged answer costs nothing of GitHub's limit.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::header::HeaderValue;

/// The most answers that are kept, and the most bytes that they came in: what is read of them is much smaller.
const MOST: usize = 1024;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The answers to one client, by their types and paths. Those that were not read for longest go first.
#[derive(Debug, Default)]
pub struct AnswerCache {
    all: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    known: HashMap<(TypeId, String), CachedAnswer>,
    bytes: usize,
    reads: u64,
}

#[derive(Debug)]
struct CachedAnswer {
    tag: HeaderValue,
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    read: u64,
}

impl AnswerCache {
    /// The answer that is known, with its tag.
    pub fn get<T: Send + Sync + 'static>(&self, path: &str) -> Option<(HeaderValue, Arc<T>)> {
        let mut all = self.all();
        all.reads += 1;
        let read = all.reads;
        let known = all.known.get_mut(&(TypeId::of::<T>(), path.to_owned()))?;
        known.read = read;
        Some((known.tag.clone(), known.value.clone().downcast().ok()?))
    }

    /// Keeps an answer that came in so many bytes.
    pub fn put<T: Send + Sync + 'static>(
        &self,
        path: &str,
        tag: HeaderValue,
        value: Arc<T>,
        bytes: usize,
    ) {
        let mut all = self.all();
        all.reads += 1;
        let answer = CachedAnswer { tag, value, bytes, read: all.reads };
        let before = all.known.insert((TypeId::of::<T>(), path.to_owned()), answer);
        all.bytes = all.bytes + bytes - before.map_or(0, |before| before.bytes);
        while all.known.len() > MOST || all.bytes > MOST_BYTES {
            let oldest = all.known.iter().min_by_key(|(_, answer)| answer.read);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            let gone = all.known.remove(&oldest);
            all.bytes -= gone.map_or(0, |gone| gone.bytes);
        }
    }

    fn all(&self) -> MutexGuard<'_, Answers> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_what_is_read_stays() {
        let cache = AnswerCache::default();
        let tag = || HeaderValue::from_static("W/\"1\"");
        let put = |path: &str, bytes| cache.put(path, tag(), Arc::new(path.to_owned()), bytes);
        put("/often", 1);
        for number in 0..3 * MOST {
            put(&number.to_string(), 1);
            assert_eq!(*cache.get::<String>("/often").unwrap().1, "/often");
        }
        assert_eq!((cache.all().known.len(), cache.all().bytes), (MOST, MOST));
        assert!(cache.get::<String>("0").is_none() && cache.get::<u64>("/often").is_none());
        put("/large", MOST_BYTES);
        assert_eq!((cache.all().known.len(), cache.all().bytes), (1, MOST_BYTES));
        put("/large", 7);
        assert_eq!((cache.all().known.len(), cache.all().bytes), (1, 7));
    }
}
