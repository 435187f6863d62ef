//! A console or a command killed between sending and the answer: whoever comes next says what became of it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use trunkline_testing::home::{Home, until};
use trunkline_testing::proxy::{Proxy, Toxic};
use trunkline_testing::pty::Pty;
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::{Shop, shop};

const SIZE: (u16, u16) = (140, 40);
const RIGHT: &str = "\x1b[C";

/// A user whose one build is verified in staging, and whose way to the engine can be made bad.
struct Desk {
    home: Home,
    _repository: Repository,
}

impl Desk {
    fn open() -> Self {
        let file = service_file().raj().person("ann").everywhere("smoke", "true").text();
        let Shop { home, repository } = shop(&file).watched("poll = \"100ms\"");
        let desk = Self { home, _repository: repository };
        until("the build is verified", || desk.home.said(&["builds"]).contains("verified"));
        desk
    }

    fn console(&self) -> Pty {
        let screen = self.home.on_terminal(&["console"], SIZE);
        screen.shows("PROD checkout");
        screen
    }

    fn socket(&self) -> PathBuf {
        self.home.path("data/run/engine.sock")
    }

    /// From now on a line of the test's stands between everybody and the engine.
    fn bad_line(&self) -> Proxy {
        let engine = self.home.path("data/run/moved.sock");
        fs::rename(self.socket(), &engine).unwrap();
        Proxy::between(&self.socket(), &engine, |_| Toxic::Pass)
    }

    /// The line is good again.
    fn mend(&self, proxy: Proxy) {
        drop(proxy);
        fs::rename(self.home.path("data/run/moved.sock"), self.socket()).unwrap();
    }

    fn promotes(&self) -> usize {
        let events = self.home.json(&["history", "--json"]);
        events.as_array().unwrap().len()
    }

    fn holds(&self) -> usize {
        self.home.said(&["events", "--json"]).matches("\"hold_placed\"").count()
    }

    /// What is noted of commands whose answers are outstanding.
    fn noted(&self) -> usize {
        fs::read_dir(self.home.path("data/intents")).map_or(0, Iterator::count)
    }

    fn engine(&self) -> Pid {
        let engine = self.home.engine().expect("an engine runs");
        Pid::from_raw(i32::try_from(engine).unwrap()).unwrap()
    }
}

/// Commands meet this, everything else passes.
fn commands_meet(toxic: Toxic) -> impl FnMut(&str) -> Toxic + Send + 'static {
    move |request| if request.starts_with("POST") { toxic } else { Toxic::Pass }
}

/// Presses the promote of the build, which leaves the console sending.
fn press_promote(screen: &mut Pty) {
    screen.shows("#1");
    screen.keys("P");
    screen.shows("Promote #1 to PRODUCTION");
    screen.lights_up("[> Cancel <]");
    screen.shows("[  Promote  ]");
    screen.keys(RIGHT);
    screen.lights_up("[> Promote <]");
    screen.keys("\r");
}

