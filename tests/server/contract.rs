//! What every backend promises, as claims over any of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;
use trunkline::api::API;
use trunkline::backend::{Answer, Backend, BackendError, LONGEST_WAIT};
use trunkline::domain::chain::{ChainFrom, RecordSpan};
use trunkline::domain::command::{Action, Command, Receipt, Refusal};
use trunkline::domain::commit_location::{CommitInBuild, CommitLocation, InProduction, InStaging};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{Event, Fact};
use trunkline::domain::ids::{
    BuildNumber, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName,
};
use trunkline::domain::log::{
    Direction, FilteredRead, LineFilter, LogFind, LogFrom, LogPage, LogSearch, Wanted,
};
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::snapshot::ServiceSnapshot;
use uuid::Uuid;

const NOW: Duration = Duration::ZERO;
/// The longest that a server lets a caller wait.
const LONG: Duration = LONGEST_WAIT;

/// A world with one service, in which the backend's caller may promote what others wrote.
pub trait Stage {
    type Backend: Backend;

    fn backend(&self) -> &Self::Backend;

    fn service(&self) -> &ServiceName;

    /// A new build that somebody else wrote, verified in staging, so that a promote of it needs no reason.
    async fn with_verified_build(&self) -> BuildNumber;

    /// Lets everything that is queued or running succeed, and returns once it has. The first step of a production
    /// deployment writes at least 20 lines to its log.
    async fn finish_running(&self);
}

/// Declares one test for each claim, for one kind of backend.
macro_rules! every_claim_holds_for {
    ($row:ident, $stage:expr) => {
        every_claim_holds_for! { $row, $stage;
            it_describes_itself,
            an_unchanged_snapshot_is_not_sent_again,
            a_waiting_caller_hears_of_a_change_at_once,
            a_promote_goes_from_plan_to_live,
            a_rollback_goes_back_and_holds_production,
            a_retry_puts_a_build_into_staging_again_once,
            the_same_key_gets_the_same_receipt_and_acts_once,
            the_same_key_for_another_command_is_refused,
            a_key_that_was_never_sent_has_no_receipt,
            a_stale_fingerprint_is_refused_with_what_changed,
            a_missing_reason_is_refused_naming_the_guard,
            a_refusal_is_an_event_with_the_very_sentence_and_changes_no_snapshot,
            two_simultaneous_executes_have_one_winner,
            log_pages_resume_without_loss_or_repetition,
            the_chain_is_walked_in_parts_and_each_part_goes_on_where_the_one_before_ended,
            a_time_reaches_from_its_first_event_to_its_last,
            a_search_goes_from_line_to_line_in_both_directions,
            a_search_in_vain_says_so,
            what_nobody_can_look_for_is_refused,
            the_lines_that_pass_a_filter_come_with_those_around_them_and_their_number,
            events_resume_after_a_sequence_number,
            a_waiting_caller_gets_the_next_event,
            history_pages_are_newest_first_and_do_not_overlap,
            build_pages_are_newest_first_and_do_not_overlap,
            a_commit_is_followed_by_the_beginning_of_its_id,
            a_commit_that_nobody_has_is_unknown,
            an_unknown_service_is_not_found,
            the_measures_of_a_service_follow_its_record,
        }
    };
    ($row:ident, $stage:expr; $($claim:ident,)*) => {
        mod $row {
            $(
                #[tokio::test]
                async fn $claim() {
                    crate::contract::$claim(&$stage).await;
                }
            )*
        }
    };
}

pub async fn it_describes_itself<S: Stage>(stage: &S) {
    let description = stage.backend().describe().await.unwrap();
    assert_eq!(description.api, API);
    assert!(!description.version.is_empty() && !description.instance.is_empty());
}

pub async fn an_unchanged_snapshot_is_not_sent_again<S: Stage>(stage: &S) {
    stage.with_verified_build().await;
    let (backend, wait) = (stage.backend(), Duration::from_millis(50));
    let service = settled(stage).await;
    assert_eq!(backend.service(stage.service(), Some(service.version), wait).await, Ok(None));
    let fleet = backend.fleet(None, NOW).await.unwrap().unwrap();
    assert_eq!(fleet.services.len(), 1);
    assert_eq!(backend.fleet(Some(fleet.version), wait).await, Ok(None));
}

