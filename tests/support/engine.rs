//! A real engine over a real repository: what a test needs to merge, watch and command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::embedded::Embedded;
use trunkline::config::user_file::Watched;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command, Receipt, Refusal};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IdempotencyKey, ServiceName};
use trunkline::domain::log::LogFrom;
use trunkline::domain::plan::{Guard, Plan};
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};
use trunkline::engine::clock::{Clock, SystemClock};
use trunkline::engine::{CommandError, Engine, EngineOptions, Handle, RemoteTimes, Services};

use crate::PATIENCE;
use crate::program;
use crate::repository::Repository;

/// A service file whose steps only note that they ran, in a file beside the repository.
pub const QUICK: &str = r#"
service = "checkout"
trunk = "main"
[policy]
soak = "0s"
verify = "step:smoke"
[people.ann]
emails = ["ann@example.com"]
[people.raj]
emails = ["raj@example.com"]
[[staging.steps]]
name = "release"
run = "echo staging $TRUNKLINE_BUILD"
[[staging.steps]]
name = "smoke"
run = ["true"]
[[production.steps]]
name = "release"
run = "./release"
timeout = "1m"
[[rollback.steps]]
name = "release"
run = "echo back to $TRUNKLINE_BUILD"
"#;

/// A release step that does what the file `gate` beside the data folder says: it waits while that is there.
pub const RELEASE: &str = r#"#!/bin/sh
echo "ran $TRUNKLINE_BUILD $TRUNKLINE_KIND" >> "$RAN"
i=1
while [ $i -le 20 ]; do echo "line $i of 20"; i=$((i + 1)); done
while [ -e "$GATE" ]; do sleep 0.02; done
echo released
"#;

fn watched(address: &str, folder: Option<&str>) -> Watched {
    let folder = folder.map(str::to_owned);
    Watched { repository: address.to_owned(), folder, trunk: None }
}

pub struct World {
    pub repository: Repository,
    pub service: ServiceName,
    folder: tempfile::TempDir,
    handle: Option<Handle>,
    /// What the shell that starts the engine has exported.
    pub exported: BTreeMap<String, String>,
    /// How often the engine looks at the repository by itself.
    pub poll: Duration,
    /// How long GitHub is waited for.
    pub remote_times: RemoteTimes,
}

