//! A program and all that it starts, ended together.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a running program, which was started in one of its own. Dropping it kills the program and its
/// helpers, unless it has ended.
#[derive(Debug)]
pub struct ChildGroup(Option<Pid>);

impl ChildGroup {
    #[must_use]
    pub fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The program has ended: its number may belong to another one now.
    pub fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}
