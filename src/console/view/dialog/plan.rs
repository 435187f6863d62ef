//! A plan in its dialog: what it is about, what speaks against it, its facts, and what speaks for it.

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::dialog::upper::Upper;
use crate::console::view::dialog::{behind, failure, paragraph};
use crate::console::view::overlays::changes;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{findings, on_call, verdict};
use crate::domain::event::{DeploymentKind, steps_in_words};
use crate::domain::people::Actor;
use crate::domain::plan::{Finding, Guard, Plan, PlannedBuild, Severity};
use crate::domain::presence::PresentPerson;
use crate::domain::schema::{Outlook, Verdict};
use crate::domain::target;
use crate::domain::time::say;
use crate::domain::words::on_call::ON_CALL;
use crate::gate;

/// What follows every rollback.
pub fn holds(model: &Model) -> String {
    format!("production is on hold until you release it ({})", model.key(&KeyAction::Hold))
}

/// The most reasons of a verdict that are shown.
const REASONS: usize = 20;

/// Adds the lines of a plan. What speaks against it comes before all that a low screen may leave out.
pub fn add(model: &Model, plan: &Plan, width: u16, upper: &mut Upper) {
    upper.lines.extend(failure::ways(model, plan, width));
    let verdict = standing_against(plan);
    if let Some(verdict) = verdict {
        let place = verdict_place(width, REASONS);
        upper.lines.extend(verdict::lines(model, verdict, place));
        upper.lines.push(Line::default());
    }
    upper.lines.extend(subject(model, plan, width));
    let closes = way_back(model, plan, width).filter(|_| closes_way_back(plan));
    upper.lines.extend(closes.map(Row::line));
    // The ways that are left after a rollback that failed are told above.
    let repeats = |finding: &Finding| {
        verdict.is_some_and(|v| repeats_verdict(finding, v)) || finding.is_of_failure()
    };
    let told = |finding: &&Finding| !repeats(finding);
    let mut all: Vec<_> = plan.findings.iter().filter(told).collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let (against, rest) = all.split_at(all.partition_point(|f| f.severity >= Severity::Override));
    if !against.is_empty() {
        upper.lines.push(Line::default());
        upper.lines.extend(against.iter().flat_map(|f| findings::in_full(model, f, width)));
        upper.weighty = if plan.kind == DeploymentKind::Rollback { 0 } else { upper.lines.len() };
        upper.lines.push(Line::default());
    }
    upper.lines.extend(also(model, plan, width));
    upper.lines.extend(facts(model, plan, width));
    upper.lines.push(Line::default());
    let (warns, good) = rest.split_at(rest.partition_point(|f| f.severity >= Severity::Warn));
    upper.lines.extend(warns.iter().flat_map(|f| findings::lines(model, f, width)));
    upper.lines.extend(behind::lines(model, plan, width));
    upper.lines.extend(good.iter().flat_map(|f| findings::lines(model, f, width)));
}

/// What else changed in the last hour, which may be what is wrong.
pub fn also(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let also = plan.also.as_ref().map(|also| also.in_words(model.now()));
    also.map_or_else(Vec::new, |also| paragraph(model, width, &format!("also: {also}"), Role::Warn))
}

/// Whether it says no more than a verdict that speaks against a rollback; what to do about that is an `info` beside it.
pub fn repeats_verdict(finding: &Finding, verdict: &Verdict) -> bool {
    finding.guard == Guard::Migration && finding.sentence.starts_with(verdict.outlook.as_str())
}

/// What speaks against a rollback.
fn standing_against(plan: &Plan) -> Option<&Verdict> {
    let against = |verdict: &&Verdict| verdict.outlook > Outlook::Safe;
    plan.verdict.as_ref().filter(against).filter(|_| plan.kind == DeploymentKind::Rollback)
}

/// Under the facts of a plan.
pub fn verdict_place(width: u16, most: usize) -> verdict::VerdictPlace {
    verdict::VerdictPlace { width, left: 2, name: 12, most }
}

/// What would be live, instead of what.
fn subject(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let target = build(model, width, "build", &plan.target, 0);
    let live = match &plan.live {
        _ if target::differ(&plan.targets) => {
            fact(model, width, "live").own(target::in_words(&plan.targets), Role::Warn)
        }
        Some(live) => {
            let since = live.live_since.map_or_else(String::new, |s| age(model.since(s)));
            let beside = 2 + since.chars().count();
            build(model, width, "live", live, beside).gap(2).own(since, Role::Muted)
        }
        None if plan.live_unknown => fact(model, width, "live").own("not known", Role::Warn),
        None => fact(model, width, "live").own("nothing yet", Role::Muted),
    };
    vec![target.line(), live.line()]
}

/// With what in it, for how long.
fn facts(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let ships = if plan.goes_back() { "takes back" } else { "ships" };
    let ships = fact(model, width, ships).own(changes::summary(model, plan), Role::Text);
    let takes = plan.expected.map_or("unknown".into(), |time| format!("about {}", say(time)));
    let steps = steps_in_words(&plan.steps);
    let takes = fact(model, width, "takes")
        .own(format!("{takes}  "), Role::Text)
        .name(&format!("({steps})"), Role::Muted);
    let mut rows = vec![ships, takes];
    if plan.kind == DeploymentKind::Rollback {
        rows.push(failure::tried_row(model, plan, width));
        rows.extend(failure::steps_row(model, plan, width));
        rows.push(fact(model, width, "then").own(holds(model), Role::Text));
    }
    rows.extend(by_hand(model, plan, width));
    rows.extend(way_back(model, plan, width).filter(|_| !closes_way_back(plan)));
    rows.extend(asked_for(model, plan, width));
    rows.extend(needs_another(plan).then(|| on_call(model, width)).flatten());
    rows.extend(could_promote(model, plan, width));
    rows.extend(beyond_ascii(model, plan, width));
    rows.into_iter().map(Row::line).collect()
}

