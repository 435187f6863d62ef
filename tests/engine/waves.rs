//! Waves with real processes and real HTTP: three hosts that say what they run, a watch between the waves, and what a bad one or
//! a person does then.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use trunkline::domain::command::{Command, Refusal};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::target::in_words;
use trunkline::domain::watch::LiveEvidence;
use trunkline::domain::wave::WaveStanding;
use trunkline::domain::words::how_it_goes;
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::hosts::Hosts;

const PRODUCTION: Environment = Environment::Production;

/// Brings the commit to the hosts that it is told, and notes that.
const RELEASE: &str = r#"#!/bin/sh
echo "$TRUNKLINE_KIND $TRUNKLINE_WAVE: $TRUNKLINE_TARGETS" >> "$HOSTS/waves"
for host in $TRUNKLINE_TARGETS; do
  [ -e "$HOSTS/$host/skip" ] && continue
  echo "$TRUNKLINE_SHA" > "$HOSTS/$host/new" && mv "$HOSTS/$host/new" "$HOSTS/$host/sha"
done
"#;

struct Waved {
    world: World,
    hosts: Hosts,
}

impl Waved {
    /// Production is taken in two waves with this pause between them; its watch ends as `health` says.
    async fn open(pause: &str) -> Self {
        let hosts = Hosts::start();
        let of = |(name, address)| {
            format!("{name} = {{ url = \"http://{address}/version\", pointer = \"/sha\" }}")
        };
        let targets: Vec<_> = hosts.all().map(of).collect();
        let start = QUICK.find("[[production.steps]]").expect("it has production");
        let file = format!(
            "{}[env]\npass = [\"HOSTS\"]\n[production.live]\ntargets = {{ {} }}\nsettle = \"0s\"\n\
             [[production.steps]]\nname = \"release\"\nrun = \"./release\"\n\
             [[production.waves]]\nname = \"canary\"\ntargets = [\"h1\"]\npause = {pause:?}\n\
             [[production.waves]]\nname = \"others\"\ntargets = \"rest\"\n\
             [[production.watch]]\nname = \"health\"\nrun = \"exit $(cat $HOSTS/health)\"\nevery = \"1s\"\n\
             [[rollback.steps]]\nname = \"release\"\nrun = \"./release\"\n",
            &QUICK[..start],
            targets.join(", ")
        );
        let mut world = World::with_file(&file);
        world.repository.write_script("release", RELEASE);
        world.repository.commit_all("Ann", "ann@example.com", "waves");
        world.exported.insert("HOSTS".into(), hosts.path().display().to_string());
        let (pace, live) = (Duration::from_millis(20), Duration::from_millis(20));
        let settling = Duration::from_millis(200);
        world.remote_times = RemoteTimes { pace, live, settling, ..RemoteTimes::default() };
        let waved = Self { world, hosts };
        waved.health("0");
        let listed: Vec<_> = waved.hosts.all().map(|(_, at)| format!("\"http://{at}\"")).collect();
        let settings = format!("poll = \"50ms\"\n[live]\nhosts = [{}]\n", listed.join(", "));
        let mut waved = waved;
        waved.world.start_by_file(&settings).await;
        waved
    }

    fn health(&self, ends: &str) {
        fs::write(self.hosts.path().join("health"), ends).unwrap();
    }

    fn ran_file(&self) -> PathBuf {
        self.hosts.path().join("waves")
    }

    /// What the steps were told, one line for each time that one ran.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.ran_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn promoted(&self, change: &str) -> (BuildNumber, DeploymentId, String) {
        let build = self.world.verified(change).await;
        let sha = self.world.repository.head().to_string();
        (build, self.world.promote(build).await, sha)
    }

    async fn standing(&self, what: &str, is: impl Fn(&WaveStanding) -> bool) -> ServiceSnapshot {
        let find = |snapshot: &ServiceSnapshot| {
            snapshot.wave.as_ref().filter(|wave| is(wave)).map(|_| snapshot.clone())
        };
        self.world.until(what, find).await
    }

    async fn continues(&self, deployment: DeploymentId, reason: &str) -> Result<(), Refusal> {
        let reason = reason.to_owned();
        let command = Command::Continue { deployment, wave: 1, reason, seen: None };
        match self.world.command("raj", command).await {
            Ok(_) => Ok(()),
            refused => Err(refusal(refused)),
        }
    }
}

