//! A build's whole way, as a person sees it: the real program on a terminal, a real repository, real steps.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

#[path = "support/home.rs"]
mod home;
#[path = "support/pty.rs"]
mod pty;
#[path = "support/repository.rs"]
mod repository;

use home::Home;
use pty::Pty;
use repository::Repository;

/// How long a way out may take on a machine that is busy with other things; on a calm one it takes no time.
const WAY_OUT: Duration = Duration::from_secs(10);
const RIGHT: &str = "\x1b[C";

/// One step for everything. It notes that it ran, prints twenty lines, and as a promote waits while the gate is there;
/// not forever, as nobody may be left to open it.
const DEPLOY: &str = r#"
echo "$TRUNKLINE_ENVIRONMENT $TRUNKLINE_KIND $TRUNKLINE_BUILD" >> "$RAN"
i=1
while [ $i -le 20 ]; do echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD, line $i of 20"; i=$((i + 1)); done
n=0
while [ "$TRUNKLINE_KIND" = promote ] && [ -e "$GATE" ] && [ $n -lt 6000 ]; do n=$((n + 1)); sleep 0.02; done
echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD is out"
"#;

/// What the step prints when it deploys a build.
fn printed(kind: &str, build: u64) -> Vec<String> {
    let lines = (1..=20).map(|line| format!("{kind} of {build}, line {line} of 20"));
    lines.chain([format!("{kind} of {build} is out")]).collect()
}

/// A repository whose trunk is watched by a person called raj.
struct Shop {
    home: Home,
    repository: Repository,
}

impl Shop {
    fn open() -> Self {
        let shop = Self { home: Home::new(), repository: Repository::new() };
        let (ran, gate) = (shop.home.path("ran"), shop.gate());
        let places = format!("RAN='{}'\nGATE='{}'", ran.display(), gate.display());
        shop.repository.write("deploy", &format!("{places}{DEPLOY}"));
        shop.repository.write("trunkline.toml", &service_file());
        shop.merge("begin");
        // A countdown that only a key can end in time: what fires it is the test's to say.
        let settings = "poll = \"100ms\"\nemergency_countdown = \"10m\"";
        shop.home.watch_repository(shop.repository.path(), settings);
        shop
    }

    fn console(&self) -> Pty {
        self.console_of((120, 40))
    }

    fn console_of(&self, size: (u16, u16)) -> Pty {
        let screen = self.home.on_terminal(&["console"], size);
        screen.shows("PROD checkout");
        screen
    }

    /// A change by somebody else reaches the trunk.
    fn merge(&self, subject: &str) {
        self.repository.write("page.html", subject);
        self.repository.commit_all("Ann", "ann@example.com", subject);
    }

    fn gate(&self) -> PathBuf {
        self.home.path("gate")
    }

    fn close_gate(&self) {
        fs::write(self.gate(), "").unwrap();
    }

    fn open_gate(&self) {
        fs::remove_file(self.gate()).unwrap();
    }

    /// What the steps noted, one line for each time that one ran.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many steps have left their result on disk.
    fn results(&self) -> usize {
        let folders = |path| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap());
        let deployments = folders(self.home.path("data/runs"));
        let steps = deployments.flat_map(|deployment| folders(deployment.path()));
        steps.filter(|step| step.path().join("status.json").exists()).count()
    }

    fn kinds(&self) -> Vec<String> {
        let history = self.home.json(&["history", "--json"]);
        let kind = |deployment: &serde_json::Value| {
            deployment["request"]["kind"].as_str().unwrap().to_owned()
        };
        history.as_array().unwrap().iter().map(kind).collect()
    }

    /// The lines of the last production deployment's log, without the heading of its step.
    fn log(&self) -> Vec<String> {
        let history = self.home.json(&["history", "--json"]);
        let id = format!("d{}", history[0]["id"]);
        let said = self.home.said(&["logs", &id]);
        let (heading, lines) = said.split_once('\n').unwrap();
        assert_eq!(heading, format!("== {id} release"));
        lines.lines().map(str::to_owned).collect()
    }
}

