//! An item as it is told now: the present state of what it is about, in the words of the destination.

use std::collections::BTreeMap;

use super::opened::KnownDestination;
use super::source::{NoticeSource, ToldService};
use crate::domain::chain::Hash;
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::incident::IncidentPolicy;
use crate::domain::notice::view::{NoticeInput, NoticeView, mark_late, view};
use crate::domain::notice::{DetailKind, NoticeAbout, freezes_now, live_of};
use crate::domain::people::People;
use crate::domain::service::ServiceState;
use crate::store::outbox::OutboxItem;

/// How many lines of a log a failure shows.
const TAIL: usize = 6;

/// What an item says.
#[derive(Debug, Clone)]
pub(super) struct RenderedItem {
    pub view: NoticeView,
    pub text: String,
    /// Of the text, without how late it is told.
    pub digest: String,
    /// Why the operator's own template was not used.
    pub trouble: Option<String>,
}

/// Renders an item for its destination. `pages` is where people reach the server's pages.
///
/// # Errors
/// When its service is gone, or no template renders it.
pub(super) async fn render<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    pages: Option<&str>,
    item: &OutboxItem,
) -> Result<RenderedItem, String> {
    let mut view = seen(source, to, pages, item)?;
    fill_tail(source, to, &mut view, item).await;
    let plain = to.render(&view)?;
    let digest = Hash::of(&plain.text).to_string();
    mark_late(&mut view, item.wanted_at, source.now());
    let rendered = if view.late.is_some() { to.render(&view)? } else { plain };
    Ok(RenderedItem { view, text: rendered.text, digest, trouble: rendered.trouble })
}

fn seen<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    pages: Option<&str>,
    item: &OutboxItem,
) -> Result<NoticeView, String> {
    let (notice, now) = (&item.notice, source.now());
    let input = |told: ToldService<'_>| {
        let ToldService { state, people, incidents: policy, windows, on_call, .. } = told;
        view(notice, NoticeInput { state, people, policy, now, pages, windows, on_call })
    };
    // A freeze of a calendar may hold others, and its own service no more.
    let frozen = match &notice.about {
        NoticeAbout::Freeze(freeze) if freeze.freeze.is_none() => frozen_with(source, to, item),
        _ => Vec::new(),
    };
    let mut view = match &notice.about {
        // These are of no service.
        NoticeAbout::Topic | NoticeAbout::Dropped { .. } | NoticeAbout::Test { .. } => {
            let (state, people) = (ServiceState::default(), People::default());
            let (state, people, policy) = (&state, &people, &IncidentPolicy::default());
            let (windows, on_call) = (&[][..], &[][..]);
            view(notice, NoticeInput { state, people, policy, now, pages, windows, on_call })
        }
        _ => source
            .look(frozen.first().unwrap_or(&notice.service), input)
            .ok_or_else(|| format!("the service {} is not watched any more", notice.service))?,
    };
    match &notice.about {
        NoticeAbout::Topic => {
            if let Some(topic) = &mut view.topic {
                topic.live = live_of_channel(source, to, &item.channel);
            }
            view.page = pages.map(str::to_owned);
            view.settled = true;
        }
        NoticeAbout::Freeze(_) => {
            if let Some(shown) = &mut view.freeze {
                shown.services = frozen.iter().map(ToString::to_string).collect();
            }
        }
        _ => {}
    }
    Ok(view)
}

/// The end of the log of what failed, and how to see it all.
async fn fill_tail<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    view: &mut NoticeView,
    item: &OutboxItem,
) {
    let service = &item.notice.service;
    if let Some(incident) = &view.incident {
        view.command = Some(format!("trunkline incident show {} --service {service}", incident.id));
    }
    if let Some(deployment) = &view.deployment {
        view.command = Some(format!("trunkline logs {} --service {service}", deployment.id));
    }
    if let NoticeAbout::Deployment { deployment: id } = item.notice.about {
        // Where it is told at its end, no detail says how it failed.
        let step = source.look(service, |noted| failed_step(noted.state, id)).flatten();
        if let (Some(step), false, Some(shown)) = (step, to.abilities().edit, &mut view.deployment)
        {
            shown.tail = source.tail(service, id, step, TAIL).await;
        }
        return;
    }
    let NoticeAbout::Detail(about) = &item.notice.about else { return };
    let (Some(deployment), Some(step)) = (about.deployment, about.step) else { return };
    if about.kind != DetailKind::Ended {
        return;
    }
    let tail = source.tail(service, deployment, step, TAIL).await;
    let authors = view.deployment.as_ref().filter(|of| of.environment == "staging");
    // Those of production were named when it began.
    let authors = authors.map(|of| of.authors.clone()).unwrap_or_default();
    if let Some(detail) = &mut view.detail {
        (detail.tail, detail.authors) = (tail, authors);
    }
}

/// The step at which a deployment failed.
fn failed_step(state: &ServiceState, id: DeploymentId) -> Option<usize> {
    let found = state.deployments.get(&id)?;
    let is_bad = matches!(found.state(), DeploymentState::Failed | DeploymentState::Interrupted);
    found.steps.iter().position(|step| !step.succeeded()).filter(|_| is_bad)
}

/// The services that are told in a channel.
pub(super) fn services_of<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    channel: &str,
) -> Vec<ServiceName> {
    let mut all = source.services();
    all.retain(|name| {
        let at = source.look(name, |noted| channel_of(to, name, &noted));
        at.flatten().and_then(Result::ok).is_some_and(|at| at == channel)
    });
    all
}

/// Where a service is told at a destination; `None` if it is not, and an error if its file names what it may not use.
pub(super) fn channel_of(
    to: &KnownDestination,
    service: &ServiceName,
    noted: &ToldService<'_>,
) -> Option<Result<String, String>> {
    let own = noted.destinations.get(&to.name);
    let is_told = own.is_some() || to.settings.takes(service.as_str());
    let named = own.and_then(|own| own.channel.as_deref());
    is_told.then(|| to.settings.channel_of(named))
}

fn live_of_channel<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    channel: &str,
) -> BTreeMap<String, String> {
    let live = |name: &ServiceName| {
        let live = source.look(name, |noted| {
            let was = noted.state.live(Environment::Production).is_some();
            was.then(|| live_of(noted.state))
        });
        let shown = live.flatten()?.map_or_else(|| "?".to_owned(), |build| build.to_string());
        Some((name.to_string(), shown))
    };
    services_of(source, to, channel).iter().filter_map(live).collect()
}

/// The services of the channel that the same window of a calendar holds.
fn frozen_with<S: NoticeSource>(
    source: &S,
    to: &KnownDestination,
    item: &OutboxItem,
) -> Vec<ServiceName> {
    let now = source.now();
    let is_held = |name: &ServiceName| {
        let held = source.look(name, |noted| {
            let mut all = freezes_now(name, noted.state, noted.windows, now).into_iter();
            all.any(|notice| notice.key == item.notice.key)
        });
        held == Some(true)
    };
    let mut all = services_of(source, to, &item.channel);
    all.retain(is_held);
    all
}
