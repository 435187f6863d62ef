//! The destinations besides Slack, against doubles that take requests as the real ones do.

mod answers;
mod documents;
mod formats;
mod hostile;
mod incidents;
mod kind;
mod runs;
mod signature;

use chrono::{DateTime, Utc};
use trunkline::domain::notice::DetailKind;
use trunkline::domain::notice::view::{
    DeploymentView, DetailView, FreezeView, HoldView, IncidentSaid, IncidentView, NoticeView,
    OverrideView, RequestView,
};
use trunkline::notify::destination::{Act, Delivery};

use self::kind::Kind;

/// A secret for webhooks, and what nobody may repeat of it.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The key of `PagerDuty`.
pub const ROUTING_KEY: &str = "routing-key-canary";

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_796_000_000, 0).unwrap()
}

/// A view with nothing but what all have.
fn bare(kind: &'static str, about: &str) -> NoticeView {
    NoticeView {
        key: format!("checkout/{about}"),
        sequence: 57,
        kind,
        service: "checkout".into(),
        at: now(),
        at_in_words: "2026-11-30 03:14 UTC".into(),
        state: "open".into(),
        symbol: "■",
        settled: true,
        is_final: false,
        is_moot: false,
        late: None,
        page: Some("https://deploys.example.org/services/checkout/runs/57".into()),
        command: None,
        deployment: None,
        incident: None,
        request: None,
        hold: None,
        freeze: None,
        topic: None,
        dropped: None,
        detail: None,
        tester: None,
    }
}

/// One of each kind, with this text wherever a text of others can stand.
pub fn views(text: &str) -> Vec<NoticeView> {
    let text = || text.to_owned();
    let run = DeploymentView {
        id: "d57".into(),
        kind: "promote".into(),
        environment: "production".into(),
        build: "#1290".into(),
        sha: "9f0c2b1".into(),
        subject: text(),
        by: text(),
        is_by_person: true,
        previous: Some("#1286".into()),
        commits: Some(2),
        authors: vec![text(), "bo".into()],
        now: None,
        steps_done: 1,
        steps: 3,
        failed_step: None,
        why: None,
        took: Some("2m 41s".into()),
        ended: Some("14:22 UTC".into()),
        replaced_by: None,
        overrides: vec![OverrideView { guard: "soak".into(), reason: text() }],
        partly: None,
        is_last: true,
        tail: Vec::new(),
    };
    let live = NoticeView {
        symbol: "✔",
        state: "live".into(),
        deployment: Some(run.clone()),
        ..bare("deployment", "d57")
    };
    let failed = NoticeView {
        symbol: "✖",
        state: "failed at migrate".into(),
        is_final: true,
        late: Some("12m".into()),
        deployment: Some(DeploymentView {
            why: Some(text()),
            failed_step: Some("migrate".into()),
            tail: vec![text(), "second line".into()],
            ..run.clone()
        }),
        ..bare("deployment", "d58")
    };
    let deploying = NoticeView {
        symbol: "▶",
        state: "deploying".into(),
        settled: false,
        deployment: Some(DeploymentView {
            now: Some(text()),
            took: None,
            ended: None,
            ..run.clone()
        }),
        ..bare("deployment", "d59")
    };
    let request = RequestView {
        build: "#1290".into(),
        subject: text(),
        by: text(),
        note: text(),
        until: "2026-11-30 03:34 UTC".into(),
        may_press: vec![text(), "bo".into()],
        became: None,
    };
    let hold = HoldView { environment: "production".into(), by: text(), reason: text() };
    let freeze = FreezeView {
        reason: text(),
        by: text(),
        why: None,
        from: Some("2026-11-30 16:00 UTC".into()),
        until: None,
        services: vec!["checkout".into(), "payments".into()],
    };
    let detail = DetailView {
        is_help: true,
        kind: DetailKind::Override,
        sentence: text(),
        loud: true,
        of: "checkout/d57".into(),
        step: None,
        tail: vec![text()],
        authors: vec![text()],
        asks: Some(text()),
    };
    vec![
        live,
        failed,
        deploying,
        NoticeView { request: Some(request), ..bare("request", "e63") },
        NoticeView { hold: Some(hold), ..bare("hold", "e64") },
        NoticeView { freeze: Some(freeze), ..bare("freeze", "e65") },
        NoticeView { deployment: Some(run), detail: Some(detail), ..bare("detail", "e66") },
        NoticeView { dropped: Some(3), page: None, ..bare("dropped", "e67") },
        NoticeView { tester: Some(text()), ..bare("test", "test") },
        NoticeView { incident: Some(incident(&text())), ..bare("incident", "i68") },
    ]
}

/// An incident that is open, with this text wherever a text of others can stand.
fn incident(text: &str) -> IncidentView {
    let text = || text.to_owned();
    let said = || IncidentSaid { by: text(), at: "03:20 UTC".into(), text: text() };
    IncidentView {
        id: "i68".into(),
        title: text(),
        severity: text(),
        rank: Some(0),
        users: "users affected".into(),
        by: text(),
        opened: "03:14 UTC".into(),
        opened_at: now(),
        rollbacks: Some("rollback d57 of #12 (d50) to #11".into()),
        last: Some(said()),
        update_due: Some("03:35 UTC".into()),
        resolved: None,
        over: None,
        postmortem: Some(text()),
    }
}

/// A delivery of a view, worded by the shipped template for this kind.
pub fn delivery(kind: Kind, view: NoticeView) -> Delivery {
    let text = kind.words(&view);
    Delivery {
        key: view.key.clone(),
        channel: String::new(),
        act: Act::Post,
        view,
        text,
        since: now(),
        now: now(),
    }
}
