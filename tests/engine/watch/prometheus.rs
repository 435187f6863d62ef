//! The watch against a real Prometheus, which scrapes a real HTTP service: a deploy that raises the share of errors is
//! flagged within two samples, one that does not is not, and a Prometheus that dies is unknown.
//!
//! Prometheus is found on the machine or by `TRUNKLINE_PROMETHEUS`; a missing one is said, and `.ci/prometheus` unpacks it.

use std::fs;
use std::io::{Read as _, Write as _, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::watch::{LiveEvidence, SampleVerdict, WatchEnd};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::until;

use super::{check, until_ended, until_judged};

const PLACE: &str = "TRUNKLINE_PROMETHEUS";

/// A service that counts its requests: a hundred between two scrapes, so many of which fail as a file says.
struct CountingShop {
    address: SocketAddr,
}

impl CountingShop {
    fn start(failing: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, errors) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let percent = fs::read_to_string(&failing).unwrap_or_default();
                let failed: u64 = percent.trim().parse().unwrap_or(0);
                let requests = requests.fetch_add(100, Ordering::Relaxed) + 100;
                let errors = errors.fetch_add(failed, Ordering::Relaxed) + failed;
                answer(connection, &format!("requests_total {requests}\nerrors_total {errors}\n"));
            }
        });
        Self { address }
    }
}

fn answer(mut connection: TcpStream, body: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && connection.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
    drop(write!(connection, "{head}\r\nContent-Length: {length}\r\n\r\n{body}"));
}

/// A running Prometheus, ended with its value.
struct Prometheus {
    child: Child,
    host: String,
}

impl Prometheus {
    /// `None`, and said, if there is none on this machine.
    fn start(folder: &Path, shop: &CountingShop) -> Option<Self> {
        let Some(program) = program() else {
            let why = "the watch is not tried at a Prometheus: there is none";
            let said = writeln!(stderr(), "{why}; run .ci/prometheus, or install prometheus");
            said.expect("a line on standard error");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let scrape = format!(
            "global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\nscrape_configs:\n- job_name: shop\n  static_configs:\n  - targets: [\"{}\"]\n",
            shop.address
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, scrape).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address={host}"))
            .args([
                "--log.level=error",
                "--web.console.templates=none",
                "--web.console.libraries=none",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, host })
    }

    /// Waits until it has seen this many scrapes.
    fn has_scraped(&self, times: u64) {
        let query = "query=count_over_time(requests_total[10m])";
        let enough = || {
            let mut asked = TcpStream::connect(&self.host).ok()?;
            let head = "HTTP/1.0\r\nHost: prometheus\r\n\r\n";
            write!(asked, "GET /api/v1/query?{query} {head}").ok()?;
            let mut text = String::new();
            asked.read_to_string(&mut text).ok()?;
            let count = text.rsplit_once(",\"")?.1.split('"').next()?.parse::<u64>().ok()?;
            (count >= times).then_some(())
        };
        until("it has scraped", || enough().is_some());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(place) = std::env::var_os(PLACE) {
        let place = PathBuf::from(place);
        assert!(place.is_file(), "{PLACE} names {}, which is no program", place.display());
        return Some(place);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|at| at.is_file())
}

/// The share of errors against what it was before, each second for eight.
fn errors(host: &str) -> String {
    format!(
        "[[production.watch]]\nname = \"errors\"\nevery = \"1s\"\nfor = \"8s\"\n\
         prometheus = {{ url = \"http://{host}\", query = \"rate(errors_total[2s]) / rate(requests_total[2s])\", \
         at_most_times_before = 3, ignore_below = 0.005 }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_raises_the_share_of_errors_is_flagged_and_one_that_does_not_is_not() {
    let mut world = World::with_file(QUICK);
    let failing = world.folder().join("failing");
    fs::write(&failing, "2").unwrap();
    let shop = CountingShop::start(failing.clone());
    let Some(prometheus) = Prometheus::start(world.folder(), &shop) else { return };
    tokio::task::block_in_place(|| prometheus.has_scraped(50));
    // What is deployed decides how many fail.
    let release = format!("#!/bin/sh\ncp percent '{}'\n", failing.display());
    world.repository.write_script("release", &release);
    world.repository.write("percent", "2");
    let file = QUICK.replace("run = \"echo back to $TRUNKLINE_BUILD\"", "run = \"./release\"");
    world.repository.write("trunkline.toml", &format!("{file}{}", errors(&prometheus.host)));
    world.repository.commit_all("Ann", "ann@example.com", "watch it");
    let hosts = format!("poll = \"50ms\"\n[live]\nhosts = [\"http://{}\"]\n", prometheus.host);
    world.start_by_file(&hosts).await;

    let good = world.verified("good").await;
    let good_one = world.live(good).await;
    assert_eq!(until_ended(&world, good_one).await, WatchEnd::Good);

    world.repository.write("percent", "50");
    let bad = world.verified("bad").await;
    let bad_one = world.live(bad).await;
    let seen = until_judged(&world, bad_one, "errors", SampleVerdict::Bad).await;
    let errors = check(&seen, "errors").unwrap();
    // The first sample may still be of the time before.
    assert!(errors.bad == 2 && errors.good <= 1, "{errors:?}");
    assert!(errors.says.as_ref().unwrap().contains("was up to 0.02 before"), "{errors:?}");
    assert_eq!(seen.evidence, LiveEvidence::Bad);
    assert!(seen.alarms.iter().any(|alarm| matches!(alarm, Alarm::WatchBad { .. })));

    let back = world.rollback().await;
    world.ended(back).await;
    drop(prometheus);
    let lost = until_judged(&world, back, "errors", SampleVerdict::Unknown).await;
    assert_eq!(lost.evidence, LiveEvidence::Unknown);
    assert_eq!(until_ended(&world, back).await, WatchEnd::Unknown);
    world.stop().await;
}
