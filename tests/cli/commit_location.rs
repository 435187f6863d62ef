//! Where a commit is: on a branch, in a build, in staging, live, taken back; asked of the real binary over real git.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{SERVICE, Scripted, ScriptedWorld};
use trunkline::domain::commit_location::{CommitInBuild, CommitLocation, InProduction, InStaging};
use trunkline::domain::event::{DeploymentKind, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline::git::{CommitMatch, Mirror};
use trunkline_testing::engine::{QUICK, World as Watched};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::shop::{Shop, shop, smoke_tested};

/// A watched repository in which every build is verified by its smoke step.
struct Trunk {
    home: Home,
    repository: Repository,
}

impl Trunk {
    fn open() -> Self {
        let Shop { home, repository } = shop(&smoke_tested("")).watched("poll = \"100ms\"");
        let trunk = Self { home, repository };
        trunk.home.verified(1);
        trunk
    }

    fn merge(&self, subject: &str) -> String {
        self.repository.write("page.html", subject);
        self.repository.commit_all("Ann", "ann@example.com", subject).to_string()
    }

    fn promote(&self, number: &str) {
        self.home.said(&["promote", number, "--yes", "--wait"]);
    }

    fn find(&self, commit: &str) -> Value {
        let output = self.home.trunkline(&["where", commit, "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_one = !["unknown_here", "ambiguous"].iter().any(|state| told["state"] == *state);
        assert_eq!(output.status.code(), Some(i32::from(!is_one)), "{output:?}");
        told
    }

    fn said(&self, commit: &str) -> String {
        self.home.said(&["where", commit])
    }
}

#[test]
fn a_commit_is_followed_from_its_branch_into_production_and_out_of_it() {
    let trunk = Trunk::open();
    trunk.promote("1");
    trunk.repository.branch("notes");
    trunk.repository.write("notes", "notes");
    let sha = trunk.repository.commit_all("Kim", "kim@example.com", "notes on orders").to_string();
    trunk.repository.switch("main");
    until("the branch is fetched", || trunk.find(&sha)["state"] != "unknown_here");
    assert_eq!(trunk.find(&sha)["state"], "not_on_trunk");
    assert!(
        trunk.said(&sha[..4]).contains("not on the trunk; in no build"),
        "{}",
        trunk.said(&sha[..4])
    );
    trunk.repository.merge("notes", "merge the notes");
    trunk.home.verified(2);
    trunk.merge("another");
    trunk.home.verified(3);
    let merged = trunk.find(&sha[..8].to_uppercase());
    assert_eq!((&merged["build"], &merged["state"]), (&2.into(), &"in_build".into()), "{merged:#}");
    assert_eq!(merged["commit"]["author"], "Kim");
    assert_eq!(merged["staging"]["state"], "since", "{merged:#}");
    assert_eq!(merged["staging"]["build"], 2, "{merged:#}");
    let said = trunk.said(&sha);
    for part in [
        "notes on orders (Kim)",
        "build       #2",
        "1 build ahead of the live build",
        "run: trunkline promote 2",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    trunk.promote("3");
    let live = trunk.find(&sha);
    assert_eq!(live["production"]["state"], "since", "{live:#}");
    assert_eq!(live["production"]["build"], 3, "{live:#}");
    trunk.home.said(&["rollback", "--yes", "--wait"]);
    assert_eq!(trunk.find(&sha)["production"]["state"], "was");
    assert!(trunk.said(&sha).contains("not any more: it was there from"), "{}", trunk.said(&sha));
}

#[test]
fn a_commit_says_what_took_it_back_and_who_named_it_bad() {
    let trunk = Trunk::open();
    let sha = trunk.merge("free money");
    trunk.home.verified(2);
    assert_eq!(trunk.find(&sha)["reverted_by"], Value::Null);
    trunk.home.said(&["quarantine", "add", &sha, "--reason", "it gives money away"]);
    let body = format!("Revert \"free money\"\n\nThis reverts commit {sha}.\n");
    let revert = trunk.merge(&body);
    trunk.home.verified(3);
    let found = trunk.find(&sha);
    assert_eq!(found["reverted_by"]["by"], revert.as_str(), "{found:#}");
    assert_eq!(found["reverted_by"]["build"], 3, "{found:#}");
    assert_eq!(found["quarantined"]["reason"], "it gives money away", "{found:#}");
    let said = trunk.said(&sha);
    assert!(said.contains(&format!("reverted    by {} in #3", &revert[..7])), "{said}");
    assert!(said.contains("quarantined by raj"), "{said}");
    trunk.merge(&format!("again\n\nThis reverts commit {revert}.\n"));
    trunk.home.verified(4);
    assert_eq!(trunk.find(&sha)["reverted_by"], Value::Null);
}

#[test]
fn after_a_force_push_each_commit_is_where_its_own_line_has_it() {
    let trunk = Trunk::open();
    let first = trunk.repository.head();
    let lost = trunk.merge("lost");
    trunk.home.verified(2);
    trunk.promote("2");
    let dropped = trunk.merge("dropped");
    trunk.home.verified(3);
    trunk.repository.rewrite(&first);
    let instead = trunk.merge("instead");
    trunk.home.verified(4);

    let live = |sha: &str| trunk.find(sha)["production"].clone();
    assert_eq!(live(first.as_str())["state"], "since", "#2 was built upon #1 and is live");
    assert_eq!(live(first.as_str())["build"], 2);
    assert_eq!((&live(&lost)["state"], &live(&lost)["build"]), (&"since".into(), &2.into()));
    assert_eq!(trunk.find(&lost)["off_trunk"], true);

    // What is on no line that could be promoted is not offered for it.
    let gone = trunk.find(&dropped);
    assert_eq!((&gone["build"], &gone["off_trunk"]), (&3.into(), &true.into()), "{gone:#}");
    assert_eq!(gone["production"]["state"], "not_yet", "{gone:#}");
    assert_eq!(gone["production"]["promote"], Value::Null, "{gone:#}");
    assert_eq!(gone["staging"]["state"], "was", "staging runs #4, which does not have it");
    assert!(trunk.said(&dropped).contains("no newer build on the trunk contains it"));
    assert!(trunk.said(&dropped).contains("removed from the trunk by a force-push"));
    assert_eq!(live(&instead)["promote"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_build_of_the_folder_has_is_on_the_trunk_all_the_same() {
    let mut world = Watched::with_file(QUICK);
    world.repository.write("shop/trunkline.toml", QUICK);
    world.repository.commit_all("Ann", "ann@example.com", "the shop");
    world.start_folders(&[Some("shop")]).await;
    world.until("the first build", |service| service.builds.first().cloned()).await;
    let elsewhere = world.repository.commit_by("Ann", "ann@example.com", "docs/a", "a", "docs");
    world.repository.branch("side");
    let aside = world.repository.commit_by("Ann", "ann@example.com", "shop/b", "b", "aside");
    let backend = world.backend("raj");
    let mut seen = Vec::new();
    // Nothing in the service tells that the trunk was looked at, since nothing of the folder changed.
    while seen != ["trunk", "nowhere"] {
        seen.clear();
        for sha in [&elsewhere, &aside] {
            let prefix = sha.as_str().parse().unwrap();
            // While it is being fetched, git may have the commit and not its files.
            seen.push(match backend.commit_location(&world.service, &prefix).await {
                Ok(CommitLocation::InNoBuild { .. }) => "trunk",
                Ok(CommitLocation::NotOnTrunk { .. }) => "nowhere",
                Ok(CommitLocation::UnknownHere) | Err(_) => "not fetched yet",
                other => panic!("{other:?}"),
            });
        }
        tokio::task::yield_now().await;
    }
    world.stop().await;
}

#[test]
fn what_is_no_commit_id_never_reaches_git() {
    let trunk = Trunk::open();
    for hostile in ["abc", "HEAD", "main", "--all", "abcd..ef01", "abcd^{tree}", "\u{1b}[31m", ""] {
        let refused = trunk.home.trunkline(&["where", "--", hostile]);
        assert_eq!(refused.status.code(), Some(2), "{hostile:?}: {refused:?}");
    }
    assert_eq!(trunk.find("fedcba98765")["state"], "unknown_here");
    let unknown = trunk.home.trunkline(&["where", "fedcba98765"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("is unknown: no fetched commit"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn an_ambiguous_beginning_is_told_from_an_unknown_one() {
    let repository = Repository::new();
    let mut history = String::new();
    for mark in 1..=2_000 {
        write!(
            history,
            "commit refs/heads/main\ncommitter A <a@x> {} +0000\ndata 1\nx\n",
            1_750_000_000 + mark
        )
        .unwrap();
    }
    let script = repository.path().join("history");
    std::fs::write(&script, history).unwrap();
    let import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(repository.path())
        .stdin(std::fs::File::open(script).unwrap())
        .status();
    assert!(import.unwrap().success());
    let all = repository.git(["log", "--format=%H", "main"]);
    let mut all: Vec<_> = all.lines().collect();
    all.sort_unstable();
    let pair = all.windows(2).find(|pair| pair[0][..4] == pair[1][..4]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(folder.path(), repository.address()).await.unwrap();
    mirror.fetch(None).await.unwrap();
    let find = async |id: &str| mirror.find(&id.parse().unwrap()).await.unwrap();
    let CommitMatch::Several(several) = find(&pair[0][..4]).await else { panic!("{pair:?}") };
    assert!(several.iter().any(|sha| sha.as_str() == pair[0]), "{several:?}");
    assert!(several.iter().any(|sha| sha.as_str() == pair[1]), "{several:?}");
    assert_eq!(find(pair[0]).await, CommitMatch::One(pair[0].parse().unwrap()));
    assert_eq!(find("fedcba98765").await, CommitMatch::Nothing);
}

/// Where a commit of the scripted world is.
async fn placed(world: &Scripted, build: BuildNumber) -> CommitInBuild {
    let sha = format!("{:040x}", build.0).parse().unwrap();
    match world.commit_location(&SERVICE.parse().unwrap(), &sha).await {
        Ok(CommitLocation::InBuild(placed)) => *placed,
        other => panic!("{build}: {other:?}"),
    }
}

fn ship(world: &mut ScriptedWorld, build: BuildNumber, kind: DeploymentKind) {
    let by = Actor::Person("kim".into());
    world.request(&SERVICE.parse().unwrap(), build, Environment::Production, kind, by);
    world.finish(&SERVICE.parse().unwrap());
    world.pass(Duration::from_mins(10));
}

#[tokio::test]
async fn a_commit_that_is_ahead_names_the_promote_that_brings_it() {
    let world = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let name = SERVICE.parse().unwrap();
    let [overtaken, verified, newest] = world.change(|world| {
        let first = world.verified_build(&name, "ada");
        ship(world, first, DeploymentKind::Promote);
        let overtaken = world.merge(&name, "ada", "Overtaken");
        let verified = world.verified_build(&name, "kim");
        [overtaken, verified, world.merge(&name, "ada", "Newest")]
    });
    let found = placed(&world, overtaken).await;
    let expected = InProduction::NotYet {
        ahead: 1,
        promote: Some(verified),
        verified: true,
        live_unknown: false,
    };
    assert_eq!(found.production, expected);
    assert!(matches!(found.staging, InStaging::Since { build, .. } if build == verified));
    let found = placed(&world, newest).await;
    let expected = InProduction::NotYet {
        ahead: 3,
        promote: Some(newest),
        verified: false,
        live_unknown: false,
    };
    assert_eq!((found.production, found.staging), (expected, InStaging::Never));
}

#[tokio::test]
async fn what_was_overtaken_is_brought_by_a_build_that_can_still_be_verified() {
    let world = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let name = SERVICE.parse().unwrap();
    let [overtaken, failed, staged] = world.change(|world| {
        let first = world.verified_build(&name, "ada");
        ship(world, first, DeploymentKind::Promote);
        let overtaken = world.merge(&name, "ada", "Overtaken");
        let failed = world.merge(&name, "ada", "Fails in staging");
        let (kind, by) = (DeploymentKind::Auto, Actor::System);
        world.request(&name, failed, Environment::Staging, kind, by);
        while world.advance_with(&name, StepOutcome::Exited(1)).is_some() {}
        let staged = world.merge(&name, "kim", "Staged");
        world.stage(&name, staged);
        [overtaken, failed, staged]
    });
    for commit in [overtaken, failed] {
        let InProduction::NotYet { promote, verified, .. } =
            placed(&world, commit).await.production
        else {
            panic!("{commit} is live");
        };
        assert_eq!((promote, verified), (Some(staged), false), "{commit}");
    }
}

#[tokio::test]
async fn a_stay_in_production_begins_anew_after_a_rollback() {
    let world = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let name = SERVICE.parse().unwrap();
    let begin = world.change(|world| world.now());
    let (first, second) = world.change(|world| {
        let first = world.verified_build(&name, "ada");
        ship(world, first, DeploymentKind::Promote);
        let second = world.verified_build(&name, "ada");
        ship(world, second, DeploymentKind::Promote);
        ship(world, first, DeploymentKind::Rollback);
        (first, second)
    });
    let minutes = |count| begin + chrono::TimeDelta::minutes(count);
    let was = InProduction::Was { build: second, from: minutes(10), to: minutes(20) };
    assert_eq!(placed(&world, second).await.production, was);
    let since = InProduction::Since { build: first, at: begin };
    assert_eq!(placed(&world, first).await.production, since, "the rollback did not take it away");
    world.change(|world| ship(world, second, DeploymentKind::Promote));
    let since = InProduction::Since { build: second, at: minutes(30) };
    assert_eq!(placed(&world, second).await.production, since);
}

#[tokio::test]
async fn what_several_commits_begin_with_is_ambiguous_and_the_list_is_cut() {
    let world = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let name = SERVICE.parse().unwrap();
    world.change(|world| {
        for _ in 0..13 {
            world.merge(&name, "ada", "One more");
        }
    });
    let answer = world.commit_location(&name, &"0000".parse().unwrap()).await.unwrap();
    let CommitLocation::Ambiguous { candidates, more } = answer else { panic!("{answer:?}") };
    assert_eq!((candidates.len(), more), (10, 3));
}
