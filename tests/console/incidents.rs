//! Incidents: what a rollback asks, the dialog that answers, updates and ends, the reminder, and where an incident stands on
//! screen.

use std::time::Duration;

use proptest::prelude::*;
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{Fault, Scripted, ScriptedWorld};
use trunkline::console::effect::Outside;
use trunkline::domain::event::{Fact, IncidentOpened, IncidentResolved, IncidentUpdated};
use trunkline::domain::ids::{BuildNumber, DeploymentId, IncidentId, Seq};
use trunkline::domain::incident::{UsersAffected, UsersQuestion};
use trunkline::domain::people::Actor;
use trunkline::domain::quarantine::BadCommit;

use super::quarantine::rolled_back;
use trunkline_testing::console::{Console, checkout, put_live, ready};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn kim() -> Actor {
    Actor::Person("kim".into())
}

/// The rollback of which nobody said yet whether users were affected.
fn asked(world: &ScriptedWorld) -> Option<DeploymentId> {
    let state = &world.service(&checkout()).expect("it is there").state;
    state.incidents.questions().last().and_then(UsersQuestion::rollback)
}

/// Kim opens an incident about the rollback that asks, if one does.
fn opened(backend: &Scripted, severity: &str) -> IncidentId {
    backend.change(|world| {
        let rollback = asked(world);
        let state = &world.service(&checkout()).expect("it is there").state;
        let linked = rollback.map(|rollback| state.linked(rollback));
        let took_back = linked.as_ref().and_then(|linked| linked.took_back);
        let seq = world.record(
            &checkout(),
            kim(),
            Fact::IncidentOpened(IncidentOpened {
                title: "checkout answers 500".into(),
                severity: severity.into(),
                users_affected: UsersAffected::Yes,
                rollback,
                to: linked.and_then(|linked| linked.to),
                took_back,
            }),
        );
        IncidentId::from(seq)
    })
}

fn resolve(world: &mut ScriptedWorld, incident: IncidentId) {
    let resolved = IncidentResolved { incident, text: "carts are back".into(), at: None };
    world.record(&checkout(), kim(), Fact::IncidentResolved(resolved));
}

fn update(world: &mut ScriptedWorld, incident: IncidentId, severity: Option<&str>) {
    let updated = IncidentUpdated {
        incident,
        text: "looking at the queue".into(),
        at: None,
        mark: None,
        severity: severity.map(str::to_owned),
        users_affected: None,
    };
    world.record(&checkout(), kim(), Fact::IncidentUpdated(updated));
}

/// The facts about incidents that sam caused.
async fn said(backend: &Scripted) -> Vec<Fact> {
    let events = backend.events(None, Seq(0), 2_000, Duration::ZERO).await.unwrap();
    let kinds = ["incident_", "users_not_affected", "postmortem_"];
    let by_sam = events.into_iter().filter(|event| event.actor == Actor::Person("sam".into()));
    let about = by_sam.filter(|event| kinds.iter().any(|kind| event.fact.kind().starts_with(kind)));
    about.map(|event| event.fact).collect()
}

fn bells(console: &Console) -> usize {
    console.asked().iter().filter(|asked| **asked == Outside::Bell).count()
}

