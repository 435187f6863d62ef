//! The verbs of the command line in the palette: what they are called here, and what each can be done with.

use crate::console::actions::action::KeyAction;
use crate::console::actions::offer::{Offer, Pick};
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::snapshot::{BuildRow, DeploymentRow};

/// What follows a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    Build,
    /// A build that was live before what is live.
    Earlier,
    Open,
    Deployment,
    Service,
    Person,
}

/// A verb, as it is typed; `alias` is what the command line or the table calls it.
struct NamedVerb {
    name: &'static str,
    alias: &'static str,
    takes: Argument,
    action: KeyAction,
}

const fn verb(
    name: &'static str,
    alias: &'static str,
    takes: Argument,
    action: KeyAction,
) -> NamedVerb {
    NamedVerb { name, alias, takes, action }
}

const VERBS: &[NamedVerb] = &[
    verb("promote", "promote", Argument::Build, KeyAction::Promote),
    verb("roll-back", "rollback", Argument::Earlier, KeyAction::RollBack),
    verb("verify", "verify", Argument::Build, KeyAction::Verify),
    verb("retry", "retry", Argument::Build, KeyAction::Retry),
    verb("cancel", "cancel", Argument::Open, KeyAction::Cancel),
    verb("changes", "changes", Argument::Build, KeyAction::Changes),
    verb("preview", "plan", Argument::Build, KeyAction::Preview),
    verb("logs", "log", Argument::Deployment, KeyAction::Open),
    verb("service", "service", Argument::Service, KeyAction::Open),
    verb("by", "by", Argument::Person, KeyAction::Filter),
];

/// What else an action is called, by the command line and by people who come from other tools.
#[must_use]
pub fn words(action: &KeyAction) -> &'static str {
    match action {
        KeyAction::RollBack => "rollback undo revert",
        KeyAction::Emergency => "rollback now",
        KeyAction::Hold => "release stop pin",
        KeyAction::Freeze => "lift thaw",
        KeyAction::Cancel => "abort kill stop",
        KeyAction::Continue => "wave",
        KeyAction::Retry => "redeploy again",
        KeyAction::Incident => "open update resolve sev",
        KeyAction::Take => "request ask promoter",
        KeyAction::Changes => "diff commits",
        KeyAction::Changed => "timeline notes events audit",
        KeyAction::ByHand => "break glass",
        KeyAction::Checklist => "tick untick leftovers",
        KeyAction::Preview => "plan dry run",
        KeyAction::Open => "logs",
        KeyAction::Focus(Pane::Staging) => "builds",
        KeyAction::Focus(Pane::Production) => "history deployments",
        KeyAction::Services => "fleet status all",
        KeyAction::Engines => "profile login context engine",
        KeyAction::CopyLink | KeyAction::ShowLink => "url browser page",
        KeyAction::Quit => "exit",
        KeyAction::Help => "keys manual",
        KeyAction::RowMenu => "menu",
        KeyAction::CommandLines => "cli history shell",
        _ => "",
    }
}

/// The verb that a text begins with, once something may follow it.
fn begun(text: &str) -> Option<&'static NamedVerb> {
    let (word, _) = text.split_once(' ')?;
    let word = word.to_lowercase();
    VERBS.iter().find(|verb| verb.name == word || verb.alias == word)
}

/// The verb with which an action of the table can be done to something else than what is selected.
#[must_use]
pub fn completes(offer: &Offer) -> Option<&'static str> {
    if let Pick::Begin(name) = offer.pick {
        return Some(name);
    }
    VERBS.iter().find(|verb| verb.name == offer.name).map(|verb| verb.name)
}

/// What the verb can be done with that the text begins with; nothing where it begins with none.
#[must_use]
pub fn arguments(model: &Model, text: &str) -> Option<Vec<Offer>> {
    let verb = begun(text)?;
    let service = model.service.as_deref();
    let builds = || service.iter().flat_map(|service| &service.builds);
    let deployments = || service.iter().flat_map(|service| &service.deployments);
    Some(match verb.takes {
        Argument::Build => builds().map(|row| of_build(verb, row)).collect(),
        Argument::Earlier => earlier(model).map(|row| of_earlier(verb, row)).collect(),
        Argument::Open => {
            let open = deployments().filter(|row| row.deployment.is_open());
            open.map(|row| of_deployment(verb, row)).collect()
        }
        Argument::Deployment => deployments().map(|row| of_deployment(verb, row)).collect(),
        Argument::Service => services(model, verb),
        Argument::Person => people(model, verb),
    })
}

