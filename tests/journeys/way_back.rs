//! A rollback that fails at a step, as a person sees it: the other ways are on screen, and one of them goes.

use std::fs;

use trunkline_testing::shop::{Shop, later, leave, promote, row, shop, verify};

/// Each step is for all environments; back it asks a registry, which is a folder, for the image of the build.
const DEPLOY: &str = r#"
if [ "$TRUNKLINE_KIND" = rollback ] && [ ! -e "$REGISTRY/$TRUNKLINE_BUILD" ]; then
  echo "no image of $TRUNKLINE_BUILD"; exit 3
fi
echo "$TRUNKLINE_KIND of $TRUNKLINE_BUILD is out"
"#;

fn with_registry() -> Shop {
    let file = trunkline_testing::service_file::service_file().raj().person("ann");
    let file = file.everywhere("fetch-image", "exec sh ./deploy").text();
    let shop = shop(&file.replace("step:smoke", "person"));
    let registry = shop.home.path("registry");
    fs::create_dir(&registry).unwrap();
    let shop = shop.with("deploy", &format!("REGISTRY='{}'{DEPLOY}", registry.display()));
    // A countdown that only a key can end in time.
    shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"")
}

#[test]
fn a_rollback_that_fails_at_a_step_offers_the_build_before_and_that_goes() {
    let shop = with_registry();
    fs::write(shop.home.path("registry/1"), "").unwrap();
    let mut screen = shop.console();
    for (number, subject) in [(1, ""), (2, "sell hats"), (3, "sell shoes")] {
        if number > 1 {
            shop.merge(subject);
        }
        let build = format!("#{number}");
        verify(&mut screen, &build);
        promote(&mut screen, &build);
        row(&screen, &build, "LIVE");
    }
    screen.shows("rollback never run here");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #3 → #2");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    screen.shows("failed at step fetch-image");
    screen.shows("! shows the ways that are left");
    screen.keys("!");
    screen.shows("rollback to #2 FAILED");
    screen.shows("#1, the good build before (schema SAFE)");
    screen.shows("a rollback failed before: only Enter starts it");
    screen.keys("o");
    screen.shows("Roll PRODUCTION back  #3 → #1");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#1", "LIVE");
    later(&mut screen);
    leave(screen);
    assert_eq!(shop.kinds(), ["rollback", "rollback", "promote", "promote", "promote"]);
}
