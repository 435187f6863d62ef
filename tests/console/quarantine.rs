//! Releasing production after a rollback, the commits that were bad, and what verifies a build.

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::domain::quarantine::BadCommit;

use trunkline_testing::console::{Console, checkout, put_live, ready};

/// Production was rolled back from #4 to #2: #3 by ada and #4 by kim are taken away, and production is on hold.
pub fn rolled_back() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        world.merge(&checkout(), "kim", "feat: cart merge");
        world.stage(&checkout(), BuildNumber(4));
        put_live(world, BuildNumber(4));
        roll_back(world, BuildNumber(2));
        world.finish(&checkout());
    });
    backend
}

/// Asks for a rollback, with the hold that comes with it.
pub fn roll_back(world: &mut ScriptedWorld, to: BuildNumber) {
    let kim = || Actor::Person("kim".into());
    let (environment, kind) = (Environment::Production, DeploymentKind::Rollback);
    let id = world.request(&checkout(), to, environment, kind, kim());
    let (reason, rollback) = (format!("rolled back to {to}"), Some(id));
    world.record(
        &checkout(),
        kim(),
        Fact::HoldPlaced { all: false, environment, reason, rollback },
    );
}

/// The quarantined commits, by the build that brought each.
fn quarantine(backend: &Scripted) -> Vec<BuildNumber> {
    backend.change(|world| {
        let state = &world.service(&checkout()).expect("it is there").state;
        state.quarantine.values().map(|quarantined| quarantined.commit.build).collect()
    })
}

fn is_held(backend: &Scripted) -> bool {
    backend.change(|world| {
        let state = &world.service(&checkout()).expect("it is there").state;
        state.holds.contains_key(&Environment::Production)
    })
}

