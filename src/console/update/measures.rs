//! The measures of the service on screen, for its details.

use std::time::Duration;

use crate::backend::Answer;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::model::link::LinkState;
use crate::console::model::measures::StatsQuestion;
use crate::console::model::pane::Pane;
use crate::domain::ids::ServiceName;
use crate::domain::stats::DeliveryStats;

/// The shortest time between two questions.
const PAUSE: Duration = Duration::from_secs(10);
/// After this the period has moved on, and what failed is asked again.
const AGAIN: Duration = Duration::from_mins(10);

/// Asks for the measures while the details are on screen, one question at a time.
pub fn more(model: &mut Model) -> Option<Effect> {
    let service = model.service.as_ref()?.service.clone();
    let is_shown = model.areas.of(Pane::Details).is_some() && model.link.state == LinkState::Up;
    let basis = model.stats_basis();
    let is_due = model.measures.asked.as_ref().is_none_or(|asked| {
        let since = model.at.saturating_duration_since(asked.at);
        let is_new = asked.basis != basis && since >= PAUSE;
        asked.is_answered && (is_new || since >= AGAIN)
    });
    if !is_shown || !is_due {
        return None;
    }
    model.measures.asked = Some(StatsQuestion { at: model.at, basis, is_answered: false });
    Some(Effect::Stats(service))
}

/// Takes an answer, unless it is about a service that was left.
pub fn read(
    model: &mut Model,
    service: &ServiceName,
    answer: Answer<Box<DeliveryStats>>,
) -> Vec<Effect> {
    let is_shown = model.service.as_ref().is_some_and(|shown| shown.service == *service);
    let Some(asked) = model.measures.asked.as_mut().filter(|_| is_shown) else { return Vec::new() };
    asked.is_answered = true;
    match answer {
        Ok(stats) => (model.measures.stats, model.measures.failure) = (Some(stats), None),
        Err(why) => model.measures.failure = Some(why.to_string()),
    }
    Vec::new()
}
