//! The real binary in a real pseudo-terminal: keys go in, and what a person would see comes out.

use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::PATIENCE;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// How long a person takes from one key to the next, at least.
const APART: Duration = Duration::from_millis(30);

/// How many looks in a row have to find a terminal full.
const STAYS_FULL: usize = 20;

pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    /// `None` once the window was closed.
    master: Option<Box<dyn MasterPty + Send>>,
    /// How lines were edited before the program began, as the terminal tells it.
    found: String,
    keys: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
}

struct Screen {
    emulator: vt100::Parser,
    /// Everything that was written, for claims about the bytes themselves.
    bytes: Vec<u8>,
    closed: bool,
    /// Whether nobody looks at the window any more.
    abandoned: bool,
    line: Line,
}

/// What is between the terminal and who looks at it.
#[derive(PartialEq, Eq)]
enum Line {
    Works,
    /// It is to bring nothing for now; a read that was under way cannot be called off.
    Hangs,
    /// That read is done, and nothing more is read.
    IsFull,
}

impl Pty {
    /// Starts the program with these arguments and settings, in a terminal of this size.
    pub fn start(
        folder: &Path,
        arguments: &[&str],
        settings: &[(&str, &Path)],
        (columns, rows): (u16, u16),
    ) -> Self {
        let mut command = CommandBuilder::new(crate::program());
        command.args(arguments);
        command.cwd(folder);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in settings {
            command.env(name, value);
        }
        Self::run(command, (columns, rows))
    }

