//! Steps that print without measure: the deployment succeeds, memory stays where it is, and the log ends with the end.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::memory::{below, peak_in, peak_of};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;

const MEGABYTE: u64 = 1024 * 1024;
/// What a supervisor may need, whatever its step prints. The pages of a debug build alone are some 30 MiB.
const SUPERVISOR: u64 = 48 * MEGABYTE;
const ENGINE: u64 = 64 * MEGABYTE;
const CONSOLE: u64 = 100 * MEGABYTE;
/// A log holds no more than this, and the last lines of what was beyond it.
const LOG: u64 = 516 * MEGABYTE;
const LINES: u64 = 1_000_000;

/// The bytes that an endless line and an endless column of line ends have; the second fills its log in any case.
fn flood() -> u64 {
    std::env::var("TRUNKLINE_FLOOD_BYTES").map_or(128 * MEGABYTE, |bytes| bytes.parse().unwrap())
}

/// Each step by what it prints. What runs it is the supervisor, so that the parent of the shell is that.
fn steps() -> Vec<(&'static str, String)> {
    let (flood, half) = (flood(), LINES / 2);
    vec![
        ("endless", format!("head -c {flood} /dev/zero | tr '\\0' x")),
        ("lines", format!("yes 'one line of a million' | head -n {LINES}")),
        ("blank", format!("head -c {flood} /dev/zero | tr '\\0' '\\n'")),
        ("progress", format!("yes '  37% of the way' | head -n {LINES} | tr '\\n' '\\r'")),
        ("binary", format!("head -c {} /dev/urandom", flood / 2)),
        ("both", format!("yes out | head -n {half} & yes err | head -n {half} >&2; wait")),
    ]
}

/// The state of the newest build, once there is one.
pub fn newest_state(home: &Home) -> Option<String> {
    let output = home.trunkline(&["builds", "--json"]);
    let builds: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(builds[0]["state"].as_str()?.to_owned())
}

struct Flooded {
    home: Home,
    _repository: Repository,
}

impl Flooded {
    /// A service whose staging prints all that, once it has.
    fn after() -> Self {
        let (home, repository) = (Home::new(), Repository::new());
        let peaks = home.path("peaks");
        fs::create_dir(&peaks).unwrap();
        let steps = steps().into_iter().map(|(name, prints)| {
            let peak = peaks.join(name).display().to_string();
            format!(
                "[[staging.steps]]\nname = \"{name}\"\ntimeout = \"10m\"\nrun = '''\n{prints}\necho\ngrep VmHWM /proc/$PPID/status > '{peak}'\necho the end of {name}\n'''\n"
            )
        });
        let production = "[[production.steps]]\nname = \"x\"\nrun = \"true\"\n";
        let rollback = "[[rollback.steps]]\nname = \"x\"\nrun = \"true\"\n";
        let head = "service = \"checkout\"\ntrunk = \"main\"\n";
        let file = format!("{head}{}{production}{rollback}", steps.collect::<String>());
        repository.write("trunkline.toml", &file);
        repository.commit_all("Ann", "ann@example.com", "begin");
        home.watch_repository(repository.path(), "poll = \"200ms\"");
        let flooded = Self { home, _repository: repository };
        until("the deployment has ended well", || flooded.is_in_staging());
        flooded
    }

    fn is_in_staging(&self) -> bool {
        let state = newest_state(&self.home);
        assert_ne!(state.as_deref(), Some("failed"));
        state.as_deref() == Some("in_staging")
    }

    fn log(&self, step: usize) -> PathBuf {
        let mut runs = fs::read_dir(self.home.path("data/runs")).unwrap();
        runs.next().unwrap().unwrap().path().join(step.to_string()).join("log")
    }
}

/// The last line that a step itself printed.
fn last_line(log: &PathBuf) -> String {
    let mut file = File::open(log).unwrap();
    let size = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(size.saturating_sub(4_096))).unwrap();
    let mut end = Vec::new();
    file.read_to_end(&mut end).unwrap();
    String::from_utf8_lossy(&end).lines().last().unwrap_or_default().to_owned()
}

/// How many lines of a stream are in a log, and its notes.
fn count(log: &PathBuf, stream: u8) -> (u64, Vec<String>) {
    let (mut lines, mut notes) = (0, Vec::new());
    for line in BufReader::new(File::open(log).unwrap()).split(b'\n') {
        let line = line.unwrap();
        lines += u64::from(line.get(25) == Some(&stream));
        if line.get(25) == Some(&b't') {
            notes.push(String::from_utf8_lossy(&line[27..]).into_owned());
        }
    }
    (lines, notes)
}

#[test]
fn no_output_of_a_step_fails_its_deployment_or_fills_the_memory() {
    let flooded = Flooded::after();
    for (step, (name, _)) in steps().iter().enumerate() {
        let status = fs::read_to_string(flooded.home.path("peaks").join(name)).unwrap();
        let peak = peak_in(&status);
        below(SUPERVISOR, peak, &format!("the supervisor of {name}"));
        let log = flooded.log(step);
        let size = fs::metadata(&log).unwrap().len();
        assert!(size < LOG, "the log of {name} has {size} bytes");
        assert!(last_line(&log).ends_with(&format!("the end of {name}")), "{}", last_line(&log));
    }
    every_line_is_there_or_counted(&flooded);
    a_console_that_reads_them_stays_small(&flooded);
    let peak = peak_of(flooded.home.engine().unwrap());
    below(ENGINE, peak, "the engine");
}

fn every_line_is_there_or_counted(flooded: &Flooded) {
    let at = |name| steps().iter().position(|(step, _)| *step == name).unwrap();
    let own = 2;
    assert_eq!(count(&flooded.log(at("lines")), b'o'), (LINES + own, vec![]));
    assert_eq!(count(&flooded.log(at("both")), b'o').0, LINES + own);
    let (blank, notes) = count(&flooded.log(at("blank")), b'o');
    assert!(notes[0].contains("the log is full at 512 MiB"), "{notes:?}");
    let missing: u64 = notes[1].split(' ').next().unwrap().parse().unwrap();
    assert_eq!(blank + missing, flood() + own, "{notes:?}");
}

fn a_console_that_reads_them_stays_small(flooded: &Flooded) {
    let mut console = flooded.home.on_terminal(&[], (120, 40));
    console.shows("the end of both");
    for (name, _) in steps().iter().rev().skip(1) {
        console.keys("[");
        console.shows(&format!("the end of {name}"));
    }
    let peak = peak_of(console.process());
    below(CONSOLE, peak, "the console");
    assert!(console.quits());
}
