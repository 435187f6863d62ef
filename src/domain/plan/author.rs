//! The guard against promoting one's own change: who wrote the commits of a range, and how sure that is.

use super::{Finding, Guard, PlanInput, Severity};
use crate::domain::build::Build;
use crate::domain::commit::Commit;
use crate::domain::ids::Environment;
use crate::domain::people::{Actor, Identity, Likeness, Traits, named_in_subject};
use crate::domain::remedy::Remedy;

/// The most commits that a sentence names as perhaps somebody's.
const MOST_NAMED: usize = 3;

pub(super) fn finding(input: PlanInput<'_>, target: &Build, actor: &Actor) -> Finding {
    let finding = |severity, sentence| super::finding(Guard::Author, severity, sentence);
    if input.range.is_empty() {
        return finding(Severity::Info, "No new commits".to_owned());
    }
    if !input.people.knows(actor) {
        let sentence = format!(
            "Cannot tell whether you wrote these commits. Add the addresses of {actor} to [people] in trunkline.toml"
        );
        return finding(Severity::Override, sentence);
    }
    if let (Some(live), None) = (input.state.live(Environment::Production), &input.range.from) {
        let sentence = format!(
            "The repository has no commit of {}, which is live, so nobody can tell what ships and who wrote it",
            live.build
        );
        return finding(Severity::Override, sentence);
    }
    let mine = mine(input, actor);
    let maybe = perhaps_mine(input, actor);
    let unseen = unseen(input);
    if mine.is_empty() && maybe.is_empty() {
        return match unseen {
            Some(sentence) => finding(Severity::Override, sentence),
            None if input.state.is_live_unknown() => {
                let written = written_by_others(input);
                let sentence = format!(
                    "{written}, as far as trunkline has seen. Who wrote the rest of what ships is not known"
                );
                finding(Severity::Warn, sentence)
            }
            None => finding(Severity::Info, written_by_others(input)),
        };
    }
    let yours = (!mine.is_empty()).then(|| match actor {
        Actor::Person(_) => format!("You wrote {}", listed(&mine)),
        _ => format!("trunkline wrote {}", listed(&mine)),
    });
    let perhaps = (!maybe.is_empty()).then(|| said_of(&maybe));
    let (others, has_others) = other_promoters(input, actor);
    let sentences: Vec<_> = yours.into_iter().chain(perhaps).chain(unseen).chain(others).collect();
    let remedy = has_others.then_some(Remedy::AskPromoter { build: target.number });
    finding(Severity::Override, sentences.join(". ")).with(remedy)
}

/// The commits that an address in `[people]` says are the actor's: those of the service's paths, then the others.
fn mine(input: PlanInput<'_>, actor: &Actor) -> Vec<String> {
    let is_me = |who: &Identity| {
        let owner = input.people.owner_of(who);
        owner.is_some_and(|owner| *actor == Actor::Person(owner.to_owned()))
    };
    let is_mine = |commit: &&Commit| commit.writers(input.people).any(is_me);
    let own = input.range.own().filter(is_mine);
    own.chain(input.range.beside().filter(is_mine)).map(named).collect()
}

/// `3f9ac21`, with a remark if it changes none of the service's paths.
fn named(commit: &Commit) -> String {
    let beside = if commit.beside { " outside of the service's paths" } else { "" };
    format!("{}{beside}", commit.sha.short())
}

/// A commit that may be the actor's, whom it names, and why.
struct PerhapsMine<'a> {
    commit: &'a Commit,
    who: Identity,
    why: Likeness,
}

