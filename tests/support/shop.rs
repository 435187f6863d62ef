//! A repository whose trunk a person called raj watches, and the ways that this person goes through the console.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::home::Home;
use crate::pty::Pty;
use crate::repository::Repository;
use crate::service_file::service_file;

pub const RIGHT: &str = "\x1b[C";

/// One step for everything. It notes that it ran, prints twenty lines, and waits while the gate is there, unless it rolls
/// back; not forever, as nobody may be left to open it.
const DEPLOY: &str = r#"
echo "$TRUNKLINE_ENVIRONMENT $TRUNKLINE_KIND $TRUNKLINE_BUILD" >> "$RAN"
i=1
while [ $i -le 20 ]; do echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD, line $i of 20"; i=$((i + 1)); done
n=0
while [ "$TRUNKLINE_KIND" != rollback ] && [ -e "$GATE" ] && [ $n -lt 6000 ]; do n=$((n + 1)); sleep 0.02; done
echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD is out"
"#;

/// One step for everything that fails without a network. It notes that it ran, and waits while the gate is there.
const DEPLOY_OVER_NETWORK: &str = r#"
echo "$TRUNKLINE_ENVIRONMENT $TRUNKLINE_KIND $TRUNKLINE_BUILD" >> "$RAN"
[ -e "$NETWORK" ] || { echo "no network"; exit 7; }
n=0
while [ -e "$GATE" ] && [ $n -lt 6000 ]; do n=$((n + 1)); sleep 0.02; done
"#;

/// A repository whose trunk is watched by a person called raj.
pub struct Shop {
    pub home: Home,
    pub repository: Repository,
}

/// A repository with this service file, which nobody watches yet.
pub fn shop(service_file: &str) -> Shop {
    Shop::empty().with("trunkline.toml", service_file)
}

impl Shop {
    /// A repository without any file, which nobody watches yet.
    pub fn empty() -> Self {
        Self { home: Home::new(), repository: Repository::new() }
    }

    /// With one more file.
    pub fn with(self, file: &str, content: &str) -> Self {
        self.repository.write(file, content);
        self
    }

    /// With a script that can be run.
    pub fn with_script(self, file: &str, content: &str) -> Self {
        self.repository.write_script(file, content);
        self
    }

    /// With everything committed by Ann, and watched with these settings.
    pub fn watched(self, settings: &str) -> Self {
        self.repository.commit_all("Ann", "ann@example.com", "begin");
        self.home.watch_repository(self.repository.path(), settings);
        self
    }

    /// Watched, with a step that waits while its gate is closed, and every build to be verified by a person.
    pub fn open() -> Self {
        let shop = shop(&verified_by_a_person());
        let (ran, gate) = (shop.home.path("ran"), shop.gate());
        let places = format!("RAN='{}'\nGATE='{}'", ran.display(), gate.display());
        let shop = shop.with("deploy", &format!("{places}{DEPLOY}"));
        // A countdown that only a key can end in time: what fires it is the test's to say.
        shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"")
    }

    /// Watched, with a step that fails until there is a network, and every build verified by its smoke step.
    pub fn without_network() -> Self {
        let file = service_file().raj().person("ann").everywhere("release", "exec sh ./deploy");
        let shop = shop(&file.step("staging", "smoke", "[\"true\"]").text());
        let (ran, gate) = (shop.home.path("ran"), shop.gate());
        let (ran, gate, network) = (ran.display(), gate.display(), shop.network());
        let places = format!("RAN='{ran}'\nGATE='{gate}'\nNETWORK='{}'", network.display());
        let shop = shop.with("deploy", &format!("{places}{DEPLOY_OVER_NETWORK}"));
        shop.watched("poll = \"100ms\"")
    }

    fn network(&self) -> PathBuf {
        self.home.path("network")
    }

    pub fn connect(&self) {
        fs::write(self.network(), "").unwrap();
    }

    pub fn disconnect(&self) {
        fs::remove_file(self.network()).unwrap();
    }

    pub fn console(&self) -> Pty {
        self.console_of((120, 40))
    }

    pub fn console_of(&self, size: (u16, u16)) -> Pty {
        let screen = self.home.on_terminal(&["console"], size);
        screen.shows("PROD checkout");
        screen
    }

    /// A change by somebody else reaches the trunk.
    pub fn merge(&self, subject: &str) {
        self.repository.write("page.html", subject);
        self.repository.commit_all("Ann", "ann@example.com", subject);
    }

    fn gate(&self) -> PathBuf {
        self.home.path("gate")
    }

    pub fn close_gate(&self) {
        fs::write(self.gate(), "").unwrap();
    }

    pub fn open_gate(&self) {
        fs::remove_file(self.gate()).unwrap();
    }

    /// What the steps noted, one line for each time that one ran.
    pub fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many steps have left their result on disk.
    pub fn results(&self) -> usize {
        let folders = |path| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap());
        let deployments = folders(self.home.path("data/runs"));
        let steps = deployments.flat_map(|deployment| folders(deployment.path()));
        steps.filter(|step| step.path().join("status.json").exists()).count()
    }

    pub fn kinds(&self) -> Vec<String> {
        let history = self.home.json(&["history", "--json"]);
        let kind = |deployment: &serde_json::Value| {
            deployment["request"]["kind"].as_str().unwrap().to_owned()
        };
        history.as_array().unwrap().iter().map(kind).collect()
    }

    /// The lines of the last production deployment's log, without the heading of its step.
    pub fn log(&self) -> Vec<String> {
        let history = self.home.json(&["history", "--json"]);
        let id = format!("d{}", history[0]["id"]);
        let said = self.home.said(&["logs", &id]);
        let (heading, lines) = said.split_once('\n').unwrap();
        assert_eq!(heading, format!("== {id} release"));
        lines.lines().map(str::to_owned).collect()
    }
}

