//! A million log lines on the real engine and the real console: opening, following, searching, and the memory it takes.
//!
//! `cargo bench --bench log`. Each figure stands beside what the machine needs for the least that has to be done.

mod lines;
mod process;
mod speed;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use trunkline_testing::home::{Home, until};
use trunkline_testing::pty::Pty;
use trunkline_testing::repository::Repository;

const SIZE: (u16, u16) = (120, 40);
const FOLLOWED: u64 = 500_000;
const RATE: u64 = 50_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "print") {
        return speed::print(FOLLOWED, RATE);
    }
    let bench = Bench::new();
    let big = bench.big_log();
    bench.opens(&big);
    bench.searches(&big);
    bench.scrolls();
    bench.follows();
}

/// How many pages are scrolled: at this size about 70,000 lines, of which 20,000 fit into memory.
const PAGES: u32 = 2_000;

struct Bench {
    repository: Repository,
    home: Home,
    gate: PathBuf,
}

impl Bench {
    /// A service whose first build has a finished step, and whose step for the second waits for a gate to print.
    fn new() -> Self {
        let (repository, home) = (Repository::new(), Home::new());
        let gate = home.path("gate");
        let program = std::env::current_exe().expect("this program has a path");
        let step = format!(
            "if [ -e first ]; then echo first; else while [ ! -e '{}' ]; do sleep 0.01; done; '{}' print; fi",
            gate.display(),
            program.display()
        );
        let file = format!(
            "service = \"checkout\"\ntrunk = \"main\"\n[[staging.steps]]\nname = \"release\"\nrun = {step:?}\ntimeout = \"10m\"\n[[production.steps]]\nname = \"release\"\nrun = [\"true\"]\n[[rollback.steps]]\nname = \"release\"\nrun = [\"true\"]\n"
        );
        repository.write("trunkline.toml", &file);
        repository.write("first", "");
        repository.commit_all("Ann", "ann@example.com", "first");
        home.watch_repository(repository.path(), "");
        Self { repository, home, gate }
    }

    fn big_log(&self) -> PathBuf {
        until("the first build is in staging", || self.home.said(&["builds"]).contains("staging"));
        let runs = self.home.path("data").join("runs");
        let deployment =
            std::fs::read_dir(&runs).expect("it ran").next().expect("it ran").expect("it ran");
        let path = deployment.path().join("0").join("log");
        let began = Instant::now();
        let size = lines::write(&path);
        println!(
            "a log of {} lines, {} MB, written in {:.1} s",
            lines::LINES,
            size / 1_000_000,
            began.elapsed().as_secs_f64()
        );
        path
    }

    fn console(&self) -> Pty {
        self.home.on_terminal(&["--service", "checkout"], SIZE)
    }

    fn engine(&self) -> u32 {
        self.home.engine().expect("an engine runs")
    }

    fn opens(&self, big: &Path) {
        std::fs::remove_file(self.repository.path().join("first")).expect("it is there");
        self.repository.commit_all("Ann", "ann@example.com", "second");
        let mut console = self.console();
        console.shows("second");
        let mut times = Vec::new();
        for _ in 0..9 {
            console.hides("0999999");
            times.push(timed(|| {
                console.keys("j");
                console.shows("0999999");
            }));
            console.keys("k");
        }
        let floor = (0..9).map(|_| {
            timed(|| {
                let tail = std::process::Command::new("tail")
                    .args(["-n", "40"])
                    .arg(big)
                    .stdout(Stdio::null())
                    .status();
                assert!(tail.expect("tail runs").success());
            })
        });
        report("opens at its end", "100 ms", times, "tail -n 40", floor.collect());
    }

    fn searches(&self, big: &Path) {
        let mut console = self.console();
        console.shows("second");
        console.keys("j");
        console.shows("0999999");
        console.keys("4z");
        let mut times: [Vec<Duration>; 4] = std::array::from_fn(|_| Vec::new());
        for _ in 0..5 {
            times[0].push(search(&mut console, lines::RARE, "0998500"));
            times[1].push(press(&mut console, "N", "0001700"));
            times[2].push(search(&mut console, "no such word", "no more found"));
            press(&mut console, "g", "0000000 asset");
            times[3].push(press(&mut console, "e", "ERROR 0998000"));
        }
        let named = [
            ("finds a rare word near by", lines::RARE),
            ("finds it at the other end", lines::RARE),
            ("searches for an absent word", "no such word"),
            ("finds the next error", "ERROR"),
        ];
        for ((what, word), times) in named.into_iter().zip(times) {
            let floor = (0..5).map(|_| timed(|| assert!(scan(big, word) <= 2))).collect();
            report(what, "300 ms", times, "pread and memmem", floor);
        }
        self.memory("after the searches", &console);
    }

