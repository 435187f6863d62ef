//! What every command needs: the backend, the service, and the output.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{self, Connected};
use super::error::CliError;
use super::output::{self, Output};
use super::{Global, demo, engine_process};
use crate::backend::Backend;
use crate::backend::engine_place::EnginePlace;
use crate::backend::intents::Intents;
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::config::service_file::{SERVICE_FILE, ServiceFile};
use crate::config::user_file::UserFile;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::{FleetSnapshot, ServiceSnapshot};

/// How long a command waits for an engine that has just started to find its services.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// How long the engine's look at a trunk may take. If it already reports a problem, the wait is this after its next look,
/// which may find what was just committed.
const ONE_LOOK: Duration = Duration::from_secs(1);

/// A connection to the engine, and the global options.
#[derive(Debug)]
pub struct Context {
    pub backend: Remote,
    pub out: Output,
    /// Where commands are saved until their answers come.
    pub intents: Intents,
    pub place: EnginePlace,
    global: Global,
    /// How many services the user file watches; 0 if it cannot be read.
    watched: usize,
    /// How often the engine looks at the trunks.
    poll: Duration,
}

impl Context {
    /// Connects to the engine and starts it if it is not running.
    pub async fn connect(global: Global) -> Result<Self, CliError> {
        if let Some(name) = global.of_profile() {
            let places = Places::discover()?;
            let Settings { user, mistake } = connection::settings_for(&places, name)?;
            if let Some(mistake) = mistake {
                CliError::warn(&format!("{mistake}; the profile {name} is used as it is"));
            }
            let connected = connection::of_profile(&places, &user, name).await?;
            return Ok(Self::new(connected, global, &user));
        }
        let places = places(&global)?;
        let settings = settings(&places)?;
        if let Some(mistake) = settings.mistake {
            CliError::warn(&format!("{mistake}; the running engine uses the last good version"));
        }
        let connected = connection::local(&places, &global).await?;
        Ok(Self::new(connected, global, &settings.user))
    }

    fn new(connected: Connected, global: Global, user: &UserFile) -> Self {
        let Connected { backend, intents, states } = connected;
        let (intents, place) = (Intents::in_folder(intents), states.place);
        let (watched, poll) = (user.services.len(), user.poll);
        Self { backend, out: Output::new(), intents, place, global, watched, poll }
    }

    /// The service named with `--service`.
    pub fn named(&self) -> Option<&ServiceName> {
        self.global.service.as_ref()
    }

    /// The service of the command: the named one, the only one, or the one of this folder.
    pub async fn service(&self) -> Result<ServiceName, CliError> {
        if let Some(service) = self.named() {
            return Ok(service.clone());
        }
        let fleet = self.fleet().await?;
        let mut names: Vec<_> = fleet.services.into_iter().map(|row| row.service).collect();
        // An engine that has just started may know one of several.
        let may_be_one_of_several =
            self.watched > 1 || (self.global.of_profile().is_some() && !fleet.problems.is_empty());
        if names.len() == 1 && !may_be_one_of_several {
            return Ok(names.remove(0));
        }
        let here = std::env::current_dir().ok().and_then(|folder| service_of(&folder));
        if let Some(here) = here.filter(|here| names.contains(here)) {
            return Ok(here);
        }
        if let Some(problem) = fleet.problems.first().filter(|_| names.is_empty()) {
            return Err(CliError::usage(format!("{}; {}", problem.what, problem.remedy)));
        }
        let names: Vec<_> = names.iter().map(ServiceName::as_str).collect();
        Err(CliError::usage(match names.as_slice() {
            [] => "the engine has no service yet; run: trunkline doctor".to_owned(),
            names => format!("several services; add --service with one of {}", names.join(", ")),
        }))
    }

    pub async fn fleet(&self) -> Result<FleetSnapshot, CliError> {
        fleet(&self.backend, FIRST_LOOK, self.poll.saturating_add(ONE_LOOK)).await
    }

    pub async fn snapshot(&self, service: &ServiceName) -> Result<ServiceSnapshot, CliError> {
        let snapshot = self.backend.service(service, None, Duration::ZERO).await?;
        snapshot.ok_or_else(|| CliError::failed(format!("the engine sent no state of {service}")))
    }

    /// The full command line for this service, to copy.
    pub fn command_line(&self, service: &ServiceName, command: &str) -> String {
        format!("trunkline {command} --service {service}{}", self.place.options())
    }
}

