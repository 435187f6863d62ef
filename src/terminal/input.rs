//! Reads keys, pastes and sizes from the terminal in a thread of its own, so that the event loop does not poll.

use std::io;
use std::thread;

use crossterm::event::{Event, read};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

/// The most queued events. Further input waits in the terminal.
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

/// Whether the terminal holds something that was not read yet. Reads nothing and does not wait.
#[must_use]
pub fn has_more() -> bool {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut terminal, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
