//! A backend that does not answer: the last state from the disk is shown as what it is, with the commands that do without it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use trunkline::backend::BackendError;
use trunkline::backend::engine_place::EnginePlace;
use trunkline::backend::last_state::LastStates;
use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::console::effect::Outside;
use trunkline::console::{EngineChoice, Exit, Options};
use trunkline_testing::console::{Console, SMALL, checkout, options, put_live, ready, told};

fn place(profile: Option<&str>) -> EnginePlace {
    let address = profile.map_or("/data".into(), |name| format!("https://{name}.example.com"));
    EnginePlace { profile: profile.map(str::to_owned), address, demo: false }
}

fn states(folder: &TempDir) -> LastStates {
    LastStates::in_folder(folder.path().join("last"), place(Some("prod")))
}

fn keeping(folder: &TempDir) -> Options {
    let profile = Some("prod".to_owned());
    Options { profile, last: Some(states(folder)), place: place(Some("prod")), ..options() }
}

/// A console that has seen everything, and was left.
async fn seen(backend: &Scripted, folder: &TempDir) {
    let console = Console::with(backend, (120, 40), keeping(folder), |_| {});
    console.until("fresh").await.until("#3").await.press(&["q"]);
    assert_eq!(console.ended().await, Exit::Left);
}

fn file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("last/services/checkout.json")
}

#[tokio::test(start_paused = true)]
async fn the_last_state_is_shown_as_what_it_is_and_nothing_is_done_on_it() {
    let (backend, folder) = (told(), tempfile::tempdir().unwrap());
    seen(&backend, &folder).await;
    backend.fault(Fault::Unreachable);
    let console = Console::with(&backend, (120, 40), keeping(&folder), |_| {});
    console.until("AS OF").await.until("#2").await.until("actions off").await;
    let screen = console.text();
    let panes = screen.lines().skip(1).map(|line| line.matches("ago) ").count()).sum::<usize>();
    assert_eq!(panes, 5, "each pane says how old it is:\n{screen}");
    assert!(!screen.contains("fresh") && screen.contains("b: by hand"), "{screen}");
    for key in ["P", "R", "V", "H", "F", "X", "T"] {
        console.press(&[key]).until("actions are off until it is fresh").await;
        assert!(!console.text().contains("Cancel"), "{key}:\n{}", console.text());
        console.rest(Duration::from_secs(20)).await;
    }
    console.press(&["?"]).until("Help").await.press(&["esc"]).settled().await;
    assert_eq!(console.rollbacks(), 0);
    // What happened meanwhile is no news once it is seen.
    backend.change(|world| {
        let build = world.verified_build(&checkout(), "kim");
        put_live(world, build);
    });
    backend.heal();
    console.until("fresh").await.until_gone("AS OF").await.until("#4").await.settled().await;
    assert!(!console.text().contains("as of") && !console.text().contains("is live"));
    assert!(!console.asked().contains(&Outside::Bell), "{:?}", console.asked());
    console.press(&["H"]).until("Hold production").await;
}