/// That there are commands that do the same without trunkline.
fn by_hand<'t>(model: &'t Model, plan: &Plan, width: u16) -> Option<Row<'t>> {
    // After a rollback that failed it stands among the ways that are left.
    plan.by_hand.as_ref().filter(|_| plan.after_failure.is_none())?;
    let key = model.key(&KeyAction::Dialog(DialogAction::ByHand));
    let row = fact(model, width, "by hand").own(key, Role::Key);
    Some(row.own(" shows the commands that do it without trunkline", Role::Muted))
}

/// Whether nothing leads back after it: that is said before everything else.
fn closes_way_back(plan: &Plan) -> bool {
    plan.verdict.as_ref().is_some_and(|after| after.outlook == Outlook::PointOfNoReturn)
}

/// How far one could go back after a promote, unless all the way.
fn way_back<'t>(model: &'t Model, plan: &Plan, width: u16) -> Option<Row<'t>> {
    let promotes = plan.kind != DeploymentKind::Rollback;
    let after = plan.verdict.as_ref().filter(|after| promotes && after.outlook > Outlook::Safe)?;
    let (_, role) = verdict::word(after.outlook);
    Some(fact(model, width, "way back").own(format!("{} (after this)", after.headline()), role))
}

/// Who asks for a promoter of this build, when somebody does.
fn asked_for<'t>(model: &'t Model, plan: &Plan, width: u16) -> Option<Row<'t>> {
    let promotes = matches!(plan.kind, DeploymentKind::Promote | DeploymentKind::Redeploy);
    let request = model.open_request().filter(|r| promotes && r.build == plan.target.build)?;
    let who = if model.is_me(&request.by) { "you".into() } else { request.by.to_string() };
    let note = if request.note.is_empty() { String::new() } else { format!(": {}", request.note) };
    let text = format!("by {who} {} ago{note}", age(model.since(request.at)));
    Some(fact(model, width, "asked for").own(text, Role::Warn))
}

/// Whether the user should not do it alone.
fn needs_another(plan: &Plan) -> bool {
    let is_guarded = |finding: &Finding| {
        finding.guard == Guard::Author && finding.severity == Severity::Override
    };
    plan.findings.iter().any(is_guarded)
}

/// Who is on call, whether they are here or not.
fn on_call(model: &Model, width: u16) -> Option<Row<'_>> {
    let (text, role) = on_call::sentence(model)?;
    Some(fact(model, width, ON_CALL).own(text, role))
}

/// Who is here and could promote it, whoever is on call first, where the user should not do it alone.
fn could_promote<'t>(model: &'t Model, plan: &Plan, width: u16) -> Option<Row<'t>> {
    let service = model.service.as_ref().filter(|_| needs_another(plan))?;
    let members: Vec<_> =
        service.on_call.iter().flat_map(|on_call| on_call.members(model.now())).collect();
    let place = |actor: &Actor| members.iter().position(|name| actor.is_person(name));
    let could =
        |person: &&PresentPerson| person.could_promote(&plan.range.commits, &service.people);
    let mut could: Vec<_> = model.others_here().filter(could).map(|one| &one.actor).collect();
    could.sort_by_key(|actor| place(actor).unwrap_or(usize::MAX));
    let said = could.iter().map(|actor| match place(actor) {
        Some(_) => format!("{actor} (on call)"),
        None => actor.to_string(),
    });
    let text = format!("{}, who could promote it", said.collect::<Vec<_>>().join(", "));
    if could.is_empty() {
        return None;
    }
    Some(fact(model, width, "here now").name(&text, Role::Ok))
}

/// The most names that are spelled out; the page of changes spells all of them at their commits.
const SPELLED: usize = 3;

/// The code points of names that are not plain ASCII, each with the commit or step that it stands at: a name must not be
/// mistaken for a similar one.
fn beyond_ascii<'t>(model: &'t Model, plan: &Plan, width: u16) -> Vec<Row<'t>> {
    let people = model.service.as_ref().map(|service| &service.people);
    let commits = plan.range.commits.iter().filter_map(|commit| {
        let points = people.map_or(Vec::new(), |people| changes::beyond_ascii(commit, people));
        (!points.is_empty()).then(|| format!("{} in {}", points.join(", "), commit.sha.short()))
    });
    let steps = plan.steps.iter().filter_map(|step| {
        let points = gate::field(&step.name).code_points();
        (!points.is_empty()).then(|| format!("{} in step {}", points.join(", "), step.name))
    });
    let row = |text: String| fact(model, width, "not ASCII").own(text, Role::Warn);
    commits.chain(steps).take(SPELLED).map(row).collect()
}

/// A build with its subject, as long as it may be where so many columns are taken `beside` it.
fn build<'t>(
    model: &'t Model,
    width: u16,
    name: &str,
    build: &PlannedBuild,
    beside: usize,
) -> Row<'t> {
    let row = fact(model, width, name)
        .own(format!("{}  ", build.build), Role::Accent)
        .own(format!("{}  ", build.sha.short()), Role::Muted);
    // A column stays free before the border.
    let most = row.left().saturating_sub(beside + 1);
    row.outside(&build.subject, gate::field(&build.subject).width().min(most), Role::Text)
}

fn fact<'t>(model: &'t Model, width: u16, name: &str) -> Row<'t> {
    Row::new(&model.options.theme, width).gap(2).cell(name, 12, Role::Muted)
}
