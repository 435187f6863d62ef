//! How long the header is, and what it gives up for want of room.

/// The most columns of a name on this line.
pub const LONGEST_NAME: usize = 20;
/// The most columns of the service where there is hardly room.
pub const SHORT_NAME: usize = 12;
/// The columns that are kept for who you are.
pub const LEAST_NAME: usize = 6;

/// What the header says at full length, and what it gives up one after the other until it fits; never that this is
/// production, what is live there, what stops a promote, how a rollback would go, who you are and what you may, and how
/// old old data is.
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
    /// Without when old data is asked for again.
    NoRetry,
    NoEnd,
    /// Without the step that failed in staging.
    NoStep,
    NoArrow,
    NoTime,
    NoKind,
    /// Of old data only how old it is; `RO` for read-only.
    Bare,
    /// Without that the data is fresh.
    NoFresh,
    /// Without staging.
    NoStaging,
    /// With as much of the service's name as there is room for.
    Least,
}

/// What is given up, step by step.
pub const LENGTHS: [Length; 19] = [
    Length::Full,
    Length::NoReason,
    Length::NoEvidence,
    Length::NoTook,
    Length::NoStagingAge,
    Length::NoTried,
    Length::NoAge,
    Length::StagingGlyph,
    Length::OnlyRed,
    Length::NoRetry,
    Length::NoEnd,
    Length::NoStep,
    Length::NoArrow,
    Length::NoTime,
    Length::NoKind,
    Length::Bare,
    Length::NoFresh,
    Length::NoStaging,
    Length::Least,
];
