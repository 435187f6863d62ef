//! What is kept of the last states, and what is not shown of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::backend::Backend as _;
use crate::backend::scripted::{SERVICE, Scripted};
use crate::domain::by_hand::ByHand;
use crate::domain::ids::BuildNumber;
use crate::domain::schema::{Outlook, Verdict};
use crate::domain::snapshot::RollbackPreview;

fn states(folder: &TempDir, profile: &str, address: &str) -> LastStates {
    let place = EnginePlace { profile: Some(profile.into()), address: address.into(), demo: false };
    LastStates::in_folder(folder.path().join("last"), place)
}

fn prod(folder: &TempDir) -> LastStates {
    states(folder, "prod", "https://deploy.example.com")
}

async fn snapshot() -> Box<ServiceSnapshot> {
    let backend = Scripted::new(DateTime::UNIX_EPOCH);
    let service = SERVICE.parse().unwrap();
    let found = backend.service(&service, None, Duration::ZERO).await.unwrap().unwrap();
    let sha = "90ddc3e90ddc3e90ddc3e90ddc3e90ddc3e90ddc".to_owned().try_into().unwrap();
    let by_hand = ByHand {
        service: service.clone(),
        to: BuildNumber(2),
        sha,
        subject: "fix: \u{1b}[31mlogin\nrm -rf /".into(),
        checkout: "/data/tree".into(),
        checkout_kept: true,
        warnings: vec!["RISK".into()],
        variables: Vec::new(),
        values_from: "the environment".into(),
        commands: vec!["echo back".into()],
    };
    let verdict = Verdict { outlook: Outlook::Risk, floor: None, why: Vec::new(), remedy: None };
    let rollback = RollbackPreview {
        to: by_hand.to,
        sha: by_hand.sha.clone(),
        was_live: None,
        left: None,
        verdict,
        blocked: None,
        expected: None,
        under_way: None,
        unchecked: false,
        by_hand: Some(Box::new(by_hand)),
        tried: None,
        needs: Vec::new(),
        instead: None,
    };
    Box::new(ServiceSnapshot { rollback: Some(rollback), ..found })
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_state_is_read_as_it_was_kept_and_is_its_owners_alone() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let (states, service) = (prod(&folder), snapshot.service.clone());
    assert_eq!(states.service(&service), Ok(None));
    states.belong_to("sam").unwrap();
    states.keep_service(&snapshot).unwrap();
    let found = states.service(&service).unwrap().unwrap();
    assert_eq!(found.what, snapshot);
    assert!(found.age >= found.ago && found.age < Duration::from_hours(1), "{found:?}");
    assert_eq!(states.person().as_deref(), Some("sam"));
    let text = fs::read_to_string(states.text(&service)).unwrap();
    assert!(text.ends_with("\necho back\n") && text.contains("--profile prod"), "{text}");
    let is_safe = |line: &str| !line.chars().any(char::is_control);
    assert!(text.lines().all(is_safe) && !text.contains("\nrm"), "{text}");
    for file in [states.service_file(&service), states.text(&service), states.person_file()] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        let beside = fs::read_dir(file.parent().unwrap()).unwrap().flatten();
        assert!(!beside.map(|e| e.file_name()).any(|n| n.to_string_lossy().contains("new-")));
    }
    let none = ServiceSnapshot { rollback: None, ..*snapshot };
    states.keep_service(&none).unwrap();
    assert!(!states.text(&service).exists(), "there is no way back any more");
    states.remove().unwrap();
    states.remove().unwrap();
    assert_eq!((states.service(&service), states.person()), (Ok(None), None));
}

#[tokio::test]
async fn what_is_of_another_place_or_person_or_cannot_be_trusted_is_not_shown() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let (states_of_prod, service) = (prod(&folder), snapshot.service.clone());
    states_of_prod.belong_to("sam").unwrap();
    states_of_prod.keep_service(&snapshot).unwrap();
    for (profile, address) in
        [("prod", "https://other.example.com"), ("other", "https://deploy.example.com")]
    {
        let why = states(&folder, profile, address).service(&service).unwrap_err();
        assert!(why.contains("is of another server"), "{why}");
    }
    let path = states_of_prod.service_file(&service);
    let kept = fs::read_to_string(&path).unwrap();
    let cases = [
        (kept.replace("\"format\":1", "\"format\":2"), "was written by a newer trunkline"),
        (kept.replace(&kept[kept.len() / 2..], ""), "is damaged"),
        (String::new(), "is damaged"),
        ("\u{0}\u{1}".into(), "is damaged"),
    ];
    for (text, said) in cases {
        fs::write(&path, text).unwrap();
        let why = states_of_prod.service(&service).unwrap_err();
        assert!(why.contains(said) && why.contains("is not shown"), "{why}");
    }
    fs::write(&path, &kept).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let why = states_of_prod.service(&service).unwrap_err();
    assert!(why.contains("by others"), "{why}");
    states_of_prod.keep_service(&snapshot).unwrap();
    let other: ServiceName = "billing".parse().unwrap();
    fs::copy(&path, states_of_prod.service_file(&other)).unwrap();
    assert!(states_of_prod.service(&other).unwrap_err().contains("is of another service"));
    states_of_prod.belong_to("sam").unwrap();
    assert!(states_of_prod.service(&service).unwrap().is_some(), "it is of sam still");
    states_of_prod.belong_to("raj").unwrap();
    assert_eq!(states_of_prod.service(&service), Ok(None), "raj is not shown what another saw");
    assert_eq!(states_of_prod.person().as_deref(), Some("raj"));
}

