//! Whether the engines that steps run at answer and know their tokens.

use super::Check;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::engine::runner::remote::{EngineCheck, check_engines};

/// What one check of an engine is called.
const WHAT: &str = "runs at";

pub async fn check(places: &Places) -> Vec<Check> {
    let path = places.user_file();
    // A mistake in the file is told where it is read for the services.
    let Ok(file) = UserFile::load(&path) else { return Vec::new() };
    let environment = std::env::vars_os();
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let checked = check_engines(&file, path.clone(), environment.collect()).await;
    checked
        .into_iter()
        .map(|EngineCheck { engine, url, answers }| match answers {
            Ok(()) => Check::fine(WHAT, format!("{engine} at {url} answers")),
            Err(why) => Check::wrong(
                WHAT,
                format!("{engine} at {url}: {why}"),
                format!("look at the server, and at [engines.{engine}] of {}", path.display()),
            ),
        })
        .collect()
}
