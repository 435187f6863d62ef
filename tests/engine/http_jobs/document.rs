//! docs/http-jobs.md, tried: its five commands start a job at the sample server.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use trunkline_testing::jobs::{JobServer, Port, until};

const DOCUMENT: &str = include_str!("../../../docs/http-jobs.md");

/// The commands of its first block.
fn commands() -> Vec<&'static str> {
    let block = DOCUMENT.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(|line| line.strip_prefix("$ ").expect("a command begins with $")).collect()
}

fn shell(folder: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).current_dir(folder).stdin(Stdio::null());
    shell
}

/// What a command prints that has to succeed.
fn said(folder: &Path, script: &str) -> String {
    let output = shell(folder, script).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn five_commands_start_a_job() {
    if JobServer::if_python(None).is_none() {
        return;
    }
    let commands = commands();
    let [make, serve, put, look, log] = commands.as_slice() else { panic!("{commands:?}") };
    let (folder, port) = (tempfile::tempdir().unwrap(), Port::new());
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let here = |line: &str| {
        line.replace("assets/", &format!("{}/", assets.display()))
            .replace("8750", &port.address().port().to_string())
    };
    said(folder.path(), make);
    let serve = here(serve.strip_suffix(" &").expect("the server runs beside the others"));
    let mut server = shell(folder.path(), &format!("exec {serve}"));
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let tries = tokio::spawn({
        let (folder, put, look, log) = (folder.path().to_owned(), here(put), here(look), here(log));
        async move {
            said(&folder, &put);
            until("the job succeeds", || said(&folder, &look).contains("succeeded")).await;
            said(&folder, &log)
        }
    });
    let log = tries.await;
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(line.trim(), format!("listening on {}", port.url()));
    assert_eq!(log.unwrap(), "deploying 3f2a9c1 to production\n");
}
