//! Which command is allowed while which other is under way: the whole table, on a real engine.

use std::path::PathBuf;

use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command, Receipt};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::engine::CommandError;

use super::crowd::{execution, record, service_file};
use super::history;
use trunkline_testing::engine::World;
use trunkline_testing::home::until;

/// Waits at the gate, fails when it is told to, and only notes a polite signal when it is told to be stubborn.
const RELEASE: &str = r#"#!/bin/sh
here='HERE'
[ -e "$here/stubborn" ] && trap 'touch "$here/signalled"' TERM
[ -e "$here/broken" ] && exit 3
i=1
while [ $i -le 20 ]; do echo "line $i of 20"; i=$((i + 1)); done
while [ -e "$here/gate" ]; do sleep 0.02; done
"#;

/// What is under way, begun by raj.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Promote,
    PromoteBeingCancelled,
    Redeploy,
    Rollback,
    RollbackBeingCancelled,
    FailedPromote,
    CancelledPromote,
}

/// What sam does then.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The newest build.
    Promote,
    /// To the build that was live when it began, or to what a rollback chooses itself.
    Rollback,
    /// To the oldest build.
    RollbackFurther,
    Cancel,
    Verify,
    Freeze,
}

enum Verdict {
    Allowed(Then),
    /// With the sentence that names who is in the way.
    Refused(Then, &'static str),
}

use Verdict::{Allowed, Refused};

const TABLE: &[(First, &[Verdict])] = &[
    (
        First::Promote,
        &[
            Refused(Then::Promote, "promote of #4 by raj"),
            Allowed(Then::Verify),
            Allowed(Then::Freeze),
            Allowed(Then::Cancel),
        ],
    ),
    (First::Promote, &[Allowed(Then::Rollback)]),
    (First::Promote, &[Allowed(Then::RollbackFurther)]),
    (
        First::PromoteBeingCancelled,
        &[
            Refused(Then::Promote, "promote of #4 by raj"),
            Refused(Then::Cancel, "is being cancelled already, by raj"),
            Allowed(Then::Rollback),
        ],
    ),
    (First::Redeploy, &[Refused(Then::Promote, "redeploy of #3 by raj"), Allowed(Then::Rollback)]),
    (
        First::Rollback,
        &[
            Refused(Then::Promote, "rollback of #2 by raj"),
            Refused(Then::Rollback, "rollback of #2 by raj"),
            Refused(Then::RollbackFurther, "rollback of #2 by raj"),
            Allowed(Then::Cancel),
        ],
    ),
    (
        First::RollbackBeingCancelled,
        &[
            Refused(Then::Promote, "rollback of #2 by raj"),
            Refused(Then::Cancel, "is being cancelled already, by raj"),
            Allowed(Then::Rollback),
        ],
    ),
    (First::FailedPromote, &[Refused(Then::Cancel, "has ended already"), Allowed(Then::Promote)]),
    (First::FailedPromote, &[Allowed(Then::Rollback)]),
    (First::CancelledPromote, &[Allowed(Then::Promote)]),
    (First::CancelledPromote, &[Allowed(Then::Rollback)]),
];

/// A service whose second build is live, and a third that could be.
struct Ground {
    world: World,
    builds: [BuildNumber; 3],
}

impl Ground {
    async fn open() -> Self {
        let file = service_file().replace("echo back to $TRUNKLINE_BUILD", "./release");
        let mut world = World::with_file(&file);
        let here = world.folder().display().to_string();
        world.repository.write_script("release", &RELEASE.replace("HERE", &here));
        world.repository.commit_all("Zoe", "zoe@example.com", "one");
        world.start().await;
        let tip = world.repository.head();
        let verified = |row: &trunkline::domain::snapshot::BuildRow| {
            row.build.sha == tip && !row.build.verifications.is_empty()
        };
        let one = world.until_build("the first is verified", verified).await.build.number;
        let two = world.merged("Zoe", "zoe@example.com", "two").await;
        let three = world.merged("Zoe", "zoe@example.com", "three").await;
        world.live(one).await;
        world.live(two).await;
        Self { world, builds: [one, two, three] }
    }

    fn note(&self, name: &str) -> PathBuf {
        self.world.folder().join(name)
    }

    fn set(&self, name: &str) {
        std::fs::write(self.note(name), "").unwrap();
    }

    fn clear(&self) {
        for name in ["gate", "stubborn", "signalled", "broken"] {
            // Most rows set only some of them.
            let _not_there = std::fs::remove_file(self.note(name));
        }
    }

    async fn begin(&self, first: First) -> DeploymentId {
        let [_, two, three] = self.builds;
        let action = match first {
            First::Redeploy => Action::Promote { build: two },
            First::Rollback | First::RollbackBeingCancelled => Action::Rollback { to: None },
            _ => Action::Promote { build: three },
        };
        match first {
            First::FailedPromote => self.set("broken"),
            First::PromoteBeingCancelled | First::RollbackBeingCancelled => {
                self.set("stubborn");
                self.set("gate");
            }
            _ => self.set("gate"),
        }
        let plan = self.world.plan("raj", action).await.unwrap();
        let id = self.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
        match first {
            First::FailedPromote => self.ended(id, DeploymentState::Failed).await,
            First::Promote | First::Redeploy | First::Rollback => self.world.running(id).await,
            First::PromoteBeingCancelled | First::RollbackBeingCancelled => {
                self.world.running(id).await;
                self.cancel("raj", id).await.unwrap();
                until("the step was told to end", || self.note("signalled").exists());
            }
            First::CancelledPromote => {
                self.world.running(id).await;
                self.cancel("raj", id).await.unwrap();
                self.ended(id, DeploymentState::Cancelled).await;
            }
        }
        id
    }

