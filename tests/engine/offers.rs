//! Whatever became of the folder, the steps and the service file since: a rollback that is offered is accepted and works.
//!
//! `TRUNKLINE_WORLDS=50 cargo test --test engine offers` plays more of them; `TRUNKLINE_SEED` repeats one.

use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::{BuildNumber, Environment, Sha};
use trunkline::domain::snapshot::{BuildRow, RollbackPreview, ServiceSnapshot};
use trunkline_testing::dice::{Dice, seeds};
use trunkline_testing::engine::{QUICK, World};

/// How much happens in each world.
const STEPS: usize = 12;
const FOLDERS: [&str; 3] = ["web", "app", "services/shop"];

#[tokio::test(flavor = "multi_thread")]
async fn every_rollback_that_is_offered_is_accepted_and_works() {
    let mut rollbacks = 0;
    for seed in seeds("TRUNKLINE_WORLDS", 2) {
        eprintln!("TRUNKLINE_SEED={seed}");
        let mut shop = Shop::open(Dice::of(seed)).await;
        for _ in 0..STEPS {
            Box::pin(shop.go_on()).await;
            rollbacks += u32::from(Box::pin(shop.take_the_offer()).await);
        }
        shop.world.stop().await;
    }
    assert!(rollbacks > 3, "only {rollbacks} were offered");
}

struct Shop {
    world: World,
    dice: Dice,
    folder: &'static str,
    changes: u32,
}

/// A service file whose rollback says which folder it runs in.
fn file(extra: &str) -> String {
    let file = QUICK.replace("./release", "true");
    file.replace("echo back to $TRUNKLINE_BUILD", "cat name.txt") + extra
}

/// The offers, once the engine knows whether they can be taken: one or none.
fn settled(snapshot: &ServiceSnapshot) -> Option<Vec<RollbackPreview>> {
    let offers: Vec<_> = snapshot.rollback.iter().cloned().collect();
    let is_known = |offer: &RollbackPreview| !offer.unchecked && offer.under_way.is_none();
    offers.iter().all(is_known).then_some(offers)
}

impl Shop {
    async fn open(dice: Dice) -> Self {
        let world = World::with_file(QUICK);
        world.repository.git(["rm", "-q", "trunkline.toml"]);
        let mut shop = Self { world, dice, folder: FOLDERS[0], changes: 0 };
        shop.write(&file(""));
        let first = shop.commit();
        shop.restart().await;
        shop.goes_live(&first).await;
        shop
    }

    fn write(&self, file: &str) {
        self.world.repository.write(&format!("{}/trunkline.toml", self.folder), file);
        self.world.repository.write(&format!("{}/name.txt", self.folder), self.folder);
    }

    fn commit(&mut self) -> Sha {
        self.changes += 1;
        let (path, text) = (format!("{}/changes.txt", self.folder), self.changes.to_string());
        self.world.repository.write(&path, &text);
        self.world.repository.commit_all("Ann", "ann@example.com", &format!("change {text}"))
    }

    async fn restart(&mut self) {
        self.world.stop().await;
        self.world.start_folders(&[Some(self.folder)]).await;
    }

    async fn go_on(&mut self) {
        match self.dice.below(10) {
            0..3 => {
                self.write(&file(""));
                let next = self.commit();
                self.goes_live(&next).await;
            }
            3..6 => self.moves().await,
            6 => self.restart().await,
            7 => {
                self.write("this is no service file");
                let broken = self.commit();
                self.world.until_build("it is found", |row| row.build.sha == broken).await;
            }
            8 => {
                self.write(&file("[[rollback.steps]]\nname = \"second\"\nrun = [\"true\"]\n"));
                let next = self.commit();
                self.goes_live(&next).await;
            }
            _ => self.loses_its_mirror().await,
        }
    }

    /// The folder has another name from now on, and so says the user file.
    async fn moves(&mut self) {
        let from = self.folder;
        self.folder = self.dice.one_of(&FOLDERS);
        if from != self.folder {
            self.world.repository.git(["rm", "-rq", from]);
        }
        self.write(&file(""));
        let moved = self.commit();
        self.restart().await;
        if self.dice.chance(60) {
            self.goes_live(&moved).await;
        }
    }

    async fn loses_its_mirror(&mut self) {
        self.world.stop().await;
        std::fs::remove_dir_all(self.world.data().join("mirrors")).unwrap();
        self.restart().await;
    }

    async fn goes_live(&mut self, sha: &Sha) {
        let is = |row: &BuildRow| row.build.sha == *sha && !row.build.verifications.is_empty();
        let build = self.world.until_build("it is verified", is).await.build.number;
        self.release().await;
        self.world.live(build).await;
    }

    /// A rollback leaves a hold.
    async fn release(&self) {
        let (environment, reason) = (Environment::Production, "go on".to_owned());
        let command = Command::Release {
            environment,
            reason,
            bad: Some(Vec::new()),
            hold: None,
            leave_open: Vec::new(),
        };
        let _there_is_none = self.world.command("raj", command).await;
    }

    /// Takes the rollback that is offered, if there is one. Nothing else is accepted.
    async fn take_the_offer(&mut self) -> bool {
        let offer = self.world.until("the offer is known", settled).await.pop();
        let action = Action::Rollback { to: None };
        let plan = self.world.plan("raj", action).await;
        let Some(offer) = offer else {
            assert!(plan.is_err(), "none is offered, and yet there is {plan:?}");
            return false;
        };
        let plan = plan.unwrap_or_else(|why| panic!("{offer:?} is refused: {why}"));
        let outlook = plan.verdict.as_ref().map(|verdict| verdict.outlook);
        assert_eq!((plan.target.build, outlook), (offer.to, Some(offer.verdict.outlook)));
        if self.dice.chance(50) {
            return false;
        }
        let (fingerprint, overrides) = (plan.fingerprint, [].into());
        let command = Command::Execute { action, fingerprint, overrides };
        let receipt = self.world.command("raj", command).await.expect("it was offered");
        let id = receipt.deployment.expect("a rollback is a deployment");
        let deployment = self.world.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
        let name = self.folder_at(offer.to).await;
        assert_eq!(self.world.log(id, 0).await, [name]);
        true
    }

    /// The folder in which a build has its service.
    async fn folder_at(&self, number: BuildNumber) -> String {
        let row = self.world.until_build("it is there", |row| row.build.number == number).await;
        let tree =
            self.world.repository.git(["ls-tree", "-r", "--name-only", row.build.sha.as_str()]);
        let path = tree.lines().find_map(|path| path.strip_suffix("/trunkline.toml"));
        path.expect("it has a service").to_owned()
    }
}
