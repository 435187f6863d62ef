//! The demo as a newcomer has it: the real program on a terminal, nothing configured. Its steps wait less than they would.

use std::process::Output;

use trunkline_testing::home::Home;
use trunkline_testing::pty::Pty;
use trunkline_testing::write_script;

/// Takes the place of the program of that name: the demo's steps sleep so that a person can watch them.
const SLEEP: &str = "#!/bin/sh\nPATH=${PATH#*:} exec sleep 0.05\n";

/// A user with a demo, whose engine ends with them.
pub struct Demo {
    home: Home,
    path: Option<String>,
}

impl Demo {
    /// One whose steps hardly wait.
    pub fn hurried() -> Self {
        let home = Home::new();
        let programs = home.path("programs");
        std::fs::create_dir(&programs).unwrap();
        write_script(&programs.join("sleep"), SLEEP);
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        Self { home, path: Some(path) }
    }

    /// One with the pace that everybody sees.
    pub fn as_it_is() -> Self {
        Self { home: Home::new(), path: None }
    }

    pub fn on_terminal(&self, arguments: &[&str]) -> Pty {
        let path = self.path.as_deref().map(|path| ("PATH", path));
        self.home.on_terminal_with(arguments, (120, 40), path.as_slice())
    }

    /// Runs a command of the demo's.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.home.trunkline(&[&["--demo"], arguments].concat())
    }

    /// What a command says in JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let stopped = self.command(&["engine", "stop"]);
        assert!(stopped.status.success() || std::thread::panicking(), "{stopped:?}");
    }
}

/// The first line of a console's screen.
pub fn header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
