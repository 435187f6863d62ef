//! What changed in all services, and production of all of them held and released together.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::domain::command::{Command, NewNote, Refusal};
use trunkline::domain::event::{ChangeNote, Fact, NoteKind, OutputChange};
use trunkline::domain::ids::{Environment, IdempotencyKey, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::domain::timeline::UnreadSource;

use trunkline_testing::console::{Console, checkout, ready};

const WIDE: (u16, u16) = (120, 30);

fn search() -> ServiceName {
    "search".parse().unwrap()
}

fn two_services() -> Scripted {
    let backend = ready();
    backend.change(|world| world.add_service(&search()));
    backend
}

fn note(kind: NoteKind, what: &str, undo: Option<&str>) -> ChangeNote {
    ChangeNote {
        kind,
        what: what.into(),
        who: None,
        undo: undo.map(str::to_owned),
        link: None,
        changed_at: None,
        observed: None,
    }
}

fn noted(backend: &Scripted, service: &ServiceName, note: ChangeNote) {
    let kim = Actor::Person("kim".into());
    backend.change(|world| world.record(service, kim, Fact::Noted(note)));
}

/// What was sent to the clipboard last.
fn copied(console: &Console) -> Option<String> {
    console.asked().into_iter().rev().find_map(|asked| match asked {
        trunkline::console::effect::Outside::Copy(text) => Some(text),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn what_changed_in_any_service_is_listed_and_its_undo_copied() {
    let backend = two_services();
    noted(&backend, &search(), note(NoteKind::Flag, "search-v2 on", Some("flagctl off search-v2")));
    let console = Console::sized(&backend, WIDE);
    console.until("Services").await.press(&["7"]).until("last hour").await;
    console.until("kim noted: flag search-v2 on").await.press(&["y"]).settled().await;
    assert_eq!(copied(&console).as_deref(), Some("flagctl off search-v2"));
    // The cursor follows the top until it is moved.
    let diff = OutputChange { name: "prices".into(), digest: "d".into(), diff: "-a\n+b".into() };
    let seen = ChangeNote { observed: Some(diff), ..note(NoteKind::Config, "prices: b", None) };
    backend.change(|world| world.record(&checkout(), Actor::System, Fact::Noted(seen)));
    console.until("trunkline saw a change: config prices: b").await.press(&["enter"]);
    console.until("+b").await.until("-a").await.press(&["enter"]).until("search-v2").await;
    console.press(&["j"]).settled().await;
    noted(&backend, &checkout(), note(NoteKind::Data, "orders of May", None));
    console.until("orders of May").await.press(&["y"]).settled().await;
    assert_eq!(
        copied(&console).as_deref(),
        Some("flagctl off search-v2"),
        "the row stays selected"
    );
    console.press(&["g", "y"]).until("nobody wrote how to undo this").await;
}

#[tokio::test(start_paused = true)]
async fn the_span_widens_to_two_weeks_and_says_what_is_not_known() {
    let backend = two_services();
    let console = Console::sized(&backend, WIDE);
    console
        .until("Services")
        .await
        .press(&["7"])
        .until("nothing is recorded of the last hour")
        .await;
    assert!(!console.text().contains("promotes #2"), "{}", console.text());
    console.press(&["+"]).until("last day").await.until("promotes #2 to production").await;
    console.press(&["+"]).until("last two weeks").await.press(&["_"]).until("last day").await;
    let since = backend.change(|world| world.now());
    let why = "not known whether it changed: prices: exit 3".to_owned();
    backend.change(|world| {
        world.unread = vec![UnreadSource { service: checkout(), since, why }];
        world.pass(Duration::from_secs(1));
    });
    console.until("not known whether it changed: prices: exit 3").await;
    // What is on screen while the engine is away says of when it is.
    backend.fault(Fault::Unreachable);
    console.until("cannot be read now").await.until("as of ").await;
    backend.heal();
    console.until_gone("cannot be read now").await.press(&["7"]).until_gone("last day").await;
}

#[tokio::test(start_paused = true)]
async fn an_emergency_names_what_else_changed_and_three_of_it() {
    let backend = two_services();
    noted(&backend, &checkout(), note(NoteKind::Flag, "search-v2", None));
    backend.change(|world| world.pass(Duration::from_mins(4)));
    for what in ["a", "b", "c"] {
        noted(&backend, &search(), note(NoteKind::Infra, what, None));
        backend.change(|world| world.pass(Duration::from_mins(2)));
    }
    let console = Console::sized(&backend, WIDE);
    console.until("Services").await.press(&["enter"]).until("#3").await.press(&["!"]);
    console
        .until("also: infra c 2 min ago · infra b 4 min ago · infra a 6 min ago · and 1 more")
        .await;
    console.press(&["esc"]).until_gone("also:").await;
    console.quiet().await.press(&["R"]).until("also: infra c").await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_services_are_held_at_once_and_what_fails_is_said() {
    let backend = two_services();
    let api: ServiceName = "api".parse().unwrap();
    backend.change(|world| world.add_service(&api));
    let hold = Command::Hold { environment: Environment::Production, reason: "slow".into() };
    let key = IdempotencyKey::try_from("12345678-a".to_owned()).unwrap();
    backend.command(&search(), hold, key).await.unwrap();
    let console = Console::sized(&backend, WIDE);
    console.until("Services").await.press(&["H"]).until("Hold PRODUCTION of ALL services").await;
    console.until("holds production of 2 services: api, checkout").await;
    console.until("search: on hold already, left as it is, by sam: slow").await;
    backend.fault(Fault::Refuse(Refusal::invalid("the disk is full")));
    console.type_text("the database burns").press(&["tab", "right"]).quiet().await;
    console.press(&["enter"]).until("production of 1 service is on hold; NOT ").await;
    let is_held = |service: &ServiceName| {
        let holds = |world: &mut trunkline::backend::scripted::ScriptedWorld| {
            world.service(service).unwrap().state.holds.contains_key(&Environment::Production)
        };
        backend.change(holds)
    };
    assert_eq!([is_held(&api), is_held(&checkout())].iter().filter(|held| **held).count(), 1);
    // Once more: only what is not held yet.
    console.quiet().await.press(&["esc"]).until_gone("did not happen").await;
    console.quiet().await.press(&["H"]).until("holds production of 1 service: ").await;
    console.type_text("the database burns").press(&["tab", "right"]).quiet().await;
    console.press(&["enter"]).until_gone("Hold PRODUCTION").await.settled().await;
    assert!(is_held(&api) && is_held(&checkout()));
    console.quiet().await.press(&["H"]).until("Release PRODUCTION of all services").await;
    console.until("of 2 services: api, checkout").await;
    console.until("search: stays on hold; release it by itself").await;
    console.type_text("it is out").press(&["tab", "right"]).quiet().await;
    console.press(&["enter"]).until("production of 2 services is released").await;
    assert!(!is_held(&api) && !is_held(&checkout()) && is_held(&search()));
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_too_long_is_refused_and_one_of_a_viewer_too() {
    let backend = ready();
    let new = |what: &str| NewNote {
        kind: NoteKind::Flag,
        what: what.into(),
        who: None,
        undo: None,
        link: None,
        changed_at: None,
    };
    let key = |text: &str| IdempotencyKey::try_from(text.to_owned()).unwrap();
    let long = Command::Note(new(&"x".repeat(201)));
    let refused = backend.command(&checkout(), long, key("12345678-b")).await.unwrap_err();
    assert!(refused.to_string().contains("longer than 200 characters"), "{refused}");
    let mut viewer = trunkline::domain::caller::Caller::in_process("eve");
    viewer.rights = trunkline::domain::caller::Rights::everywhere(
        trunkline::domain::caller::AccessRole::Viewer,
    );
    let eve = backend.called_by(viewer);
    let refused = eve.command(&checkout(), Command::Note(new("x")), key("12345678-c")).await;
    assert!(refused.unwrap_err().to_string().contains("the role viewer"));
}
