//! `[webhooks]` of the server file: the forges that may tell of a push, and where the secret of each is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::delivery::WebhookForge;
use crate::settings::{Mistakes, Setting};

/// Reads the setting `webhooks`: for each forge the file of its secret.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<WebhookForge, PathBuf> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let mut files = BTreeMap::new();
    for entry in section.map(|section| section.all()).unwrap_or_default() {
        let Some(forge) = WebhookForge::of_name(&entry.name) else {
            let known = WebhookForge::ALL.map(WebhookForge::as_str).join(", ");
            entry.reject(
                mistakes,
                format!("is not a forge that sends webhooks; there are: {known}"),
            );
            continue;
        };
        let Some(mut section) = entry.section(mistakes) else { continue };
        let (at, place) = (section.at, section.path.clone());
        if let Some(file) = section.take("secret_file") {
            let path = file.text(mistakes).map(|text| folder.join(text));
            files.extend(path.map(|path| (forge, path)));
        } else {
            mistakes.add(at, &place, "a webhook needs secret_file = \"/PATH\"");
        }
        section.finish(mistakes);
    }
    files
}
