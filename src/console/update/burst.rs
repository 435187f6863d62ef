//! Keys that came together, as in a paste that is not marked as one: they look and type, and start nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::console::actions::action::KeyAction;
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::ticket::Ticket;
use crate::terminal::input::Crowd;

/// What comes so soon after a key, and together, is the rest of what that key was part of.
const RIGHT_BEHIND: Duration = Duration::from_millis(100);

/// A key comes in with this around it: what the key before opened was not meant, if this one came right behind it.
pub fn begin(model: &mut Model, crowd: Crowd) {
    let opened = model.burst.opened.take();
    model.burst.crowd = crowd;
    if !model.burst.is_now() {
        model.burst.told = false;
        return;
    }
    let right_behind = |at: Instant| model.at.saturating_duration_since(at) < RIGHT_BEHIND;
    let Some((ticket, _)) = opened.filter(|(_, at)| right_behind(*at)) else { return };
    let is_it = |overlay: &Overlay| match overlay {
        Overlay::Confirm(confirm) => {
            confirm.progress.ticket() == ticket && confirm.progress.is_open()
        }
        _ => false,
    };
    let before = model.overlays.len();
    model.overlays.retain(|overlay| !is_it(overlay));
    if model.overlays.len() < before {
        tell(model, "closed again, nothing was started");
    }
}

/// The key was taken in; `before` is the dialog that was open then.
pub fn end(model: &mut Model, before: Option<Ticket>) {
    let open = model.confirm().filter(|confirm| confirm.progress.is_open());
    let opened = open.map(|open| open.progress.ticket()).filter(|now| Some(*now) != before);
    model.burst.opened = opened.map(|ticket| (ticket, model.at));
    model.burst.crowd = Crowd::Alone;
}

/// Whether the key at hand may not do this; says so. A key that was held down may leave, as `q` several times does.
pub fn refuses(model: &mut Model, action: &KeyAction) -> bool {
    let refused = match model.burst.crowd {
        Crowd::Alone => false,
        Crowd::Repeated => action.acts() && *action != KeyAction::Quit,
        Crowd::Mixed => action.acts(),
    };
    if refused {
        let key = model.key(action);
        tell(model, &format!("{key} started nothing"));
    }
    refused
}

/// Once for all keys of a burst.
fn tell(model: &mut Model, what: &str) {
    if !model.burst.told {
        model.burst.told = true;
        let why = "keys came together, as in a paste; press one alone";
        model.say(Tone::Bad, format!("{what}: {why}"));
    }
}
