//! The floor of a change on real repositories: where its name was last used, and never where nobody looked.

use std::fmt::Write as _;

use trunkline::domain::command::Action;
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::schema::{Outlook, SchemaChange, Verdict};
use trunkline::domain::snapshot::BuildRow;
use trunkline::migrations::Class;

use trunkline_testing::engine::{QUICK, World};

const SETTINGS: &str = "[migrations]\ndialect = \"postgres\"\nmin_bake = \"0s\"\n";
const DROP: &str = "ALTER TABLE orders DROP COLUMN legacy_total;";

struct Shop {
    world: World,
}

impl Shop {
    async fn open() -> Self {
        Self { world: World::open(&format!("{QUICK}{SETTINGS}")).await }
    }

    /// A merge of these files, once it is in staging.
    async fn merge(&self, files: &[(&str, &str)]) -> BuildNumber {
        for (path, text) in files {
            self.world.repository.write(path, text);
        }
        let sha = self.world.repository.commit_all("Ann", "ann@example.com", "a change");
        let there = |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
        self.world.until_build("the merge is in staging", there).await.build.number
    }

    async fn merge_live(&self, files: &[(&str, &str)]) -> BuildNumber {
        let build = self.merge(files).await;
        self.world.live(build).await;
        build
    }

    async fn promote_plan(&self, build: BuildNumber) -> Plan {
        self.world.plan("raj", Action::Promote { build }).await.unwrap()
    }

    async fn way_back(&self, to: BuildNumber) -> Verdict {
        let plan = self.world.plan("raj", Action::Rollback { to: Some(to) }).await.unwrap();
        plan.verdict.unwrap()
    }
}

fn said(plan: &Plan, severity: Severity) -> Vec<&str> {
    let of = plan.of(severity).filter(|finding| finding.guard == Guard::Migration);
    of.map(|finding| finding.sentence.as_str()).collect()
}

