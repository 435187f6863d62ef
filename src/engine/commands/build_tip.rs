//! Makes a build of the trunk's newest commit, for a person.

use super::{CommandContext, CommandError, Decided, Gathered, ServiceView};
use crate::domain::command::Refusal;
use crate::domain::commit::{Commit, Revert};
use crate::domain::event::Fact;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::recipe::Recipe;

/// The newest commit of the trunk, just fetched, with the commits since the newest build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TipOfTrunk {
    pub trunk: String,
    pub sha: Sha,
    /// The newest build, from which its commits are counted.
    pub since: Option<Sha>,
    pub commits: Vec<Commit>,
    pub more: u32,
    pub reverts: Vec<Revert>,
    pub recipe: Option<Box<Recipe>>,
}

pub(super) fn build(
    service: &ServiceView<'_>,
    context: CommandContext<'_>,
) -> Result<Decided, CommandError> {
    let Some(Gathered::Tip(tip)) = context.gathered else { return Err(CommandError::Outdated) };
    let newest = service.state.newest_build();
    if newest.map(|build| &build.sha) != tip.since.as_ref() {
        return Err(CommandError::Outdated);
    }
    let TipOfTrunk { trunk, sha, commits, more, reverts, recipe, .. } = (**tip).clone();
    if let Some(newest) = newest.filter(|newest| newest.sha == sha) {
        let sentence =
            format!("the newest commit of {trunk}, {}, is {} already", sha.short(), newest.number);
        return Err(Refusal::invalid(sentence).into());
    }
    let last = service.state.builds.keys().next_back().map_or(0, |number| number.0);
    let build = BuildNumber(last + 1);
    let said = format!("{build} is made of {}, the newest commit of {trunk}", sha.short());
    let trunk = Some(trunk);
    let facts = vec![Fact::BuildFound { build, sha, commits, more, reverts, recipe, trunk }];
    Ok(Decided { facts, deployment: None, said })
}
