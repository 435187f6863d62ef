//! What the kernel says of a process.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// The child of a child and so on: what a shell or another wrapper runs.
pub fn innermost(process: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.split_whitespace().next().map_or(process, |child| innermost(child.parse().unwrap()))
}

pub fn tell(process: u32, signal: Signal) {
    let _it_may_be_gone = kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), signal);
}

/// The ticks of processor time that it has used, a hundred to the second; `None` once it is gone.
pub fn ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = fields.split(' ').collect();
    let used = |at: usize| fields[at].parse::<u64>().unwrap();
    (fields[0] != "Z").then(|| used(11) + used(12))
}

/// The memory that it holds, in KiB.
pub fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
