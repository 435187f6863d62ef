//! Who gets a place, and whose it was.

use super::*;

const MOST: usize = 128;

fn read() -> Request<()> {
    Request::get("/v1/services/checkout/plan").body(()).unwrap()
}

fn wait() -> Request<()> {
    Request::get("/v1/events?wait=20").body(()).unwrap()
}

fn command() -> Request<()> {
    Request::post("/v1/services/checkout/commands").body(()).unwrap()
}

fn enter(all: &Connections, door: Door) -> Arc<Connection> {
    Arc::new(all.enter(door).unwrap())
}

fn of(all: &Connections, door: Door, uid: u32) -> Arc<Connection> {
    let connection = enter(all, door);
    connection.is_of(PlaceOwner::User(uid));
    connection
}

fn works(connection: &Arc<Connection>) -> RequestPlace {
    let place = connection.begin(&command()).unwrap();
    place.work();
    place
}

#[tokio::test]
async fn a_new_caller_gets_the_place_of_one_that_does_nothing_and_of_none_that_works() {
    let all = Connections::at_most(MOST);
    let held: Vec<_> = (0..MOST).map(|_| enter(&all, Door::Own)).collect();
    let _working: Vec<_> = held[1..].iter().map(works).collect();
    let new = enter(&all, Door::Own);
    held[0].closed().await;
    let working = works(&new);
    assert!(all.enter(Door::Own).is_none());
    drop((new, working));
    assert!(all.enter(Door::Own).is_some());
}

#[tokio::test]
async fn a_connection_works_as_long_as_one_of_its_requests_does() {
    let all = Connections::at_most(MOST);
    let held: Vec<_> = (0..MOST).map(|_| enter(&all, Door::Own)).collect();
    let working: Vec<_> = held.iter().map(works).collect();
    let _waiting: Vec<_> = held.iter().map(|one| one.begin(&wait()).ok()).collect();
    working[0].answered(false);
    let second = works(&held[0]);
    assert!(all.enter(Door::Own).is_none(), "its other request works");
    second.answered(false);
    assert!(all.enter(Door::Own).is_some(), "an answer that nobody takes keeps no place");
    held[0].closed().await;
}

#[tokio::test]
async fn whatever_others_do_the_own_socket_has_places() {
    let all = Connections::at_most(MOST);
    let others: Vec<_> = (OWN..MOST).map(|_| enter(&all, Door::Other)).collect();
    for (other, uid) in others.iter().zip(0..) {
        other.is_of(PlaceOwner::User(uid));
    }
    let working: Vec<_> = others.iter().map(works).collect();
    let idle = enter(&all, Door::Own);
    assert!(
        all.enter(Door::Other).is_none(),
        "the rest is not theirs, and they close nothing of the owner"
    );
    let own: Vec<_> = (1..OWN).map(|_| enter(&all, Door::Own)).collect();
    let _own_work: Vec<_> = [&idle].into_iter().chain(&own).map(works).collect();
    assert!(all.enter(Door::Own).is_none(), "all work");
    working[0].answered(false);
    assert!(all.enter(Door::Other).is_some(), "the place of one that does nothing");
    others[0].closed().await;
}

/// On many connections or on one, as HTTP/2 allows it.
#[test]
fn the_reads_of_one_caller_do_not_take_all_places() {
    for connections in [WORKING_OF_ONE, 1] {
        let all = Connections::at_most(MOST);
        let held: Vec<_> = (0..connections).map(|_| of(&all, Door::Other, 1)).collect();
        let begin = |at: usize| held[at % connections].begin(&read());
        let mut working: Vec<_> = (0..WORKING_OF_ONE).map(|at| begin(at).unwrap()).collect();
        let next = if connections == 1 { held[0].clone() } else { of(&all, Door::Other, 1) };
        assert_eq!(next.begin(&read()).err(), Some(RequestKind::Read));
        assert!(next.begin(&command()).is_ok(), "a command is no read");
        assert!(of(&all, Door::Other, 2).begin(&read()).is_ok());
        assert!(of(&all, Door::Own, 1).begin(&read()).is_ok(), "the owner is not counted");
        working[0].answered(false);
        assert!(next.begin(&read()).is_err(), "its answer is not taken yet");
        drop(working.pop());
        assert!(next.begin(&read()).is_ok());
    }
}

#[test]
fn the_commands_of_one_caller_that_never_come_whole_do_not_take_all_places() {
    let all = Connections::at_most(MOST);
    let one = of(&all, Door::Other, 1);
    let _held: Vec<_> = (0..COMMANDS_OF_ONE).map(|_| one.begin(&command()).unwrap()).collect();
    assert_eq!(one.begin(&command()).err(), Some(RequestKind::Command));
    assert!(of(&all, Door::Other, 2).begin(&command()).is_ok());
}

#[test]
fn answers_that_nobody_takes_keep_no_news_from_others() {
    let all = Connections::at_most(MOST);
    let callers: Vec<_> = (0..8).map(|uid| of(&all, Door::Other, uid)).collect();
    let begin = |at: usize| callers[at % callers.len()].begin(&wait()).unwrap();
    let waiting: Vec<_> = (0..WAITING).map(begin).collect();
    let other = of(&all, Door::Other, 99);
    assert_eq!(other.begin(&wait()).err(), Some(RequestKind::News), "all of these wait");
    waiting[0].answered(false);
    assert!(other.begin(&wait()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_old_stream_gives_its_place_to_a_new_one_and_its_connection_goes_on() {
    let all = Connections::at_most(MOST);
    let one = of(&all, Door::Other, 1);
    let mut streams: Vec<_> = (0..WAITING_OF_ONE).map(|_| one.begin(&wait()).unwrap()).collect();
    for stream in &streams {
        stream.answered(true);
    }
    assert_eq!(one.begin(&wait()).err(), Some(RequestKind::News));
    sleep(2 * STREAM_AGE).await;
    let new = one.begin(&wait()).expect("the oldest gives way");
    streams.remove(0).closed().await;
    new.answered(true);
    assert!(all.lock().connections.contains_key(&one.id));
    assert_eq!(all.lock().requests.len(), WAITING_OF_ONE);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_end_takes_its_connection_with_it() {
    let all = Connections::at_most(MOST);
    let stalled = of(&all, Door::Other, 1);
    let streams: Vec<_> = (0..WAITING_OF_ONE).map(|_| stalled.begin(&wait()).unwrap()).collect();
    for stream in &streams {
        stream.answered(true);
    }
    let working = works(&stalled);
    sleep(2 * STREAM_AGE).await;
    let next = of(&all, Door::Other, 1);
    let _first = next.begin(&wait()).expect("one is told to end");
    assert!(next.begin(&wait()).is_err(), "it does not end, and its connection works");
    working.answered(false);
    let _second = next.begin(&wait()).expect("the connection is closed");
    stalled.closed().await;
    assert_eq!(all.lock().requests.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_idle() {
    let all = Connections::at_most(MOST);
    let one = enter(&all, Door::Other);
    let longest = Duration::from_secs(20);
    let begun = Instant::now();
    let waiting = one.begin(&wait()).unwrap();
    tokio::spawn(async move {
        sleep(Duration::from_secs(90)).await;
        drop(waiting);
    });
    one.idle(longest).await;
    assert!(begun.elapsed() >= Duration::from_secs(110), "{:?}", begun.elapsed());
}
