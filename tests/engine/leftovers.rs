//! What a rollback leaves behind, with a real repository and real steps: in its plan, on its hold, and at the release.

use std::collections::BTreeMap;

use trunkline::backend::Backend as _;
use trunkline::domain::command::{Action, Command, ItemOfHold, NewNote};
use trunkline::domain::event::{Fact, NoteKind};
use trunkline::domain::ids::{Environment, Seq};
use trunkline::domain::leftovers::Leftovers;
use trunkline_testing::engine::{QUICK, World, refusal};

const LEAVES: &str = r#"[rollback]
leaves = [{ what = "the page cache", check = "curl -I /", undo = "./purge" }]
[[rollback.steps]]"#;

/// Its rollback step waits while the gate is closed.
fn with_leaves() -> String {
    let file = QUICK.replace("[[rollback.steps]]", LEAVES);
    let file = file.replace("run = \"./release\"", "run = \"echo out\"");
    file.replace("run = \"echo back to $TRUNKLINE_BUILD\"", "run = \"./release\"")
}

fn names(left: &Leftovers) -> Vec<&str> {
    left.items.iter().map(|item| item.what.as_str()).collect()
}

fn tick(item: u32, hold: Option<Seq>) -> Command {
    Command::Tick(ItemOfHold { environment: Environment::Production, item, hold })
}

fn note(what: &str) -> Command {
    Command::Note(NewNote {
        kind: NoteKind::Flag,
        what: what.into(),
        who: None,
        undo: Some("flagctl off pay-v2".into()),
        link: None,
        changed_at: None,
    })
}

fn release(leave_open: &[u32]) -> Command {
    Command::Release {
        environment: Environment::Production,
        reason: "it is well".into(),
        bad: Some(Vec::new()),
        hold: None,
        leave_open: leave_open.to_vec(),
    }
}

async fn left(world: &World) -> (Seq, Leftovers) {
    let of = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let hold = s.holds.get(&Environment::Production)?;
        Some((hold.id, hold.left.as_deref()?.clone()))
    };
    world.until("the hold has a list", of).await
}

/// #2 brings code behind a flag and a migration; the flag is on when it is rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_rollback_leaves_behind_is_planned_recorded_ticked_and_told_at_the_release() {
    let mut world = World::open(&with_leaves()).await;
    let one = world.verified("one").await;
    world.command("raj", note("before it all")).await.unwrap();
    world.live(one).await;
    world.repository.write("migrations/002_note.sql", "ALTER TABLE t ADD COLUMN note text;\n");
    let two = world.verified("two").await;
    world.live(two).await;
    world.command("raj", note("pay-v2 on")).await.unwrap();

    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let planned = plan.stays_behind.as_deref().unwrap();
    let migration = format!("migration migrations/002_note.sql of {two}");
    assert_eq!(names(planned), ["the page cache", "flag pay-v2 on", &migration]);
    assert_eq!(planned.items[1].undo.as_deref(), Some("flagctl off pay-v2"));
    assert_eq!(planned.written.as_ref().unwrap().builds, [two]);
    assert_eq!(planned.doubts, [""; 0]);

    world.close_gate();
    let back = world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    world.running(back).await;
    let (hold, listed) = left(&world).await;
    assert_eq!(listed.items, planned.items, "what was planned is what is recorded");
    let early = refusal(world.command("raj", tick(1, None)).await).to_string();
    assert!(early.contains("is not over: tick 1 once it has ended"), "{early}");
    // What is noted or declared from now on does not change the list under anybody's hands.
    world.command("raj", note("later")).await.unwrap();
    world.open_gate();
    world.ended(back).await;
    assert_eq!(left(&world).await.1.items, listed.items);

    let said = world.command("raj", tick(2, Some(hold))).await.unwrap().said;
    assert_eq!(said, "ticked: flag pay-v2 on; 2 more open");
    let again = refusal(world.command("raj", tick(2, None)).await).to_string();
    assert_eq!(again, "2 is ticked already, by raj: flag pay-v2 on");
    let none = refusal(world.command("raj", tick(9, None)).await).to_string();
    assert_eq!(none, "there is no 9: the hold on production has the numbers 1 to 3");
    let other = refusal(world.command("raj", tick(1, Some(Seq(1)))).await).to_string();
    assert!(other.starts_with("the hold on production has changed"), "{other}");

    for seen in [&[][..], &[1], &[3]] {
        let kept = refusal(world.command("raj", release(seen)).await).to_string();
        let open = format!("open: 1 the page cache, 3 {migration}; tick it, or say");
        assert!(kept.contains(&open), "{seen:?}: {kept}");
    }
    world.command("raj", tick(3, None)).await.unwrap();
    let untick = ItemOfHold { environment: Environment::Production, item: 2, hold: None };
    world.command("raj", Command::Untick(untick)).await.unwrap();
    let twice = refusal(world.command("raj", Command::Untick(untick)).await).to_string();
    assert_eq!(twice, "2 is not ticked: flag pay-v2 on");
    // Somebody who saw only 1 open does not pass over what was opened again.
    refusal(world.command("raj", release(&[1])).await);
    let said = world.command("raj", release(&[1, 2])).await.unwrap().said;
    assert_eq!(
        said,
        "the hold on production is released; left open: the page cache, flag pay-v2 on"
    );
    assert_eq!(world.deployment(back).left_open, ["the page cache", "flag pay-v2 on"]);
    the_record_tells(&mut world, hold).await;
}

/// Each tick is an event with who did it, also after a restart.
async fn the_record_tells(world: &mut World, hold: Seq) {
    world.stop().await;
    world.start().await;
    let backend = world.backend("raj");
    let wait = std::time::Duration::ZERO;
    let events = backend.events(None, Seq(0), 1_000, wait).await.unwrap();
    let mut ticks: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for event in &events {
        if let Fact::LeftoverTicked(tick) | Fact::LeftoverUnticked(tick) = &event.fact {
            assert_eq!((tick.hold, event.actor.to_string().as_str()), (hold, "raj"));
            ticks.entry(event.fact.kind()).or_default().push(tick.item);
        }
    }
    let expected = [("leftover_ticked", vec![2, 3]), ("leftover_unticked", vec![2])];
    assert_eq!(ticks.into_iter().collect::<Vec<_>>(), expected);
    world.stop().await;
}

/// A rollback that fails leaves its list too, and the next one has it anew; nothing of it is in the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_fails_leaves_a_list_and_the_next_one_begins_it_anew() {
    let file = QUICK.replace("[[rollback.steps]]", LEAVES);
    let mut world =
        World::open(&file.replace("run = \"echo back to $TRUNKLINE_BUILD\"", "run = \"false\""))
            .await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    let failed = world.rollback().await;
    assert!(!world.ended(failed).await.succeeded());
    let (first, _) = left(&world).await;
    world.command("raj", tick(1, Some(first))).await.unwrap();
    let again = world.rollback().await;
    world.ended(again).await;
    let (second, list) = left(&world).await;
    assert_ne!(first, second);
    assert_eq!(names(&list), ["the page cache"]);
    assert!(list.items[0].ticked.is_none(), "the cache may be full again");
    world.stop().await;
}
