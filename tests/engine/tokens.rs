//! Tokens and what they grant: roles, limits to services, and their end.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use trunkline::backend::embedded::Embedded;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::chain::ChainFrom;
use trunkline::domain::command::{Command, Refusal};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{Environment, Seq, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::domain::token::{MadeToken, NewToken, TokenRefusal};
use trunkline::engine::Handle;
use trunkline_testing::engine::{QUICK, World};
use uuid::Uuid;

const NOW: Duration = Duration::ZERO;
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn new(role: AccessRole, services: &[&str]) -> NewToken {
    let names = services.iter().map(|name| name.parse::<ServiceName>().unwrap()).collect();
    NewToken {
        name: format!("{role}-of-raj-{}", services.len()),
        person: "raj".into(),
        email: None,
        role,
        services: (!services.is_empty()).then_some(names),
        expires: None,
    }
}

/// An engine that knows its service.
async fn watched() -> World {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    world
}

async fn make(handle: &Handle, new: NewToken) -> MadeToken {
    handle.create_token(&Caller::in_process("moira"), new).await.unwrap()
}

/// Somebody over the network with a new token.
async fn with_token(handle: &Handle, new: NewToken) -> Embedded {
    let made = make(handle, new).await;
    let caller = handle.authenticate(made.secret.expose(), PEER).unwrap();
    Embedded::new(handle.clone(), caller)
}

fn hold() -> Command {
    Command::Hold { environment: Environment::Production, reason: "late".into() }
}

async fn send(backend: &Embedded, service: &str) -> Result<Seq, BackendError> {
    let key = Uuid::new_v4().to_string().try_into().unwrap();
    backend.command(&service.parse().unwrap(), hold(), key).await.map(|receipt| receipt.seq)
}

#[tokio::test]
async fn a_token_names_its_person_until_it_is_revoked_also_after_a_restart() {
    let mut world = watched().await;
    let made = make(world.handle(), new(AccessRole::Deployer, &[])).await;
    let text = made.secret.expose().to_owned();
    world.stop().await;
    world.start().await;
    let caller = world.handle().authenticate(&text, PEER).unwrap();
    assert_eq!(caller.to_string(), "raj (token deployer-of-raj-0 (t1) from 127.0.0.1)");
    let raj = Embedded::new(world.handle().clone(), caller.clone());
    let seq = send(&raj, "checkout").await.unwrap();
    let events = world.handle().events(None, Seq(seq.0 - 1), 1).await.unwrap();
    assert_eq!(events[0].actor, Actor::Person("raj".into()));
    assert!(raj.who_am_i().await.unwrap().token.is_some());

    let moira = Caller::in_process("moira");
    let [listed] = world.handle().tokens(&moira).unwrap().try_into().unwrap();
    assert!(listed.last_used.is_some());
    let again =
        world.handle().create_token(&moira, new(AccessRole::Deployer, &[])).await.unwrap_err();
    assert!(again.to_string().contains("revoke it first"), "{again}");

    let ended = tokio::spawn(world.handle().token_ended(&caller));
    world.handle().revoke_token(&moira, made.token.id).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(15), ended).await;
    ended.expect("the access ends").unwrap();
    let Err(BackendError::Refused(Refusal::Policy { sentence, .. })) = send(&raj, "checkout").await
    else {
        panic!("a command that was admitted before ran after the token had ended");
    };
    assert!(sentence.contains("revoked") && sentence.contains("nothing was done"), "{sentence}");
    let refused = TokenRefusal::Revoked("deployer-of-raj-0".into());
    assert_eq!(world.handle().authenticate(&text, PEER), Err(refused.clone()));
    world.stop().await;
    world.start().await;
    assert_eq!(world.handle().authenticate(&text, PEER), Err(refused));
    assert!(world.handle().revoke_token(&moira, made.token.id).await.is_err());
    make(world.handle(), new(AccessRole::Deployer, &[])).await;
}

