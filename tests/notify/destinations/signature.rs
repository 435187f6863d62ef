//! The signature of a webhook, checked by who did not write it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;
use trunkline_testing::destinations::AskedDestination;
use trunkline_testing::proofs::installed;

use super::kind::{Kind, Pair};
use super::{SECRET, delivery, now, views};

const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// It prints what the library says of each delivery on its standard input.
const BY_LIBRARY: &str = "
import json, sys
from unittest import mock
import standardwebhooks.webhooks as library
case = json.load(sys.stdin)
class Then(library.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(case['now'], tz=tz)
with mock.patch.object(library, 'datetime', Then):
    try:
        library.Webhook(case['secret']).verify(case['body'], case['headers'])
        print('good')
    except (library.WebhookVerificationError, ValueError) as why:
        print('bad:', why)
";

/// The same by the example that receivers are given.
const BY_EXAMPLE: &str = "
import json, sys
import receive
case = json.load(sys.stdin)
try:
    assert receive.check(case['secret'], case['headers'], case['body'].encode(), case['now']) == case['headers']['webhook-id']
    print('good')
except receive.Forged as why:
    print('bad:', why)
";

/// Who checks: a script, and where what it imports is.
fn checkers() -> Vec<(&'static str, PathBuf)> {
    let example = PathBuf::from("assets/webhook").canonicalize().unwrap();
    let library = installed("TRUNKLINE_WEBHOOK_LIBRARY", "the library for webhooks");
    let library = library.map(|folder| (BY_LIBRARY, folder));
    [(BY_EXAMPLE, example)].into_iter().chain(library).collect()
}

/// What a script says of a delivery; `None` without python.
fn said(
    (script, imports): &(&str, PathBuf),
    secret: &str,
    headers: &BTreeMap<String, String>,
    body: &str,
    now: i64,
) -> Option<String> {
    let python = std::env::var_os("TRUNKLINE_PYTHON");
    let mut command = Command::new(python.clone().unwrap_or_else(|| "python3".into()));
    command.args(["-B", "-c", script]).env("PYTHONPATH", imports);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(why) => {
            assert!(python.is_none(), "{why}");
            eprintln!("signatures of webhooks are not checked by a script: {why}");
            return None;
        }
    };
    let case = json!({"secret": secret, "headers": headers, "body": body, "now": now});
    child.stdin.take().unwrap().write_all(case.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

async fn delivered(secrets: &[&str]) -> AskedDestination {
    let pair = Pair::webhook(secrets, None);
    pair.send(&delivery(Kind::Webhook, views("Ünïcode \"quotes\"").swap_remove(0))).await;
    pair.asked().remove(0).0
}

#[tokio::test]
async fn a_signature_holds_for_others_and_nothing_that_was_changed_does() {
    let asked = delivered(&[SECRET]).await;
    let body = String::from_utf8(asked.body).unwrap();
    let sent = now().timestamp();
    let with = |name: &str, value: &str| {
        let mut headers = asked.headers.clone();
        headers.insert(name.to_owned(), value.to_owned());
        headers
    };
    let without = {
        let mut headers = asked.headers.clone();
        headers.remove("webhook-signature");
        headers
    };
    let cut = &asked.headers["webhook-signature"][..20];
    let late = (sent + 1).to_string();
    for checker in checkers() {
        let ask = |secret, headers: &BTreeMap<_, _>, body: &str, now| {
            said(&checker, secret, headers, body, now)
        };
        let Some(good) = ask(SECRET, &asked.headers, &body, sent + 299) else { return };
        assert_eq!(good, "good");
        for (what, said) in [
            ("another secret", ask(OTHER, &asked.headers, &body, sent)),
            ("another body", ask(SECRET, &asked.headers, &body.replace("live", "dead"), sent)),
            (
                "a body with one space more",
                ask(SECRET, &asked.headers, &(body.clone() + " "), sent),
            ),
            ("another id", ask(SECRET, &with("webhook-id", "checkout/d58"), &body, sent)),
            ("another time", ask(SECRET, &with("webhook-timestamp", &late), &body, sent)),
            ("half a signature", ask(SECRET, &with("webhook-signature", cut), &body, sent)),
            ("no signature", ask(SECRET, &without, &body, sent)),
            ("sent again much later", ask(SECRET, &asked.headers, &body, sent + 301)),
        ] {
            let said = said.unwrap();
            assert!(said.starts_with("bad:"), "{what}: {said}");
        }
    }
}

#[tokio::test]
async fn while_a_secret_is_changed_receivers_may_know_either() {
    let asked = delivered(&[OTHER, SECRET]).await;
    let body = String::from_utf8(asked.body).unwrap();
    for checker in checkers() {
        for secret in [SECRET, OTHER] {
            let said = said(&checker, secret, &asked.headers, &body, now().timestamp());
            assert!(said.is_none_or(|said| said == "good"), "{secret}");
        }
    }
    let why =
        trunkline::notify::webhook::Webhook::new("http://127.0.0.1:1/", &["canary"], None, None);
    let why = why.unwrap_err();
    assert!(why.contains("openssl") && !why.contains("canary"), "{why}");
}
