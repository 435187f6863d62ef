//! Checks the record as an engine needs it: whole, complete, readable to its last page, and writable.

use std::path::Path;

use super::Check;
use crate::backend::remote::Remote;
use crate::cli::{engine_process, record};
use crate::config::places::Places;
use crate::domain::chain::{ChainBreak, ChainHead};
use crate::domain::ids::Seq;
use crate::engine::record_check;
use crate::store::{StoreError, try_write};

const RESTORE: &str = "restore a backup: trunkline restore FILE --instead";

pub(super) async fn check(places: &Places) -> Option<Check> {
    let (socket, path) = (places.socket(), places.database());
    let mut head = None;
    if engine_process::answers(&socket) {
        match record::walk(&Remote::over(socket), None).await {
            Ok(walk) => head = walk.head,
            // The file tells more, and the check of the engine reports that it does not answer.
            Err(why) => tracing::debug!(%why, "the engine does not tell its record"),
        }
    }
    if !path.exists() {
        let complete = record_check::is_complete(&places.data, Seq(0));
        return complete.err().map(|why| Check::wrong("record", why.to_string(), RESTORE));
    }
    if !path.is_file() {
        let found = format!("{} is not a file", path.display());
        return Some(Check::wrong("record", found, "move it away"));
    }
    Some(file(&places.data, &path, head.as_ref()).unwrap_or_else(|error| match error {
        StoreError::Newer { .. } | StoreError::Damaged { .. } => {
            Check::wrong("record", error.to_string(), "no engine can start before this is done")
        }
        error => Check::wrong(
            "record",
            error.to_string(),
            "make it readable and writable, or free some space",
        ),
    }))
}

/// Checks the file of the record. `head` is the last row that a running engine has.
fn file(data: &Path, path: &Path, head: Option<&ChainHead>) -> Result<Check, StoreError> {
    if let Some(fault) = record::fault(path)? {
        return Ok(Check::wrong(
            "record",
            format!("{} is damaged: {fault}", path.display()),
            RESTORE,
        ));
    }
    let walk = record::walk_file(path, None)?;
    if let Some(ChainBreak { seq, why }) = walk.broken {
        return Ok(Check::wrong(
            "record",
            format!("event {seq} was changed outside trunkline or is damaged: {why}"),
            format!("do not trust the record from this event on; {RESTORE}"),
        ));
    }
    if let Some(head) = head
        && !record::is_of_engine(path, head)?
    {
        let remedy = format!("run: trunkline engine stop; {RESTORE}");
        return Ok(Check::wrong("record", record::not_of_engine(path), remedy));
    }
    let last = walk.head.as_ref().map_or(Seq(0), |head| head.seq);
    if let Err(why) = record_check::is_complete(data, last) {
        return Ok(Check::wrong(
            "record",
            why.to_string(),
            "no engine can start before this is done",
        ));
    }
    try_write(path)?;
    let rows = walk.rows;
    Ok(Check::fine("record", format!("its hash chain is whole, {rows} events; it can be written")))
}
