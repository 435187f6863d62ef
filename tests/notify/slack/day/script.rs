//! What happens on that day: 40 merges, 6 promotes, a failure in staging and one in production, a request, a rollback with an
//! incident, and a freeze.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::config::notify::{ServiceDestination, StagingNotices};
use trunkline::domain::commit::Commit;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, IncidentOpened, Outcome, StepOutcome,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::incident::{TakenBack, UsersAffected};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::{adopted, commit, found, people, person, request, step};
use trunkline_testing::slack::FakeSlack;

use super::super::incident::{resolve, update};

pub const AUTHORS: [&str; 5] = ["ana", "bo", "chen", "dora", "sam"];
const SUBJECTS: [&str; 40] = [
    "Round totals half up",
    "Show the delivery date in the cart",
    "Remove the old voucher field",
    "Retry the stock look-up once",
    "Name the currency in receipts",
    "Cache price lists for a minute",
    "Log slow card checks",
    "Fix the tab order of the form",
    "Add a plain-text receipt",
    "Translate the error page",
    "Drop the unused basket table",
    "Use the new tax rates",
    "Check postcodes before payment",
    "Widen the phone field",
    "Tidy the receipt template",
    "Send one mail for split orders",
    "Show gift cards in the summary",
    "Limit the basket to 200 lines",
    "Explain why a card is refused",
    "Read stock from the new service",
    "Fall back to the old stock service",
    "Sort deliveries by date",
    "Count abandoned baskets",
    "Remember the chosen shop",
    "Trim names before they are stored",
    "Move totals to the price service",
    "Keep totals where they were",
    "Mask card numbers in logs",
    "Fix a typo in the terms",
    "Load fonts from our own server",
    "Show taxes for each line",
    "Allow two vouchers",
    "Read sessions from the new cache",
    "Make the pay button larger",
    "Test the guest checkout",
    "Warn before a basket expires",
    "Update the address library",
    "Use one date format",
    "Shorten the receipt number",
    "Describe the checkout in the README",
];

/// A record, its channels, and when each message came.
pub struct Day {
    pub told: ToldRecord,
    pub deployments: usize,
    came: BTreeMap<&'static str, Vec<DateTime<Utc>>>,
}

impl Day {
    pub fn begin() -> Self {
        let told = ToldRecord::with(settings);
        told.record.change(|all| {
            all.at = Some(at("07:50"));
            all.people = people(AUTHORS);
            all.tail = vec!["connecting to db-2".to_owned(), "error: timeout after 30s".to_owned()];
            let quiet = ServiceDestination {
                channel: Some("deploys".to_owned()),
                staging: StagingNotices::Failures,
            };
            all.destinations.insert("quiet".parse().unwrap(), quiet);
        });
        told.record.push("checkout", person("sam"), Fact::ProductionAdopted(Box::new(adopted(1))));
        let mut day = Self { told, deployments: 0, came: BTreeMap::new() };
        day.told.start();
        day
    }

    pub async fn play(&mut self) {
        let first = at("08:00");
        for number in 2..42_u64 {
            let merged = first + TimeDelta::minutes(i64::try_from(number - 2).unwrap() * 12);
            self.until(merged).await;
            self.merge(number).await;
            match number {
                5 => _ = self.promote(5, "ana", 1, None).await,
                12 => _ = self.promote(12, "chen", 5, Some("the old table goes away today")).await,
                19 => _ = self.promote(19, "bo", 12, None).await,
                26 => _ = self.fails(26, "dora", 19).await,
                27 => _ = self.promote(27, "dora", 19, None).await,
                33 => self.request_and_rollback().await,
                _ => {}
            }
        }
        self.freeze().await;
    }

    /// Two minutes in staging; one of them ends badly.
    async fn merge(&mut self, number: u64) {
        let index = usize::try_from(number - 2).unwrap();
        let author = AUTHORS[index * 7 % 4];
        let subject = SUBJECTS[index].to_owned();
        let commit = Commit { subject, ..commit(number, author) };
        self.told.record.push("checkout", Actor::System, found(number, vec![commit]));
        let fails = number == 21;
        let request = with_steps(Environment::Staging, number);
        self.deploy(Actor::System, request, fails.then_some(1)).await;
    }

