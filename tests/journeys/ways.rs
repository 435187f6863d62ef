//! A merge on its way to production where no dispatch deploys it: a job that waits is approved, a tag is made, or a branch is
//! moved. Each goes from the merge to live, as a person sees it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use trunkline_testing::github::{FakeRun, GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{Shop, acts, later, leave, promote, row, shop};

/// Raj's own token.
const RAJ_TOKEN: &str = "github_pat_11RAJRAJ_1f2e3d4c5b6a7988";
const RAJ: &str = "raj-gh";

/// How one way is written, and what its runs are seen by.
struct Way {
    /// The keys of the step of production.
    step: &'static str,
    workflow: &'static str,
    /// What tells the runs of production from others.
    lane: &'static str,
}

const APPROVE: Way = Way {
    step: r#"approve = "production", job = "production""#,
    workflow: "ci.yml",
    lane: r#"event = "push", branch = "main""#,
};
const TAG: Way = Way {
    step: r#"tag = "v{build}-{deployment}", job = "production""#,
    workflow: "deploy.yml",
    lane: r#"event = "push", tag = "v*""#,
};
const BRANCH: Way = Way {
    step: r#"branch = "production", job = "production""#,
    workflow: "deploy.yml",
    lane: r#"event = "push", branch = "production""#,
};

fn file(way: &Way) -> String {
    let Way { step, workflow, lane } = way;
    let at = |workflow| {
        format!(r#"engine = "github", repository = "acme/shop", workflow = "{workflow}""#)
    };
    let (ci, production, back) = (at("ci.yml"), at(workflow), at("deploy.yml"));
    let login = trunkline_testing::login();
    format!(
        "service = \"checkout\"\ntrunk = \"main\"\n[policy]\nsoak = \"0s\"\nverify = \"staging\"\n\
         [people.raj]\nemails = [\"raj@example.com\"]\nlogins = [{login:?}]\n[people.ann]\nemails = [\"ann@example.com\"]\n\
         [staging.observe]\ngithub = {{ {ci}, jobs = [\"staging\"], event = \"push\", branch = \"main\" }}\n\
         [production.observe]\ngithub = {{ {production}, jobs = [\"production\"], {lane} }}\n\
         [[production.steps]]\nname = \"release\"\ngithub = {{ {production}, {step} }}\n\
         [[rollback.steps]]\nname = \"release\"\ngithub = {{ {back}, ref = \"main\", job = \"production\" }}\n\
         inputs = {{ sha = \"{{sha}}\", kind = \"rollback\", trunkline = \"{{run}}\" }}\n"
    )
}

struct AtGitHub {
    shop: Shop,
    github: GitHub,
}

impl AtGitHub {
    async fn open(way: &Way) -> Self {
        let github = GitHub::start().await;
        github.add_token(RAJ_TOKEN, RAJ);
        github.on_dispatch(|run| run.succeeds("production", "deployed"));
        github.workflow("acme/shop", "deploy.yml", |workflow| {
            workflow.tags = ["v".to_owned()].into();
            workflow.branches = ["production".to_owned()].into();
        });
        let shop = shop(&file(way));
        let token = shop.home.path("token");
        fs::write(&token, GITHUB_TOKEN).unwrap();
        let settings = format!(
            "poll = \"100ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = '{}' }}\nmay = [\"acme/shop\"]",
            github.url(),
            token.display()
        );
        let shop = shop.watched(&settings);
        github.commit(shop.repository.head().as_str());
        Self { shop, github }
    }

    /// The operator gives Raj's own token.
    fn know_raj(&self) {
        let token = self.shop.home.path("token-of-raj");
        fs::write(&token, RAJ_TOKEN).unwrap();
        let file = self.shop.home.path("config/config.toml");
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        let login = trunkline_testing::login();
        let token = token.display();
        writeln!(file, "[engines.github.people.raj]\nlogins = [{login:?}]\nlogin = \"{RAJ}\"\ntoken = {{ file = '{token}' }}")
            .unwrap();
    }

    /// A merge, which CI deploys to staging. Gives the run and the commit.
    fn merge(&self, subject: &str) -> (u64, String) {
        self.shop.merge(subject);
        let sha = self.shop.repository.head().to_string();
        self.github.commit(&sha);
        let run = RunOf { workflow: "ci.yml", sha: &sha, ..RunOf::default() };
        let run = self.github.push_run(run);
        self.github.change(run, |run| run.job_ends("staging", "success", Some("staged")));
        (run, sha)
    }

    fn run(&self, id: u64) -> FakeRun {
        self.github.runs().into_iter().find(|run| run.id == id).unwrap()
    }
}

/// Presses keys on a terminal while the GitHub of the test answers.
async fn pressing<T: Send + 'static>(press: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(press).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_goes_to_production_by_an_approval_of_its_waiting_job() {
    let at = AtGitHub::open(&APPROVE).await;
    at.github.on_review(|run| run.runs("production", "release"));
    let (run, _) = at.merge("sell hats");
    at.github.change(run, |run| run.job_waits_for("production", "production", &["ann", RAJ]));
    let console = at.shop.console();
    let mut screen = pressing(move || -> Pty {
        let mut screen = console;
        row(&screen, "#2", "verified");
        screen.keys("1g");
        acts(&mut screen, "P", "Promote #2 to PRODUCTION");
        screen.shows("a reviewer has to approve at GitHub");
        screen.keys("\x1b");
        screen.hides("Promote #2 to PRODUCTION");
        screen
    })
    .await;
    assert!(at.run(run).reviews.is_empty(), "without a token of their own nobody approves");
    at.know_raj();
    screen = pressing(move || {
        promote(&mut screen, "#2");
        row(&screen, "#2", "DEPLOYING");
        screen
    })
    .await;
    at.github.until("it is approved", |github| !github.runs()[0].reviews.is_empty()).await;
    at.github.change(run, |run| {
        run.job_ends("production", "success", Some("hats are out"));
        run.runs("announce", "tell everybody");
    });
    screen = pressing(move || {
        row(&screen, "#2", "LIVE");
        screen
    })
    .await;
    let reviews = at.run(run).reviews;
    assert_eq!((reviews.len(), reviews[0].by.as_str()), (1, RAJ));
    pressing(move || leave(screen)).await;
    assert_eq!(at.shop.kinds(), ["promote"], "nobody else deployed it");
    assert!(at.shop.log().iter().any(|line| line.contains("hats are out")), "{:?}", at.shop.log());
    // Its environment was approved: there is nothing to promote a second time.
    let said = at.shop.home.said(&["plan", "promote", "2"]);
    assert!(said.contains("does not wait for a review of production"), "{said}");
}

