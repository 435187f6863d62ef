//! Whether a watch that turned bad rolls production back by itself. Everything that speaks for it has to be known.

use crate::domain::ids::BuildNumber;
use crate::domain::schema::Outlook;

/// What the decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoRollbackInput<'a> {
    /// Whether the service file of the trunk's tip says `auto_rollback = true`.
    pub is_allowed: bool,
    /// The check that is bad and what it said last, if one is.
    pub bad: Option<(&'a str, &'a str)>,
    /// Where a rollback would go, and how that would go for the schema.
    pub target: Option<(BuildNumber, Outlook)>,
    /// Whether the steps of that rollback were seen to work, not too long ago.
    pub is_proven: bool,
    /// Whether nothing is on its way to production.
    pub is_free: bool,
}

/// The reason of the rollback that follows by itself.
///
/// # Errors
/// With why there is none.
pub fn auto_rollback(input: AutoRollbackInput<'_>) -> Result<String, &'static str> {
    let AutoRollbackInput { is_allowed, bad, target, is_proven, is_free } = input;
    let (check, says) = bad.ok_or("no check is bad")?;
    if !is_allowed {
        return Err("the service does not say auto_rollback = true");
    }
    let (_, outlook) = target.ok_or("there is no build to roll back to")?;
    if outlook != Outlook::Safe {
        return Err("the schema is not safe for the build before");
    }
    if !is_proven {
        return Err("the way back is not proven");
    }
    if !is_free {
        return Err("something is on its way to production already");
    }
    Ok(format!("the watch turned bad: {check}: {says}"))
}