fn service_file() -> String {
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    let step = |pipeline: &str| {
        format!("[[{pipeline}.steps]]\nname = \"release\"\nrun = \"exec sh ./deploy\"\n")
    };
    [
        "service = \"checkout\"\ntrunk = \"main\"\n".to_owned(),
        "[policy]\nsoak = \"0s\"\nverify = \"person\"\n".to_owned(),
        format!("[people.raj]\nlogins = [{:?}]\nemails = [\"raj@example.com\"]\n", me.trim()),
        "[people.ann]\nemails = [\"ann@example.com\"]\n".to_owned(),
        ["staging", "production", "rollback"].map(step).concat(),
    ]
    .concat()
}

/// Waits for a row with this build in this state; between the two stands a glyph.
fn row(screen: &Pty, build: &str, state: &str) {
    let tells = |line: &str| {
        let after = line.split_once(&format!("{build} ")).map(|(_, after)| after.trim_start());
        let after_glyph = after.and_then(|after| after.split_once(' '));
        after_glyph.is_some_and(|(_, word)| word.starts_with(state))
    };
    screen.until(&format!("{build} {state}"), |text| text.lines().any(tells));
}

/// Goes through a dialog that begins on Cancel to its other button, and presses it once it is lit.
fn confirm(screen: &mut Pty, label: &str) {
    screen.lights_up("[> Cancel <]");
    screen.shows(&format!("[  {label}  ]"));
    screen.keys(RIGHT);
    screen.lights_up(&format!("[> {label} <]"));
    screen.keys("\r");
    screen.hides(&format!("[> {label} <]"));
}

fn verify(screen: &mut Pty, build: &str) {
    row(screen, build, "staging");
    screen.keys("1g");
    screen.keys("V");
    screen.shows(&format!("Verify {build} in staging"));
    confirm(screen, "Verify");
    row(screen, build, "verified");
}

fn promote(screen: &mut Pty, build: &str) {
    screen.keys("P");
    screen.shows(&format!("Promote {build} to PRODUCTION"));
    confirm(screen, "Promote");
}

fn leave(mut screen: Pty) {
    screen.keys("q");
    assert!(screen.ended(), "{}", screen.text());
    assert!(screen.is_restored());
}

#[test]
fn a_merge_goes_from_trunk_to_production_and_back() {
    let shop = Shop::open();
    let mut screen = shop.console();
    screen.shows("nothing live yet");
    row(&screen, "#1", "staging");
    shop.merge("sell hats");
    screen.shows("sell hats");
    screen.shows("auto of 2 is out");
    verify(&mut screen, "#2");
    promote(&mut screen, "#2");
    row(&screen, "#2", "LIVE");
    screen.shows("promote of 2 is out");

    shop.close_gate();
    shop.merge("sell shoes");
    verify(&mut screen, "#3");
    promote(&mut screen, "#3");
    row(&screen, "#3", "DEPLOYING");
    screen.shows("promote of 3, line 20 of 20");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#3", "cancelled");
    row(&screen, "#2", "LIVE");
    screen.shows("ON HOLD by raj");
    screen.shows("rollback of 2 is out");
    leave(screen);

    let ran = [
        "staging auto 1",
        "staging auto 2",
        "production promote 2",
        "staging auto 3",
        "production promote 3",
        "production rollback 2",
    ];
    assert_eq!(shop.ran(), ran);
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);
}

/// A shop with a promote that waits at the gate, and the console that shows it.
fn in_the_middle_of_a_promote() -> (Shop, Pty) {
    let shop = Shop::open();
    let mut screen = shop.console();
    shop.close_gate();
    verify(&mut screen, "#1");
    promote(&mut screen, "#1");
    screen.shows("promote of 1, line 20 of 20");
    (shop, screen)
}

/// Nothing ran twice and nothing of the log is lost.
fn is_whole(shop: &Shop) {
    assert_eq!(shop.log(), printed("promote", 1));
    assert_eq!(shop.ran(), ["staging auto 1", "production promote 1"]);
    assert_eq!(shop.kinds(), ["promote"]);
}

