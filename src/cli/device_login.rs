//! Signs in at the provider of a server, and renews the session without asking the user.

use super::error::CliError;
use super::kept::{Kept, KeptFile, KeptSession};
use super::output::Output;
use crate::backend::BackendError;
use crate::backend::remote::Remote;
use crate::domain::sign_in::{OidcOffer, SignInRequest};
use crate::domain::token::{MadeToken, TokenId, TokenSecret};
use crate::oidc::{DeviceLogin, ProviderError, ProviderTokens};

/// The most characters of a provider's text that are shown.
const SHOWN: usize = 300;

/// Signs in: the user approves in a browser, on any device.
pub async fn ask(server: &Remote, provider: OidcOffer, out: Output) -> Result<Kept, CliError> {
    let login = DeviceLogin::at(provider.clone()).await.map_err(|why| failed(&why))?;
    let waiting = login.begin().await.map_err(|why| failed(&why))?;
    // These are the provider's words.
    let shown = |text: &str| text.chars().take(SHOWN).collect::<String>();
    out.line(format!("to sign in, open {}", shown(&waiting.address)))?;
    out.line(format!("and enter the code {}", shown(&waiting.user_code)))?;
    if let Some(whole) = &waiting.whole_address {
        out.line(format!("or open {}", shown(whole)))?;
    }
    let tokens = waiting.approved().await.map_err(|why| failed(&why))?;
    let session = |made: &MadeToken, refresh_token| {
        Some(KeptSession { id: made.token.id, provider: provider.clone(), refresh_token })
    };
    let ProviderTokens { id_token, refresh_token } = tokens;
    let made = server.sign_in(&shown_to_server(id_token, None)?).await?;
    Ok(Kept { session: session(&made, refresh_token), token: made.secret })
}

/// Another token than this one, which the server does not take any more: one of another login since, or of a new session.
///
/// # Errors
/// When there is none. The user has to sign in again, or to wait for the provider.
pub async fn renewed(
    server: &Remote,
    file: &KeptFile,
    refused: &TokenSecret,
) -> Result<TokenSecret, CliError> {
    // Others may be renewing it, and a provider may take a refresh token once.
    let _alone = file.lock().await?;
    let ended = || CliError::usage("the session has ended");
    let kept = file.read()?.ok_or_else(ended)?;
    if kept.token != *refused {
        return Ok(kept.token);
    }
    let session = kept.session.ok_or_else(ended)?;
    let refresh_token = session.refresh_token.clone().ok_or_else(ended)?;
    let login = DeviceLogin::at(session.provider.clone()).await.map_err(|why| failed(&why))?;
    let given = match login.refresh(&refresh_token).await {
        // It will not be taken later either.
        Err(why) if why.is_final() => {
            let session = KeptSession { refresh_token: None, ..session };
            file.write(&Kept { token: kept.token, session: Some(session) })?;
            return Err(failed(&why));
        }
        given => given.map_err(|why| failed(&why))?,
    };
    let session = KeptSession {
        refresh_token: Some(given.refresh_token.unwrap_or(refresh_token)),
        ..session
    };
    // The old one may be worthless by now, whatever the server says.
    file.write(&Kept { token: kept.token.clone(), session: Some(session.clone()) })?;
    let made = match server.sign_in(&shown_to_server(given.id_token, Some(session.id))?).await {
        // Asking again would change nothing. After another refusal it may.
        Err(why @ BackendError::NoSession(_)) => {
            let session = KeptSession { refresh_token: None, ..session };
            file.write(&Kept { token: kept.token, session: Some(session) })?;
            return Err(why.into());
        }
        made => made?,
    };
    let session = KeptSession { id: made.token.id, ..session };
    file.write(&Kept { token: made.secret.clone(), session: Some(session) })?;
    Ok(made.secret)
}

