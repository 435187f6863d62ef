//! Nothing is confirmed that the screen did not show.

use std::time::Duration;

use trunkline::backend::scripted::Scripted;
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, SMALL, checkout, ready};

const SMALLEST: (u16, u16) = (60, 12);

/// Sam may promote #4 after all that stands against it is overridden: it is sam's, it was not long enough in staging,
/// production is frozen and on hold, and a commit of it is bad.
fn much_against() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let kim = || Actor::Person("kim".into());
        world.edit(&checkout(), |service| service.policy.soak = Duration::from_hours(9));
        world.verified_build(&checkout(), "sam");
        let (from, until) = (world.now(), None);
        let reason =
            "the launch is today and nobody wants to be woken for anything else".to_owned();
        world.record(&checkout(), kim(), Fact::FreezePlaced { from, until, reason });
        let (environment, rollback) = (Environment::Production, None);
        let reason = "errors in the checkout, we look into it with the payment people".to_owned();
        world.record(
            &checkout(),
            kim(),
            Fact::HoldPlaced { all: false, environment, reason, rollback },
        );
        let state = &world.service(&checkout()).expect("it is there").state;
        let bad = state.commits_that_begin_with(&format!("{:040x}", 4));
        let reason = "it rounds the totals of every cart down to whole euros".to_owned();
        world.record(&checkout(), kim(), Fact::CommitsQuarantined { bad, reason });
    });
    backend
}

fn deployments(backend: &Scripted, kind: DeploymentKind) -> usize {
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().filter(|d| d.request.kind == kind).count()
    })
}

/// Fills everything in and presses the button, which then is off for nothing but what was not read.
async fn press(console: &Console) {
    console.type_text("known").press(&["tab"]).type_text("4").press(&["tab", "tab", "tab"]);
    console.until("[> Promote <]").await.quiet().await.press(&["enter"]).settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_overridden_has_to_be_on_screen_first() {
    for size in [SMALLEST, (60, 14), (70, 16)] {
        let backend = much_against();
        let before = deployments(&backend, DeploymentKind::Promote);
        let console = Console::sized(&backend, size);
        console.until("#4").await.press(&["P"]).until("not seen yet").await;
        press(&console).await;
        console.until("of overrides not seen yet").await;
        assert_eq!(deployments(&backend, DeploymentKind::Promote), before, "at {size:?}");
        let mut read = console.text();
        while console.text().contains("off: PgDn") {
            let screen = console.text();
            console.press(&["pgdn"]).settled().await;
            assert_ne!(console.text(), screen, "it ends");
            read.push_str(&console.text());
        }
        for said in ["9h", "wants to be woken", "payment", "whole", "You wrote"] {
            assert!(read.contains(said), "{said:?} at {size:?} in\n{read}");
        }
        console.quiet().await.press(&["enter"]).until_gone("Promote #4 to PRODUCTION").await;
        assert_eq!(deployments(&backend, DeploymentKind::Promote), before + 1, "at {size:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fits_needs_no_key_and_comes_before_the_facts() {
    let backend = much_against();
    let console = Console::sized(&backend, (120, 40));
    console.until("#4").await.press(&["P"]).until("off: type a reason").await;
    let screen = console.text();
    let place = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text:?}:\n{screen}"));
    assert!(place("[!!]") < place("ships"), "{screen}");
    press(&console).await;
    console.until_gone("Promote #4 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn another_size_has_to_be_read_anew() {
    let console = Console::sized(&much_against(), (120, 40));
    console.until("#4").await.press(&["P"]).until("off: type a reason").await;
    console.resize(60, 12);
    console.until("not seen yet").await;
}

#[tokio::test(start_paused = true)]
async fn the_findings_are_scrolled_while_the_reason_is_typed() {
    let console = Console::sized(&much_against(), SMALLEST);
    console.until("#4").await.press(&["P"]).until("not seen yet").await.type_text("kno");
    console.until("build       #4").await.press(&["pgdn"]).until_gone("build       #4").await;
    console.type_text("wn").until("[known_").await.press(&["pgup"]).until("build       #4").await;
    console.press(&["tab", "tab", "ctrl-d"]).until_gone("build       #4").await;
    console.press(&["ctrl-u"]).until("build       #4").await.until("[known ").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_never_kept_from_anyone_and_says_its_verdict_first() {
    let backend = super::stops::past_the_floor();
    let console = Console::sized(&backend, SMALLEST);
    console.until("NO RETURN").await.press(&["R"]).until("off: type 1").await;
    console.until("POINT OF NO RETURN").await.type_text("1").press(&["tab", "tab"]);
    console.quiet().await.press(&["enter"]).until("ON HOLD").await;
    assert_eq!(deployments(&backend, DeploymentKind::Rollback), 1);
}

#[tokio::test(start_paused = true)]
async fn much_that_stands_against_a_promote_at_80x24() {
    let console = Console::sized(&much_against(), SMALL);
    console.until("#4").await.press(&["P"]).until("[!!]").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn much_that_stands_against_a_promote_at_60x12() {
    let console = Console::sized(&much_against(), SMALLEST);
    console
        .until("#4")
        .await
        .press(&["P"])
        .until("not seen yet")
        .await
        .press(&["pgdn"])
        .quiet()
        .await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn an_emergency_says_its_verdict_first_and_is_scrolled_too() {
    let console = Console::sized(&super::stops::past_the_floor(), SMALLEST);
    console.until("NO RETURN").await.press(&["!"]).until("POINT OF NO RETURN").await;
    console.until("off: type 1").await.press(&["pgdn", "pgdn"]).until("back to     #1").await;
    console.type_text("1").until("Enter rolls back now").await.press(&["enter"]);
    console.until("ON HOLD").await;
}
