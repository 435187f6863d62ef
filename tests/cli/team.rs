//! A team's server and a laptop that signs in to it, with the real program.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use trunkline::server::TlsFiles;
use trunkline_testing::engine::QUICK;
use trunkline_testing::home::Home;
use trunkline_testing::repository::Repository;
use trunkline_testing::team::{pem, put_pair};

/// A server of its own user, in the foreground.
pub struct TeamHome {
    pub home: Home,
    pub repository: Repository,
    server: Child,
    pub url: String,
}

impl Drop for TeamHome {
    fn drop(&mut self) {
        // The home stops the engine; this takes its status.
        self.home.trunkline(&["engine", "stop"]);
        self.server.wait().unwrap();
    }
}

impl TeamHome {
    fn new() -> Self {
        Self::with("")
    }

    /// A server with these settings besides.
    pub fn with(settings: &str) -> Self {
        let (home, repository) = (Home::new(), Repository::new());
        repository.write("trunkline.toml", QUICK);
        repository.commit_all("Ann", "ann@example.com", "begin");
        home.watch_repository(repository.path(), "");
        let config = home.path("config");
        let files = TlsFiles { certificate: config.join("cert.pem"), key: config.join("key.pem") };
        put_pair(&files, "server", "server");
        let id = Command::new("id").arg("-gn").output().unwrap();
        let group = String::from_utf8(id.stdout).unwrap();
        let text = format!(
            "listen = '127.0.0.1:0'\npublic_url = 'https://deploys.example.org'\n[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n\
             [socket_group]\npath = '{}'\ngroup = '{}'\n{settings}",
            home.path("group/engine.sock").display(),
            group.trim()
        );
        fs::write(config.join("server.toml"), text).unwrap();
        let said = home.said(&["serve", "--check"]);
        assert!(said.contains("listens on 127.0.0.1:0 with TLS, and on "), "{said}");
        let (server, port) = serve(&home);
        let url = format!("https://localhost:{port}");
        Self { home, repository, server, url }
    }

    /// Ends the server and starts it again at the same address, with its settings changed.
    pub fn restart(&mut self, change: impl FnOnce(String) -> String) {
        self.home.said(&["engine", "stop"]);
        self.server.wait().unwrap();
        let file = self.home.path("config/server.toml");
        let text = fs::read_to_string(&file).unwrap();
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        let text = text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
        fs::write(file, change(text)).unwrap();
        let (server, again) = serve(&self.home);
        assert_eq!(again, port);
        self.server = server;
    }

    /// The text of a new token.
    fn token(&self, name: &str, role: &str, person: &str) -> String {
        let text = self.home.said(&["token", "create", name, "--role", role, "--as", person]);
        text.trim().to_owned()
    }
}

