//! The places where steps run, each with runs that a test can have succeed, fail, wait or hide.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::domain::ids::DeploymentId;
use trunkline::domain::log::{LogFrom, Stream};
use trunkline_testing::buildbot::Buildbot;
use trunkline_testing::engine::World;
use trunkline_testing::github::{FakeRun, GITHUB_TOKEN, GitHub};
use trunkline_testing::jobs::{JobServer, until};
use trunkline_testing::vendors::{Vendor, VendorKind, VendorRun};

const TOKEN: &str = "tok_4f9d8a7c6b5e4d3c";

/// What the next run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Succeeds,
    Fails,
    /// Until it may go on, and then it succeeds.
    Waits,
    /// It ends with a word that nobody knows.
    Explodes,
    /// It succeeds, and no list shows it.
    Hides,
}

pub enum Place {
    Here,
    Jobs(JobServer),
    GitHub(GitHub),
    Buildbot(Buildbot),
    Vendor(Vendor, VendorKind),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("here"),
            Self::Jobs(_) => f.write_str("HTTP jobs"),
            Self::GitHub(_) => f.write_str("GitHub"),
            Self::Buildbot(_) => f.write_str("Buildbot"),
            Self::Vendor(_, kind) => write!(f, "{kind:?}"),
        }
    }
}

impl Place {
    pub fn jobs() -> Option<Self> {
        JobServer::if_python(Some(TOKEN)).map(Self::Jobs)
    }

    pub async fn github() -> Self {
        Self::GitHub(GitHub::start().await)
    }

    pub async fn buildbot() -> Option<Self> {
        Buildbot::if_installed().await.map(Self::Buildbot)
    }

    pub async fn vendor(kind: VendorKind) -> Self {
        Self::Vendor(Vendor::start(kind).await, kind)
    }

    /// What makes a step run there.
    pub fn step(&self, folder: &Path) -> String {
        let http = |job: &str| {
            format!(
                "http = {{ engine = \"there\", job = \"{job}\" }}\n\
                 inputs = {{ version = \"{{short_sha}}\", who = \"{{actor}}\" }}\ntimeout = \"1m\""
            )
        };
        match self {
            Self::Here => format!("run = [\"sh\", \"{}\"]", folder.join("script").display()),
            Self::Jobs(_) => http("shop"),
            Self::Buildbot(_) => http("job0"),
            Self::Vendor(vendor, _) => http(vendor.job()),
            Self::GitHub(_) => "github = { engine = \"there\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\", job = \"deploy\" }\n\
                 inputs = { sha = \"{short_sha}\", trunkline = \"{run}\" }\ntimeout = \"1m\"".into(),
        }
    }

