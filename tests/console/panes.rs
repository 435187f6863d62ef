//! Looking around: cursors, filters, panes, logs, overlays, services.

use std::time::Duration;

use trunkline::backend::scripted::{PUBLIC_URL, Scripted};
use trunkline::console::Exit;
use trunkline::console::effect::Outside;
use trunkline::domain::event::{DeploymentKind, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, Environment, ServiceName};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, monday, ready};

#[tokio::test(start_paused = true)]
async fn a_new_build_does_not_move_the_cursor() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["j"]).settled().await;
    assert!(console.line("▸").contains("#2"));
    backend.change(|world| {
        for subject in ["One more", "And another", "And a third"] {
            world.merge(&checkout(), "kim", subject);
        }
    });
    console.until("And a third").await;
    assert!(console.line("▸").contains("#2"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_filter_narrows_and_esc_shows_all_again() {
    let backend = ready();
    backend.change(|world| world.merge(&checkout(), "kim", "Invoice as PDF"));
    let console = Console::open(&backend);
    console.until("Invoice").await.press(&["/"]).type_text("pdf").press(&["enter"]);
    console.until("filter \"pdf\"").await.until_gone("Change by ada").await;
    console.press(&["esc"]).until("Change by ada").await;
}

#[tokio::test(start_paused = true)]
async fn the_log_follows_what_runs_until_another_is_chosen() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    let id = backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "Loud");
        let id = world.request(
            &checkout(),
            build,
            trunkline::domain::ids::Environment::Staging,
            trunkline::domain::event::DeploymentKind::Auto,
            trunkline::domain::people::Actor::System,
        );
        world.advance(&checkout());
        world.advance(&checkout());
        world.write(&checkout(), id, 0, "first line");
        id
    });
    console.until("first line").await.until("FOLLOW").await;
    backend.change(|world| world.write(&checkout(), id, 0, "second line \x1b]0;evil\x07"));
    console.until("second line").await;
    console.press(&["j", "j"]).until_gone("second line").await;
}

#[tokio::test(start_paused = true)]
async fn a_subject_takes_all_the_room_that_a_dialog_has() {
    let backend = ready();
    let long = "refactor: drop orders.legacy_total, nothing reads it any more";
    backend.change(|world| {
        world.merge(&checkout(), "ada", long);
    });
    let console = Console::open(&backend);
    console.until("#4").await.press(&["p"]).until("Preview: Promote #4").await;
    console.until(&long[..45]).await;
}

#[tokio::test(start_paused = true)]
async fn the_changes_show_commits_authors_and_files() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["d"]).until("Changes from #2 to #3").await;
    console.until("1 commit by ada, 1 file").await.until("src/file3.rs").await;
    console.press(&["esc"]).until_gone("src/file3.rs").await;
}

#[tokio::test(start_paused = true)]
async fn the_changes_can_be_read_from_the_dialog_and_lead_back_to_it() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["d"]);
    console.until("src/file3.rs").await.press(&["esc"]).until_gone("src/file3.rs").await;
    assert!(console.text().contains("[> Cancel <]"));
}

#[tokio::test(start_paused = true)]
async fn the_preview_has_no_button_that_acts() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["p"]).until("Preview: Promote #3").await;
    console.until("[> Close <]").await;
    assert!(!console.text().contains("[  Promote"));
}

#[tokio::test(start_paused = true)]
async fn the_help_is_searched_and_runs_the_pick() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["?"]).until("search").await.type_text("messages");
    console.until("message history").await.until_gone("emergency").await;
    console.press(&["enter"]).until("Messages").await.until_gone("search").await;
}

#[tokio::test(start_paused = true)]
async fn the_help_says_why_an_action_is_off() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["?"]).type_text("cancel the");
    console.until("off: nothing to cancel").await;
}

#[tokio::test(start_paused = true)]
async fn the_help_names_the_keys_of_dialogs_and_runs_none_of_them() {
    let console = Console::sized(&ready(), (100, 26));
    console.until("#3").await.press(&["?"]).type_text("dialog:");
    for keys in [
        "Tab Down",
        "Shift-tab Up",
        "Space",
        "0-9",
        "PgDn ctrl-d",
        "PgUp",
        "Enter",
        "Esc ctrl-c",
        "q  ",
        "d  ",
    ] {
        console.until(keys).await;
    }
    console.until("off: this key works in a dialog").await.press(&["enter"]).settled().await;
    console.until("this key works in a dialog").await;
    assert!(console.is_running());
}

