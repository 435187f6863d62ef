//! The served `OpenAPI` document: every route is in it, it is the one that was agreed on, and what the server really
//! says and takes is as it describes.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::described::{Described, assert_valid};
use reqwest::Method;
use serde_json::{Value, json};
use trunkline::api::API;
use trunkline::api::problem::{ProblemDocument, ProblemKind};
use trunkline::backend::Backend;
use trunkline::backend::scripted::{Fault, SERVICE, Scripted, ScriptedWorld};
use trunkline::domain::command::{
    Action, Command, ItemOfHold, NewIncident, NewIncidentUpdate, Refusal,
};
use trunkline::domain::event::{
    Adoption, ChangeNote, DeploymentKind, DeploymentRequest, Fact, IncidentOpened,
    IncidentReopened, IncidentResolved, IncidentUpdated, LiveSaid, NoteKind, ObservedDeployment,
    Outcome, OutputChange, PostmortemDismissed, PostmortemWritten, SaidCommit, StepOutcome,
    TargetAnswer, TargetSaid, TargetsSaid, UnknownCommit, UnknownDeployment, UsersNotAffected,
};
use trunkline::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, IncidentId, Seq,
    ServiceName, Sha,
};
use trunkline::domain::incident::{IncidentMark, TakenBack, UsersAffected};
use trunkline::domain::leftovers::{
    Leftover, LeftoverKind, LeftoverTick, Leftovers, LeftoversListed, WrittenData,
};
use trunkline::domain::limits::{BAD_COMMIT_DIGITS, LONGEST_REASON, MOST_BAD_COMMITS};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Finding, Fingerprint, Guard, Severity};
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::remote::{FoundBy, RunRef, Waits};
use trunkline::domain::retention::RetentionRule;
use trunkline::domain::said::service_at;
use trunkline::domain::target::{TargetName, TargetOrder};
use trunkline::domain::watch::{
    AutoDecision, AutoRollback, CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded,
    WatchSampled, WatchSeen, WatchTurned,
};
use trunkline::domain::wave::{WaveContinued, WavePause, WaveWaits};
use trunkline_testing::record::{adopted, request, targets};

const GOLDEN: &str = "tests/data/openapi.json";
const RENEW: &str = "TRUNKLINE_RENEW_GOLDEN";
const KEY: &str = "12345678-key";

fn service() -> ServiceName {
    SERVICE.parse().unwrap()
}

/// What is recorded between two waves.
fn of_waves(reason: &str) -> [Fact; 2] {
    [
        Fact::WaveWaits(WaveWaits {
            deployment: DeploymentId(5),
            wave: "canary".parse().unwrap(),
            number: 1,
            of: 2,
            targets: vec!["h1".parse().unwrap()],
            pause: WavePause::For { time: Duration::from_mins(10) },
        }),
        Fact::WaveContinued(WaveContinued {
            deployment: DeploymentId(5),
            wave: "canary".parse().unwrap(),
            number: 1,
            of: 2,
            reason: reason.to_owned(),
            despite: Some("production is on hold".into()),
        }),
    ]
}