    async fn ended(&self, id: DeploymentId, state: DeploymentState) {
        let deployment = self.world.ended(id).await;
        assert_eq!(deployment.state(), state, "{deployment:#?}");
    }

    async fn cancel(&self, who: &str, deployment: DeploymentId) -> Result<Receipt, CommandError> {
        self.world.command(who, Command::Cancel { deployment, reason: "enough".into() }).await
    }

    async fn then(&self, first: DeploymentId, then: Then) -> Result<Receipt, CommandError> {
        let [one, _, three] = self.builds;
        let (build, reason) = (three, "why not".to_owned());
        match then {
            Then::Promote => self.execute(Action::Promote { build }).await,
            Then::Rollback => self.execute(Action::Rollback { to: None }).await,
            Then::RollbackFurther => self.execute(Action::Rollback { to: Some(one) }).await,
            Then::Cancel => self.cancel("sam", first).await,
            Then::Verify => {
                self.world.command("sam", Command::Verify { build, note: reason }).await
            }
            Then::Freeze => {
                let command = Command::Freeze { from: None, until: None, reason };
                self.world.command("sam", command).await
            }
        }
    }

    async fn execute(&self, action: Action) -> Result<Receipt, CommandError> {
        let plan = self.world.plan("sam", action).await?;
        let Command::Execute { action, fingerprint, overrides } = execution(&plan) else {
            unreachable!("an execution is one")
        };
        self.world.command("sam", Command::Execute { action, fingerprint, overrides }).await
    }

    /// Lets everything end and puts the second build back.
    async fn restore(&self) {
        self.clear();
        self.at_rest().await;
        let [_, two, _] = self.builds;
        match self.world.live_now() {
            Some(live) if live < two => {
                self.world.live(two).await;
            }
            Some(live) if live > two => {
                let plan = self.world.plan("raj", Action::Rollback { to: Some(two) }).await;
                let receipt = self.world.execute("raj", &plan.unwrap()).await.unwrap();
                self.ended(receipt.deployment.unwrap(), DeploymentState::Succeeded).await;
            }
            _ => {}
        }
    }

    async fn at_rest(&self) {
        let rest = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
            let mut all = snapshot.deployments.iter();
            (!all.any(|row| row.deployment.is_open())).then_some(())
        };
        self.world.until("everything has ended", rest).await;
    }
}

/// What the second command made of the first, by its own deployment.
fn expected(first: First, then: Then) -> DeploymentState {
    match (first, then) {
        (First::FailedPromote, _) => DeploymentState::Failed,
        (_, Then::Verify | Then::Freeze) => DeploymentState::Running,
        _ => DeploymentState::Cancelled,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_follow_on_what_is_under_way_is_as_the_table_says() {
    let mut ground = Ground::open().await;
    for (first, verdicts) in TABLE {
        let id = Box::pin(ground.begin(*first)).await;
        for verdict in *verdicts {
            match verdict {
                Allowed(then) => allowed(&ground, *first, id, *then).await,
                Refused(then, who) => {
                    let said = match ground.then(id, *then).await {
                        Err(CommandError::Refused(refusal)) => refusal.to_string(),
                        other => panic!("{first:?}, then {then:?}: {other:?}"),
                    };
                    assert!(said.contains(who), "{first:?}, then {then:?}: {said}");
                }
            }
        }
        ground.restore().await;
    }
    history::one_at_a_time(&record(&ground.world).await);
    ground.world.stop().await;
}

/// It is recorded, what it starts runs to its end, and what it cancels ends for it.
async fn allowed(ground: &Ground, first: First, id: DeploymentId, then: Then) {
    let receipt = ground.then(id, then).await;
    let receipt = receipt.unwrap_or_else(|why| panic!("{first:?}, then {then:?}: {why:?}"));
    if matches!(then, Then::Verify | Then::Freeze) {
        return assert_eq!(ground.world.deployment(id).state(), expected(first, then));
    }
    if !matches!(first, First::PromoteBeingCancelled | First::RollbackBeingCancelled) {
        // Only what was told to end may end it; what does not listen waits for the gate.
        ground.world.ended(id).await;
    }
    ground.clear();
    let second = ground.world.ended(receipt.deployment.unwrap()).await;
    let before = ground.world.ended(id).await;
    assert_eq!(before.state(), expected(first, then), "{first:?}, then {then:?}");
    if second.id != id {
        assert_eq!(second.state(), DeploymentState::Succeeded, "{first:?}, then {then:?}");
        assert!(began_after(&second, &before), "{first:?}, then {then:?}: {second:#?}");
        held_by(ground, &second);
    }
}

fn began_after(second: &Deployment, first: &Deployment) -> bool {
    let end = first.ended.as_ref().map(|ended| ended.at);
    second.started_at >= end
}

/// A rollback leaves production on hold.
fn held_by(ground: &Ground, deployment: &Deployment) {
    if deployment.request.kind == DeploymentKind::Rollback {
        let snapshot = ground
            .world
            .handle()
            .service(&ground.world.service, &Caller::in_process("sam"))
            .unwrap();
        let hold = &snapshot.holds[&Environment::Production];
        assert_eq!(hold.rollback, Some(deployment.id));
    }
}
