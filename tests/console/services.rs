//! The list of many services: what needs attention is on top, and all bad news can be seen.

use std::time::Duration;

use trunkline::backend::scripted::Scripted;
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{Environment, ServiceName};
use trunkline::domain::people::Actor;
use trunkline_testing::console::{Console, ready};

fn name(text: &str) -> ServiceName {
    text.parse().expect("the name is a good one")
}

fn kim() -> Actor {
    Actor::Person("kim".into())
}

/// 200 services, of which one failed in production, one in staging, one is on hold and one frozen.
fn many() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        for number in 1..200 {
            world.add_service(&name(&format!("svc-{number:03}")));
        }
        for (service, environment) in
            [("svc-150", Environment::Production), ("svc-120", Environment::Staging)]
        {
            let service = name(service);
            let build = world.merge(&service, "raj", "Does not start");
            world.request(&service, build, environment, DeploymentKind::Auto, Actor::System);
            world.advance(&service);
            world.advance(&service);
            world.advance_with(&service, StepOutcome::Exited(1));
            world.finish(&service);
        }
        let hold = Fact::HoldPlaced {
            environment: Environment::Production,
            reason: "the audit".into(),
            rollback: None,
            all: false,
        };
        world.record(&name("svc-100"), kim(), hold);
        let (from, until) = (world.now(), Some(world.now() + chrono::TimeDelta::hours(2)));
        let freeze = Fact::FreezePlaced { from, until, reason: "the sale".into() };
        world.record(&name("svc-050"), Actor::Person("raj".into()), freeze);
        world.pass(Duration::from_mins(5));
    });
    backend
}

/// The names of the services on screen, from the top.
fn shown(console: &Console) -> Vec<String> {
    let text = console.text();
    let rows = text.lines().filter_map(|line| line.strip_prefix('┃'));
    let rows = rows.map(|row| row.trim_start_matches(['▸', '!', ' ']));
    let names = rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name.starts_with("svc-") || name == "checkout").collect()
}

#[tokio::test(start_paused = true)]
async fn what_needs_attention_is_on_top_of_200_services_and_counted_in_the_title() {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let console = Console::sized(&many(), size);
        console.until("2 need attention").await.until("1 on hold").await.until("1 frozen").await;
        let first = ["svc-150", "svc-120", "svc-100", "svc-050"];
        assert_eq!(shown(&console)[..4], first, "{}", console.text());
        assert!(console.line("svc-150").contains("FAILED #1"), "{}", console.text());
        assert!(console.line("svc-120").contains("STG #1 FAILED"), "{}", console.text());
        console.until(" of 200 ").await;
    }
    let console = Console::sized(&many(), (120, 40));
    console.until("2 need attention").await.settled().await;
    insta::assert_snapshot!(console.styled());
}

#[tokio::test(start_paused = true)]
async fn one_key_orders_the_services_and_the_cursor_stays_on_its_own() {
    let console = Console::open(&many());
    console.until("▸!svc-150").await.until("by attention").await.press(&["."]);
    console.until("by name").await.until("▸!svc-150").await.press(&["."]);
    console.until("by builds ahead").await.until("▸!svc-150").await.press(&["."]);
    console.until("by newest live").await.press(&["."]).until("by attention").await;
    console.press(&["enter"]).until("PROD svc-150").await.press(&["."]);
    console.until("only the list of services is sorted").await;
}

#[tokio::test(start_paused = true)]
async fn the_services_are_filtered_by_what_they_are_and_who_did_it() {
    let console = Console::open(&many());
    console.until("2 need attention").await;
    for (text, left) in [
        ("is:failed", vec!["svc-120"]),
        ("is:doubt", vec!["svc-150"]),
        ("is:held", vec!["svc-100"]),
        ("is:frozen by:raj", vec!["svc-050"]),
        ("by:kim", vec!["svc-100"]),
        ("svc-19 is:quiet", vec!["svc-190", "svc-191", "svc-192"]),
    ] {
        console.press(&["/"]).type_text(text).settled().await;
        let names = shown(&console);
        assert_eq!(names[..left.len()], left, "{text}: {}", console.text());
        assert!(left.len() == 3 || names.len() == left.len(), "{text}: {}", console.text());
        console.press(&["esc"]).settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_bad_news_of_a_service_is_shown_or_counted() {
    let backend = many();
    backend.change(|world| {
        let service = name("svc-150");
        let hold = Fact::HoldPlaced {
            environment: Environment::Production,
            reason: "since it failed".into(),
            rollback: None,
            all: false,
        };
        world.record(&service, kim(), hold);
        let build = world.merge(&service, "raj", "Does not start either");
        let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&service, build, to, kind, Actor::System);
        world.advance(&service);
        world.advance(&service);
        world.advance_with(&service, StepOutcome::Exited(1));
        world.finish(&service);
    });
    let wide = Console::sized(&backend, (120, 40));
    wide.until("FAILED #1 auto, STG #2 FAILED").await;
    assert!(wide.line("svc-150").contains("ON HOLD"), "{}", wide.text());
    let small = Console::sized(&backend, (60, 20));
    small.until("+1").await;
    assert!(small.line("svc-150").contains("FAILED"), "{}", small.text());
}
