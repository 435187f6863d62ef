//! A program on a terminal of its own, with everything that it wrote and when.

use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Nothing more comes once nothing has come for so long.
const QUIET: Duration = Duration::from_millis(300);
/// How long a program may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a terminal was sent, and when.
type Piece = (Instant, Vec<u8>);

pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    /// Kept open: a terminal without an owner hangs up.
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    coming: Receiver<Piece>,
    pieces: Vec<Piece>,
    started: Instant,
    size: (u16, u16),
}

impl Screen {
    /// Starts a program on a terminal of so many columns and rows.
    pub fn start(mut command: CommandBuilder, (columns, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("there is a terminal");
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let mut reader = pair.master.try_clone_reader().expect("the terminal can be read");
        let keys = pair.master.take_writer().expect("the terminal takes keys");
        let (sender, coming) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                    return;
                }
            }
        });
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let (pieces, size) = (Vec::new(), (columns, rows));
        Self { child, _master: pair.master, keys, coming, pieces, started, size }
    }

    pub fn process(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// Presses a key and tells when.
    pub fn press(&mut self, key: &str) -> Instant {
        let at = Instant::now();
        self.keys.write_all(key.as_bytes()).and_then(|()| self.keys.flush()).expect("it listens");
        at
    }

    /// Waits until the screen is at rest.
    pub fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(piece) = self.coming.recv_timeout(QUIET) {
            self.pieces.push(piece);
            assert!(Instant::now() < deadline, "the screen does not come to rest");
        }
    }

    /// Waits until the screen shows this.
    pub fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut emulator = self.emulator();
        for (_, bytes) in &self.pieces {
            emulator.process(bytes);
        }
        while !emulator.screen().contents().contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(piece) = self.coming.recv_timeout(left) else {
                panic!("not on screen: {text}\n{}", emulator.screen().contents());
            };
            emulator.process(&piece.1);
            self.pieces.push(piece);
        }
    }

    /// Writes down what comes during this time.
    pub fn watch(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut left = time;
        while let Ok(piece) = self.coming.recv_timeout(left) {
            self.pieces.push(piece);
            left = end.saturating_duration_since(Instant::now());
        }
    }

    /// How many bytes were written so far.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// From the start to the first instant at which the screen was as it is at rest. A number that counts on, such as an
    /// age, makes no difference.
    pub fn first_full_paint(&self) -> Duration {
        let seen = self.seen();
        let (_, rest) = seen.last().expect("something was painted");
        let (at, _) = seen.iter().find(|(_, text)| text == rest).expect("the last is among them");
        *at - self.started
    }

    /// What stood on screen after each piece, with every age alike.
    fn seen(&self) -> Vec<(Instant, String)> {
        self.after_each_piece(|screen| ageless(&screen.contents()))
    }

    /// What this tells of the screen after each piece.
    pub fn after_each_piece<T>(&self, tell: impl Fn(&vt100::Screen) -> T) -> Vec<(Instant, T)> {
        let mut emulator = self.emulator();
        let mut told = Vec::with_capacity(self.pieces.len());
        for (at, bytes) in &self.pieces {
            emulator.process(bytes);
            told.push((*at, tell(emulator.screen())));
        }
        told
    }

    fn emulator(&self) -> vt100::Parser {
        let some = |cells| NonZeroU16::new(cells).expect("a terminal has cells");
        vt100::Parser::new(some(self.size.1), some(self.size.0), 0)
    }
}

/// A text in which numbers, the units of time and what makes room for them make no difference.
fn ageless(text: &str) -> String {
    let mut same = String::with_capacity(text.len());
    let numbers = text.chars().map(|c| if c.is_ascii_digit() || c == '<' { '0' } else { c });
    for letter in numbers.filter(|letter| *letter != ' ') {
        match (same.chars().next_back(), letter) {
            (Some('0'), '0') => {}
            (Some('0'), 's') => same.push('m'),
            _ => same.push(letter),
        }
    }
    same
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}