impl World {
    /// A repository with this service file and the release step, not yet watched.
    pub fn with_file(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            repository: Repository::new(),
            service: "checkout".parse().unwrap(),
            folder,
            handle: None,
            exported: std::env::vars().collect(),
            poll: Duration::from_millis(50),
            remote_times: RemoteTimes::default(),
        };
        world.repository.write("trunkline.toml", file);
        world.repository.write_script("release", &world.fill(RELEASE));
        world.repository.commit_all("Ann", "ann@example.com", "begin");
        world
    }

    /// The same, watched by an engine.
    pub async fn open(file: &str) -> Self {
        let mut world = Self::with_file(file);
        world.start().await;
        world
    }

    fn fill(&self, script: &str) -> String {
        let ran = format!("RAN='{}'", self.ran_file().display());
        let gate = format!("GATE='{}'", self.gate().display());
        script.replacen('\n', &format!("\n{ran}\n{gate}\n"), 1)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn gate(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    fn ran_file(&self) -> PathBuf {
        self.folder.path().join("ran")
    }

    /// What the release steps noted, one line for each time that one ran.
    pub fn ran(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.ran_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// From now on release steps wait until the gate is opened.
    pub fn close_gate(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }

    pub fn open_gate(&self) {
        std::fs::remove_file(self.gate()).unwrap();
    }

    pub async fn start(&mut self) {
        let address = self.repository.address().to_owned();
        self.start_at(&address).await;
    }

    /// Starts over a repository that is somewhere else by now.
    pub async fn start_at(&mut self, address: &str) {
        self.open_engine(vec![watched(address, None)], program()).await;
    }

    /// Starts with another program for the supervisors.
    pub async fn start_with(&mut self, program: PathBuf) {
        let watched = watched(self.repository.address(), None);
        self.open_engine(vec![watched], program).await;
    }

    /// Starts with several services in one repository.
    pub async fn start_folders(&mut self, folders: &[Option<&str>]) {
        let address = self.repository.address();
        let all = folders.iter().map(|folder| watched(address, *folder)).collect();
        self.open_engine(all, program()).await;
    }

    /// Starts with a user file that names the trunk.
    pub async fn start_on(&mut self, trunk: &str) {
        let watched = watched(self.repository.address(), None);
        let watched = Watched { trunk: Some(trunk.to_owned()), ..watched };
        self.open_engine(vec![watched], program()).await;
    }

    /// Starts as the program does, by a user file with these settings before its services.
    pub async fn start_by_file(&mut self, settings: &str) {
        self.write_user_file(settings);
        self.start_by_file_as_it_is().await;
    }

    /// The same with the user file that is there.
    pub async fn start_by_file_as_it_is(&mut self) {
        let services = Services::File(self.user_file());
        self.open_options(services, program(), Arc::new(SystemClock)).await;
    }

    pub fn user_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Writes the user file: these settings, then the repository as the one service.
    pub fn write_user_file(&self, settings: &str) {
        let service = format!("[[services]]\nrepository = {:?}\n", self.repository.address());
        std::fs::write(self.user_file(), format!("{settings}\n{service}")).unwrap();
    }

    /// Starts by another clock than the machine's.
    pub async fn start_by(&mut self, clock: Arc<dyn Clock>) {
        let watched = watched(self.repository.address(), None);
        self.open_by(vec![watched], program(), clock).await;
    }

    async fn open_engine(&mut self, watched: Vec<Watched>, program: PathBuf) {
        self.open_by(watched, program, Arc::new(SystemClock)).await;
    }

    async fn open_by(&mut self, watched: Vec<Watched>, program: PathBuf, clock: Arc<dyn Clock>) {
        self.open_options(Services::Fixed(watched), program, clock).await;
    }

    async fn open_options(&mut self, services: Services, program: PathBuf, clock: Arc<dyn Clock>) {
        let options = EngineOptions {
            data: self.data(),
            lock: None,
            services,
            server_file: None,
            environment: self.exported.clone(),
            program,
            poll: self.poll,
            owner: None,
            people: BTreeMap::new(),
            demo: false,
            remote_times: self.remote_times,
            clock,
        };
        self.handle = Some(Box::pin(Engine::open(options)).await.unwrap());
    }

    /// Stops the engine; what runs goes on.
    pub async fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown().await;
        }
    }

    pub fn handle(&self) -> &Handle {
        self.handle.as_ref().unwrap()
    }

    pub fn backend(&self, login: &str) -> Embedded {
        Embedded::new(self.handle().clone(), Caller::in_process(login))
    }

    /// Waits until the service's snapshot tells what is asked for.
    pub async fn until<T>(&self, what: &str, tells: impl Fn(&ServiceSnapshot) -> Option<T>) -> T {
        let backend = self.backend("raj");
        let seen = std::cell::RefCell::new(String::new());
        let waiting = async {
            let mut after = None;
            let mut changes = self.handle().changes();
            loop {
                // The service may not be known yet, and then only the fleet changes.
                match backend.service(&self.service, after.clone(), Duration::from_secs(1)).await {
                    Ok(Some(snapshot)) => {
                        if let Some(told) = tells(&snapshot) {
                            return told;
                        }
                        *seen.borrow_mut() = format!("{snapshot:#?}");
                        after = Some(snapshot.version);
                    }
                    Ok(None) => {}
                    Err(_) => changes.changed().await.unwrap(),
                }
            }
        };
        let told = tokio::time::timeout(PATIENCE, waiting).await;
        told.unwrap_or_else(|_| panic!("not within a minute: {what}; last seen: {}", seen.borrow()))
    }

    pub async fn until_build(&self, what: &str, is: impl Fn(&BuildRow) -> bool) -> BuildRow {
        self.until(what, |snapshot| snapshot.builds.iter().find(|row| is(row)).cloned()).await
    }

    /// Waits for the end of a deployment.
    pub async fn ended(&self, id: DeploymentId) -> Deployment {
        self.until("the deployment ends", |snapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            (!row.deployment.is_open()).then(|| row.deployment.clone())
        })
        .await
    }

    /// Waits until the release step of a deployment runs and has written its lines.
    pub async fn running(&self, id: DeploymentId) {
        let backend = self.backend("raj");
        let mut cursor = 0;
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("line 20 of 20") {
            let from = LogFrom::After(cursor);
            let page = backend
                .log(&self.service, id, 0, from, 1 << 20, Duration::from_secs(5))
                .await
                .unwrap();
            assert!(!page.ended, "it ended: {}", String::from_utf8_lossy(&text));
            cursor = page.next;
            text.extend(page.bytes);
        }
    }

    /// A merge of Ann's change, once staging has verified it.
    pub async fn verified(&self, change: &str) -> BuildNumber {
        self.merged("Ann", "ann@example.com", change).await
    }

    /// A merge of somebody's change, once staging has verified it.
    pub async fn merged(&self, name: &str, email: &str, change: &str) -> BuildNumber {
        let sha = self.repository.commit_by(name, email, change, change, change);
        let verified = |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
        self.until_build("the merge is verified in staging", verified).await.build.number
    }

    /// # Errors
    /// As the engine says.
    pub async fn plan(&self, login: &str, action: Action) -> Result<Plan, CommandError> {
        self.handle().plan(&self.service, action, &Caller::in_process(login)).await
    }

    /// Executes a plan with a reason for everything.
    /// # Errors
    /// As the engine says.
    pub async fn execute(&self, login: &str, plan: &Plan) -> Result<Receipt, CommandError> {
        let command = Command::Execute {
            action: plan.action,
            fingerprint: plan.fingerprint.clone(),
            overrides: Guard::ALL.map(|guard| (guard, "a test".to_owned())).into(),
        };
        self.command(login, command).await
    }

    /// # Errors
    /// As the engine says.
    pub async fn command(&self, login: &str, command: Command) -> Result<Receipt, CommandError> {
        let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
        self.handle().command(&self.service, &Caller::in_process(login), command, key).await
    }

    pub async fn promote(&self, build: BuildNumber) -> DeploymentId {
        let plan = self.plan("raj", Action::Promote { build }).await.unwrap();
        self.execute("raj", &plan).await.unwrap().deployment.unwrap()
    }

    pub async fn rollback(&self) -> DeploymentId {
        let plan = self.plan("raj", Action::Rollback { to: None }).await.unwrap();
        self.execute("raj", &plan).await.unwrap().deployment.unwrap()
    }

    /// Promotes and waits for the good end.
    pub async fn live(&self, build: BuildNumber) -> DeploymentId {
        let id = Box::pin(self.promote(build)).await;
        let deployment = self.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
        id
    }

    /// A world with one build that staging has verified.
    pub async fn with_build() -> (Self, BuildNumber) {
        let world = Self::open(QUICK).await;
        let build = world.verified("a change").await;
        (world, build)
    }

    /// A world whose promote of its one build runs until the gate is opened.
    pub async fn with_running_promote() -> (Self, DeploymentId) {
        let (world, build) = Self::with_build().await;
        let promote = world.promote_and_hold(build).await;
        (world, promote)
    }

    /// Promotes with the gate closed, and waits until the step stands before it.
    pub async fn promote_and_hold(&self, build: BuildNumber) -> DeploymentId {
        self.close_gate();
        let promote = Box::pin(self.promote(build)).await;
        self.running(promote).await;
        promote
    }

    /// A world in which a good build was live in production, and a bad one is.
    pub async fn with_two_live() -> (Self, BuildNumber, BuildNumber) {
        let world = Self::open(QUICK).await;
        let good = world.verified("good").await;
        world.live(good).await;
        let bad = world.verified("bad").await;
        world.live(bad).await;
        (world, good, bad)
    }

    /// A deployment as it is now.
    pub fn deployment(&self, id: DeploymentId) -> Deployment {
        let snapshot = self.handle().service(&self.service, &Caller::in_process("raj")).unwrap();
        let mut rows = snapshot.deployments.into_iter();
        rows.find(|row| row.deployment.id == id).unwrap().deployment
    }

    /// The whole log of a step as text, once nobody writes it any more.
    pub async fn log(&self, id: DeploymentId, step: usize) -> Vec<String> {
        let backend = self.backend("raj");
        let (mut lines, mut cursor) = (Vec::new(), 0);
        loop {
            let from = LogFrom::After(cursor);
            let page = backend
                .log(&self.service, id, step, from, 1, Duration::from_secs(20))
                .await
                .unwrap();
            lines.extend(page.lines().map(|line| String::from_utf8_lossy(&line.text).into_owned()));
            cursor = page.next;
            if page.ended {
                return lines;
            }
        }
    }

    pub fn live_now(&self) -> Option<BuildNumber> {
        let snapshot = self.handle().service(&self.service, &Caller::in_process("raj")).unwrap();
        snapshot.live.get(&Environment::Production).map(|live| live.build)
    }
}

pub fn refusal(result: Result<Receipt, CommandError>) -> Refusal {
    match result {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
