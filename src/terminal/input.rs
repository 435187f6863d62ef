//! What comes from the terminal: keys, pastes and sizes. A thread of its own waits for it, so that the loop never asks the
//! terminal whether there is something.

use std::io;
use std::thread;

use crossterm::event::{Event, read};
use tokio::sync::mpsc;

/// How many events may wait to be taken in; what comes beyond them waits in the terminal.
const WAITING: usize = 256;

/// Begins to read. There is one terminal: call it once. An error is the last that comes.
///
/// # Errors
/// When there can be no more threads.
pub fn listen() -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (sender, events) = mpsc::channel(WAITING);
    let work = move || {
        loop {
            let event = read();
            let is_last = event.is_err();
            if sender.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(work)?;
    Ok(events)
}
