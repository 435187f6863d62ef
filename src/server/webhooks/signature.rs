//! Whether a webhook comes from the forge: each signs the bytes of the body, or sends the secret itself.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::domain::delivery::WebhookForge;

/// The shortest secret: a shorter one can be guessed.
pub const SHORTEST_SECRET: usize = 16;

/// A secret that the server shares with a forge.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Reads the text of its file, without the line's end.
    ///
    /// # Errors
    /// When it is too short.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < SHORTEST_SECRET {
            return Err(format!("has fewer than {SHORTEST_SECRET} characters"));
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// Whether the forge sent this body.
    #[must_use]
    pub fn signs(&self, forge: WebhookForge, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(value) = only(headers, signature_header(forge)) else { return false };
        let signed = |prefix| {
            let digest = value.strip_prefix(prefix).and_then(digest);
            digest.is_some_and(|digest| self.is_mac(body, &digest))
        };
        match forge {
            WebhookForge::Github | WebhookForge::Bitbucket => signed("sha256="),
            WebhookForge::Gitea => signed(""),
            WebhookForge::Gitlab => bool::from(value.as_bytes().ct_eq(&self.0)),
        }
    }

    fn is_mac(&self, body: &[u8], digest: &[u8]) -> bool {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mac = mac.expect("a key of any length is taken").chain_update(body);
        mac.verify_slice(digest).is_ok()
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// Whether a webhook of this forge has what may be its signature.
pub(super) fn has_signature(forge: WebhookForge, headers: &HeaderMap) -> bool {
    only(headers, signature_header(forge)).is_some()
}

fn signature_header(forge: WebhookForge) -> &'static str {
    match forge {
        WebhookForge::Github => "x-hub-signature-256",
        WebhookForge::Bitbucket => "x-hub-signature",
        WebhookForge::Gitea => "x-gitea-signature",
        WebhookForge::Gitlab => "x-gitlab-token",
    }
}

/// The value of a header that is there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    value.to_str().ok()
}

/// The bytes of a digest in small hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GitHub's own example: its documentation gives this secret, body and signature.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const HEX: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn headers(all: &[(&'static str, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_exact_signature_of_the_exact_bytes_is_right() {
        let secret = WebhookSecret::parse(&format!("{SECRET}\n")).unwrap();
        let (name, right) = ("x-hub-signature-256", format!("sha256={HEX}"));
        let signs = |all: &[_], body| secret.signs(WebhookForge::Github, &headers(all), body);
        assert!(signs(&[(name, right.clone())], BODY));
        assert!(!signs(&[(name, right.clone())], b"Hello, World!\n"));
        assert!(!signs(&[(name, right.clone()), (name, right.clone())], BODY));
        assert!(!signs(&[], BODY));
        assert!(!signs(&[("x-hub-signature", right.clone())], BODY));
        for wrong in [
            HEX.to_owned(),
            format!("sha256={}", HEX.to_uppercase()),
            format!("sha256={}", &HEX[..62]),
            format!("sha256={HEX}00"),
            format!("sha1={HEX}"),
            format!("sha256={}0", &HEX[..63]),
            "sha256=".to_owned(),
        ] {
            assert!(!signs(&[(name, wrong.clone())], BODY), "{wrong}");
        }
    }

    #[test]
    fn each_forge_signs_in_its_own_header() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let signed = [
            (WebhookForge::Github, "x-hub-signature-256", format!("sha256={HEX}")),
            (WebhookForge::Bitbucket, "x-hub-signature", format!("sha256={HEX}")),
            (WebhookForge::Gitea, "x-gitea-signature", HEX.to_owned()),
            (WebhookForge::Gitlab, "x-gitlab-token", SECRET.to_owned()),
        ];
        for (forge, name, value) in &signed {
            let right = headers(&[(*name, value.clone())]);
            assert!(secret.signs(*forge, &right, BODY), "{forge}");
            let cut = headers(&[(*name, value[..value.len() - 1].to_owned())]);
            assert!(!secret.signs(*forge, &cut, BODY), "{forge}");
            let others = WebhookForge::ALL.into_iter().filter(|other| other != forge);
            for other in others {
                assert!(!secret.signs(other, &right, BODY), "{forge} for {other}");
            }
        }
        assert!(WebhookSecret::parse("short\n").is_err());
        assert!(WebhookSecret::parse("").is_err());
    }
}
