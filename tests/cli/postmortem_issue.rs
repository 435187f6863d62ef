//! The draft of a postmortem as an issue at a forge: opened once, whatever becomes of an answer.

use std::fs;

use serde_json::Value;
use trunkline_testing::destinations::{DestinationFault as Fault, DestinationServer, IssueProject};
use trunkline_testing::home::Home;
use trunkline_testing::small_shop::service_file;

const TOKEN: &str = "canary-of-the-forge";
/// The issues of others, which take two pages.
const OTHERS: usize = 60;
/// What befalls the looks through all pages, up to the first without an issue.
const LOOKED: [Fault; 3] = [Fault::None; 3];

/// Has the engine open its issues there.
fn point(home: &Home, plain: &str, kind: &str, forge: &DestinationServer<IssueProject>) {
    let token = home.path("token");
    fs::write(&token, TOKEN).unwrap();
    let settings = format!(
        "[incidents.issues]\nkind = \"{kind}\"\nurl = \"{}\"\nproject = \"acme/ops\"\ntoken = {{ file = '{}' }}\nservices = [\"sh*\"]\n",
        forge.url(),
        token.display()
    );
    fs::write(home.path("config").join("config.toml"), format!("{plain}\n{settings}")).unwrap();
}

fn opened(home: &Home, title: &str) -> String {
    let said = home.said(&["incident", "open", title, "--severity", "SEV-2", "--alone"]);
    said.split(' ').next().unwrap().to_owned()
}

/// Asks for the issue while this befalls the requests in turn; what was said, if it failed.
fn ask(
    home: &Home,
    forge: &DestinationServer<IssueProject>,
    id: &str,
    faults: &[Fault],
) -> Result<String, String> {
    let faults = faults.to_vec();
    let mut faults = faults.into_iter();
    forge.faults(move || faults.next().unwrap_or_default());
    let output = home.trunkline(&["incident", "postmortem", id, "--issue"]);
    let [said, why] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(!format!("{said}{why}").contains(TOKEN), "{said}{why}");
    if output.status.success() { Ok(said) } else { Err(why) }
}

fn count(forge: &DestinationServer<IssueProject>) -> usize {
    forge.see(|project| project.issues.len())
}

#[test]
fn the_draft_of_a_postmortem_becomes_one_issue_whatever_becomes_of_the_answers() {
    let home = Home::with_service(&service_file("echo shipped"));
    let plain = fs::read_to_string(home.path("config").join("config.toml")).unwrap();
    let id = opened(&home, "checkout fails for @sam, fixes #12 of acme/ops#3");
    let (github, gitlab) = (
        DestinationServer::new(IssueProject::github(TOKEN)),
        DestinationServer::new(IssueProject::gitlab(TOKEN)),
    );
    let why = ask(&home, &github, &id, &[]).unwrap_err();
    assert!(why.contains("[incidents.issues] is not in its config.toml"), "{why}");

    point(&home, &plain, "github", &github);
    refused(&home, &github, &id);
    for (name, forge) in [("github", &github), ("gitlab", &gitlab)] {
        point(&home, &plain, name, forge);
        once(&home, forge);
    }
    point(&home, &plain, "github", &github);
    let before = count(&github);
    let place = format!("https://github.example/acme/ops/issues/{}", before + 1);
    let said = ask(&home, &github, &id, &[&LOOKED[..], &[Fault::LostAnswer]].concat()).unwrap();
    assert!(said.contains(&format!("is an issue: {place};")), "{said}");
    let asked = github.asked().len();
    let why = ask(&home, &github, &id, &[]).unwrap_err();
    assert!(why.contains(&format!("is an issue already: {place}")), "{why}");
    assert_eq!((count(&github), github.asked().len()), (before + 1, asked));

    let issue = github.see(|project| project.issues.last().unwrap().clone());
    let title = format!("Postmortem of {id} (shop): checkout fails for sam fixes 12 of acme ops 3");
    assert_eq!(issue["title"], Value::from(title));
    let body = issue["body"].as_str().unwrap();
    assert!(body.contains("for `@sam,` fixes `#12` of `acme/ops#3`"), "{body}");
    for mark in ["@sam", "#12", "ops#3"] {
        assert!(body.split('`').step_by(2).all(|plain| !plain.contains(mark)), "{mark}: {body}");
    }
    shown(&home, &id, &place);
}

/// A refusal opens nothing, records nothing, and says what to do.
fn refused(home: &Home, github: &DestinationServer<IssueProject>, id: &str) {
    for (status, said) in [
        (403, "may not do this in acme/ops"),
        (404, "finds no project acme/ops"),
        (410, "turn them on"),
    ] {
        github.change(|project| project.refuses = Some(status));
        let why = ask(home, github, id, &[]).unwrap_err();
        assert!(why.contains("no issue was opened") && why.contains(said), "{why}");
    }
    github.change(|project| (project.refuses, project.token) = (None, "another".into()));
    let why = ask(home, github, id, &[]).unwrap_err();
    assert!(why.contains("Bad credentials; renew the token"), "{why}");
    github.change(|project| project.token = TOKEN.into());
    let why = ask(home, github, id, &[Fault::Unavailable]).unwrap_err();
    assert!(why.contains("no issue was opened: it answers 503"), "{why}");
    let why = ask(home, github, id, &[Fault::Redirect]).unwrap_err();
    assert!(why.contains("a redirect is not followed"), "{why}");
    assert_eq!(count(github), 0);
    assert!(!home.said(&["incident", "show", id]).contains("  draft  "));
}

/// An issue that was opened without an answer is found, at once or when it is asked for again.
fn once(home: &Home, forge: &DestinationServer<IssueProject>) {
    forge.change(|project| {
        project.issues = vec![serde_json::json!({"body": null, "description": null}); OTHERS];
    });
    let mut opened_so_far = OTHERS;
    for fault in [Fault::FailedAfter, Fault::Malformed] {
        let id = opened(home, "it is slow");
        let said = ask(home, forge, &id, &[&LOOKED[..], &[fault]].concat()).unwrap();
        opened_so_far += 1;
        assert!(said.contains(&format!("issues/{opened_so_far};")), "{said}");
        assert_eq!(count(forge), opened_so_far);
    }
    let id = opened(home, "it is slow again");
    let faults = [&LOOKED[..], &[Fault::LostAnswer, Fault::Unavailable]].concat();
    let why = ask(home, forge, &id, &faults).unwrap_err();
    assert!(why.contains("not known whether the issue was opened"), "{why}");
    opened_so_far += 1;
    assert_eq!(count(forge), opened_so_far);
    let said = ask(home, forge, &id, &[]).unwrap();
    assert!(said.contains(&format!("issues/{opened_so_far};")), "{said}");
    assert_eq!(count(forge), opened_so_far, "it is opened once");
}

/// The draft is no written postmortem.
fn shown(home: &Home, id: &str, place: &str) {
    home.said(&["incident", "resolve", "gone", "--id", id]);
    let show = home.said(&["incident", "show", id]);
    assert!(show.contains(&format!("  draft       {place}\n")), "{show}");
    let list = home.said(&["incident", "list"]);
    let row = list.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap();
    assert!(
        row.contains("; postmortem due ") && row.ends_with(&format!("; draft: {place}")),
        "{row}"
    );
    home.said(&["incident", "postmortem", id, "--written", place]);
    let list = home.said(&["incident", "list"]);
    let row = list.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap();
    assert!(row.contains("; postmortem written"), "{row}");
}