fn kill(screen: Pty) {
    let pid = i32::try_from(screen.process()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    drop(screen);
}

/// A console that is killed after it sent its promote over a line that does this to it.
fn killed_while_sending(toxic: Toxic) -> Desk {
    let desk = Desk::open();
    let proxy = desk.bad_line();
    proxy.rule(commands_meet(toxic));
    let mut screen = desk.console();
    press_promote(&mut screen);
    proxy.keeps(1);
    assert_eq!(desk.noted(), 1, "it was noted before it was sent");
    kill(screen);
    desk.mend(proxy);
    desk
}

#[test]
fn a_console_that_was_killed_after_sending_finds_its_deployment_again() {
    let desk = killed_while_sending(Toxic::HoldAnswer);
    let mut screen = desk.console();
    screen.shows("was recorded: d");
    screen.shows("the promote of #1, sent ");
    until("it is settled", || desk.noted() == 0);
    assert_eq!(desk.promotes(), 1);
    screen.shows("Esc hides this");
    screen.keys("\x1b");
    screen.hides("was recorded");
    screen.keys("M");
    screen.shows("was recorded: d");
    drop(screen);
    let screen = desk.console();
    screen.shows("LIVE");
    assert!(!screen.has_shown("was recorded"), "it is told once");
}

#[test]
fn a_command_that_never_arrived_is_said_to_have_done_nothing() {
    let desk = killed_while_sending(Toxic::Swallow);
    let screen = desk.console();
    screen.shows("the promote of #1, sent ");
    assert!(screen.has_shown("has no answer: unknown, checking"), "{}", screen.text());
    screen.shows("did not arrive: nothing was done");
    until("it is settled", || desk.noted() == 0);
    assert_eq!(desk.promotes(), 0);
}

#[test]
fn a_console_tells_nothing_of_what_another_one_still_waits_for() {
    let desk = Desk::open();
    let proxy = desk.bad_line();
    proxy.rule(commands_meet(Toxic::HoldAnswer));
    let mut screen = desk.console();
    press_promote(&mut screen);
    proxy.keeps(1);
    let second = desk.console();
    second.shows("LIVE");
    assert!(!second.has_shown("no answer"), "{}", second.text());
    assert!(!second.has_shown("was recorded"), "{}", second.text());
    kill(screen);
    drop(second);
    let third = desk.console();
    third.shows("was recorded: d");
    drop(third);
    desk.mend(proxy);
}

#[test]
fn an_engine_that_stood_still_while_a_console_sent_is_asked_until_it_tells() {
    let desk = Desk::open();
    let mut screen = desk.console();
    // A hold gathers nothing from git, and so is given up for unknown sooner than a promote.
    screen.shows("#1");
    screen.keys("H");
    screen.shows("Hold production");
    screen.keys("why");
    screen.shows("why");
    screen.keys("\t\t");
    screen.lights_up("[> Hold <]");
    let engine = desk.engine();
    kill_process(engine, Signal::STOP).unwrap();
    screen.keys("\r");
    screen.shows("unknown, checking");
    kill_process(engine, Signal::CONT).unwrap();
    // Whether what lay before the engine is still taken up is not ours to say, but what is said has to be true.
    screen
        .until("an outcome", |text| text.contains("ON HOLD") || text.contains("was not recorded"));
    let recorded = screen.has_shown("ON HOLD");
    until("it is settled", || desk.noted() == 0);
    assert_eq!(desk.holds(), usize::from(recorded));
}

#[test]
fn a_command_line_that_was_killed_after_sending_is_told_of_by_the_next_one() {
    let desk = Desk::open();
    let proxy = desk.bad_line();
    proxy.rule(commands_meet(Toxic::HoldAnswer));
    let mut promote = desk.home.command(&["promote", "1", "--yes"]);
    let mut promote = promote.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    proxy.keeps(1);
    promote.kill().unwrap();
    promote.wait().unwrap();
    desk.mend(proxy);
    let verify = desk.home.trunkline(&["verify", "1", "--note", "seen"]);
    let said = String::from_utf8_lossy(&verify.stderr);
    assert!(said.contains("checkout: the promote of #1, sent "), "{said}");
    assert!(said.contains("was recorded: promote of #1 to production requested (d"), "{said}");
    assert_eq!(desk.noted(), 0);
    assert_eq!(desk.promotes(), 1);
}

#[test]
fn a_disk_that_takes_no_note_keeps_nothing_from_being_sent() {
    let desk = Desk::open();
    fs::write(desk.home.path("data/intents"), "no room here").unwrap();
    let mut screen = desk.console();
    press_promote(&mut screen);
    screen.shows("could not be saved on disk");
    screen.shows("LIVE");
    assert_eq!(desk.promotes(), 1);
    let rollback = desk.home.trunkline(&["hold", "--reason", "a look"]);
    assert!(rollback.status.success(), "{rollback:?}");
    assert!(
        String::from_utf8_lossy(&rollback.stderr)
            .contains("cannot save the hold on production on disk")
    );
}
