//! What every runner keeps, wherever it runs a step: it starts once, whatever becomes of the answer or of this engine; its log is here
//! whole and once; its end is the true one; a cancel ends it.

mod place;

use std::collections::BTreeMap;
use std::path::Path;

use trunkline::config::user_file::UserFile;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Fact, Outcome};
use trunkline::domain::ids::{DeploymentId, Seq};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remote::FoundBy;
use trunkline::engine::RemoteTimes;
use trunkline::engine::runner::remote::check_engines;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::vendors::VendorKind;

use self::place::{Does, Place};
use super::github::TIMES;

/// A world whose production runs at a place, over a line that may be bad.
struct Contract {
    world: World,
    place: Place,
    line: Option<FaultyProxy>,
}

impl Contract {
    async fn of(place: Option<Place>) -> Option<Self> {
        let place = place?;
        let start = QUICK.find("[[production.steps]]").expect("it has production");
        let mut world = World::with_file("");
        let step = place.step(world.folder());
        let file = format!(
            "{}[[production.steps]]\nname = \"release\"\n{step}\n[[rollback.steps]]\nname = \"release\"\nrun = \"true\"\n",
            &QUICK[..start]
        );
        world.repository.write("trunkline.toml", &file);
        world.repository.commit_all("Ann", "ann@example.com", "begin");
        let line = place.address().map(FaultyProxy::before);
        let settings = line.as_ref().map(|line| place.engine(&line.url(), world.folder()));
        // Its own times are for GitHub alone.
        world.remote_times =
            if matches!(place, Place::GitHub(_)) { TIMES } else { RemoteTimes::default() };
        let settings = format!("poll = \"50ms\"\n{}", settings.unwrap_or_default());
        world.start_by_file(&settings).await;
        Some(Self { world, place, line })
    }

    fn folder(&self) -> &Path {
        self.world.folder()
    }

    async fn promote(&self, does: Does) -> DeploymentId {
        self.place.next(does, self.folder());
        let build = self.world.verified(&uuid::Uuid::new_v4().to_string()).await;
        self.world.promote(build).await
    }

    async fn promoted(&self, does: Does) -> Deployment {
        let id = self.promote(does).await;
        self.world.ended(id).await
    }

    /// A promote whose run has begun and waits.
    async fn running(&self) -> DeploymentId {
        let before = self.place.starts(self.folder());
        let id = self.promote(Does::Waits).await;
        self.place.until_started(before + 1, self.folder()).await;
        id
    }

    fn starts(&self) -> usize {
        self.place.starts(self.folder())
    }

    /// How often a deployment was recorded as sent, and how its run was found.
    async fn sent(&self, of: DeploymentId) -> (usize, Option<FoundBy>) {
        let events = self.world.handle().events(None, Seq(0), 100_000).await.unwrap();
        let (mut sent, mut found) = (0, None);
        for event in events {
            match event.fact {
                Fact::RunSent { deployment, .. } if deployment == of => sent += 1,
                Fact::RunFound { deployment, how, .. } if deployment == of => {
                    found = found.or(Some(how));
                }
                _ => {}
            }
        }
        (sent, found)
    }

    /// What a run that has printed all has printed.
    async fn has_whole_log(&self, id: DeploymentId) {
        let expected = self.place.whole_log();
        assert_eq!(self.place.log(&self.world, id).await, expected, "{:?}", self.place);
    }
}

/// How many requests came that start something.
fn write_requests(line: &FaultyProxy) -> usize {
    line.count("POST") + line.count("PUT")
}

async fn keeps(place: Option<Place>) {
    let Some(all) = Contract::of(place).await else { return };
    if all.line.is_some() {
        is_checked_and_starts_nothing(&all).await;
    }
    starts_once_and_shows_its_whole_log(&all).await;
    fails_as_it_failed(&all).await;
    ends_when_it_is_cancelled(&all).await;
    if all.line.is_some() {
        is_found_after_a_lost_answer(&all).await;
    }
    if all.place.can_say_anything() {
        has_not_succeeded_by_a_word_that_nobody_knows(&all).await;
        is_found_late_or_left_to_a_person(&all).await;
    }
    runs_on_without_this_engine(all).await;
}

async fn is_checked_and_starts_nothing(all: &Contract) {
    let file = all.world.user_file();
    let check = async || {
        let settings = UserFile::load(&file).unwrap();
        check_engines(&settings, file.clone(), BTreeMap::new()).await[0].answers.clone()
    };
    assert_eq!(check().await, Ok(()), "{:?}", all.place);
    if all.place.wants_token() {
        let token = all.folder().join("token");
        let good = std::fs::read(&token).unwrap();
        std::fs::write(&token, "wrong:wrong").unwrap();
        assert!(check().await.is_err_and(|why| why.contains("401")), "{:?}", all.place);
        std::fs::write(&token, good).unwrap();
    }
    assert_eq!(all.starts(), 0);
}

async fn starts_once_and_shows_its_whole_log(all: &Contract) {
    let before = all.starts();
    let deployment = all.promoted(Does::Succeeds).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(all.starts() - before, 1, "{:?}", all.place);
    all.has_whole_log(deployment.id).await;
    if all.line.is_some() {
        assert_eq!(all.sent(deployment.id).await, (1, Some(FoundBy::Answer)), "{:?}", all.place);
    }
    let version = deployment.request.sha.short().to_owned();
    assert_eq!(all.place.given("version", all.folder()), Some(version), "{:?}", all.place);
}