/// The commits of which nothing in `[people]` says whose they are, but which may be the actor's.
fn perhaps_mine<'a>(input: PlanInput<'a>, actor: &Actor) -> Vec<PerhapsMine<'a>> {
    let Actor::Person(me) = actor else { return Vec::new() };
    let built = input.state.builds.values().flat_map(|build| &build.commits);
    let seen = built.chain(&input.range.commits).map(|commit| &commit.author);
    let Some(traits) = Traits::of(input.people, me, seen) else { return Vec::new() };
    let perhaps = |commit: &'a Commit| {
        let writers: Vec<_> = commit.writers(input.people).collect();
        let is_mine = |who: &&Identity| input.people.owner_of(who) == Some(me.as_str());
        if writers.iter().any(is_mine) {
            return None;
        }
        let unknown = writers.into_iter().filter(|who| input.people.owner_of(who).is_none());
        let named = unknown.cloned().chain(named_in_subject(&commit.subject));
        let mut found = named.filter_map(|who| Some((traits.resemble(&who)?, who)));
        found.next().map(|(why, who)| PerhapsMine { commit, who, why })
    };
    input.range.commits.iter().filter_map(perhaps).collect()
}

/// `May be you: 3f9ac21 by Ann Lee <ann@home.example> (same name)`.
fn said_of(maybe: &[PerhapsMine<'_>]) -> String {
    let one = |found: &PerhapsMine<'_>| {
        let Identity { name, email } = &found.who;
        let who = if email.is_empty() { name.clone() } else { format!("{name} <{email}>") };
        format!("{} by {who} ({})", named(found.commit), found.why)
    };
    let mut all: Vec<_> = maybe.iter().take(MOST_NAMED).map(one).collect();
    let more = maybe.len().saturating_sub(MOST_NAMED);
    all.extend((more > 0).then(|| format!("{more} more")));
    format!("May be you: {}", all.join(", "))
}

/// What could not be checked.
fn unseen(input: PlanInput<'_>) -> Option<String> {
    let more = input.range.more;
    let cut = input.range.commits.iter().filter(|commit| commit.has_unread_people).count();
    match (more, cut) {
        (0, 0) => None,
        (0, cut) => Some(format!(
            "{cut} commits name more people than were read. You may have written some"
        )),
        (more, _) => {
            Some(format!("{more} more commits were not checked. You may have written some"))
        }
    }
}

/// Who wrote the range. Whether somebody whom `[people]` does not have is the actor is not known.
fn written_by_others(input: PlanInput<'_>) -> String {
    let writers = input.range.writers(input.people);
    if writers.is_empty() {
        return "Written by bots only".into();
    }
    let all = input.range.commits.iter().flat_map(|commit| commit.writers(input.people));
    let mut unknown: Vec<_> = Vec::new();
    for who in all.filter(|who| input.people.owner_of(who).is_none()) {
        if !unknown.contains(&&*who.name) {
            unknown.push(&who.name);
        }
    }
    let written = format!("Written by {}", listed(&writers));
    match unknown.as_slice() {
        [] => written,
        all if all.len() == writers.len() => {
            format!("{written}. Not known whether that is you: not in [people]")
        }
        unknown => {
            format!("{written}. Not known whether you are {}: not in [people]", listed(unknown))
        }
    }
}

/// Who else can promote it, whoever is on call first, and whether anybody can.
fn other_promoters(input: PlanInput<'_>, actor: &Actor) -> (Option<String>, bool) {
    let Actor::Person(me) = actor else { return (None, false) };
    let writers = input.range.writers(input.people);
    let names = input.people.people.keys().map(String::as_str);
    let others = names.filter(|name| *name != me.as_str() && !writers.contains(name));
    let is_on_call = |name: &&str| input.on_call.iter().any(|one| one == name);
    let (on_call, others): (Vec<_>, Vec<_>) = others.partition(is_on_call);
    // In the order of escalation.
    let first = input.on_call.iter().filter(|name| on_call.contains(&name.as_str()));
    let first = first.map(|name| format!("{name} (on call)"));
    let all: Vec<_> = first.chain(others.into_iter().map(str::to_owned)).collect();
    match all.as_slice() {
        [] => (Some("Everyone in [people] wrote part of this".to_owned()), false),
        others => (Some(format!("Needs another promoter: {}", listed(others))), true),
    }
}

/// `a`, `a and b`, `a, b and c`; beyond five `a, b, c, d, e and 3 more`.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const MOST: usize = 5;
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] if names.len() <= MOST => format!("{} and {last}", head.join(", ")),
        _ => format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST),
    }
}
