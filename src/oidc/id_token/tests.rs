//! What an ID token must be, with keys made here and a provider on loopback.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::EncodingKey;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::domain::token::base64url;

/// A key of a provider.
#[derive(Clone)]
pub struct ProviderKey {
    private: EncodingKey,
    pub public: Jwk,
    header: Header,
}

impl ProviderKey {
    fn of(private: EncodingKey, algorithm: Algorithm, id: &str) -> Self {
        let mut public = Jwk::from_encoding_key(&private, algorithm).unwrap();
        public.common.key_id = Some(id.into());
        let mut header = Header::new(algorithm);
        header.kid = Some(id.into());
        Self { private, public, header }
    }

    pub fn ec(id: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::of(EncodingKey::from_ec_der(key.as_ref()), Algorithm::ES256, id)
    }

    fn ed(id: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        Self::of(EncodingKey::from_ed_der(key.as_ref()), Algorithm::EdDSA, id)
    }

    fn rsa(id: &str) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        // The bare key begins behind the wrapper of PKCS#8.
        Self::of(EncodingKey::from_rsa_der(&key.as_ref()[26..]), Algorithm::RS256, id)
    }

    pub fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.private).unwrap()
    }
}

pub fn now() -> DateTime<Utc> {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn audience(issuer: &str) -> Audience {
    let word = || "trunkline".to_owned();
    Audience { issuer: issuer.to_owned(), audience: word(), client_id: word(), nonce: None }
}

const ISSUER: &str = "https://login.example.org";

/// Good claims, with these instead.
pub fn claims(instead: &Value) -> Value {
    let at = now().timestamp();
    let mut claims = json!({
        "iss": ISSUER, "aud": "trunkline", "sub": "7", "iat": at, "exp": at + 3_600,
        "email": "raj@example.org", "email_verified": true,
    });
    for (name, value) in instead.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn checked(text: &str, keys: &[&ProviderKey]) -> Result<IdToken, IdTokenRefusal> {
    let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
    verify(text, &header(text)?, &keys, &audience(ISSUER), now())
}

#[test]
fn a_token_of_each_kind_of_key_is_taken_and_names_its_person() {
    for key in [ProviderKey::ec("a"), ProviderKey::ed("a"), ProviderKey::rsa("a")] {
        let text = key.sign(&claims(&json!({ "groups": ["dev"] })));
        let taken = checked(&text, &[&ProviderKey::ec("b"), &key]).unwrap();
        assert_eq!(taken.subject, "7");
        assert_eq!(taken.email.as_deref(), Some("raj@example.org"));
        assert_eq!(taken.claims["groups"], json!(["dev"]));
    }
}

#[test]
fn a_claim_that_is_wrong_or_missing_is_a_refusal() {
    let key = ProviderKey::ec("a");
    let at = now().timestamp();
    let check = |instead: &Value| checked(&key.sign(&claims(instead)), &[&key]);
    let refused = |instead: Value| check(&instead).err().unwrap_or_else(|| panic!("{instead}"));
    let word = |refusal: IdTokenRefusal| format!("{refusal:?}");
    for issuer in [json!("https://login.example.org/"), json!([ISSUER]), json!(null)] {
        assert_eq!(refused(json!({ "iss": issuer })), IdTokenRefusal::Issuer);
    }
    let others = [
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": ["other"] }),
        json!({ "aud": [] }),
        json!({ "aud": "trunkline2" }),
        json!({ "aud": ["trunkline", "other"] }),
        json!({ "aud": ["trunkline", "other"], "azp": "other" }),
        json!({ "azp": "other" }),
        json!({ "azp": 7 }),
    ];
    for other in others {
        assert_eq!(refused(other), IdTokenRefusal::Audience);
    }
    for good in [
        json!({ "aud": ["trunkline"] }),
        json!({ "aud": ["other", "trunkline"], "azp": "trunkline" }),
        json!({ "azp": "trunkline" }),
        json!({ "exp": at - 59 }),
        json!({ "iat": at + 60, "nbf": at + 60 }),
        json!({ "iat": at - 659 }),
        json!({ "iat": serde_json::from_str::<Value>(&format!("{}.5", at - 1)).unwrap() }),
    ] {
        assert!(check(&good).is_ok(), "{good}");
    }
    assert!(word(refused(json!({ "exp": at - 60 }))).starts_with("Expired"));
    for future in [json!({ "iat": at + 61 }), json!({ "nbf": at + 61 })] {
        assert_eq!(refused(future), IdTokenRefusal::Future);
    }
    assert!(word(refused(json!({ "iat": at - 661 }))).starts_with("Old"));
    let strange = [
        json!({ "exp": null }),
        json!({ "iat": null }),
        json!({ "exp": "never" }),
        json!({ "exp": 1e300 }),
        json!({ "nbf": "soon" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "7".repeat(256) }),
    ];
    for strange in strange {
        assert_eq!(refused(strange), IdTokenRefusal::Unreadable);
    }
    for unverified in [json!({ "email_verified": null }), json!({ "email_verified": "true" })] {
        let taken = check(&unverified).unwrap();
        assert_eq!((taken.email, taken.claims.get("email")), (None, None));
    }
}

#[test]
fn a_token_that_answers_another_sign_in_of_a_browser_is_refused() {
    let key = ProviderKey::ec("a");
    let asked = Audience { nonce: Some("own".into()), ..audience(ISSUER) };
    let check = |nonce: Value| {
        let text = key.sign(&claims(&json!({ "nonce": nonce })));
        verify(&text, &header(&text).unwrap(), std::slice::from_ref(&key.public), &asked, now())
    };
    assert!(check(json!("own")).is_ok());
    for other in [json!("other"), json!(""), json!(null), json!(["own"])] {
        assert_eq!(check(other.clone()), Err(IdTokenRefusal::Nonce), "{other}");
    }
}

#[test]
fn a_token_that_the_provider_did_not_sign_so_is_refused() {
    let (key, other) = (ProviderKey::ec("a"), ProviderKey::ec("b"));
    let good = key.sign(&claims(&json!({})));
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let part = |value: Value| base64url(value.to_string().as_bytes());
    let forged_body = part(claims(&json!({ "sub": "8" })));
    let renamed = {
        let mut header = other.header.clone();
        header.kid = key.header.kid.clone();
        jsonwebtoken::encode(&header, &claims(&json!({})), &other.private).unwrap()
    };
    for forged in [format!("{head}.{forged_body}.{signature}"), format!("{head}.{body}."), renamed]
    {
        assert_eq!(checked(&forged, &[&key, &other]), Err(IdTokenRefusal::Forged), "{forged}");
    }
    let public = serde_json::to_string(&key.public).unwrap();
    let secret = EncodingKey::from_secret(public.as_bytes()).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = key.header.kid.clone();
    let hmac = jsonwebtoken::encode(&header, &claims(&json!({})), &secret).unwrap();
    assert_eq!(checked(&hmac, &[&key]), Err(IdTokenRefusal::Algorithm));
    let unsigned = |alg: &str, more: Value| {
        let mut header = json!({ "alg": alg, "kid": "a" });
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        format!("{}.{body}.{signature}", part(header))
    };
    let unreadable = [
        unsigned("none", json!({})),
        unsigned("None", json!({})),
        unsigned("ES256", json!({ "crit": ["b64"], "b64": true })),
        unsigned("ES256", json!({ "typ": "at+jwt" })),
        unsigned("ES256", json!({ "typ": "logout+jwt" })),
        format!("{good}.{signature}"),
        format!("{head}.{body}"),
        format!(" {good}"),
        String::new(),
        "a".repeat(LARGEST + 1),
    ];
    for text in unreadable {
        assert_eq!(checked(&text, &[&key]), Err(IdTokenRefusal::Unreadable), "{text:.80}");
    }
    let rs = unsigned("RS256", json!({}));
    assert_eq!(checked(&rs, &[&key]), Err(IdTokenRefusal::UnknownKey), "not what the key is for");
}

#[test]
fn a_key_is_used_for_what_it_is_made_for_and_never_guessed() {
    let (mut key, other) = (ProviderKey::ec("a"), ProviderKey::ec("b"));
    let good = key.sign(&claims(&json!({})));
    assert_eq!(checked(&good, &[&other]), Err(IdTokenRefusal::UnknownKey));
    let mut nameless = key.header.clone();
    nameless.kid = None;
    let nameless = jsonwebtoken::encode(&nameless, &claims(&json!({})), &key.private).unwrap();
    assert!(checked(&nameless, &[&key, &ProviderKey::ed("c")]).is_ok(), "one alone fits");
    assert_eq!(checked(&nameless, &[&key, &other]), Err(IdTokenRefusal::UnknownKey));
    key.public.common.public_key_use = Some(PublicKeyUse::Encryption);
    assert_eq!(checked(&good, &[&key]), Err(IdTokenRefusal::UnknownKey));
}

#[test]
fn the_digest_is_of_what_was_signed_and_not_of_the_signature() {
    let key = ProviderKey::ec("a");
    let once = checked(&key.sign(&claims(&json!({}))), &[&key]).unwrap();
    // Such a signature is another one each time.
    let again = checked(&key.sign(&claims(&json!({}))), &[&key]).unwrap();
    assert_eq!(once.digest, again.digest);
    let other = checked(&key.sign(&claims(&json!({ "jti": "2" }))), &[&key]).unwrap();
    assert_ne!(once.digest, other.digest);
}

/// A provider that gives its keys to everybody, and counts how often.
struct KeyServer {
    issuer: String,
    shared: Arc<Mutex<(Vec<Value>, usize)>>,
}

impl KeyServer {
    async fn start(named: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new((Vec::new(), 0)));
        let (all, named) = (shared.clone(), named.unwrap_or(&issuer).to_owned());
        let own = issuer.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4_096];
                let length = stream.read(&mut request).await.unwrap();
                let asks_for_keys = request[..length].starts_with(b"GET /keys ");
                let body = if asks_for_keys {
                    let mut all = all.lock().unwrap();
                    all.1 += 1;
                    json!({ "keys": all.0 })
                } else {
                    json!({ "issuer": named, "jwks_uri": format!("{own}/keys") })
                };
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        Self { issuer, shared }
    }

    fn gives(&self, keys: &[&ProviderKey]) {
        let keys = keys.iter().map(|key| serde_json::to_value(&key.public).unwrap());
        let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "future", "pub": "" });
        self.shared.lock().unwrap().0 = keys.chain([unknown]).collect();
    }

    fn asked(&self) -> usize {
        self.shared.lock().unwrap().1
    }
}

