//! What checks and notices cost: a promote and a rollback beside checks that all hang, and beside destinations that all hang;
//! and an engine whose 50 services are all watched: `cargo bench --bench checks`, Linux only. `cargo bench --bench checks told`
//! and `watched` are one part alone.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use trunkline_testing::bench::samples::Pairs;
use trunkline_testing::bench::spent::Spent;
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::small_shop::service_file;

/// So long the watched services are looked at, in seconds, unless this variable says otherwise.
const SECONDS: &str = "TRUNKLINE_BENCH_SECONDS";
const ROUNDS: u64 = 10;
const SERVICES: usize = 50;

/// Everything that can be asked, and nothing of it ever answers.
const HANGING: &str = r#"
[production.live]
run = "sleep 3600"
[[production.watch]]
name = "hangs"
run = "sleep 3600"
every = "1s"
[[rollback.needs]]
name = "registry"
run = "sleep 3600"
[[observe]]
name = "flags"
run = "sleep 3600"
every = "1s"
"#;

fn main() {
    let is_wanted = |part: &str| {
        let parts = ["checks-hang", "told", "watched"];
        let mut named = std::env::args().filter(|argument| parts.contains(&argument.as_str()));
        named.next().is_none_or(|named| named == part)
    };
    if is_wanted("checks-hang") {
        let shop =
            |checks| Home::with_service(&format!("{}{checks}", service_file("echo shipped")));
        side_by_side(&[shop(""), shop(HANGING)], ["without checks", "every check hangs"]);
    }
    if is_wanted("told") {
        let shop = || Home::with_service(&service_file("echo shipped"));
        let told = shop();
        tell_those_that_hang(&told);
        side_by_side(&[shop(), told], ["nobody is told", "every destination hangs"]);
    }
    if is_wanted("watched") {
        watched();
    }
}

/// Adds a destination of each kind, none of which ever answers.
fn tell_those_that_hang(home: &Home) {
    let port = hang();
    let url = format!("http://127.0.0.1:{port}");
    std::fs::write(home.path("address"), format!("{url}/hook")).expect("it can be written");
    std::fs::write(home.path("token"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .expect("it can be written");
    let [address, token] =
        ["address", "token"].map(|name| format!("{{ file = '{}' }}", home.path(name).display()));
    let mut settings = std::fs::read_to_string(home.path("config/config.toml")).unwrap_or_default();
    for kind in ["slack", "webhook", "teams", "mattermost", "discord", "pagerduty"] {
        let more = match kind {
            "slack" => format!(
                "url = {url:?}\ntoken = {token}\nchannels = {{ all = \"C1\" }}\nchannel = \"all\""
            ),
            "pagerduty" => format!("url = {url:?}\ntoken = {token}\nincidents = true"),
            "webhook" => format!("address = {address}\ntoken = {token}"),
            _ => format!("address = {address}"),
        };
        let table = format!("\n[notify.{kind}]\nkind = {kind:?}\nservices = [\"*\"]\n{more}\n");
        settings.push_str(&table);
    }
    std::fs::write(home.path("config/config.toml"), settings).expect("it can be written");
    home.said(&["engine", "restart"]);
}

/// Takes whatever comes and answers nothing.
fn hang() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        kept.extend(listener.incoming().flatten());
    });
    port
}

/// The same in two shops, by turns.
fn side_by_side(shops: &[Home; 2], names: [&str; 2]) {
    for home in shops {
        home.verified(1);
        home.said(&["promote", "1", "--yes", "--wait"]);
    }
    let (mut promotes, mut rollbacks) = (Pairs::default(), Pairs::default());
    for round in 2..2 + ROUNDS {
        for (shop, at) in shops.iter().zip(0..) {
            shop.merge("sam", "page.html", &round.to_string());
            shop.verified(round);
            let number = round.to_string();
            let times = [
                time(shop, &["promote", &number, "--yes", "--wait"]),
                time(shop, &["rollback", "--yes", "--wait"]),
            ];
            shop.said(&["release", "--reason", "measured", "--none-bad", "--leave-open"]);
            for (pairs, time) in [&mut promotes, &mut rollbacks].into_iter().zip(times) {
                let side = if at == 0 { &mut pairs.floor } else { &mut pairs.ours };
                side.push(time);
            }
        }
    }
    let [without, hanging] = names;
    promotes.print("trunkline promote N --yes --wait", without, hanging);
    rollbacks.print("trunkline rollback --yes --wait", without, hanging);
    for home in shops {
        println!("{}", home.said(&["notify", "status"]));
    }
}

/// How long a command takes that may end badly: what hangs leaves a deployment in doubt.
fn time(shop: &Home, arguments: &[&str]) -> Duration {
    let begin = Instant::now();
    let ended = shop.trunkline(arguments);
    let time = begin.elapsed();
    assert!(ended.status.code().is_some_and(|code| code <= 1), "{ended:?}");
    time
}

/// A fleet that is all watched, by one address and one command each.
fn watched() {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let port = serve();
    for (what, checks) in [
        ("nothing", String::new()),
        ("an address", format!("http = {{ url = \"http://127.0.0.1:{port}/\" }}")),
        ("a command", "run = [\"true\"]".to_owned()),
    ] {
        let home = fleet(port, &checks);
        let engine = home.engine().expect("an engine runs");
        thread::sleep(Duration::from_secs(20));
        let before = Spent::by(engine);
        thread::sleep(time);
        let ran = Spent::by(engine).running.saturating_sub(before.running);
        let core = ran.as_secs_f64() / time.as_secs_f64() * 100.0;
        println!("{SERVICES} services, watched by {what:<12} {core:>6.2} % of a core");
    }
}

fn fleet(port: u16, check: &str) -> Home {
    let home = Home::new();
    let repositories: Vec<_> = (0..SERVICES).map(|_| Repository::new()).collect();
    let mut settings = format!("[live]\nhosts = [\"http://127.0.0.1:{port}\"]\n");
    for (at, repository) in repositories.iter().enumerate() {
        let file = service_file("echo shipped").replace("\"shop\"", &format!("\"shop-{at}\""));
        let watch = match check {
            "" => String::new(),
            check => format!("[[production.watch]]\nname = \"front\"\n{check}\nfor = \"1h\"\n"),
        };
        repository.write("trunkline.toml", &format!("{file}\n{watch}"));
        repository.commit_all("Sam", "sam@shop.example", "begin");
        settings.extend(["[[services]]\nrepository = '", repository.address(), "'\n"]);
    }
    std::fs::create_dir(home.path("config")).expect("the folder is new");
    std::fs::write(home.path("config/config.toml"), settings).expect("it can be written");
    for at in 0..SERVICES {
        let service = format!("shop-{at}");
        until("it is verified", || {
            let builds = home.trunkline(&["builds", "--json", "--service", &service]);
            String::from_utf8_lossy(&builds.stdout).contains("\"verified\"")
        });
        home.said(&["promote", "1", "--yes", "--wait", "--service", &service]);
    }
    home
}

/// Answers 200 to whatever comes.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}
