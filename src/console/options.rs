//! What a person or the configuration decides about the console.

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::engine_place::EnginePlace;
use crate::backend::last_state::LastStates;
use crate::calendar::Tz;
use crate::console::actions::keymap::Keymap;
use crate::console::model::sizes::PaneSizes;
use crate::console::theme::Theme;
use crate::console::theme::in_use::ThemeInUse;
use crate::domain::ids::ServiceName;

/// What a person or the configuration decides about the console.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a decision of its own")]
pub struct Options {
    /// The service to open; without one it is the only one there is, or the list of all.
    pub service: Option<ServiceName>,
    /// More than one service is configured: the first to appear does not open by itself.
    pub several: bool,
    pub emergency_countdown: Duration,
    /// Data that is older than this is not acted on.
    pub stale_after: Duration,
    /// Whether this is practice, also when the backend does not say so.
    pub demo: bool,
    /// The profile whose server this is; none is the engine of this machine.
    pub profile: Option<String>,
    /// The engines that one can switch to, this one too; empty if there is only this one.
    pub engines: Vec<EngineChoice>,
    /// Which engine this is, as commands name it.
    pub place: EnginePlace,
    /// Where the last state is kept on disk, if it is.
    pub last: Option<LastStates>,
    /// Nothing can be done here, whatever the caller's role allows.
    pub read_only: bool,
    /// The time zone of the times on screen.
    pub zone: Tz,
    pub theme: Theme,
    /// Which theme that is, and where others are.
    pub themes: ThemeInUse,
    /// How a person sized the panes.
    pub sizes: PaneSizes,
    pub keymap: Keymap,
    /// Why the keys of the person are not used, if they are not.
    pub keys_trouble: Option<String>,
    /// Escapes for the clipboard must be wrapped.
    pub tmux: bool,
    /// What to say first.
    pub notice: Option<String>,
    /// The folder of the commands whose answers are outstanding; without it they are known to this console alone.
    pub intents: Option<PathBuf>,
}

/// An engine that one can switch to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChoice {
    pub place: EnginePlace,
    /// Who one is there, as far as that is known.
    pub person: Option<String>,
}

impl EngineChoice {
    /// What the engine of this machine is called in the list.
    pub const LOCAL: &str = "this machine";

    #[must_use]
    pub fn name(&self) -> &str {
        self.place.profile.as_deref().unwrap_or(Self::LOCAL)
    }
}

impl Options {
    /// The defaults, in this theme.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            service: None,
            several: false,
            emergency_countdown: Duration::from_secs(3),
            stale_after: Duration::from_secs(30),
            demo: false,
            profile: None,
            engines: Vec::new(),
            place: EnginePlace { profile: None, address: String::new(), demo: false },
            last: None,
            read_only: false,
            zone: Tz::UTC,
            theme,
            themes: ThemeInUse::default(),
            sizes: PaneSizes::default(),
            keymap: Keymap::default(),
            keys_trouble: None,
            tmux: false,
            notice: None,
            intents: None,
        }
    }
}
