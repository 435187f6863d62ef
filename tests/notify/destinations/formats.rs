//! What is sent, held against what each vendor describes.

use std::fs;

use boon::{Compiler, Schemas};
use chrono::TimeDelta;
use serde_json::{Value, json};
use trunkline::notify::destination::{Act, Delivery, SendOutcome};

use super::kind::{Kind, Pair};
use super::{delivery, views};

/// What a file in tests/data/destinations says against a body.
pub fn violations(file: &str, part: &str, body: &Value) -> Vec<String> {
    let path = format!("tests/data/destinations/{file}.json");
    let description: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(&path, description).unwrap();
    let mut schemas = Schemas::new();
    let at = format!("{path}{part}");
    let schema = compiler.compile(&at, &mut schemas).unwrap_or_else(|why| panic!("{at}: {why}"));
    match schemas.validate(body, schema) {
        Ok(()) => Vec::new(),
        Err(why) => vec![format!("{why:#}\n{body:#}")],
    }
}

#[tokio::test]
async fn each_destination_hears_what_its_vendor_describes() {
    let long = "ä".repeat(5_000);
    for kind in Kind::ALL {
        let pair = Pair::of(kind);
        for view in views("Round totals half up").into_iter().chain(views(&long)) {
            let sent = delivery(kind, view);
            let outcome = pair.send(&sent).await;
            assert!(matches!(outcome, SendOutcome::Done { .. }), "{kind:?} {sent:?}: {outcome:?}");
            if let SendOutcome::Done { remote: Some(remote) } = outcome {
                let again = Delivery { act: Act::Edit { remote }, ..sent };
                let outcome = pair.send(&again).await;
                assert!(matches!(outcome, SendOutcome::Done { .. }), "{kind:?}: {outcome:?}");
            }
        }
        assert!(pair.told() > 3, "{kind:?} heard {} of all", pair.told());
        pair.check_described(kind);
    }
}

#[tokio::test]
async fn a_message_of_discord_is_edited_in_place_and_told_anew_when_it_is_gone() {
    let Pair::Discord(server, client) = Pair::of(Kind::Discord) else { unreachable!() };
    let all = views("x");
    let SendOutcome::Done { remote: Some(remote) } =
        client.send(&delivery(Kind::Discord, all[2].clone())).await
    else {
        panic!("it has an id")
    };
    let edit = |view| Delivery {
        act: Act::Edit { remote: remote.clone() },
        ..delivery(Kind::Discord, view)
    };
    let done = SendOutcome::Done { remote: Some(remote.clone()) };
    assert_eq!(client.send(&edit(all[0].clone())).await, done);
    let (first, texts) = server.see(|all| {
        let texts = all.texts().iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        (all.messages[0][0].clone(), texts)
    });
    assert!(first.starts_with("▶ **deploying** checkout → production"), "{first}");
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("✔ **live** checkout → production"), "{texts:?}");
    assert!(
        texts[0].contains("[d57](https://deploys.example.org/services/checkout/runs/57)"),
        "{texts:?}"
    );
    server.change(|discord| discord.deleted.push(0));
    let outcome = client.send(&edit(all[1].clone())).await;
    assert!(matches!(outcome, SendOutcome::Gone { .. }), "{outcome:?}");
    server.change(|discord| discord.is_gone = true);
    let outcome = client.send(&edit(all[1].clone())).await;
    let SendOutcome::Failed { retry: false, why } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("make a new one") && !why.contains("token-canary"), "{why}");
}

#[tokio::test]
async fn a_pager_hears_of_changes_of_production_and_of_nothing_else() {
    let Pair::PagerDuty(server, client) = Pair::of(Kind::PagerDuty) else { unreachable!() };
    for mut view in views("x") {
        client.send(&delivery(Kind::PagerDuty, view.clone())).await;
        if let Some(run) = &mut view.deployment {
            run.environment = "staging".into();
        }
        client.send(&delivery(Kind::PagerDuty, view)).await;
    }
    let heard: Vec<_> = server.see(|all| all.summaries().iter().map(|s| (*s).to_owned()).collect());
    let begin: Vec<_> = heard.iter().filter_map(|text| text.split(" checkout").next()).collect();
    assert_eq!(begin[..3], ["✔ live", "✖ failed at migrate", "▶ deploying"]);
    assert_eq!(heard.len(), 3 + 2, "and a test for each: {heard:?}");
    let change = &server.bodies()[0];
    assert_eq!(change["payload"]["custom_details"]["build"], "#1290");
    assert_eq!(change["links"][0]["href"], "https://deploys.example.org/services/checkout/runs/57");
}

