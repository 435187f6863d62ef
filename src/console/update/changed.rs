//! The page of what changed: reading it again and again while it is open, and its keys.

use std::time::Duration;

use crate::backend::Answer;
use crate::console::actions::action::{ChangedAction, KeyAction, Move, PageAction};
use crate::console::effect::{Effect, Outside};
use crate::console::layout;
use crate::console::model::Model;
use crate::console::model::changed::{ChangedPage, ChangedSpan};
use crate::console::model::list::MovedBy;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::domain::timeline::{TimelinePage, TimelineRange};

/// The least time between two answers, as every event of every service may be news.
const PACE: Duration = Duration::from_secs(1);
/// The pause after one that failed.
const RETRY: Duration = Duration::from_secs(2);

pub fn open(model: &mut Model) -> Vec<Effect> {
    model.overlays.push(Overlay::Changed(Box::default()));
    ask(model, Duration::ZERO)
}

/// Asks for what is on the page, unless that is known already.
fn ask(model: &Model, pause: Duration) -> Vec<Effect> {
    let Some(page) = page(model) else { return Vec::new() };
    let range = page.range();
    let after = page.page.as_ref().map(|page| page.version.clone());
    vec![Effect::WatchTimeline { range, after, due: model.at + pause }]
}

fn page(model: &Model) -> Option<&ChangedPage> {
    model.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Changed(page) => Some(&**page),
        _ => None,
    })
}

fn page_mut(model: &mut Model) -> Option<&mut ChangedPage> {
    model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Changed(page) => Some(&mut **page),
        _ => None,
    })
}

/// Takes an answer in; one about another span, or after the page was closed, is dropped.
pub fn answered(
    model: &mut Model,
    range: TimelineRange,
    answer: Answer<Option<Box<TimelinePage>>>,
) -> Vec<Effect> {
    let Some(page) = page_mut(model).filter(|page| page.range() == range) else {
        return Vec::new();
    };
    let pause = match answer {
        Ok(Some(fresh)) => {
            page.failed = None;
            page.page = Some(fresh);
            PACE
        }
        Ok(None) => {
            page.failed = None;
            Duration::ZERO
        }
        Err(why) => {
            page.failed = Some(why.to_string());
            RETRY
        }
    };
    ask(model, pause)
}

/// Fits the cursor to the entries and the room for them.
pub fn settle(model: &mut Model, by: MovedBy) {
    let height = layout::changed_rows(model);
    if let Some(page) = page_mut(model) {
        let ids = page.ids();
        page.list.settle(&ids, None, height, by);
    }
}

/// A key on the page.
pub fn key(model: &mut Model, action: Option<&KeyAction>) -> Vec<Effect> {
    match action {
        Some(KeyAction::InChanged(ChangedAction::Wider)) => span(model, ChangedSpan::wider),
        Some(KeyAction::InChanged(ChangedAction::Narrower)) => span(model, ChangedSpan::narrower),
        Some(KeyAction::InChanged(ChangedAction::Open)) => whole(model),
        Some(KeyAction::Page(PageAction::Close)) => close(model),
        Some(KeyAction::Page(PageAction::Copy)) => copy(model),
        Some(KeyAction::Move(by)) => travel(model, *by),
        _ => Vec::new(),
    }
}

fn span(model: &mut Model, change: fn(ChangedSpan) -> ChangedSpan) -> Vec<Effect> {
    let Some(page) = page_mut(model) else { return Vec::new() };
    let to = change(page.span);
    if to == page.span {
        return Vec::new();
    }
    page.open = None;
    page.change_span(to);
    ask(model, Duration::ZERO)
}

fn whole(model: &mut Model) -> Vec<Effect> {
    let Some(page) = page_mut(model) else { return Vec::new() };
    page.open = match page.open.take() {
        Some(_) => None,
        None => page.selected().cloned().map(|entry| (Box::new(entry), 0)),
    };
    Vec::new()
}

/// Out of the entry, then out of the page.
fn close(model: &mut Model) -> Vec<Effect> {
    if page_mut(model).is_some_and(|page| page.open.take().is_some()) {
        return Vec::new();
    }
    model.overlays.pop();
    Vec::new()
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(entry) = page(model).and_then(ChangedPage::selected) else { return Vec::new() };
    let Some(undo) = entry.undo.clone() else {
        model.say(Tone::Plain, "nobody wrote how to undo this; nothing is copied");
        return Vec::new();
    };
    model.say(Tone::Plain, format!("sent to the terminal's clipboard: {undo}"));
    vec![Effect::Outside(Outside::Copy(undo))]
}

fn travel(model: &mut Model, by: Move) -> Vec<Effect> {
    let rows = layout::changed_rows(model);
    let most = layout::overlay_lines(model).saturating_sub(1);
    let Some(page) = page_mut(model) else { return Vec::new() };
    if let Some((_, scroll)) = &mut page.open {
        *scroll = by.lead(*scroll, (rows / 2).max(1), most);
        return Vec::new();
    }
    let half = isize::try_from((rows / 2).max(1)).unwrap_or(1);
    let by = match by {
        Move::Up => -1,
        Move::Down => 1,
        Move::PageUp => -half,
        Move::PageDown => half,
        Move::Top => isize::MIN,
        Move::Bottom => isize::MAX,
    };
    let ids = page.ids();
    page.list.step(&ids, None, by);
    let is_at_end = page.list.selected == ids.last().copied();
    if is_at_end && by > 0 && page.grow() {
        // The answer differs although nothing changed.
        let range = page.range();
        return vec![Effect::WatchTimeline { range, after: None, due: model.at }];
    }
    Vec::new()
}
