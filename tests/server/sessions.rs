//! The sessions of people who signed in: how many one person has, and how they end.

use std::fs;

use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::chain::Hash;
use trunkline::domain::link::NewLink;
use trunkline::domain::token::{MadeToken, NewToken};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::{TeamServer, client, new_session};

use super::network::watched;

#[tokio::test]
async fn everybody_ends_the_own_session_and_no_other() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let raj = team.session("raj", AccessRole::Viewer, [1; 32]).await;
    let kim = team.session("kim", AccessRole::Viewer, [2; 32]).await;
    let token = team.token("raj", AccessRole::Deployer, &[]).await;
    let own = team.remote(raj.secret.clone());
    for other in [kim.token.id, token.token.id] {
        assert!(matches!(own.revoke_token(other).await, Err(BackendError::Refused(_))));
    }
    let of_an_admin = team.remote(token.secret);
    let refused = of_an_admin.revoke_token(token.token.id).await;
    assert!(matches!(refused, Err(BackendError::Refused(_))), "an admin gave it");
    assert!(own.revoke_token(raj.token.id).await.is_ok());
    assert!(matches!(own.who_am_i().await, Err(BackendError::Unauthorized(_))));
    let next = new_session("raj");
    let renewed = world.handle().open_session(next, Hash([3; 32]), Some(raj.token.id)).await;
    let why = renewed.unwrap_err().to_string();
    assert!(why.contains("was revoked by raj; sign in again"), "{why}");
    assert!(team.remote(kim.secret).who_am_i().await.is_ok());
}

/// Each renewal is a session of its own: the one that an admin sees is not the only one that opens the server.
#[tokio::test]
async fn whose_session_an_admin_revokes_is_out_everywhere() {
    let mut world = watched().await;
    let build = world.verified("a change").await;
    let run = world.live(build).await;
    let team = TeamServer::new(world.handle()).await;
    let session = async |person: &str, id_token| {
        team.session(person, AccessRole::Viewer, [id_token; 32]).await
    };
    let (first, second) = (session("raj", 1).await, session("raj", 2).await);
    let (last, kim) = (session("raj", 3).await, session("kim", 4).await);
    let token = team.token("raj", AccessRole::Viewer, &[]).await;
    let old = team.remote(first.secret.clone());
    let link = old.link_run(&world.service, run, NewLink::default()).await.unwrap().url;
    let open = async || client().get(&link).send().await.unwrap().status().as_u16();
    let is_in = async |made: &MadeToken| team.remote(made.secret.clone()).who_am_i().await.is_ok();

    team.remote(last.secret.clone()).revoke_token(last.token.id).await.unwrap();
    assert!(!is_in(&last).await && is_in(&first).await, "who signs out ends one session");
    assert_eq!(open().await, 200);
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, second.token.id).await.unwrap();
    for (made, stays) in [(&first, false), (&second, false), (&kim, true), (&token, true)] {
        assert_eq!(is_in(made).await, stays, "{}", made.token.name);
    }
    assert_eq!(open().await, 401);
    world.stop().await;
    world.start().await;
    let revoked = world.handle().tokens(&moira).unwrap();
    assert_eq!(revoked.iter().filter(|token| token.revoked.is_some()).count(), 3);
}

#[tokio::test]
async fn who_could_sign_in_no_browser_learns_why_at_once() {
    let mut world = World::with_file(QUICK);
    fs::create_dir_all(world.data()).unwrap();
    fs::write(world.data().join("link.keys"), "damaged").unwrap();
    world.start().await;
    let team = TeamServer::new(world.handle()).await;
    let raj = team.person("raj", AccessRole::Viewer).await;
    let why = raj.sign_in_link().await.unwrap_err().to_string();
    assert!(why.contains("link.keys"), "{why}");
}

/// A provider gives each ID token for one login.
#[tokio::test]
async fn an_id_token_opens_no_second_session_also_after_a_restart() {
    let mut world = watched().await;
    let new = || NewToken {
        expires: Some(world.handle().now() + chrono::TimeDelta::hours(1)),
        ..new_session("raj")
    };
    let made = world.handle().open_session(new(), Hash([1; 32]), None).await.unwrap();
    let replayed = world.handle().open_session(new(), Hash([1; 32]), None).await.unwrap_err();
    assert!(replayed.to_string().contains("opened a session already"), "{replayed}");
    let new = new();
    world.stop().await;
    world.start().await;
    assert!(world.handle().open_session(new, Hash([1; 32]), None).await.is_err());
    let team = TeamServer::new(world.handle()).await;
    assert_eq!(team.remote(made.secret).who_am_i().await.unwrap().name, "raj");
}

#[tokio::test]
async fn one_person_has_no_more_than_fifty_sessions() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    for id_token in 0..50 {
        team.session("raj", AccessRole::Viewer, [id_token; 32]).await;
    }
    let new = new_session("raj");
    let refused = world.handle().open_session(new, Hash([99; 32]), None).await.unwrap_err();
    assert!(refused.to_string().contains("raj has 50 sessions"), "{refused}");
    assert!(world.handle().open_session(new_session("kim"), Hash([99; 32]), None).await.is_ok());
}