    /// Starts any program in a terminal of this size.
    pub fn run(command: CommandBuilder, (columns, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        silence(&*pair.master);
        let found = line_editing(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Screen {
            emulator: emulator(columns, rows),
            bytes: Vec::new(),
            closed: false,
            abandoned: false,
            line: Line::Works,
        };
        let screen = Arc::new((Mutex::new(screen), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            loop {
                let read = reader.read(&mut buffer).unwrap_or(0);
                let mut screen = shown.0.lock().unwrap();
                if screen.line == Line::Hangs {
                    screen.line = Line::IsFull;
                    shown.1.notify_all();
                }
                let hangs = |screen: &mut Screen| screen.line != Line::Works;
                let mut screen = shown.1.wait_while(screen, hangs).unwrap();
                screen.emulator.process(&buffer[..read]);
                screen.bytes.extend_from_slice(&buffer[..read]);
                screen.closed = read == 0 || screen.abandoned;
                if screen.closed {
                    drop(reader);
                    shown.1.notify_all();
                    return;
                }
                shown.1.notify_all();
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: Some(pair.master), found, keys, screen }
    }

    /// Presses keys as a person does: not right behind those before, which would make one burst of both.
    pub fn keys(&mut self, keys: &str) {
        let begin = Instant::now();
        while begin.elapsed() < APART {
            std::thread::park_timeout(APART);
        }
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The same for a program that may have ended already.
    pub fn press(&mut self, keys: &[u8]) {
        let _its_terminal_may_be_gone = self.keys.write_all(keys).and_then(|()| self.keys.flush());
    }

    pub fn text(&self) -> String {
        self.screen.0.lock().unwrap().emulator.screen().contents()
    }

    /// What the screen shows now, with its colours.
    pub fn screen(&self) -> vt100::Screen {
        self.screen.0.lock().unwrap().emulator.screen().clone()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.screen.0.lock().unwrap().bytes.clone()
    }

    /// Waits until the screen shows this.
    pub fn shows(&self, text: &str) {
        self.until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen shows this no more.
    pub fn hides(&self, text: &str) {
        self.until(&format!("no {text}"), |screen| !screen.contains(text));
    }

    pub fn until(&self, what: &str, is: impl Fn(&str) -> bool) {
        self.until_screen(what, |screen| is(&screen.contents()));
    }

    fn until_screen(&self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.screen.0.lock().unwrap();
        loop {
            if is(screen.emulator.screen()) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let text = || screen.emulator.screen().contents();
            assert!(!left.is_zero() && !screen.closed, "not on screen: {what}\n{}", text());
            screen = self.screen.1.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Waits until the program has the screen for itself.
    pub fn takes_over(&self) {
        self.until_screen("a screen of its own", vt100::Screen::alternate_screen);
    }

    /// Writes on the screen behind the program's back, as a message to all users does.
    pub fn scribble(&self, text: &str) {
        self.screen.0.lock().unwrap().emulator.process(text.as_bytes());
    }

    /// Whether the screen shows this within so long.
    pub fn becomes(&self, limit: Duration, is: impl Fn(&str) -> bool) -> bool {
        let screen = self.screen.0.lock().unwrap();
        let not_yet = |screen: &mut Screen| !is(&screen.emulator.screen().contents());
        !self.screen.1.wait_timeout_while(screen, limit, not_yet).unwrap().1.timed_out()
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        // Held meanwhile, so that no frame of the new size is drawn at the old one.
        let mut screen = self.screen.0.lock().unwrap();
        self.master.as_ref().expect("the window is open").resize(size).unwrap();
        screen.emulator.screen_mut().set_size(some(rows), some(columns));
    }

    /// Waits for the program's end and says whether it called it a success.
    pub fn ended(&mut self) -> bool {
        self.exit_code() == 0
    }

    /// Leaves the console with its key and says whether it called that a success. Right behind another key it is refused,
    /// and where something is open it closes that first: it is pressed until it has done it.
    pub fn quits(&mut self) -> bool {
        for _ in 0..10 {
            self.press(b"q");
            if self.has_ended_within(Duration::from_secs(6)) {
                return self.ended();
            }
        }
        panic!("q does not end it:\n{}", self.text());
    }

    /// Waits for the program's end and answers with its exit code.
    pub fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.screen.0.lock().unwrap();
        while !screen.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end:\n{}", screen.emulator.screen().contents());
            screen = self.screen.1.wait_timeout(screen, left).unwrap().0;
        }
        drop(screen);
        self.child.wait().unwrap().exit_code()
    }

    /// The exit code as a shell tells it: 128 and the number of the signal for who died of one.
    pub fn shell_code(&mut self) -> u32 {
        let code = self.exit_code();
        let signals = [("Hangup", 1), ("Interrupt", 2), ("Quit", 3), ("Aborted", 6), ("Killed", 9)];
        match self.child.wait().unwrap().signal() {
            None => code,
            Some("Terminated") => 128 + 15,
            Some(name) => 128 + signals.iter().find(|(known, _)| *known == name).unwrap().1,
        }
    }

    /// Whether the program has ended and everything that it wrote was read, waiting so long for it.
    pub fn has_ended_within(&self, limit: Duration) -> bool {
        let screen = self.screen.0.lock().unwrap();
        self.screen.1.wait_timeout_while(screen, limit, |screen| !screen.closed).unwrap().0.closed
    }

    /// Waits until so many bytes were written, or until no more will be.
    pub fn has_written(&self, count: usize) {
        let screen = self.screen.0.lock().unwrap();
        let few = |screen: &mut Screen| screen.bytes.len() < count && !screen.closed;
        let _waited = self.screen.1.wait_timeout_while(screen, PATIENCE, few).unwrap();
    }

    /// Closes the window in the middle of everything, as a lost connection does, and waits for the program's end.
    ///
    /// Who reads the screen can only be called off while it changes: `stirs` is a key that changes it.
    pub fn close_window(&mut self, stirs: &str) -> u32 {
        self.screen.0.lock().unwrap().abandoned = true;
        self.keys(stirs);
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.screen.0.lock().unwrap();
        while !screen.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing stirs");
            screen = self.screen.1.wait_timeout(screen, left).unwrap().0;
        }
        drop(screen);
        self.keys = Box::new(std::io::sink());
        self.master = None;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it outlives its terminal");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// From now on the terminal reads nothing, until it is to go on.
    pub fn stall(&self, stalled: bool) {
        self.screen.0.lock().unwrap().line = if stalled { Line::Hangs } else { Line::Works };
        self.screen.1.notify_all();
    }

    /// Waits for the end of a program whose terminal reads nothing any more.
    pub fn ended_unread(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it waits for its terminal");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Has somebody else write to the terminal until it takes no more; it has to be stalled.
    pub fn fill(&self) {
        let path = self.master.as_deref().unwrap().tty_name().unwrap();
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let terminal = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        let _refused_while_the_program_draws = rustix::io::write(&terminal, &[0]);
        let screen = self.screen.0.lock().unwrap();
        let is_read = |screen: &mut Screen| screen.line != Line::IsFull;
        let waited = self.screen.1.wait_timeout_while(screen, PATIENCE, is_read).unwrap();
        assert!(!waited.1.timed_out(), "it reads on");
        drop(waited);
        // A busy kernel may still move what it took, which makes room again.
        let mut refused = 0;
        while refused < STAYS_FULL {
            refused += 1;
            while rustix::io::write(&terminal, &[0; 256]).is_ok() {}
            while rustix::io::write(&terminal, &[0]).is_ok() {
                refused = 0;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Whether the terminal is as it was found: the main screen, the cursor shown, no paste or mouse mode, and lines
    /// edited as before.
    pub fn is_restored(&self) -> bool {
        let edited =
            self.master.as_deref().is_some_and(|master| line_editing(master) == self.found);
        let screen = self.screen.0.lock().unwrap();
        let screen = screen.emulator.screen();
        edited && !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
    }

    /// Waits until this stands on screen in reverse, as a button does that a key would press.
    pub fn lights_up(&self, label: &str) {
        self.until_screen(&format!("{label} in reverse"), |screen| is_lit(screen, label));
    }

    /// Whether this was to be read at some instant, however short.
    pub fn has_shown(&self, text: &str) -> bool {
        let screen = self.screen.0.lock().unwrap();
        let (rows, columns) = screen.emulator.screen().size();
        let mut again = vt100::Parser::new(rows, columns, 0);
        screen.bytes.chunks(100).any(|chunk| {
            again.process(chunk);
            again.screen().contents().contains(text)
        })
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

fn emulator(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(some(rows), some(columns), 0)
}

fn some(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal has cells")
}

/// Turns the echo off: what is typed while a program ends would stand in the middle of its last words.
fn silence(master: &dyn MasterPty) {
    let name = master.tty_name().unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut modes = tcgetattr(&terminal).unwrap();
    modes.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
}

/// How the terminal edits lines and which keys send signals, in a form that can be compared.
fn line_editing(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn is_lit(screen: &vt100::Screen, label: &str) -> bool {
    let columns = screen.size().1.into();
    (0..).zip(screen.rows(0, columns)).any(|(row, text)| {
        let column = text.find(label).map(|at| text[..at].chars().count());
        let column = column.and_then(|column| u16::try_from(column).ok());
        column.and_then(|column| screen.cell(row, column)).is_some_and(vt100::Cell::inverse)
    })
}
