//! `trunkline doctor` and `audit verify` are not content with a record that no engine can use, and no engine goes unseen.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Output;

use rusqlite::Connection;
use trunkline_testing::home::{Home, until};
use trunkline_testing::jobs::JobServer;
use trunkline_testing::small_shop::service_file;

fn database(home: &Home) -> PathBuf {
    home.path("data").join("trunkline.db")
}

/// The rows of `doctor` that say that something is wrong.
fn wrong(home: &Home) -> Vec<String> {
    let doctor = home.trunkline(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    said.lines().filter(|line| line.starts_with("WRONG")).map(str::to_owned).collect()
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Puts other bytes over the first page of a table.
fn damage(home: &Home, table: &str) {
    let connection = Connection::open(database(home)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = connection.query_row(sql, [table], |row| row.get(0)).unwrap();
    let size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(connection);
    let file = fs::OpenOptions::new().write(true).open(database(home)).unwrap();
    file.write_all_at(&[0xAB; 512], u64::from(page - 1) * u64::from(size)).unwrap();
}

#[test]
fn a_damaged_page_of_any_table_is_found() {
    for table in ["receipts", "services"] {
        let home = Home::with_one_live();
        home.said(&["engine", "stop"]);
        assert_eq!(wrong(&home), Vec::<String>::new());
        let path = database(&home).display().to_string();
        home.said(&["audit", "verify", &path]);
        damage(&home, table);
        let found = wrong(&home);
        assert!(
            found.iter().any(|row| row.contains("record") && row.contains("damaged")),
            "{found:?}"
        );
        let said = complaint(&home.trunkline(&["audit", "verify", &path]));
        assert!(said.contains("damaged"), "{said}");
    }
}

#[test]
fn a_record_that_lost_its_end_or_was_replaced_is_found() {
    let emptied = |home: &Home| fs::write(database(home), "").unwrap();
    let removed = |home: &Home| fs::remove_file(database(home)).unwrap();
    let harms: [&dyn Fn(&Home); 2] = [&emptied, &removed];
    for harm in harms {
        let home = Home::with_one_live();
        home.said(&["engine", "stop"]);
        harm(&home);
        let found = wrong(&home);
        assert!(
            found.iter().any(|row| row.contains("the record was replaced or cut off")),
            "{found:?}"
        );
    }
}

#[test]
fn a_log_of_sqlite_that_was_cut_off_is_found() {
    let home = Home::with_one_live();
    home.kill_engine();
    let log = database(&home).with_extension("db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    fs::write(&log, "").unwrap();
    let found = wrong(&home);
    assert!(found.iter().any(|row| row.contains("record")), "{found:?}");
    // No engine can start over it.
    fs::remove_dir_all(home.path("data")).unwrap();
}

#[test]
fn a_record_that_cannot_be_written_is_found() {
    let home = Home::with_one_live();
    home.said(&["engine", "stop"]);
    let connection = Connection::open(database(&home)).unwrap();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON services BEGIN SELECT RAISE(ABORT, 'full'); END";
    connection.execute_batch(full).unwrap();
    let found = wrong(&home);
    assert!(found.iter().any(|row| row.contains("record") && row.contains("full")), "{found:?}");
}

#[test]
fn a_build_that_could_not_be_rolled_back_to_is_named() {
    let home = Home::new();
    let secrets = home.path("secrets.env");
    fs::write(&secrets, "DEPLOY_TOKEN=a-long-token\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    home.watch(&format!("{}[secrets]\nenv = [\"DEPLOY_TOKEN\"]\n", service_file("true")));
    let settings = home.path("config/config.toml");
    let with_secrets = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{with_secrets}[secrets]\nenv_file = {secrets:?}\n")).unwrap();
    home.await_build(1, "verified");
    home.said(&["promote", "1", "--yes", "--wait"]);
    home.merge("sam", "page.html", "two");
    home.await_build(2, "verified");
    home.said(&["promote", "2", "--yes", "--wait"]);
    assert_eq!(wrong(&home), Vec::<String>::new());
    fs::write(&secrets, "").unwrap();
    let named = "a rollback to #1 would fail: The steps need DEPLOY_TOKEN";
    until("it is named", || wrong(&home).iter().any(|row| row.contains(named)));
}

#[test]
fn a_stopped_engine_leaves_its_record_in_one_file() {
    let home = Home::with_one_live();
    home.said(&["engine", "stop"]);
    let log = database(&home).with_extension("db-wal");
    assert_eq!(fs::metadata(&log).map_or(0, |log| log.len()), 0);
    let copy = home.path("copy.db");
    fs::copy(database(&home), &copy).unwrap();
    let said = home.said(&["audit", "verify", copy.to_str().unwrap()]);
    assert!(said.contains("rows are intact"), "{said}");
}

#[test]
fn an_engine_without_its_data_folder_is_found_and_stopped() {
    let home = Home::new();
    home.watch(&service_file("true"));
    // It looks at nothing for an hour, so it does not find out itself.
    let settings = home.path("config/config.toml");
    let slow = fs::read_to_string(&settings).unwrap().replace("200ms", "1h");
    fs::write(&settings, slow).unwrap();
    home.await_build(1, "verified");
    let lost = home.engine().unwrap();
    fs::rename(home.path("data"), home.path("moved")).unwrap();
    fs::remove_dir_all(home.path("moved")).unwrap();
    let found = wrong(&home);
    let pid = format!("process id {lost} still runs");
    assert!(
        found.iter().any(|row| row.contains(&pid) && row.contains("trunkline engine stop")),
        "{found:?}"
    );
    let said = home.said(&["engine", "stop"]);
    assert!(said.contains(&format!("process id {lost} has stopped; its data folder")), "{said}");
    until("it is gone", || !std::path::Path::new(&format!("/proc/{lost}/exe")).exists());
}

#[test]
fn an_engine_that_does_not_answer_or_know_the_token_is_named() {
    let Some(mut server) = JobServer::if_python(Some("right-token")) else { return };
    let home = Home::with_one_live();
    let config = home.path("config/config.toml");
    let rest = fs::read_to_string(&config).unwrap();
    let token = server.token_file().display().to_string();
    let with = |token: &str| {
        format!(
            "[engines.deployer]\nkind = \"http\"\nurl = \"{}\"\ntoken = {{ {token} }}\nmay = [\"shop\"]\n",
            server.url()
        )
    };
    let (right, wrong_one) =
        (with(&format!("file = \"{token}\"")), with("command = [\"echo\", \"wrong\"]"));
    fs::write(&config, format!("{rest}\n{right}")).unwrap();
    assert_eq!(wrong(&home), Vec::<String>::new());
    let said = home.said(&["doctor"]);
    assert!(said.contains("runs at") && said.contains("deployer at http://127.0.0.1"), "{said}");
    fs::write(&config, format!("{rest}\n{wrong_one}")).unwrap();
    let found = wrong(&home);
    let is_told = |row: &String| row.contains("deployer at") && row.contains("401");
    assert!(found.len() == 1 && is_told(&found[0]), "{found:?}");
    server.kill();
    fs::write(&config, format!("{rest}\n{right}")).unwrap();
    let found = wrong(&home);
    assert!(found.len() == 1 && found[0].contains("it does not answer"), "{found:?}");
}
