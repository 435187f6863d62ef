//! A log that grows at full speed: every line is there, in order, once.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use trunkline::backend::Backend;
use trunkline::backend::embedded::Embedded;
use trunkline::calendar::Tz;
use trunkline::console::log::{LogCommand, LogPane, Want, view};
use trunkline::console::theme::Theme;
use trunkline::domain::ids::{DeploymentId, ServiceName};
use trunkline::domain::log::{LogFrom, Stream, format};
use trunkline::terminal::capabilities::{Charset, Depth};

use trunkline_testing::dice::number;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;

const AREA: Rect = Rect { x: 0, y: 0, width: 60, height: 50 };
const READ: usize = 64 * 1024;
const WAIT: Duration = Duration::from_secs(20);

fn lines() -> u64 {
    number("TRUNKLINE_LINES").unwrap_or(40_000)
}

fn some_time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_403_642, 0).expect("the time exists")
}

/// Adds numbered lines to a log as fast as they can be written, in pieces that end anywhere.
fn append(path: &Path, lines: u64) {
    let file = OpenOptions::new().append(true).open(path).unwrap();
    let mut file = BufWriter::with_capacity(10_007, file);
    for n in 0..lines {
        let text = format!("{n:07} of a log that grows as fast as it can be written");
        file.write_all(&format(some_time(), Stream::Out, text.as_bytes(), false)).unwrap();
    }
    file.flush().unwrap();
}

/// A pane on the log of a step of a real engine.
struct Reader {
    pane: LogPane,
    backend: Embedded,
    service: ServiceName,
    id: DeploymentId,
}

impl Reader {
    /// Does the next thing that the pane wants.
    async fn step(&mut self) {
        let (name, now) = (&self.service, some_time());
        match self.pane.wants() {
            Some(Want::Read(from)) => {
                let page = self.backend.log(name, self.id, 0, from, READ, WAIT).await.unwrap();
                self.pane.feed(from, &page, now);
            }
            Some(Want::Search(search)) => {
                let find = self.backend.search_log(name, self.id, 0, search.clone()).await.unwrap();
                self.pane.found(&search, find);
            }
            Some(Want::Filter(read)) => {
                let answer = self.backend.filter_log(name, self.id, 0, read.clone(), WAIT).await;
                self.pane.feed_filtered(&read, &answer.unwrap(), now);
            }
            None => panic!("it wants nothing: {:?}", self.screen()),
        }
    }

    /// Reads on until nothing is missing on screen.
    async fn settle(&mut self) {
        while !matches!(self.pane.wants(), None | Some(Want::Read(LogFrom::After(_)))) {
            self.step().await;
        }
    }

    fn screen(&self) -> Vec<String> {
        let mut buffer = Buffer::empty(AREA);
        let theme = Theme::terminal(Depth::Ansi16, Charset::Unicode);
        view(&self.pane, AREA, &mut buffer, &theme, some_time());
        let row = |y| (0..AREA.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..AREA.height).map(|y| row(y).trim().to_owned()).collect()
    }

    /// The numbers of the lines on screen.
    fn numbers(&self) -> Vec<u64> {
        self.screen().iter().filter_map(|row| row.get(..7)?.parse().ok()).collect()
    }
}

/// A world with a step that runs and writes nothing more by itself, and a pane on its log.
async fn running() -> (World, Reader, PathBuf) {
    let world = World::open(QUICK).await;
    world.close_gate();
    let build = world.verified("next").await;
    let id = world.promote(build).await;
    world.running(id).await;
    let mut pane = LogPane::new(Tz::UTC);
    pane.resize(AREA.width, AREA.height);
    let backend = world.backend("raj");
    let reader = Reader { pane, backend, service: world.service.clone(), id };
    let path = world.data().join("runs").join(id.0.to_string()).join("0").join("log");
    (world, reader, path)
}

#[tokio::test]
async fn every_line_that_came_while_following_is_there_once_and_in_order() {
    let (world, mut reader, path) = running().await;
    let writing = tokio::task::spawn_blocking(move || append(&path, lines()));
    while reader.numbers().last() != Some(&(lines() - 1)) {
        reader.step().await;
    }
    writing.await.unwrap();
    let mut first = lines();
    while first > 0 {
        let numbers = reader.numbers();
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]), "{numbers:?}");
        let last = *numbers.last().unwrap();
        let is_next = last + 1 == first || last == first || first == lines();
        // The first page is full, whatever the page below it showed of it.
        assert!(is_next || (numbers[0] == 0 && last > first), "{last} above {first}");
        first = numbers[0];
        reader.pane.update(LogCommand::PageUp);
        reader.settle().await;
    }
    world.open_gate();
    world.ended(reader.id).await;
}

