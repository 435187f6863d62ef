//! Asks an engine in the name of a person: with a token of that person, and never with anybody else's.

use serde::Deserialize;

use super::{Engines, NoEngine, OpenedEngine, changed};
use crate::config::engines::{EnginePerson, EngineSettings, TokenSource};
use crate::config::user_file::UserFile;
use crate::domain::remote::{EngineName, RemoteJob};
use crate::engine::runner::remote::client::{CallError, CallUrgency, EngineClient, sentence};

/// What is to be done where no token is the person's.
const INSTEAD: &str = "a reviewer has to approve at GitHub";

/// Whose token it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenOwnerBody {
    login: Option<String>,
}

impl Engines {
    /// Asks the engine of a job with a token of whoever connects with this identity.
    ///
    /// # Errors
    /// With what is missing, where there is no such token.
    pub(in crate::engine::runner::remote) async fn as_presser(
        &self,
        job: &RemoteJob,
        presser: Option<&str>,
    ) -> Result<EngineClient, NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        if let Some(why) = file.unusable(job, &self.file()) {
            return Err(NoEngine::Ever(why));
        }
        let (engine, place) = (&job.engine, self.file());
        let place = file.file_of(engine, &place);
        let settings = file.engines.get(engine);
        let settings =
            settings.ok_or_else(|| NoEngine::Ever(format!("{place} has no [engines.{engine}]")))?;
        let not_known = || NoEngine::Ever(format!("who asks for it is not known: {INSTEAD}"));
        let presser = presser.ok_or_else(not_known)?;
        let Some((name, person)) = settings.person(presser) else {
            let name = presser.strip_prefix("person:").unwrap_or(presser);
            return Err(NoEngine::Ever(format!(
                "{INSTEAD}: {place} has no token of {name} in [engines.{engine}.people]"
            )));
        };
        let client = self.client_as(&file, (engine, job.call.allowed_as()), (name, person))?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        let Some(login) = &person.login else { return Ok(client) };
        let owner = owner(&client).await.map_err(|error| match error {
            CallError::Refused { why, .. } => {
                NoEngine::Ever(format!("{INSTEAD}: whose token it is cannot be asked: {why}"))
            }
            error => NoEngine::Now(error.why().to_owned()),
        })?;
        if owner.eq_ignore_ascii_case(login) {
            return Ok(client);
        }
        Err(NoEngine::Ever(format!("{INSTEAD}: {}", mismatch(engine, (name, person), &owner))))
    }

    /// The login that the token of a person belongs to, as `doctor` tells it.
    ///
    /// # Errors
    /// When it has none that can be used, or that of somebody else.
    pub(super) async fn owner_of_token(
        &self,
        file: &UserFile,
        engine: &EngineName,
        name: &str,
    ) -> Result<String, String> {
        let settings = file.engines.get(engine).ok_or("it is gone")?;
        let person = settings.people.get(name).ok_or("it is gone")?;
        let what = settings.may.first().map_or("", String::as_str);
        let client = self.client_as(file, (engine, what), (name, person));
        let client = client.map_err(|(NoEngine::Ever(why) | NoEngine::Now(why))| why)?;
        client.credential().token().await?;
        let owner = owner(&client).await.map_err(|error| error.why().to_owned())?;
        let is_theirs =
            person.login.as_ref().is_none_or(|login| login.eq_ignore_ascii_case(&owner));
        if is_theirs { Ok(owner) } else { Err(mismatch(engine, (name, person), &owner)) }
    }

    /// The client with a person's own token, or with that of the engine if this may be theirs.
    fn client_as(
        &self,
        file: &UserFile,
        (engine, what): (&EngineName, &str),
        (name, person): (&str, &EnginePerson),
    ) -> Result<EngineClient, NoEngine> {
        let no_such = || NoEngine::Ever(format!("{} has no [engines.{engine}]", self.file()));
        let settings = file.engines.get(engine).ok_or_else(no_such)?;
        let client = match (&person.token, &settings.token) {
            (Some(token), _) => self.client_of(engine, (name, token), settings)?,
            (None, Some(TokenSource::App(_))) => {
                return Err(NoEngine::Ever(format!(
                    "{INSTEAD}: the token of {engine} is that of an App, and none of {name} is there"
                )));
            }
            (None, _) => self.client(file, engine, what)?.1,
        };
        Ok(client.with_urgency(CallUrgency::Act))
    }

    /// The client with a person's token. It is the one from before, as long as the settings are.
    fn client_of(
        &self,
        engine: &EngineName,
        (name, token): (&str, &TokenSource),
        settings: &EngineSettings,
    ) -> Result<EngineClient, NoEngine> {
        let settings = EngineSettings { token: Some(token.clone()), ..settings.clone() };
        let ca_changed = settings.ca.as_deref().and_then(changed);
        let key = (engine.clone(), name.to_owned());
        let mut opened = self.opened();
        let is_same =
            |known: &&OpenedEngine| known.settings == settings && known.ca_changed == ca_changed;
        if let Some(known) = opened.people.get(&key).filter(is_same) {
            return Ok(known.client.clone());
        }
        let client = self.client_anew(&mut opened, &(engine.clone(), None), &settings)?;
        let known = OpenedEngine { settings, ca_changed, client: client.clone() };
        opened.people.insert(key, known);
        Ok(client)
    }
}

/// The login that a token belongs to.
async fn owner(client: &EngineClient) -> Result<String, CallError> {
    let read = client.read::<TokenOwnerBody>("/user").await?;
    let login = read.and_then(|read| read.value.login.clone()).unwrap_or_default();
    if login.is_empty() {
        return Err(CallError::Lost("it does not tell whose token it is".into()));
    }
    Ok(sentence(&login))
}

fn mismatch(engine: &EngineName, (name, person): (&str, &EnginePerson), owner: &str) -> String {
    let of = if person.token.is_some() { name } else { engine.as_str() };
    let login = person.login.as_deref().unwrap_or_default();
    format!("the token of {of} is @{owner}'s, and {name} is @{login}")
}
