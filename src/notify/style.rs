//! How each kind of destination writes text, and which templates it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::escape;
use super::template::Style;

/// The folder of the templates in Markdown, and of those without any markup.
pub const MARKDOWN: &str = "markdown";
pub const PLAIN: &str = "plain";

/// For Discord.
#[must_use]
pub fn discord() -> Style {
    Style { escape: escape::discord, link: markdown_link, ..plain() }
}

/// For Mattermost.
#[must_use]
pub fn mattermost() -> Style {
    Style { escape: escape::mattermost, link: markdown_link, ..plain() }
}

/// For the runs of text in a card of Teams.
#[must_use]
pub fn teams() -> Style {
    Style { escape: escape::card, ..plain() }
}

/// For programs and pagers. A link is its text: the address stands beside it.
#[must_use]
pub fn plain() -> Style {
    Style {
        escape: str::to_owned,
        mention: str::to_owned,
        link: |_, text| text.to_owned(),
        // Nobody is pinged by these.
        people: Arc::new(BTreeMap::new()),
    }
}

fn markdown_link(url: &str, text: &str) -> String {
    let url = url.replace('(', "%28").replace(')', "%29");
    format!("[{text}]({url})")
}