pub async fn a_waiting_caller_hears_of_a_change_at_once<S: Stage>(stage: &S) {
    let before = settled(stage).await;
    let backend = stage.backend();
    let waiting = backend.service(stage.service(), Some(before.version.clone()), LONG);
    let (after, held) =
        tokio::join!(timeout(LONG, waiting), send(stage, hold("looking into errors")));
    let after = after.expect("it is woken before its wait is over");
    held.unwrap();
    let after = after.unwrap().expect("something changed");
    assert_ne!(after.version, before.version);
    assert!(after.holds.contains_key(&Environment::Production));
}

pub async fn a_promote_goes_from_plan_to_live<S: Stage>(stage: &S) {
    let build = stage.with_verified_build().await;
    let plan = plan(stage, Action::Promote { build }).await;
    assert!(plan.severity() < Severity::Override, "{:?}", plan.findings);
    let receipt = send(stage, execute(&plan)).await.unwrap();
    let id = receipt.deployment.expect("an execution starts a deployment");
    assert!(snapshot(stage).await.deployments.iter().any(|row| row.deployment.id == id));
    stage.finish_running().await;
    let after = snapshot(stage).await;
    assert_eq!(after.live[&Environment::Production].build, build);
    assert_eq!(after.live[&Environment::Production].deployment, id);
    let row = after.deployments.iter().find(|row| row.deployment.id == id).unwrap();
    assert_eq!(row.state, DeploymentState::Succeeded);
}

pub async fn a_retry_puts_a_build_into_staging_again_once<S: Stage>(stage: &S) {
    let first = stage.with_verified_build().await;
    let second = stage.with_verified_build().await;
    let action = |build| Action::Retry { build, environment: Environment::Staging };
    let plan = plan(stage, action(first)).await;
    assert_eq!((plan.environment, plan.target.build), (Environment::Staging, first));
    assert_eq!(plan.live.as_ref().map(|live| live.build), Some(second));
    let once = key();
    let send = || stage.backend().command(stage.service(), execute(&plan), once.clone());
    let receipt = send().await.unwrap();
    assert_eq!(send().await, Ok(receipt));
    stage.finish_running().await;
    let after = snapshot(stage).await;
    assert_eq!(after.live[&Environment::Staging].build, first);
    let refused = stage.backend().plan(stage.service(), action(first)).await.unwrap();
    assert_eq!(refused.severity(), Severity::Refuse, "{:#?}", refused.findings);
    let production = Action::Retry { build: first, environment: Environment::Production };
    let never = stage.backend().plan(stage.service(), production).await;
    let Err(BackendError::Refused(Refusal::NotFound { sentence, .. })) = never else {
        panic!("it was never in production: {never:?}");
    };
    assert!(sentence.contains("never deployed"), "{sentence}");
}

pub async fn the_measures_of_a_service_follow_its_record<S: Stage>(stage: &S) {
    let stats = async || stage.backend().stats(stage.service(), 30).await.unwrap();
    stage.with_verified_build().await;
    assert_eq!(stats().await.deployments, None, "nothing is known of production");
    let build = promoted(stage).await;
    let live = snapshot(stage).await.live[&Environment::Production].clone();
    let after = stats().await;
    assert_eq!((live.build, after.deployments), (build, Some(1)));
    assert_eq!((after.change_failures.count, after.change_failures.of), (0, 1));
    assert_eq!(after.change_failures.percent, None);
    assert_eq!(after.until - after.from, TimeDelta::days(30));
    let unknown = stage.backend().stats(&"nowhere".parse().unwrap(), 30).await;
    assert!(matches!(unknown, Err(BackendError::Refused(Refusal::NotFound { .. }))));
}

