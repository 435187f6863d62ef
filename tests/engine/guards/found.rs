//! Where the engine looks for migrations: where the service file says, or below the service's own folder.

use trunkline::domain::command::Action;
use trunkline::domain::plan::Plan;
use trunkline::domain::schema::Outlook;
use trunkline::domain::snapshot::BuildRow;
use trunkline::migrations::Class;

use trunkline_testing::engine::{QUICK, World};

const DROP: &str = "ALTER TABLE orders DROP COLUMN legacy_total;";

fn settings(paths: &str) -> String {
    format!("{QUICK}[migrations]\ndialect = \"postgres\"\nmin_bake = \"0s\"\npaths = [{paths}]\n")
}

/// The plan of a promote that brings these files, over a build that is live.
async fn plan_of(world: &World, files: &[(&str, &str)]) -> Plan {
    let verified = |row: &BuildRow| !row.build.verifications.is_empty();
    let first = world.until_build("the first build is in staging", verified).await;
    world.live(first.build.number).await;
    plan_of_next(world, files).await
}

/// The same, over whatever is live.
async fn plan_of_next(world: &World, files: &[(&str, &str)]) -> Plan {
    let verified = |row: &BuildRow| !row.build.verifications.is_empty();
    for (path, text) in files {
        world.repository.write(path, text);
    }
    let sha = world.repository.commit_all("Ann", "ann@example.com", "a change");
    let there = |row: &BuildRow| row.build.sha == sha && verified(row);
    let build = world.until_build("the merge is in staging", there).await.build.number;
    world.plan("raj", Action::Promote { build }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_match_no_file_are_said_and_nothing_counts_as_safe() {
    let mut world = World::open(&settings("\"db/migrate/*.sql\", \"db/migrat/*.sql\"")).await;
    let plan = plan_of(&world, &[("db/migrate/0001_drop.sql", DROP)]).await;
    let trouble = plan.migrations.trouble.clone().unwrap();
    assert_eq!(trouble, "\"db/migrat/*.sql\" in paths under [migrations] matches no file");
    assert_eq!(plan.migrations.files.len(), 1, "{plan:#?}");
    let mut other = World::open(&settings("\"db/migrat/*.sql\"")).await;
    let plan = plan_of(&other, &[("db/migrate/0001_drop.sql", DROP)]).await;
    assert_eq!(plan.migrations.files.len(), 0, "{plan:#?}");
    let said = plan.findings.iter().any(|f| f.sentence.contains("matches no file"));
    assert!(said, "{plan:#?}");
    other.live(plan.target.build).await;
    let back = other.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(back.verdict.as_ref().unwrap().outlook, Outlook::Risk, "{back:#?}");
    world.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_looked_for_outside_of_the_folder_of_the_service() {
    for (paths, expected) in [("\"db/*.sql\"", vec!["db/0001_drop.sql"]), ("", vec![])] {
        let mut world = World::with_file(QUICK);
        world
            .repository
            .write("shop/trunkline.toml", &settings(paths).replace("./release", "true"));
        world.repository.write("db/0000_begin.sql", "CREATE TABLE orders (legacy_total text);");
        world.repository.commit_all("Ann", "ann@example.com", "a service in a folder");
        world.start_folders(&[Some("shop")]).await;
        let plan = plan_of(&world, &[("db/0001_drop.sql", DROP), ("shop/note", "")]).await;
        let found: Vec<_> = plan.migrations.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(found, expected, "{plan:#?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_of_earlier_migrations_for_one_plan_is_right_for_the_next_and_after_a_restart()
 {
    const WIDER: &str = "ALTER TABLE parts ALTER COLUMN kind TYPE varchar(20);";
    let mut world = World::with_file(&settings(""));
    let begin = |width: u32| format!("CREATE TABLE parts (id bigint, kind varchar({width}));");
    let path = |number: u32| format!("migrations/{number:04}_step.sql");
    world.repository.write(&path(1), &begin(10));
    world.repository.commit_all("Ann", "ann@example.com", "begin");
    world.start().await;
    let plan = plan_of(&world, &[(&path(2), WIDER)]).await;
    let class = |plan: &Plan| plan.migrations.files.last().expect("one was brought").class();
    let wider = class(&plan);
    assert_ne!(wider, Class::Contract, "it was 10 characters wide: {plan:#?}");
    // The list grows by one that is learned on top.
    world.live(plan.target.build).await;
    let plan = plan_of_next(&world, &[(&path(3), &WIDER.replace("20", "15"))]).await;
    assert_eq!(class(&plan), Class::Contract, "it is 20 wide by now: {plan:#?}");
    let action = Action::Promote { build: plan.target.build };
    let again = world.plan("raj", action).await.unwrap();
    assert_eq!(again.migrations, plan.migrations);
    world.stop().await;
    world.start().await;
    let fresh = world.plan("raj", action).await.unwrap();
    assert_eq!(fresh.migrations, plan.migrations, "no plan before it helped");
    // Another beginning is another list: both are in one plan.
    world.repository.write(&path(1), &begin(40));
    let files = [(path(2), String::new()), (path(3), String::new()), (path(4), WIDER.to_owned())];
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let plan = plan_of_next(&world, &files).await;
    assert_eq!(class(&plan), Class::Contract, "it was 40 wide from the beginning: {plan:#?}");
    world.stop().await;
}
