//! What the destinations besides Slack hear of an incident, and whom a pager calls.

use trunkline::domain::incident::UsersAffected;
use trunkline::domain::notice::view::NoticeView;
use trunkline_testing::destinations::DestinationFault as Fault;
use trunkline_testing::dice::{self, Dice, Seed};

use super::kind::{Kind, Pair};
use super::runs::{RunFigures, World, pause};
use super::{delivery, views};
use crate::slack::incident::{open, reopen, resolve, update};

/// What a pager has to call somebody.
const CALLS: &str = "incidents = true\n";
const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_destination_hears_of_an_incident_what_it_can_show() {
    for kind in Kind::ALL {
        let mut world = World::of(kind);
        world.start();
        let record = world.record.clone();
        let id = open(&record, "SEV-2", UsersAffected::Yes);
        world.until_quiet().await;
        update(&record, id, "we look at it", None);
        world.until_quiet().await;
        resolve(&record, id);
        world.until_quiet().await;
        world.stop().await;
        world.pair.check_described(kind);
        let texts = world.pair.texts();
        let begins: Vec<_> = texts.iter().map(|text| text.split(" · ").next().unwrap()).collect();
        let (open, resolved, said) = match kind {
            Kind::PagerDuty => {
                assert_eq!(begins, Vec::<&str>::new());
                assert_eq!(world.pager(), [], "it was not asked to call anybody");
                continue;
            }
            // It keeps the newest of each notice.
            Kind::Webhook => {
                let all = [
                    "✔ resolved SEV-2 checkout".to_owned(),
                    format!("kim on {id}: we look at it"),
                    format!("✔ checkout: sam resolved {id}: back to normal"),
                ];
                let mut begins = begins.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
                begins.sort();
                let mut all = all.to_vec();
                all.sort();
                assert_eq!(begins, all);
                continue;
            }
            Kind::Discord => {
                let all = [
                    "✔ **resolved** **SEV\\-2** checkout".to_owned(),
                    format!("✔ **checkout**: sam resolved {id}\\: back to normal"),
                ];
                assert_eq!(begins, all);
                continue;
            }
            Kind::Mattermost => ("‼ **open** **SEV\\-2** checkout", "✔ **checkout**: ", "kim on "),
            Kind::Teams => ("‼ open SEV-2 checkout", "✔ checkout: ", "kim on "),
        };
        let [first, second, third] = &begins[..] else { panic!("{kind:?}: {texts:#?}") };
        assert_eq!(*first, open, "{kind:?}");
        assert!(second.starts_with(said) && second.ends_with("we look at it"), "{texts:#?}");
        assert!(third.starts_with(resolved), "{texts:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pager_calls_once_for_an_incident_and_ends_with_it_whatever_gets_lost() {
    let seeds = dice::seeds("TRUNKLINE_NOTIFY_ROUNDS", ROUNDS);
    let mut figures = RunFigures::default();
    for seed in seeds {
        let _said_if_it_fails = Seed(seed);
        let mut dice = Dice::of(seed);
        let mut world = World::with(Kind::PagerDuty, CALLS);
        let mut faults = dice.fork(1);
        world.pair.faults(move || {
            let all = [Fault::TOLD.as_slice(), Fault::UNTOLD.as_slice()].concat();
            if faults.chance(50) { faults.one_of(&all) } else { Fault::None }
        });
        world.start();
        let record = world.record.clone();
        let id = open(&record, "SEV-1", UsersAffected::Yes);
        pause(&mut world, &mut dice, &mut figures).await;
        let is_updated = dice.chance(50);
        if is_updated {
            update(&record, id, "we look at it", None);
            pause(&mut world, &mut dice, &mut figures).await;
        }
        world.until_quiet().await;
        let pager = world.pager();
        let [alert] = &pager[..] else { panic!("one incident is one alert: {pager:#?}") };
        assert_eq!((alert.called, alert.is_open), (1, true), "{alert:?}");
        assert_eq!(alert.is_acknowledged, is_updated, "{alert:?}");
        assert_eq!(alert.severity, "critical");
        resolve(&record, id);
        pause(&mut world, &mut dice, &mut figures).await;
        world.until_quiet().await;
        assert!(!world.pager()[0].is_open);
        assert_eq!(world.pager()[0].called, 1);
        reopen(&record, id);
        pause(&mut world, &mut dice, &mut figures).await;
        world.until_quiet().await;
        assert_eq!((world.pager()[0].called, world.pager()[0].is_open), (2, true));
        world.stop().await;
        world.pair.check_described(Kind::PagerDuty);
        figures.requests += world.pair.asked().len();
    }
    eprintln!("{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pager_calls_nobody_for_what_is_over_before_it_hears_of_it() {
    let mut world = World::with(Kind::PagerDuty, CALLS);
    let record = world.record.clone();
    let id = open(&record, "SEV-1", UsersAffected::Yes);
    update(&record, id, "a false alarm", None);
    resolve(&record, id);
    world.start();
    world.until_quiet().await;
    world.stop().await;
    assert!(world.pager().iter().all(|alert| alert.called == 0), "{:#?}", world.pager());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pager_hears_no_notes_and_is_reminded_of_nothing() {
    let mut world = World::with(Kind::PagerDuty, CALLS);
    world.start();
    let record = world.record.clone();
    open(&record, "SEV-4", UsersAffected::NotKnown);
    world.until_quiet().await;
    record.change(|all| all.ahead = chrono::TimeDelta::minutes(20));
    world.until_quiet().await;
    world.stop().await;
    assert_eq!(world.pair.asked().len(), 1, "{:#?}", world.pair.bodies());
    assert_eq!(world.pager()[0].severity, "info");
}

#[tokio::test]
async fn a_severity_that_the_service_does_not_have_any_more_is_no_slight_one() {
    let view: NoticeView = views("x").into_iter().find(|view| view.incident.is_some()).unwrap();
    for (rank, severity) in [
        (Some(0), "critical"),
        (Some(1), "error"),
        (Some(2), "warning"),
        (Some(3), "info"),
        (Some(9), "info"),
        (None, "error"),
    ] {
        let pair = Pair::of(Kind::PagerDuty);
        let mut view = view.clone();
        view.incident.as_mut().unwrap().rank = rank;
        pair.send(&delivery(Kind::PagerDuty, view)).await;
        assert_eq!(pair.bodies()[0]["payload"]["severity"], severity, "{rank:?}");
    }
}
