//! What the user file takes and refuses, and how it grows.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn watched(repository: &str) -> Watched {
    Watched { repository: repository.into(), folder: None, trunk: None }
}

fn mistake(text: &str) -> String {
    UserFile::parse(text, "config.toml").expect_err("the text is wrong").to_string()
}

#[test]
fn a_missing_file_means_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = UserFile::load(&folder.path().join("config.toml")).unwrap();
    assert_eq!(file, UserFile::default());
}

#[test]
fn every_key_is_read() {
    let text = "poll = \"2s\"\nemergency_countdown = \"0s\"\nstale_after = \"1m\"\n\
                [[services]]\nrepository = \"git@host:shop.git\"\nfolder = \"a/b/\"\ntrunk = \"main\"\n";
    let file = UserFile::parse(text, "config.toml").unwrap();
    assert_eq!(file.poll, Duration::from_secs(2));
    assert_eq!(file.emergency_countdown, Duration::ZERO);
    assert_eq!(file.stale_after, Duration::from_mins(1));
    let expected = Watched {
        repository: "git@host:shop.git".into(),
        folder: Some("a/b".into()),
        trunk: Some("main".into()),
    };
    assert_eq!(file.services, [expected]);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let cases = [
        ("pol = \"2s\"", "config.toml:1:1: pol: unknown key; did you mean \"poll\"?"),
        (
            "poll = \"0s\"",
            "config.toml:1:8: poll: must be longer than 0; write a time such as \"30s\"",
        ),
        (
            "[[services]]\n",
            "config.toml:1:1: services: a service needs repository = \"/PATH/OR/URL\"",
        ),
        (
            "[[services]]\nrepository = \"../shop\"",
            "config.toml:2:14: services.repository: \"../shop\" is neither an absolute path nor a URL; \
             write the path from / on",
        ),
        (
            "[[services]]\nrepository = \"https://me:hush@host/shop\"",
            "config.toml:2:14: services.repository: the URL contains a password; remove it and let git's \
             credential helper hold it",
        ),
        (
            "[[services]]\nrepository = \"/shop\"\nfolder = \"../other\"",
            "config.toml:3:10: services.folder: \"../other\" is not a folder of the repository; write its \
             path from the top of the repository, such as \"services/checkout\"",
        ),
        (
            "[[services]]\nrepository = \"/shop\"\npoll = \"1s\"",
            "config.toml:3:1: services.poll: unknown key; move it to the top of the file, above the \
             first [table]",
        ),
        (
            "[[services]]\nrepository = \"/shop\"\n[[services]]\nrepository = \"/shop/\"",
            "config.toml:3:1: services: \"/shop/\" is listed twice; keep one",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(mistake(text), expected, "for {text:?}");
    }
}

#[test]
fn a_service_is_appended_and_the_rest_of_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/config.toml");
    UserFile::watch(&path, &watched("/srv/a \"quoted\" place"), None).unwrap();
    fs::write(&path, format!("# mine\npoll='9s'\n{}", fs::read_to_string(&path).unwrap())).unwrap();
    let second =
        Watched { folder: Some("b".into()), trunk: Some("main".into()), ..watched("/srv/b") };
    UserFile::watch(&path, &second, None).unwrap();

    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\npoll='9s'\n[[services]]\n"), "{text}");
    let file = UserFile::load(&path).unwrap();
    assert_eq!(file.services, [watched("/srv/a \"quoted\" place"), second]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_service_is_added_once_and_a_wrong_file_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    UserFile::watch(&path, &watched("/srv/a"), None).unwrap();
    let again = UserFile::watch(&path, &watched("/srv/a/"), None).unwrap();
    assert_eq!(again, NowWatched::Already);
    assert!(UserFile::watch(&path, &watched("relative"), None).is_err());
    fs::write(&path, "poll = 5").unwrap();
    assert!(UserFile::watch(&path, &watched("/srv/b"), None).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "poll = 5");
}

#[test]
fn a_clone_gives_way_to_its_remote_and_the_rest_of_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let before = "# mine\n[[services]]\nrepository = '/srv/mine/' # here\ntrunk = \"main\"\n";
    fs::write(&path, before).unwrap();
    let url = "git@host:\"shop\".git";
    let remote = Watched { trunk: Some("main".into()), ..watched(url) };
    let now = UserFile::watch(&path, &remote, Some("/srv/mine")).unwrap();
    assert_eq!(now, NowWatched::InsteadOf("/srv/mine/".into()));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\n[[services]]\n"), "{text}");
    assert_eq!(UserFile::load(&path).unwrap().services, [remote]);
}

#[test]
fn services_written_as_a_list_are_not_torn_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "services = [{ repository = \"/srv/a\" }]").unwrap();
    let refused = UserFile::watch(&path, &watched("/srv/b"), None).unwrap_err();
    assert!(matches!(refused, ConfigError::ServicesAsList { .. }), "{refused}");
}

#[test]
fn a_file_behind_a_link_is_changed_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("dotfiles.toml"), folder.path().join("config.toml"));
    fs::write(&real, "").unwrap();
    symlink(&real, &link).unwrap();
    UserFile::watch(&link, &watched("/srv/a"), None).unwrap();
    assert!(link.is_symlink());
    assert_eq!(UserFile::load(&real).unwrap().services.len(), 1);
}

#[test]
fn a_mistake_elsewhere_leaves_every_whole_profile() {
    let profile = "[profiles.prod]\nurl = \"https://deploys.example.org\"\nca = \"/ca.pem\"\n";
    let read = |text: &str| UserFile::parse_for_profile(text, "config.toml");
    let elsewhere = [
        "pol = \"2s\"\n",
        "poll = \"never\"\n",
        "[[services]]\nrepository = \"relative\"\n",
        "[profiles.other]\nurl = \"http://example.org\"\n",
        "poll = \n",
        "[[services]\n",
    ];
    for wrong in elsewhere {
        let (file, mistake) = read(&format!("{wrong}{profile}"));
        let found = &file.profiles["prod"];
        assert_eq!(found.url, "https://deploys.example.org", "{wrong}");
        assert_eq!(found.ca.as_deref(), Some(Path::new("/ca.pem")), "{wrong}");
        assert_eq!(file.profiles.len(), 1, "{wrong}");
        assert!(mistake.unwrap().to_string().starts_with("config.toml:"), "{wrong}");
    }
    // Without its ca it would trust others.
    for wrong in ["ca = \"ca.pem\"\n", "cax = \"/ca.pem\"\n", "ca = /ca.pem\n"] {
        let (file, mistake) =
            read(&format!("[profiles.prod]\nurl = \"https://deploys.example.org\"\n{wrong}"));
        assert!(file.profiles.is_empty() && mistake.is_some(), "{wrong}");
    }
    assert!(read(profile).1.is_none());
}