#[tokio::test]
async fn a_word_at_the_other_end_is_found_and_shown_with_what_led_to_it() {
    let (world, mut reader, path) = running().await;
    append(&path, lines());
    let numbers = lines() - 1;
    while reader.numbers().last() != Some(&numbers) {
        reader.step().await;
    }
    reader.pane.update(LogCommand::Search("0000100 of".into()));
    let mut steps = 0;
    while reader.pane.is_searching() {
        reader.step().await;
        steps += 1;
        assert!(steps < 50, "it searches on and on");
    }
    let screen = reader.screen();
    let hit = screen.iter().position(|row| row.starts_with("▸0000100 of")).expect("it is shown");
    assert!(hit > 5 && screen[hit - 1].starts_with("0000099"), "{screen:#?}");
    reader.pane.update(LogCommand::NextMatch);
    while reader.pane.is_searching() {
        reader.step().await;
    }
    let title: String = reader.pane.title().into_iter().map(|(text, _)| text).collect();
    assert!(title.contains("no more found"), "{title}");
    world.open_gate();
    world.ended(reader.id).await;
}

/// A service whose step prints numbered lines once a file is there.
const PRINTS: &str = r#"
service = "checkout"
trunk = "main"
[[staging.steps]]
name = "release"
run = "while [ ! -e GATE ]; do sleep 0.02; done; awk 'BEGIN { for (n = 0; n < LINES; n++) print n }'"
timeout = "5m"
[[production.steps]]
name = "release"
run = ["true"]
[[rollback.steps]]
name = "release"
run = ["true"]
"#;

#[test]
fn the_command_line_follows_a_step_that_prints_at_full_speed_without_losing_a_line() {
    let (repository, home) = (Repository::new(), Home::new());
    let gate = home.path("gate");
    let file = PRINTS.replace("GATE", &gate.display().to_string());
    repository.write("trunkline.toml", &file.replace("LINES", &lines().to_string()));
    repository.commit_all("Ann", "ann@example.com", "begin");
    home.watch_repository(repository.path(), "");
    until("the step runs", || home.trunkline(&["logs"]).status.success());
    let printed = home.path("printed");
    let mut follow = home.command(&["logs", "--follow"]);
    let mut follow = follow.stdout(File::create(&printed).unwrap()).spawn().unwrap();
    until("it follows", || std::fs::metadata(&printed).unwrap().len() > 0);
    std::fs::write(&gate, "").unwrap();
    assert!(follow.wait().unwrap().success());
    let text = std::fs::read_to_string(&printed).unwrap();
    let numbers: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers.iter().copied().eq(0..lines()), "{} of {} lines", numbers.len(), lines());
}

#[test]
fn a_line_that_arrives_costs_little_in_a_real_terminal() {
    let (repository, home) = (Repository::new(), Home::new());
    let gate = home.path("gate");
    let file = PRINTS.replace("GATE", &gate.display().to_string()).replace("LINES", "1");
    repository.write("trunkline.toml", &file);
    repository.commit_all("Ann", "ann@example.com", "begin");
    home.watch_repository(repository.path(), "");
    let mut console = home.on_terminal(&["--service", "checkout"], (120, 40));
    console.shows("begin");
    // A build is on screen before its step has a log.
    let log = || {
        let run = std::fs::read_dir(home.path("data").join("runs")).ok()?.next()?.ok()?;
        Some(run.path().join("0").join("log")).filter(|log| log.is_file())
    };
    until("the step runs", || log().is_some());
    let log = log().unwrap();
    append(&log, 100);
    console.shows("0000099");
    console.keys("4z");
    console.shows("0000070");
    let mut log = OpenOptions::new().append(true).open(&log).unwrap();
    let mut costs = Vec::new();
    for n in 100..110 {
        let before = console.bytes().len();
        let text =
            format!("{n:07} and one more, which is as long as a line of a log is, and then some");
        log.write_all(&format(some_time(), Stream::Out, text.as_bytes(), false)).unwrap();
        console.shows(&format!("{n:07}"));
        costs.push(console.bytes().len() - before);
    }
    // What is drawn besides, as the rest of what came before, falls to some of them alone.
    costs.sort_unstable();
    assert!(costs[costs.len() / 2] < 2_500, "{costs:?}");
    std::fs::write(&gate, "").unwrap();
}
