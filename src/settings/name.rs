//! What a service may be called.

/// Accepts 1 to 40 of `a-z 0-9 - _ .`, starting with a letter or digit.
///
/// # Errors
/// With the name and the rule.
pub fn check_service_name(name: &str) -> Result<(), InvalidName> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_name = starts_well && name.len() <= 40 && name.chars().all(allowed);
    if is_name { Ok(()) } else { Err(InvalidName(name.to_owned())) }
}

/// A text that cannot name a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a service name; use up to 40 of a-z, 0-9, \"-\", \"_\" and \".\", starting with a letter or digit"
)]
pub struct InvalidName(String);
