//! What became of commands for all services, said after the last answer.

use crate::console::model::Model;
use crate::console::model::ticket::Ticket;
use crate::domain::ids::ServiceName;

/// One of them was answered. After the last it is said what became of all.
pub fn answered(model: &mut Model, ticket: Ticket, service: &ServiceName, is_done: bool) {
    let Some(stop) = model.stop_all.as_mut().filter(|stop| stop.waits.contains(&ticket)) else {
        return;
    };
    stop.waits.retain(|waiting| *waiting != ticket);
    if !is_done {
        stop.failed.push(service.clone());
    }
    if !stop.waits.is_empty() {
        return;
    }
    let Some(stop) = model.stop_all.take() else { return };
    let (text, tone) = stop.in_words();
    model.say(tone, text);
}