#[tokio::test]
async fn a_viewer_sends_no_command_and_only_an_admin_manages_tokens() {
    let world = watched().await;
    let viewer = with_token(world.handle(), new(AccessRole::Viewer, &[])).await;
    let Err(BackendError::Refused(Refusal::Policy { sentence, .. })) =
        send(&viewer, "checkout").await
    else {
        panic!("a viewer held production");
    };
    assert!(sentence.contains("raj has the role viewer"), "{sentence}");
    let refused = async {
        let mut after = Seq(0);
        loop {
            for event in viewer.events(None, after, 100, Duration::from_secs(20)).await.unwrap() {
                after = event.seq;
                if matches!(event.fact, Fact::Refused { .. }) {
                    return event.actor;
                }
            }
        }
    };
    assert_eq!(refused.await, Actor::Person("raj".into()), "the refusal is in the record");
    let deployer = with_token(world.handle(), new(AccessRole::Deployer, &[])).await;
    for somebody in [&viewer, &deployer] {
        let answers = [
            somebody.tokens().await.map(drop),
            somebody.create_token(new(AccessRole::Admin, &[])).await.map(drop),
            somebody.revoke_token("t1".parse().unwrap()).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(BackendError::Refused(_))), "{answer:?}");
        }
    }
    let admin = with_token(world.handle(), new(AccessRole::Admin, &[])).await;
    assert_eq!(admin.tokens().await.unwrap().len(), 3);
}

#[tokio::test]
async fn outside_of_a_token_s_limit_nothing_exists() {
    let world = watched().await;
    let (inside, outside) = (
        new(AccessRole::Deployer, &["checkout"]),
        new(AccessRole::Deployer, &["ledger", "search"]),
    );
    let inside = with_token(world.handle(), inside).await;
    let outside = with_token(world.handle(), outside).await;
    let held = send(&inside, "checkout").await.unwrap();

    let to_text = |answer: Result<(), BackendError>| answer.unwrap_err().to_string();
    let checkout: ServiceName = "checkout".parse().unwrap();
    let nowhere: ServiceName = "nowhere".parse().unwrap();
    let of = async |name: &ServiceName| {
        [
            to_text(outside.service(name, None, NOW).await.map(drop)),
            to_text(outside.builds(name, None, 1).await.map(drop)),
            to_text(outside.history(name, Environment::Production, None, 1).await.map(drop)),
            to_text(outside.events(Some(name), Seq(0), 1, NOW).await.map(drop)),
            to_text(outside.stats(name, 30).await.map(drop)),
            to_text(send(&outside, name.as_str()).await.map(drop)),
        ]
    };
    let there = of(&checkout).await;
    let not_there = of(&nowhere).await;
    for (there, not_there) in there.into_iter().zip(not_there) {
        assert_eq!(there.replace("checkout", "nowhere"), not_there);
    }
    assert_eq!(outside.fleet(None, NOW).await.unwrap().unwrap().services, []);
    assert_eq!(outside.events(None, Seq(0), 100, NOW).await.unwrap(), []);
    assert!(matches!(
        outside.chain(ChainFrom::default(), 1).await,
        Err(BackendError::NotAllowed(_))
    ));
    assert!(matches!(inside.span(None, None).await, Err(BackendError::NotAllowed(_))));
    assert_eq!(inside.fleet(None, NOW).await.unwrap().unwrap().services.len(), 1);
    let all = inside.events(None, Seq(0), 1_000, NOW).await.unwrap();
    assert!(all.iter().any(|event| event.seq == held));
}

#[tokio::test]
async fn a_receipt_of_another_service_is_not_told() {
    let world = watched().await;
    let owner = Embedded::new(world.handle().clone(), Caller::in_process("moira"));
    let key = "12345678".to_owned().try_into().unwrap();
    let checkout = "checkout".parse().unwrap();
    owner.command(&checkout, hold(), key).await.unwrap();
    let key = "12345678".to_owned().try_into().unwrap();
    let outside = with_token(world.handle(), new(AccessRole::Viewer, &["ledger"])).await;
    let inside = with_token(world.handle(), new(AccessRole::Viewer, &["checkout", "ledger"])).await;
    assert_eq!(outside.receipt(&key).await.unwrap(), None);
    assert!(inside.receipt(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn an_admin_whose_token_ended_meanwhile_makes_and_revokes_none() {
    let world = watched().await;
    let made = make(world.handle(), new(AccessRole::Admin, &[])).await;
    let admin = world.handle().authenticate(made.secret.expose(), PEER).unwrap();
    world.handle().revoke_token(&Caller::in_process("moira"), made.token.id).await.unwrap();
    let refused = world.handle().create_token(&admin, new(AccessRole::Viewer, &[])).await;
    assert!(refused.unwrap_err().to_string().contains("nothing was done"));
    let left = make(world.handle(), new(AccessRole::Viewer, &[])).await;
    assert!(world.handle().revoke_token(&admin, left.token.id).await.is_err());
    assert_eq!(world.handle().tokens(&Caller::in_process("moira")).unwrap().len(), 2);
}
