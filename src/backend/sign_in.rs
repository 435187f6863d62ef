//! Signing in at the server: checks an ID token of the provider, and says who that is here and what they may do.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::api::path;
use crate::config::server_file::{OidcSettings, RoleRule, ServerPerson};
use crate::domain::chain::Hash;
use crate::domain::link::BROWSER_SESSION;
use crate::domain::sign_in::{BrowserKey, OidcOffer, ProviderAnswer, SignInRefusal};
use crate::domain::token::{NewToken, check_person};
use crate::oidc::{
    Audience, BrowserClient, ClientSecret, IdToken, IdTokenRefusal, ProviderError, ProviderKeys,
};

/// What everybody asks the provider for: who it is.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];
/// What a client asks for besides: to be asked no more for a while.
const OFFLINE: &str = "offline_access";
/// How many browsers may have the provider asked at once. Strangers can send some too.
const AT_ONCE: usize = 8;
/// Where a browser comes back to.
const BACK: &str = path::SIGN_IN_ANSWER;

/// The provider that a server trusts, and whom the server knows.
pub struct Provider {
    settings: OidcSettings,
    people: BTreeMap<String, ServerPerson>,
    keys: ProviderKeys,
    audience: Audience,
    browser: BrowserClient,
    places: Semaphore,
}

impl Provider {
    /// # Errors
    /// When the issuer is no address for this, or TLS cannot be set up.
    pub fn new(
        settings: OidcSettings,
        people: BTreeMap<String, ServerPerson>,
    ) -> Result<Self, ProviderError> {
        let keys = ProviderKeys::of(&settings.issuer)?;
        let OidcSettings { issuer, audience, client_id, scopes, browser, .. } = settings.clone();
        let scopes = SCOPES.map(str::to_owned).into_iter().chain(scopes).collect();
        let audience = Audience { issuer, audience, client_id, nonce: None };
        // An ID token for a client of its own is for that one.
        let own = browser.client_id.map(|id| Audience {
            audience: id.clone(),
            client_id: id,
            ..audience.clone()
        });
        let own = own.unwrap_or_else(|| audience.clone());
        let browser = BrowserClient { audience: own, secret: None, scopes };
        let places = Semaphore::new(AT_ONCE);
        Ok(Self { settings, people, keys, audience, browser, places })
    }

    /// The server shows this secret where browsers sign in.
    #[must_use]
    pub fn with_secret(mut self, secret: Option<ClientSecret>) -> Self {
        self.browser.secret = secret;
        self
    }

    /// Its name, which is an address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// What a client has to know of it.
    pub(super) fn offer(&self) -> OidcOffer {
        let OidcSettings { issuer, client_id, scopes, .. } = self.settings.clone();
        let own = SCOPES.into_iter().chain([OFFLINE]).map(str::to_owned);
        OidcOffer { issuer, client_id, scopes: own.chain(scopes).collect() }
    }

    /// What a browser keeps that reaches this server at `public_url`, and where it signs in.
    pub(super) async fn send_away(
        &self,
        public_url: &str,
    ) -> Result<(BrowserKey, String), SignInRefusal> {
        let begun = self.browser.begin(&self.keys, &format!("{public_url}{BACK}")).await;
        begun.map_err(|why| SignInRefusal::Unavailable(why.to_string()))
    }

    /// The session of whoever brings this answer in a browser, and the digest of the ID token.
    pub(super) async fn browser_session(
        &self,
        answer: &ProviderAnswer,
        public_url: &str,
        now: DateTime<Utc>,
    ) -> Result<(NewToken, Hash), SignInRefusal> {
        let busy = |_| SignInRefusal::Unavailable("too many sign in at once; try again".into());
        let _place = self.places.try_acquire().map_err(busy)?;
        let back = format!("{public_url}{BACK}");
        let checked = self.browser.checked(&self.keys, answer, &back, now).await;
        let checked = checked.map_err(|why| match why {
            IdTokenRefusal::Provider(why) if !matches!(why, ProviderError::Refused { .. }) => {
                SignInRefusal::Unavailable(why.to_string())
            }
            why => SignInRefusal::Refused(format!("{why}; sign in again")),
        })?;
        let length = self.settings.session.min(BROWSER_SESSION);
        self.session_of(&checked, ("browser", length), now)
    }

    /// The session of whoever has this ID token, and the token's digest.
    pub(super) async fn session(
        &self,
        id_token: &str,
        now: DateTime<Utc>,
    ) -> Result<(NewToken, Hash), SignInRefusal> {
        let checked = IdToken::check(id_token, &self.keys, &self.audience, now).await;
        let checked = checked.map_err(|why| match why {
            IdTokenRefusal::Provider(why) => SignInRefusal::Unavailable(why.to_string()),
            why => SignInRefusal::Refused(format!("{why}; sign in again")),
        })?;
        self.session_of(&checked, ("session", self.settings.session), now)
    }

