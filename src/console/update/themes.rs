//! The list of themes, where each is on screen as soon as the cursor is at it, and the theme in use when its file changes.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::appearance::ThemeName;
use crate::console::actions::action::{ChoiceAction, KeyAction};
use crate::console::effect::Effect;
use crate::console::message::Message;
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::{Overlay, ThemesPage};
use crate::console::theme::library::{LoadedTheme, ThemeFailure, ThemeOffer};
use crate::console::update::burst;

/// How many rows a page is.
const PAGE: usize = 10;
/// The files are looked at no more often than this.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Opens the list.
pub fn open(model: &mut Model) -> Vec<Effect> {
    model.overlays.push(Overlay::Themes(Box::default()));
    vec![Effect::ListThemes(model.options.themes.library.clone())]
}

/// The list is there; its cursor begins at the theme in use.
pub fn listed(model: &mut Model, themes: Vec<ThemeOffer>) -> Vec<Effect> {
    let in_use = model.options.themes.name.clone();
    if let Some(page) = page(model) {
        page.themes = Some(themes);
        page.row = page.found().iter().position(|offer| offer.name == in_use).unwrap_or(0);
        try_on(model);
    }
    Vec::new()
}

/// A key in the list: letters search.
pub fn key(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    let Some(page) = page(model) else { return Vec::new() };
    match action {
        Some(KeyAction::Choice(ChoiceAction::Switch)) => return keep(model),
        Some(KeyAction::Choice(ChoiceAction::Close)) => {
            model.overlays.pop();
            return Vec::new();
        }
        Some(KeyAction::Move(by)) => {
            page.row = by.lead(page.row, PAGE, page.found().len().saturating_sub(1));
        }
        Some(KeyAction::Edit(edit)) => {
            page.search.edit(*edit);
            page.row = 0;
        }
        _ if letter.is_some() => {
            page.search.type_letter(letter);
            page.row = 0;
        }
        _ => return Vec::new(),
    }
    try_on(model);
    Vec::new()
}

fn page(model: &mut Model) -> Option<&mut ThemesPage> {
    match model.overlays.last_mut() {
        Some(Overlay::Themes(page)) => Some(page),
        _ => None,
    }
}

/// Shows the theme at the cursor.
fn try_on(model: &mut Model) {
    let looks = page(model).and_then(|page| {
        let loaded = page.found().get(page.row)?.loaded.as_ref().ok()?;
        Some(loaded.looks.clone())
    });
    let options = &mut model.options;
    let before = options.themes.before.get_or_insert_with(|| options.theme.clone());
    options.theme = looks.map_or_else(|| before.clone(), |looks| before.dressed(&looks));
}

/// Takes the theme at the cursor, and writes its name into the user file.
fn keep(model: &mut Model) -> Vec<Effect> {
    if burst::refuses(model, &KeyAction::Themes) {
        return Vec::new();
    }
    let offer = page(model).and_then(|page| page.found().get(page.row).copied().cloned());
    let loaded = match offer.map(|offer| offer.loaded) {
        None => return Vec::new(),
        Some(Ok(loaded)) => loaded,
        Some(Err(why)) => {
            model.say(Tone::Bad, why.in_one_line());
            return Vec::new();
        }
    };
    model.overlays.pop();
    let name = loaded.name.clone();
    wear(model, loaded);
    model.options.themes.before = None;
    let file = model.options.themes.kept_in.clone();
    file.map(|file| Effect::KeepTheme { file, name }).into_iter().collect()
}

fn wear(model: &mut Model, loaded: LoadedTheme) {
    let options = &mut model.options;
    let theme = options.theme.dressed(&loaded.looks);
    match &mut options.themes.before {
        Some(before) => *before = theme,
        None => options.theme = theme,
    }
    let LoadedTheme { name, files, .. } = loaded;
    (options.themes.name, options.themes.files, options.themes.mistake) = (name, files, None);
}

/// Whether the name of the theme was written.
pub fn kept(model: &mut Model, name: &ThemeName, answer: Result<PathBuf, String>) -> Vec<Effect> {
    match answer {
        Ok(file) => {
            model.say(Tone::Good, format!("theme {name}, written to {}", file.display()));
        }
        Err(why) => {
            model.say(Tone::Bad, format!("theme {name} is for this console only: {why}"));
        }
    }
    Vec::new()
}

/// Without the list nothing is tried any more, whatever closed it.
pub fn settle(model: &mut Model) {
    let is_open = model.overlays.iter().any(|overlay| matches!(overlay, Overlay::Themes(_)));
    if !is_open && let Some(before) = model.options.themes.before.take() {
        model.options.theme = before;
    }
}

/// Whether this is a time to look at the files of the theme: a person is back, or an answer came as it does anyway.
#[must_use]
pub fn is_beat(message: &Message) -> bool {
    use crossterm::event::Event;
    match message {
        Message::Input { event, .. } => matches!(event, Event::FocusGained),
        Message::Fleet(_) | Message::Service(..) => true,
        _ => false,
    }
}

/// Looks at the files of the theme, if it has some.
pub fn look(model: &mut Model) -> Option<Effect> {
    let (at, themes) = (model.at, &mut model.options.themes);
    let is_soon = themes.looked.is_some_and(|looked| at < looked + BETWEEN_LOOKS);
    if is_soon || themes.files.is_empty() {
        return None;
    }
    themes.looked = Some(at);
    let (library, name, files) =
        (themes.library.clone(), themes.name.clone(), themes.files.clone());
    Some(Effect::LookAtTheme { library, name, files })
}

/// A file of the theme in use has changed.
pub fn read(
    model: &mut Model,
    name: &ThemeName,
    answer: Result<Box<LoadedTheme>, ThemeFailure>,
) -> Vec<Effect> {
    if *name != model.options.themes.name {
        return Vec::new();
    }
    match answer {
        Ok(loaded) => {
            wear(model, *loaded);
            model.say(Tone::Plain, format!("theme {name} was read again"));
        }
        Err(why) => {
            let sentence = why.in_one_line();
            model.say(Tone::Bad, format!("the theme stays as it was: {sentence}"));
            (model.options.themes.files, model.options.themes.mistake) =
                (why.files, Some(sentence));
        }
    }
    Vec::new()
}
