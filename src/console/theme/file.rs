//! Reads the text of a theme file. Every mistake is named with its line, column and key.

use ratatui::style::Modifier;

use super::colour::{ThemeColour, unknown};
use super::looks::{Look, PaletteColour, RoleEntry, RoleLook, ThemeLooks, ThemeMode};
use super::role::Role;
use crate::config::appearance::ThemeName;
use crate::settings::{InvalidSettings, Mistakes, Section, Setting, did_you_mean, list, tree};

/// The attributes that a role can have. What would hide a text or make it blink is not among them.
const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// Reads a theme. `file` is what mistakes call it, and `parent` finds the theme that it inherits.
///
/// # Errors
/// With every mistake, at its line and column.
pub fn parse(
    text: &str,
    file: &str,
    parent: impl FnOnce(&ThemeName) -> Result<ThemeLooks, String>,
) -> Result<ThemeLooks, InvalidSettings> {
    let tree = tree(text, file)?;
    let mut mistakes = Mistakes::new(file, text);
    let mut top = Section::of_file(&tree);
    let mut looks = ThemeLooks::default();
    if let Some(inherits) = top.take("inherits") {
        looks = inherited(&inherits, parent, &mut mistakes).unwrap_or_default();
    }
    if let Some(mode) =
        top.take("mode").and_then(|entry| entry.choice(&ThemeMode::WORDS, &mut mistakes))
    {
        looks.mode = mode;
    }
    let palette = top.take("palette").and_then(|entry| entry.section(&mut mistakes));
    for entry in palette.map(|section| section.all()).unwrap_or_default() {
        if let Some(colour) = ThemeColour::read(&entry, &mut mistakes) {
            looks.palette.insert(entry.name.clone(), colour);
        }
    }
    let roles = top.take("roles").and_then(|entry| entry.section(&mut mistakes));
    let roles = roles.map(|section| section.all()).unwrap_or_default();
    for entry in &roles {
        let Some(role) = role(entry, &mut mistakes) else { continue };
        if let Some(look) = look(entry, &looks, &mut mistakes) {
            let line = text[..entry.key_at].matches('\n').count() + 1;
            looks.roles.insert(role, RoleEntry { look, line: Some(line) });
        }
    }
    top.finish(&mut mistakes);
    for entry in &roles {
        if Role::named(&entry.name).is_some_and(|role| looks.is_circle(role)) {
            entry.reject(&mut mistakes, "leads back to this role; give one of them a look");
        }
    }
    mistakes.finish(Some(looks))
}

/// What the other theme says. Its lines are not those of this file.
fn inherited(
    setting: &Setting<'_>,
    parent: impl FnOnce(&ThemeName) -> Result<ThemeLooks, String>,
    mistakes: &mut Mistakes<'_>,
) -> Option<ThemeLooks> {
    let text = setting.text(mistakes)?;
    let name = text.parse::<ThemeName>().map_err(|invalid| invalid.to_string());
    match name.and_then(|name| parent(&name)) {
        Ok(mut looks) => {
            looks.roles.values_mut().for_each(|entry| entry.line = None);
            Some(looks)
        }
        Err(why) => {
            setting.reject(mistakes, why);
            None
        }
    }
}

fn role(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Role> {
    let role = Role::named(&entry.name);
    if role.is_none() {
        let dotted = format!("{}.", entry.name);
        let below = Role::NAMES.iter().find(|name| name.starts_with(&dotted));
        let advice = match below {
            Some(name) => format!("; write a role with a dot in quotes: \"{name}\""),
            None => did_you_mean(&entry.name, Role::NAMES)
                .unwrap_or_else(|| "; `trunkline themes show dark` has every role".to_owned()),
        };
        mistakes.add(entry.key_at, &entry.path, format!("unknown role{advice}"));
    }
    role
}

/// The name of a role that it looks like, or a look of its own.
fn look(entry: &Setting<'_>, theme: &ThemeLooks, mistakes: &mut Mistakes<'_>) -> Option<RoleLook> {
    if entry.is_text() {
        let name = entry.text(mistakes)?;
        let role = Role::named(name);
        if role.is_none() {
            let advice = did_you_mean(name, Role::NAMES)
                .unwrap_or_else(|| "; write another role, or { fg = \"red\" }".to_owned());
            entry.reject(mistakes, format!("unknown role {name:?}{advice}"));
        }
        return role.map(RoleLook::Like);
    }
    let mut section = entry.section(mistakes)?;
    let text = section.take("fg").and_then(|fg| colour(&fg, theme, mistakes));
    let background = section.take("bg").and_then(|bg| colour(&bg, theme, mistakes));
    let attributes = section.take("mods").map(|mods| attributes(&mods, mistakes));
    section.finish(mistakes);
    let attributes = attributes.unwrap_or_default();
    Some(RoleLook::Own(Look { text, background, attributes }))
}

fn colour(
    entry: &Setting<'_>,
    theme: &ThemeLooks,
    mistakes: &mut Mistakes<'_>,
) -> Option<PaletteColour> {
    let text = entry.text(mistakes)?;
    if theme.palette.contains_key(text) {
        return Some(PaletteColour::Named(text.to_owned()));
    }
    let colour = ThemeColour::written(text);
    if colour.is_none() {
        let palette: Vec<_> = theme.palette.keys().map(String::as_str).collect();
        entry.reject(mistakes, unknown(text, &palette));
    }
    colour.map(PaletteColour::Own)
}

fn attributes(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Modifier {
    let mut all = Modifier::empty();
    for word in entry.texts(mistakes) {
        let known = ATTRIBUTES.iter().find(|(name, _)| *name == word.value);
        if let Some((_, attribute)) = known {
            all |= *attribute;
            continue;
        }
        let names = ATTRIBUTES.map(|(name, _)| name);
        let advice = did_you_mean(word.value, &names)
            .unwrap_or_else(|| format!("; known: {}", list(&names)));
        let sentence = format!("unknown attribute {:?}{advice}", word.value);
        mistakes.add(word.at, &entry.path, sentence);
    }
    all
}

#[cfg(test)]
mod tests;
