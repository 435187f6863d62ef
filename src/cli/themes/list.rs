//! `trunkline themes list`: the themes that there are.

use crate::cli::error::CliError;
use crate::cli::output::{self, Cell, Output, Paint};
use crate::cli::{Global, appearance};
use crate::console::theme::library::ThemeOffer;

pub fn run(global: &Global) -> Result<(), CliError> {
    let (library, in_use) = (appearance::library()?, appearance::theme_name(global)?);
    let row = |offer: &ThemeOffer| {
        let mark = if offer.name == in_use {
            Paint::Good.cell("in use")
        } else {
            Cell::from(String::new())
        };
        let (mode, about) = match &offer.loaded {
            Ok(loaded) => (loaded.looks.mode.as_str(), Cell::from(offer.about.clone())),
            Err(why) => ("", Paint::Bad.cell(why.sentence.replace('\n', "; "))),
        };
        let whose = if offer.path.is_some() { "yours" } else { "" };
        vec![
            Cell::from(offer.name.to_string()),
            mark,
            Cell::from(mode.to_owned()),
            Cell::from(whose.to_owned()),
            about,
        ]
    };
    Output::new().table(&library.offers().iter().map(row).collect::<Vec<_>>())?;
    if let Some(folder) = library.folder() {
        output::note(&format!("your own: {}/NAME.toml", folder.display()));
    }
    Ok(())
}
