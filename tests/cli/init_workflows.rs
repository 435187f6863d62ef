//! `trunkline init` in a repository whose workflows deploy: what it writes, what it only says, and what a plan and `doctor`
//! say of a workflow later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::TimeDelta;
use serde_json::Value;
use trunkline_testing::github::{GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::home::Home;

/// Where the repository would be; git is told to take it from a folder here.
const ADDRESS: &str = "https://github.com/acme/shop.git";

const ONE_RUN: &str = "on: {push: {branches: [main]}}\njobs:\n  staging:\n    environment: staging\n    runs-on: ubuntu-latest\n    steps: [{run: kamal deploy -d staging}]\n  production:\n    needs: staging\n    environment: production\n    runs-on: ubuntu-latest\n    steps: [{run: kamal deploy -d production}]\n";
const BY_HAND: &str = "name: By hand\non:\n  workflow_dispatch:\n    inputs:\n      sha: {required: true}\njobs:\n  deploy:\n    environment: production\n    runs-on: ubuntu-latest\n    steps: [{run: kamal deploy}]\n";

/// A clone of a repository at GitHub that has these workflows.
struct ClonedShop {
    home: Home,
    clone: PathBuf,
}

impl ClonedShop {
    fn new(address: &str, workflows: &[(&str, &str)], service_file: Option<&str>) -> Self {
        let home = Home::new();
        let (hub, clone) = (home.path("hub.git"), home.path("shop"));
        let instead = format!("[url \"{}\"]\n\tinsteadOf = {address}\n", hub.display());
        fs::write(home.path(".gitconfig"), instead).unwrap();
        let shop = Self { home, clone };
        let top = shop.home.path("");
        shop.git(&top, &["init", "--quiet", "--bare", "--initial-branch=main", "hub.git"]);
        shop.git(&top, &["clone", "--quiet", address, "shop"]);
        let folder = shop.clone.join(".github/workflows");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in workflows {
            fs::write(folder.join(name), text).unwrap();
        }
        if let Some(text) = service_file {
            fs::write(shop.clone.join("trunkline.toml"), text).unwrap();
        }
        shop.git(&shop.clone, &["add", "--all"]);
        shop.git(&shop.clone, &["commit", "--quiet", "--message", "one", "--allow-empty"]);
        shop.git(&shop.clone, &["push", "--quiet", "origin", "HEAD:main"]);
        shop
    }

    fn git(&self, folder: &Path, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(folder)
            .envs(self.home.environment())
            .args(["-c", "user.name=sam", "-c", "user.email=sam@shop.example"])
            .args(["-c", "init.defaultBranch=main"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    fn init(&self, arguments: &[&str]) -> Output {
        self.home.command(&["init"]).args(arguments).current_dir(&self.clone).output().unwrap()
    }

    fn written(&self) -> Option<String> {
        fs::read_to_string(self.clone.join("trunkline.toml")).ok()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn nothing_is_written_before_it_was_confirmed_and_no_workflow_is_ever_changed() {
    let shop = ClonedShop::new(ADDRESS, &[("deploy.yml", ONE_RUN), ("hand.yml", BY_HAND)], None);
    let unasked = shop.init(&[]);
    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    assert!(text(&unasked.stderr).contains("add --yes"), "{unasked:?}");
    let shown = text(&unasked.stdout);
    for part in [
        "One run deploys staging and then production (deploy.yml). hand.yml promotes and rolls back by build.",
        "[staging.observe]",
        "+run-name: deploy ${{ inputs.sha }} ${{ inputs.trunkline }}",
        "+      trunkline: {type: string, default: \"\"}",
        "sure  staging",
        "sure  promote",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = shop.init(&["--json"]);
    assert!(json.status.success(), "{json:?}");
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["repository"], "acme/shop");
    assert_eq!(json["proposal"]["pattern"], "B");
    assert_eq!(json["proposal"]["call"]["inputs"]["sha"], "{sha}");
    assert_eq!(json["incomplete"], Value::Null);
    assert_eq!(shop.written(), None);
    assert!(!shop.home.path("config/config.toml").exists());

    let confirmed = shop.init(&["--yes"]);
    assert!(confirmed.status.success(), "{confirmed:?}");
    let said = text(&confirmed.stdout);
    assert!(
        said.contains("wrote trunkline.toml for shop") && said.contains("[engines.github]"),
        "{said}"
    );
    let written = shop.written().unwrap();
    assert_eq!(json["text"], written.as_str());
    assert!(
        written.contains("[production.observe]") && written.contains("[[rollback.steps]]"),
        "{written}"
    );
    let watched = fs::read_to_string(shop.home.path("config/config.toml")).unwrap();
    assert!(watched.contains(ADDRESS), "{watched}");
    let workflow = fs::read_to_string(shop.clone.join(".github/workflows/hand.yml")).unwrap();
    assert_eq!(workflow, BY_HAND);
}

#[test]
fn where_no_workflow_deploys_nothing_is_written_unless_own_steps_are_asked_for() {
    let tests = "on: push\njobs: {test: {runs-on: ubuntu-latest, steps: [{run: make test}]}}\n";
    let shop = ClonedShop::new(ADDRESS, &[("ci.yml", tests)], None);
    let said = shop.init(&["--yes"]);
    assert!(said.status.success(), "{said:?}");
    let said = text(&said.stdout);
    assert!(
        said.contains("No workflow here deploys production") && said.contains("--steps"),
        "{said}"
    );
    assert_eq!(shop.written(), None);
    assert!(!shop.home.path("config/config.toml").exists());
    assert!(shop.init(&["--steps"]).status.success());
    assert!(shop.written().unwrap().contains("[[staging.steps]]"));
}

#[test]
fn a_repository_without_workflows_gets_the_sample_as_before() {
    let shop = ClonedShop::new(ADDRESS, &[], None);
    let said = shop.init(&[]);
    assert!(said.status.success(), "{said:?}");
    assert!(shop.written().unwrap().contains("echo \"release build"), "{said:?}");
}

#[test]
fn a_repository_elsewhere_gets_its_questions_and_nothing_that_is_certain() {
    let shop =
        ClonedShop::new("https://git.example.org/acme/shop.git", &[("deploy.yml", ONE_RUN)], None);
    let said = shop.init(&["--yes"]);
    assert!(said.status.success(), "{said:?}");
    assert!(text(&said.stdout).contains("answer the questions in it"), "{said:?}");
    let written = shop.written().unwrap();
    assert!(
        written.contains("# [staging.observe]") && !written.contains("\n[staging.observe]"),
        "{written}"
    );
    assert!(written.contains("OWNER/NAME"), "{written}");
}

/// A service whose production is a workflow, watched at a server on this machine.
fn with_workflow(workflow: &str) -> ClonedShop {
    let steps = |section: &str| {
        format!(
            "[[{section}.steps]]\nname = \"ship\"\ngithub = {{ engine = \"github\", repository = \"acme/shop\", workflow = \"hand.yml\", ref = \"main\" }}\ninputs = {{ sha = \"{{sha}}\", who = \"{{actor}}\", trunkline = \"{{run}}\" }}\n"
        )
    };
    let file = format!(
        "service = \"shop\"\ntrunk = \"main\"\n[[staging.steps]]\nname = \"smoke\"\nrun = \"echo staged\"\n{}{}[policy]\nsoak = \"0s\"\nverify = \"step:smoke\"\n",
        steps("production"),
        steps("rollback")
    );
    let address = "http://127.0.0.1:9/acme/shop.git";
    let shop = ClonedShop::new(address, &[("hand.yml", workflow)], Some(&file));
    let config = format!(
        "poll = \"200ms\"\n[[services]]\nrepository = \"{address}\"\n[engines.github]\nkind = \"github\"\nurl = \"http://127.0.0.1:9/api/v3\"\nmay = [\"acme/shop\"]\n"
    );
    fs::create_dir_all(shop.home.path("config")).unwrap();
    fs::write(shop.home.path("config/config.toml"), config).unwrap();
    shop
}

#[test]
fn a_plan_and_doctor_say_the_same_of_a_workflow_that_github_would_not_start() {
    let shop = with_workflow(BY_HAND);
    shop.home.await_build(1, "verified");
    let plan = shop.home.json(&["plan", "promote", "1", "--json"]);
    let findings = plan["findings"].as_array().unwrap();
    let of_engine: Vec<_> =
        findings.iter().filter(|finding| finding["guard"] == "engine").collect();
    let refused: Vec<_> = of_engine
        .iter()
        .filter(|finding| finding["severity"] == "refuse")
        .map(|finding| finding["sentence"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        refused,
        [
            "Step ship: hand.yml does not declare the input trunkline, so GitHub refuses it",
            "Step ship: hand.yml does not declare the input who, so GitHub refuses it"
        ],
        "{findings:#?}"
    );
    let warned = of_engine.iter().find(|finding| finding["severity"] == "warn").unwrap();
    let key = "hand.yml does not show our key: a lost answer cannot be cleared up by itself";
    assert!(warned["sentence"].as_str().unwrap().contains(key), "{warned}");
    let doctor = text(&shop.home.trunkline(&["doctor"]).stdout);
    for sentence in refused.iter().map(String::as_str).chain([key]) {
        assert!(doctor.contains(sentence), "{sentence}: {doctor}");
    }
    let promoted = shop.home.trunkline(&["promote", "1", "--yes"]);
    assert_eq!(promoted.status.code(), Some(3), "{promoted:?}");
}

#[test]
fn a_workflow_that_fits_adds_no_finding_and_one_elsewhere_is_said_to_be_not_known() {
    let good = BY_HAND
        .replace("      sha: {required: true}\n", "      sha: {required: true}\n      who: {default: \"\"}\n      trunkline: {default: \"\"}\n")
        .replace("name: By hand", "run-name: deploy ${{ inputs.sha }} ${{ inputs.trunkline }}");
    let shop = with_workflow(&good);
    shop.home.await_build(1, "verified");
    let plan = shop.home.json(&["plan", "promote", "1", "--json"]);
    let findings = plan["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["guard"] != "engine"), "{findings:#?}");
    let config = fs::read_to_string(shop.home.path("config/config.toml")).unwrap();
    let elsewhere = config.replace("127.0.0.1:9/api", "localhost:9/api");
    fs::write(shop.home.path("config/config.toml"), elsewhere).unwrap();
    shop.home.said(&["engine", "restart"]);
    let plan = shop.home.json(&["plan", "promote", "1", "--json"]);
    let findings = plan["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["guard"] == "engine").unwrap();
    assert_eq!(found["severity"], "info", "{findings:#?}");
    assert!(found["sentence"].as_str().unwrap().contains("is not known"), "{found}");
}

#[test]
fn what_no_file_says_is_asked_of_github_and_only_read() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let github = runtime.block_on(GitHub::start());
    let shop = ClonedShop::new(ADDRESS, &[("deploy.yml", ONE_RUN), ("hand.yml", BY_HAND)], None);
    fs::create_dir_all(shop.home.path("config")).unwrap();
    fs::write(shop.home.path("token"), GITHUB_TOKEN).unwrap();
    let settings = format!(
        "[engines.hub]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = '{}' }}\nmay = [\"acme/shop\"]\n",
        github.url(),
        shop.home.path("token").display()
    );
    fs::write(shop.home.path("config/config.toml"), settings).unwrap();
    github.environment("staging", &[], 0);
    github.environment("production", &["ann"], 30);
    github.workflow("acme/shop", "hand.yml", |flow| flow.state = "disabled_manually".into());
    github.move_clock(TimeDelta::days(-100));
    github.push_run(RunOf { workflow: "deploy.yml", ..RunOf::default() });
    let said = text(&shop.init(&[]).stdout);
    for sentence in [
        "main is the default branch",
        "environment staging lets every deploy go ahead",
        "environment production wants a wait of 30 minutes and a review by @ann",
        "hand.yml is switched off (disabled_manually)",
        ": it seems unused",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    assert!(!said.contains("Not known without"), "{said}");
    assert!(github.seen().iter().all(|request| request.method == "GET"), "{:?}", github.seen());
    fs::write(shop.home.path("token"), "another").unwrap();
    let refused = text(&shop.init(&[]).stdout);
    assert!(refused.contains("It was asked, but "), "{refused}");
}