    /// Where it is asked, if it is not here.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Here => None,
            Self::Jobs(server) => Some(server.address()),
            Self::GitHub(github) => Some(github.address()),
            Self::Buildbot(buildbot) => Some(buildbot.address()),
            Self::Vendor(vendor, _) => Some(vendor.address()),
        }
    }

    /// The engine of the operator's file, at this address.
    pub fn engine(&self, url: &str, folder: &Path) -> String {
        let token = |text: &str| {
            let file = folder.join("token");
            fs::write(&file, text).unwrap();
            format!("token = {{ file = \"{}\" }}\n", file.display())
        };
        let rest = match self {
            Self::Here => unreachable!("it has no engine"),
            Self::Jobs(_) => format!("kind = \"http\"\nmay = [\"shop\"]\n{}", token(TOKEN)),
            Self::GitHub(_) => {
                format!("kind = \"github\"\nmay = [\"acme/shop\"]\n{}", token(GITHUB_TOKEN))
            }
            Self::Buildbot(_) => {
                format!(
                    "kind = \"http\"\npreset = \"buildbot\"\nmay = [\"job*\"]\n{}",
                    token(TOKEN)
                )
            }
            Self::Vendor(vendor, kind) => format!(
                "kind = \"http\"\npreset = \"{}\"\nmay = [\"*shop\"]\n{}",
                impatient(*kind, folder).display(),
                token(vendor.token())
            ),
        };
        let prefix = if let Self::Vendor(vendor, _) = self { vendor.prefix() } else { "" };
        format!("[engines.there]\nurl = \"{url}{prefix}\"\n{rest}")
    }

    /// What the next run does.
    pub fn next(&self, does: Does, folder: &Path) {
        _ = fs::remove_file(folder.join("open"));
        let script = |given: &str| {
            let folder = folder.display();
            let waits = format!(
                "while [ -d '{folder}' ] && [ ! -e '{folder}/open' ]; do sleep 0.02; done\n"
            );
            let waits = if does == Does::Waits { waits.as_str() } else { "" };
            let end = if does == Does::Fails { "exit 3" } else { "" };
            format!(
                "echo started >>'{folder}/starts'\necho \"${given}\" >'{folder}/version'\necho begun\n{waits}echo done\n{end}\n"
            )
        };
        match self {
            Self::Here => {
                let version = script("(echo $TRUNKLINE_SHA | cut -c1-7)");
                fs::write(folder.join("script"), version).unwrap();
            }
            Self::Jobs(server) => server.job("shop", &script("JOB_INPUT_VERSION")),
            Self::Buildbot(buildbot) => buildbot.job("job0", &script("JOB_VERSION")),
            Self::GitHub(github) => github.on_dispatch(move |run| at_github(run, does)),
            Self::Vendor(vendor, _) => {
                let (good, bad) = vendor.ends();
                vendor.on_start(move |run| at_vendor(run, does, (good, bad)));
            }
        }
    }

    /// A run that waits goes on.
    pub fn go_on(&self, folder: &Path) {
        match self {
            Self::GitHub(github) => {
                let id = github.runs().last().expect("there is one").id;
                github.change(id, |run| run.succeeds("deploy", "begun\ndone"));
            }
            Self::Vendor(vendor, _) => vendor.change(|run| run.ends(vendor_good(vendor), "done\n")),
            _ => fs::write(folder.join("open"), "").unwrap(),
        }
    }

    /// The lists show what they hid.
    pub fn show(&self) {
        match self {
            Self::Vendor(vendor, _) => vendor.change(|run| run.is_listed = true),
            Self::GitHub(github) => {
                let id = github.runs().last().expect("there is one").id;
                github.change(id, |run| run.is_listed = true);
            }
            _ => unreachable!("it hides nothing"),
        }
    }

    /// How many runs were started, as they count it.
    pub fn starts(&self, folder: &Path) -> usize {
        match self {
            Self::GitHub(github) => github.runs().len(),
            Self::Vendor(vendor, _) => vendor.runs().len(),
            _ => fs::read_to_string(folder.join("starts")).unwrap_or_default().lines().count(),
        }
    }

    pub async fn until_started(&self, count: usize, folder: &Path) {
        until("the run starts", || self.starts(folder) >= count).await;
    }

    /// What the newest run was given by this name.
    pub fn given(&self, name: &str, folder: &Path) -> Option<String> {
        match self {
            Self::GitHub(github) => github.runs().last()?.inputs.get("sha").cloned(),
            Self::Vendor(vendor, _) => vendor.runs().last()?.given.get(name).cloned(),
            _ => Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned()),
        }
    }

    /// What a run prints. A builder has a second step; `CircleCI` tells no log.
    pub fn whole_log(&self) -> &'static [&'static str] {
        match self {
            Self::Vendor(_, VendorKind::CircleCi) => &[],
            Self::Buildbot(_) => &["begun", "done", "said"],
            _ => &["begun", "done"],
        }
    }

    /// Whether it says so of a wrong token.
    pub fn wants_token(&self) -> bool {
        matches!(self, Self::GitHub(_) | Self::Vendor(..))
    }

    /// Whether a test decides what it answers.
    pub fn can_say_anything(&self) -> bool {
        matches!(self, Self::GitHub(_) | Self::Vendor(..))
    }

    /// What is said of a run that failed.
    pub fn failure(&self) -> &'static str {
        match self {
            Self::Here => "exit 3",
            _ => "failed at there",
        }
    }

    /// What the one step of a deployment printed, read to its end.
    pub async fn log(&self, world: &World, id: DeploymentId) -> Vec<String> {
        let backend = world.backend("raj");
        let (mut printed, mut cursor) = (Vec::new(), 0);
        loop {
            let (from, wait) = (LogFrom::After(cursor), Duration::from_secs(20));
            let page = backend.log(&world.service, id, 0, from, 1 << 20, wait).await.unwrap();
            let lines = page.lines().filter(|line| line.stream != Stream::Note);
            printed.extend(lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()));
            cursor = page.next;
            if page.ended {
                return printed;
            }
        }
    }
}

fn vendor_good(vendor: &Vendor) -> &'static str {
    vendor.ends().0
}

fn at_github(run: &mut FakeRun, does: Does) {
    match does {
        Does::Succeeds => run.succeeds("deploy", "begun\ndone"),
        Does::Fails => {
            run.job_ends("deploy", "failure", Some("begun\ndone"));
            run.ends("failure");
        }
        Does::Waits => run.runs("deploy", "release"),
        Does::Explodes => run.ends("exploded"),
        Does::Hides => {
            run.is_listed = false;
            run.succeeds("deploy", "begun\ndone");
        }
    }
}

fn at_vendor(run: &mut VendorRun, does: Does, (good, bad): (&str, &str)) {
    match does {
        Does::Succeeds => run.ends(good, "begun\ndone\n"),
        Does::Fails => run.ends(bad, "begun\ndone\n"),
        Does::Waits => run.begins("begun\n"),
        Does::Explodes => run.ends("exploded", "begun\n"),
        Does::Hides => {
            run.is_listed = false;
            run.ends(good, "begun\ndone\n");
        }
    }
}

/// The preset of the product, for an impatient reader: a file of the operator's.
fn impatient(kind: VendorKind, folder: &Path) -> PathBuf {
    let name = match kind {
        VendorKind::Jenkins => "jenkins",
        VendorKind::Buildkite => "buildkite",
        VendorKind::CircleCi => "circleci",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = fs::read_to_string(root.join(format!("assets/presets/{name}.toml"))).unwrap();
    let (pace, settling) = ("pace = \"3s\"", "settling = \"90s\"");
    assert!(shipped.contains(pace) && shipped.contains(settling), "{name}");
    let quick = shipped.replace(pace, "pace = \"20ms\"").replace(settling, "settling = \"500ms\"");
    let file = folder.join(format!("{name}.toml"));
    fs::write(&file, quick).unwrap();
    file
}
