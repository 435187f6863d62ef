//! The panes of a service.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Staging,
    Production,
    Details,
    Log,
    Freeze,
    Activity,
}

impl Pane {
    /// In the order of their number keys.
    pub const ALL: [Self; 6] =
        [Self::Staging, Self::Production, Self::Details, Self::Log, Self::Freeze, Self::Activity];

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Details => "Details",
            Self::Log => "Log",
            Self::Freeze => "Freeze",
            Self::Activity => "Activity",
        }
    }
}