    async fn promote(
        &mut self,
        number: u64,
        by: &str,
        live: u64,
        why: Option<&str>,
    ) -> DeploymentId {
        let mut request = with_steps(Environment::Production, number);
        request.previous = Some(BuildNumber(live));
        if let Some(why) = why {
            request.overrides.insert(Guard::Soak, why.to_owned());
            let sentence = "verified in staging 0m ago of 30m".to_owned();
            let (guard, severity) = (Guard::Soak, Severity::Override);
            request.findings.push(Finding {
                guard,
                severity,
                sentence,
                remedy: None,
                unknown: false,
            });
        }
        self.deploy(person(by), request, None).await
    }

    async fn fails(&mut self, number: u64, by: &str, live: u64) -> DeploymentId {
        let mut request = with_steps(Environment::Production, number);
        request.previous = Some(BuildNumber(live));
        self.deploy(person(by), request, Some(0)).await
    }

    /// Runs its two steps, as far as this one that fails.
    async fn deploy(
        &mut self,
        by: Actor,
        request: DeploymentRequest,
        fails: Option<usize>,
    ) -> DeploymentId {
        self.deployments += 1;
        let names: Vec<_> = request.steps.iter().map(|step| step.name.clone()).collect();
        let id = self.told.record.push("checkout", by, Fact::DeploymentRequested(request)).into();
        let started = Fact::DeploymentStarted { deployment: id, variables: None };
        self.told.record.push("checkout", Actor::System, started);
        let mut outcome = Outcome::Succeeded;
        for (step, name) in names.iter().enumerate() {
            let began = Fact::StepStarted { deployment: id, step, target: None };
            self.told.record.push("checkout", Actor::System, began);
            self.wait(1).await;
            let is_bad = fails == Some(step);
            let how = if is_bad { StepOutcome::Exited(1) } else { StepOutcome::Succeeded };
            self.step_ended(id, step, how);
            if is_bad {
                outcome = Outcome::Failed(format!("step {name}: exit 1"));
                break;
            }
        }
        let ended = Fact::DeploymentEnded { deployment: id, outcome };
        self.told.record.push("checkout", Actor::System, ended);
        self.wait(0).await;
        id
    }

    fn step_ended(&self, deployment: DeploymentId, step: usize, outcome: StepOutcome) {
        let took = Duration::from_mins(1);
        let (target, ended_at) = (None, None);
        let fact = Fact::StepEnded { deployment, step, target, outcome, took, ended_at };
        self.told.record.push("checkout", Actor::System, fact);
    }

    /// Ana asks, chen promotes; it is bad, and he takes it back. Sam opens an incident.
    async fn request_and_rollback(&mut self) {
        let record = self.told.record.clone();
        self.until(at("14:16")).await;
        let (until, note) = (at("15:16"), "the old cache goes away today".to_owned());
        let asks = Fact::PromoterRequested { build: BuildNumber(33), until, note };
        record.push("checkout", person("ana"), asks);
        self.wait(3).await;
        let promote = self.promote(33, "chen", 27, None).await;
        self.wait(2).await;
        let mut request = with_steps(Environment::Production, 27);
        request.kind = DeploymentKind::Rollback;
        request.previous = Some(BuildNumber(33));
        let requested = record.written().events.last().unwrap().seq;
        let rollback = DeploymentId(requested.0 + 1);
        self.deployments += 1;
        record.push("checkout", person("chen"), Fact::DeploymentRequested(request));
        let hold = Fact::HoldPlaced {
            environment: Environment::Production,
            reason: "rollback".to_owned(),
            rollback: Some(rollback),
            all: false,
        };
        record.push("checkout", person("chen"), hold);
        let started = Fact::DeploymentStarted { deployment: rollback, variables: None };
        record.push("checkout", Actor::System, started);
        self.wait(1).await;
        let outcome = Outcome::Succeeded;
        record.push(
            "checkout",
            Actor::System,
            Fact::DeploymentEnded { deployment: rollback, outcome },
        );
        self.wait(1).await;
        let opened = IncidentOpened {
            title: "signed-in customers cannot pay".to_owned(),
            severity: "SEV-2".to_owned(),
            users_affected: UsersAffected::Yes,
            rollback: Some(rollback),
            to: Some(BuildNumber(27)),
            took_back: Some(TakenBack { deployment: promote, build: BuildNumber(33) }),
        };
        let id = record.push("checkout", person("sam"), Fact::IncidentOpened(opened)).into();
        self.wait(4).await;
        update(&record, id, "payments are back; support answers 31 customers", None);
        self.wait(15).await;
        self.wait(2).await;
        update(&record, id, "no new complaints for a quarter of an hour", None);
        self.wait(2).await;
        resolve(&record, id);
        self.wait(1).await;
        let released = Fact::HoldReleased {
            environment: Environment::Production,
            reason: "vouchers are switched off".to_owned(),
            bad: Vec::new(),
            open: Vec::new(),
        };
        record.push("checkout", person("chen"), released);
        self.wait(0).await;
    }