/// Starts a server in the foreground, and waits for its port.
fn serve(home: &Home) -> (Child, String) {
    let mut server = home.command(&["serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(" and on ").nth(1).and_then(|rest| rest.split(';').next());
    let port = address.and_then(|address| address.rsplit(':').next()).unwrap();
    (server, port.to_owned())
}

/// A user without an engine.
pub fn laptop() -> Home {
    let laptop = Home::new();
    fs::write(laptop.path("ca.pem"), pem("ca.pem")).unwrap();
    laptop
}

fn with_input(home: &Home, arguments: &[&str], input: &str) -> Output {
    let mut command = home.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn has_text(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(has_text(&path, text));
        } else if fs::read(&path)
            .unwrap_or_default()
            .windows(text.len())
            .any(|w| w == text.as_bytes())
        {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn an_engineer_signs_in_from_a_laptop_and_is_known_by_name() {
    let (team, laptop) = (TeamHome::new(), laptop());
    let token = team.token("raj-laptop", "deployer", "raj");
    let login = ["login", &team.url, "--ca", "ca.pem", "--profile", "prod"];
    let signed_in = with_input(&laptop, &login, &format!("{token}\n"));
    assert!(signed_in.status.success(), "{signed_in:?}");
    assert_eq!(has_text(&laptop.path(""), &token), ["token"], "it is in its file alone");
    let told = |arguments: &[&str]| {
        let mut with = arguments.to_vec();
        with.extend(["--profile", "prod"]);
        laptop.trunkline(&with)
    };
    let who = String::from_utf8(told(&["whoami"]).stdout).unwrap();
    assert!(who.starts_with("raj, deployer for all services (token raj-laptop (t1)"), "{who}");
    assert!(told(&["status"]).status.success());
    let link = told(&["link", "--browser"]);
    let address = String::from_utf8(link.stdout.clone()).unwrap();
    assert!(address.starts_with("https://deploys.example.org/sign-in?code="), "{link:?}");
    assert!(error(&link).contains("within 1m"), "{link:?}");
    let missing = told(&["link", "d9999", "--expires", "1d"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(error(&missing).contains("there is no deployment d9999"), "{missing:?}");
    assert!(told(&["hold", "staging", "--reason", "late"]).status.success());
    let events = team.home.said(&["events", "--json"]);
    assert!(events.contains(r#"{"person":"raj"}"#), "{events}");
    assert!(!laptop.path("data/engine.lock").exists(), "nothing is started on the laptop");
    let refused = told(&["token", "list"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");

    assert!(told(&["hold", "--reason", "late"]).status.success());
    let plan = String::from_utf8(told(&["plan", "promote", "1"]).stdout).unwrap();
    assert!(
        plan.contains("--reason REASON --profile prod"),
        "what is to be copied leads to the same server: {plan}"
    );

    team.home.said(&["token", "revoke", "raj-laptop"]);
    let out = told(&["status"]);
    assert!(error(&out).contains(&format!("trunkline login {}", team.url)), "{out:?}");
    assert!(told(&["logout"]).status.success());
    let out = told(&["status"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(error(&out).contains(&format!("trunkline login {}", team.url)), "{out:?}");
    // The profile knows the authority.
    let token = team.token("raj-laptop", "viewer", "raj");
    assert!(with_input(&laptop, &["login", &team.url], &token).status.success());
    let refused = told(&["hold", "staging", "--reason", "late"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(error(&refused).contains("raj has the role viewer"), "{refused:?}");
}

#[test]
fn a_token_and_what_was_sent_belong_to_an_address_and_a_mistake_elsewhere_stops_no_command() {
    let (team, laptop) = (TeamHome::new(), laptop());
    let token = team.token("raj-laptop", "deployer", "raj");
    let login = ["login", &team.url, "--ca", "ca.pem", "--profile", "prod"];
    assert!(with_input(&laptop, &login, &format!("{token}\n")).status.success());
    let file = laptop.path("config/config.toml");
    let good = fs::read_to_string(&file).unwrap();
    let told = |arguments: &[&str]| {
        let mut with = arguments.to_vec();
        with.extend(["--profile", "prod"]);
        laptop.trunkline(&with)
    };
    for wrong in ["pol = '2s'\n", "poll = \n"] {
        fs::write(&file, format!("{wrong}{good}")).unwrap();
        let held = told(&["hold", "staging", "--reason", "late"]);
        assert!(held.status.success(), "{held:?}");
        assert!(error(&held).contains("config.toml:1:") && error(&held).contains("profile prod"));
        assert!(told(&["release", "staging", "--reason", "found"]).status.success());
    }
    // Another server gets neither the token nor the question what became of a command.
    fs::write(&file, good.replace("localhost", "127.0.0.1")).unwrap();
    let other = told(&["status"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    assert!(
        error(&other).contains("you are not signed in; run: trunkline login https://127.0.0.1:")
    );
    fs::write(&file, good).unwrap();
    assert!(told(&["status"]).status.success());
}

#[test]
fn a_group_of_one_machine_needs_no_token() {
    let (team, laptop) = (TeamHome::new(), laptop());
    let socket = team.home.path("group/engine.sock");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(socket.parent().unwrap()), mode(&socket)), (0o750, 0o660));
    fs::create_dir(laptop.path("config")).unwrap();
    let profile = format!("[profiles.here]\nurl = 'unix:{}'\n", socket.display());
    fs::write(laptop.path("config/config.toml"), profile).unwrap();
    let who = laptop.said(&["whoami", "--profile", "here"]);
    assert!(who.contains("for all services (uid ") && who.contains("unix socket"), "{who}");
    team.home.said(&["engine", "stop"]);
    let away = laptop.trunkline(&["whoami", "--profile", "here"]);
    assert!(error(&away).contains("ask whoever runs it"), "{away:?}");
    assert!(!laptop.path("data/engine.lock").exists(), "nothing is started");
}

#[test]
fn a_server_file_that_cannot_be_followed_leaves_the_owner_its_socket() {
    let home = Home::new();
    home.watch(QUICK);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server_file = home.path("config/server.toml");
    for (text, how, words) in [
        ("listen = 1\n".to_owned(), "nothing of server.toml is in force", "listen"),
        (
            format!("listen = '127.0.0.1:{port}'\n"),
            "not everything of server.toml is open",
            "cannot listen",
        ),
    ] {
        fs::write(&server_file, text).unwrap();
        home.said(&["engine", "stop"]);
        home.await_build(1, "verified");
        let doctor = String::from_utf8(home.trunkline(&["doctor"]).stdout).unwrap();
        let row = doctor.lines().find(|line| line.starts_with("WRONG")).unwrap_or(&doctor);
        assert!(row.contains(how) && row.contains(words), "{doctor}");
        home.said(&["hold", "staging", "--reason", "late"]);
        home.said(&["release", "staging", "--reason", "found"]);
    }
    let doctor = String::from_utf8(home.trunkline(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("that is tried again every 30s"), "{doctor}");
    drop(taken);
    let check = home.said(&["serve", "--check"]);
    assert!(check.contains("is in order"), "{check}");
    home.said(&["engine", "restart"]);
    let doctor = String::from_utf8(home.trunkline(&["doctor"]).stdout).unwrap();
    assert!(!doctor.contains("WRONG"), "{doctor}");
}

#[test]
fn a_restart_ends_no_engine_that_could_not_be_started_as_it_was() {
    let home = Home::new();
    home.watch(QUICK);
    home.await_build(1, "verified");
    let running = || home.said(&["engine", "status"]);
    let before = running();
    let (user, server) = (home.path("config/config.toml"), home.path("config/server.toml"));
    let good = fs::read_to_string(&user).unwrap();
    for (file, text) in [(&server, "listen = 1\n".to_owned()), (&user, format!("{good}poll = 1\n"))]
    {
        fs::write(file, text).unwrap();
        let refused = home.trunkline(&["engine", "restart"]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = error(&refused);
        assert!(said.contains("correct that first: the engine that runs goes on"), "{said}");
        assert_eq!(running(), before);
        fs::write(&user, &good).unwrap();
        fs::write(&server, "").unwrap();
    }
    home.said(&["engine", "restart"]);
    assert_ne!(running(), before);
}

#[test]
fn a_login_that_does_not_work_keeps_nothing() {
    let (team, laptop) = (TeamHome::new(), laptop());
    let token = team.token("raj-laptop", "deployer", "raj");
    let wrong = format!("tl_{}", "A".repeat(49));
    let (url, plain) =
        (team.url.as_str(), team.url.replace("https://localhost", "http://example.org"));
    let cases: [(&[&str], &str, &str); 4] = [
        (&["login", url, "--ca", "ca.pem"], &wrong, "not a token of trunkline"),
        (&["login", url], &token, "set ca of the profile"),
        (&["login", &plain], &token, "in the clear"),
        (&["login", url, "--ca", "ca.pem"], "", "not a token of trunkline"),
    ];
    for (arguments, input, words) in cases {
        let out = with_input(&laptop, arguments, input);
        assert!(!out.status.success() && error(&out).contains(words), "{arguments:?}: {out:?}");
    }
    assert!(!laptop.path("data/profiles").exists());
    assert!(!laptop.path("config/config.toml").exists());
}

#[test]
fn the_sample_of_the_server_file_is_in_order_and_a_mistake_has_its_place() {
    let home = Home::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/server.toml");
    let said = home.said(&["serve", "--check", sample.to_str().unwrap()]);
    assert!(said.contains("listens on 127.0.0.1:8443 without TLS"), "{said}");
    let spelled_out: String = fs::read_to_string(&sample).unwrap();
    let spelled_out =
        spelled_out.replace("# [tls]", "[tls]").replace("# certificate", "certificate");
    fs::write(home.path("server.toml"), spelled_out.replace("# key", "key")).unwrap();
    let check = |text: Option<&str>| {
        if let Some(text) = text {
            fs::write(home.path("server.toml"), text).unwrap();
        }
        let out = home.trunkline(&["serve", "--check", "server.toml"]);
        assert_eq!(out.status.code(), Some(2), "{out:?}");
        error(&out)
    };
    assert!(check(None).contains("cannot read"));
    assert!(check(Some("\nlisten = 8443\n")).contains("server.toml:2:10"));
    assert!(check(Some("listen = \"0.0.0.0:8443\"\n")).contains("[tls]"));
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| home.path(name));
    put_pair(&TlsFiles { certificate, key }, "expired", "expired");
    let expired =
        "listen = \"localhost:8443\"\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    assert!(check(Some(expired)).contains("expired at"));
    assert!(!home.path("data").exists(), "a check makes nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn an_engine_without_a_server_file_opens_no_port() {
    let home = Home::with_one_live();
    let engine = home.engine().expect("an engine runs");
    let links = fs::read_dir(format!("/proc/{engine}/fd")).unwrap();
    let links = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
    let inode = |link: std::path::PathBuf| {
        let link = link.to_string_lossy().into_owned();
        Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    let sockets: Vec<_> = links.filter_map(inode).collect();
    assert!(!sockets.is_empty(), "it has its unix socket");
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = fs::read_to_string(format!("/proc/{engine}/net/{table}")).unwrap();
        let inodes: Vec<_> = table.lines().filter_map(|l| l.split_whitespace().nth(9)).collect();
        let open: Vec<_> = sockets.iter().filter(|s| inodes.contains(&s.as_str())).collect();
        assert!(open.is_empty(), "{table}");
    }
}
