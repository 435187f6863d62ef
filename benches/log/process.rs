//! What a process has used, as the kernel tells it.

use std::time::Duration;

/// The most memory that a process had, in MB.
pub fn peak(pid: u32) -> f64 {
    memory(pid, "VmHWM:")
}

/// The memory that it has now, in MB.
pub fn resident(pid: u32) -> f64 {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kib * 1_024.0 / 1_000_000.0
}

/// The processor time that it took.
pub fn used(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let fields: Vec<&str> =
        stat.rsplit_once(')').expect("it has a name").1.split_whitespace().collect();
    let ticks: u64 =
        [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("it is a number")).sum();
    Duration::from_millis(ticks * 10)
}
