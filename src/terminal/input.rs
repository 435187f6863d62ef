//! Reads keys, pastes and sizes from the terminal in its own thread, so that the event loop does not poll.

use std::io;
use std::thread;

use crossterm::event::{Event, read};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

/// The most queued events. Further input waits in the terminal.
const QUEUE_CAPACITY: usize = 256;

/// Starts to read. There is one terminal: call this once. An error is the last item.
///
/// # Errors
/// When the thread cannot be started.
pub fn listen() -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (sender, events) = mpsc::channel(QUEUE_CAPACITY);
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

/// Whether the terminal has unread input. Reads nothing and does not wait.
#[must_use]
pub fn has_more() -> bool {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut terminal, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