/// A world in which every kind of thing has happened, that the server may have to tell of.
fn eventful(world: &Scripted) {
    let (name, production) = (service(), Environment::Production);
    let sam = Actor::Person("sam".into());
    world.change(|world| {
        let first = world.verified_build(&name, "ada");
        let (promote, rollback) = (DeploymentKind::Promote, DeploymentKind::Rollback);
        let id = world.request(&name, first, production, promote, sam.clone());
        world.write(&name, id, 0, "hello");
        world.finish(&name);
        world.pass(Duration::from_mins(3));
        let second = world.verified_build(&name, "kim");
        world.request(&name, second, production, promote, sam.clone());
        world.finish(&name);
        world.request(&name, first, production, rollback, sam.clone());
        while world.advance_with(&name, StepOutcome::Exited(1)).is_some() {}
        let open = world.request(&name, second, production, promote, sam.clone());
        let (from, reason) = (world.now(), String::from("why"));
        let shas = world.service(&name).unwrap().state.builds[&first].sha.clone();
        let bad = BadCommit { sha: shas.clone(), build: first, subject: "Pay".into() };
        let finding = Finding {
            guard: Guard::Hold,
            severity: Severity::Override,
            sentence: reason.clone(),
            remedy: None,
            unknown: false,
        };
        let facts = [
            Fact::FreezePlaced { from, until: None, reason: reason.clone() },
            Fact::FreezePlaced { from, until: Some(from), reason: reason.clone() },
            Fact::FreezeLifted { freeze: Seq(1), reason: reason.clone() },
            Fact::HoldReleased {
                environment: production,
                reason: reason.clone(),
                bad: vec![],
                open: vec!["the page cache".into()],
            },
            Fact::HoldPlaced {
                all: false,
                environment: production,
                reason: reason.clone(),
                rollback: Some(open),
            },
            Fact::TrunkRewritten {
                from: shas.clone(),
                to: shas.clone(),
                off_trunk: vec![first],
                onto: Some(first),
            },
            Fact::DeploymentStarted { deployment: open, variables: None },
            Fact::StepStarted { deployment: open, step: 0, target: None },
            Fact::CancelRequested { deployment: open, reason: reason.clone() },
            Fact::CommitsQuarantined { bad: vec![bad], reason: reason.clone() },
            Fact::CommitCleared { sha: shas.clone(), reason: reason.clone() },
            Fact::PromoterRequested { build: first, until: from, note: reason.clone() },
            Fact::RequestWithdrawn { request: Seq(1), reason: reason.clone() },
            Fact::Refused {
                what: reason.clone(),
                sentence: reason.clone(),
                findings: vec![finding],
            },
            Fact::Noted(ChangeNote {
                kind: NoteKind::Config,
                what: reason.clone(),
                who: Some("kim".into()),
                undo: Some("undo it".into()),
                link: Some("https://flags.example/x".into()),
                changed_at: Some(from),
                observed: Some(OutputChange {
                    name: "prices".into(),
                    digest: "0".into(),
                    diff: "-a".into(),
                }),
            }),
        ];
        for fact in facts.into_iter().chain(of_waves(&reason)) {
            world.record(&name, sam.clone(), fact);
        }
        let seen = ObservedDeployment {
            environment: Environment::Staging,
            build: second,
            sha: shas,
            engine: Some("github".parse().unwrap()),
            run: "5512".into(),
            page: Some("https://ci.example/runs/5512".into()),
            at: from,
            older: None,
            taken_over: false,
        };
        observed(world, seen);
        watched(world, open, second);
        left_behind(world, open);
        apart(world, second);
        incidents(world, open);
        world.merge(&name, "ada", "Queue");
    });
}

/// What others deploy, of which one commit is not known.
fn observed(world: &mut ScriptedWorld, seen: ObservedDeployment) {
    let (name, from) = (service(), seen.at);
    let unknown = UnknownDeployment {
        environment: Environment::Staging,
        engine: "github".parse().unwrap(),
        run: "5513.1".into(),
        page: Some("https://ci.example/runs/5513".into()),
        at: from,
        commit: UnknownCommit { sha: None, why: "its title does not name it".into() },
        taken_over: false,
    };
    let other = Actor::External { login: "bob-gh".into(), engine: "github".into() };
    for fact in [Fact::DeploymentObserved(seen), Fact::UnknownObserved(unknown)] {
        let deployment = world.record(&name, other.clone(), fact).into();
        let ended = Fact::ObservedEnded { deployment, outcome: Outcome::Succeeded, at: from };
        world.record(&name, other.clone(), ended);
    }
}

/// Every fact of a watch.
fn watched(world: &mut ScriptedWorld, deployment: DeploymentId, build: BuildNumber) {
    let check = "errors".to_owned();
    let (says, value) = ("0.12; has to be below 0.01".to_owned(), Some("0.12".to_owned()));
    let summary = CheckSummary {
        check: check.clone(),
        good: 3,
        bad: 1,
        unknown: 0,
        last: SampleVerdict::Bad,
        says: says.clone(),
        value: value.clone(),
    };
    let facts = [
        Fact::WatchBegan(WatchBegan {
            deployment,
            environment: Environment::Production,
            build,
            checks: vec![check.clone()],
            until: world.now(),
            every: Duration::from_secs(25),
            wave: None,
        }),
        Fact::WatchSampled(WatchSampled { deployment, checks: vec![summary] }),
        Fact::WatchTurned(WatchTurned {
            deployment,
            check: check.clone(),
            to: SampleVerdict::Bad,
            says: says.clone(),
            value: value.clone(),
        }),
        Fact::AutoRollback(AutoRollback {
            deployment,
            check,
            since: world.now(),
            says,
            value,
            decision: AutoDecision::Stays { why: "production is on hold".to_owned() },
        }),
        Fact::WatchEnded(WatchEnded { deployment, end: WatchEnd::Bad }),
        Fact::WatchSeen(WatchSeen { deployment }),
    ];
    for fact in facts {
        world.record(&service(), Actor::System, fact);
    }
}