/// Every build is verified by a person.
fn verified_by_a_person() -> String {
    let file = service_file().raj().person("ann").everywhere("release", "exec sh ./deploy").text();
    file.replace("step:smoke", "person")
}

/// A service in which every build is verified by its smoke step, with this besides.
pub fn smoke_tested(more: &str) -> String {
    let file = service_file().raj().step("staging", "smoke", "echo done");
    let file = file.step("production", "release", "echo done");
    format!("{}{more}", file.step("rollback", "release", "echo done").text())
}

/// Waits for a row with this build in this state; between the two stands a glyph.
pub fn row(screen: &Pty, build: &str, state: &str) {
    let tells = |line: &str| {
        let after = line.split_once(&format!("{build} ")).map(|(_, after)| after.trim_start());
        let after_glyph = after.and_then(|after| after.split_once(' '));
        after_glyph.is_some_and(|(_, word)| word.starts_with(state))
    };
    screen.until(&format!("{build} {state}"), |text| text.lines().any(tells));
}

/// Goes through a dialog that begins on Cancel to its other button, presses it once it is lit, and waits until the
/// dialog is over.
pub fn confirm(screen: &mut Pty, title: &str, label: &str) {
    screen.shows(title);
    screen.lights_up("[> Cancel <]");
    screen.shows(&format!("[  {label}  ]"));
    screen.keys(RIGHT);
    screen.lights_up(&format!("[> {label} <]"));
    screen.keys("\r");
    screen.hides(title);
}

/// Presses a key that acts until it does: right behind another one it is refused, and a slow machine brings both at once.
pub fn acts(screen: &mut Pty, key: &str, shows: &str) {
    for _ in 0..10 {
        screen.keys(key);
        if screen.becomes(Duration::from_secs(6), |text| text.contains(shows)) {
            return;
        }
    }
    panic!("{key} does not lead to {shows:?}:\n{}", screen.text());
}

pub fn verify(screen: &mut Pty, build: &str) {
    row(screen, build, "staging");
    screen.keys("1g");
    let title = format!("Verify {build} in staging");
    acts(screen, "V", &title);
    confirm(screen, &title, "Verify");
    row(screen, build, "verified");
}

pub fn promote(screen: &mut Pty, build: &str) {
    let title = format!("Promote {build} to PRODUCTION");
    acts(screen, "P", &title);
    confirm(screen, &title, "Promote");
}

/// What a rollback of one's own asks is left for later, once it is asked.
pub fn later(screen: &mut Pty) {
    screen.shows("Were users affected?");
    screen.keys("\x1b");
    screen.hides("Were users affected?");
}

pub fn leave(mut screen: Pty) {
    assert!(screen.quits(), "{}", screen.text());
    assert!(screen.is_restored());
}