fn effect(wave: &WaveStanding) -> Option<String> {
    Some(wave.wait.effect.as_ref()?.in_words(wave.build))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_goes_on_by_itself_on_proof_and_a_good_watch_and_a_bad_one_is_taken_back() {
    let waved = Waved::open("1s").await;
    let (first, id, sha) = waved.promoted("one").await;
    let ended = waved.world.ended(id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded);
    assert_eq!(waved.ran(), ["promote canary: h1", "promote others: h2 h3"]);
    assert_eq!(
        ended.wave.as_ref().and_then(|wave| Some(wave.effect.as_ref()?.in_words(first))),
        Some("took effect on 1 of 1".into())
    );
    let whole =
        |snapshot: &ServiceSnapshot| (snapshot.heard.get(&PRODUCTION) == Some(&3)).then_some(());
    waved.world.until("all hosts say that they run it", whole).await;

    // A wave that is bad does not go on, says so, and one rollback takes all back, the changed one first.
    waved.health("1");
    let (second, id, _) = waved.promoted("two").await;
    let is_bad = |wave: &WaveStanding| {
        wave.evidence(chrono::Utc::now()) == LiveEvidence::Bad && wave.wait.effect.is_some()
    };
    let snapshot = waved.standing("the watch of the wave is bad", is_bad).await;
    let wave = snapshot.wave.as_ref().unwrap();
    assert_eq!(effect(wave).as_deref(), Some("took effect on 1 of 1"));
    let words = wave.in_words(snapshot.at);
    let begins =
        format!("{second} wave 1 of 2 (h1), does not go on by itself: watched: health BAD");
    assert!(words.starts_with(&begins), "{words}");
    assert!(snapshot.alarms.iter().any(|alarm| matches!(alarm, Alarm::WaveBad { .. })));
    assert_eq!(in_words(&snapshot.targets[&PRODUCTION]), format!("h1 {second}, h2 h3 {first}"));
    let refused = waved.continues(id, "").await.unwrap_err().to_string();
    assert!(refused.ends_with("give a reason to continue all the same"), "{refused}");
    let back = waved.world.rollback().await;
    assert_eq!(waved.world.ended(back).await.state(), DeploymentState::Succeeded);
    assert_eq!(waved.ran()[2..], ["promote canary: h1", "rollback all: h1 h2 h3"]);
    for host in ["h1", "h2", "h3"] {
        assert_eq!(waved.hosts.runs(host), sha, "{host}");
    }
    let taken = waved.world.deployment(id);
    let how = how_it_goes(&taken, chrono::Utc::now());
    assert!(how.starts_with("cancelled, partly: wave 1 of 2"), "{how}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_that_reached_nothing_or_came_into_a_hold_waits_for_a_person_who_says_why() {
    let waved = Waved::open("1s").await;
    waved.hosts.mark("h1", "skip");
    waved.hosts.put("h1", "0123456789012345678901234567890123456789");
    let (build, id, sha) = waved.promoted("one").await;
    let reached_nothing = |wave: &WaveStanding| wave.wait.effect.is_some();
    let snapshot = waved.standing("it is heard what the wave did", reached_nothing).await;
    let why = snapshot.wave.as_ref().unwrap().against(snapshot.at).join("; ");
    assert!(why.starts_with("wave 1 of 2 partly: 0 of 1"), "{why}");
    let hold = Command::Hold { environment: PRODUCTION, reason: "the database burns".into() };
    waved.world.command("raj", hold).await.unwrap();
    let is_held = |wave: &WaveStanding| !wave.stops.is_empty();
    let snapshot = waved.standing("the hold is said", is_held).await;
    let why = snapshot.wave.as_ref().unwrap().against(snapshot.at).join("; ");
    assert!(why.ends_with("production is on hold by raj: the database burns"), "{why}");
    // What the file says meanwhile changes nothing of a deployment that has begun.
    let file = fs::read_to_string(waved.world.repository.path().join("trunkline.toml")).unwrap();
    let file = file.replace("targets = \"rest\"", "targets = [\"h2\"]\npause = \"1h\"");
    let file = file.replace(
        "[[production.watch]]",
        "[[production.waves]]\nname = \"last\"\ntargets = [\"h3\"]\n[[production.watch]]",
    );
    waved.world.repository.write("trunkline.toml", &file);
    waved.world.verified("another file").await;
    let refused = waved.continues(id, "").await.unwrap_err().to_string();
    assert!(refused.contains("0 of 1") && refused.contains("on hold"), "{refused}");
    waved.hosts.unmark("h1", "skip");
    waved.hosts.put("h1", &sha);
    waved.continues(id, "h1 was brought there by hand").await.unwrap();
    let ended = waved.world.ended(id).await;
    assert_eq!(ended.state(), DeploymentState::Succeeded);
    assert_eq!(waved.ran(), ["promote canary: h1", "promote others: h2 h3"]);
    let whole = |snapshot: &ServiceSnapshot| {
        let live = snapshot.live.get(&PRODUCTION).is_some_and(|live| live.build == build);
        (live && snapshot.heard.get(&PRODUCTION) == Some(&3)).then_some(())
    };
    waved.world.until("all hosts say that they run it", whole).await;
}