#[tokio::test(start_paused = true)]
async fn a_bad_build_is_passed_over_by_the_emergency_and_marked_where_it_was_live() {
    let backend = ready();
    backend.change(|world| {
        put_live(world, BuildNumber(3));
        let state = &world.service(&checkout()).expect("it is there").state;
        let build = &state.builds[&BuildNumber(2)];
        let (sha, subject) = (build.sha.clone(), build.subject().to_owned());
        let bad = vec![BadCommit { sha, build: BuildNumber(2), subject }];
        let fact = Fact::CommitsQuarantined { bad, reason: "leaks data".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::sized(&backend, (160, 40));
    console.until("#3 BAD").await.until("never run here skips #2").await;
    console.press(&["!"]).until("ROLLING BACK PRODUCTION  #3 → #1").await;
    console.until("Skips #2: quarantined (leaks data)").await.press(&["esc"]);
    console.until_gone("ROLLING BACK").await.press(&["2", "g", "j", "R"]);
    console.until("[!!] Contains bad commit").await.until("type build number").await;
}

#[tokio::test(start_paused = true)]
async fn a_release_names_the_bad_commit_and_its_build_is_marked() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    console.until("off: pick the bad commits").await.press(&["right"]).quiet().await;
    console.press(&["enter"]).settled().await;
    assert!(is_held(&backend), "nothing was chosen yet");
    console.press(&["shift-tab", "shift-tab", "shift-tab"]).press(&["down", "space"]);
    console.until("[x] #4").await.until_gone("off: pick").await;
    console.press(&["tab"]).type_text("carts were lost").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("OPEN").await;
    assert_eq!(quarantine(&backend), [BuildNumber(4)]);
    assert!(console.line("feat: cart merge").contains("! BAD"), "{}", console.text());
    assert!(!console.line("Change by ada").contains("BAD"), "{}", console.text());
    console.press(&["1", "g", "3"]).until("marked bad by sam").await.until("carts were lost").await;
    console.press(&["down"]).until("not fixed yet").await;
    console.press(&["1", "P"]).until("[!!] Contains bad commit").await.until("(sam").await;
}

#[tokio::test(start_paused = true)]
async fn a_release_may_say_that_no_commit_was_bad() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("none of them was bad").await;
    console.press(&["shift-tab", "shift-tab", "down", "space"]).until("[x] #4").await;
    console.press(&["up", "space"]).until("[x] none of them was bad").await;
    console.until("[ ] #4").await.press(&["tab"]).type_text("the load was too high");
    console.press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("OPEN").await;
    assert_eq!(quarantine(&backend), []);
    assert!(!console.text().contains("BAD"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_hold_by_hand_asks_for_no_commits() {
    let backend = ready();
    backend.change(|world| {
        let (environment, reason) = (Environment::Production, "looking".to_owned());
        let fact = Fact::HoldPlaced { all: false, environment, reason, rollback: None };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("Release the hold").await;
    assert!(!console.text().contains("which commits"), "{}", console.text());
    console.type_text("was nothing").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("OPEN").await;
}

#[tokio::test(start_paused = true)]
async fn marks_are_worthless_once_production_was_rolled_back_again() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    console.press(&["shift-tab", "shift-tab", "space"]).until("[x] none").await;
    backend.change(|world| {
        roll_back(world, BuildNumber(1));
    });
    console.until("DISARMED").await.until("put on hold again").await;
    assert!(is_held(&backend));
}

#[tokio::test(start_paused = true)]
async fn two_rollbacks_in_a_row_show_the_commits_of_both() {
    let backend = rolled_back();
    backend.change(|world| {
        roll_back(world, BuildNumber(1));
        world.finish(&checkout());
    });
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    for build in ["[ ] #4", "[ ] #3", "[ ] #2"] {
        console.until(build).await;
    }
    assert!(!console.text().contains("[ ] #1"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_header_says_that_the_live_build_has_a_bad_commit() {
    let backend = ready();
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let bad = service.state.commits_that_begin_with(&format!("{:040x}", 2));
        let fact = Fact::CommitsQuarantined { bad, reason: "rounds wrongly".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::open(&backend);
    console.until("PROD checkout #2 BAD").await;
    console.press(&["2", "3"]).until("marked bad by kim").await.until("rounds wrongly").await;
}

#[tokio::test(start_paused = true)]
async fn the_changes_mark_what_is_bad_and_what_takes_it_back() {
    let backend = ready();
    let bad = backend.change(|world| {
        world.verified_build(&checkout(), "ada");
        let service = world.service(&checkout()).expect("it is there");
        let bad = service.state.commits_that_begin_with(&format!("{:040x}", 3));
        let sha = bad[0].sha.clone();
        let fact = Fact::CommitsQuarantined { bad, reason: "rounds wrongly".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
        world.edit(&checkout(), |service| {
            let newest = service.state.builds.values_mut().next_back().expect("there are some");
            newest.commits[0].reverts.push(sha.clone());
        });
        sha
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("#4").await.press(&["d"]).until("BAD by kim: rounds wrongly").await;
    console.until(&format!("reverts {}", bad.short())).await.press(&["esc", "j", "d"]);
    console.until("newer builds, not in #3").await.until("verified").await;
}

#[tokio::test(start_paused = true)]
async fn a_build_is_verified_by_two_kinds() {
    let backend = ready();
    backend.change(|world| {
        world.edit(&checkout(), |service| {
            service.policy.verify = vec![VerifyBy::Step("smoke".into()), VerifyBy::Person];
        });
        let build = world.merge(&checkout(), "kim", "To be seen");
        world.stage(&checkout(), build);
    });
    let console = Console::sized(&backend, (80, 28));
    console.until("To be seen").await.press(&["3"]).until("by step smoke: not yet").await;
    console.until("by a person: not yet").await;
    console.press(&["1", "V"]).until("It also needs to be").await;
    console.press(&["up"]).type_text("clicked through").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until_gone("Verify #4").await.settled().await;
    assert!(console.line("To be seen").contains("staging"), "one kind is not enough");
    console.press(&["3"]).until_gone("by a person: not yet").await.until("clicked through").await;
    backend.change(|world| {
        let (build, kind) = (BuildNumber(4), VerifyBy::Step("smoke".into()));
        let fact = Fact::BuildVerified { build, note: String::new(), kind };
        world.record(&checkout(), Actor::System, fact);
    });
    console.until_gone("not yet").await.until("by step smoke").await;
    assert!(console.line("To be seen").contains("verified"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_commits_of_a_rollback_at_80x24() {
    let console = Console::open(&rolled_back());
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    console.press(&["shift-tab", "shift-tab", "down", "space"]).quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_bad_build_at_120x40() {
    let backend = rolled_back();
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let bad = service.state.commits_that_begin_with(&format!("{:040x}", 4));
        let fact = Fact::CommitsQuarantined { bad, reason: "carts were lost".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("marked bad by kim").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

/// More builds than a snapshot carries lie between what was live and what is.
fn rolled_far_back() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        for n in 4..=150 {
            world.merge(&checkout(), "kim", &format!("change {n}"));
        }
        world.stage(&checkout(), BuildNumber(150));
        put_live(world, BuildNumber(150));
        roll_back(world, BuildNumber(2));
        world.finish(&checkout());
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn builds_that_are_too_old_to_be_listed_are_said_not_to_be() {
    let console = Console::open(&rolled_far_back());
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    console.until("those before #51 are not listed").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_commits_are_marked_than_one_command_may_name() {
    let backend = rolled_far_back();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("which commits were bad?").await;
    console.press(&["shift-tab", "shift-tab"]);
    for _ in 0..51 {
        console.press(&["down", "space"]);
    }
    console.until("off: 51 marked, at most 50 at once").await.press(&["space"]);
    console.until("off: type a reason").await.press(&["tab"]).type_text("all of them");
    console.press(&["tab", "tab"]).quiet().await.press(&["enter"]).until("OPEN").await;
    assert_eq!(quarantine(&backend).len(), 50);
}
