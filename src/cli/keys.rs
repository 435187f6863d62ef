//! `trunkline keys`: which key does what, by the place that it is pressed in; and whether a keys file is right.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Reading;
use super::error::CliError;
use super::output::{self, Output};
use crate::config::keys_file as file;
use crate::config::places::Places;
use crate::console::actions::context::InputContext;
use crate::console::actions::keymap::Keymap;
use crate::console::actions::keys_file::{KeyPreset, PersonalKeys, parse};
use crate::console::actions::{ACTIONS, Entry};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct KeysArgs {
    #[command(flatten)]
    reading: Reading,
    #[command(subcommand)]
    command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Check a keys file, and say what it changes
    Check(KeysCheckArgs),
}

#[derive(Debug, Args)]
pub struct KeysCheckArgs {
    /// The file; the default is keys.toml beside the user file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct KeysDocument {
    /// The keys file, if there is one.
    file: Option<PathBuf>,
    preset: Option<&'static str>,
    modes: Vec<ModeOfKeys>,
}

#[derive(Debug, Serialize)]
struct ModeOfKeys {
    mode: &'static str,
    actions: Vec<ActionOfKeys>,
}

#[derive(Debug, Serialize)]
struct ActionOfKeys {
    action: &'static str,
    keys: Vec<String>,
    does: &'static str,
}

pub fn run(arguments: &KeysArgs) -> Result<(), CliError> {
    let path = Places::discover()?.keys_file();
    if let Some(KeysCommand::Check(check)) = &arguments.command {
        return self::check(check.file.as_deref().unwrap_or(&path));
    }
    let keys = read(&path)?;
    let output = Output::new();
    if arguments.reading.json {
        let file = path.exists().then_some(path);
        let modes = InputContext::ALL.map(|mode| of_mode(&keys.keymap, mode)).into();
        let preset = keys.preset.map(name);
        return output::json(&KeysDocument { file, preset, modes });
    }
    print(output, &keys, &path)
}

/// The keys of a person, and why they are not used if they are not: then they are the usual ones.
pub fn load(places: &Places) -> (Keymap, Option<String>) {
    let path = places.keys_file();
    let text = match file::read(&path) {
        Ok(text) => text,
        Err(why) => return (Keymap::default(), Some(not_used(&why.to_string(), 0))),
    };
    match parse(&text, file::NAME) {
        Ok(keys) => (keys.keymap, None),
        Err(invalid) => {
            let mistakes = invalid.mistakes();
            let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
            (Keymap::default(), Some(not_used(&first, mistakes.len().saturating_sub(1))))
        }
    }
}

fn not_used(why: &str, more: usize) -> String {
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("your keys are NOT used, the usual ones are: {why}{more}; see: trunkline keys check")
}

fn read(path: &Path) -> Result<PersonalKeys, CliError> {
    let text = file::read(path)?;
    parse(&text, &path.display().to_string())
        .map_err(|invalid| CliError::usage(invalid.to_string()))
}

/// A missing file is right unless it was named: then it is a slip.
fn check(path: &Path) -> Result<(), CliError> {
    let output = Output::new();
    if !path.exists() {
        return Err(CliError::usage(format!("there is no {}", path.display())));
    }
    let keys = read(path)?;
    let (usual, all) = (Keymap::default(), ACTIONS.iter());
    let own = |keymap: &Keymap, entry: &Entry| keymap.keys(entry).collect::<Vec<_>>();
    let changed: Vec<_> =
        all.filter(|entry| own(&usual, entry) != own(&keys.keymap, entry)).collect();
    for entry in &changed {
        let (mode, name) = (entry.context.name(), entry.name);
        let (was, is) = (shown(&usual, entry), shown(&keys.keymap, entry));
        output.line(format!("[{mode}] {name}: {is} (usually {was})"))?;
    }
    output.lines(keys.left_without.iter().map(|lost| format!("note: {lost}")))?;
    let (count, preset) = (changed.len(), keys.preset.map(name));
    let preset = preset.map_or_else(String::new, |name| format!(", with the preset {name}"));
    output.line(format!("{} is right: {count} actions have other keys{preset}", path.display()))
}

fn print(output: Output, keys: &PersonalKeys, path: &Path) -> Result<(), CliError> {
    for mode in InputContext::ALL {
        let rows: Vec<_> = ACTIONS.iter().filter(|entry| entry.context == mode).collect();
        if rows.is_empty() {
            continue;
        }
        output.line(format!("[{}]", mode.name()))?;
        let row = |entry: &&Entry| {
            let keys = shown(&keys.keymap, entry);
            vec![format!("  {}", entry.name), keys, entry.help.to_owned()]
        };
        output.table(&rows.iter().map(row).collect::<Vec<_>>())?;
        output.line("")?;
    }
    let named = path.display();
    let preset =
        keys.preset.map_or_else(String::new, |preset| format!(" (preset {})", name(preset)));
    output.line(if path.exists() {
        format!("Your keys are in {named}{preset}.")
    } else {
        format!("These are the usual keys. Yours would be in {named}.")
    })
}

fn of_mode(keymap: &Keymap, mode: InputContext) -> ModeOfKeys {
    let rows = ACTIONS.iter().filter(|entry| entry.context == mode);
    let action = |entry: &Entry| ActionOfKeys {
        action: entry.name,
        keys: keymap.keys(entry).map(|keys| keys.to_string()).collect(),
        does: entry.help,
    };
    ModeOfKeys { mode: mode.name(), actions: rows.map(action).collect() }
}

/// The keys of an action as they are written in the file, or `none`.
fn shown(keymap: &Keymap, entry: &Entry) -> String {
    let keys: Vec<_> = keymap.keys(entry).map(|keys| keys.to_string()).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

fn name(preset: KeyPreset) -> &'static str {
    let all = KeyPreset::ALL.into_iter();
    all.clone().find(|(_, known)| *known == preset).map_or("", |(name, _)| name)
}
