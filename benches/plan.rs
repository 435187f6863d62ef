//! How long a plan takes with 500 commits and 60 migrations in its range, some of which take something away, against one
//! `git log` of the same range: `cargo bench --bench plan`.

use std::process::Command;
use std::time::{Duration, Instant};

use trunkline::backend::Backend as _;
use trunkline::backend::remote::Remote;
use trunkline::domain::command::Action;
use trunkline::domain::ids::BuildNumber;
use trunkline_testing::bench::floor;
use trunkline_testing::bench::samples::Pairs;
use trunkline_testing::bench::shop::time;
use trunkline_testing::shop::Shop;

const PAIRS: usize = 40;
const COMMITS: usize = 500;
const MIGRATIONS: usize = 60;

fn main() {
    floor::become_what_is_asked();
    let shop = Shop::measured();
    let begin = shop.repository.head();
    shop.repository.branch("work");
    for number in 0..COMMITS {
        let author = number % 7;
        let (name, email) = (format!("Author {author}"), format!("author{author}@example.com"));
        let file = format!("src/part{}/file{number}.rs", number % 20);
        let subject = format!("feat: the change with the number {number} of a long branch");
        if number % (COMMITS / MIGRATIONS) == 0 && number / (COMMITS / MIGRATIONS) < MIGRATIONS {
            shop.repository.write(&format!("migrations/{number:04}_step.sql"), &migration(number));
        }
        shop.repository.commit_by(&name, &email, &file, &subject, &subject);
    }
    shop.repository.switch("main");
    let tip = shop.repository.merge("work", "Merge the long branch");
    shop.until_all_is_staged();

    let git = || {
        let mut log = Command::new("git");
        log.args(["log", "--format=%H %an %ae %s"]);
        time(log.arg(format!("{begin}..{tip}")).current_dir(shop.repository.path()))
    };
    let by_command = || shop.time(&["plan", "promote", "2"]);
    let pairs = Pairs::measure(PAIRS, git, by_command);
    let title = format!("a plan with {COMMITS} commits and {MIGRATIONS} migrations in its range");
    pairs.print(&title, "git log of the range", "trunkline plan promote");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs little");
    let remote = Remote::over(shop.socket());
    let by_connection = || runtime.block_on(plan(&remote));
    let pairs = Pairs::measure(PAIRS, git, by_connection);
    pairs.print(&title, "git log of the range", "over a connection");
}

/// Most add something; every tenth takes something away, for which the code is searched.
fn migration(number: usize) -> String {
    let place = number / (COMMITS / MIGRATIONS);
    if place.is_multiple_of(10) {
        return format!("ALTER TABLE orders DROP COLUMN old_{number};\n");
    }
    format!(
        "CREATE TABLE part_{number} (id bigint PRIMARY KEY, name text NOT NULL);\n\
         ALTER TABLE orders ADD COLUMN extra_{number} text;\n\
         CREATE INDEX CONCURRENTLY orders_{number} ON orders (extra_{number});\n"
    )
}

async fn plan(remote: &Remote) -> Duration {
    let service = "checkout".parse().expect("the name is a good one");
    let begin = Instant::now();
    let plan = remote.plan(&service, Action::Promote { build: BuildNumber(2) }).await;
    let time = begin.elapsed();
    let plan = plan.expect("there is a plan");
    let (commits, files) = (plan.range.commits.len(), plan.migrations.files.len());
    assert!(commits >= COMMITS, "the range has the whole branch: {commits}");
    assert_eq!(files, MIGRATIONS);
    assert_eq!(plan.migrations.changes.len(), MIGRATIONS / 10);
    time
}
