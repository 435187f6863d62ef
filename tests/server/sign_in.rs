//! Browsers that sign in at a provider: what they are shown before, and when that fails. The whole way is in the tests of the
//! program, at a real provider.

use reqwest::{Method, RequestBuilder};
use trunkline::domain::sign_in::BrowserKey;
use trunkline_testing::team::{TeamServer, client};

use super::network::{provider, watched};

/// A browser that was sent to the provider with this key, for a page.
fn cookie(key: &BrowserKey, to: &str) -> String {
    format!("a=1; __Host-trunkline-sign-in={}{to}", key.expose())
}

/// The status of the answer to a browser, and its page.
async fn shown(request: RequestBuilder) -> (u16, String) {
    let answer = request.header("accept", "text/html").send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self'"), "{policy}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_browser_is_shown_the_way_in_and_is_told_when_the_provider_is_away() {
    let world = watched().await;
    let team = TeamServer::trusting(world.handle(), provider()).await;
    let (client, url) = (client(), team.url());
    let get = |path: &str| shown(client.get(format!("{url}{path}")));
    let (status, text) = get("/services/checkout?a=1&b=2").await;
    let href = format!("href=\"{url}/sign-in/provider?to=/services/checkout?a=1%26b=2\"");
    assert!(status == 401 && text.contains(&href), "{text}");
    assert!(text.contains("Sign in at http://127.0.0.1:9"), "{text}");
    let (status, text) = get("/sign-in").await;
    assert!(status == 200 && text.contains("/sign-in/provider?to=/\""), "{text}");
    let (status, text) = get("/sign-in/provider?to=/services/checkout").await;
    assert_eq!(status, 503);
    for part in ["does not answer at", "to=/services/checkout\"", "trunkline link --browser"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for method in [Method::POST, Method::DELETE] {
        let request = client.request(method, format!("{url}/sign-in/answer?state=a&code=b"));
        assert_eq!(shown(request).await.0, 405);
    }
    let limit = shown(client.get(format!("{url}/sign-in")).header("host", "evil.example"));
    assert_eq!(limit.await.0, 403);
}

#[tokio::test]
async fn an_answer_counts_in_the_browser_alone_that_was_sent() {
    let world = watched().await;
    let team = TeamServer::trusting(world.handle(), provider()).await;
    let (key, other) = (BrowserKey::of([1; 32]), BrowserKey::of([2; 32]));
    let bring = async |query: &str, cookie: Option<String>| {
        let request = client().get(format!("{}/sign-in/answer?{query}", team.url()));
        shown(cookie.iter().fold(request, |request, text| request.header("cookie", text))).await
    };
    let own = format!("state={}", key.state());
    let refused = [
        (format!("{own}&code=1"), None),
        (format!("{own}&code=1"), Some(cookie(&other, "/"))),
        ("code=1".to_owned(), Some(cookie(&key, "/"))),
        ("state=&code=1".to_owned(), Some(cookie(&key, "/"))),
        (format!("state={}&code=1", key.nonce()), Some(cookie(&key, "/"))),
        (format!("{own}&code=1"), Some(cookie(&key, "/").replace("__Host-", ""))),
    ];
    for (query, cookie) in refused {
        let (status, text) = bring(&query, cookie).await;
        assert!(status == 401 && text.contains("for another browser"), "{query}: {text}");
    }
    let (status, text) = bring(&format!("{own}&code=1&x=2"), Some(cookie(&key, "/"))).await;
    assert!(status == 503 && text.contains("does not answer"), "the provider is asked: {text}");
    let twice = bring(&format!("{own}&code=1&code=2"), Some(cookie(&key, "/"))).await;
    assert_eq!(twice.0, 400);

    let words = "error=access_denied&error_description=%3Cscript%3E%1B%5B2J";
    for (to, shown) in [("/services/checkout", "/services/checkout"), ("//evil.example", "/")] {
        let (status, text) = bring(&format!("{own}&{words}"), Some(cookie(&key, to))).await;
        assert!(status == 401 && text.contains("the provider refuses: access_denied"), "{text}");
        assert!(!text.contains("<script>") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains(&format!("/sign-in/provider?to={shown}\"")), "{text}");
    }
}

#[tokio::test]
async fn a_server_without_a_provider_offers_none() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let get = |path: &str| shown(client().get(format!("{}{path}", team.url())));
    for (path, wanted) in [("/", 401), ("/sign-in", 200), ("/sign-in/provider", 404)] {
        let (status, text) = get(path).await;
        assert_eq!(status, wanted, "{path}");
        assert!(!text.contains("Sign in at"), "{path}: {text}");
    }
    assert!(get("/sign-in").await.1.contains("trunkline link --browser"));
}
