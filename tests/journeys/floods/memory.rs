//! How much memory a process ever had, as the kernel tells it.

use std::fs;

/// Claims that a peak is below a limit, and tells it to whoever reads along.
pub fn below(limit: u64, peak: u64, who: &str) {
    println!("{who} had {} MiB at most", peak / (1024 * 1024));
    assert!(peak < limit, "{who} had {peak} bytes, more than {limit}");
}

/// The peak of a process's own memory in bytes, by its id.
pub fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    peak_in(&status)
}

/// The same from what `/proc/ID/status` said. The pages of the program, which lie in its file too, are not counted where it
/// tells them: a program that tests run is several times as large as a release.
pub fn peak_in(status: &str) -> u64 {
    let kilobytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.split(name).nth(1))?;
        Some(line.trim().trim_end_matches(" kB").parse().unwrap())
    };
    let of_program = kilobytes("RssFile:").unwrap_or_default();
    kilobytes("VmHWM:").unwrap().saturating_sub(of_program) * 1024
}