    /// The session of whom an ID token names, of a kind and a length.
    fn session_of(
        &self,
        checked: &IdToken,
        (kind, length): (&str, Duration),
        now: DateTime<Utc>,
    ) -> Result<(NewToken, Hash), SignInRefusal> {
        let (person, email) = self.person(checked).map_err(SignInRefusal::Refused)?;
        let rule = self.settings.roles.iter().find(|rule| is_met(rule, &checked.claims));
        let RoleRule { role, services, .. } = rule.cloned().ok_or_else(|| {
            let why = format!("{person} has no role here");
            SignInRefusal::NoSession(format!(
                "{why}; whoever runs the server adds one to [[oidc.roles]]"
            ))
        })?;
        let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        let expires = now.checked_add_signed(length);
        let number: String = checked.digest.to_string().chars().take(12).collect();
        let name = format!("{kind}-{number}");
        Ok((NewToken { name, person, email, role, services, expires }, checked.digest))
    }

    /// The name and the address of the person: of the one whom the server knows, else the address alone. What a person can
    /// change at the provider without a check counts for nothing: such a name could be a colleague's.
    fn person(&self, id_token: &IdToken) -> Result<(String, Option<String>), String> {
        let IdToken { subject, email, .. } = id_token;
        let is_own = |own: &String| email.as_ref().is_some_and(|e| own.eq_ignore_ascii_case(e));
        let by_subject = self.people.iter().find(|(_, one)| one.subjects.contains(subject));
        let by_email = || self.people.iter().find(|(_, one)| one.person.emails.iter().any(is_own));
        match (by_subject.or_else(by_email), email) {
            (Some((name, one)), email) => {
                let own = one.person.emails.first();
                Ok((name.clone(), own.or(email.as_ref()).cloned()))
            }
            (None, Some(email)) => {
                check_person(email)?;
                Ok((email.clone(), Some(email.clone())))
            }
            (None, None) => Err(format!(
                "the provider has verified no address of {subject:?}; whoever runs the server adds it to subjects in [people]"
            )),
        }
    }
}

fn is_met(rule: &RoleRule, claims: &Value) -> bool {
    let found = if rule.claim.starts_with('/') {
        claims.pointer(&rule.claim)
    } else {
        claims.get(&rule.claim)
    };
    match found {
        Some(Value::String(one)) => *one == rule.value,
        Some(Value::Array(all)) => all.iter().any(|one| *one == *rule.value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::server_file::BrowserSettings;
    use crate::domain::caller::AccessRole;
    use crate::domain::people::Person;

    fn provider() -> Provider {
        let rule = |claim: &str, value: &str, role| RoleRule {
            claim: claim.into(),
            value: value.into(),
            role,
            services: None,
        };
        let settings = OidcSettings {
            issuer: "https://login.example.org".into(),
            client_id: "trunkline".into(),
            audience: "trunkline".into(),
            scopes: vec!["groups".into()],
            session: Duration::from_hours(12),
            browser: BrowserSettings::default(),
            roles: vec![
                rule("groups", "sre", AccessRole::Admin),
                rule("/realm/roles", "dev", AccessRole::Deployer),
                rule("email", "kim@example.org", AccessRole::Viewer),
            ],
        };
        let raj = Person { emails: vec!["raj@example.org".into()], ..Person::default() };
        let raj = ServerPerson { person: raj, subjects: vec!["7".into()] };
        Provider::new(settings, [("Raj Patel".to_owned(), raj)].into()).unwrap()
    }

    fn person(subject: &str, email: Option<&str>) -> Result<(String, Option<String>), String> {
        let (subject, email) = (subject.to_owned(), email.map(str::to_owned));
        let claims = json!({ "name": "Raj Patel", "preferred_username": "Raj Patel" });
        provider().person(&IdToken { subject, email, claims, digest: Hash([0; 32]) })
    }

    #[test]
    fn a_person_is_known_by_subject_or_verified_address_never_by_a_name() {
        let raj = Ok(("Raj Patel".to_owned(), Some("raj@example.org".to_owned())));
        assert_eq!(person("7", None), raj);
        assert_eq!(person("7", Some("other@example.org")), raj);
        assert_eq!(person("8", Some("RAJ@example.org")), raj);
        let kim = "kim@example.org".to_owned();
        assert_eq!(person("8", Some("kim@example.org")), Ok((kim.clone(), Some(kim))));
        assert!(person("8", None).unwrap_err().contains("subjects"));
        assert!(person("8", Some("login raj@example.org")).is_err(), "looks like an actor");
    }

    #[test]
    fn the_first_role_that_is_met_counts_and_without_one_nobody_comes_in() {
        let provider = provider();
        let role = |claims: Value| {
            let found = provider.settings.roles.iter().find(|rule| is_met(rule, &claims));
            found.map(|rule| rule.role)
        };
        assert_eq!(role(json!({ "groups": ["dev", "sre"] })), Some(AccessRole::Admin));
        assert_eq!(role(json!({ "groups": "sre" })), Some(AccessRole::Admin));
        assert_eq!(role(json!({ "realm": { "roles": ["dev"] } })), Some(AccessRole::Deployer));
        assert_eq!(role(json!({ "email": "kim@example.org" })), Some(AccessRole::Viewer));
        for none in
            [json!({}), json!({ "groups": ["sre-old"] }), json!({ "groups": { "sre": true } })]
        {
            assert_eq!(role(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn what_a_client_asks_for_names_no_secret() {
        let offer = provider().offer();
        assert_eq!(offer.scopes, ["openid", "email", "profile", "offline_access", "groups"]);
    }
}
