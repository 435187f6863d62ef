//! A long past and a large fleet: everything that is asked often answers as if they were short and small.

use std::fs;

use super::history::Past;
use super::memory::{below, peak_of};
use trunkline_testing::home::Home;
use trunkline_testing::repository::Repository;

const MEGABYTE: u64 = 1024 * 1024;
const BUILDS: u64 = 10_000;
const SERVICES: u64 = 1_000;
/// How many builds each of those has.
const PAST: u64 = 9;

fn service_file(name: &str) -> String {
    let step = |pipeline: &str| format!("[[{pipeline}.steps]]\nname = \"x\"\nrun = \"true\"\n");
    let steps: String = ["staging", "production", "rollback"].into_iter().map(step).collect();
    format!("service = \"{name}\"\ntrunk = \"main\"\n{steps}")
}

fn size(home: &Home, arguments: &[&str]) -> u64 {
    home.said(arguments).len() as u64
}

fn peaks_stay_below(home: &Home, console: u32, limit: u64) {
    below(limit, peak_of(home.engine().unwrap()), "the engine");
    below(limit, peak_of(console), "the console");
}

#[test]
fn a_service_with_ten_thousand_builds_is_opened_scrolled_and_filtered() {
    let (home, repository) = (Home::new(), Repository::new());
    repository.write("trunkline.toml", &service_file("checkout"));
    let tip = repository.commit_all("Ann", "ann@example.com", "begin");
    home.watch_repository(repository.path(), "");
    let mut past = Past::into(&home.path("data"));
    past.service("checkout", (repository.address(), ""), BUILDS, &tip);
    drop(past);
    home.said(&["status"]);
    let mut console = home.on_terminal(&[], (120, 40));
    console.shows("#10000");
    assert!(size(&home, &["status", "--json"]) < MEGABYTE);
    assert!(size(&home, &["builds", "--json"]) < MEGABYTE);
    console.keys("G");
    console.shows("#9901");
    console.keys("g");
    console.shows("#10000");
    console.keys("/9951\r");
    console.hides("#10000");
    console.shows("#9951");
    peaks_stay_below(&home, console.process(), 100 * MEGABYTE);
    assert!(console.quits());
}

#[test]
fn a_fleet_of_a_thousand_services_is_opened_scrolled_and_filtered() {
    let (home, repository) = (Home::new(), Repository::new());
    let mut settings = String::from("poll = \"1h\"\n");
    let name = |number: u64| format!("shop-{number:04}");
    for number in 1..=SERVICES {
        repository.write(&format!("{}/trunkline.toml", name(number)), &service_file(&name(number)));
        let (repository, folder) = (repository.address(), name(number));
        settings.extend([
            "[[services]]\nrepository = '",
            repository,
            "'\nfolder = '",
            &folder,
            "'\n",
        ]);
    }
    let tip = repository.commit_all("Ann", "ann@example.com", "begin");
    fs::create_dir(home.path("config")).unwrap();
    fs::write(home.path("config/config.toml"), settings).unwrap();
    let mut past = Past::into(&home.path("data"));
    for number in 1..=SERVICES {
        past.service(&name(number), (repository.address(), &name(number)), PAST, &tip);
    }
    drop(past);
    home.said(&["status"]);
    let mut console = home.on_terminal(&[], (120, 40));
    console.shows(&name(1));
    console.keys("G");
    console.shows(&name(SERVICES));
    console.keys("g/0777\r");
    console.shows(&name(777));
    console.keys("\r");
    console.shows("#9 ");
    peaks_stay_below(&home, console.process(), 100 * MEGABYTE);
    // Once for the service, once for the filter, once for the console.
    console.keys("qqq");
    assert!(console.ended());
}
