//! Checks an ID token: who signed it, for whom and when. A token that is refused opens nothing.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header, Validation};
use serde_json::{Map, Value};

use super::keys::ProviderKeys;
use super::web::ProviderError;
use crate::domain::chain::Hash;

/// The algorithms that are accepted, whatever a token or a key says. None of them takes a shared secret.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the clocks may be apart.
const SKEW: TimeDelta = TimeDelta::seconds(60);
/// How old a token may be: it is made to sign in at once.
const AGE: TimeDelta = TimeDelta::minutes(10);
/// The most bytes of a token.
const LARGEST: usize = 64 * 1024;
/// The most characters of a subject, by the standard, and of an address.
const LONGEST: usize = 255;

/// By whom and for whom a token must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    pub issuer: String,
    pub audience: String,
    pub client_id: String,
    /// What was asked for it by the way of a browser.
    pub nonce: Option<String>,
}

/// An ID token that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct IdToken {
    /// By which the provider knows the person. It never changes.
    pub subject: String,
    /// The person's address, if the provider has verified it.
    pub email: Option<String>,
    /// All claims, without an address that is not verified.
    pub claims: Value,
    /// The digest of what was signed. The signature does not belong to it: some kinds have several forms.
    pub digest: Hash,
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenRefusal {
    #[error("this is not an ID token")]
    Unreadable,
    #[error("the ID token is signed in a way that is not accepted here")]
    Algorithm,
    #[error("the provider has no key with which the ID token is signed")]
    UnknownKey,
    #[error("the signature of the ID token is not the provider's")]
    Forged,
    #[error("the ID token is of another issuer")]
    Issuer,
    #[error("the ID token is for somebody else")]
    Audience,
    #[error("the ID token is for another sign-in")]
    Nonce,
    #[error("the answer is of another provider")]
    Answer,
    #[error("the ID token expired at {}", .0.format("%Y-%m-%d %H:%M:%S UTC"))]
    Expired(DateTime<Utc>),
    #[error("the ID token is of the future; compare the clocks of the provider and the server")]
    Future,
    #[error("the ID token was made at {}, which is too long ago", .0.format("%Y-%m-%d %H:%M:%S UTC"))]
    Old(DateTime<Utc>),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl IdToken {
    /// Checks a token with the keys of the provider. A key that is not known is asked for, at most once a minute.
    ///
    /// # Errors
    /// With the first reason against it.
    pub async fn check(
        text: &str,
        keys: &ProviderKeys,
        audience: &Audience,
        now: DateTime<Utc>,
    ) -> Result<Self, IdTokenRefusal> {
        let header = header(text)?;
        match verify(text, &header, &keys.known().await?, audience, now) {
            Err(IdTokenRefusal::UnknownKey | IdTokenRefusal::Forged) => {
                verify(text, &header, &keys.asked_again().await?, audience, now)
            }
            checked => checked,
        }
    }
}

/// The header of a token that may be an ID token.
fn header(text: &str) -> Result<Header, IdTokenRefusal> {
    if text.len() > LARGEST {
        return Err(IdTokenRefusal::Unreadable);
    }
    let header = jsonwebtoken::decode_header(text).map_err(|_| IdTokenRefusal::Unreadable)?;
    // Providers sign other things with the same keys, and say so here.
    let is_jwt = header.typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    if !is_jwt || header.crit.is_some() {
        return Err(IdTokenRefusal::Unreadable);
    }
    if ALGORITHMS.contains(&header.alg) { Ok(header) } else { Err(IdTokenRefusal::Algorithm) }
}

fn verify(
    text: &str,
    header: &Header,
    keys: &[Jwk],
    audience: &Audience,
    now: DateTime<Utc>,
) -> Result<IdToken, IdTokenRefusal> {
    // Without a name of the key, there must be one alone.
    let mut fitting = keys.iter().filter(|key| fits(key, header));
    let (Some(key), None) = (fitting.next(), fitting.next()) else {
        return Err(IdTokenRefusal::UnknownKey);
    };
    let key = DecodingKey::from_jwk(key).map_err(|_| IdTokenRefusal::UnknownKey)?;
    // The claims are checked below, by the clock of the engine and as exactly as OpenID Connect asks for.
    let mut signature_alone = Validation::new(header.alg);
    signature_alone.required_spec_claims.clear();
    signature_alone.validate_exp = false;
    signature_alone.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Map<String, Value>>(text, &key, &signature_alone);
    let claims = decoded.map_err(|_| IdTokenRefusal::Forged)?.claims;
    check_claims(text, claims, audience, now)
}

fn fits(key: &Jwk, header: &Header) -> bool {
    let family = match &key.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
        AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
        _ => return false,
    };
    let common = &key.common;
    let is_named = header.kid.is_none() || header.kid == common.key_id;
    let signs = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let is_for = common.key_algorithm.is_none_or(|alg| alg == header.alg.into());
    is_named && signs && is_for && family == header.alg.family()
}

fn check_claims(
    text: &str,
    mut claims: Map<String, Value>,
    audience: &Audience,
    now: DateTime<Utc>,
) -> Result<IdToken, IdTokenRefusal> {
    let word = |name: &str| claims.get(name).and_then(Value::as_str);
    if word("iss") != Some(&audience.issuer) {
        return Err(IdTokenRefusal::Issuer);
    }
    let (is_for, is_alone) = match claims.get("aud") {
        Some(Value::String(one)) => (*one == audience.audience, true),
        Some(Value::Array(all)) => {
            (all.iter().any(|one| *one == *audience.audience), all.len() == 1)
        }
        _ => (false, false),
    };
    // Who is named here asked for the token. It must be named if the token is for several.
    let asked_for = claims.get("azp").map_or(is_alone, |azp| *azp == *audience.client_id);
    if !is_for || !asked_for {
        return Err(IdTokenRefusal::Audience);
    }
    if audience.nonce.as_deref().is_some_and(|nonce| word("nonce") != Some(nonce)) {
        return Err(IdTokenRefusal::Nonce);
    }
    let expires = date(&claims, "exp")?.ok_or(IdTokenRefusal::Unreadable)?;
    let made = date(&claims, "iat")?.ok_or(IdTokenRefusal::Unreadable)?;
    let begins = date(&claims, "nbf")?.unwrap_or(made);
    if expires <= now - SKEW {
        return Err(IdTokenRefusal::Expired(expires));
    }
    if made.max(begins) > now + SKEW {
        return Err(IdTokenRefusal::Future);
    }
    if made < now - AGE - SKEW {
        return Err(IdTokenRefusal::Old(made));
    }
    let is_short = |text: &&str| !text.is_empty() && text.len() <= LONGEST;
    let subject = word("sub").filter(is_short).ok_or(IdTokenRefusal::Unreadable)?.to_owned();
    let is_verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let email = word("email").filter(is_short).filter(|text| text.contains('@') && is_verified);
    let email = email.map(str::to_owned);
    if email.is_none() {
        claims.remove("email");
    }
    let signed = text.rsplit_once('.').map_or(text, |(signed, _)| signed);
    Ok(IdToken { subject, email, claims: claims.into(), digest: Hash::of(signed) })
}

/// A time among the claims, to the second.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, IdTokenRefusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = match value {
        // It may have a fraction.
        Value::Number(number) => {
            number.to_string().split('.').next().and_then(|text| text.parse().ok())
        }
        _ => None,
    };
    let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map(Some).ok_or(IdTokenRefusal::Unreadable)
}

#[cfg(test)]
pub(super) mod tests;
