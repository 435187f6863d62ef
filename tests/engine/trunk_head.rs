//! The trunk of a repository at a forge that may be asked: git is started once it moved there.

use trunkline::domain::ids::Sha;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::git_server::GitServer;
use trunkline_testing::github::{GITHUB_TOKEN, GitHub};

/// How often a trunk that did not move is asked for.
const ASKED: usize = 5;

struct Forge {
    world: World,
    server: GitServer,
    github: GitHub,
}

impl Forge {
    /// An engine that watches `acme/shop` at a forge, of which it may ask for these.
    async fn open(may: &str) -> Self {
        let (server, github) = (GitServer::start(), GitHub::start().await);
        let mut world = World::with_file(QUICK);
        github.add_repository("acme/shop");
        let token = world.folder().join("token").display().to_string();
        std::fs::write(&token, GITHUB_TOKEN).unwrap();
        let settings = format!(
            "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = {token:?} }}\nmay = [\"{may}\"]\n[[services]]\nrepository = \"{}\"\n",
            github.url(),
            server.url_as("acme/shop", &world.repository),
        );
        std::fs::write(world.user_file(), settings).unwrap();
        let forge = Self {
            server,
            github,
            world: {
                world.start_by_file_as_it_is().await;
                world
            },
        };
        forge.tell(&forge.world.repository.head());
        forge
    }

    /// The forge tells that the trunk is here.
    fn tell(&self, sha: &Sha) {
        self.github.git(|git| {
            git.refs.insert("heads/main".into(), sha.to_string());
        });
    }

    fn asked(&self) -> usize {
        self.github.count("GET", "/repos/acme/shop/git/ref/heads")
    }

    async fn is_built(&self, sha: &Sha) {
        self.world.until_build("it is a build", |row| row.build.sha == *sha).await;
    }

    /// Waits until it was asked for some more.
    async fn is_asked_for(&self, times: usize) {
        let asked = self.asked();
        self.github.until("it is asked for", |_| self.asked() >= asked + times).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_is_started_once_the_trunk_moved_at_its_forge() {
    let forge = Forge::open("acme/*").await;
    forge.is_built(&forge.world.repository.head()).await;
    forge.is_asked_for(ASKED).await;
    let fetched = forge.server.answered();
    forge.is_asked_for(ASKED).await;
    assert_eq!(forge.server.answered(), fetched, "it did not move");

    let second = forge.world.repository.commit("second");
    forge.tell(&second);
    forge.is_built(&second).await;
    assert!(forge.server.answered() > fetched);

    // It says nothing: git is asked as before.
    forge.github.git(|git| git.refs.clear());
    let third = forge.world.repository.commit("third");
    forge.is_built(&third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_that_may_not_be_asked_for_a_repository_is_not_asked_for_its_trunk() {
    let forge = Forge::open("acme/other").await;
    forge.is_built(&forge.world.repository.head()).await;
    let second = forge.world.repository.commit("second");
    forge.is_built(&second).await;
    assert_eq!(forge.github.seen().len(), 0);
}
