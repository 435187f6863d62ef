//! What lies in the terminal and was not read yet.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether there is something to read. Reads nothing and does not wait.
#[must_use]
pub fn has_input() -> bool {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut terminal, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
