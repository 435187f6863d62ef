//! What a rollback leaves behind: in its dialogs, as a list to be ticked on its hold, and at the release.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::scripted::Scripted;
use trunkline::domain::event::{ChangeNote, Fact, NoteKind};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::leftovers::{
    DeclaredLeftover, Leftover, LeftoverKind, Leftovers, LeftoversListed, WrittenData,
};
use trunkline::domain::people::Actor;

use super::quarantine::rolled_back;
use trunkline_testing::console::{Console, checkout, put_live, ready};

/// [`rolled_back`], with two things on the list of its hold.
pub fn left_behind() -> Scripted {
    let backend = rolled_back();
    backend.change(|world| {
        let state = &world.service(&checkout()).expect("it is there").state;
        let hold = state.holds[&Environment::Production].id;
        let rollback = state.holds[&Environment::Production].rollback.expect("it is one");
        let item = |kind, what: &str, undo: Option<&str>| Leftover {
            kind,
            what: what.into(),
            check: None,
            undo: undo.map(str::to_owned),
            ticked: None,
        };
        let items = vec![
            item(LeftoverKind::Declared, "the page cache", Some("./purge --all")),
            item(LeftoverKind::Change, "flag pay-v2 on", None),
        ];
        let ran = Duration::from_mins(42);
        let written = Some(WrittenData { builds: vec![BuildNumber(4)], ran });
        let left = Leftovers { written, items, doubts: Vec::new() };
        let environment = Environment::Production;
        let listed = LeftoversListed { environment, hold, rollback, left };
        let kim = Actor::Person("kim".into());
        world.record(&checkout(), kim, Fact::LeftoversListed(listed));
    });
    backend
}

/// The facts of one kind that were recorded, with who caused each.
async fn recorded(backend: &Scripted, kind: &str) -> Vec<(Actor, Fact)> {
    let events = backend.events(None, Seq(0), 1_000, Duration::ZERO).await.unwrap();
    let of_kind = events.into_iter().filter(|event| event.fact.kind() == kind);
    of_kind.map(|event| (event.actor, event.fact)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_stays_behind_is_ticked_on_its_page_and_opened_again() {
    let backend = left_behind();
    let console = Console::sized(&backend, (160, 40));
    console.until("2 of 2 open (l)").await.press(&["l"]).until("What stays behind").await;
    console.until("#4 ran 42m before it and may have written data").await;
    console.until("undo: ./purge --all").await.press(&["space"]).until("1 of 2 open").await;
    console.until("[x] the page cache").await.until("ticked by sam").await;
    let (by, ticked) = recorded(&backend, "leftover_ticked").await.remove(0);
    assert_eq!(by, Actor::Person("sam".into()));
    let Fact::LeftoverTicked(tick) = ticked else { panic!("{ticked:?}") };
    assert_eq!((tick.item, tick.what.as_str()), (1, "the page cache"));
    console.press(&["space"]).until("2 of 2 open").await.until("[ ] the page cache").await;
    assert_eq!(recorded(&backend, "leftover_unticked").await.len(), 1);
    console.press(&["down", "space"]).until("[x] flag pay-v2 on").await;
    console.press(&["esc"]).until("1 of 2 open (l)").await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_with_open_things_is_released_only_by_a_second_press_and_says_which() {
    let backend = left_behind();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["H"]).until("not ticked: 1 the page cache").await;
    console.press(&["shift-tab", "shift-tab", "space"]).until("[x] none of them").await;
    console.press(&["tab"]).type_text("all is well").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("press once more to release with them open").await;
    console.until("Release, leave open").await.quiet().await;
    assert_eq!(recorded(&backend, "hold_released").await.len(), 0, "it was only asked");
    console.press(&["tab"]).quiet().await;
    console.press(&["enter"]).until("OPEN").await;
    let (_, released) = recorded(&backend, "hold_released").await.remove(0);
    let Fact::HoldReleased { open, .. } = released else { panic!("{released:?}") };
    assert_eq!(open, ["the page cache", "flag pay-v2 on"]);
    console.press(&["2", "g", "3"]).until("left open").await.until("the page cache").await;
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_taken_back_disarms_the_release() {
    let backend = left_behind();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["l"]).until("What stays behind").await;
    console.press(&["space"]).until("[x] the page cache").await.press(&["esc"]);
    console.until_gone("What stays behind").await.press(&["H"]).until("not ticked: 2").await;
    let (_, ticked) = recorded(&backend, "leftover_ticked").await.remove(0);
    let Fact::LeftoverTicked(tick) = ticked else { panic!("{ticked:?}") };
    backend.change(|world| {
        let kim = Actor::Person("kim".into());
        world.record(&checkout(), kim, Fact::LeftoverUnticked(tick));
    });
    console.until("DISARMED").await.until("a tick was taken back meanwhile").await;
}

#[tokio::test(start_paused = true)]
async fn both_dialogs_of_a_rollback_say_what_stays_behind() {
    let backend = ready();
    backend.change(|world| {
        put_live(world, BuildNumber(3));
        world.edit(&checkout(), |service| {
            let leaf = |what: &str| DeclaredLeftover { what: what.into(), check: None, undo: None };
            service.policy.leaves = Some(vec![leaf("the page cache")]);
        });
        let note = ChangeNote {
            kind: NoteKind::Flag,
            what: "pay-v2 on".into(),
            who: None,
            undo: None,
            link: None,
            changed_at: None,
            observed: None,
        };
        world.record(&checkout(), Actor::Person("kim".into()), Fact::Noted(note));
    });
    let console = Console::sized(&backend, (120, 40));
    let stays = "stays behind: 2 things: the page cache, flag pay-v2 on; #3 ran ";
    console.until("#3").await.press(&["!"]).until(stays).await.press(&["esc"]);
    console.until_gone("ROLLING BACK").await.press(&["2", "R"]).until(stays).await;
}

#[tokio::test(start_paused = true)]
async fn the_page_of_a_hold_that_is_gone_ticks_nothing() {
    let backend = left_behind();
    let console = Console::open(&backend);
    console.until("ON HOLD").await.press(&["l"]).until("What stays behind").await;
    backend.change(|world| {
        let kim = Actor::Person("kim".into());
        let (environment, reason) = (Environment::Production, "well".to_owned());
        let released = Fact::HoldReleased { environment, reason, bad: vec![], open: vec![] };
        world.record(&checkout(), kim.clone(), released);
        // Another rollback's hold has a list under the same numbers.
        let (reason, rollback) = ("again".to_owned(), Some(DeploymentId(1)));
        let placed = Fact::HoldPlaced { all: false, environment, reason, rollback };
        let hold = world.record(&checkout(), kim.clone(), placed);
        let (rollback, ticked) = (DeploymentId(1), None);
        let (kind, what) = (LeftoverKind::Declared, "another thing".to_owned());
        let items = vec![Leftover { kind, what, check: None, undo: None, ticked }];
        let left = Leftovers { items, ..Leftovers::default() };
        let listed = LeftoversListed { environment, hold, rollback, left };
        world.record(&checkout(), kim, Fact::LeftoversListed(listed));
    });
    console.until("another took its place").await.press(&["space"]).settled().await;
    assert_eq!(recorded(&backend, "leftover_ticked").await.len(), 0);
}
