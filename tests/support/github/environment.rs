//! The rules of an environment of the GitHub of tests.

use serde_json::{Value, json};

use super::objects::{self, Addresses};

#[derive(Debug, Clone)]
pub struct FakeEnvironment {
    pub name: String,
    /// Who may approve a deploy to it.
    pub reviewers: Vec<String>,
    /// How long a deploy waits.
    pub minutes: u64,
}

impl FakeEnvironment {
    pub(super) fn told(&self, to: &Addresses, at: usize) -> Value {
        let (name, mut rules) = (&self.name, Vec::new());
        let rule = |kind: &str| json!({ "id": 1, "node_id": "r", "type": kind });
        if self.minutes > 0 {
            let mut timer = rule("wait_timer");
            timer["wait_timer"] = json!(self.minutes);
            rules.push(timer);
        }
        if !self.reviewers.is_empty() {
            let mut review = rule("required_reviewers");
            let reviewer =
                |login: &String| json!({ "type": "User", "reviewer": objects::user(to, login) });
            review["reviewers"] = self.reviewers.iter().map(reviewer).collect();
            review["prevent_self_review"] = json!(false);
            rules.push(review);
        }
        json!({
            "id": 9_001 + at,
            "node_id": "e",
            "name": name,
            "url": format!("{}/repos/acme/shop/environments/{name}", to.api),
            "html_url": format!("{}/acme/shop/deployments/activity_log?environments_filter={name}", to.web),
            "created_at": "2026-01-26T19:01:12Z",
            "updated_at": "2026-11-27T05:00:00Z",
            "protection_rules": rules,
            "deployment_branch_policy": null,
        })
    }
}