#[tokio::test]
async fn a_webhook_tells_all_its_members_and_an_id_of_its_own_for_each_change() {
    let Pair::Webhook(server, client) = Pair::of(Kind::Webhook) else { unreachable!() };
    let live = views("Round totals half up")[0].clone();
    let first = delivery(Kind::Webhook, live);
    let late = {
        let mut late = first.clone();
        late.view.late = Some("12m".into());
        late.view.sequence += 1;
        late
    };
    let changed = {
        let mut changed = first.clone();
        changed.view.state = "replaced".into();
        changed
    };
    // It is as it was before, for the second time.
    let back = Delivery { since: super::now() + TimeDelta::hours(1), ..first.clone() };
    for delivery in [&first, &late, &changed, &back] {
        client.send(delivery).await;
    }
    let [one, again, two, three] = &server.bodies()[..] else { panic!("four came") };
    assert_eq!(one["id"], again["id"], "the same, told later");
    assert!(one["id"] != two["id"] && one["id"] != three["id"], "{one} {three}");
    assert_eq!((&one["notice"], &two["notice"]), (&json!("checkout/d57"), &json!("checkout/d57")));
    let names = |value: &Value| {
        value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    let page = fs::read_to_string("docs/webhooks-out.md").unwrap();
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    assert_eq!(names(&example), names(one), "the page shows all members");
    assert_eq!(server.see(|all| all.taken.len()), 3);
    let headers = &server.asked()[0].0.headers;
    assert_eq!(headers["webhook-id"], one["id"].as_str().unwrap());
    assert_eq!(headers["webhook-timestamp"], super::now().timestamp().to_string());
}

#[tokio::test]
async fn other_receivers_hear_alerts_in_their_own_form() {
    for (body, open, status) in
        [("incident-io", "firing", "status"), ("grafana-oncall", "alerting", "state")]
    {
        let pair = Pair::webhook(&[super::SECRET], Some(body));
        for view in views("[x](https://evil.example)") {
            let outcome = pair.send(&delivery(Kind::Webhook, view)).await;
            assert!(matches!(outcome, SendOutcome::Done { .. }), "{outcome:?}");
        }
        let bodies = pair.bodies();
        for said in &bodies {
            let wrong = violations(body, "", said);
            assert!(wrong.is_empty(), "{body}: {wrong:?}");
            let text = said.get("description").or(said.get("message")).unwrap();
            assert!(
                !text.as_str().unwrap().contains("[x](https"),
                "it is read as Markdown: {said}"
            );
            assert!(!text.as_str().unwrap().contains("^J"), "{said}");
        }
        let all: Vec<_> = bodies.iter().map(|said| said[status].as_str().unwrap()).collect();
        assert_eq!(all.len(), 3, "live, failed and a test, of all: {bodies:?}");
        assert_eq!(all[1], open, "{body}");
        let key = if body == "incident-io" { "deduplication_key" } else { "alert_uid" };
        assert_eq!(bodies[0][key], bodies[1][key], "the one ends the other");
    }
}

#[tokio::test]
async fn a_failure_told_after_a_later_deployment_ended_alerts_nobody() {
    for body in ["incident-io", "grafana-oncall"] {
        let pair = Pair::webhook(&[super::SECRET], Some(body));
        let mut failed = views("x")[1].clone();
        failed.deployment.as_mut().unwrap().is_last = false;
        pair.send(&delivery(Kind::Webhook, failed)).await;
        assert_eq!(pair.bodies(), Vec::<Value>::new(), "{body}");
    }
}

#[tokio::test]
async fn a_body_of_the_operator_is_json_whatever_is_in_it_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.json");
    let path = file.to_str().unwrap();
    let pair = Pair::webhook(&[super::SECRET], Some(path));
    let said = "a \"quote\" \\ and {{ braces }}";
    let view = || views(said).swap_remove(3);
    fs::write(&file, "{\"title\": {{ \"x \" ~ text }}, \"number\": {{ sequence }} }").unwrap();
    let delivery_of = |view| delivery(Kind::Webhook, view);
    assert!(matches!(pair.send(&delivery_of(view())).await, SendOutcome::Done { .. }));
    assert!(pair.bodies()[0]["title"].as_str().unwrap().contains(said));
    for (text, why) in [
        ("{\"title\": \"{{ text }}\"}", "not JSON"),
        ("{\"title\": {{ titel }} }", "undefined"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            "cannot be made",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let outcome = pair.send(&delivery_of(view())).await;
        let SendOutcome::Failed { retry: false, why: said } = outcome else {
            panic!("{text}: {outcome:?}")
        };
        assert!(said.contains(why) && said.contains("own.json"), "{text}: {said}");
    }
    assert_eq!(pair.asked().len(), 1, "nothing else was sent");
    for name in trunkline::config::notify::WEBHOOK_BODIES {
        assert!(trunkline::notify::body::BodyTemplate::named(name).is_ok(), "{name}");
    }
    let refused = trunkline::notify::body::BodyTemplate::named("incident").unwrap_err();
    assert!(refused.contains("incident-io, grafana-oncall"), "{refused}");
}
