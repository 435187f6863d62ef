//! Commands of earlier consoles whose answers were not seen, and what became of them.

use crate::backend::Answer;
use crate::backend::intents::Intent;
use crate::console::effect::{Effect, Outside};
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::domain::command::Receipt;

pub fn not_noted(model: &mut Model, what: &str, why: &str) -> Vec<Effect> {
    let advice = "it is sent all the same; if this console ends, check the history";
    model.insist(Tone::Bad, format!("{what} could not be saved on disk ({why}): {advice}"));
    Vec::new()
}

pub fn left(model: &mut Model, intent: &Intent) -> Vec<Effect> {
    let text = format!("{} has no answer: unknown, checking", name(model, intent));
    model.insist(Tone::Plain, text);
    Vec::new()
}

pub fn recalled(
    model: &mut Model,
    intent: &Intent,
    answer: Answer<Option<Receipt>>,
) -> Vec<Effect> {
    let name = name(model, intent);
    // The answer replaces the note that it is being looked up.
    model.notes.settle(&name);
    match answer {
        Ok(Some(Receipt { deployment: Some(id), .. })) => {
            model.insist(Tone::Good, format!("{name} was recorded: {id}"));
        }
        Ok(Some(receipt)) => {
            model.insist(Tone::Good, format!("{name} was recorded: {}", receipt.said));
        }
        Ok(None) => model.insist(Tone::Plain, format!("{name} did not arrive: nothing was done")),
        Err(why) => {
            let advice = "check the history before you do it again";
            model.insist(Tone::Bad, format!("{name} is unknown: {why}; {advice}"));
        }
    }
    vec![Effect::Outside(Outside::Bell)]
}

/// `the promote of #12, sent 03:14,`, with the service where there are several.
fn name(model: &Model, intent: &Intent) -> String {
    let sent = intent.at.with_timezone(&model.zone()).format("%-d %b %H:%M");
    let Intent { service, what, .. } = intent;
    if model.options.several {
        format!("{service}: {what}, sent {sent},")
    } else {
        format!("{what}, sent {sent},")
    }
}
