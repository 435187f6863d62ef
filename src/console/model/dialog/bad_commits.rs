//! The commits that a rollback took away, to mark the bad ones before the hold is released.

use crate::domain::commit::Commit;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment, Seq, Sha};
use crate::domain::limits::MOST_BAD_COMMITS;
use crate::domain::snapshot::{DeploymentRow, ServiceSnapshot};
use crate::domain::stops::Hold;

/// The most commits to choose from.
const MOST: usize = 200;

/// Commits to choose the bad ones from, and the line that says that none was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChoice {
    /// The hold that this is about: one that another rollback placed is about other commits.
    pub hold: Seq,
    /// Newest first.
    pub commits: Vec<ListedCommit>,
    /// How many more there are that are not listed.
    pub more: usize,
    /// The oldest build that is known here, where builds before it were taken away too.
    pub oldest: Option<BuildNumber>,
    pub none: bool,
    /// 0 is the line that says none; the commits follow it.
    pub row: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCommit {
    pub build: BuildNumber,
    pub commit: Commit,
    pub marked: bool,
}

impl CommitChoice {
    /// What the rollback behind a hold took away; nothing for a hold placed by hand.
    #[must_use]
    pub fn of(hold: &Hold, snapshot: &ServiceSnapshot) -> Option<Self> {
        let rollback = hold.rollback?;
        let history: Vec<_> = production(snapshot).collect();
        let at = history.iter().position(|row| row.deployment.id == rollback);
        let live = snapshot.live.get(&Environment::Production).map(|live| live.build);
        let to = at.map(|at| history[at].deployment.request.build).or(live);
        let to = to.unwrap_or(BuildNumber(0));
        let from = at.and_then(|at| taken_from(&history[at..]));
        let taken = |build: BuildNumber| build > to && from.is_none_or(|from| build <= from);
        let rows = snapshot.builds.iter().filter(|row| taken(row.build.number));
        let unknown = |oldest: &BuildNumber| oldest.0 > to.0 + 1;
        let oldest = snapshot.builds.last().map(|row| row.build.number).filter(unknown);
        let total: usize =
            rows.clone().map(|r| r.build.commits.len() + r.build.more as usize).sum();
        let all = rows.flat_map(|row| row.build.commits.iter().map(|c| (row.build.number, c)));
        let listed = |(build, commit): (_, &Commit)| ListedCommit {
            build,
            commit: commit.clone(),
            marked: false,
        };
        let commits: Vec<_> = all.take(MOST).map(listed).collect();
        let more = total - commits.len();
        Some(Self { hold: hold.id, commits, more, oldest, none: false, row: 0 })
    }

    /// Moves the cursor; false where that leads out of the list.
    pub fn step(&mut self, by: isize) -> bool {
        match self.row.checked_add_signed(by).filter(|row| *row <= self.commits.len()) {
            Some(row) => self.row = row,
            None => return false,
        }
        true
    }

    /// Marks the line of the cursor, or takes its mark away. That none was bad and that one was exclude each other.
    pub fn mark(&mut self) {
        let Some(at) = self.row.checked_sub(1) else {
            self.none = !self.none;
            self.commits.iter_mut().for_each(|listed| listed.marked = false);
            return;
        };
        if let Some(listed) = self.commits.get_mut(at) {
            listed.marked = !listed.marked;
            self.none = false;
        }
    }

    /// Whether the bad commits, or none, were picked.
    ///
    /// # Errors
    /// What is to be done.
    pub fn check(&self) -> Result<(), String> {
        match self.commits.iter().filter(|listed| listed.marked).count() {
            0 if !self.none => Err("pick the bad commits, or none".into()),
            marked if marked > MOST_BAD_COMMITS => {
                Err(format!("{marked} marked, at most {MOST_BAD_COMMITS} at once"))
            }
            _ => Ok(()),
        }
    }

    /// Why the marks are outdated: production was rolled back again. The `key` opens the dialog.
    #[must_use]
    pub fn outdated(&self, snapshot: &ServiceSnapshot, key: &str) -> Option<String> {
        let hold = snapshot.holds.get(&Environment::Production)?;
        let again = "production was put on hold again";
        (hold.id != self.hold).then(|| format!("{again}; close this and press {key}"))
    }

    /// The ids of the commits that are marked.
    #[must_use]
    pub fn bad(&self) -> Vec<String> {
        let marked = self.commits.iter().filter(|listed| listed.marked);
        marked.map(|listed| Sha::as_str(&listed.commit.sha).to_owned()).collect()
    }
}

/// Deployments of production, newest first.
fn production(snapshot: &ServiceSnapshot) -> impl Iterator<Item = &DeploymentRow> {
    let production = Environment::Production;
    snapshot.deployments.iter().filter(move |row| row.deployment.request.environment == production)
}

/// The newest build that a rollback may have taken away: what was live before it or on its way there, also where one
/// rollback followed another.
fn taken_from(rollbacks: &[&DeploymentRow]) -> Option<BuildNumber> {
    let requests = rollbacks.iter().map(|row| &row.deployment.request);
    let is_rollback = |kind| kind == DeploymentKind::Rollback;
    let count = requests.clone().take_while(|request| is_rollback(request.kind)).count();
    requests
        .take(count + 1)
        .flat_map(|request| [Some(request.build), request.previous])
        .flatten()
        .max()
}