#[test]
fn the_engine_is_killed_in_the_middle_of_a_promote() {
    let (shop, screen) = in_the_middle_of_a_promote();
    leave(screen);
    shop.home.kill_engine();
    shop.open_gate();
    shop.home.until("the step has ended by itself", || shop.results() == 2);
    assert_eq!(shop.home.json(&["engine", "status", "--json"])["running"], false);
    let mut screen = shop.console();
    row(&screen, "#1", "LIVE");
    screen.keys("2\r");
    screen.shows("promote of 1 is out");
    screen.keys("q");
    leave(screen);
    is_whole(&shop);
}

#[test]
fn a_console_sees_its_engine_die_and_come_back_in_the_middle_of_a_promote() {
    let (shop, screen) = in_the_middle_of_a_promote();
    shop.home.kill_engine();
    screen.shows("connected again");
    assert!(screen.has_shown("no answer for"), "{}", screen.text());
    row(&screen, "#1", "DEPLOYING");
    shop.open_gate();
    row(&screen, "#1", "LIVE");
    screen.shows("promote of 1 is out");
    leave(screen);
    is_whole(&shop);
}

/// Goes a way out of the console and expects that the terminal is given back, soon, and that the engine stays.
fn leaves(by: impl FnOnce(&mut Pty), code: u32) {
    let shop = Shop::open();
    let mut screen = shop.console();
    let engine = shop.home.json(&["engine", "status", "--json"]);
    let begin = Instant::now();
    by(&mut screen);
    assert_eq!(screen.exit_code(), code, "{}", screen.text());
    assert!(begin.elapsed() < WAY_OUT, "it took {:?}", begin.elapsed());
    assert!(screen.is_restored());
    assert_eq!(shop.home.json(&["engine", "status", "--json"])["pid"], engine["pid"]);
}

#[test]
fn q_leaves_the_console() {
    leaves(|screen| screen.keys("q"), 0);
}

#[test]
fn a_second_ctrl_c_leaves_the_console() {
    leaves(
        |screen| {
            screen.keys("\x03");
            screen.shows("press ctrl-c once more");
            // Were the first forgotten by now, these would be a first and a second again.
            screen.keys("\x03\x03");
        },
        0,
    );
}

#[test]
fn a_console_that_is_told_to_end_gives_the_terminal_back() {
    let told = |signal: Signal| {
        move |screen: &mut Pty| {
            let pid = i32::try_from(screen.process()).unwrap();
            kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        }
    };
    leaves(told(Signal::TERM), 143);
    leaves(told(Signal::HUP), 129);
}

#[test]
fn a_console_ends_with_its_window() {
    let shop = Shop::open();
    let mut screen = shop.console();
    let begin = Instant::now();
    assert_ne!(screen.close_window("?"), 0);
    assert!(begin.elapsed() < WAY_OUT, "it took {:?}", begin.elapsed());
}

#[test]
fn a_console_survives_a_storm_of_sizes_down_to_a_single_cell() {
    let shop = Shop::open();
    let mut screen = shop.console_of((80, 24));
    for (columns, rows) in [(79, 23), (200, 60), (20, 5), (1, 1), (1, 60), (200, 1), (2, 2)] {
        screen.resize(columns, rows);
        screen.resize(1, 1);
        screen.resize(80, 24);
    }
    screen.shows("PROD checkout");
    row(&screen, "#1", "staging");
    screen.keys("V");
    screen.shows("Verify #1 in staging");
    screen.keys("\x1b");
    screen.hides("Verify #1 in staging");
    leave(screen);
}

#[test]
fn what_something_else_wrote_on_the_screen_is_gone_when_it_is_drawn_again() {
    let shop = Shop::open();
    let mut screen = shop.console();
    row(&screen, "#1", "staging");
    screen.scribble("\x1b[2J\x1b[HThe system is going down for maintenance");
    screen.keys("\x0c");
    screen.hides("going down for maintenance");
    row(&screen, "#1", "staging");
    leave(screen);
}
