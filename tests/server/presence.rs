//! Who has a service open, as everybody else sees it.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::remote::Remote;
use trunkline::domain::caller::AccessRole;
use trunkline::domain::people::Actor;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::TeamServer;

/// Longer than a test: whoever waits so long is here all the time.
const LONG: Duration = Duration::from_secs(25);

async fn snapshot(of: &Remote) -> ServiceSnapshot {
    let name = "checkout".parse().unwrap();
    of.service(&name, None, Duration::ZERO).await.unwrap().unwrap()
}

/// Waits for news of the service again and again, as a console does.
async fn stays(one: Remote) {
    let name = "checkout".parse().unwrap();
    let mut version = None;
    loop {
        if let Ok(Some(news)) = one.service(&name, version.clone(), LONG).await {
            version = Some(news.version);
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_news_is_here_until_a_moment_after() {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    let team = TeamServer::new(world.handle()).await;
    let sam = tokio::spawn(stays(team.person("sam", AccessRole::Deployer).await));
    let kim = tokio::spawn(stays(team.person("kim", AccessRole::Viewer).await));
    let here = |snapshot: &ServiceSnapshot| {
        let name = |actor: &Actor| actor.to_string();
        // raj is who looks here.
        let present = snapshot.present.iter().filter(|one| name(&one.actor) != "raj");
        present.map(|one| (name(&one.actor), one.may_act)).collect::<Vec<_>>()
    };
    let both = [("kim".to_owned(), false), ("sam".to_owned(), true)];
    world.until("both are here", |snapshot| (here(snapshot) == both).then_some(())).await;
    // Whoever only looks is not, now and later.
    let ann = team.person("ann", AccessRole::Admin).await;
    assert_eq!(here(&snapshot(&ann).await), both);
    sam.abort();
    let has_left = |snapshot: &ServiceSnapshot| {
        let here = here(snapshot);
        assert!(here.iter().all(|(name, _)| name != "ann"), "{here:?}");
        (here == both[..1]).then_some(())
    };
    world.until("sam has left", has_left).await;
    kim.abort();
    world.until("kim has left", |snapshot| here(snapshot).is_empty().then_some(())).await;
}
