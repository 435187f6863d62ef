//! Finds the processes of a step in `/proc` (Linux) by the variables in their environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A living process that carries a step's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub id: i32,
    pub group: i32,
    pub session: i32,
}

/// Positions of the fields after the command's name in `/proc/PID/stat`.
const STATE: usize = 0;
const GROUP: usize = 2;
const SESSION: usize = 3;
const START: usize = 19;

/// The start time of a process, as the kernel writes it. `None` without `/proc`.
pub(super) fn start_of(process: i32) -> Option<String> {
    stat(process)?.into_iter().nth(START)
}

/// All live processes that were started with these variables, in any session. Empty without `/proc`.
pub(super) fn with_environment(variables: &BTreeMap<String, String>) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| carries(*id, variables)).filter_map(process).collect()
}

/// Whether a process runs. A zombie does not count.
pub(super) fn is_alive(process: i32) -> bool {
    self::process(process).is_some()
}

impl Process {
    /// The name of its program, for people.
    pub(super) fn name(&self) -> String {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.id)).unwrap_or_default();
        name.trim_end().to_owned()
    }
}

fn process(id: i32) -> Option<Process> {
    let fields = stat(id)?;
    let number = |at: usize| fields.get(at)?.parse().ok();
    let is_dead = matches!(fields.get(STATE)?.as_str(), "Z" | "X");
    (!is_dead).then_some(Process { id, group: number(GROUP)?, session: number(SESSION)? })
}

fn stat(process: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command's name may contain any character, so the fields start after the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn carries(process: i32, variables: &BTreeMap<String, String>) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{process}/environ")) else { return false };
    let carried: BTreeSet<&[u8]> = environment.split(|byte| *byte == 0).collect();
    let pairs = variables.iter().map(|(name, value)| format!("{name}={value}"));
    !variables.is_empty() && pairs.into_iter().all(|pair| carried.contains(pair.as_bytes()))
}