pub async fn a_rollback_goes_back_and_holds_production<S: Stage>(stage: &S) {
    let first = promoted(stage).await;
    let second = promoted(stage).await;
    let plan = plan(stage, Action::Rollback { to: None }).await;
    assert_eq!(plan.target.build, first);
    assert_eq!(plan.live.as_ref().unwrap().build, second);
    send(stage, execute(&plan)).await.unwrap();
    let held = snapshot(stage).await;
    assert!(held.holds.contains_key(&Environment::Production), "held from the request on");
    stage.finish_running().await;
    assert_eq!(snapshot(stage).await.live[&Environment::Production].build, first);
}

pub async fn the_same_key_gets_the_same_receipt_and_acts_once<S: Stage>(stage: &S) {
    let (backend, service, key) = (stage.backend(), stage.service(), key());
    let first = backend.command(service, hold("errors"), key.clone()).await.unwrap();
    let second = backend.command(service, hold("errors"), key.clone()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(backend.receipt(&key).await, Ok(Some(first.clone())));
    let events = events(stage, Seq(first.seq.0 - 1), 100).await;
    let holds = events.iter().filter(|event| matches!(event.fact, Fact::HoldPlaced { .. }));
    assert_eq!(holds.count(), 1);
}

pub async fn the_same_key_for_another_command_is_refused<S: Stage>(stage: &S) {
    let (backend, service, key) = (stage.backend(), stage.service(), key());
    backend.command(service, hold("errors"), key.clone()).await.unwrap();
    let other = backend.command(service, hold("something else"), key).await;
    assert_eq!(other, Err(BackendError::Refused(Refusal::KeyReused)));
}

pub async fn a_key_that_was_never_sent_has_no_receipt<S: Stage>(stage: &S) {
    assert_eq!(stage.backend().receipt(&key()).await, Ok(None));
}

pub async fn a_stale_fingerprint_is_refused_with_what_changed<S: Stage>(stage: &S) {
    let build = stage.with_verified_build().await;
    let confirmed = plan(stage, Action::Promote { build }).await;
    let freeze = Command::Freeze { from: None, until: None, reason: "the sale".into() };
    send(stage, freeze).await.unwrap();
    let refused = send(stage, execute(&confirmed)).await;
    let Err(BackendError::Refused(Refusal::Changed { changes, plan: now })) = refused else {
        panic!("{refused:?}");
    };
    assert!(changes.iter().any(|change| change.contains("the sale")), "{changes:?}");
    assert_eq!(now.target.build, build);
    assert_ne!(now.fingerprint, confirmed.fingerprint);
    let reasons = [(Guard::Freeze, "it stops the losses".to_owned())];
    send(stage, execute_with(&now, reasons.into())).await.unwrap();
}

pub async fn a_missing_reason_is_refused_naming_the_guard<S: Stage>(stage: &S) {
    let build = stage.with_verified_build().await;
    send(stage, hold("errors")).await.unwrap();
    let plan = plan(stage, Action::Promote { build }).await;
    for reason in [None, Some("  ")] {
        let reasons = reason.map(|reason| (Guard::Hold, reason.to_owned()));
        let refused = send(stage, execute_with(&plan, reasons.into_iter().collect())).await;
        let Err(BackendError::Refused(Refusal::Policy { findings, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(findings.iter().map(|f| f.guard).collect::<Vec<_>>(), [Guard::Hold]);
    }
    let deployments = snapshot(stage).await.deployments;
    assert!(deployments.iter().all(|row| row.deployment.request.build != build
        || row.deployment.request.environment != Environment::Production));
}

pub async fn a_refusal_is_an_event_with_the_very_sentence_and_changes_no_snapshot<S: Stage>(
    stage: &S,
) {
    let build = stage.with_verified_build().await;
    let unheld = plan(stage, Action::Promote { build }).await;
    let held = send(stage, hold("errors")).await.unwrap();
    let plan = plan(stage, Action::Promote { build }).await;
    let before = snapshot(stage).await;
    let mut after = held.seq;
    for command in [execute(&unheld), execute(&plan)] {
        let refused = send(stage, command).await;
        let Err(BackendError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        let missing = match &refusal {
            Refusal::Policy { findings, .. } => findings.clone(),
            _ => Vec::new(),
        };
        let told = stage.backend().events(Some(stage.service()), after, 1, LONG).await.unwrap();
        let Fact::Refused { what, sentence, findings } = &told[0].fact else { panic!("{told:?}") };
        assert_eq!(*what, format!("the promote of {build}"));
        assert_eq!((sentence, findings), (&refusal.to_string(), &missing));
        assert_eq!(told[0].actor, plan.actor);
        after = told[0].seq;
    }
    // Nonsense is a mistake and no decision.
    send(stage, hold(" ")).await.unwrap_err();
    assert_eq!(events(stage, after, 100).await, []);
    let now = stage.backend().service(stage.service(), Some(before.version), NOW).await;
    assert_eq!(now, Ok(None));
}

pub async fn two_simultaneous_executes_have_one_winner<S: Stage>(stage: &S) {
    let build = stage.with_verified_build().await;
    let plan = plan(stage, Action::Promote { build }).await;
    let (one, other) = tokio::join!(send(stage, execute(&plan)), send(stage, execute(&plan)));
    let loser = match (one, other) {
        (Ok(_), Err(loser)) | (Err(loser), Ok(_)) => loser,
        both => panic!("{both:?}"),
    };
    assert!(matches!(loser, BackendError::Refused(Refusal::Changed { .. })), "{loser:?}");
}

pub async fn log_pages_resume_without_loss_or_repetition<S: Stage>(stage: &S) {
    let id = deployed(stage).await;
    let whole = log(stage, id, LogFrom::After(0), 1024 * 1024).await;
    assert!(whole.ended && whole.lines().count() >= 20);
    let mut forward = Vec::new();
    let mut page = log(stage, id, LogFrom::After(0), 100).await;
    forward.extend(page.bytes);
    while !page.ended {
        page = log(stage, id, LogFrom::After(page.next), 100).await;
        forward.extend(page.bytes.clone());
    }
    assert_eq!(forward, whole.bytes);
    page = log(stage, id, LogFrom::End, 100).await;
    let mut backward = page.bytes.clone();
    while page.start > 0 {
        page = log(stage, id, LogFrom::Before(page.start), 100).await;
        backward.splice(0..0, page.bytes.clone());
    }
    assert_eq!(backward, whole.bytes);
}

pub async fn a_search_goes_from_line_to_line_in_both_directions<S: Stage>(stage: &S) {
    let id = deployed(stage).await;
    let whole = log(stage, id, LogFrom::After(0), 1024 * 1024).await;
    let lines: Vec<_> = whole.lines().collect();
    let has = |line: &&trunkline::domain::log::LogLine| {
        String::from_utf8_lossy(&line.text).contains("line 1")
    };
    let wanted: Vec<_> = lines.iter().filter(has).map(|line| line.cursor).collect();
    assert!(wanted.len() > 5, "{wanted:?}");
    for text in ["line 1", "LINE 1"] {
        let is_exact = text != "line 1";
        let (mut newer, mut from) = (Vec::new(), 0);
        while let LogFind::Found { at, size } = find(stage, id, text, Direction::Newer, from).await
        {
            assert_eq!(size, whole.size);
            newer.push(at);
            from = at + 1;
            from = lines.iter().map(|line| line.cursor).find(|c| *c >= from).unwrap_or(size);
        }
        let (mut older, mut from) = (Vec::new(), whole.size);
        while let LogFind::Found { at, .. } = find(stage, id, text, Direction::Older, from).await {
            older.insert(0, at);
            from = at;
        }
        let wanted = if is_exact { Vec::new() } else { wanted.clone() };
        assert_eq!((newer, older), (wanted.clone(), wanted), "{text}");
    }
}

pub async fn a_search_in_vain_says_so<S: Stage>(stage: &S) {
    let id = deployed(stage).await;
    let size = log(stage, id, LogFrom::End, 100).await.size;
    let nowhere = LogFind::Nowhere { size };
    assert_eq!(find(stage, id, "no such words", Direction::Newer, 0).await, nowhere);
    assert_eq!(find(stage, id, "no such words", Direction::Older, size).await, nowhere);
    let errors = LogSearch { wanted: Wanted::Error, direction: Direction::Older, from: size };
    let found = stage.backend().search_log(stage.service(), id, 0, errors).await;
    assert_eq!(found, Ok(nowhere));
}

pub async fn the_lines_that_pass_a_filter_come_with_those_around_them_and_their_number<S: Stage>(
    stage: &S,
) {
    let id = deployed(stage).await;
    let whole = log(stage, id, LogFrom::After(0), 1024 * 1024).await;
    let lines: Vec<_> = whole.lines().collect();
    let third = String::from_utf8(lines[2].text.clone()).unwrap();
    let pattern = format!("^{}$", regex::escape(&third));
    for (wanted, inverted) in [(Wanted::Text(third), false), (Wanted::Pattern(pattern), true)] {
        let filter = LineFilter { wanted, inverted, around: 1 };
        for from in [LogFrom::End, LogFrom::After(0), LogFrom::Before(whole.size)] {
            let read = FilteredRead { filter: filter.clone(), from, limit: 500 };
            let page = stage.backend().filter_log(stage.service(), id, 0, read, NOW).await.unwrap();
            assert_eq!((page.start, page.next, page.ended), (0, whole.size, true));
            assert_eq!(page.lines, lines.len() as u64);
            let passes = page.kept.iter().find(|line| line.cursor == lines[2].cursor).unwrap();
            assert_eq!(passes.passes, !inverted, "{filter:?}");
            assert_eq!(passes.line(), lines[2]);
            let counted = page.kept.iter().filter(|line| line.passes).count();
            assert_eq!(page.passed, counted as u64);
        }
    }
    let filter = LineFilter { wanted: Wanted::Pattern("(".into()), inverted: false, around: 0 };
    let read = FilteredRead { filter, from: LogFrom::End, limit: 500 };
    let refused = stage.backend().filter_log(stage.service(), id, 0, read, NOW).await;
    let Err(BackendError::Refused(Refusal::Invalid { .. })) = refused else {
        panic!("{refused:?}");
    };
}

pub async fn what_nobody_can_look_for_is_refused<S: Stage>(stage: &S) {
    let id = deployed(stage).await;
    for text in [String::new(), "x".repeat(1_001)] {
        let search = LogSearch { wanted: Wanted::Text(text), direction: Direction::Newer, from: 0 };
        let refused = stage.backend().search_log(stage.service(), id, 0, search).await;
        let Err(BackendError::Refused(Refusal::Invalid { .. })) = refused else {
            panic!("{refused:?}");
        };
    }
}

pub async fn events_resume_after_a_sequence_number<S: Stage>(stage: &S) {
    deployed(stage).await;
    let all = events(stage, Seq(0), 1_000).await;
    assert!(all.len() > 5 && all.is_sorted_by(|a, b| a.seq < b.seq));
    let (mut paged, mut after) = (Vec::new(), Seq(0));
    while let Some(last) = all.last().filter(|last| after < last.seq) {
        let page = events(stage, after, 3).await;
        assert!((1..=3).contains(&page.len()));
        after = page.last().unwrap_or(last).seq;
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

pub async fn a_waiting_caller_gets_the_next_event<S: Stage>(stage: &S) {
    stage.with_verified_build().await;
    let last = events(stage, Seq(0), 1_000).await.last().unwrap().seq;
    let backend = stage.backend();
    let waiting = timeout(LONG, backend.events(None, last, 10, LONG));
    let (news, held) = tokio::join!(waiting, send(stage, hold("looking into errors")));
    let news = news.expect("it is woken before its wait is over");
    assert_eq!(news.unwrap()[0].seq, held.unwrap().seq);
}

pub async fn history_pages_are_newest_first_and_do_not_overlap<S: Stage>(stage: &S) {
    let (first, second) = (deployed(stage).await, deployed(stage).await);
    let page =
        |before| stage.backend().history(stage.service(), Environment::Production, before, 1);
    let newest = page(None).await.unwrap();
    assert_eq!(newest.iter().map(|d| d.id).collect::<Vec<_>>(), [second]);
    let older = page(Some(second)).await.unwrap();
    assert_eq!(older.iter().map(|d| d.id).collect::<Vec<_>>(), [first]);
    assert_eq!(page(Some(first)).await, Ok(Vec::new()));
}

pub async fn build_pages_are_newest_first_and_do_not_overlap<S: Stage>(stage: &S) {
    for _ in 0..3 {
        stage.with_verified_build().await;
    }
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = stage.backend().builds(stage.service(), before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2, "{page:?}");
        before = Some(last.build.number);
        paged.extend(page);
    }
    assert_eq!(paged, snapshot(stage).await.builds);
}

pub async fn an_unknown_service_is_not_found<S: Stage>(stage: &S) {
    let (backend, nobody) = (stage.backend(), "nobody".parse().unwrap());
    let (environment, rollback) = (Environment::Production, Action::Rollback { to: None });
    not_found(&backend.service(&nobody, None, NOW).await);
    not_found(&backend.history(&nobody, environment, None, 1).await);
    not_found(&backend.builds(&nobody, None, 1).await);
    not_found(&backend.plan(&nobody, rollback).await);
    not_found(&backend.commit_location(&nobody, &"3f9ac21".parse().unwrap()).await);
    not_found(&backend.command(&nobody, hold("errors"), key()).await);
    not_found(&backend.log(&nobody, DeploymentId(1), 0, LogFrom::End, 100, NOW).await);
    let search = LogSearch { wanted: Wanted::Error, direction: Direction::Newer, from: 0 };
    not_found(&backend.search_log(&nobody, DeploymentId(1), 0, search).await);
    not_found(&backend.events(Some(&nobody), Seq(0), 1, NOW).await);
}

pub async fn a_commit_is_followed_by_the_beginning_of_its_id<S: Stage>(stage: &S) {
    let build = stage.with_verified_build().await;
    let row = snapshot(stage).await.builds.into_iter().find(|row| row.build.number == build);
    let sha = row.unwrap().build.sha;
    let before = placed(stage, sha.as_str()).await;
    assert_eq!((before.build, &before.commit.sha), (build, &sha));
    assert!(matches!(before.staging, InStaging::Since { .. }), "{before:?}");
    let InProduction::NotYet { ahead, promote, verified, .. } = before.production else {
        panic!("{before:?}");
    };
    assert!(ahead > 0 && verified && promote == Some(build), "{before:?}");
    assert_eq!(placed(stage, &sha.as_str()[..10].to_uppercase()).await, before);
    let plan = plan(stage, Action::Promote { build }).await;
    send(stage, execute(&plan)).await.unwrap();
    stage.finish_running().await;
    let after = placed(stage, sha.as_str()).await;
    assert!(
        matches!(after.production, InProduction::Since { build: by, .. } if by == build),
        "{after:?}"
    );
}

pub async fn a_commit_that_nobody_has_is_unknown<S: Stage>(stage: &S) {
    stage.with_verified_build().await;
    let prefix = "fedcba98765".parse().unwrap();
    let answer = stage.backend().commit_location(stage.service(), &prefix).await;
    assert_eq!(answer, Ok(CommitLocation::UnknownHere));
}

async fn placed<S: Stage>(stage: &S, commit: &str) -> CommitInBuild {
    let answer = stage.backend().commit_location(stage.service(), &commit.parse().unwrap()).await;
    match answer {
        Ok(CommitLocation::InBuild(placed)) => *placed,
        other => panic!("{commit} is in no build: {other:?}"),
    }
}

fn not_found<T: std::fmt::Debug>(answer: &Answer<T>) {
    assert!(matches!(answer, Err(BackendError::Refused(Refusal::NotFound { .. }))), "{answer:?}");
}

fn key() -> IdempotencyKey {
    Uuid::new_v4().to_string().try_into().unwrap()
}

pub async fn the_chain_is_walked_in_parts_and_each_part_goes_on_where_the_one_before_ended<
    S: Stage,
>(
    stage: &S,
) {
    promoted(stage).await;
    let all = stage.backend().chain(ChainFrom::default(), 1_000).await.unwrap();
    assert!(!all.more && all.broken.is_none() && all.rows.len() > 3, "{all:?}");
    let (mut parts, mut from) = (Vec::new(), ChainFrom::default());
    loop {
        let part = stage.backend().chain(from, 2).await.unwrap();
        assert!(part.rows.len() <= 2 && part.broken.is_none(), "{part:?}");
        parts.extend(part.rows);
        let head = parts.last().unwrap();
        from = ChainFrom { seq: head.seq, hash: Some(head.hash) };
        if !part.more {
            break;
        }
    }
    assert_eq!(parts, all.rows);
    let third = ChainFrom { seq: Seq(2), hash: None };
    assert_eq!(stage.backend().chain(third, 1).await.unwrap().rows, parts[2..3]);
}

pub async fn a_time_reaches_from_its_first_event_to_its_last<S: Stage>(stage: &S) {
    promoted(stage).await;
    let events = stage.backend().events(None, Seq(0), 1_000, NOW).await.unwrap();
    let span = |first: &Event, last: &Event| Some(RecordSpan { first: first.seq, last: last.seq });
    let (first, last) = (events.first().unwrap(), events.last().unwrap());
    assert_eq!(stage.backend().span(None, None).await, Ok(span(first, last)));
    let reached = |at| events.iter().find(move |event| event.at >= at);
    let since = stage.backend().span(Some(last.at), None).await;
    assert_eq!(since, Ok(span(reached(last.at).unwrap(), last)));
    let later = last.at + TimeDelta::days(1);
    assert_eq!(stage.backend().span(Some(later), None).await, Ok(None));
}

fn hold(reason: &str) -> Command {
    Command::Hold { environment: Environment::Production, reason: reason.into() }
}

fn execute(plan: &Plan) -> Command {
    execute_with(plan, BTreeMap::new())
}

fn execute_with(plan: &Plan, overrides: BTreeMap<Guard, String>) -> Command {
    Command::Execute { action: plan.action, fingerprint: plan.fingerprint.clone(), overrides }
}

async fn send<S: Stage>(stage: &S, command: Command) -> Answer<Receipt> {
    stage.backend().command(stage.service(), command, key()).await
}

/// The snapshot of somebody who waits for news, once it is known who does.
async fn settled<S: Stage>(stage: &S) -> ServiceSnapshot {
    let mut known = snapshot(stage).await;
    let wait = Duration::from_millis(50);
    while let Ok(Some(newer)) =
        stage.backend().service(stage.service(), Some(known.version.clone()), wait).await
    {
        known = newer;
    }
    known
}

async fn snapshot<S: Stage>(stage: &S) -> ServiceSnapshot {
    let snapshot = stage.backend().service(stage.service(), None, NOW).await;
    snapshot.unwrap().expect("nothing is known yet, so there is news")
}

async fn plan<S: Stage>(stage: &S, action: Action) -> Plan {
    stage.backend().plan(stage.service(), action).await.unwrap()
}

async fn events<S: Stage>(stage: &S, after: Seq, limit: usize) -> Vec<Event> {
    stage.backend().events(Some(stage.service()), after, limit, NOW).await.unwrap()
}

async fn log<S: Stage>(stage: &S, id: DeploymentId, from: LogFrom, limit: usize) -> LogPage {
    stage.backend().log(stage.service(), id, 0, from, limit, NOW).await.unwrap()
}

async fn find<S: Stage>(
    stage: &S,
    id: DeploymentId,
    text: &str,
    direction: Direction,
    from: u64,
) -> LogFind {
    let search = LogSearch { wanted: Wanted::Text(text.to_owned()), direction, from };
    stage.backend().search_log(stage.service(), id, 0, search).await.unwrap()
}

/// A build that went live.
async fn promoted<S: Stage>(stage: &S) -> BuildNumber {
    let build = stage.with_verified_build().await;
    let plan = plan(stage, Action::Promote { build }).await;
    send(stage, execute(&plan)).await.unwrap();
    stage.finish_running().await;
    build
}

/// A production deployment that succeeded.
async fn deployed<S: Stage>(stage: &S) -> DeploymentId {
    promoted(stage).await;
    snapshot(stage).await.live[&Environment::Production].deployment
}