fn only(plan: &Plan) -> &SchemaChange {
    let [change] = &plan.migrations.changes[..] else { panic!("{:#?}", plan.migrations) };
    change
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_came_back_has_its_floor_after_the_last_code_that_used_it() {
    let mut shop = Shop::open().await;
    let uses = ("app.js", "orders.map((order) => order.legacy_total)");
    let without = ("app.js", "orders.map((order) => order.total)");
    let mut builds = Vec::new();
    // Used, unused three times, used once more, unused twice.
    for (at, (path, text)) in
        [uses, without, without, without, uses, without, without].into_iter().enumerate()
    {
        let note = at.to_string();
        builds.push(shop.merge_live(&[(path, text), ("note", &note)]).await);
    }
    let contract = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(only(&plan).floor, builds[5], "{plan:#?}");
    shop.world.live(contract).await;
    assert_eq!(shop.way_back(builds[5]).await.outlook, Outlook::Safe);
    for used in [builds[4], builds[3]] {
        assert_eq!(shop.way_back(used).await.outlook, Outlook::PointOfNoReturn, "{used}");
    }
    // Back past it, the next older build is no way forward either.
    let to = Some(builds[3]);
    let plan = shop.world.plan("raj", Action::Rollback { to }).await.unwrap();
    let receipt = shop.world.execute("raj", &plan).await.unwrap();
    shop.world.ended(receipt.deployment.unwrap()).await;
    let plan = shop.promote_plan(builds[4]).await;
    let advice = format!("promote {} or newer", builds[5]);
    assert!(said(&plan, Severity::Override)[0].contains(&advice), "{plan:#?}");
    assert_eq!(said(&shop.promote_plan(builds[5]).await, Severity::Override), Vec::<&str>::new());
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_code_ever_spoke_of_proves_nothing() {
    let mut shop = Shop::open().await;
    let before = shop.merge_live(&[("app.js", "generated.orders.all()")]).await;
    shop.merge_live(&[("app.js", "generated.orders.some()")]).await;
    let contract = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(contract).await;
    let change = only(&plan);
    assert_eq!(change.floor, contract, "{change:?}");
    assert!(change.why.contains("\"legacy_total\" is not in the code"), "{change:?}");
    let said = said(&plan, Severity::Override);
    assert!(said[0].contains("its readers are unknown"), "{said:?}");
    assert!(said[0].contains("-- deploy: ready-since #N, reason"), "{said:?}");
    // Its author may know.
    let text = format!("-- deploy: ready-since {before}, the reports are gone\n{DROP}");
    let contract = shop.merge(&[("migrations/0001_drop.sql", &text)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(only(&plan).floor, before, "{plan:#?}");
    assert_eq!(self::said(&plan, Severity::Override), Vec::<&str>::new());
    // A commit that no build has is no answer, and that is said.
    let text = format!("-- deploy: ready-since {}, trust me\n{DROP}", "ab".repeat(20));
    let contract = shop.merge(&[("migrations/0001_drop.sql", &text)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(only(&plan).floor, contract, "{plan:#?}");
    assert!(only(&plan).why.contains("which no build has"), "{plan:#?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_in_camel_case_speaks_of_a_column_too() {
    let mut shop = Shop::open().await;
    shop.merge_live(&[("Order.java", "class Order { BigDecimal legacyTotal; }")]).await;
    let without = shop.merge_live(&[("Order.java", "class Order { BigDecimal total; }")]).await;
    let contract = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(only(&plan).floor, without, "{plan:#?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_last_used_long_ago_is_known_to_be_gone() {
    let mut shop = Shop::open().await;
    shop.merge(&[("app.js", "order.legacy_total")]).await;
    let mut oldest = None;
    for at in 0..12 {
        let build = shop.merge_live(&[("app.js", &format!("order.total + {at}"))]).await;
        oldest = oldest.or((at == 2).then_some(build));
    }
    let contract = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(Some(only(&plan).floor), oldest, "{plan:#?}");
    assert_eq!(said(&plan, Severity::Override), Vec::<&str>::new());
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_has_no_name_in_code_that_could_be_looked_for() {
    let mut shop = Shop::open().await;
    shop.merge_live(&[("app.js", "order.legacy_total // ON CONFLICT ON CONSTRAINT orders_key")])
        .await;
    shop.merge_live(&[("app.js", "order.total")]).await;
    let text = "ALTER TABLE orders DROP COLUMN legacy_total, DROP CONSTRAINT orders_key;";
    let contract = shop.merge(&[("migrations/0001_drop.sql", text)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(only(&plan).floor, contract, "{plan:#?}");
    assert!(only(&plan).why.contains("whether it relies on \"orders_key\""), "{plan:#?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_statements_is_folded_and_counted() {
    let mut shop = Shop::open().await;
    let before = shop.merge_live(&[("app.js", "order.legacy_total")]).await;
    let (mut data, mut drops) = (String::new(), String::new());
    for at in 0..1_900 {
        writeln!(data, "UPDATE orders SET total = {at};").unwrap();
        writeln!(drops, "DROP TABLE old_{at};").unwrap();
    }
    let paths =
        ["migrations/0001_data.sql", "migrations/0002_drop.sql", "migrations/0003_data.sql"];
    let files = [(paths[0], &*data), (paths[1], &*drops), (paths[2], &*data)];
    let build = shop.merge(&files).await;
    let plan = shop.promote_plan(build).await;
    let changes = &plan.migrations.changes;
    assert_eq!(changes.len(), 500);
    let folded = &changes[0].statement;
    assert!(folded.ends_with("(and 1899 more like it in this file)"), "{folded}");
    // 1,402 tables and the rows of the third file.
    let rest = changes.last().unwrap();
    assert_eq!(rest.statement, "and 3302 more statements from here on");
    assert_eq!((rest.path.as_str(), rest.class, rest.floor), (paths[1], Class::Contract, build));
    assert!(plan.findings.len() < 20, "{:#?}", plan.findings);
    let carried = &plan.migrations.files[1].statements;
    assert_eq!(carried.len(), 1_666);
    assert!(carried.last().unwrap().text.starts_with("and 235 more statements"), "{carried:#?}");
    shop.world.live(build).await;
    let verdict = shop.way_back(before).await;
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn);
    assert_eq!(verdict.why.len(), 20);
    assert_eq!(verdict.why[19], "and 481 more reasons");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_counts_where_not_all_could_be() {
    let mut shop = Shop::open().await;
    let before = shop.merge_live(&[("app.js", "order.legacy_total")]).await;
    let files: Vec<_> = (1..=501).map(|at| format!("migrations/{at:04}_more.sql")).collect();
    let text = |at: usize| if at == 0 { DROP } else { "CREATE TABLE t (id int);" };
    let files: Vec<_> =
        files.iter().enumerate().map(|(at, path)| (path.as_str(), text(at))).collect();
    let build = shop.merge(&files).await;
    let plan = shop.promote_plan(build).await;
    let asks = said(&plan, Severity::Override);
    assert!(asks[0].contains("Not all of its migrations were judged: there are more"), "{asks:?}");
    assert_eq!(only(&plan).line, 1);
    shop.world.live(build).await;
    let verdict = shop.way_back(before).await;
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn, "{verdict:?}");
    assert!(verdict.why[0].contains("DROP COLUMN legacy_total"), "{verdict:?}");
    assert!(verdict.why[1].contains("there are more migration files"), "{verdict:?}");
    assert!(matches!(verdict.remedy, Some(Remedy::CheckMigrations { .. })), "{verdict:?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rewrite_nobody_takes_a_contract_for_known() {
    let mut shop = Shop::open().await;
    let first = shop.merge_live(&[("app.js", "order.legacy_total")]).await;
    let without = shop.merge_live(&[("app.js", "order.total")]).await;
    let kept = shop.world.repository.head();
    let contract = shop.merge_live(&[("migrations/0001_drop.sql", DROP)]).await;
    shop.world.repository.rewrite(&kept);
    let rebuilt = shop.merge(&[("app.js", "order.legacy_total + 1")]).await;
    let plan = shop.promote_plan(rebuilt).await;
    let asks = said(&plan, Severity::Override);
    let left = format!("done by {contract}, which is no longer on the trunk");
    assert!(asks.iter().any(|said| said.contains(&left)), "{plan:#?}");
    // What was live off the trunk is still looked at: the floor is where it was.
    assert_eq!(shop.way_back(without).await.outlook, Outlook::Safe);
    assert_eq!(shop.way_back(first).await.outlook, Outlook::PointOfNoReturn);
    shop.world.live(rebuilt).await;
    let again = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(again).await;
    assert_eq!(only(&plan).floor, again, "its own code uses it: {plan:#?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_gone_counts_as_code_that_uses_it() {
    let mut shop = Shop::open().await;
    let kept = shop.world.repository.head();
    let gone = shop.merge_live(&[("app.js", "order.legacy_total")]).await;
    let lost = shop.world.repository.head();
    shop.world.repository.rewrite(&kept);
    let without = shop.merge_live(&[("app.js", "order.total")]).await;
    let mirrors = std::fs::read_dir(shop.world.data().join("mirrors")).unwrap();
    for mirror in mirrors.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let git = |arguments: &[&str]| {
            let folder = ["-C", mirror.to_str().unwrap()];
            let output = std::process::Command::new("git").args(folder).args(arguments).output();
            output.unwrap().status.success()
        };
        assert!(git(&["update-ref", "-d", &format!("refs/trunkline/keep/{lost}")]));
        assert!(git(&["gc", "--quiet", "--prune=now"]));
        assert!(!git(&["cat-file", "-e", lost.as_str()]), "it is gone");
    }
    let contract = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let plan = shop.promote_plan(contract).await;
    assert_eq!(plan.migrations.trouble, None);
    let change = only(&plan);
    assert_eq!(change.floor, without, "{change:?}");
    assert!(
        change.why.contains(&format!("the code of {gone} could not be searched")),
        "{change:?}"
    );
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_that_brought_a_file_is_named_only_where_it_is_known() {
    let mut shop = Shop::open().await;
    shop.merge_live(&[("app.js", "order.legacy_total")]).await;
    let brings = shop.merge(&[("migrations/0001_drop.sql", DROP)]).await;
    let later = shop.merge(&[("app.js", "order.total")]).await;
    assert_eq!(only(&shop.promote_plan(later).await).build, brings);
    // What is edited is what the last edit made of it.
    let edited = format!("DROP TABLE refunds;\n{DROP}");
    let edited = shop.merge(&[("migrations/0001_drop.sql", &edited)]).await;
    let plan = shop.promote_plan(edited).await;
    assert!(plan.migrations.changes.iter().all(|change| change.build == edited), "{plan:#?}");
    // A commit with more files than are listed may have brought it as well.
    let paths: Vec<_> = (0..250).map(|at| format!("assets/{at:03}")).collect();
    let mut files: Vec<_> = paths.iter().map(|path| (path.as_str(), "x")).collect();
    files.push(("migrations/0002_drop.sql", "DROP TABLE carts;"));
    shop.merge(&files).await;
    let last = shop.merge(&[("app.js", "order.total + 1")]).await;
    let plan = shop.promote_plan(last).await;
    let stray = plan.migrations.changes.last().unwrap();
    assert_eq!(stray.build, last, "{stray:#?}");
    assert!(stray.why.contains("it is unknown which build brought it"), "{stray:#?}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_on_the_trunk_takes_no_migration_back_that_production_ran() {
    let mut shop = Shop::open().await;
    let speaks = ("app.js", "orders.map((order) => order.legacy_total)");
    shop.merge_live(&[speaks]).await;
    let add = "ALTER TABLE orders ADD COLUMN note text;";
    let files =
        [("app.js", ""), ("migrations/0001_drop.sql", DROP), ("migrations/0002_add.sql", add)];
    let dropped = shop.merge_live(&files).await;
    let bad = shop.world.repository.head();
    let back = shop.world.rollback().await;
    shop.world.ended(back).await;

    shop.world.repository.git(["revert", "--no-edit", bad.as_str()]);
    let reverted = shop.merge(&[("more", "")]).await;
    let plan = shop.promote_plan(reverted).await;
    let gone = said(&plan, Severity::Override);
    let done =
        format!("migrations/0001_drop.sql:1 {}: done by {dropped}", DROP.trim_end_matches(';'));
    assert_eq!(gone.len(), 1, "{plan:#?}");
    assert!(gone[0].starts_with(&done), "{gone:?}");
    let faults = said(&plan, Severity::Warn);
    assert_eq!(faults.len(), 2, "{faults:?}");
    for (fault, file) in faults.iter().zip(["0001_drop", "0002_add"]) {
        assert!(
            fault.starts_with(&format!("migrations/{file}.sql: is gone, but {dropped}")),
            "{fault}"
        );
    }

    // The file that comes back as it was is no news, one that comes back changed is.
    let again = [("migrations/0001_drop.sql", DROP), ("migrations/0002_add.sql", "SELECT 1;")];
    let again = shop.merge(&again).await;
    let plan = shop.promote_plan(again).await;
    let faults: Vec<_> = said(&plan, Severity::Warn)
        .into_iter()
        .filter(|said| said.contains("production"))
        .collect();
    let [fault] = &faults[..] else { panic!("{plan:#?}") };
    let edited =
        format!("migrations/0002_add.sql: was edited after {dropped}, which may have run it");
    assert!(fault.starts_with(&edited), "{fault}");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_never_came_to_staging_is_no_stepping_stone() {
    let mut shop = Shop::open().await;
    shop.merge_live(&[("app.js", "orders.map((order) => order.legacy_total)")]).await;
    let repository = &shop.world.repository;
    repository.branch("feature");
    repository.write("app.js", "");
    repository.commit_all("Ann", "ann@example.com", "do without");
    repository.write("migrations/0001_drop.sql", DROP);
    let both = repository.commit_all("Ann", "ann@example.com", "drop it");
    repository.switch("main");
    repository.git(["merge", "--quiet", "--ff-only", "feature"]);
    let there = |row: &BuildRow| row.build.sha == both && !row.build.verifications.is_empty();
    let contract = shop.world.until_build("both are in staging", there).await.build.number;
    let plan = shop.promote_plan(contract).await;
    let asked = said(&plan, Severity::Override);
    let nowhere = format!("no build between {} and {contract} is in staging", only(&plan).floor);
    assert!(asked[0].contains(&nowhere), "{asked:?}");
    shop.world.stop().await;
}
