//! What all pages have in common: the title, the way back, who reads it, and as of when.

use chrono::{DateTime, Utc};

use super::ZONE;
use super::assets::{ICON, SCRIPT, STYLE};
use super::text::PageText;
use crate::api::{VERSION, path};
use crate::domain::caller::{Caller, Via};
use crate::domain::ids::ServiceName;
use crate::domain::instant::to_the_second;

/// A part of the way to a page.
pub(super) struct Crumb {
    /// `None` for the page itself, and for one that its reader may not open.
    pub href: Option<String>,
    pub text: PageText,
}

pub(super) struct Frame {
    pub title: String,
    pub crumbs: Vec<Crumb>,
    pub who: Option<PageText>,
    pub at: Option<String>,
}

impl Frame {
    /// The frame of a page of a service, or of the page of all services.
    pub fn of(
        caller: &Caller,
        service: Option<&ServiceName>,
        here: Option<String>,
        at: DateTime<Utc>,
    ) -> Self {
        let mut way = vec![("/".to_owned(), "Services".to_owned())];
        way.extend(service.map(|name| (path::service_page(name), name.to_string())));
        way.extend(here.map(|text| (String::new(), text)));
        let last = way.len() - 1;
        let may_follow = !matches!(caller.via, Via::Link { .. });
        let title = way.iter().rev().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" - ");
        let crumb = |(index, (href, text)): (usize, (String, String))| Crumb {
            href: (index < last && may_follow).then_some(href),
            text: PageText::name(text),
        };
        Self {
            title: format!("{title} - trunkline"),
            crumbs: way.into_iter().enumerate().map(crumb).collect(),
            who: Some(PageText::name(caller.identity.name())),
            at: Some(to_the_second(at, ZONE)),
        }
    }

    /// The frame of a page for somebody who is not known.
    pub fn of_nobody(title: &str) -> Self {
        let crumbs = vec![Crumb { href: None, text: PageText::name("trunkline") }];
        Self { title: format!("{title} - trunkline"), crumbs, who: None, at: None }
    }

    #[allow(clippy::unused_self, reason = "templates call it")]
    pub fn style(&self) -> &'static str {
        &STYLE.path
    }

    #[allow(clippy::unused_self, reason = "templates call it")]
    pub fn script(&self) -> &'static str {
        &SCRIPT.path
    }

    #[allow(clippy::unused_self, reason = "templates call it")]
    pub fn icon(&self) -> &'static str {
        &ICON.path
    }

    #[allow(clippy::unused_self, reason = "templates call it")]
    pub fn version(&self) -> &'static str {
        VERSION
    }
}
