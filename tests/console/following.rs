//! What a console shows and acts on that nobody has touched for hours: the newest, and what is live.

use trunkline::backend::scripted::{Fault, Scripted, ScriptedWorld};
use trunkline::console::Options;
use trunkline::domain::event::{DeploymentKind, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, options, put_live, ready, turns_red};

/// Promotes of the newest build that never got anywhere.
fn fail_promotes(world: &mut ScriptedWorld, count: usize) {
    for _ in 0..count {
        let by = Actor::Person("kim".into());
        let (to, kind) = (Environment::Production, DeploymentKind::Promote);
        let id = world.request(&checkout(), BuildNumber(3), to, kind, by);
        let outcome = Outcome::Failed("no such host".into());
        let fact = Fact::DeploymentEnded { deployment: id, outcome };
        world.record(&checkout(), Actor::System, fact);
    }
}

/// How many rows of the screen say that they are live.
fn live_rows(console: &Console) -> usize {
    console.text().lines().filter(|line| line.contains("● LIVE")).count()
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_where_the_header_says_unless_a_person_chose_a_row() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    console.until("R → #1").await;
    backend.change(|world| put_live(world, BuildNumber(3)));
    console.until("R → #2").await.press(&["2"]).settled().await;
    assert!(console.line("▸").contains("LIVE"), "{}", console.text());
    console.press(&["R"]).until("Roll PRODUCTION back to #2").await;
    assert!(!console.text().contains("type build number"), "{}", console.text());
    console.press(&["esc", "j", "R"]).until("Roll PRODUCTION back to #2").await;
    console.press(&["esc", "j", "R"]).until("Roll PRODUCTION back to #1").await;
    console.until("the header's way back is #2; this one goes to #1").await;
    console.until("off: type 1 to go on").await.quiet().await.press(&["tab", "tab", "enter"]);
    console.settled().await.until("Roll PRODUCTION back to #1").await.press(&["up", "up"]);
    console.type_text("1").until_gone("off:").await;
    console.press(&["tab", "tab"]).quiet().await.press(&["enter"]).until("#3 → #1").await;
}

#[tokio::test(start_paused = true)]
async fn lists_that_nobody_moved_follow_their_newest() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    for _ in 0..6 {
        backend.change(|world| world.merge(&checkout(), "kim", "One more"));
    }
    backend.change(|world| turns_red(world, "kim"));
    console.until("✗ FAILED").await.until("▸!#10").await.quiet().await;
    console
        .press(&["esc"])
        .until_gone("Esc hides this")
        .await
        .press(&["P"])
        .until("Promote #10 to PRODUCTION")
        .await
        .press(&["esc"]);
    // Whoever goes back to the top, or out of everything, follows again.
    for (away, back) in [("j", "g"), ("G", "esc")] {
        console.press(&[away]).settled().await;
        assert!(!console.text().contains("▸ #10"), "{}", console.text());
        console.press(&[back]).until("▸ #10").await;
    }
    backend.change(|world| world.merge(&checkout(), "kim", "The last one"));
    console.until("▸ #11").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_found_stays_selected_without_it() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["/"]).type_text("#2").press(&["enter"]).settled().await;
    console.press(&["esc"]).settled().await;
    backend.change(|world| world.merge(&checkout(), "kim", "One more"));
    console.until("One more").await.until("▸●#2").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_live_stays_on_screen_in_production() {
    let backend = ready();
    backend.change(|world| fail_promotes(world, 30));
    let console = Console::open(&backend);
    console.until("FAILED").await;
    assert_eq!(live_rows(&console), 1, "{}", console.text());
    let first = || {
        let text = console.text();
        let lines: Vec<_> = text.lines().collect();
        let head = lines.iter().position(|line| line.contains(" 2 Production ")).unwrap();
        lines[head + 1].to_owned()
    };
    console.press(&["2"]).until("▸  #2    ● LIVE").await;
    for keys in [["g"; 1], ["G"], ["k"], ["ctrl-u"]] {
        console.press(&keys).settled().await;
        assert_eq!(live_rows(&console), 1, "{keys:?}: {}", console.text());
        assert!(first().contains("● LIVE"), "{keys:?}: {}", console.text());
        assert_eq!(console.text().matches('▸').count(), 2, "{keys:?}: {}", console.text());
    }
}

/// The two lines of the header of a console in this state, as wide as a small terminal is.
async fn header(backend: &Scripted, has: &str) -> String {
    let console = Console::open(backend);
    console.until(has).await.settled().await;
    header_of(&console)
}

fn header_of(console: &Console) -> String {
    let text = console.text();
    text.lines().filter(|line| [" PROD ", " STG "].iter().any(|at| line.starts_with(at))).collect()
}

/// The header while a build is on its way to staging and the rest of the line needs room.
async fn quiet_staging(backend: &Scripted) -> String {
    backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "One more");
        let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&checkout(), build, to, kind, Actor::System);
        world.advance(&checkout());
    });
    let options = Options { demo: true, ..options() };
    let console = Console::with(backend, (87, 19), options, |_| {});
    console.until("STG #4").await.settled().await;
    header_of(&console)
}

#[tokio::test(start_paused = true)]
async fn the_header_names_production_and_staging_whatever_goes_on() {
    let backend = ready();
    let quiet = header(&backend, "STG #3 live").await;
    assert!(quiet.contains("PROD checkout #2 live") && quiet.contains("R → #1"), "{quiet}");
    backend.change(|world| turns_red(world, "kim"));
    let red = header(&backend, "STG #4 FAILED").await;
    assert!(red.contains("PROD checkout #2") && red.contains("OPEN"), "{red}");
    backend.change(|world| {
        let by = Actor::Person("kim".into());
        let (to, kind) = (Environment::Production, DeploymentKind::Promote);
        world.request(&checkout(), BuildNumber(3), to, kind, by);
        world.advance(&checkout());
    });
    let deploying = header(&backend, "#2 → #3").await;
    assert!(deploying.contains("PROD ch") && deploying.contains("STG #4 FAILED"), "{deploying}");
    assert!(quiet_staging(&ready()).await.contains("STG #4 ►"));
    let console = Console::open(&backend);
    console.until("#2 → #3").await;
    backend.fault(Fault::Unreachable);
    console.until("no answer").await;
    let lost = header_of(&console);
    assert!(lost.contains("PROD ch") && lost.contains("STG #4 FAILED"), "{lost}");
    console.until("STALE 30s").await;
    let stale = header_of(&console);
    assert!(stale.contains("PROD ch") && stale.contains("STG #4 FAILED"), "{stale}");
}

#[tokio::test(start_paused = true)]
async fn a_wide_header_says_where_and_since_when_staging_is_red() {
    let backend = ready();
    backend.change(|world| {
        turns_red(world, "kim");
        world.pass(std::time::Duration::from_mins(2));
    });
    let console = Console::sized(&backend, (160, 40));
    console.until("STG #4 FAILED release 3m").await;
}

#[tokio::test(start_paused = true)]
async fn in_production_a_stop_is_of_what_runs_there() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["2", "4", "f", "2"]).settled().await;
    backend.change(|world| {
        let by = Actor::Person("kim".into());
        let (to, kind) = (Environment::Production, DeploymentKind::Promote);
        world.request(&checkout(), BuildNumber(3), to, kind, by);
        world.advance(&checkout());
    });
    console.until("DEPLOYING").await.quiet().await;
    console.press(&["X"]).until("promote of #3 to production").await;
}
