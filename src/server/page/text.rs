//! Text on a page. Whatever others wrote passes the gate here, and every character is escaped by the templates.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::domain::build::BuildState;
use crate::domain::deployment::DeploymentState;
use crate::gate::{self, Safe};

/// Text that passed the gate. Its template escapes it, and marks what the gate replaced.
#[derive(Template, Debug, Clone, PartialEq, Eq)]
#[template(path = "text.html")]
pub(super) struct PageText {
    safe: Safe,
}

/// What a template writes is HTML already.
impl HtmlSafe for PageText {}

impl PageText {
    /// A sentence of trunkline, with what others wrote in it.
    pub fn sentence(text: impl AsRef<str>) -> Self {
        Self { safe: gate::sentence(text.as_ref()) }
    }

    /// A name or a title that others wrote.
    pub fn name(text: impl AsRef<str>) -> Self {
        Self { safe: gate::field(text.as_ref()) }
    }
}

/// A fact with its name.
pub(super) type PageFact = (&'static str, PageText);

/// A sentence that leads to a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextLink {
    pub href: String,
    pub text: String,
}

/// The look of a deployment's state. Its word says it too.
pub(super) fn class_of(state: DeploymentState) -> &'static str {
    match state {
        DeploymentState::Succeeded => "good",
        DeploymentState::Failed | DeploymentState::Interrupted => "bad",
        DeploymentState::Cancelled => "caution",
        DeploymentState::Queued | DeploymentState::Running => "active",
    }
}

/// The look of a build's state. Its word says it too.
pub(super) fn class_of_build(state: BuildState) -> &'static str {
    match state {
        BuildState::Verified => "good",
        BuildState::Failed | BuildState::Interrupted | BuildState::Broken => "bad",
        BuildState::Deploying => "active",
        BuildState::InStaging => "plain",
        BuildState::Queued
        | BuildState::Superseded
        | BuildState::Cancelled
        | BuildState::NotStaged => "quiet",
    }
}
