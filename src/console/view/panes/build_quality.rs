//! What is known for or against a build: who verified it, what is still asked for, and the bad commits in it.

use ratatui::text::Line;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::fact::{ago, fact};
use crate::domain::build::{BuildState, Verification};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::policy::VerifyBy;
use crate::domain::snapshot::BuildRow;
use crate::gate;

/// The most lines of who named a commit bad, and why.
const MOST_LINES: usize = 3;

/// Each verification, then what is missing of those that the service asks for.
pub fn verifications(model: &Model, row: &BuildRow, width: u16) -> Vec<Line<'static>> {
    let all = row.build.verifications.iter();
    let mut lines: Vec<_> = all.flat_map(|verified| one(model, verified, width)).collect();
    // Before it is in staging there is nothing that anybody could verify.
    let waits = row.state == BuildState::InStaging;
    for kind in missing(model, row).into_iter().filter(|_| waits) {
        let text = format!("{}: not yet", asked(kind));
        lines.push(fact(model, width, "verify").own(text, Role::Warn).line());
    }
    lines
}

fn one(model: &Model, verified: &Verification, width: u16) -> Vec<Line<'static>> {
    let by = match &verified.kind {
        VerifyBy::Person => format!("by {}", verified.by),
        VerifyBy::Staging | VerifyBy::Watch => asked(&verified.kind),
        VerifyBy::Step(step) => format!("by step {step}"),
    };
    let text = format!("{by} {}", ago(model, verified.at));
    let mut lines = vec![fact(model, width, "verified").own(text, Role::Ok).line()];
    if !verified.note.is_empty() {
        lines.push(fact(model, width, "").name(&verified.note, Role::Text).line());
    }
    lines
}

/// The kinds of verification that a build lacks.
#[must_use]
pub fn missing<'m>(model: &'m Model, row: &BuildRow) -> Vec<&'m VerifyBy> {
    let kinds = model.service.iter().flat_map(|service| &service.policy.verify);
    kinds.filter(|kind| row.build.verification(kind).is_none()).collect()
}

/// `by a person`, `by step smoke`.
#[must_use]
pub fn asked(kind: &VerifyBy) -> String {
    match kind {
        VerifyBy::Person => "by a person".to_owned(),
        VerifyBy::Staging => "by its deployment to staging".to_owned(),
        VerifyBy::Watch => "by its watch in staging".to_owned(),
        VerifyBy::Step(step) => format!("by step {step}"),
    }
}

/// The bad commits that a build has the effect of, each with who named it so, why, and where it is safe again.
pub fn bad(model: &Model, number: BuildNumber, width: u16) -> Vec<Line<'static>> {
    let Some(row) = model.build(number) else { return Vec::new() };
    let mut lines: Vec<_> =
        row.bad.iter().flat_map(|sha| bad_commit(model, row, sha, width)).collect();
    let more = (row.bad_more > 0).then(|| format!("and {} more", row.bad_more));
    lines.extend(more.map(|more| fact(model, width, "").own(more, Role::Danger).line()));
    lines
}

fn bad_commit(model: &Model, row: &BuildRow, sha: &Sha, width: u16) -> Vec<Line<'static>> {
    let is_sure = !row.in_doubt.contains(sha);
    let (label, is_there) = if is_sure { ("BAD", "") } else { ("BAD?", "may have ") };
    let text = format!("{is_there}{} ", sha.short());
    let head = fact(model, width, label).own(text, Role::Danger);
    let safe = match first_safe(model, row, sha) {
        Some(build) => format!("fixed in {build}"),
        None if is_sure => "not fixed yet".to_owned(),
        None => "no fix is known".to_owned(),
    };
    let safe = fact(model, width, "").own(safe, Role::Muted).line();
    let Some(named) = model.quarantined(sha) else { return vec![head.line(), safe] };
    let reason =
        if named.reason.is_empty() { String::new() } else { format!(": {}", named.reason) };
    let said = format!("marked bad by {} {} ago{reason}", named.by, age(model.since(named.at)));
    let said = gate::sentence(&said).wrap(fact(model, width, "").left());
    let said = said.iter().take(MOST_LINES);
    let said = said.map(|text| fact(model, width, "").safe(text, Role::Text).line());
    let head = head.name(&named.commit.subject, Role::Text).line();
    let of = model.incident_of_build(named.commit.build).map(|standing| &standing.incident);
    let of = of.map(|of| format!("in incident {} {}", of.id, of.severity));
    let of = of.map(|of| fact(model, width, "").own(of, Role::Muted).line());
    std::iter::once(head).chain(said).chain(of).chain([safe]).collect()
}

/// The first newer build of the trunk that lacks the commit's effect, among those that are listed.
fn first_safe(model: &Model, bad: &BuildRow, sha: &Sha) -> Option<BuildNumber> {
    let rows = model.service.iter().flat_map(|service| &service.builds);
    let newer = rows.filter(|row| row.build.number > bad.build.number);
    let on_trunk = newer.filter(|row| !row.build.off_trunk);
    // A row that does not name all of them may not name this one.
    let safe = on_trunk.filter(|row| row.bad_more == 0 && !row.bad.contains(sha));
    safe.map(|row| row.build.number).min()
}