/// Two merges go out one after the other, and the second is rolled back.
async fn two_merges(at: &AtGitHub, name: &'static str) -> Vec<String> {
    let mut shas = Vec::new();
    let console = at.shop.console();
    let mut screen = pressing(move || console).await;
    for (build, subject) in [("#2", "sell hats"), ("#3", "sell shoes")] {
        let (run, sha) = at.merge(subject);
        at.github.change(run, |run| run.ends("success"));
        screen = pressing(move || {
            row(&screen, build, "verified");
            screen.keys("1g");
            promote(&mut screen, build);
            row(&screen, build, "LIVE");
            screen
        })
        .await;
        shas.push(sha);
    }
    let of_production =
        |run: &FakeRun| run.workflow == "deploy.yml" && run.branch.starts_with(name);
    let runs: Vec<_> = at.github.runs().into_iter().filter(of_production).collect();
    assert_eq!(runs.iter().map(|run| run.sha.clone()).collect::<Vec<_>>(), shas);
    screen = pressing(move || {
        screen.keys("!");
        screen.shows("ROLLING BACK PRODUCTION  #3 → #2");
        screen.shows("Enter rolls back now");
        screen.keys("\r");
        row(&screen, "#2", "LIVE");
        later(&mut screen);
        screen
    })
    .await;
    pressing(move || leave(screen)).await;
    assert_eq!(at.shop.kinds(), ["rollback", "promote", "promote"], "nobody else deployed it");
    shas
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_goes_to_production_by_a_tag() {
    let at = AtGitHub::open(&TAG).await;
    two_merges(&at, "v").await;
    assert_eq!(at.github.count("POST", "/git/refs"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_goes_to_production_by_a_move_of_its_branch() {
    let at = AtGitHub::open(&BRANCH).await;
    let begin = at.shop.repository.head().to_string();
    at.github.git(|git| git.refs.extend([("heads/production".to_owned(), begin)]));
    let shas = two_merges(&at, "production").await;
    // The rollback moved nothing: a branch only goes forwards.
    assert_eq!(at.github.reference("heads/production"), shas.last().cloned());
}