#[tokio::test(start_paused = true)]
async fn messages_outlive_their_toast() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["r"]).until("R rolls back").await;
    console.rest(Duration::from_secs(10)).await.until_gone("R rolls back").await;
    console.press(&["M"]).until("R rolls back").await;
}

#[tokio::test(start_paused = true)]
async fn several_services_open_on_the_fleet_and_each_can_be_entered() {
    let backend = ready();
    let search: ServiceName = "search".parse().expect("the name is a good one");
    backend.change(|world| world.add_service(&search));
    let console = Console::open(&backend);
    console.until("Services").await.until("search").await.press(&["j", "enter"]);
    console.until("PROD search").await.press(&["s"]).until("Services").await;
    console.press(&["k", "enter"]).until("PROD checkout #2").await;
    console.press(&["q"]).until("Services").await.press(&["q"]);
    assert_eq!(console.ended().await, Exit::Left);
}

#[tokio::test(start_paused = true)]
async fn the_commit_of_the_selection_is_copied() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["y"]).until("clipboard").await;
    assert!(
        console.asked().iter().any(|asked| matches!(asked, Outside::Copy(sha) if sha.len() == 40))
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_gives_the_address_of_the_page_of_what_is_selected() {
    let console = Console::open(&ready());
    let copied = |console: &Console| {
        let asked = console.asked();
        let mut copied = asked.iter().filter_map(|asked| match asked {
            Outside::Copy(text) => Some(text.clone()),
            _ => None,
        });
        copied.next_back().unwrap_or_default()
    };
    console.until("#3").await.press(&["Y"]).until("clipboard").await.settled().await;
    assert_eq!(copied(&console), format!("{PUBLIC_URL}/services/checkout/builds/3"));
    console.press(&["2", "Y"]).settled().await;
    let run = copied(&console);
    assert!(run.starts_with(&format!("{PUBLIC_URL}/services/checkout/runs/")), "{run}");
    console.press(&["5", "o"]).until(&format!("{PUBLIC_URL}/services/checkout")).await;
}

#[tokio::test(start_paused = true)]
async fn suspending_is_the_terminals_and_draws_anew() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["ctrl-z"]).settled().await;
    assert!(console.asked().contains(&Outside::Suspend));
    console.until("#3").await;
}

#[tokio::test(start_paused = true)]
async fn hostile_text_reaches_the_screen_as_visible_escapes() {
    let backend = Scripted::new(monday());
    backend.change(|world| world.merge(&checkout(), "kim", "pay\u{202e}load \x1b[31mred\x07"));
    let console = Console::open(&backend);
    console.until("#1").await.until("load").await;
    let screen = console.text();
    assert!(!screen.contains('\u{202e}') && !screen.contains('\x1b') && !screen.contains('\x07'));
}

#[tokio::test(start_paused = true)]
async fn the_history_goes_on_beyond_the_snapshot() {
    let backend = ready();
    backend.change(|world| {
        for _ in 0..250 {
            let by = Actor::Person("kim".into());
            let (to, kind) = (Environment::Production, DeploymentKind::Redeploy);
            let id = world.request(&checkout(), BuildNumber(2), to, kind, by);
            let outcome = Outcome::Succeeded;
            let fact = Fact::DeploymentEnded { deployment: id, outcome };
            world.record(&checkout(), Actor::System, fact);
        }
    });
    let console = Console::open(&backend);
    console.until("of 252").await.press(&["2", "G"]).until("-100 of 252").await;
    console.press(&["G"]).until("-200 of 252").await.press(&["G"]).until("-252 of 252").await;
    console.until("▸R→#1").await.press(&["R"]).until("Roll PRODUCTION back to #1").await;
}

