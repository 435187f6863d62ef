//! Commands of earlier consoles whose answers were not seen, and what became of them.

use crate::backend::Answer;
use crate::backend::intents::Intent;
use crate::console::effect::{Effect, Outside};
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::domain::command::Receipt;
use crate::domain::ids::ServiceName;

pub fn not_noted(model: &mut Model, service: &ServiceName, what: &str, why: &str) -> Vec<Effect> {
    let advice = "it is sent all the same; if this console ends, check the history";
    let text = format!("{what} could not be saved on disk ({why}): {advice}");
    model.insist(service, Tone::Bad, text);
    Vec::new()
}

pub fn left(model: &mut Model, intent: &Intent) -> Vec<Effect> {
    let text = format!("{} has no answer: unknown, checking", name(model, intent));
    model.insist(&intent.service, Tone::Plain, text);
    Vec::new()
}

pub fn recalled(
    model: &mut Model,
    intent: &Intent,
    answer: Answer<Option<Receipt>>,
) -> Vec<Effect> {
    let (name, service) = (name(model, intent), &intent.service);
    // The answer replaces the note that it is being looked up.
    model.notes.settle(service, &name);
    let (tone, text) = match answer {
        Ok(Some(Receipt { deployment: Some(id), .. })) => {
            (Tone::Good, format!("{name} was recorded: {id}"))
        }
        Ok(Some(receipt)) => (Tone::Good, format!("{name} was recorded: {}", receipt.said)),
        Ok(None) => (Tone::Plain, format!("{name} did not arrive: nothing was done")),
        Err(why) => {
            let advice = "check the history before you do it again";
            (Tone::Bad, format!("{name} is unknown: {why}; {advice}"))
        }
    };
    model.insist(service, tone, text);
    vec![Effect::Outside(Outside::Bell)]
}

/// `promote of #12, sent 28 Nov 03:14 CET,`.
fn name(model: &Model, intent: &Intent) -> String {
    let sent = intent.at.with_timezone(&model.zone()).format("%-d %b %H:%M %Z");
    format!("{}, sent {sent},", intent.what)
}
