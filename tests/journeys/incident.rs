//! After the press: a rollback asks whether users were affected, and the answer is an incident until it is resolved.

use std::time::Duration;

use trunkline_testing::home::until;
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{acts, leave, promote, row, shop, smoke_tested};
use trunkline_testing::slack::{FakeSlack, TOKEN};

/// Goes from the text of the dialog to its button, presses it, and waits until the dialog is over.
fn press(screen: &mut Pty, label: &str, title: &str) {
    for _ in 0..2 {
        screen.keys("\t");
    }
    screen.lights_up(&format!("[> {label} <]"));
    screen.keys("\r");
    screen.hides(title);
}

#[test]
fn a_rollback_becomes_an_incident_that_is_updated_when_due_and_resolved() {
    let settings = "\n[incidents]\nremind = \"3s\"\n[notify.slack]\nstaging = \"none\"\n";
    let shop = shop(&smoke_tested(settings));
    let slack = FakeSlack::start(&["C1"]);
    let token = shop.home.path("token");
    std::fs::write(&token, TOKEN).unwrap();
    let from = format!("{{ file = \"{}\" }}", token.display());
    let told = slack.settings().replace("{ env = \"SLACK_TOKEN\" }", &from);
    let shop = shop.watched(&format!("poll = \"100ms\"\nemergency_countdown = \"10m\"\n{told}"));
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    row(&screen, "#1", "LIVE");
    shop.merge("sell shoes");
    row(&screen, "#2", "verified");
    promote(&mut screen, "#2");
    row(&screen, "#2", "LIVE");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2 → #1");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    screen.shows("ON HOLD by raj");
    let title = "Were users affected?";
    screen.shows(title);
    screen.lights_up("[> Later <]");
    for _ in 0..3 {
        screen.keys("\t");
    }
    screen.shows("Right pick");
    screen.keys("y");
    screen.shows("(x) yes");
    screen.shows("(x) SEV-2");
    for _ in 0..2 {
        screen.keys("\t");
    }
    screen.keys("shoes are sold twice");
    screen.shows("[shoes are sold twice");
    press(&mut screen, "Open incident", title);
    screen.shows("I updates");

    let due = |text: &str| text.contains("UPDATE DUE");
    assert!(screen.becomes(Duration::from_mins(1), due), "{}", screen.text());
    let says =
        |part: &str| slack.channel("C1").messages.iter().any(|one| one.text().contains(part));
    until("the channel is reminded", || says("no update since"));
    acts(&mut screen, "I", "Incident i");
    screen.keys("orders are stopped");
    screen.shows("[orders are stopped");
    press(&mut screen, "Update", "Incident i");
    screen.shows("noted on i");
    acts(&mut screen, "I", "Incident i");
    for _ in 0..3 {
        screen.keys("\x1b[Z");
    }
    screen.keys("r");
    screen.shows("(x) resolve");
    screen.keys("\t");
    screen.keys("shoes are sold once again");
    screen.shows("[shoes are sold once again");
    press(&mut screen, "Resolve", "Incident i");
    screen.hides("I updates");
    screen.shows("postmortem due");
    leave(screen);

    let listed = shop.home.json(&["incident", "list", "--json"]);
    let id = format!("i{}", listed[0]["id"]);
    let shown = shop.home.said(&["incident", "show", &id]);
    for said in ["SEV-2", "shoes are sold twice", "orders are stopped", "shoes are sold once again"]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);

    let file = shop.home.path("postmortem.md");
    shop.home.said(&["incident", "postmortem", &id, "--file", file.to_str().unwrap()]);
    let document = std::fs::read_to_string(file).unwrap();
    for said in ["shoes are sold twice", "orders are stopped", "sell shoes", "TO FILL IN"] {
        assert!(document.contains(said), "{said}: {document}");
    }
    until("the channel knows all", || {
        let status = shop.home.json(&["notify", "status", "--json"]);
        says("raj resolved") && status["destinations"][0]["waiting"] == 0
    });
    assert_eq!(heard(&slack).join("\n"), HEARD.trim());
}

/// What the channel says in the end, with what stands in threads set in, `↳` for what is in the channel too. Numbers of the
/// record and times are of this run.
const HEARD: &str = "
✔ *replaced* checkout → production · build #1 begin · 1 commit: Ann · promote by raj · TIME UTC (took SO LONG) · then #2 at TIME UTC by raj · D
    release succeeded in SO LONG
↩ *taken back* checkout → production · build #2 sell shoes · 1 commit: Ann · promote by raj · TIME UTC (took SO LONG) · then #1 at TIME UTC by raj · D
    release succeeded in SO LONG
↩ *live* checkout → production · build #1 begin · back from #2 · rollback by raj · TIME UTC (took SO LONG) · D
    release succeeded in SO LONG
  ↳ *checkout*: production rolled back to #1 in SO LONG by raj; that put production on hold; were users affected?
✔ *resolved* *SEV-2* checkout · incident I: shoes are sold twice · users affected · opened by raj TIME UTC · rollback D of #2 (D) to #1 · raj TIME UTC: orders are stopped · resolved by raj TIME UTC: shoes are sold once again · postmortem due DAY TIME UTC · trunkline incident show I --service checkout
  ↳ ‼ *checkout*: I SEV-2: no update since TIME UTC; one was due TIME UTC · raj
    raj on I: orders are stopped
  ↳ ✔ *checkout*: raj resolved I: shoes are sold once again
";

fn heard(slack: &FakeSlack) -> Vec<String> {
    let channel = slack.channel("C1");
    let mut all = Vec::new();
    for top in channel.top() {
        all.push(of_any_run(top.text()));
        for below in channel.thread(&top.ts) {
            let mark = if below.is_broadcast { "↳" } else { " " };
            all.push(format!("  {mark} {}", of_any_run(below.text())));
        }
    }
    // How long the person took to write decides whether a second one came.
    let is_reminder = |line: &String| line.contains("no update since");
    let (first, mut reminders) = (all.iter().position(is_reminder), 0..);
    assert!(first.is_some(), "{all:#?}");
    all.retain(|line| !is_reminder(line) || reminders.next() == Some(0));
    all
}

/// A text without what differs from run to run: times of day, how long something took, and the record's numbers.
fn of_any_run(text: &str) -> String {
    let parts: Vec<_> = text.split(" · ").filter(|part| !part.ends_with(" late")).collect();
    let text = parts.join(" · ");
    let words: Vec<_> = text.split(' ').map(of_any_word).collect();
    words.join(" ")
}

fn of_any_word(word: &str) -> String {
    let bare = word.trim_matches(['(', ')', ':', ';', ',', '.', '*']);
    let is = |first: &str, form: fn(char) -> bool| {
        bare.strip_prefix(first).is_some_and(|rest| !rest.is_empty() && rest.chars().all(form))
    };
    let unit = |c: char| c.is_ascii_digit() || ".mhs".contains(c);
    let new = match bare {
        _ if is("d", |c| c.is_ascii_digit()) => "D",
        _ if is("i", |c| c.is_ascii_digit()) => "I",
        _ if bare.starts_with("20") && is("", |c| c.is_ascii_digit() || c == '-') => "DAY",
        _ if bare.contains(':') && is("", |c| c.is_ascii_digit() || c == ':') => "TIME",
        _ if bare.starts_with(|c: char| c.is_ascii_digit())
            && bare.ends_with('s')
            && is("", unit) =>
        {
            "SO LONG"
        }
        _ => return word.to_owned(),
    };
    word.replace(bare, new)
}