#[tokio::test(start_paused = true)]
async fn the_commands_are_read_and_copied_while_nothing_answers() {
    let (backend, folder) = (told(), tempfile::tempdir().unwrap());
    seen(&backend, &folder).await;
    backend.fault(Fault::Unreachable);
    let console = Console::with(&backend, SMALL, keeping(&folder), |_| {});
    console.until("AS OF").await.press(&["b"]).until("Roll back by hand").await;
    let text = states(&folder).text(&checkout());
    console
        .until("This text is also in")
        .await
        .until("back to #1")
        .await
        .press(&["y"])
        .settled()
        .await;
    let copied = console.asked().into_iter().find_map(|asked| match asked {
        Outside::Copy(text) => Some(text),
        _ => None,
    });
    let copied = copied.expect("it was copied");
    assert_eq!(copied, fs::read_to_string(text).unwrap(), "the page and the file say the same");
    assert!(copied.contains("REGION=eu") && copied.contains("\nstep "), "{copied}");
    assert!(copied.contains("trunkline adopt") && copied.contains("--profile prod"), "{copied}");
    console.press(&["G"]).until("All steps succeeded").await.press(&["esc"]).settled().await;
    console.press(&["!"]).until("waiting for the engine").await;
    console.until("b shows the commands").await.press(&["b"]).until("Roll back by hand").await;
    console.press(&["esc", "esc"]).until_gone("ROLLING").await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_dialog_of_a_rollback_leads_to_its_own_commands() {
    let backend = told();
    let console = Console::sized(&backend, (120, 40));
    console.until("#3").await.press(&["R"]).until("by hand").await;
    console.quiet().await.press(&["b"]).until("Roll back by hand").await.until("back to #1").await;
    console.press(&["b"]).until_gone("Roll back by hand").await.until("Roll PRODUCTION").await;
    console.press(&["esc"]).settled().await;
    console.press(&["P"]).until("Undo").await;
    console.quiet().await.press(&["b"]).until("no commands to show").await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_list_opens_a_kept_service_and_the_backend_replaces_both() {
    let (backend, folder) = (told(), tempfile::tempdir().unwrap());
    seen(&backend, &folder).await;
    backend.change(|world| world.add_service(&"api".parse().unwrap()));
    let console = Console::with(&backend, (120, 40), keeping(&folder), |_| {});
    console.until("api").await.press(&["q"]);
    console.ended().await;
    backend.fault(Fault::Unreachable);
    let console = Console::with(&backend, (120, 40), keeping(&folder), |_| {});
    console.until("Services").await.until("AS OF").await.until(" as of ").await;
    console.press(&["j", "enter"]).settled().await;
    console.until("Staging").await.until(" as of ").await.press(&["s"]);
    console.until("Services").await.until(" as of ").await;
    backend.change(|world| world.verified_build(&"api".parse().unwrap(), "kim"));
    backend.heal();
    console.until("fresh").await.until_gone("as of").await;
    console.press(&["enter"]).until("Staging").await.until("#3").await.settled().await;
    assert!(!console.text().contains("as of"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_trusted_is_said_and_not_shown() {
    let (backend, folder) = (told(), tempfile::tempdir().unwrap());
    seen(&backend, &folder).await;
    backend.fault(Fault::Unreachable);
    let kept = fs::read_to_string(file(&folder)).unwrap();
    for (text, why) in [
        (kept[..kept.len() / 2].to_owned(), "is damaged"),
        (kept.replace("\"format\":1", "\"format\":9"), "newer trunkline"),
        (kept.replace("prod.example.com", "other.example.com"), "of another server"),
    ] {
        fs::write(file(&folder), text).unwrap();
        let console = Console::with(&backend, (160, 40), keeping(&folder), |_| {});
        console.until("no answer").await.press(&["M"]).until("Messages").await.until(why).await;
        console.press(&["esc"]).settled().await;
        assert!(!console.text().contains("#2 "), "{}", console.text());
    }
}

fn engines(backend: &Scripted) -> Console {
    let choice = |name: Option<&str>, person: Option<&str>| EngineChoice {
        place: place(name),
        person: person.map(str::to_owned),
    };
    let engines = vec![
        choice(None, Some("sam")),
        choice(Some("eu"), None),
        choice(Some("prod"), Some("raj")),
    ];
    Console::with(backend, SMALL, Options { engines, ..options() }, |_| {})
}

#[tokio::test(start_paused = true)]
async fn another_server_is_chosen_from_a_list_that_can_be_searched() {
    let console = engines(&ready());
    console.until("#3").await.until("local").await.press(&["c"]).until("Servers").await;
    let open = console.line("open");
    assert!(open.contains("this machine") && open.contains("sam"), "{open}");
    let prod = console.line("https://prod.example.com");
    assert!(prod.contains("prod") && prod.contains("raj") && !prod.contains("open"), "{prod}");
    console.press(&["enter"]).until("this machine is open already").await;
    console.press(&["c"]).until("Servers").await.type_text("pro").until_gone("eu.example").await;
    console.press(&["enter"]);
    assert_eq!(console.ended().await, Exit::Switch(Some("prod".into())));
}

#[tokio::test(start_paused = true)]
async fn no_key_by_the_way_and_no_command_on_its_way_is_left_behind_by_a_switch() {
    let backend = ready();
    let console = engines(&backend);
    console.until("#3").await.press(&["H"]).until("Hold production").await;
    console.press(&["c", "esc"]).until_gone("Hold production").await.settled().await;
    console.quiet().await.burst(&["c", "down", "enter"]).settled().await;
    assert!(console.is_running(), "keys that came together switch nothing");
    console.press(&["esc"]).quiet().await;
    backend.fault(Fault::Slow(Duration::from_secs(30)));
    console.press(&["H"]).until("Hold production").await.type_text("late").press(&["tab", "right"]);
    console.quiet().await.press(&["enter"]).until("sending").await.press(&["esc"]).settled().await;
    console.press(&["c"]).until("is on its way; switch when its answer is here").await;
    backend.heal();
    console.until("ON HOLD").await.quiet().await.press(&["c", "down"]).until("Servers").await;
    console.press(&["enter"]);
    assert_eq!(console.ended().await, Exit::Switch(Some("eu".into())));
    let none = Console::open(&ready());
    none.until("#3").await.press(&["c"]).until("there is no other server").await;
}

#[tokio::test(start_paused = true)]
async fn a_path_of_the_disk_is_text_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let hostile: &Path = Path::new("la\u{1b}[31mst");
    let last = LastStates::in_folder(folder.path().join(hostile), place(None));
    let console = Console::with(&told(), SMALL, Options { last: Some(last), ..options() }, |_| {});
    console.until("#3").await.press(&["b"]).until("la^[[31mst").await;
    assert!(!console.text().contains('\u{1b}'));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_signed_out_is_not_shown_what_somebody_saw_before() {
    let why = || "sign in again".to_owned();
    for refusal in [
        BackendError::Unauthorized(why()),
        BackendError::NoSession(why()),
        BackendError::NotAllowed(why()),
    ] {
        let (backend, folder) = (told(), tempfile::tempdir().unwrap());
        seen(&backend, &folder).await;
        backend.fault(Fault::SignedOut(refusal));
        let console = Console::with(&backend, (120, 40), keeping(&folder), |_| {});
        console.until("sign in again").await.rest(Duration::from_secs(20)).await;
        let screen = console.text();
        assert!(!screen.contains("AS OF") && !screen.contains("#2"), "{screen}");
    }
}
