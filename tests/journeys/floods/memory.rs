//! How much memory a process ever had, as the kernel tells it.

use std::fs;

/// Claims that a peak is below a limit, and tells it to whoever reads along.
pub fn below(limit: u64, peak: u64, who: &str) {
    println!("{who} had {} MiB at most", peak / (1024 * 1024));
    assert!(peak < limit, "{who} had {peak} bytes, more than {limit}");
}

/// The peak of a process's memory in bytes, by its id.
pub fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    peak_in(&status)
}

/// The same from what `/proc/ID/status` said.
pub fn peak_in(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.split("VmHWM:").nth(1)).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}
