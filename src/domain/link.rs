//! Links to the pages of a server, and the sessions of browsers: what the server has signed, and until when it holds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::chain::Hash;
use super::ids::{BuildNumber, DeploymentId, ServiceName};
use super::token::{TokenId, base64url};

/// The version of what is signed.
const VERSION: &str = "v1";
/// The longest text of a signature; a longer one is not read.
const LONGEST: usize = 200;

/// How long the address that signs a browser in waits for it.
pub const SIGN_IN: Duration = Duration::from_mins(1);
/// The longest time that a browser stays signed in.
pub const BROWSER_SESSION: Duration = Duration::from_hours(12);

/// What a caller asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// When the link ends: by default after a week, at most after 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

/// A link. Whoever has it can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeLink {
    pub url: String,
    pub expires: DateTime<Utc>,
}

/// The session of a browser, as its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    pub text: String,
    pub expires: DateTime<Utc>,
    /// Whether browsers reach the server over TLS alone.
    pub secure: bool,
}

/// Who made a link or a session: what it opens ends with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMaker {
    Token(TokenId),
    /// A user of the server's machine, by the user id.
    User(u32),
}

impl LinkMaker {
    #[must_use]
    pub fn token(self) -> Option<TokenId> {
        match self {
            Self::Token(id) => Some(id),
            Self::User(_) => None,
        }
    }
}

impl fmt::Display for LinkMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "{id}"),
            Self::User(uid) => write!(f, "u{uid}"),
        }
    }
}

impl FromStr for LinkMaker {
    type Err = LinkRefusal;

    fn from_str(text: &str) -> Result<Self, LinkRefusal> {
        let number = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit());
        match text.split_at_checked(1) {
            Some(("t", rest)) if number(rest) => {
                rest.parse().map(|id| Self::Token(TokenId(id))).map_err(|_| LinkRefusal::Unknown)
            }
            Some(("u", rest)) if number(rest) => {
                rest.parse().map(Self::User).map_err(|_| LinkRefusal::Unknown)
            }
            _ => Err(LinkRefusal::Unknown),
        }
    }
}

/// What a signature opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget<'a> {
    /// One deployment and its logs.
    Run(&'a ServiceName, DeploymentId),
    /// Every page that its maker may read.
    Session,
}

/// A key that signs links. Its number is the second in which it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub id: i64,
    secret: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    #[must_use]
    pub fn new(id: i64, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// The key as a line of its file.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{VERSION} {} {}", self.id, Hash(self.secret))
    }

    /// The key of a line that [`Self::line`] wrote.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let rest = line.strip_prefix(VERSION)?.strip_prefix(' ')?;
        let (id, hex) = rest.split_once(' ')?;
        let Hash(secret) = hex.to_owned().try_into().ok()?;
        Some(Self { id: id.parse().ok()?, secret })
    }

    /// The text that opens the target until it expires.
    #[must_use]
    pub fn sign(&self, target: LinkTarget<'_>, expires: DateTime<Utc>, maker: LinkMaker) -> String {
        let (id, seconds) = (self.id, expires.timestamp());
        let mac = self.mac(target, seconds, maker);
        format!("{VERSION}.{id}.{seconds}.{maker}.{mac}")
    }

    fn mac(&self, target: LinkTarget<'_>, expires: i64, maker: LinkMaker) -> String {
        let what = match target {
            LinkTarget::Run(service, DeploymentId(id)) => format!("run|{service}|{id}"),
            LinkTarget::Session => "session".to_owned(),
        };
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length fits");
        mac.update(format!("{VERSION}|{what}|{expires}|{maker}").as_bytes());
        base64url(&mac.finalize().into_bytes())
    }
}

/// A text that may be a signature of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLink {
    pub key: i64,
    pub maker: LinkMaker,
    expires: i64,
    mac: String,
}

impl FromStr for SignedLink {
    type Err = LinkRefusal;

    fn from_str(text: &str) -> Result<Self, LinkRefusal> {
        let parts: Vec<_> = text.split('.').collect();
        let ([VERSION, key, expires, maker, mac], true) = (parts.as_slice(), text.len() <= LONGEST)
        else {
            return Err(LinkRefusal::Unknown);
        };
        let number = |text: &str| text.parse::<i64>().map_err(|_| LinkRefusal::Unknown);
        let (key, expires, maker) = (number(key)?, number(expires)?, maker.parse()?);
        Ok(Self { key, maker, expires, mac: (*mac).to_owned() })
    }
}

