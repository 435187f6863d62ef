//! Every command that a plan or a refusal prints as what to do is tried on a real shop.

use trunkline_testing::home::until;
use trunkline_testing::shop::Shop;

const RUN: &str = "run: trunkline ";

/// Runs the printed command that begins so, with these words filled in, and what else it needs without a terminal.
fn follow(
    shop: &Shop,
    printed: &str,
    begins: &str,
    filled: &[(&str, &str)],
    more: &[&str],
) -> String {
    let commands = printed.split(RUN).skip(1).map(|rest| {
        let end = rest.find([';', '\n']).unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    let command = commands.into_iter().find(|command| command.starts_with(begins));
    let mut command = command.unwrap_or_else(|| panic!("no {begins:?} in {printed}"));
    for (word, with) in filled {
        command = command.replace(word, with);
    }
    let words: Vec<_> = command.split(' ').chain(more.iter().copied()).collect();
    shop.home.said(&words)
}

fn in_staging(shop: &Shop, number: u64) {
    until("the build is in staging", || {
        let builds = shop.home.json(&["builds", "--json"]);
        let of = |build: &serde_json::Value| {
            build["number"] == number && build["in_staging_since"].is_string()
        };
        builds.as_array().unwrap().iter().any(of)
    });
}

fn refused(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.home.trunkline(arguments);
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn live(shop: &Shop) -> serde_json::Value {
    shop.home.json(&["status", "--service", "checkout", "--json"])["live"]["production"]["build"]
        .clone()
}

#[test]
fn every_command_that_a_plan_prints_does_what_it_says() {
    let shop = Shop::open();
    let plan = |build: &str| shop.home.said(&["plan", "promote", build]);
    in_staging(&shop, 1);
    follow(&shop, &plan("1"), "verify", &[], &[]);
    assert!(!plan("1").contains("run: trunkline verify"));
    shop.home.said(&["promote", "1", "--yes", "--wait"]);

    shop.merge("two");
    in_staging(&shop, 2);
    shop.home.said(&["hold", "--reason", "the sale"]);
    follow(&shop, &plan("2"), "release", &[], &[]);
    assert!(plan("2").contains("Production is not on hold"));
    follow(&shop, &plan("2"), "verify", &[], &[]);
    shop.home.said(&["promote", "2", "--yes", "--wait"]);

    let back = follow(&shop, &plan("1"), "rollback", &[], &["--yes", "--wait"]);
    assert_eq!(live(&shop), 1, "{back}");
    let bad = shop.repository.head();
    let not_named = refused(&shop, &["release", "--reason", "x", "--bad", "abcdef1234"]);
    let unknown = not_named.split(RUN).nth(1).unwrap().trim().split(' ').collect::<Vec<_>>();
    assert_eq!(unknown, ["where", "abcdef1234"]);
    follow(&shop, &plan("2"), "release", &[("SHA", bad.as_str())], &[]);
    assert!(plan("2").contains("Contains bad commit"));

    let message = format!("Revert \"two\"\n\nThis reverts commit {bad}.");
    shop.repository.write("page.html", "three");
    shop.repository.commit_all("Ann", "ann@example.com", &message);
    in_staging(&shop, 3);
    shop.home.said(&["verify", "3", "--note", "fine"]);
    follow(&shop, &plan("2"), "promote", &[], &["--yes", "--wait"]);
    assert_eq!(live(&shop), 3);

    shop.repository.write("page.html", "four");
    shop.repository.commit_all("Raj", "raj@example.com", "by raj");
    in_staging(&shop, 4);
    shop.home.said(&["verify", "4", "--note", "fine"]);
    follow(&shop, &plan("4"), "ask", &[], &[]);
    assert!(shop.home.said(&["requests"]).contains("#4"));

    shop.close_gate();
    shop.home.said(&["promote", "4", "--yes", "--reason", "author=nobody else is here"]);
    let running = plan("4");
    shop.open_gate();
    assert!(follow(&shop, &running, "logs", &[], &[]).contains("promote of 4 is out"));
}
