//! How a browser signs in: the authorization code flow, with PKCE. The browser goes to the provider and comes back with a code,
//! for which the server gets the ID token itself.

use std::fmt;

use chrono::{DateTime, Utc};

use super::device::ProviderTokens;
use super::discovery::Discovery;
use super::id_token::{Audience, IdToken, IdTokenRefusal};
use super::keys::ProviderKeys;
use super::random;
use super::web::ProviderError;
use crate::domain::chain::Hash;
use crate::domain::sign_in::{BrowserKey, ProviderAnswer};
use crate::domain::token::base64url;

/// What a provider knows a server by.
#[derive(Debug, Clone)]
pub struct BrowserClient {
    pub audience: Audience,
    pub secret: Option<ClientSecret>,
    pub scopes: Vec<String>,
}

/// The secret of a client, for the provider alone.
#[derive(Clone)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl BrowserClient {
    /// What a browser keeps, and where it signs in and comes back to `back`.
    ///
    /// # Errors
    /// When the provider does not say where.
    pub async fn begin(
        &self,
        keys: &ProviderKeys,
        back: &str,
    ) -> Result<(BrowserKey, String), ProviderError> {
        let key = BrowserKey::of(random()?);
        let provider = keys.provider().await?;
        let none = ProviderError::Ended("the provider has no login by a browser");
        let mut url = keys.web.url(provider.authorization_endpoint.as_deref().ok_or(none)?)?;
        let (scope, challenge) = (self.scopes.join(" "), base64url(&Hash::of(&key.verifier()).0));
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.audience.client_id),
            ("redirect_uri", back),
            ("scope", &scope),
            ("state", &key.state()),
            ("nonce", &key.nonce()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok((key, url.into()))
    }

    /// The ID token for an answer, checked.
    ///
    /// # Errors
    /// With the first reason against it: the code was used, or is of another sign-in.
    pub async fn checked(
        &self,
        keys: &ProviderKeys,
        answer: &ProviderAnswer,
        back: &str,
        now: DateTime<Utc>,
    ) -> Result<IdToken, IdTokenRefusal> {
        let ProviderAnswer { key, code, issuer } = answer;
        let provider = keys.provider().await?;
        let may_be_silent = !provider.authorization_response_iss_parameter_supported;
        let is_own = |named: &String| *named == self.audience.issuer;
        if !issuer.as_ref().map_or(may_be_silent, is_own) {
            return Err(IdTokenRefusal::Answer);
        }
        let id_token = self.id_token(keys, &provider, key, code, back).await?;
        let asked = Audience { nonce: Some(key.nonce()), ..self.audience.clone() };
        IdToken::check(&id_token, keys, &asked, now).await
    }

    /// The ID token for the code of an answer, which the provider takes once.
    async fn id_token(
        &self,
        keys: &ProviderKeys,
        provider: &Discovery,
        key: &BrowserKey,
        code: &str,
        back: &str,
    ) -> Result<String, ProviderError> {
        let client_id = self.audience.client_id.as_str();
        let verifier = key.verifier();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("code_verifier", &verifier),
        ];
        let secret = self.secret.as_ref().map(|ClientSecret(text)| text.as_str());
        let client = secret.map(|secret| (client_id, secret));
        let in_header = client.filter(|_| !provider.takes_secret_in_form());
        if in_header.is_none() {
            form.push(("client_id", client_id));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
        let given: ProviderTokens =
            keys.web.post(provider.token_endpoint()?, &form, in_header).await?;
        given.id_token.ok_or(ProviderError::Ended("the provider gave no ID token"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use reqwest::Url;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::id_token::tests::{ProviderKey, claims, now};
    use super::*;

    const BACK: &str = "https://deploys.example.org/sign-in/answer";

    /// A provider on loopback.
    struct FakeProvider {
        issuer: String,
        /// The claims of its next ID token, and what it was last asked for one.
        shared: Arc<Mutex<(Value, String)>>,
    }

    impl FakeProvider {
        /// One that describes itself with these words besides.
        async fn start(besides: Value) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let issuer = format!("http://{}", listener.local_addr().unwrap());
            let mut described = json!({
                "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
                "token_endpoint": format!("{issuer}/token"),
                "authorization_endpoint": format!("{issuer}/auth?tenant=1"),
            });
            described.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
            let (signs, shared) = (ProviderKey::ec("a"), Arc::new(Mutex::default()));
            let own = Self { issuer, shared: shared.clone() };
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = vec![0; 16 * 1024];
                    let length = stream.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    let body = match request.split(' ').nth(1).unwrap() {
                        "/keys" => json!({ "keys": [signs.public] }),
                        "/token" => {
                            let mut shared = shared.lock().unwrap();
                            shared.1 = request;
                            json!({ "id_token": signs.sign(&shared.0) })
                        }
                        _ => described.clone(),
                    };
                    let body = body.to_string();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
            });
            own
        }

        fn keys(&self) -> ProviderKeys {
            ProviderKeys::of(&self.issuer).unwrap()
        }

        fn client(&self, secret: Option<&str>) -> BrowserClient {
            let word = || "trunkline".to_owned();
            let audience = Audience {
                issuer: self.issuer.clone(),
                audience: word(),
                client_id: word(),
                nonce: None,
            };
            let secret = secret.map(|text| ClientSecret(text.to_owned()));
            BrowserClient { audience, secret, scopes: vec!["openid".into(), "email".into()] }
        }

        /// What becomes of an answer when the ID token is the right one, with these claims instead.
        async fn answered(
            &self,
            client: &BrowserClient,
            (key, issuer): (&BrowserKey, Option<&str>),
            instead: Value,
        ) -> Result<IdToken, IdTokenRefusal> {
            let mut right = json!({ "iss": self.issuer, "nonce": key.nonce() });
            right.as_object_mut().unwrap().extend(instead.as_object().unwrap().clone());
            self.shared.lock().unwrap().0 = claims(&right);
            let (key, issuer) = (key.clone(), issuer.map(str::to_owned));
            let answer = ProviderAnswer { key, code: "a code&x=1".into(), issuer };
            client.checked(&self.keys(), &answer, BACK, now()).await
        }

        /// What it was last asked for an ID token.
        fn asked(&self) -> String {
            self.shared.lock().unwrap().1.clone()
        }
    }

    #[tokio::test]
    async fn a_browser_is_sent_with_what_follows_from_its_key_and_the_code_is_shown_with_the_rest()
    {
        let provider = FakeProvider::start(json!({})).await;
        let client = provider.client(None);
        let (key, address) = client.begin(&provider.keys(), BACK).await.unwrap();
        let url = Url::parse(&address).unwrap();
        let said = |name: &str| {
            let mut all = url.query_pairs().filter(|(known, _)| known == name);
            let (found, none) = (all.next().map(|(_, value)| value.into_owned()), all.next());
            assert!(none.is_none(), "{name} is there once");
            found.unwrap_or_default()
        };
        assert_eq!((said("tenant"), said("redirect_uri")), ("1".into(), BACK.into()));
        assert_eq!((said("scope"), said("response_type")), ("openid email".into(), "code".into()));
        assert_eq!((said("state"), said("nonce")), (key.state(), key.nonce()));
        let challenge = base64url(&Hash::of(&key.verifier()).0);
        assert_eq!(said("code_challenge"), challenge);
        assert_eq!(said("code_challenge_method"), "S256");
        assert!(!address.contains(key.expose()) && !address.contains(&key.verifier()));
        let (other, _) = client.begin(&provider.keys(), BACK).await.unwrap();
        assert!(other != key, "each browser has its own");

        let taken = provider.answered(&client, (&key, None), json!({})).await.unwrap();
        assert_eq!(taken.subject, "7");
        let asked = provider.asked();
        for part in [
            "grant_type=authorization_code",
            "code=a+code%26x%3D1",
            "redirect_uri=https%3A%2F%2Fdeploys.example.org%2Fsign-in%2Fanswer",
            &format!("code_verifier={}", key.verifier()),
            "client_id=trunkline",
        ] {
            assert!(asked.contains(part), "{part} in {asked}");
        }
        assert!(!asked.to_lowercase().contains("authorization:"), "{asked}");
    }

    #[tokio::test]
    async fn what_a_browser_brings_of_another_sign_in_or_for_somebody_else_is_refused() {
        let provider = FakeProvider::start(json!({})).await;
        let (client, key) = (provider.client(None), BrowserKey::of([1; 32]));
        let at = now().timestamp();
        let other = BrowserKey::of([2; 32]).nonce();
        for (instead, why) in [
            (json!({ "nonce": other }), IdTokenRefusal::Nonce),
            (json!({ "nonce": null }), IdTokenRefusal::Nonce),
            (json!({ "aud": "other" }), IdTokenRefusal::Audience),
            (json!({ "iss": "https://evil.example" }), IdTokenRefusal::Issuer),
            (json!({ "iat": at + 120 }), IdTokenRefusal::Future),
        ] {
            let told = provider.answered(&client, (&key, None), instead.clone()).await;
            assert_eq!(told, Err(why), "{instead}");
        }
    }

    #[tokio::test]
    async fn a_secret_is_shown_as_the_provider_takes_it() {
        let key = BrowserKey::of([1; 32]);
        let takes = |methods: &[&str]| json!({ "token_endpoint_auth_methods_supported": methods });
        let (in_header, in_form) = ("client_secret_basic", "client_secret_post");
        for (besides, is_in_header) in
            [(json!({}), true), (takes(&[in_form, in_header]), true), (takes(&[in_form]), false)]
        {
            let provider = FakeProvider::start(besides).await;
            let client = provider.client(Some("a: b%"));
            provider.answered(&client, (&key, None), json!({})).await.unwrap();
            let asked = provider.asked();
            let (header, form) = ("Basic dHJ1bmtsaW5lOmElM0ElMjBiJTI1", "client_secret=a%3A+b%25");
            let shown = (asked.contains(header), asked.contains(form));
            assert_eq!(shown, (is_in_header, !is_in_header), "{asked}");
            assert!(!format!("{client:?}").contains("a: b%"));
        }
    }

    #[tokio::test]
    async fn an_answer_of_another_provider_is_not_even_shown_to_ours() {
        let (key, says) = (
            BrowserKey::of([1; 32]),
            json!({ "authorization_response_iss_parameter_supported": true }),
        );
        for (besides, may_be_silent) in [(json!({}), true), (says, false)] {
            let provider = FakeProvider::start(besides).await;
            let client = provider.client(None);
            let told = async |issuer| {
                let told = provider.answered(&client, (&key, issuer), json!({})).await;
                told.map(drop)
            };
            assert_eq!(told(Some("https://evil.example")).await, Err(IdTokenRefusal::Answer));
            assert_eq!(provider.asked(), "");
            assert_eq!(told(Some(&provider.issuer)).await, Ok(()));
            let silent = if may_be_silent { Ok(()) } else { Err(IdTokenRefusal::Answer) };
            assert_eq!(told(None).await, silent);
        }
    }

    #[tokio::test]
    async fn a_provider_without_an_address_for_browsers_is_told_and_one_in_the_clear_is_not_followed()
     {
        for (address, words) in
            [(Value::Null, "no login by a browser"), (json!("http://a.example"), "not an https")]
        {
            let provider = FakeProvider::start(json!({ "authorization_endpoint": address })).await;
            let begun = provider.client(None).begin(&provider.keys(), BACK).await;
            let why = begun.unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
    }
}
