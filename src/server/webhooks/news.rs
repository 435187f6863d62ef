//! What a forge says in a webhook, in one form.

use axum::http::HeaderMap;
use serde_json::Value;

use super::signature::only;
use crate::domain::delivery::{WebhookForge, WebhookNews, WebhookSubject};
use crate::domain::repository_address::RepositoryAddress;

/// The longest name of a delivery that is kept.
const LONGEST_ID: usize = 100;

/// How a forge names things.
struct Words {
    id: &'static [&'static str],
    event: &'static str,
    pushes: &'static [&'static str],
    /// What tells that a run changed.
    runs: &'static [&'static str],
    /// Where the body has the addresses of the repository.
    addresses: &'static [&'static str],
}

const GITHUB: Words = Words {
    id: &["x-github-delivery"],
    event: "x-github-event",
    pushes: &["push"],
    runs: &["workflow_run", "workflow_job", "deployment", "deployment_status", "deployment_review"],
    addresses: REPOSITORY,
};
const GITEA: Words = Words {
    id: &["x-gitea-delivery"],
    event: "x-gitea-event",
    pushes: &["push"],
    runs: &[],
    addresses: REPOSITORY,
};
const GITLAB: Words = Words {
    id: &["idempotency-key", "x-gitlab-event-uuid"],
    event: "x-gitlab-event",
    pushes: &["Push Hook", "Tag Push Hook", "System Hook"],
    runs: &[],
    addresses: &["/project/git_http_url", "/project/git_ssh_url", "/project/web_url"],
};
const BITBUCKET: Words = Words {
    id: &["x-request-uuid", "x-request-id"],
    event: "x-event-key",
    pushes: &["repo:push", "repo:refs_changed"],
    runs: &[],
    // Bitbucket Cloud has a page, Data Center a list of addresses.
    addresses: &[
        "/repository/links/html/href",
        "/repository/links/clone/0/href",
        "/repository/links/clone/1/href",
    ],
};
const REPOSITORY: &[&str] =
    &["/repository/clone_url", "/repository/ssh_url", "/repository/html_url"];

/// Reads a webhook whose signature is right. `None` if it is not in the form of its forge.
pub(super) fn read(forge: WebhookForge, headers: &HeaderMap, body: &[u8]) -> Option<WebhookNews> {
    let words = match forge {
        WebhookForge::Github => GITHUB,
        WebhookForge::Gitlab => GITLAB,
        WebhookForge::Gitea => GITEA,
        WebhookForge::Bitbucket => BITBUCKET,
    };
    let id = words.id.iter().find_map(|name| only(headers, name))?;
    let is_plain = |id: &str| id.chars().all(|c| c.is_ascii_graphic());
    let id = Some(id).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID && is_plain(id))?;
    let event = only(headers, words.event)?;
    let body: Value = serde_json::from_slice(body).ok()?;
    let found = words.addresses.iter().filter_map(|place| body.pointer(place)?.as_str());
    let addresses = found.filter_map(RepositoryAddress::of).collect();
    let about = if words.pushes.contains(&event) {
        WebhookSubject::Push
    } else if words.runs.contains(&event) {
        WebhookSubject::Run
    } else {
        WebhookSubject::Else
    };
    Some(WebhookNews { forge, id: id.to_owned(), about, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_push_of_each_forge_names_its_repository() {
        let shop = RepositoryAddress::of("https://forge.example/acme/shop").unwrap();
        let pushes: [(_, &[(&str, &str)], &str); 5] = [
            (
                WebhookForge::Github,
                &[("x-github-delivery", "1"), ("x-github-event", "push")],
                r#"{"ref":"refs/heads/main","repository":{"id":1,"clone_url":"https://forge.example/acme/shop.git","ssh_url":"git@forge.example:acme/shop.git"}}"#,
            ),
            (
                WebhookForge::Gitlab,
                &[("idempotency-key", "1"), ("x-gitlab-event", "Push Hook")],
                r#"{"object_kind":"push","project":{"git_ssh_url":"git@forge.example:acme/shop.git","git_http_url":"https://forge.example/acme/shop.git"}}"#,
            ),
            (
                WebhookForge::Gitea,
                &[("x-gitea-delivery", "1"), ("x-gitea-event", "push")],
                r#"{"repository":{"clone_url":"https://forge.example:3000/acme/shop.git"}}"#,
            ),
            (
                WebhookForge::Bitbucket,
                &[("x-request-uuid", "1"), ("x-event-key", "repo:push")],
                r#"{"repository":{"links":{"html":{"href":"https://forge.example/acme/shop"}}}}"#,
            ),
            (
                WebhookForge::Bitbucket,
                &[("x-request-id", "1"), ("x-event-key", "repo:refs_changed")],
                r#"{"repository":{"links":{"clone":[{"href":"https://other.example/x/y.git"},{"href":"ssh://git@forge.example:7999/acme/shop.git"}]}}}"#,
            ),
        ];
        for (forge, sent, body) in pushes {
            let push = read(forge, &headers(sent), body.as_bytes()).unwrap();
            let is_push = push.about == WebhookSubject::Push;
            assert!(is_push && push.addresses.contains(&shop), "{forge}: {push:?}");
            let nameless = headers(&sent[1..]);
            assert_eq!(read(forge, &nameless, body.as_bytes()), None, "{forge}");
            assert_eq!(read(forge, &headers(sent), b"payload=%7B%7D"), None, "{forge}");
        }
    }

    #[test]
    fn what_is_about_something_else_is_told_apart_and_nonsense_is_not_read() {
        let sent = headers(&[("x-github-delivery", "1"), ("x-github-event", "ping")]);
        let ping = read(WebhookForge::Github, &sent, b"{}").unwrap();
        assert!(ping.about == WebhookSubject::Else && ping.addresses.is_empty());
        let deep = "[".repeat(100_000);
        assert_eq!(read(WebhookForge::Github, &sent, deep.as_bytes()), None);
        let wrong = br#"{"repository":{"clone_url":["x"],"ssh_url":7}}"#;
        assert!(read(WebhookForge::Github, &sent, wrong).unwrap().addresses.is_empty());
    }
}