/// What a rollback left behind, on a hold that is there.
fn left_behind(world: &mut ScriptedWorld, rollback: DeploymentId) {
    let (name, environment) = (service(), Environment::Production);
    let hold = world.service(&name).unwrap().state.holds[&environment].id;
    let item = |kind, what: &str| Leftover {
        kind,
        what: what.into(),
        check: Some("look".into()),
        undo: Some("./purge".into()),
        ticked: None,
    };
    let items = vec![
        item(LeftoverKind::Declared, "the page cache"),
        item(LeftoverKind::Change, "flag search-v2 on"),
        item(LeftoverKind::Migration, "migration db/7_add.sql of #2"),
    ];
    let builds = vec![BuildNumber(2)];
    let written = Some(WrittenData { builds, ran: Duration::from_mins(42) });
    let left = Leftovers { written, items, doubts: vec!["why".into()] };
    let tick = |item, what: &str| LeftoverTick { environment, hold, item, what: what.into() };
    let facts = [
        Fact::LeftoversListed(LeftoversListed { environment, hold, rollback, left }),
        Fact::LeftoverTicked(tick(1, "the page cache")),
        Fact::LeftoverTicked(tick(2, "flag search-v2 on")),
        Fact::LeftoverUnticked(tick(1, "the page cache")),
    ];
    for fact in facts {
        world.record(&name, Actor::Person("sam".into()), fact);
    }
}

/// Every fact of incidents, of which one is open in the end.
fn incidents(world: &mut ScriptedWorld, rollback: DeploymentId) {
    let (name, sam) = (service(), Actor::Person("sam".into()));
    let (now, text) = (world.now(), String::from("why"));
    let opened = |rollback: Option<DeploymentId>| {
        Fact::IncidentOpened(IncidentOpened {
            title: "checkout answers 500".into(),
            severity: "SEV-3".into(),
            users_affected: UsersAffected::NotKnown,
            rollback,
            to: Some(BuildNumber(1)),
            took_back: Some(TakenBack { deployment: DeploymentId(5), build: BuildNumber(2) }),
        })
    };
    let incident: IncidentId = world.record(&name, sam.clone(), opened(Some(rollback))).into();
    let updated = IncidentUpdated {
        incident,
        text: text.clone(),
        at: Some(now),
        mark: Some(IncidentMark::Detected),
        severity: Some("SEV-2".into()),
        users_affected: Some(UsersAffected::Yes),
    };
    let resolved = IncidentResolved { incident, text: text.clone(), at: Some(now) };
    let place = "https://github.com/acme/shop/issues/7".into();
    for fact in [
        Fact::IncidentUpdated(updated),
        Fact::IncidentResolved(resolved.clone()),
        Fact::IncidentReopened(IncidentReopened { incident, reason: text.clone() }),
        Fact::IncidentResolved(resolved),
        Fact::PostmortemDismissed(PostmortemDismissed { incident, reason: text.clone() }),
        Fact::PostmortemWritten(PostmortemWritten { incident, place, draft: true }),
        Fact::UsersNotAffected(UsersNotAffected { rollback, with: Vec::new(), note: text }),
        opened(None),
    ] {
        world.record(&name, sam.clone(), fact);
    }
}