/// All services. Waits for an engine that has just started to find them, even if it already reports a problem: the
/// problem may be about something else.
async fn fleet(
    backend: &impl Backend,
    patience: Duration,
    with_problems: Duration,
) -> Result<FleetSnapshot, CliError> {
    let unchanged = || CliError::failed("the engine sent no list of services");
    let deadline = Instant::now() + patience;
    let mut fleet = backend.fleet(None, Duration::ZERO).await?.ok_or_else(unchanged)?;
    let mut problem_said = None;
    while fleet.services.is_empty() {
        let mut wait = deadline.saturating_duration_since(Instant::now());
        if let Some(problem) = fleet.problems.first() {
            let since = *problem_said.get_or_insert_with(|| {
                let what = &problem.what;
                output::note(&format!("{what}; waiting for the engine's next look"));
                Instant::now()
            });
            wait = wait.min((since + with_problems).saturating_duration_since(Instant::now()));
        }
        let Some(later) = backend.fleet(Some(fleet.version.clone()), wait).await? else { break };
        fleet = later;
    }
    Ok(fleet)
}

/// The folders that the global options select.
pub fn places(global: &Global) -> Result<Places, CliError> {
    let places = Places::discover()?;
    if !global.demo {
        return Ok(places);
    }
    let places = demo::places(&places);
    if places.user_file().exists() {
        Ok(places)
    } else {
        Err(CliError::usage("there is no demo yet; run: trunkline demo"))
    }
}

/// The user file, or its defaults and what is wrong with it.
pub struct Settings {
    pub user: UserFile,
    pub mistake: Option<String>,
}

/// Reads the user file. While an engine runs, a mistake in the file does not stop a command: the engine uses the last
/// good version, and a rollback must still work.
pub fn settings(places: &Places) -> Result<Settings, CliError> {
    match UserFile::load(&places.user_file()) {
        Ok(user) if user.services.is_empty() => Err(nothing_watched()),
        Ok(user) => Ok(Settings { user, mistake: None }),
        Err(mistake) if engine_process::answers(&places.socket()) => {
            Ok(Settings { user: UserFile::default(), mistake: Some(mistake.to_string()) })
        }
        Err(mistake) => Err(mistake.into()),
    }
}

pub fn nothing_watched() -> CliError {
    CliError::usage(
        "no service is watched yet; run \"trunkline init\" in its repository, or try \"trunkline demo\"",
    )
}

/// The service file in this folder or in its nearest parent that has one.
pub fn service_file_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(SERVICE_FILE)).find(|file| file.is_file())
}

/// The service of the folder's service file.
pub fn service_of(folder: &Path) -> Option<ServiceName> {
    let text = std::fs::read_to_string(service_file_above(folder)?).ok()?;
    Some(ServiceFile::parse(&text, SERVICE_FILE).ok()?.name)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::backend::scripted::{SERVICE, Scripted};
    use crate::domain::snapshot::Problem;

    fn checkout() -> ServiceName {
        SERVICE.parse().expect("a name")
    }

    /// A backend that has no service and reports a feed that it cannot read.
    fn with_a_problem() -> Scripted {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        backend.change(|world| {
            world.remove_service(&checkout());
            world.trouble(vec![Problem {
                since: DateTime::UNIX_EPOCH,
                what: "a feed cannot be read".into(),
                remedy: "correct it".into(),
            }]);
        });
        backend
    }

    #[tokio::test]
    async fn a_command_waits_for_a_service_although_another_problem_is_reported() {
        let backend = with_a_problem();
        let asking = tokio::spawn({
            let backend = backend.clone();
            async move { fleet(&backend, FIRST_LOOK, ONE_LOOK).await }
        });
        while backend.waiting() == 0 {
            assert!(!asking.is_finished(), "it does not wait");
            tokio::task::yield_now().await;
        }
        backend.change(|world| world.add_service(&checkout()));
        let found = asking.await.expect("it does not panic").expect("it answers");
        assert_eq!(found.services.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_problem_that_stays_is_reported_soon() {
        let began = Instant::now();
        let found = fleet(&with_a_problem(), FIRST_LOOK, ONE_LOOK).await.expect("it answers");
        assert_eq!(found.problems.len(), 1);
        assert!(began.elapsed() < FIRST_LOOK, "{:?}", began.elapsed());
    }
}
