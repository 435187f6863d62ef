//! How it looks, as text: the main screen at three sizes, each dialog and the help.

use std::time::Duration;

use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{Environment, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::migrations::{Dialect, FileChange, MigrationFile, SchemaDefinitions, Tool, judge};

use trunkline_testing::console::{Console, checkout, put_live, ready};

/// An afternoon with something of everything.
fn busy() -> Scripted {
    let backend = ready();
    let name = checkout();
    backend.change(|world| {
        let auto = (Environment::Staging, DeploymentKind::Auto);
        let request = |world: &mut trunkline::backend::scripted::ScriptedWorld, build| {
            world.request(&name, build, auto.0, auto.1, Actor::System)
        };
        let build = world.merge(&name, "kim", "chore: bump the TLS library to 3.4");
        request(world, build);
        world.advance(&name);
        world.advance(&name);
        world.advance_with(&name, StepOutcome::Exited(1));
        world.finish(&name);
        world.pass(Duration::from_mins(14));
        world.merge(&name, "ada", "fix: n+1 query in the order list");
        let build = world.merge(&name, "sam", "feat: bulk refunds for support staff");
        world.stage(&name, build);
        world.pass(Duration::from_mins(35));
        let build = world.merge(&name, "kim", "feat: invoice as PDF, second attempt");
        let id = request(world, build);
        world.advance(&name);
        world.advance(&name);
        for line in ["installing 214 packages", "warn: slow disk", "linking", "done in 4.1 s"] {
            world.write(&name, id, 0, line);
        }
        world.pass(Duration::from_secs(7));
    });
    backend
}

fn frozen(backend: &Scripted) {
    backend.change(|world| {
        let from = world.now();
        let until = Some(from + chrono::TimeDelta::hours(63));
        let reason = "Thanksgiving".to_owned();
        let fact = Fact::FreezePlaced { from, until, reason };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
}

#[tokio::test(start_paused = true)]
async fn the_main_screen_at_80x24() {
    let console = Console::open(&busy());
    console.until("done in").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_main_screen_at_120x40() {
    let backend = busy();
    frozen(&backend);
    let console = Console::sized(&backend, (120, 40));
    console.until("done in").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_main_screen_at_200x60() {
    let backend = busy();
    frozen(&backend);
    let console = Console::sized(&backend, (200, 60));
    console.until("done in").await.press(&["2"]).settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_promote_with_an_override() {
    let backend = busy();
    frozen(&backend);
    let console = Console::open(&backend);
    console.until("done in").await.press(&["j", "P"]).until("[!!]").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_dialog_that_disarmed() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "ada"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[> Cancel <]").await;
    backend.change(|world| put_live(world, trunkline::domain::ids::BuildNumber(3)));
    console.until("DISARMED").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn an_emergency() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("in 2").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_freeze_dialog() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["F"]).until("Freeze PRODUCTION").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_changes() {
    let backend = busy();
    let console = Console::open(&backend);
    console.until("done in").await.press(&["j", "d"]).until("files").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_changes_at_120x40_with_what_is_newer() {
    let console = Console::sized(&busy(), (120, 40));
    console.until("done in").await.press(&["j", "j", "d"]).until("newer builds, not in").await;
    insta::assert_snapshot!(console.text());
}

/// The busy afternoon with migrations of every kind, and the pull request of one commit.
fn migrating() -> Scripted {
    let sql = [
        ("migrations/0007_add_note.sql", "ALTER TABLE orders ADD COLUMN note text;"),
        (
            "migrations/0008_drop_nickname.sql",
            "ALTER TABLE users DROP COLUMN nickname;\nDROP TABLE old_carts;\nDROP TABLE old_orders;\n\
             DROP TABLE \u{202e}hostile;",
        ),
        (
            "migrations/0009_fill.sql",
            "-- deploy: rollback-safe, nobody reads it before #9\nUPDATE orders SET note = '';",
        ),
    ];
    let judged = sql.map(|(path, text)| {
        let file = MigrationFile { path, text, change: FileChange::Added };
        judge(&file, Tool::Sqlx, Dialect::Postgres, &SchemaDefinitions::default())
    });
    let mut files = judged.to_vec();
    files[0].faults.push("was edited after it was merged; add a new one instead".to_owned());
    let backend = ready();
    backend.change(|world| {
        world.merge(&checkout(), "ada", "feat: notes on orders (#31)");
        world.edit(&checkout(), |service| service.migrations.files = files);
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn the_changes_with_migrations() {
    let console = Console::open(&migrating());
    console.until("#4").await.press(&["d"]).until("0008_drop_nickname").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_changes_with_migrations_at_120x40() {
    let console = Console::sized(&migrating(), (120, 40));
    console.until("#4").await.press(&["d"]).until("0008_drop_nickname").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_changes_link_the_pull_request_of_a_commit() {
    let console = Console::sized(&migrating(), (120, 40));
    console.until("#4").await.press(&["d"]).until("0008_drop_nickname").await;
    console
        .press(&["end"])
        .until("pull request 31  https://github.com/shop/checkout/pull/31")
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_details_below_the_lists() {
    let console = Console::open(&busy());
    console.until("done in").await.press(&["j", "3"]).until("3 Details").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_help() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["?"]).until("search").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_fleet() {
    let backend = busy();
    let search: ServiceName = "search".parse().expect("the name is a good one");
    backend.change(|world| world.add_service(&search));
    frozen(&backend);
    let console = Console::open(&backend);
    console.until("Services").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.until("STALE 47s").await;
    insta::assert_snapshot!(console.text());
}