    /// From the beginning by pages, through several times what is kept in memory, and to the end.
    fn scrolls(&self) {
        let mut console = self.console();
        console.shows("second");
        console.keys("j");
        console.shows("0999999");
        let opened = process::resident(console.process());
        console.keys("4z");
        console.keys("g");
        console.until("the beginning, and it alone", |text| {
            text.contains("0000000 asset") && !text.contains("0999999")
        });
        let began = Instant::now();
        for _ in 0..PAGES {
            let before = console.text();
            console.keys("\x1b[6~");
            console.until("another page", |text| text != before);
        }
        let page = began.elapsed().as_secs_f64() * 1_000.0 / f64::from(PAGES);
        press(&mut console, "G", "0999999");
        println!(
            "{:<32} {PAGES} pages, {page:.1} ms each; console {opened:.1} MB as it opened",
            "scrolls"
        );
        self.memory("after scrolling", &console);
    }

    fn follows(&self) {
        let mut console = self.console();
        console.shows("second");
        console.keys("4z");
        let printed = self.home.path("followed");
        let mut reader = self.home.command(&["logs", "--follow"]);
        let mut reader =
            reader.stdout(File::create(&printed).expect("a file")).spawn().expect("it runs");
        let (pid, engine) = (console.process(), self.engine());
        let used = (process::used(pid), process::used(engine));
        let began = Instant::now();
        std::fs::write(&self.gate, "").expect("the gate opens");
        console.shows(speed::LAST);
        let took = began.elapsed();
        assert!(reader.wait().expect("it ends").success());
        let text = std::fs::read_to_string(&printed).expect("it printed");
        let numbers = text.lines().filter_map(|line| line.get(..7)?.parse::<u64>().ok());
        let whole = numbers.eq(0..FOLLOWED);
        let least = Duration::from_millis(1_000 * FOLLOWED / RATE);
        println!(
            "{:<32} {FOLLOWED} lines, the last on screen after {:.2} s; printing them takes {:.2} s; logs --follow lost or doubled {}",
            "follows 50,000 lines/s",
            took.as_secs_f64(),
            least.as_secs_f64(),
            if whole { "none" } else { "SOME" }
        );
        let share = |before: Duration, pid| {
            100.0 * process::used(pid).saturating_sub(before).as_secs_f64() / took.as_secs_f64()
        };
        println!(
            "{:<32} console {:.0} %, engine {:.0} % of a core",
            "",
            share(used.0, pid),
            share(used.1, engine)
        );
        self.memory("after following", &console);
    }

    fn memory(&self, when: &str, console: &Pty) {
        println!(
            "{:<32} console {:.1} MB (limit 100), engine {:.1} MB (limit 60), at their most",
            when,
            process::peak(console.process()),
            process::peak(self.engine())
        );
    }
}

/// How long it takes from the key to what it shows.
fn press(console: &mut Pty, key: &str, shows: &str) -> Duration {
    timed(|| {
        console.keys(key);
        console.shows(shows);
    })
}

/// The same for a search from the end of the log.
fn search(console: &mut Pty, text: &str, shows: &str) -> Duration {
    press(console, "G", "0999999");
    press(console, &format!("/{text}"), text);
    press(console, "\r", shows)
}

/// How often a word is in a file, read in pieces.
fn scan(path: &Path, word: &str) -> usize {
    let file = File::open(path).expect("the log is there");
    let size = file.metadata().expect("the log is there").len();
    let finder = Finder::new(word);
    let mut buffer = vec![0; 512 * 1024];
    let mut found = 0;
    let mut at = 0;
    while at < size {
        let read = file.read_at(&mut buffer, at).expect("the log can be read");
        found += finder.find_iter(&buffer[..read]).count();
        at += read as u64;
    }
    found
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn report(what: &str, limit: &str, times: Vec<Duration>, floor: &str, floors: Vec<Duration>) {
    let ms = |mut times: Vec<Duration>| {
        times.sort();
        let ms = |time: &Duration| time.as_secs_f64() * 1_000.0;
        (ms(&times[times.len() / 2]), ms(times.last().expect("it was measured")))
    };
    let ((median, most), (least, _)) = (ms(times), ms(floors));
    println!(
        "{what:<32} {median:6.1} ms, at most {most:6.1} (limit {limit}); {floor} {least:6.1} ms"
    );
}
