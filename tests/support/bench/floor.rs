//! The least that a program of each kind costs: what ours is held against. A benchmark runs itself again as one of these.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crossterm::event::{DisableFocusChange, EnableFocusChange, Event, EventStream, KeyCode};
use crossterm::execute;
use portable_pty::CommandBuilder;
use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph};
use tokio_stream::StreamExt as _;

const SCREEN: &str = "floor-screen";
const GET: &str = "floor-get";
const FLOOD: &str = "flood";
/// How many lines a flood has in each hundredth of a second.
const LINES: u32 = 100;
/// No flood is longer than this, whoever forgets it.
const LONGEST: Duration = Duration::from_mins(10);

/// Becomes the program that the arguments name, if they name one. To be called first.
pub fn become_what_is_asked() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some(SCREEN) => screen(),
        Some(GET) => get(Path::new(&arguments[1]), &arguments[2]),
        Some(FLOOD) => flood(Path::new(&arguments[1])),
        _ => return,
    };
    process::exit(i32::from(done.is_err()));
}

fn own_program() -> String {
    let path = std::env::current_exe().expect("a program knows where it is");
    path.into_os_string().into_string().expect("the build folder's path is text")
}

/// A bare ratatui and tokio program: it paints the whole screen and answers keys.
pub fn bare_screen() -> CommandBuilder {
    let mut command = CommandBuilder::new(own_program());
    command.arg(SCREEN);
    command
}

/// A process that asks one question over a socket and reads the answer, without any library.
pub fn bare_get(socket: &Path, path: &str) -> process::Command {
    let mut command = process::Command::new(own_program());
    command.arg(GET).arg(socket).arg(path);
    command
}

/// The command of a step that prints 10,000 lines each second while a file is there.
pub fn flood_while(file: &Path) -> [String; 3] {
    [own_program(), FLOOD.to_owned(), file.to_string_lossy().into_owned()]
}

fn screen() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut terminal = ratatui::try_init()?;
    execute!(io::stdout(), EnableFocusChange)?;
    let mut selected = 0;
    let done = runtime.block_on(async {
        let mut keys = EventStream::new();
        loop {
            terminal.draw(|frame| paint(frame, selected))?;
            let Some(Event::Key(key)) = keys.next().await.transpose()? else { continue };
            match key.code {
                KeyCode::Char('j') => selected += 1,
                KeyCode::Char('k') => selected -= 1,
                _ => return Ok(()),
            }
        }
    });
    execute!(io::stdout(), DisableFocusChange)?;
    ratatui::restore();
    done
}

/// A list in a box, on all of the screen.
pub fn paint(frame: &mut Frame, selected: u16) {
    let area = frame.area();
    let line = |row| {
        let mark = if row == selected { '▸' } else { ' ' };
        let text = "a change that has a subject line of usual length, by somebody ";
        Line::raw(format!("{mark} #{row} {}", text.repeat(usize::from(area.width / 64 + 1))))
    };
    let lines: Vec<_> = (0..area.height).map(line).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("floor")), area);
}

fn get(socket: &Path, path: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: trunkline\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    io::stdout().write_all(&answer)
}

fn flood(file: &Path) -> io::Result<()> {
    let begin = Instant::now();
    let mut line = 0;
    for turn in 1.. {
        let mut lines = Vec::new();
        for _ in 0..LINES {
            line += 1;
            writeln!(lines, "line {line}: copying assets/page-{line}.html, 14 KB, unchanged")?;
        }
        io::stdout().write_all(&lines)?;
        let due = begin + Duration::from_millis(10) * turn;
        sleep(due.saturating_duration_since(Instant::now()));
        if !file.exists() || begin.elapsed() > LONGEST {
            break;
        }
    }
    Ok(())
}