/// A promote that one of two targets took.
fn apart(world: &mut ScriptedWorld, build: BuildNumber) {
    let (name, number) = (service(), build.0);
    let asked = DeploymentRequest {
        steps: targets(&["eu", "us"], TargetOrder::OneByOne),
        ..request(Environment::Production, number)
    };
    let asked = Fact::DeploymentRequested(asked);
    let deployment = world.record(&name, Actor::Person("sam".into()), asked).into();
    let key = |step: usize| format!("\"checkout-{deployment}.{}-0\"", step + 1);
    world.record(&name, Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    let ends = [StepOutcome::Succeeded, StepOutcome::Concluded("failed at deployer".into())];
    for (step, (target, outcome)) in ["eu", "us"].into_iter().zip(ends).enumerate() {
        let target: Option<TargetName> = Some(target.parse().unwrap());
        let (engine, key) = ("deployer".parse().unwrap(), serde_json::from_str(&key(step)));
        let (key, took) = (key.unwrap(), Duration::from_secs(1));
        let run = RunRef::new(format!("88{step}"), None);
        let how = FoundBy::Answer;
        for fact in [
            Fact::StepStarted { deployment, step, target: target.clone() },
            Fact::RunSent { deployment, step, target: target.clone(), engine, key },
            Fact::RunFound { deployment, step, target: target.clone(), run, how },
            Fact::StepEnded { deployment, step, target, outcome, took, ended_at: None },
        ] {
            world.record(&name, Actor::System, fact);
        }
    }
    let outcome = Outcome::Failed("step release@us: failed at deployer (eu succeeded)".into());
    world.record(&name, Actor::System, Fact::DeploymentEnded { deployment, outcome });
}

#[tokio::test]
async fn the_document_is_titled_by_this_program() {
    let described = Described::new().await;
    let (document, info) = (&described.document, &described.document["info"]);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(info["title"], "trunkline");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    let answer = described.ask(Method::GET, "/v1/openapi.json").send().await.unwrap();
    assert_eq!(answer.headers()["trunkline-api"], API.to_string());
    assert_eq!(answer.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn the_document_is_the_one_that_was_agreed_on() {
    let text = format!("{:#}\n", Described::new().await.document);
    if std::env::var_os(RENEW).is_some() {
        fs::write(GOLDEN, &text).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap_or_default();
    let differs = text.lines().zip(golden.lines().chain(std::iter::repeat("")));
    let first = differs.enumerate().find(|(_, (now, agreed))| now != agreed);
    assert!(
        text == golden,
        "the API is not what {GOLDEN} says, first at {first:?}; if that is meant, run \
         `{RENEW}=1 cargo test --test server openapi` and read the difference before you commit it"
    );
}

#[tokio::test]
async fn what_the_document_refers_to_is_in_it() {
    let document = Described::new().await.document;
    let text = document.to_string();
    let references = text.split(r##""$ref":"#"##).skip(1);
    let pointers: BTreeSet<_> = references.filter_map(|rest| rest.split('"').next()).collect();
    assert!(pointers.len() > 40, "{pointers:?}");
    let dangling: Vec<_> =
        pointers.iter().filter(|pointer| document.pointer(pointer).is_none()).collect();
    assert!(dangling.is_empty(), "{dangling:?}");
}

#[tokio::test]
async fn the_document_speaks_of_the_wire_and_not_of_the_code() {
    let text = Described::new().await.document.to_string();
    for word in ["`None`", "`Some", "[`", "::", "`Self"] {
        assert!(!text.contains(word), "{word:?} says nothing to who reads the document");
    }
}

#[tokio::test]
async fn every_path_of_the_api_is_described_and_nothing_else() {
    let source = fs::read_to_string("src/api/path.rs").unwrap();
    let constants = source.split("\npub const ").skip(1);
    let constants = constants.filter_map(|rest| rest.split('"').nth(1).map(ToOwned::to_owned));
    let operations = Described::new().await.operations();
    let described: BTreeSet<_> = operations.into_iter().map(|(path, _)| path).collect();
    assert_eq!(described, constants.collect());
}

#[tokio::test]
async fn a_path_takes_the_methods_that_are_described_and_no_other() {
    let described = Described::new().await;
    let operations = described.operations();
    let paths: BTreeSet<_> = operations.iter().map(|(path, _)| path).collect();
    for path in paths {
        let real = path
            .replace("{service}", SERVICE)
            .replace("{deployment}", "1")
            .replace("{step}", "0")
            .replace("{token}", "1")
            .replace("{forge}", "github")
            .replace("{commit}", "0000")
            .replace("{incident}", "1")
            .replace("{build}", "1")
            .replace("{file}", "none")
            .replace("{key}", KEY);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let is_described = operations.contains(&(path.clone(), method.to_string()));
            let answer = described.ask(method.clone(), &real).send().await.unwrap();
            let problem = answer.json::<ProblemDocument>().await.ok().map(|problem| problem.kind);
            assert_ne!(problem, Some(ProblemKind::NoSuchPath), "{method} {path}");
            assert_eq!(problem != Some(ProblemKind::WrongMethod), is_described, "{method} {path}");
        }
    }
}

#[test]
fn a_route_enters_the_server_only_with_its_description() {
    let folders = ["src/server", "src/server/routes", "src/server/page", "src/server/webhooks"];
    let files = folders.map(|folder| fs::read_dir(folder).unwrap());
    let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
    for path in paths.filter(|path| path.is_file()) {
        let source = fs::read_to_string(&path).unwrap();
        assert!(!source.contains(".route("), "{}: use `.routes(routes!(…))`", path.display());
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let described = Described::new().await;
    eventful(&described.world);
    let plan = "/v1/services/{service}/plan";
    described.gets("/v1/openapi.json", "/v1/openapi.json", 200).await;
    described.gets("/v1", "/v1", 200).await;
    described.gets("/v1/fleet", "/v1/fleet", 200).await;
    described.gets("/v1/services/{service}", "/v1/services/checkout", 200).await;
    described.gets(plan, "/v1/services/checkout/plan?action=promote&build=2", 200).await;
    described.gets(plan, "/v1/services/checkout/plan?action=rollback", 200).await;
    described.gets("/healthz", "/healthz", 200).await;
    described.gets("/readyz", "/readyz", 200).await;
    let stats = "/v1/services/{service}/stats";
    described.gets(stats, "/v1/services/checkout/stats?days=9999", 200).await;
    described.gets(stats, "/v1/services/checkout/stats?days=x", 400).await;
    described.gets(stats, "/v1/services/nowhere/stats", 404).await;
    let freezes = "/v1/services/checkout/freezes?environment=production&from=2026-11-01T00:00:00Z";
    let route = "/v1/services/{service}/freezes";
    described.gets(route, &format!("{freezes}&until=2027-01-01T00:00:00Z"), 200).await;
    described.gets(route, &format!("{freezes}&until=2037-01-01T00:00:00Z"), 400).await;
    let commit = "/v1/services/{service}/commits/{commit}";
    for sha in [1, 2, 99].map(|number| format!("{number:040x}")) {
        described.gets(commit, &format!("/v1/services/checkout/commits/{sha}"), 200).await;
    }
    described.gets(commit, "/v1/services/checkout/commits/0000", 200).await;
    described.gets(commit, "/v1/services/checkout/commits/HEAD", 404).await;
    described.gets("/v1/events", "/v1/events?limit=1000", 200).await;
    for (query, status) in [("", 200), ("?minutes=60&limit=1", 200), ("?minutes=x", 400)] {
        described.gets("/v1/timeline", &format!("/v1/timeline{query}"), status).await;
    }
    let incidents = "/v1/services/{service}/incidents";
    for (query, status) in [("", 200), ("?before=2&limit=1", 200), ("?limit=all", 400)] {
        let path = format!("/v1/services/checkout/incidents{query}");
        described.gets(incidents, &path, status).await;
    }
    let incident = format!("{incidents}/{{incident}}");
    for standing in described.world.incidents(&service(), None, 9).await.unwrap() {
        let path = format!("/v1/services/checkout/incidents/{}", standing.incident.id.0);
        described.gets(&incident, &path, 200).await;
    }
    described.gets(&incident, "/v1/services/checkout/incidents/1", 404).await;
    described.gets("/v1/record/chain", "/v1/record/chain", 200).await;
    described.gets("/v1/record/chain", "/v1/record/chain?hash=none", 400).await;
    described.gets("/v1/record/span", "/v1/record/span", 200).await;
    described.gets("/v1/record/span", "/v1/record/span?since=2100-01-01T00:00:00Z", 200).await;
    described.gets("/v1/record/span", "/v1/record/span?since=soon", 400).await;
    let builds = "/v1/services/{service}/builds";
    for (query, status) in [("", 200), ("?before=2&limit=1", 200), ("?limit=all", 400)] {
        let path = format!("/v1/services/checkout/builds{query}");
        described.gets(builds, &path, status).await;
    }
    for environment in ["staging", "production"] {
        let path = format!("/v1/services/checkout/deployments?environment={environment}");
        described.gets("/v1/services/{service}/deployments", &path, 200).await;
    }
    let log = "/v1/services/{service}/deployments/{deployment}/steps/{step}/log";
    let production = Environment::Production;
    let shipped = described.world.history(&service(), production, None, 9).await.unwrap();
    let path = format!("/v1/services/checkout/deployments/{}/steps/0/log", shipped[0].id.0);
    described.gets(log, &path, 200).await;
    let search = format!("{log}/search");
    for query in ["text=hello&after=0", "text=nothing&before=99", "error=true&after=0"] {
        described.gets(&search, &format!("{path}/search?{query}"), 200).await;
    }
    for (query, status) in [("text=&after=0", 422), ("text=hello", 400), ("after=0", 400)] {
        described.gets(&search, &format!("{path}/search?{query}"), status).await;
    }
}

#[tokio::test]
async fn a_version_that_the_caller_has_is_answered_as_described() {
    let described = Described::new().await;
    for (route, path) in [
        ("/v1/fleet", "/v1/fleet"),
        ("/v1/services/{service}", "/v1/services/checkout"),
        ("/v1/timeline", "/v1/timeline"),
    ] {
        let answer = described.ask(Method::GET, path).send().await.unwrap();
        let same =
            described.ask(Method::GET, path).header("if-none-match", &answer.headers()["etag"]);
        described.holds(route, same, 304).await;
    }
}

#[tokio::test]
async fn a_note_needs_a_key_and_is_recorded_once() {
    let described = Described::new().await;
    let (route, path) = ("/v1/services/{service}/notes", "/v1/services/checkout/notes");
    let note = json!({"kind": "flag", "what": "search-v2 to 100 %", "undo": "flagctl off"});
    let order = || described.ask(Method::POST, path).json(&note);
    described.holds(route, order(), 400).await;
    for _ in 0..2 {
        described.holds(route, order().header("idempotency-key", KEY), 200).await;
    }
    let unknown = json!({"kind": "flap", "what": "x"});
    let unknown = described.ask(Method::POST, path).json(&unknown);
    described.holds(route, unknown.header("idempotency-key", "12345678-x"), 422).await;
    let nowhere = described.ask(Method::POST, "/v1/services/nowhere/notes").json(&note);
    described.holds(route, nowhere.header("idempotency-key", "12345678-y"), 404).await;
    let events = described.world.events(None, Seq(0), 100, Duration::ZERO).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.fact.kind() == "noted").count(), 1);
}

#[tokio::test]
async fn a_command_and_its_receipt_are_as_described() {
    let described = Described::new().await;
    let receipt = "/v1/commands/{key}";
    described.gets(receipt, &format!("/v1/commands/{KEY}"), 404).await;
    let hold = Command::Hold { environment: Environment::Production, reason: "errors".into() };
    let order = described.ask(Method::POST, "/v1/services/checkout/commands");
    let order = order.header("idempotency-key", KEY).json(&hold);
    described.holds("/v1/services/{service}/commands", order, 200).await;
    described.gets(receipt, &format!("/v1/commands/{KEY}"), 200).await;
}

#[tokio::test]
async fn refusals_and_faults_are_as_described() {
    let described = Described::new().await;
    let world = &described.world;
    let build = world.change(|world| world.verified_build(&service(), "sam"));
    let plan = world.plan(&service(), Action::Promote { build }).await.unwrap();
    let policy = Refusal::Policy { sentence: "no".into(), findings: plan.findings.clone() };
    let changed = Refusal::Changed { changes: vec!["all".into()], plan: Box::new(plan) };
    let faults = [
        (403, Fault::Refuse(policy)),
        (409, Fault::Refuse(changed)),
        (404, Fault::Refuse(Refusal::not_found("gone"))),
        (422, Fault::Refuse(Refusal::invalid("nonsense"))),
        (422, Fault::Refuse(Refusal::KeyReused)),
        (504, Fault::LostAnswer),
        (503, Fault::Unreachable),
    ];
    let hold = Command::Hold { environment: Environment::Production, reason: "errors".into() };
    let order = || described.ask(Method::POST, "/v1/services/checkout/commands").json(&hold);
    let commands = "/v1/services/{service}/commands";
    described.holds(commands, order(), 400).await;
    described.holds(commands, order().header("trunkline-api", 0), 426).await;
    for (at, (status, fault)) in faults.into_iter().enumerate() {
        world.fault(fault);
        let order = order().header("idempotency-key", format!("refused-{at}"));
        described.holds(commands, order, status).await;
    }
}

#[tokio::test]
async fn every_command_is_as_described() {
    let described = Described::new().await;
    let world = &described.world;
    let build = world.change(|world| world.verified_build(&service(), "sam"));
    let action = Action::Promote { build };
    let plan = world.plan(&service(), action).await.unwrap();
    let overrides = [(Guard::Author, "urgent".to_owned())].into();
    let (environment, reason) = (Environment::Staging, String::from("why"));
    let (from, until, incident) = (None, Some(plan.at), IncidentId(9));
    let commands = [
        Command::Execute { action, fingerprint: plan.fingerprint.clone(), overrides },
        Command::Cancel { deployment: Seq(3).into(), reason: reason.clone() },
        Command::Verify { build, note: reason.clone() },
        Command::GiveUp { deployment: DeploymentId(57), reason: reason.clone() },
        Command::Hold { environment, reason: reason.clone() },
        Command::Release {
            environment,
            reason: reason.clone(),
            bad: Some(Vec::new()),
            hold: None,
            leave_open: vec![2],
        },
        Command::Freeze { from, until, reason: reason.clone() },
        Command::Lift { freeze: Seq(9), reason: reason.clone() },
        Command::BuildTip {},
        Command::Rehearse {},
        Command::Adopt { commit: "3f9ac21".into(), reason: reason.clone() },
        Command::SeeWatch { deployment: DeploymentId(5) },
        Command::Continue {
            deployment: DeploymentId(5),
            wave: 1,
            reason: reason.clone(),
            seen: Some(["errors BAD".to_owned()].into()),
        },
        Command::Quarantine { commits: vec!["3f9ac21".into()], reason: reason.clone() },
        Command::Clear { commit: "3f9ac21".into(), reason: reason.clone() },
        Command::Ask { build, fingerprint: plan.fingerprint.clone(), note: reason.clone() },
        Command::Withdraw { request: Seq(9), reason: reason.clone() },
        Command::OpenIncident(NewIncident {
            title: "it is slow".into(),
            severity: "SEV-2".into(),
            users_affected: UsersAffected::NotKnown,
            rollback: Some(DeploymentId(57)),
            alone: true,
        }),
        Command::UpdateIncident(NewIncidentUpdate {
            incident,
            text: reason.clone(),
            at: until,
            mark: Some(IncidentMark::Began),
            severity: Some("SEV-1".into()),
            users_affected: Some(UsersAffected::Yes),
        }),
        Command::ResolveIncident { incident, text: reason.clone(), at: until },
        Command::ReopenIncident { incident, reason: reason.clone() },
        Command::WritePostmortem { incident, place: reason.clone() },
        Command::OpenPostmortemIssue { incident, place: None },
        Command::DismissPostmortem { incident, reason: reason.clone() },
        Command::UsersNotAffected {
            rollback: DeploymentId(57),
            with: vec![DeploymentId(52)],
            note: reason,
        },
        Command::Tick(ItemOfHold { environment, item: 1, hold: Some(Seq(9)) }),
        Command::Untick(ItemOfHold { environment, item: 1, hold: None }),
    ];
    let validator = described.component("Command");
    for command in commands {
        assert_valid(&validator, &serde_json::to_value(&command).unwrap(), "Command");
    }
    let nonsense = [
        json!({ "command": "dance" }),
        json!({ "command": "verify", "build": "1", "note": "" }),
        json!({ "command": "hold", "environment": "moon", "reason": "" }),
        json!({ "command": "execute", "action": "promote", "build": 1, "fingerprint": "x" }),
    ];
    for value in nonsense {
        assert!(!validator.is_valid(&value), "{value}");
        assert!(serde_json::from_value::<Command>(value).is_err());
    }
}

#[tokio::test]
async fn the_limits_of_the_texts_of_a_command_are_described() {
    let described = Described::new().await;
    let validator = described.component("Command");
    let text = |characters| "ä".repeat(characters);
    let (longest, digits) = (LONGEST_REASON, BAD_COMMIT_DIGITS);
    let of_reason = |reason: String| {
        [
            json!({ "command": "hold", "environment": "staging", "reason": reason }),
            json!({ "command": "verify", "build": 1, "note": reason }),
            json!({ "command": "execute", "action": "promote", "build": 1,
                "fingerprint": "live:0123456789abcdef", "overrides": { "author": reason } }),
        ]
    };
    let of_commits = |commits: Vec<String>| {
        [
            json!({ "command": "quarantine", "commits": commits, "reason": "r" }),
            json!({ "command": "release", "environment": "staging", "reason": "r", "bad": commits }),
        ]
    };
    let commit = |digits| "a".repeat(digits);
    let good = of_reason(text(longest)).into_iter();
    let good = good.chain(of_commits(vec![commit(*digits.start()); MOST_BAD_COMMITS]));
    for value in good {
        assert_valid(&validator, &value, "Command");
    }
    let bad = of_reason(text(longest + 1)).into_iter();
    let bad = bad.chain(of_commits(vec![commit(*digits.end()); MOST_BAD_COMMITS + 1]));
    let bad = bad.chain(
        [digits.start() - 1, digits.end() + 1]
            .map(commit)
            .map(|name| json!({ "command": "clear", "commit": name, "reason": "r" })),
    );
    for value in bad {
        assert!(!validator.is_valid(&value), "{value}");
    }
}

#[tokio::test]
async fn every_fact_is_as_described() {
    let described = Described::new().await;
    eventful(&described.world);
    described.world.change(|world| {
        let sha = world.service(&service()).unwrap().state.builds[&BuildNumber(1)].sha.clone();
        let (bad, corrects) = ([(sha.clone(), false)].into(), Some(DeploymentId(1)));
        let (reason, stated) = ("by hand".to_owned(), adopted(1));
        let stated_sha = sha.clone();
        let adopted =
            Adoption { sha: stated_sha, no_way_back: true, bad, corrects, reason, ..stated };
        world.record(
            &service(),
            Actor::Person("sam".into()),
            Fact::ProductionAdopted(Box::new(adopted)),
        );
        let restored = Fact::RecordRestored { head: Seq(1), at: chrono::DateTime::UNIX_EPOCH };
        world.record(&service(), Actor::Person("sam".into()), restored);
        let (environment, host) = (Environment::Production, "shop.example".to_owned());
        let unknown = UnknownCommit { sha: None, why: "its answers flap".into() };
        for says in [
            SaidCommit::Build { build: BuildNumber(1), sha: sha.clone(), older: None },
            SaidCommit::Unknown(unknown),
        ] {
            let answer = TargetAnswer::Says(says.clone());
            let said = LiveSaid { environment, host: host.clone(), says };
            world.record(&service(), service_at(&host), Fact::LiveSaid(said));
            let source = "the command ./which.sh".to_owned();
            let silent = TargetAnswer::Unread("it does not answer".into());
            let targets = [("h1", answer), ("h2", silent)];
            let targets =
                targets.map(|(name, answer)| TargetSaid { target: name.parse().unwrap(), answer });
            let by = service_at(&source);
            let said = TargetsSaid { environment, source, targets: targets.into() };
            world.record(&service(), by, Fact::TargetsSaid(said));
        }
        let (deployment, step) = (DeploymentId(1), 0);
        let (engine, key) =
            ("deployer".parse().unwrap(), serde_json::from_str("\"checkout-d1.1-3f9ca21b\""));
        let sent = Fact::RunSent { deployment, step, target: None, engine, key: key.unwrap() };
        world.record(&service(), Actor::System, sent);
        let page = Some("https://deployer.example.com/runs/881".to_owned());
        let (run, how) = (RunRef::new("881", page), FoundBy::Search);
        let found = Fact::RunFound { deployment, step, target: None, run, how };
        world.record(&service(), Actor::System, found);
        let by = vec!["@ann".to_owned()];
        let environment = "production".to_owned();
        let until = chrono::DateTime::UNIX_EPOCH;
        for waits in [
            Some(Waits::Approval { environment: environment.clone(), by }),
            Some(Waits::Timer { environment, until }),
            Some(Waits::Behind),
            None,
        ] {
            world.record(
                &service(),
                Actor::System,
                Fact::RunWaits { deployment, step, target: None, waits },
            );
        }
        let limit = Duration::from_hours(24);
        for rule in [RetentionRule::Age { limit }, RetentionRule::Size { limit: 1 }] {
            let removed = Fact::RunsRemoved { deployments: vec![DeploymentId(1)], rule };
            world.record(&service(), Actor::System, removed);
        }
    });
    let events = described.world.events(None, Seq(0), 1_000, Duration::ZERO).await.unwrap();
    let validator = described.component("Event");
    for event in &events {
        assert_valid(&validator, &serde_json::to_value(event).unwrap(), "Event");
    }
    let told: BTreeSet<_> = events.iter().map(|event| event.fact.kind()).collect();
    let facts = described.document["components"]["schemas"]["Fact"]["oneOf"].as_array().unwrap();
    assert_eq!(told.len(), facts.len(), "{told:?}");
}

#[tokio::test]
async fn the_stream_of_events_is_as_described() {
    let described = Described::new().await;
    eventful(&described.world);
    let request = described.ask(Method::GET, "/v1/events").header("accept", "text/event-stream");
    let mut answer = request.header("last-event-id", 1).send().await.unwrap();
    let contents = &described.document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"];
    assert!(contents[answer.headers()["content-type"].to_str().unwrap()].is_object());
    let mut text = String::new();
    while !text.contains("\n\n") {
        text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    let message = text.split("\n\n").next().unwrap();
    let field =
        |name: &str| message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
    assert_valid(&described.component("Event"), &data, "data");
    assert_eq!((field("id"), field("event")), (Some("2"), data["fact"]["fact"].as_str()));
}

#[tokio::test]
async fn every_outcome_is_as_described() {
    let described = Described::new().await;
    let validator = described.component("StepOutcome");
    let steps = [
        StepOutcome::Succeeded,
        StepOutcome::Exited(1),
        StepOutcome::Signalled(9),
        StepOutcome::TimedOut,
        StepOutcome::Cancelled,
        StepOutcome::NotStarted("no".into()),
        StepOutcome::Lost,
    ];
    for outcome in steps {
        assert_valid(&validator, &serde_json::to_value(&outcome).unwrap(), "StepOutcome");
    }
    let validator = described.component("Outcome");
    let whole = [
        Outcome::Succeeded,
        Outcome::Failed("no".into()),
        Outcome::Cancelled,
        Outcome::Interrupted("no".into()),
    ];
    for outcome in whole {
        assert_valid(&validator, &serde_json::to_value(&outcome).unwrap(), "Outcome");
    }
}

#[tokio::test]
async fn a_text_is_a_name_for_the_document_when_it_is_one_for_the_code() {
    let described = Described::new().await;
    let agrees = |schema: &str, text: &str, is_one: bool| {
        let validator = described.component(schema);
        assert_eq!(validator.is_valid(&json!(text)), is_one, "{schema} {text:?}");
    };
    let digits = |count| "0123456789abcdef".repeat(count);
    let texts = ["checkout", "a", "-a", "_a", ".a", "9.a_b-c", "A", "a b", "", "a/b", "ä", "a\n"];
    for text in texts.map(ToOwned::to_owned).into_iter().chain([digits(2), digits(3)]) {
        agrees("ServiceName", &text, ServiceName::try_from(text.clone()).is_ok());
        agrees("CommitPrefix", &text, CommitPrefix::try_from(text.clone()).is_ok());
        agrees("IdempotencyKey", &text, IdempotencyKey::try_from(text.clone()).is_ok());
    }
    for text in ["abc", "abcd", "ABCD", "abcg", "HEAD", "a..b"] {
        agrees("CommitPrefix", text, CommitPrefix::try_from(text.to_owned()).is_ok());
    }
    for text in [&digits(4), &digits(4)[..40], &digits(3)[..39], &digits(4).to_uppercase(), ""] {
        agrees("Sha", text, Sha::try_from(text.to_owned()).is_ok());
    }
    let live = format!("live:{}", digits(1));
    let two = format!("{live}.target:{}", digits(1));
    for text in [&*live, &two, &live[..9], &two[..22], &format!("{two}."), "", "live", ":"] {
        agrees("Fingerprint", text, Fingerprint::try_from(text.to_owned()).is_ok());
    }
}
