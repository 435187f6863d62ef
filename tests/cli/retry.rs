//! `trunkline retry`: what failed is deployed again without a commit, once, whatever happens to the engine.

use trunkline_testing::home::until;
use trunkline_testing::shop::Shop;

const KEY: [&str; 2] = ["--key", "the-one-key-of-this-retry"];

fn is_in_state(shop: &Shop, number: u64, state: &str) {
    until(&format!("#{number} is {state}"), || {
        let builds = shop.home.listed(&["builds", "--json"]);
        let is = |build: &serde_json::Value| build["number"] == number && build["state"] == state;
        builds.as_array().unwrap().iter().any(is)
    });
}

#[test]
fn what_failed_is_tried_again_by_its_command_even_if_the_engine_is_killed_in_its_middle() {
    let shop = Shop::without_network();
    is_in_state(&shop, 1, "failed");
    let plan = shop.home.said(&["plan", "promote", "1"]);
    assert!(plan.contains("run: trunkline retry 1"), "{plan}");
    let verify = shop.home.trunkline(&["verify", "1", "--note", "fine"]);
    let said = String::from_utf8_lossy(&verify.stderr);
    assert!(said.contains("never in staging (failed); run: trunkline retry 1"), "{said}");
    let plan = shop.home.said(&["plan", "retry", "1"]);
    assert!(plan.starts_with("retry checkout staging with #1, as raj"), "{plan}");
    assert!(plan.contains("step release: exit 7. Its steps run again from the first"), "{plan}");

    shop.connect();
    shop.close_gate();
    let retry = |more: &[&str]| {
        let words: Vec<_> = ["retry", "1", "--yes"].into_iter().chain(KEY).collect();
        shop.home.said(&[&words, more].concat())
    };
    let said = retry(&[]);
    assert!(said.contains("retry of #1 to staging requested"), "{said}");
    until("its step runs", || shop.ran().len() == 2);
    shop.home.kill_engine();
    assert!(said.contains(retry(&[]).trim()), "the first answer again: {said}");
    shop.open_gate();
    retry(&["--wait"]);
    assert_eq!(shop.ran(), ["staging auto 1", "staging retry 1"]);
    is_in_state(&shop, 1, "verified");
    let history = shop.home.said(&["history", "staging"]);
    assert!(history.contains("retry") && history.contains("raj"), "{history}");
    let events = shop.home.said(&["events"]);
    assert!(events.contains("raj deploys #1 to staging again (d"), "{events}");
    assert!(events.contains("; retry of d"), "{events}");

    let refused = shop.home.trunkline(&["retry", "1", "--yes"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("Staging runs #1 already"), "{said}");
}

#[test]
fn a_promote_that_failed_is_tried_again_with_its_plan() {
    let shop = Shop::without_network();
    shop.connect();
    is_in_state(&shop, 1, "verified");
    let never = shop.home.trunkline(&["plan", "retry", "1", "--production"]);
    let said = String::from_utf8_lossy(&never.stderr);
    assert!(said.contains("trunkline never deployed #1 to production"), "{said}");
    assert!(said.contains("run: trunkline promote 1"), "{said}");

    shop.disconnect();
    let failed = shop.home.trunkline(&["promote", "1", "--yes", "--wait"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    shop.connect();
    let plan = shop.home.said(&["plan", "retry", "1", "--production"]);
    assert!(plan.starts_with("promote checkout production with #1 again, as raj"), "{plan}");
    shop.home.said(&["retry", "1", "--production", "--yes", "--wait"]);
    let status = shop.home.json(&["status", "--service", "checkout", "--json"]);
    assert_eq!(status["live"]["production"]["build"], 1);
    assert_eq!(shop.kinds(), ["promote", "promote"]);
}
