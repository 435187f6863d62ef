//! The keys: a thread of its own reads them, one after the other, and hands them over.

use std::io;
use std::thread;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How many keys wait for us at most; the others wait in the terminal.
const MANY: usize = 1024;

/// What is typed from now on, pastes and new sizes among it. There is one keyboard: ask once.
///
/// # Errors
///
/// When the thread cannot be started.
pub fn keys() -> io::Result<ReceiverStream<io::Result<Event>>> {
    let (sender, keys) = mpsc::channel(MANY);
    thread::Builder::new().name("keys".to_owned()).spawn(move || hand_over(&sender))?;
    Ok(ReceiverStream::new(keys))
}

fn hand_over(keys: &mpsc::Sender<io::Result<Event>>) {
    loop {
        let key = event::read();
        let over = key.is_err();
        if keys.blocking_send(key).is_err() || over {
            return;
        }
    }
}

/// Whether the terminal holds something that was not read yet. Reads nothing and does not wait.
#[must_use]
pub fn has_more() -> bool {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut terminal, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