impl SignedLink {
    /// Checks that this key made it for this target, and that it holds.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(
        &self,
        key: &SigningKey,
        target: LinkTarget<'_>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, LinkRefusal> {
        let own = key.mac(target, self.expires, self.maker);
        if key.id != self.key || !bool::from(own.as_bytes().ct_eq(self.mac.as_bytes())) {
            return Err(LinkRefusal::Unknown);
        }
        let expires = DateTime::from_timestamp(self.expires, 0).ok_or(LinkRefusal::Unknown)?;
        if expires <= now { Err(LinkRefusal::Expired(expires)) } else { Ok(expires) }
    }
}

/// The page of a service.
#[must_use]
pub fn service_page(service: &ServiceName) -> String {
    format!("/services/{service}")
}

/// The page of a build.
#[must_use]
pub fn build_page(service: &ServiceName, BuildNumber(build): BuildNumber) -> String {
    format!("/services/{service}/builds/{build}")
}

/// The page of a deployment.
#[must_use]
pub fn run_page(service: &ServiceName, DeploymentId(id): DeploymentId) -> String {
    format!("/services/{service}/runs/{id}")
}

/// Why a link or a session opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    #[error("this link does not open this page")]
    Unknown,
    #[error("this link ended at {when}", when = .0.format("%Y-%m-%d %H:%M UTC"))]
    Expired(DateTime<Utc>),
    #[error("this link ended with the token of whoever made it")]
    Revoked,
    /// The session of a browser is over. Nobody guesses who had one.
    #[error("you are not signed in any more")]
    SignedOut,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn key(id: i64, byte: u8) -> SigningKey {
        SigningKey::new(id, [byte; 32])
    }

    const MAKER: LinkMaker = LinkMaker::Token(TokenId(3));

    #[test]
    fn a_signature_opens_its_target_until_it_expires_and_nothing_else() {
        let (service, other) = ("checkout".parse().unwrap(), "checkout.x".parse().unwrap());
        let run = LinkTarget::Run(&service, DeploymentId(57));
        let text = key(1, 7).sign(run, at(1_000), MAKER);
        let signed: SignedLink = text.parse().unwrap();
        assert_eq!(signed.maker, MAKER);
        assert_eq!(signed.check(&key(1, 7), run, at(999)), Ok(at(1_000)));
        assert_eq!(signed.check(&key(1, 7), run, at(1_000)), Err(LinkRefusal::Expired(at(1_000))));
        for target in [
            LinkTarget::Run(&service, DeploymentId(5)),
            LinkTarget::Run(&service, DeploymentId(570)),
            LinkTarget::Run(&other, DeploymentId(57)),
            LinkTarget::Session,
        ] {
            let told = signed.check(&key(1, 7), target, at(999));
            assert_eq!(told, Err(LinkRefusal::Unknown), "{target:?}");
        }
        for key in [key(1, 8), key(2, 7)] {
            assert_eq!(signed.check(&key, run, at(999)), Err(LinkRefusal::Unknown), "{key:?}");
        }
    }

    #[test]
    fn a_signature_that_was_changed_opens_nothing() {
        let text = key(1, 7).sign(LinkTarget::Session, at(1_000), MAKER);
        for at_byte in 0..text.len() {
            for other in ["0", "9", "x", "."] {
                let mut changed = text.clone();
                changed.replace_range(at_byte..=at_byte, other);
                let opens = changed.parse().is_ok_and(|signed: SignedLink| {
                    signed.check(&key(1, 7), LinkTarget::Session, at(1)).is_ok()
                });
                assert!(!opens || changed == text, "{changed}");
            }
        }
        for text in ["", "v1", "v1.1.1.t1", "v2.1.1.t1.x", "v1.1.1.t+1.x", "v1.1.1.t1.x.y"] {
            assert_eq!(text.parse::<SignedLink>(), Err(LinkRefusal::Unknown), "{text}");
        }
        assert!(format!("{text}{}", "x".repeat(200)).parse::<SignedLink>().is_err());
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_its_debug_output_has_no_secret() {
        let key = key(1_790_000_000, 0xa7);
        assert_eq!(SigningKey::of_line(&key.line()), Some(key.clone()));
        assert!(!format!("{key:?}").contains("a7"));
        for line in ["", "v1", "v1 1", "v1 1 a7", "v2 1 00", &format!("v1 x {}", "a7".repeat(32))] {
            assert_eq!(SigningKey::of_line(line), None, "{line}");
        }
    }
}