/// Ends a session at its provider.
pub async fn forget(session: KeptSession) {
    let Some(refresh_token) = session.refresh_token else { return };
    if let Ok(login) = DeviceLogin::at(session.provider).await {
        login.forget(&refresh_token).await;
    }
}

fn shown_to_server(
    id_token: Option<String>,
    renews: Option<TokenId>,
) -> Result<SignInRequest, CliError> {
    let none =
        || CliError::failed("the provider gave no ID token; it has to support OpenID Connect");
    Ok(SignInRequest { id_token: id_token.ok_or_else(none)?, renews })
}

fn failed(why: &ProviderError) -> CliError {
    CliError::failed(format!("not signed in: {why}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::problem::{ProblemDocument, ProblemKind};
    use crate::api::{API, API_HEADER};
    use crate::backend::Backend as _;
    use crate::backend::remote::{RenewToken, ServerAddress};

    fn token(byte: u8) -> TokenSecret {
        TokenSecret::of([byte; 32])
    }

    /// A provider and a server at one address. Both refuse with these.
    async fn refusing(provider: Option<&'static str>, server: ProblemKind) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = url.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 64 * 1024];
                let length = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let (status, body) = match (head.split(' ').nth(1).unwrap(), provider) {
                    ("/.well-known/openid-configuration", _) => (200, described(&issuer)),
                    ("/token", Some(error)) => (400, json!({ "error": error })),
                    ("/token", None) => (200, json!({ "id_token": "x", "refresh_token": "next" })),
                    _ => {
                        let document = ProblemDocument::new(server, "no");
                        (document.status, serde_json::to_value(document).unwrap())
                    }
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\n{API_HEADER}: {API}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    fn described(issuer: &str) -> Value {
        json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "token_endpoint": format!("{issuer}/token") })
    }

    #[tokio::test]
    async fn only_a_refusal_for_good_takes_the_way_to_renew_a_session() {
        use ProblemKind::{NoSession, NotAllowed, NotSignedIn, TooManyAttempts, Unreachable};
        let next = Some("next");
        let cases = [
            (None, NotAllowed, next),
            (None, NotSignedIn, next),
            (None, TooManyAttempts, next),
            (None, Unreachable, next),
            (None, NoSession, None),
            (Some("temporarily_unavailable"), NotAllowed, Some("first")),
            (Some("invalid_grant"), NotAllowed, None),
        ];
        for (provider, server, left) in cases {
            let url = refusing(provider, server).await;
            let folder = tempfile::tempdir().unwrap();
            let file = KeptFile::in_folder(folder.path());
            let (issuer, client_id) = (url.clone(), "trunkline".to_owned());
            let session = KeptSession {
                id: TokenId(1),
                provider: OidcOffer { issuer, client_id, scopes: Vec::new() },
                refresh_token: Some("first".into()),
            };
            file.write(&Kept { token: token(1), session: Some(session) }).unwrap();
            let at = Remote::at_entrance(url, None).unwrap();
            assert!(renewed(&at, &file, &token(1)).await.is_err());
            let kept = file.read().unwrap().unwrap().session.unwrap().refresh_token;
            assert_eq!(kept.as_deref(), left, "{provider:?} {server:?}");
        }
    }

    #[tokio::test]
    async fn a_session_is_renewed_when_it_has_ended_and_not_when_something_is_not_allowed() {
        for (kind, renewals) in [(ProblemKind::NotSignedIn, 1), (ProblemKind::NotAllowed, 0)] {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = count.clone();
            let renew = RenewToken(Arc::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                Box::pin(async { Some(token(2)) })
            }));
            let url = refusing(None, kind).await;
            let (token, renew) = (token(1), Some(renew));
            let address =
                ServerAddress { url, ca: None, token, renew, profile: None, by_command: false };
            let asked = Remote::at(address).unwrap().who_am_i().await;
            assert!(asked.is_err() && count.load(Ordering::Relaxed) == renewals, "{asked:?}");
        }
    }
}
