//! What a process has used up, as Linux tells it.

use std::fs;
use std::time::Duration;

/// In what the kernel tells the time of processes that have ended.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used up, its threads and the processes that it waited for included.
pub struct Spent {
    pub wakes: u64,
    pub running: Duration,
}

impl Spent {
    pub fn by(id: u32) -> Self {
        let mut spent = Self { wakes: 0, running: of_children(id) };
        for thread in fs::read_dir(format!("/proc/{id}/task")).expect("the process runs") {
            let folder = thread.expect("the threads can be listed").path();
            let status = status(&format!("{}/status", folder.display()));
            spent.wakes += status("voluntary_ctxt_switches");
            let schedule = fs::read_to_string(folder.join("schedstat")).expect("Linux tells it");
            let nanoseconds = schedule.split(' ').next().and_then(|text| text.parse().ok());
            spent.running += Duration::from_nanos(nanoseconds.expect("it begins with a number"));
        }
        spent
    }
}

/// The processor time of the processes that this one has waited for.
fn of_children(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(") ").expect("the name stands in brackets");
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.map(|number| number.expect("it is a number")).sum();
    TICK * u32::try_from(ticks).expect("it has not run for a year")
}

/// The numbers of a status file, by their names.
pub fn status(path: &str) -> impl Fn(&str) -> u64 + use<> {
    let text = fs::read_to_string(path).expect("the process runs");
    move |name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_default()
    }
}