#[tokio::test]
async fn only_so_many_services_are_kept_and_no_clock_makes_one_younger() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let states = prod(&folder);
    let named = |number: usize| -> ServiceName { format!("s{number}").parse().unwrap() };
    let begin = SystemTime::now() - Duration::from_hours(5);
    for number in 0..SERVICES + 3 {
        states
            .keep_service(&ServiceSnapshot { service: named(number), ..(*snapshot).clone() })
            .unwrap();
        let file =
            OpenOptions::new().write(true).open(states.service_file(&named(number))).unwrap();
        file.set_modified(begin + Duration::from_mins(number as u64)).unwrap();
    }
    states.keep_service(&snapshot).unwrap();
    assert_eq!(fs::read_dir(states.services()).unwrap().count(), SERVICES);
    assert_eq!(fs::read_dir(states.texts()).unwrap().count(), SERVICES);
    assert_eq!(states.service(&named(0)), Ok(None));
    let old = states.service(&named(10)).unwrap().unwrap();
    assert!(old.ago > Duration::from_hours(4), "{:?}", old.ago);
    states.confirm(Some(&named(10)));
    let seen = states.service(&named(10)).unwrap().unwrap();
    assert!(seen.ago < Duration::from_mins(10), "{:?}", seen.ago);
    let file = OpenOptions::new().write(true).open(states.service_file(&named(10))).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_hours(3)).unwrap();
    assert_eq!(states.service(&named(10)).unwrap().unwrap().ago, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_last_is_on_disk_when_the_console_ends() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let (states, service) = (prod(&folder), snapshot.service.clone());
    let keeper = StateKeeper::start(states.clone());
    keeper.service(&service, Some(&ServiceSnapshot { trunk: "old".into(), ..(*snapshot).clone() }));
    keeper.service(&service, Some(&snapshot));
    keeper.service(&service, None);
    keeper.finish().await;
    assert_eq!(states.service(&service), Ok(None), "nobody knows yet whose it is");
    keeper.person("sam".into());
    keeper.finish().await;
    assert_eq!(states.service(&service).unwrap().unwrap().what.trunk, snapshot.trunk);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_not_confirmed_as_seen_and_is_written_later() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let (states, service) = (prod(&folder), snapshot.service.clone());
    let keeper = StateKeeper::start(states.clone());
    keeper.person("sam".into());
    keeper.service(&service, Some(&ServiceSnapshot { trunk: "old".into(), ..(*snapshot).clone() }));
    keeper.finish().await;
    // A folder stands where the new file would be written.
    let path = states.service_file(&service);
    let new = path.with_extension(format!("new-{}", std::process::id()));
    fs::create_dir(&new).unwrap();
    keeper.service(&service, Some(&snapshot));
    keeper.finish().await;
    assert_eq!(states.service(&service).unwrap().unwrap().what.trunk, "old");
    fs::remove_dir(&new).unwrap();
    keeper.service(&service, None);
    keeper.finish().await;
    assert_eq!(states.service(&service).unwrap().unwrap().what.trunk, snapshot.trunk);
}

#[tokio::test]
async fn the_texts_of_this_machine_are_its_engines_and_stay() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), snapshot().await);
    let place = EnginePlace { profile: None, address: "/data".into(), demo: false };
    let states = LastStates::in_folder(folder.path().join("last"), place);
    for number in 0..SERVICES + 3 {
        let service = format!("s{number}").parse().unwrap();
        states.keep_service(&ServiceSnapshot { service, ..(*snapshot).clone() }).unwrap();
    }
    assert_eq!(fs::read_dir(states.services()).unwrap().count(), SERVICES);
    assert_eq!(fs::read_dir(states.texts()).unwrap().count(), SERVICES + 3);
}
