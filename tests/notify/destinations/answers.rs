//! What becomes of a message by what the destination answers, and what never gets out.

use std::time::Duration;

use trunkline::notify::destination::SendOutcome;
use trunkline_testing::destinations::{DestinationFault as Fault, ENDLESS};

use super::kind::{Kind, Pair};
use super::{ROUTING_KEY, SECRET, delivery, views};

/// What an outcome is, without its words.
fn sort(outcome: &SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Done { .. } => "done",
        SendOutcome::Later { .. } => "later",
        SendOutcome::Failed { retry: true, .. } => "again",
        SendOutcome::Failed { retry: false, .. } => "no",
        SendOutcome::Unknown { .. } => "unknown",
        SendOutcome::Gone { .. } => "gone",
    }
}

fn why(outcome: &SendOutcome) -> &str {
    match outcome {
        SendOutcome::Failed { why, .. }
        | SendOutcome::Unknown { why }
        | SendOutcome::Gone { why } => why,
        SendOutcome::Done { .. } | SendOutcome::Later { .. } => "",
    }
}

#[tokio::test]
async fn each_answer_means_what_it_says_and_no_more() {
    for kind in Kind::ALL {
        // Whoever takes any answer of a success has nothing to read in it.
        let malformed = match kind {
            Kind::Teams | Kind::Webhook => "done",
            _ => "unknown",
        };
        for (fault, expected) in [
            (Fault::None, "done"),
            (Fault::Limited(40), "later"),
            (Fault::Unavailable, "unknown"),
            (Fault::FailedAfter, "unknown"),
            (Fault::LostAnswer, "unknown"),
            (Fault::Cut, "unknown"),
            (Fault::Malformed, malformed),
            (Fault::Endless, malformed),
            (Fault::Redirect, "no"),
        ] {
            let pair = Pair::of(kind);
            pair.always(fault);
            let outcome = pair.send(&delivery(kind, views("x").swap_remove(0))).await;
            assert_eq!(sort(&outcome), expected, "{kind:?} {fault:?}: {outcome:?}");
            // A redirect leads nowhere, and nothing is sent twice by itself.
            assert_eq!(pair.asked().len(), 1, "{kind:?} {fault:?}");
            for secret in ["canary", ROUTING_KEY, &SECRET[6..]] {
                assert!(!why(&outcome).contains(secret), "{kind:?} {fault:?}: {outcome:?}");
            }
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    for kind in Kind::ALL {
        let pair = Pair::of(kind);
        let delivery = delivery(kind, views("x").swap_remove(0));
        let client = pair.without_server();
        let outcome = client.send(&delivery).await;
        assert_eq!(sort(&outcome), "again", "{kind:?}: {outcome:?}");
        assert!(!why(&outcome).contains("canary"), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_a_destination_says_is_shown_without_secrets_and_control_characters() {
    let Pair::Webhook(server, client) = Pair::of(Kind::Webhook) else { unreachable!() };
    server.change(|receiver| {
        receiver.says = format!(
            "{{\"message\": \"no address-canary, query-canary, {SECRET}\\u001b[2J\\u202e {}\"}}",
            "x".repeat(5_000)
        );
        receiver.status = Some(400);
    });
    let outcome = client.send(&delivery(Kind::Webhook, views("x").swap_remove(0))).await;
    let SendOutcome::Failed { retry: false, why } = outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("it answers 400: no [secret], [secret], [secret]"), "{why}");
    assert!(why.len() < 1_000 && !why.contains(['\u{1b}', '\u{202e}']), "{why}");
}

#[tokio::test]
async fn discord_is_not_asked_before_there_is_room_again() {
    let Pair::Discord(server, client) = Pair::of(Kind::Discord) else { unreachable!() };
    let delivery = delivery(Kind::Discord, views("x").swap_remove(0));
    // An hour, so that it is not over before the next line of this test.
    server.always(Fault::Limited(3_600_000));
    for _ in 0..3 {
        let outcome = client.send(&delivery).await;
        let SendOutcome::Later { after } = outcome else { panic!("{outcome:?}") };
        assert!(after > Duration::from_mins(30), "{after:?}");
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_one() {
    let Pair::Mattermost(server, client) = Pair::of(Kind::Mattermost) else { unreachable!() };
    server.always(Fault::Endless);
    client.send(&delivery(Kind::Mattermost, views("x").swap_remove(0))).await;
    let poured = server.poured();
    assert!(poured < ENDLESS / 2, "{poured} bytes were taken");
}