async fn fails_as_it_failed(all: &Contract) {
    let deployment = all.promoted(Does::Fails).await;
    assert_eq!(deployment.state(), DeploymentState::Failed, "{deployment:#?}");
    let why = deployment.trouble().unwrap_or_default();
    assert!(why.contains(all.place.failure()), "{:?}: {why}", all.place);
    all.has_whole_log(deployment.id).await;
}

async fn ends_when_it_is_cancelled(all: &Contract) {
    let id = all.running().await;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    let deployment = all.world.ended(id).await;
    let outcome = deployment.ended.as_ref().map(|ended| ended.outcome.clone());
    assert_eq!(outcome, Some(Outcome::Cancelled), "{:?}: {deployment:#?}", all.place);
}

async fn is_found_after_a_lost_answer(all: &Contract) {
    let line = all.line.as_ref().expect("it is asked over one");
    for fault in [Fault::LoseAnswer, Fault::BadGateway] {
        let (starts, writes) = (all.starts(), write_requests(line));
        line.set(fault.clone());
        let id = all.promote(Does::Succeeds).await;
        all.place.until_started(starts + 1, all.folder()).await;
        line.set(Fault::Pass);
        let deployment = all.world.ended(id).await;
        let place = &all.place;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{place:?} {deployment:#?}");
        assert_eq!((all.starts() - starts, write_requests(line) - writes), (1, 1), "{place:?}");
        assert_eq!(all.sent(id).await, (1, Some(FoundBy::Search)), "{place:?} {fault:?}");
        all.has_whole_log(id).await;
    }
}

async fn has_not_succeeded_by_a_word_that_nobody_knows(all: &Contract) {
    let deployment = all.promoted(Does::Explodes).await;
    assert_eq!(deployment.state(), DeploymentState::Failed, "{deployment:#?}");
    let why = deployment.trouble().unwrap_or_default();
    assert!(why.contains("ended as exploded"), "{:?}: {why}", all.place);
}

async fn is_found_late_or_left_to_a_person(all: &Contract) {
    let line = all.line.as_ref().expect("it is asked over one");
    for appears in [true, false] {
        let starts = all.starts();
        line.set(Fault::LoseAnswer);
        let id = all.promote(Does::Hides).await;
        all.place.until_started(starts + 1, all.folder()).await;
        if appears {
            let looked = line.count("GET");
            line.until_seen(|seen| {
                seen.iter().filter(|request| request.method == "GET").count() > looked + 1
            })
            .await;
            all.place.show();
        }
        let deployment = all.world.ended(id).await;
        let (state, why) = (deployment.state(), deployment.trouble().unwrap_or_default());
        if appears {
            assert_eq!(state, DeploymentState::Succeeded, "{:?}: {deployment:#?}", all.place);
        } else {
            assert_eq!(state, DeploymentState::Interrupted, "{:?}: {why}", all.place);
            assert!(why.contains("look there before you try again"), "{:?}: {why}", all.place);
        }
        assert_eq!(all.starts() - starts, 1, "{:?}", all.place);
    }
}

async fn runs_on_without_this_engine(mut all: Contract) {
    let starts = all.starts();
    let id = all.running().await;
    all.world.stop().await;
    all.place.go_on(all.world.folder());
    all.world.start_by_file_as_it_is().await;
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{:?}", all.place);
    assert_eq!(all.starts() - starts, 1, "{:?}", all.place);
    all.has_whole_log(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_behind_a_preset_is_said_to_be_for_a_person_there() {
    let place = Place::vendor(VendorKind::Jenkins).await;
    let all = Contract::of(Some(place)).await.expect("it is there");
    let http = "http = { engine = \"there\", job = \"team/shop\" }\ninputs = { version = \"{short_sha}\" }";
    let file = std::fs::read_to_string(all.world.repository.path().join("trunkline.toml")).unwrap();
    all.world.repository.write("trunkline.toml", &file.replace("run = \"true\"", http));
    all.promoted(Does::Succeeds).await;
    let first = all.world.live_now();
    all.promoted(Does::Succeeds).await;
    let plan = all.world.plan("raj", Action::Rollback { to: first }).await.unwrap();
    let by_hand = plan.by_hand.unwrap();
    let text = by_hand.text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]).join("\n");
    let said =
        "Step release cannot be done by hand from here: start team/shop of there yourself at http";
    assert!(text.contains(said) && text.contains(", with version="), "{text}");
    assert!(by_hand.commands.is_empty(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_a_folder_is_for_a_preset() {
    let Some(all) = Contract::of(Place::jobs()).await else { return };
    let path = all.world.repository.path().join("trunkline.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    all.world.repository.write("trunkline.toml", &file.replace("\"shop\"", "\"team/shop\""));
    let build = all.world.verified("a change").await;
    let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
    let found = plan.findings.iter().find(|finding| finding.guard == Guard::Engine).unwrap();
    assert!(found.sentence.contains("only one behind a preset has"), "{found:?}");
    assert_eq!(found.severity, Severity::Refuse);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_here_keeps_the_contract_of_runners() {
    keeps(Some(Place::Here)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_job_keeps_the_contract_of_runners() {
    keeps(Place::jobs()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_keeps_the_contract_of_runners() {
    keeps(Some(Place::github().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buildbot_keeps_the_contract_of_runners() {
    keeps(Place::buildbot().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jenkins_keeps_the_contract_of_runners() {
    keeps(Some(Place::vendor(VendorKind::Jenkins).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buildkite_keeps_the_contract_of_runners() {
    keeps(Some(Place::vendor(VendorKind::Buildkite).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn circleci_keeps_the_contract_of_runners() {
    keeps(Some(Place::vendor(VendorKind::CircleCi).await)).await;
}