/// The verbs that need to be told with what.
pub fn offers() -> impl Iterator<Item = Offer> {
    let all = [
        ("service", "open another service by its name"),
        ("logs", "the log of a deployment by its number"),
        ("by", "only what one person wrote or did"),
    ];
    all.into_iter().map(|(name, about)| Offer {
        name: name.to_owned(),
        about: about.to_owned(),
        words: "",
        pick: Pick::Begin(name),
    })
}

/// The commands that only a shell runs: each is copied whole.
#[must_use]
pub fn lines(model: &Model) -> Vec<Offer> {
    let Some(service) = model.shown_service() else { return Vec::new() };
    let place = model.options.place.options();
    let all = [
        ("note", "note flag \"WHAT\"", "a change that no deployment made"),
        ("rehearse", "rehearse", "try the way back in staging"),
        ("build", "build --now", "make a build of the trunk's newest commit"),
        ("adopt", "adopt SHA", "state what production runs"),
        ("quarantine", "quarantine add SHA --reason \"WHY\"", "mark a commit bad"),
        ("where", "where SHA", "whether a commit is in production"),
        ("stats", "stats", "how often, how fast and how well"),
        ("audit", "audit", "the recorded events"),
        ("doctor", "doctor", "check the installation"),
    ];
    let offer = |(name, command, about): (&str, &str, &str)| Offer {
        name: format!("copy {name}"),
        about: format!("copy the command for a shell: {about}"),
        words: "cli command line",
        pick: Pick::CopyLine(format!("trunkline {command} --service {service}{place}")),
    };
    all.map(offer).to_vec()
}

fn of_build(verb: &NamedVerb, row: &BuildRow) -> Offer {
    let build = row.build.number;
    Offer {
        name: format!("{} {}", verb.name, build.0),
        about: format!("{}: {}", row.state.as_str(), row.build.subject()),
        words: "",
        pick: Pick::OnBuild(build, verb.action.clone()),
    }
}

/// The deployments of production whose builds are older than what is live, each build once.
fn earlier(model: &Model) -> impl Iterator<Item = &DeploymentRow> {
    let production = Environment::Production;
    let live = model.service.as_ref().and_then(|service| service.live.get(&production));
    let live = live.map(|live| live.build);
    let mut seen = Vec::new();
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    rows.filter(move |row| {
        let request = &row.deployment.request;
        let is_earlier = live.is_some_and(|live| request.build < live);
        let is_new =
            request.environment == production && is_earlier && !seen.contains(&request.build);
        if is_new {
            seen.push(request.build);
        }
        is_new
    })
}

fn of_earlier(verb: &NamedVerb, row: &DeploymentRow) -> Offer {
    let build = row.deployment.request.build;
    Offer {
        name: format!("{} {}", verb.name, build.0),
        about: row.subject.clone(),
        words: "",
        pick: Pick::OnDeployment(row.deployment.id, verb.action.clone()),
    }
}

fn of_deployment(verb: &NamedVerb, row: &DeploymentRow) -> Offer {
    let (id, request): (DeploymentId, _) = (row.deployment.id, &row.deployment.request);
    let what = format!("{} of {} to {}", request.kind, request.build, request.environment);
    Offer {
        name: format!("{} {id}", verb.name),
        about: format!("{what}: {}", row.state.as_str()),
        words: "",
        pick: Pick::OnDeployment(id, verb.action.clone()),
    }
}

fn services(model: &Model, verb: &NamedVerb) -> Vec<Offer> {
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    let offer = |service: &crate::domain::ids::ServiceName| Offer {
        name: format!("{} {service}", verb.name),
        about: "open it".to_owned(),
        words: "",
        pick: Pick::Open(service.clone()),
    };
    rows.map(|row| offer(&row.service)).collect()
}

/// Who is in `[people]`, and who wrote or did what is listed.
fn people(model: &Model, verb: &NamedVerb) -> Vec<Offer> {
    let Some(service) = &model.service else { return Vec::new() };
    let known = service.people.people.keys().cloned();
    let writers = service.builds.iter().flat_map(|row| model.writers(row)).map(str::to_owned);
    let mut names: Vec<String> = known.chain(writers).collect();
    names.sort_unstable();
    names.dedup();
    let offer = |name: String| Offer {
        name: format!("{} {name}", verb.name),
        about: "filter the list by this person".to_owned(),
        words: "",
        pick: Pick::By(name),
    };
    names.into_iter().map(offer).collect()
}
