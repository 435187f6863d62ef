//! Tokens: what an administrator grants to a person, and the text that proves it.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::AccessRole;
use super::chain::Hash;
use super::ids::ServiceName;
use crate::gate;
use crate::settings::name::check_service_name;

/// The most characters of a person's name or address.
const LONGEST: usize = 100;
/// The most services that a token names.
const MOST_SERVICES: usize = 100;
/// How the text of a token begins.
const LEAD: &str = "tl_";
/// The characters of 32 bytes in base64url.
const BODY: usize = 43;
/// The characters of the checksum, by which scanners tell a token from other text.
const CHECK: usize = 6;

/// Numbers tokens; shown as `t3`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct TokenId(pub u64);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("t{}", self.0))
    }
}

impl std::str::FromStr for TokenId {
    type Err = std::num::ParseIntError;

    /// Accepts `3` and `t3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('t').unwrap_or(text).parse().map(Self)
    }
}

/// What an administrator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the token is for: `laptop`. Like a service's name, and unique among the tokens in force.
    pub name: String,
    /// Whose token it is: the name of an entry of `[people]` of the services, where they have one.
    pub person: String,
    /// The address of this person in commits, for services that do not list the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub role: AccessRole,
    /// The only services that exist for the token; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<ServiceName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

impl NewToken {
    /// Checks the texts.
    ///
    /// # Errors
    /// With a sentence about the first mistake.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), String> {
        if check_service_name(&self.name).is_err() {
            let rule = "use 1 to 40 of a-z 0-9 - _ . and begin with a letter or digit";
            return Err(format!("{:?} is not a name for a token; {rule}", self.name));
        }
        check_person(&self.person)?;
        if let Some(email) = &self.email {
            check_text("an address", email)?;
        }
        match &self.services {
            Some(services) if services.is_empty() => {
                return Err("a token for no service opens nothing; name a service".into());
            }
            Some(services) if services.len() > MOST_SERVICES => {
                return Err(format!("a token names at most {MOST_SERVICES} services"));
            }
            Some(_) if self.role == AccessRole::Admin => {
                let why = "an admin manages the tokens of all services";
                return Err(format!("{why}; take the role deployer, or name no service"));
            }
            _ => {}
        }
        match self.expires {
            Some(expires) if expires <= now => Err("the token would be expired already".into()),
            _ => Ok(()),
        }
    }
}

/// A person's name must not look like another actor of the record.
///
/// # Errors
/// With a sentence about it, if it does.
pub fn check_person(name: &str) -> Result<(), String> {
    check_text("a person's name", name)?;
    let is_taken = name.eq_ignore_ascii_case("trunkline")
        || name.starts_with("login ")
        || name.contains(" at ");
    if is_taken {
        return Err(format!(
            "{name:?} would look like somebody else in the record; choose another"
        ));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    let is_good = !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= LONGEST
        && !text.chars().any(|c| c.is_control() || gate::is_hidden(c));
    if is_good {
        return Ok(());
    }
    let rule = format!("write 1 to {LONGEST} visible characters, without blanks at the ends");
    Err(format!("{text:?} is not {what}; {rule}"))
}

/// A token as everybody who manages tokens sees it: without its text, which nobody has but its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub person: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub role: AccessRole,
    /// The only services that exist for the token; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<ServiceName>>,
    pub created_by: String,
    pub created: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// It is the session of somebody who signed in, and ends by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
}

/// Who revoked a token, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    pub by: String,
    pub at: DateTime<Utc>,
}

impl Token {
    /// Whether it opens the server at this time.
    ///
    /// # Errors
    /// With the reason, if it does not.
    pub fn in_force(&self, now: DateTime<Utc>) -> Result<(), TokenRefusal> {
        match (&self.revoked, self.expires) {
            (Some(_), _) => Err(TokenRefusal::Revoked(self.name.clone())),
            (None, Some(expires)) if expires <= now => {
                Err(TokenRefusal::Expired(self.name.clone(), expires))
            }
            _ => Ok(()),
        }
    }
}

/// Why a token opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("this token is not known here")]
    Unknown,
    #[error("the token {0:?} was revoked")]
    Revoked(String),
    #[error("the token {0:?} expired at {when}", when = .1.format("%Y-%m-%d %H:%M UTC"))]
    Expired(String, DateTime<Utc>),
}

/// A new token and its text, which is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    pub token: Token,
    pub secret: TokenSecret,
}

/// The text of a token. Whoever has it is the token's person to the server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^tl_[A-Za-z0-9_-]{49}$")]
pub struct TokenSecret(String);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TokenSecret {
    /// The text of a token made of these random bytes.
    #[must_use]
    pub fn of(random: [u8; 32]) -> Self {
        let body = base64url(&random);
        let check = checksum(&body);
        Self(format!("{LEAD}{body}{check}"))
    }

    /// The token that a text is.
    ///
    /// # Errors
    /// If the text is not one that trunkline made: a part of it got lost, or it is something else.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let rest = text.strip_prefix(LEAD).filter(|rest| rest.is_ascii()).ok_or(NotAToken)?;
        let (body, check) = rest.split_at_checked(BODY).ok_or(NotAToken)?;
        if check == checksum(body) { Ok(Self(text.to_owned())) } else { Err(NotAToken) }
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the server keeps of it.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Hash::of(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token of trunkline: it begins with tl_ and has 52 characters")]
pub struct NotAToken;

fn checksum(body: &str) -> String {
    let mut check = base64url(&Hash::of(body).0);
    check.truncate(CHECK);
    check
}

/// Bytes as text, by RFC 4648.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0, |bits: u32, at| bits << 8 | group.get(at).map_or(0, |byte| u32::from(*byte)));
        for at in 0..=group.len() {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(char::from(letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewToken {
        NewToken {
            name: "laptop".into(),
            person: "Raj Patel".into(),
            email: None,
            role: AccessRole::Deployer,
            services: None,
            expires: None,
        }
    }

    #[test]
    fn a_token_s_text_is_told_from_any_other_and_never_printed_by_accident() {
        let secret = TokenSecret::of([7; 32]);
        assert_eq!(secret.expose().len(), 52);
        assert!(secret.expose().starts_with("tl_BwcHBwcH"), "{}", secret.expose());
        assert_eq!(TokenSecret::parse(secret.expose()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "***");
        let text = secret.expose();
        let other = text.replacen('B', "C", 1);
        let broken =
            ["", "tl_", &text[..51], &other, &format!("{text} "), &text.replace("tl_", "")];
        for text in broken {
            assert_eq!(TokenSecret::parse(text), Err(NotAToken), "{text:?}");
        }
    }

    #[test]
    fn base64url_is_that_of_rfc_4648() {
        for (bytes, text) in [("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_token_cannot_be_made_for_what_looks_like_somebody_else_or_opens_nothing() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(new().check(now), Ok(()));
        let person = |person: &str| NewToken { person: person.into(), ..new() };
        let one = Some(BTreeSet::from(["checkout".parse().unwrap()]));
        let wrong = [
            person(""),
            person(" raj"),
            person("r\u{202e}aj"),
            person("Trunkline"),
            person("login raj"),
            person("raj at argo"),
            NewToken { name: "My laptop".into(), ..new() },
            NewToken { services: Some(BTreeSet::new()), ..new() },
            NewToken { services: one, role: AccessRole::Admin, ..new() },
            NewToken { expires: Some(now), ..new() },
            NewToken { email: Some("a\nb".into()), ..new() },
        ];
        for new in wrong {
            assert!(new.check(now).is_err(), "{new:?}");
        }
    }
}