#[tokio::test(start_paused = true)]
async fn the_columns_have_heads_and_keep_their_places() {
    let backend = ready();
    backend.change(|world| {
        for at in 0..40 {
            let author = if at % 13 == 0 { "bartholomew" } else { "kim" };
            world.merge(&checkout(), author, "One more");
        }
    });
    for size in [(60, 20), (80, 24), (120, 40), (200, 60)] {
        let console = Console::sized(&backend, size);
        console.until("#43").await;
        let line = |console: &Console| {
            console.line("1 Staging").split('┓').next().unwrap_or_default().to_owned()
        };
        let heads = line(&console);
        let all = ["commit", "by", "since", "change"];
        for head in &all[..if size.0 < 80 { 3 } else { 4 }] {
            assert!(heads.contains(head), "{head}: {heads}");
        }
        assert!(console.line("2 Production").contains("ended"), "{}", console.text());
        for keys in [["G"], ["g"], ["ctrl-d"]] {
            console.press(&keys).settled().await;
            // Only how many newer rows are out of sight comes between the heads.
            let line = line(&console);
            let newer = line.find(" ↑").zip(line.find("newer "));
            let line = match newer {
                Some((from, to)) => {
                    let to = to + "newer ".len();
                    let wide = line[from..to].chars().count();
                    format!("{}{}{}", &line[..from], "━".repeat(wide), &line[to..])
                }
                None => line,
            };
            assert_eq!(line, heads, "{keys:?} at {size:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_hints_are_of_the_place_that_keys_go_to() {
    let console = Console::sized(&ready(), (140, 40));
    let last = || console.text().lines().last().unwrap_or_default().to_owned();
    console.until("P promote").await.press(&["4"]).until("/ search").await;
    assert!(last().starts_with(" / search"), "{}", last());
    assert!(!last().contains("open"), "{}", last());
    console.press(&["3"]).settled().await;
    assert!(!last().contains("open") && last().contains("/ filter"), "{}", last());
    console.press(&["1", "/"]).until("Enter apply").await;
    assert!(!last().contains("promote"), "{}", last());
    console.press(&["esc", "P"]).until("Enter press").await.until("Esc close").await;
    assert!(!last().contains("promote"), "{}", last());
    console.until("d changes").await.press(&["esc", "H"]).until("Hold production").await;
    assert!(!console.text().contains("d changes"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_key_is_not_offered_where_it_types_a_letter() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("type build number").await;
    assert!(!console.text().contains("d changes"), "{}", console.text());
    console.press(&["tab", "tab"]).until("d changes").await;
}

#[tokio::test(start_paused = true)]
async fn a_dialog_is_as_wide_as_there_is_room() {
    for (size, wide) in [((60, 20), 60), ((80, 24), 78), ((100, 30), 92), ((200, 60), 120)] {
        let console = Console::sized(&ready(), size);
        console.until("#3").await.press(&["P"]).until("Promote #3 to PRODUCTION").await;
        let title = console.line("Promote #3 to PRODUCTION");
        let (left, right) = (title.find('┏'), title.rfind('┓'));
        let columns = title[left.unwrap_or_default()..right.unwrap_or_default()].chars().count();
        assert_eq!(columns + 1, wide, "{title}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_narrows_the_list_that_it_was_typed_in_and_holds_no_other() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["2", "/"]).type_text("#1").press(&["enter"]);
    console.until("Production filter \"#1\"").await.until("▸R→#1 ").await;
    backend.change(|world| world.merge(&checkout(), "kim", "One more"));
    console.until("One more").await;
    assert!(console.line("One more").contains('▸'), "{}", console.text());
    // The other list has a filter of its own.
    console.press(&["1", "/"]).until("filter _").await.type_text("more").press(&["enter"]);
    console.until("Staging filter \"more\"").await.until("● LIVE").await;
}

#[tokio::test(start_paused = true)]
async fn what_narrows_the_services_narrows_no_list_of_one() {
    let backend = ready();
    let api: trunkline::domain::ids::ServiceName = "api".parse().expect("a good name");
    backend.change(|world| world.add_service(&api));
    let console = Console::open(&backend);
    for _ in 0..2 {
        console
            .until("api")
            .await
            .press(&["/"])
            .type_text("check")
            .press(&["enter"])
            .settled()
            .await;
        console.press(&["enter"]).until("#3").await;
        assert!(!console.text().contains("filter \""), "{}", console.text());
        console.press(&["s"]);
    }
}
