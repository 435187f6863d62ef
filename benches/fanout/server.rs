//! A server in a process of its own, so that its memory and its time are known.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use trunkline::domain::ids::DeploymentId;

/// What its first line of output says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Offer {
    pub port: u16,
    /// One token for each console.
    pub tokens: Vec<String>,
    /// Whose log is followed.
    pub deployment: DeploymentId,
    /// The file whose existence lets the log begin.
    pub gate: String,
}

impl Offer {
    /// Tells of it, and waits until nobody needs the server any more.
    pub async fn stand(self) {
        println!("{}", serde_json::to_string(&self).expect("it is plain data"));
        let wait = || std::io::stdin().read_to_end(&mut Vec::new());
        let _ended = tokio::task::spawn_blocking(wait).await;
    }
}

pub struct Server {
    child: Child,
    pub offer: Offer,
}

impl Server {
    /// This program with another job.
    pub fn start(what: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg(what).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut line).expect("it tells of itself");
        Self { child, offer: serde_json::from_str(&line).expect("it tells of itself") }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.offer.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended_already = self.child.wait();
    }
}
