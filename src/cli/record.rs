//! Walks the hash chain of the record, through the engine or in a database file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::backend::{Answer, Backend};
use crate::domain::chain::{ChainFrom, ChainHead, ChainWalk, Hash};
use crate::domain::event::Event;
use crate::domain::ids::Seq;
use crate::store::{Reader, StoreError};

/// How many rows to read at once.
const PAGE: usize = 1_000;

/// Walks the chain of the engine's record. Also checks that the row `kept` is still in the chain.
pub async fn walk(backend: &impl Backend, kept: Option<&ChainHead>) -> Answer<ChainWalk> {
    walk_on(backend, ChainFrom::default(), kept).await
}

/// The same from a row on.
pub async fn walk_on(
    backend: &impl Backend,
    mut from: ChainFrom,
    kept: Option<&ChainHead>,
) -> Answer<ChainWalk> {
    let mut walk = ChainWalk::default();
    loop {
        let page = backend.chain(from, PAGE).await?;
        let rows = page.rows.into_iter().map(Ok).chain(page.broken.map(Err));
        for row in rows {
            if walk.take(row, kept).is_break() {
                return Ok(walk);
            }
        }
        let Some(head) = walk.head.as_ref().filter(|_| page.more) else {
            return Ok(walk.ended(kept));
        };
        from = ChainFrom { seq: head.seq, hash: Some(head.hash) };
    }
}

/// Walks the chain of a database file: a copy, or the record of a stopped engine.
///
/// # Errors
/// When the file cannot be read. A broken chain is not an error.
pub fn walk_file(path: &Path, kept: Option<&ChainHead>) -> Result<ChainWalk, StoreError> {
    Reader::open(path).and_then(|reader| reader.walk(kept))
}

/// Whether a database file is the one that a running engine has open: it has the last row of the engine.
///
/// # Errors
/// When the file cannot be read.
pub fn is_of_engine(path: &Path, head: &ChainHead) -> Result<bool, StoreError> {
    walk_file(path, Some(head)).map(|walk| walk.broken.is_none())
}

/// Says of a file that it is not.
pub fn not_of_engine(path: &Path) -> String {
    let path = path.display();
    format!("{path} is not the file that the engine has open: it was replaced or cut off")
}

/// What is wrong with a database file beyond its chain, if anything.
///
/// # Errors
/// When the file cannot be read.
pub fn fault(path: &Path) -> Result<Option<String>, StoreError> {
    Reader::open(path).and_then(|reader| Ok(reader.faults()?.into_iter().next()))
}

/// The hashes of these events. An event whose row is broken has none.
pub async fn hashes(backend: &impl Backend, events: &[Event]) -> Answer<BTreeMap<Seq, Hash>> {
    let mut hashes = BTreeMap::new();
    for Event { seq, .. } in events {
        if !hashes.contains_key(seq) {
            let from = ChainFrom { seq: Seq(seq.0.saturating_sub(1)), hash: None };
            let page = backend.chain(from, PAGE).await?;
            hashes.extend(page.rows.into_iter().map(|row| (row.seq, row.hash)));
        }
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::backend::scripted::{SERVICE, Scripted};

    #[tokio::test]
    async fn a_chain_of_many_pages_is_walked_to_its_end() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let service = SERVICE.parse().unwrap();
        for _ in 0..200 {
            backend.change(|world| world.verified_build(&service, "ada"));
        }
        let events = backend.events(None, Seq(0), 10_000, std::time::Duration::ZERO).await.unwrap();
        assert!(events.len() > PAGE, "{}", events.len());
        let walked = walk(&backend, None).await.unwrap();
        assert_eq!((walked.rows, &walked.broken), (events.len() as u64, &None));
        let head = walked.head.unwrap();
        let hashes = hashes(&backend, &events).await.unwrap();
        assert_eq!((hashes.len(), hashes[&head.seq]), (events.len(), head.hash));
        let grown = walk(&backend, Some(&head)).await.unwrap();
        assert_eq!(grown.broken, None, "the kept row is still there");
        let other = ChainHead { hash: Hash::of("another history"), ..head.clone() };
        let rewritten = walk(&backend, Some(&other)).await.unwrap();
        assert_eq!(rewritten.broken.unwrap().seq, head.seq);
        let later = ChainHead { rows: head.rows + 1, seq: Seq(head.seq.0 + 1), ..head.clone() };
        let cut_off = walk(&backend, Some(&later)).await.unwrap();
        assert_eq!(cut_off.broken.unwrap().seq, later.seq);
    }
}
