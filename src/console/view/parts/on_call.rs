//! Who is on call for the service.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::fact::{NAME, fact};
use crate::domain::on_call::OnCallState;
use crate::domain::words::on_call::{self, ON_CALL};
use crate::gate;

/// The most lines of it.
const MOST: usize = 4;

/// Who is on call, as one sentence; nothing where no file says it.
pub fn sentence(model: &Model) -> Option<(String, Role)> {
    let (service, now) = (model.service.as_deref()?, model.now());
    let role = match service.on_call.as_ref()?.state(now) {
        OnCallState::People(_) => Role::Text,
        OnCallState::Nobody | OnCallState::Unknown { .. } => Role::Warn,
    };
    let text =
        on_call::sentence(service, model.present(), now, model.zone(), |at| clock(model, at))?;
    Some((text, role))
}

/// The same over as many lines as it takes.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let Some((text, role)) = sentence(model) else { return Vec::new() };
    let lines = gate::sentence(&text).wrap(usize::from(width).saturating_sub(NAME + 2));
    let names = [ON_CALL].into_iter().chain(std::iter::repeat(""));
    let lines = lines.iter().zip(names).take(MOST);
    lines.map(|(line, name)| fact(model, width, name).safe(line, role).line()).collect()
}
