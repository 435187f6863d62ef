//! docs/team.md, tried: its commands make a server to which two people sign in.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use trunkline_testing::home::Home;

const DOCUMENT: &str = include_str!("../../docs/team.md");

/// The commands of each block.
fn blocks() -> Vec<Vec<&'static str>> {
    let blocks = DOCUMENT.split("```console\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let command = |line: &'static str| line.strip_prefix("$ ").expect("a command begins with $");
    blocks.map(|block| block.lines().map(command).collect()).collect()
}

/// Runs a script that ends at the first command that fails, with trunkline on the path.
fn run(home: &Home, script: &str, input: &str) -> Output {
    let programs = trunkline_testing::program().parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = [programs].into_iter().chain(std::env::split_paths(&others));
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).current_dir(home.path("")).envs(home.environment());
    shell.env("PATH", std::env::join_paths(path).unwrap());
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(home: &Home, script: &str, input: &str) -> String {
    let output = run(home, script, input);
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A user who commits, and an empty repository with one commit at `origin.git`.
fn server_with_repository() -> Home {
    let home = Home::new();
    let begin =
        "git config --global user.name Ann && git config --global user.email ann@example.com
        git init --quiet --bare --initial-branch=main origin.git
        git clone --quiet origin.git first 2>/dev/null && cd first && git checkout --quiet -B main
        git commit --quiet --allow-empty --message Begin && git push --quiet origin main";
    said(&home, begin, "");
    home
}

/// A port that nobody has taken just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn nine_commands_make_a_server_for_two_people() {
    let blocks = blocks();
    let [on_the_server, at_home] = blocks.as_slice() else { panic!("{blocks:?}") };
    assert_eq!(on_the_server.len(), 9, "the title says nine");
    let (install, commands) = on_the_server.split_first().unwrap();
    assert!(install.starts_with("cargo install"), "the program is there already: {install}");

    let server = server_with_repository();
    let port = free_port();
    let here = |line: &str| {
        line.replace("https://git.example.org/shop.git", "origin.git shop")
            .replace("~/.config/trunkline", &server.path("config").display().to_string())
            .replace("0.0.0.0:8443", &format!("127.0.0.1:{port}"))
            .replace("deploys.example.org:8443", &format!("localhost:{port}"))
            .replace("deploys.example.org", "localhost")
    };
    let script: Vec<_> = commands.iter().map(|line| here(line)).collect();
    let out = said(&server, &script.join("\n"), "");
    let tokens: Vec<_> = out.lines().filter(|line| line.starts_with("tl_")).collect();
    assert_eq!(tokens.len(), 2, "{out}");

    for (token, person) in tokens.into_iter().zip(["ann", "raj"]) {
        let laptop = Home::new();
        fs::copy(server.path("config/cert.pem"), laptop.path("cert.pem")).unwrap();
        said(&laptop, &here(at_home[0]), &format!("{token}\n"));
        let who = said(&laptop, "trunkline --profile prod whoami", "");
        assert!(who.contains(person) && who.contains("deployer"), "{who}");
        let status = said(&laptop, "trunkline --profile prod status", "");
        assert!(status.contains("shop") && status.contains("staging"), "{status}");
    }
}
