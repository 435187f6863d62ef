//! Reads the author's declaration: one comment line with a reason, before the first statement.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many lines are searched for a declaration.
const LINES: usize = 30;
const LONGEST_REASON: usize = 300;

/// What an author declares about a migration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The previous code works with it, also after new code has written data.
    RollbackSafe,
    /// Code works with it from this commit id or build (`#1288`) on.
    ReadySince(String),
}

/// A claim and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Declared {
    pub line: u32,
    pub claim: Claim,
    pub reason: String,
}

impl Declared {
    /// `declared rollback-safe: no code reads it`
    #[must_use]
    pub fn sentence(&self) -> String {
        let claim = match &self.claim {
            Claim::RollbackSafe => "rollback-safe".to_owned(),
            Claim::ReadySince(since) => format!("ready since {since}"),
        };
        format!("declared {claim}: {}", self.reason)
    }
}

/// The declaration at the top of a file, and its faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    pub declared: Option<Declared>,
    pub faults: Vec<String>,
}

impl Header {
    /// Reads the comment lines at the top of a file, up to the first line that is not a comment.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut header = Self::default();
        for (line, text) in (1..).zip(text.lines().take(LINES)) {
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() || text.starts_with("#!") {
                continue;
            }
            let comment = ["--", "//", "#"].iter().find_map(|start| text.strip_prefix(start));
            let Some(comment) = comment else { break };
            if let Some(declaration) = comment.trim().strip_prefix("deploy:") {
                header.declare(line, declaration.trim());
            }
        }
        header
    }

    fn declare(&mut self, line: u32, declaration: &str) {
        match read(declaration) {
            Ok((claim, reason)) if self.declared.is_none() => {
                self.declared = Some(Declared { line, claim, reason });
            }
            Ok(_) => self.faults.push(format!("line {line}: second declaration; keep one")),
            Err(fault) => self.faults.push(format!("line {line}: {fault}")),
        }
    }
}

fn read(declaration: &str) -> Result<(Claim, String), String> {
    let (claim, reason) = declaration.split_once(',').unwrap_or((declaration, ""));
    let claim = claim.trim();
    let read = match claim.split_once(char::is_whitespace) {
        None if claim == "rollback-safe" => Claim::RollbackSafe,
        Some(("ready-since", since)) if is_place(since.trim()) => {
            Claim::ReadySince(since.trim().to_owned())
        }
        _ => {
            let shown: String = claim.chars().take(60).collect();
            return Err(format!(
                "unknown declaration {shown:?}; write \"deploy: rollback-safe, REASON\" or \"deploy: ready-since \
                 SHA, REASON\""
            ));
        }
    };
    let reason = reason.trim();
    if !reason.contains(char::is_alphanumeric) {
        return Err(format!("{claim:?} has no reason and does not count; add one after a comma"));
    }
    Ok((read, reason.chars().take(LONGEST_REASON).collect()))
}

/// A commit id of at least seven digits, or `#` and the number of a build.
fn is_place(text: &str) -> bool {
    match text.strip_prefix('#') {
        Some(number) => number.parse::<u64>().is_ok_and(|number| number > 0),
        None => (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()),
    }
}