#[tokio::test]
async fn a_new_key_is_asked_for_once_a_minute_at_most() {
    let (old, new) = (ProviderKey::ec("old"), ProviderKey::ec("new"));
    let server = KeyServer::start(None).await;
    server.gives(&[&old]);
    let keys = ProviderKeys::of(&server.issuer).unwrap();
    let check = async |key: &ProviderKey| {
        let text = key.sign(&claims(&json!({ "iss": server.issuer })));
        IdToken::check(&text, &keys, &audience(&server.issuer), now()).await
    };
    for _ in 0..3 {
        assert!(check(&old).await.is_ok());
    }
    assert_eq!(server.asked(), 1, "they are kept");
    for _ in 0..3 {
        assert_eq!(check(&new).await, Err(IdTokenRefusal::UnknownKey));
    }
    assert_eq!(server.asked(), 2, "nobody makes the server ask more often");
    server.gives(&[&new]);
    keys.let_time_pass(std::time::Duration::from_mins(1)).await;
    assert!(check(&new).await.is_ok());
    assert_eq!(check(&old).await, Err(IdTokenRefusal::UnknownKey), "it was withdrawn");
    assert_eq!(server.asked(), 3);
    server.gives(&[]);
    keys.let_time_pass(std::time::Duration::from_hours(1)).await;
    assert!(check(&new).await.is_err(), "an old key opens nothing for ever");
}

#[tokio::test]
async fn keys_of_a_provider_that_calls_itself_otherwise_are_not_taken() {
    let key = ProviderKey::ec("a");
    let server = KeyServer::start(Some("https://login.example.org")).await;
    server.gives(&[&key]);
    let keys = ProviderKeys::of(&server.issuer).unwrap();
    let text = key.sign(&claims(&json!({ "iss": server.issuer })));
    let refused = IdToken::check(&text, &keys, &audience(&server.issuer), now()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("of the issuer \"https://login.example.org\""), "{why}");
    assert_eq!(server.asked(), 0);
    for address in ["http://login.example.org", "ftp://localhost", "https://a:b@c", "login"] {
        assert!(ProviderKeys::of(address).is_err(), "{address}");
    }
}
