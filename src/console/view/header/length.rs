//! How long the header is, and what it gives up for want of room.

/// The most columns of a name on this line.
pub const LONGEST_NAME: usize = 20;
/// The most columns of the service where there is hardly room, and the fewest.
pub const SHORT_NAME: usize = 12;
pub const SHORTEST_NAME: usize = 4;

/// What the line says at full length, and what it gives up one after the other until it fits; never that this is
/// production, what stops a promote, how a rollback would go, and that staging is red.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Length {
    Full,
    NoReason,
    /// Without what a watch says, unless that is bad or unknown.
    NoEvidence,
    NoTook,
    /// Without since when staging is as it is.
    NoStagingAge,
    /// Without whether the way back was tried, unless that failed.
    NoTried,
    NoAge,
    /// With a glyph for how staging is, where it is well.
    StagingGlyph,
    /// Without staging where it is well.
    OnlyRed,
    NoEnd,
    /// Without the step that failed in staging.
    NoStep,
    NoArrow,
    NoTime,
    NoKind,
    /// With as much of the service's name as there is room for.
    Bare,
}

/// What is given up, step by step, for who you are to have its place.
pub const LENGTHS: [Length; 13] = [
    Length::NoReason,
    Length::NoEvidence,
    Length::NoTook,
    Length::NoStagingAge,
    Length::NoTried,
    Length::NoAge,
    Length::StagingGlyph,
    Length::OnlyRed,
    Length::NoEnd,
    Length::NoStep,
    Length::NoArrow,
    Length::NoTime,
    Length::NoKind,
];
