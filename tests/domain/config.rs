//! The service file over a table of data files: what is taken, and the exact words for what is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trunkline::config::secret_sources::read_values;
use trunkline::config::server_file::ServerFile;
use trunkline::config::service_file::{DEFAULT_TIMEOUT, MigrationSettings};
use trunkline::config::user_file::UserFile;
use trunkline::config::{self, ServiceFile};
use trunkline::domain::event::{DeploymentKind, Run};
use trunkline::domain::ids::Environment;
use trunkline::domain::incident::{IncidentPolicy, PostmortemTime, SeverityLevel};
use trunkline::domain::leftovers::DeclaredLeftover;
use trunkline::domain::people::{Actor, Identity};
use trunkline::domain::policy::{FreezeMode, Policy, Rehearse, Staging, VerifyBy};
use trunkline::domain::watch::{Threshold, ValueBound, WatchCheck, WatchProbe};
use trunkline::migrations::Dialect;

use trunkline_testing::invalid::each_is_refused_in_its_own_words;

fn cases(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new("tests/data/config").join(folder);
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn valid(name: &str) -> ServiceFile {
    let text = fs::read_to_string(Path::new("tests/data/config/valid").join(name)).unwrap();
    ServiceFile::parse(&text, "trunkline.toml").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_invalid_file_is_refused_in_the_words_of_its_first_lines() {
    let parse = |text: &str| ServiceFile::parse(text, "trunkline.toml");
    assert!(each_is_refused_in_its_own_words("tests/data/config/invalid", parse) > 0);
}

#[test]
fn a_file_that_is_not_utf8_is_refused_at_the_line_and_column() {
    let says = "byte E9 is not UTF-8; save the file as UTF-8";
    let (line, bytes) = ("# caf\u{e9}\n", b"# caf\xe9".as_slice());
    let bytes = [line.as_bytes(), bytes].concat();
    let refused = ServiceFile::of_bytes(bytes.clone(), "trunkline.toml").unwrap_err();
    assert_eq!(refused.to_string(), format!("trunkline.toml:2:6: {says}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, bytes).unwrap();
    let expected = format!("{}:2:6: {says}", path.display());
    assert_eq!(UserFile::load(&path).unwrap_err().to_string(), expected);
    assert_eq!(ServerFile::load(&path).unwrap_err().to_string(), expected);
    let refused = config::freezes::text(&path, 100).unwrap_err();
    assert_eq!(refused, "it is not UTF-8 in line 2; save it as UTF-8");
    let refused = read_values(b"A=1\nTOKEN=\xe9\n".to_vec()).unwrap_err();
    assert_eq!(refused, "line 2 is not UTF-8; write it in UTF-8", "and nothing of the value");
}

#[test]
fn each_valid_file_is_taken() {
    for (path, text) in cases("valid") {
        let taken = ServiceFile::parse(&text, "trunkline.toml");
        assert!(taken.is_ok(), "{}: {}", path.display(), taken.unwrap_err());
    }
}

#[test]
fn silence_means_the_defaults() {
    let file = valid("smallest.toml");
    assert_eq!(file.trunk, None);
    let declared = Policy { leaves: Some(Vec::new()), ..Policy::default() };
    assert_eq!(file.policy, declared, "a file that declares no leaves was read");
    assert_eq!((file.database, file.migrations), (None, MigrationSettings::default()));
    assert_eq!(file.staging[0].timeout, DEFAULT_TIMEOUT);
    assert_eq!(file.staging[0].expected, None);
    assert!(file.production.is_empty() && file.rollback.is_empty());
}

#[test]
fn every_key_is_resolved() {
    let file = valid("everything.toml");
    assert_eq!(file.name.as_str(), "checkout-api.v2");
    assert_eq!(file.trunk.as_deref(), Some("release/next"));
    assert_eq!(file.paths, ["services/checkout", "libs/**", "apps/[id]"]);
    let policy = Policy {
        soak: Duration::ZERO,
        big_batch: 20,
        verify: vec![VerifyBy::Step("smoke".into())],
        freeze: FreezeMode::Warn,
        request_expires: Duration::from_mins(5),
        staging: Staging::Deploy,
        watch: Vec::new(),
        auto_rollback: false,
        rehearse: Rehearse::Never,
        leaves: Some(vec![DeclaredLeftover {
            what: "the page cache".into(),
            check: Some("curl -I /".into()),
            undo: Some("./purge".into()),
        }]),
        incidents: IncidentPolicy {
            severities: vec![
                SeverityLevel {
                    name: "P1".into(),
                    about: "customers cannot pay".into(),
                    postmortem: Some(PostmortemTime::BusinessDays(5)),
                },
                SeverityLevel { name: "P2".into(), about: String::new(), postmortem: None },
            ],
            remind: Duration::from_mins(20),
            postmortem: PostmortemTime::Days(2),
        },
    };
    assert_eq!(file.policy, policy);
    assert_eq!(file.database.as_deref(), Some("main"));
    assert_eq!(file.migrations.paths, ["db/migrate/*.sql"]);
    assert_eq!(file.migrations.dialect, Some(Dialect::Mysql));
    assert_eq!(file.migrations.min_bake, Duration::from_hours(2));
    assert_eq!(file.variables.secrets, ["DATABASE_URL", "_token2"]);
    assert_eq!(file.variables.pass, ["KUBECONFIG"]);
    assert_eq!(file.variables.set["_mode"], "a=b");
    assert_eq!(file.staging[0].run, Run::Shell("./deploy/migrate.sh".into()));
    assert_eq!(file.staging[0].timeout, Duration::from_mins(10));
    assert_eq!(file.staging[0].expected, Some(Duration::from_secs(30)));
    let argv = ["./smoke", "--quick", "", "$(id)"].map(str::to_owned);
    assert_eq!(file.staging[1].run, Run::Argv(argv.into()));
}

#[test]
fn people_are_known_by_any_of_their_addresses_and_logins() {
    let people = valid("everything.toml").people;
    let identity = |email: &str| Identity { name: "whoever".into(), email: email.into() };
    assert_eq!(people.owner_of(&identity("jane@home.example")), Some("jane"));
    assert_eq!(people.actor_of_login("jdoe"), Actor::Person("jane".into()));
    assert_eq!(people.actor_of_login("max m."), Actor::Person("max m.".into()));
    assert!(people.is_bot(&identity("1+dependabot[bot]@users.noreply.github.com")));
}

#[test]
fn each_kind_of_deployment_has_its_steps() {
    let file = valid("everything.toml");
    let steps = |environment, kind| file.steps(environment, kind);
    assert_eq!(steps(Environment::Staging, DeploymentKind::Auto), file.staging);
    assert_eq!(steps(Environment::Staging, DeploymentKind::Redeploy), file.staging);
    assert_eq!(steps(Environment::Production, DeploymentKind::Promote), file.production);
    assert_eq!(steps(Environment::Production, DeploymentKind::Redeploy), file.production);
    assert_eq!(steps(Environment::Production, DeploymentKind::Rollback), file.rollback);
}

#[test]
fn checks_of_a_watch_are_read_with_their_defaults() {
    let file = valid("watch.toml");
    let (staging, production) = (&file.watches.staging, &file.watches.production);
    let names: Vec<_> = production.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["errors", "front", "queue"]);
    assert_eq!(file.policy.watch, names);
    assert_eq!(file.policy.verify, [VerifyBy::Person, VerifyBy::Watch]);
    assert!(production.auto_rollback && !staging.auto_rollback);
    let times = |check: &WatchCheck| (check.every, check.lasts, check.timeout);
    let usual = (Duration::from_secs(15), Duration::from_mins(15), Duration::from_secs(10));
    assert!(production.checks.iter().all(|check| times(check) == usual));
    let own = (Duration::from_secs(5), Duration::from_mins(2), Duration::from_secs(3));
    assert_eq!(times(&staging.checks[0]), own);
    let WatchProbe::Prometheus(errors) = &production.checks[0].probe else { panic!("no query") };
    let (factor, ignore_below) = (Threshold(2_000_000), Threshold(10_000));
    assert_eq!(errors.bound, ValueBound::AtMostTimesBefore { factor, ignore_below });
    assert_eq!(
        production.checks[2].probe,
        WatchProbe::Run(Run::Bash("test $(wc -l < queue) -lt 100".into()))
    );
    assert_eq!((staging.lasts(), production.lasts()), (own.1, usual.1));
}
