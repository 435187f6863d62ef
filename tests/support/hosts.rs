//! Three hosts, each a folder with a small HTTP service: what lies in the folder is what the service tells that it runs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

/// A release step that copies the commit to each host in turn. What lies in `skip` is left out without a word, and at what
/// lies in `dies` it ends with 1 before the copy.
pub const COPY: &str = r#"#!/bin/sh
for host in h1 h2 h3; do
  [ -e "$HOSTS/$host/dies" ] && exit 1
  [ -e "$HOSTS/$host/skip" ] && continue
  echo "$TRUNKLINE_SHA" > "$HOSTS/$host/new" && mv "$HOSTS/$host/new" "$HOSTS/$host/sha"
done
echo copied
"#;

/// A command that tells what each host has.
pub const WHICH: &str = r#"#!/bin/sh
for host in h1 h2 h3; do
  [ -e "$HOSTS/$host/down" ] || echo "$host $(cat "$HOSTS/$host/sha")"
done
"#;

/// The hosts. They answer until the process ends.
pub struct Hosts {
    folder: tempfile::TempDir,
    addresses: Vec<SocketAddr>,
}

impl Hosts {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addresses = HOSTS.map(|name| {
            let own = folder.path().join(name);
            fs::create_dir(&own).unwrap();
            serve(own)
        });
        Self { folder, addresses: addresses.into() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `127.0.0.1:PORT` of each, with its name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &SocketAddr)> {
        HOSTS.into_iter().zip(&self.addresses)
    }

    /// What a host has.
    pub fn runs(&self, host: &str) -> String {
        let sha = fs::read_to_string(self.path().join(host).join("sha")).unwrap_or_default();
        sha.trim().to_owned()
    }

    /// Somebody puts a commit on a host by hand.
    pub fn put(&self, host: &str, sha: &str) {
        let own = self.path().join(host);
        fs::write(own.join("new"), sha).unwrap();
        fs::rename(own.join("new"), own.join("sha")).unwrap();
    }

    /// From now on a host is like this: `skip`, `dies` or `down`.
    pub fn mark(&self, host: &str, how: &str) {
        fs::write(self.path().join(host).join(how), "").unwrap();
    }

    pub fn unmark(&self, host: &str, how: &str) {
        fs::remove_file(self.path().join(host).join(how)).unwrap();
    }
}

fn serve(folder: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let held: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            answer(&folder, connection, &held);
        }
    });
    address
}

fn answer(folder: &Path, mut connection: TcpStream, held: &Mutex<Vec<TcpStream>>) {
    if folder.join("down").exists() {
        // It takes the question and says nothing.
        return held.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
    let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
    if !lines.any(|line| line.is_empty()) {
        return;
    }
    let sha = fs::read_to_string(folder.join("sha")).unwrap_or_default();
    let body = format!("{{\"sha\":\"{}\"}}", sha.trim());
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _gone = connection.write_all(answer.as_bytes());
}