/// Presses the button of the dialog, two stops after its text.
async fn press_it(console: &Console, label: &str) {
    console.press(&["tab", "tab"]).until(&format!("[> {label} <]")).await.quiet().await;
    console.press(&["enter"]).until_gone(&format!("[> {label} <]")).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_asks_on_screen_and_one_key_answers_that_nobody_was_affected() {
    let backend = rolled_back();
    for size in SIZES {
        let console = Console::sized(&backend, size);
        console.until("USERS AFFECTED? before rollback d").await.until("I answers").await;
        assert!(console.text().contains(" sam RW"), "it pushes nobody out:\n{}", console.text());
    }
    let console = Console::sized(&backend, (120, 40));
    console.until("I answers").await.press(&["I"]).until("Were users affected?").await;
    console.until("off: say whether users were affected").await.press(&["n"]);
    console.until("(x) no  ").await.until("(x) no incident").await;
    console.press(&["tab", "tab"]).type_text("only staff saw it");
    press_it(&console, "Answer no").await;
    console.until("noted: users were not affected").await.until_gone("I answers").await;
    let facts = said(&backend).await;
    let [Fact::UsersNotAffected(answer)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(answer.note, "only staff saw it");
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_opened_updated_and_resolved_with_one_key() {
    let backend = rolled_back();
    let rollback = backend.change(|world| asked(world));
    let console = Console::open(&backend);
    console.until("I answers").await.press(&["I", "y"]).until("(x) SEV-2").await;
    console.until("significant degradation").await.press(&["tab", "1"]).until("(x) SEV-1").await;
    console.until("production down or data loss").await.press(&["tab"]);
    console.until("off: say what is wrong").await.type_text("carts are lost");
    press_it(&console, "Open incident").await;
    console.until("SEV-1 i").await.until("I updates").await;
    let facts = said(&backend).await;
    let [Fact::IncidentOpened(opened)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((opened.title.as_str(), opened.severity.as_str()), ("carts are lost", "SEV-1"));
    assert_eq!((opened.users_affected, opened.rollback), (UsersAffected::Yes, rollback));

    console.press(&["I"]).until("Incident i").await.until("off: write what is new").await;
    console.type_text("restarted the queue");
    press_it(&console, "Update").await;
    console.press(&["I"]).until("last: sam <10s ago: restarted the queue").await;
    console.press(&["shift-tab", "2"]).until("(x) SEV-2").await.press(&["tab"]);
    press_it(&console, "Update").await;
    console.until("SEV-2 i").await.press(&["I"]).until("Incident i").await;
    console.press(&["shift-tab", "shift-tab", "shift-tab", "r"]).until("(x) resolve").await;
    console.press(&["tab"]).until("off: say how it ended").await.type_text("carts are back");
    press_it(&console, "Resolve").await;
    console.until_gone("I updates").await;
    let facts = said(&backend).await;
    let [_, Fact::IncidentUpdated(text), Fact::IncidentUpdated(less), Fact::IncidentResolved(end)] =
        facts.as_slice()
    else {
        panic!("{facts:?}")
    };
    assert_eq!((text.text.as_str(), &text.severity), ("restarted the queue", &None));
    assert_eq!((less.text.as_str(), less.severity.as_deref()), ("", Some("SEV-2")));
    assert_eq!(end.text, "carts are back");
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_opened_without_a_rollback_too() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["I"]).until("Open an incident").await;
    console.until("#2 is live since").await.until("off: say whether").await.press(&["right"]);
    console.until("(x) yes").await.press(&["left"]).settled().await.press(&["space", "space"]);
    console.until("(x) not known yet").await.press(&["tab", "tab"]).type_text("slow");
    press_it(&console, "Open incident").await;
    let facts = said(&backend).await;
    let [Fact::IncidentOpened(opened)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((opened.rollback, opened.users_affected), (None, UsersAffected::NotKnown));
    assert_eq!(opened.severity, "SEV-2", "rather too bad than too good");
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_is_about_another_thing_leaves_the_question_of_the_rollback_open() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("I answers").await.press(&["I", "shift-tab", "a"]).until("(x) a new one").await;
    console.press(&["tab", "y", "tab", "tab"]).type_text("mails are late");
    press_it(&console, "Open incident").await;
    console.until("I updates").await;
    let facts = said(&backend).await;
    let [Fact::IncidentOpened(opened)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(opened.rollback, None);
    assert!(backend.change(|world| asked(world)).is_some(), "nobody answered it");
    console.press(&["I"]).until("Were users affected?").await;
}

/// #3 is live, and sam rolls it back at this console.
async fn own_rollback(backend: &Scripted) -> Console {
    backend.change(|world| put_live(world, BuildNumber(3)));
    let console = Console::open(backend);
    console.until("#3 live").await.press(&["!"]).until("Enter rolls back now").await;
    console.press(&["enter"]).until("ON HOLD").await;
    console
}

fn finish(backend: &Scripted) {
    backend.change(|world| {
        world.finish(&checkout());
    });
}

#[tokio::test(start_paused = true)]
async fn the_question_opens_by_itself_after_a_rollback_of_ones_own_and_is_left_with_one_key() {
    let backend = ready();
    let console = own_rollback(&backend).await;
    console.rest(Duration::from_secs(20)).await;
    assert!(!console.text().contains("Were users affected?"), "it still runs");
    finish(&backend);
    console.until("Were users affected?").await.until("[> Later <]").await;
    console.type_text("yes no 123");
    for key in ["enter", "space", "right", "enter"] {
        console.press(&[key]);
    }
    console.settled().await.until("( ) yes").await.press(&["esc"]);
    console.until("the question stays open; I answers it").await.until("I answers").await;
    console.rest(Duration::from_mins(5)).await.until("USERS AFFECTED?").await;
    assert!(!console.text().contains("Were users affected?"), "{}", console.text());
    assert_eq!(said(&backend).await, []);
}

#[tokio::test(start_paused = true)]
async fn the_question_takes_the_keyboard_from_nobody_who_types_or_reads() {
    for keys in [&["/", "a"][..], &["M"], &["?"], &["4", "/"], &["H"]] {
        let backend = ready();
        let console = own_rollback(&backend).await;
        console.press(keys).settled().await;
        finish(&backend);
        console.rest(Duration::from_mins(1)).await;
        assert!(!console.text().contains("Were users affected?"), "{keys:?}: {}", console.text());
        console.press(&["esc", "esc"]).settled().await.until("I answers").await;
    }
    // Who does nothing but move is asked once they pause, and not after a while any more.
    let backend = ready();
    let console = own_rollback(&backend).await;
    finish(&backend);
    for _ in 0..4 {
        console.press(&["j"]).rest(Duration::from_millis(500)).await;
        assert!(!console.text().contains("Were users affected?"), "{}", console.text());
    }
    console.until("Were users affected?").await;
    let backend = ready();
    let console = own_rollback(&backend).await;
    finish(&backend);
    for _ in 0..24 {
        console.press(&["j"]).rest(Duration::from_millis(500)).await;
    }
    console.rest(Duration::from_secs(30)).await;
    assert!(!console.text().contains("Were users affected?"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_somebody_else_asks_only_in_its_line() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    backend.change(|world| {
        put_live(world, BuildNumber(3));
        super::quarantine::roll_back(world, BuildNumber(2));
        world.finish(&checkout());
    });
    console.until("I answers").await.rest(Duration::from_secs(30)).await;
    assert!(!console.text().contains("Were users affected?"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_question_is_not_in_the_way_of_the_next_emergency() {
    let backend = ready();
    let console = own_rollback(&backend).await;
    console.rest(Duration::from_secs(5)).await;
    finish(&backend);
    console.until("Were users affected?").await.press(&["!"]).until("ROLLING BACK").await;
    console.until_gone("Were users affected?").await;
}

#[tokio::test(start_paused = true)]
async fn who_never_pauses_presses_no_button_of_it() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("I answers").await.press(&["I"]).until("Were users affected?").await;
    for key in ["y", "tab", "tab", "x", "tab", "tab", "enter", "enter", "enter"] {
        console.press(&[key]).rest(Duration::from_millis(350)).await;
    }
    assert!(console.text().contains("[> Open incident <]"), "{}", console.text());
    assert_eq!(said(&backend).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_others_did_meanwhile_disarms_the_dialog() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("I answers").await.press(&["I", "y", "tab", "tab"]).type_text("carts");
    let id = opened(&backend, "SEV-2");
    console.until("DISARMED").await.until(&format!("kim opened {id} meanwhile")).await;
    console.press(&["esc"]).until_gone("DISARMED").await;

    console.press(&["I"]).until("Incident i").await.type_text("looking");
    backend.change(|world| update(world, id, None));
    console.settled().await.until("[looking").await;
    backend.change(|world| update(world, id, Some("SEV-1")));
    console.until("DISARMED").await.until("was changed meanwhile: SEV-1").await;
    console.press(&["esc", "I"]).until("Incident i").await;
    backend.change(|world| resolve(world, id));
    console.until("DISARMED").await.until("was resolved by kim meanwhile: carts are back").await;
    console.press(&["esc"]).until_gone("DISARMED").await;

    console.press(&["I"]).until("Open an incident").await;
    let other = opened(&backend, "SEV-3");
    console.until("DISARMED").await.until(&format!("kim opened {other} meanwhile")).await;
    assert_eq!(said(&backend).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_looked_up_and_opens_one_incident() {
    let backend = rolled_back();
    let console = Console::open(&backend);
    console.until("I answers").await.press(&["I", "y", "tab", "tab"]).type_text("carts are lost");
    backend.fault(Fault::LostAnswer);
    press_it(&console, "Open incident").await;
    console.until("is open, SEV-2: carts are lost").await.until("I updates").await;
    assert_eq!(said(&backend).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_others_open_and_resolve_is_said() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    console.until("#3").await;
    let before = bells(&console);
    let id = opened(&backend, "SEV-1");
    console.until(&format!("kim opened {id}, SEV-1: checkout answers 500")).await;
    assert_eq!(bells(&console), before + 1);
    backend.change(|world| resolve(world, id));
    console.until(&format!("kim resolved {id}, SEV-1: carts are back")).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_due_rings_once_and_stands_in_the_title_until_it_is_there() {
    let backend = ready();
    let id = opened(&backend, "SEV-2");
    let console = Console::sized(&backend, (120, 40));
    console.until("update due in 15m").await.rest(Duration::from_secs(30)).await;
    console.rest(Duration::from_mins(11)).await.until("update due in 4m").await;
    let (bells_before, asked) = (bells(&console), console.asked().len());
    console.rest(Duration::from_mins(6)).await.until("UPDATE DUE 2m ago").await;
    assert_eq!(bells(&console), bells_before + 1);
    let titles: Vec<_> = console.asked().split_off(asked);
    assert!(
        titles.contains(&Outside::Title("UPDATE DUE: checkout - trunkline".into())),
        "{titles:?}"
    );
    console.press(&["M"]).until(&format!("{id} SEV-2: an update is due; I writes it")).await;
    console.press(&["esc"]).rest(Duration::from_mins(30)).await;
    assert_eq!(bells(&console), bells_before + 1, "once for each reminder");
    backend.change(|world| {
        world.pass(Duration::from_mins(48));
        update(world, id, None);
    });
    console.until("update due in 15m").await;
    let title = console.asked().into_iter().rfind(|asked| matches!(asked, Outside::Title(_)));
    assert_eq!(title, Some(Outside::Title("checkout - trunkline".into())));
    console.rest(Duration::from_mins(16)).await;
    assert_eq!(bells(&console), bells_before + 2, "the next one is due");
}

#[tokio::test(start_paused = true)]
async fn an_open_incident_stands_below_the_header_at_every_size_and_takes_nothing_from_it() {
    let backend = rolled_back();
    let id = opened(&backend, "SEV-1");
    backend.change(|world| world.pass(Duration::from_mins(12)));
    for size in [(60, 12), (80, 24), (100, 30), (120, 40), (200, 60)] {
        let console = Console::sized(&backend, size);
        console.until(&format!("SEV-1 {id}")).await;
        let header = console.line(" PROD ");
        let places: Vec<_> = ["#2", "ON HOLD", "R "].map(|word| header.find(word)).into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{size:?}: {header}");
        assert!(console.text().contains(" sam RW"), "{size:?}: {}", console.text());
        let line = console.line("SEV-1");
        assert!(line.contains(&format!("SEV-1 {id} open 12m")), "{size:?}: {line}");
    }
    let console = Console::sized(&backend, (58, 11));
    console.until(&format!("SEV-1 {id}")).await;
}

#[tokio::test(start_paused = true)]
async fn the_details_the_history_the_hold_and_the_bad_commit_name_the_incident() {
    let backend = rolled_back();
    let id = opened(&backend, "SEV-2");
    backend.change(|world| {
        let state = &world.service(&checkout()).expect("it is there").state;
        let build = &state.builds[&BuildNumber(4)];
        let (sha, subject) = (build.sha.clone(), build.subject().to_owned());
        let bad = vec![BadCommit { sha, build: BuildNumber(4), subject }];
        world.record(
            &checkout(),
            kim(),
            Fact::CommitsQuarantined { bad, reason: "loses carts".into() },
        );
    });
    let console = Console::sized(&backend, (160, 50));
    console.until(&format!("{id} SEV-2: ")).await.press(&["2", "g"]).settled().await;
    assert!(
        console.line("was live").contains(&format!("{id} "))
            || console.line("rolled back").contains(&format!("{id} ")),
        "{}",
        console.text()
    );
    console.until(&format!("incident  SEV-2 {id} open")).await;
    console.press(&["1", "g"]).until(&format!("in incident {id} SEV-2")).await;
    console.press(&["H"]).until("Release the hold").await.until(&format!("{id} SEV-2")).await;
    console.press(&["esc"]);
    backend.change(|world| {
        resolve(world, id);
        world.pass(Duration::from_hours(2));
    });
    console.until(&format!("SEV-2 {id} resolved 2h ago")).await.until("postmortem due").await;
    backend.change(|world| world.pass(Duration::from_hours(24)));
    console.until("POSTMORTEM OVERDUE for").await;
}

#[tokio::test(start_paused = true)]
async fn the_list_of_services_names_the_worst_open_incident_and_the_question() {
    let backend = rolled_back();
    backend.change(|world| world.add_service(&"billing".parse().unwrap()));
    let console = Console::sized(&backend, (120, 30));
    console.until("users affected?").await;
    let id = opened(&backend, "SEV-3");
    let worse = opened(&backend, "SEV-1");
    console.until(&format!("SEV-1 {worse} +1 open")).await;
    backend.change(|world| resolve(world, worse));
    console.until(&format!("SEV-3 {id} open")).await;
}

#[tokio::test(start_paused = true)]
async fn an_incident_at_80x24() {
    let backend = rolled_back();
    opened(&backend, "SEV-2");
    backend.change(|world| world.pass(Duration::from_mins(11)));
    let console = Console::open(&backend);
    console.until("I updates").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_dialog_after_a_rollback_at_80x24() {
    let console = Console::open(&rolled_back());
    console.until("I answers").await.press(&["I", "y", "tab", "tab"]).type_text("carts are lost");
    console.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn an_incident_with_its_update_due_at_120x40() {
    let backend = rolled_back();
    let id = opened(&backend, "SEV-2");
    backend.change(|world| {
        world.pass(Duration::from_mins(4));
        update(world, id, None);
        world.pass(Duration::from_mins(18));
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("UPDATE DUE 3m ago").await.rest(Duration::from_secs(20)).await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn an_update_in_its_dialog_at_200x60() {
    let backend = rolled_back();
    let id = opened(&backend, "SEV-2");
    backend.change(|world| {
        world.pass(Duration::from_mins(4));
        update(world, id, None);
        world.pass(Duration::from_mins(3));
    });
    let console = Console::sized(&backend, (200, 60));
    console.until("I updates").await.press(&["I"]).until("Incident i").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_of_an_incident_stay_texts() {
    let backend = ready();
    backend.change(|world| {
        let title = "a\u{1b}[2J\u{202e}b\n\u{7}".to_owned();
        let severity = "SEV-\u{1b}]0;x\u{7}1".to_owned();
        let (users_affected, rollback) = (UsersAffected::Yes, None);
        let opened =
            IncidentOpened { title, severity, users_affected, rollback, to: None, took_back: None };
        world.record(&checkout(), kim(), Fact::IncidentOpened(opened));
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("I updates").await.press(&["I"]).until("Incident i").await;
    let screen = console.text();
    assert!(!screen.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{screen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Nobody pauses in it, so that no button is ever armed.
    #[test]
    fn a_flood_of_keys_answers_nothing_and_opens_no_incident(
        keys in prop::collection::vec("[a-zA-Z1-6 ]|enter|tab|left|right|down|esc|shift-tab", 5..40),
        is_open in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            let backend = rolled_back();
            if is_open {
                opened(&backend, "SEV-2");
            }
            let console = Console::open(&backend);
            console.until("ON HOLD").await.press(&["I"]).settled().await;
            for key in keys.iter().filter(|key| *key != "q") {
                console.press(&[key]).rest(Duration::from_millis(350)).await;
            }
            assert_eq!(said(&backend).await, []);
        });
    }
}
