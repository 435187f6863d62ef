//! A merge on its way through GitHub, as a person sees it: CI deploys staging, a workflow deploys production, and others act
//! in between.

use std::fs;

use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::github::{GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{Shop, acts, later, leave, promote, row, shop};

/// Somebody else's token, once the first one has expired.
const NEXT_TOKEN: &str = "github_pat_11BBBB_0a1b2c3d4e5f6071";

fn file() -> String {
    let workflow = r#"engine = "github", repository = "acme/shop", workflow = "deploy.yml""#;
    let step = |pipeline: &str, kind: &str| {
        format!(
            "[[{pipeline}.steps]]\nname = \"release\"\ngithub = {{ {workflow}, ref = \"main\", job = \"deploy\" }}\n\
             inputs = {{ sha = \"{{sha}}\", kind = \"{kind}\", trunkline = \"{{run}}\" }}\n"
        )
    };
    let login = trunkline_testing::login();
    format!(
        "service = \"checkout\"\ntrunk = \"main\"\n[policy]\nsoak = \"0s\"\nverify = \"staging\"\n\
         [people.raj]\nemails = [\"raj@example.com\"]\nlogins = [{login:?}]\n[people.ann]\nemails = [\"ann@example.com\"]\n\
         [staging.observe]\n\
         github = {{ engine = \"github\", repository = \"acme/shop\", workflow = \"ci.yml\", jobs = [\"deploy\"], event = \"push\", branch = \"main\" }}\n\
         [production.observe]\n\
         github = {{ {workflow}, jobs = [\"deploy\"], sha = 'title:deploy ([0-9a-f]{{40}})' }}\n\
         {}{}",
        step("production", "{kind}"),
        step("rollback", "rollback")
    )
}

struct AtGitHub {
    shop: Shop,
    github: GitHub,
    line: FaultyProxy,
}

impl AtGitHub {
    async fn open() -> Self {
        let github = GitHub::start().await;
        let line = FaultyProxy::before(github.address());
        let shop = shop(&file());
        let token = shop.home.path("token");
        fs::write(&token, GITHUB_TOKEN).unwrap();
        let settings = format!(
            "poll = \"100ms\"\nemergency_countdown = \"10m\"\n[engines.github]\nkind = \"github\"\nurl = \"{}\"\n\
             token = {{ file = '{}' }}\nmay = [\"acme/shop\"]",
            line.url(),
            token.display()
        );
        Self { shop: shop.watched(&settings), github, line }
    }

    /// A merge, which CI deploys to staging.
    fn merge(&self, subject: &str) -> String {
        self.shop.merge(subject);
        let sha = self.shop.repository.head().to_string();
        let run = RunOf { workflow: "ci.yml", sha: &sha, ..RunOf::default() };
        let run = self.github.push_run(run);
        self.github.change(run, |run| run.runs("deploy", "release"));
        self.github.succeed(run, "deploy");
        sha
    }

    /// Bob dispatches the workflow of production himself, and it succeeds.
    fn by_hand(&self, sha: &str) {
        let title = format!("deploy {sha}");
        let run = self.github.push_run(RunOf {
            workflow: "deploy.yml",
            event: "workflow_dispatch",
            title: &title,
            actor: "bob",
            ..RunOf::default()
        });
        self.github.succeed(run, "deploy");
    }

    async fn runs(&self, count: usize) -> u64 {
        let dispatched = |github: &GitHub| {
            let runs = github.runs().into_iter();
            runs.filter(|run| !run.inputs.is_empty()).map(|run| run.id).collect::<Vec<_>>()
        };
        self.github.until("a run is dispatched", |github| dispatched(github).len() == count).await;
        dispatched(&self.github)[count - 1]
    }
}

/// Presses keys on a terminal while the GitHub of the test answers.
async fn pressing<T: Send + 'static>(press: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(press).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_goes_through_github_to_production_and_back() {
    let at = AtGitHub::open().await;
    at.merge("sell hats");
    let console = at.shop.console();
    let mut screen = pressing(move || -> Pty {
        let mut screen = console;
        row(&screen, "#2", "verified");
        promote(&mut screen, "#2");
        screen
    })
    .await;
    at.runs(1).await;
    screen = pressing(move || {
        row(&screen, "#2", "LIVE");
        screen
    })
    .await;

    // A reviewer has to let the next one through.
    at.github.on_dispatch(|run| run.waits_for("production", &["ann"]));
    at.merge("sell shoes");
    screen = pressing(move || {
        row(&screen, "#3", "verified");
        screen.keys("1g");
        promote(&mut screen, "#3");
        row(&screen, "#3", "WAITING");
        screen
    })
    .await;
    let run = at.runs(2).await;
    at.github.change(run, |run| run.succeeds("deploy", "shoes are out"));
    screen = pressing(move || {
        row(&screen, "#3", "LIVE");
        screen
    })
    .await;

    // Somebody deploys by hand what nobody promoted here, under the eyes of a dialog.
    let sha = at.merge("sell socks");
    at.merge("sell gloves");
    screen = pressing(move || {
        row(&screen, "#5", "verified");
        screen.keys("1g");
        acts(&mut screen, "P", "Promote #5 to PRODUCTION");
        screen
    })
    .await;
    at.by_hand(&sha);
    screen = pressing(move || {
        screen.shows("bob at github");
        screen.keys("\x1b");
        row(&screen, "#4", "LIVE");
        screen
    })
    .await;

    // The token expires, and the API is away for a while.
    at.github.add_token(NEXT_TOKEN, "trunkline-acme");
    at.github.revoke(GITHUB_TOKEN);
    screen = pressing(move || {
        screen.shows("does not tell what runs in acme/shop");
        screen
    })
    .await;
    at.line.set(Fault::Refuse);
    fs::write(at.shop.home.path("token"), NEXT_TOKEN).unwrap();
    at.line.set(Fault::Pass);
    screen = pressing(move || {
        screen.hides("does not tell what runs in acme/shop");
        screen
    })
    .await;

    // An emergency while another run is in progress.
    at.github.on_dispatch(|run| {
        if run.inputs["kind"] == "rollback" {
            run.succeeds("deploy", "back");
        } else {
            run.runs("deploy", "migrate");
        }
    });
    screen = pressing(move || {
        screen.keys("1g");
        promote(&mut screen, "#5");
        screen
    })
    .await;
    at.runs(3).await;
    screen = pressing(move || {
        row(&screen, "#5", "DEPLOYING");
        screen.keys("!");
        screen.shows("ROLLING BACK PRODUCTION  #5 → #4");
        screen.shows("Enter rolls back now");
        screen.keys("\r");
        row(&screen, "#4", "LIVE");
        screen.shows("ON HOLD by raj");
        later(&mut screen);
        screen
    })
    .await;
    at.runs(4).await;
    let runs = at.github.runs();
    let back = runs.last().unwrap();
    assert_eq!((back.inputs["kind"].as_str(), &back.inputs["sha"]), ("rollback", &sha));
    pressing(move || leave(screen)).await;
    let kinds = at.shop.kinds();
    assert_eq!(kinds, ["rollback", "promote", "external", "promote", "promote"]);
}