    /// The sale of the evening, which ends by itself.
    async fn freeze(&mut self) {
        self.until(at("17:00")).await;
        let (from, until) = (at("17:00"), Some(at("21:00")));
        let reason = "the evening sale".to_owned();
        let freeze = Fact::FreezePlaced { from, until, reason };
        self.told.record.push("checkout", person("dora"), freeze);
        self.wait(0).await;
        self.until(at("21:00")).await;
    }

    async fn wait(&mut self, minutes: i64) {
        let now = self.told.record.written().at.unwrap();
        self.until(now + TimeDelta::minutes(minutes)).await;
    }

    /// Has everything told that is to be told by now, and lets the time go on.
    async fn until(&mut self, then: DateTime<Utc>) {
        self.look().await;
        let is_later = self.told.record.written().at.is_some_and(|now| now < then);
        if is_later {
            self.told.record.change(|all| all.at = Some(then));
            self.look().await;
        }
    }

    async fn look(&mut self) {
        self.told.until("nothing waits", ToldRecord::is_quiet).await;
        let now = self.told.record.written().at.unwrap();
        for id in ["C1", "C2"] {
            let count = self.told.slack.channel(id).messages.len();
            self.came.entry(id).or_default().resize(count, now);
        }
    }

    /// A channel as its members see it in the evening.
    pub fn as_read(&self, id: &str) -> String {
        let channel = self.told.slack.channel(id);
        let mut lines = Vec::new();
        for (message, at) in channel.messages.iter().zip(&self.came[id]) {
            if message.thread_ts.is_some() && !message.is_broadcast {
                continue;
            }
            let replies = channel.thread(&message.ts).count();
            let more = match (message.texts.len(), replies) {
                _ if message.is_broadcast => "   (also in the thread)".to_owned(),
                (edits, replies) => {
                    let edited = if edits > 1 { "   (edited)" } else { "" };
                    let plural = if replies == 1 { "reply" } else { "replies" };
                    let replies = if replies == 0 {
                        String::new()
                    } else {
                        format!("   [{replies} {plural}]")
                    };
                    format!("{edited}{replies}")
                }
            };
            let mark = if message.is_broadcast { "↳ " } else { "" };
            let text = as_read(message.text()).replace('\n', "\n         ");
            lines.push(format!("{}  {mark}{text}{more}\n", at.format("%H:%M")));
        }
        if !channel.topic.is_empty() {
            lines.insert(0, format!("topic: {}\n\n", as_read(&channel.topic)));
        }
        lines.concat()
    }
}

fn settings(slack: &FakeSlack) -> String {
    let people = AUTHORS.map(|name| format!("{name} = \"U0{}\"\n", name.to_uppercase()));
    let people = people.concat();
    let all = format!("{}topic = true\n[notify.slack.people]\n{people}", slack.settings());
    let quiet =
        slack.settings().replace("notify.slack", "notify.quiet").replace("\"C1\"", "\"C2\"");
    let quiet = quiet.replace("services = [\"*\"]", "services = []");
    format!("{all}{quiet}topic = true\n[notify.quiet.people]\n{people}")
}

fn with_steps(environment: Environment, build: u64) -> DeploymentRequest {
    DeploymentRequest { steps: vec![step("release"), step("smoke")], ..request(environment, build) }
}

/// An instant of the day.
fn at(clock: &str) -> DateTime<Utc> {
    format!("2026-11-30T{clock}:00Z").parse().unwrap()
}

/// A text without its marks, as it is shown.
fn as_read(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        shown.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>') else { break };
        let inside = &rest[at + 1..at + end];
        match inside.strip_prefix("@U0") {
            Some(name) => shown.extend(["@", &name.to_lowercase()]),
            None => shown.push_str(inside.split_once('|').map_or(inside, |(_, text)| text)),
        }
        rest = &rest[at + end + 1..];
    }
    shown.push_str(rest);
    let shown = shown.replace("\u{200b}", "").replace("```\n", "").replace("\n```", "");
    shown.replace('*', "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
