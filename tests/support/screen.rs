//! A program on a terminal of its own, read as the picture that a person would see.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a program that is about to end may be silent.
const LAST_WORDS: Duration = Duration::from_secs(20);

pub struct Screen {
    parser: vt100::Parser,
    output: Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    // Without its other end the terminal hangs up.
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    pub fn start(command: CommandBuilder, rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let input = pair.master.take_writer().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal whose last process is gone answers with an error, not with an end.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let cells = |count| NonZero::new(count).unwrap();
        let parser = vt100::Parser::new(cells(rows), cells(cols), 0);
        Self { parser, output, input, child, _master: pair.master }
    }

    /// Types these keys.
    pub fn press(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the picture is as it should be.
    pub fn await_that(&mut self, what: &str, patience: Duration, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + patience;
        while !is_so(&self.text()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!("{what} does not appear:\n{}", self.text());
            };
            self.parser.process(&bytes);
        }
    }

    /// Waits until the program has ended, and answers with its exit code and the last picture.
    pub fn end(mut self) -> (u32, String) {
        while let Ok(bytes) = self.output.recv_timeout(LAST_WORDS) {
            self.parser.process(&bytes);
        }
        (self.child.wait().unwrap().exit_code(), self.text())
    }
}
