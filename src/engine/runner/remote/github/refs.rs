//! Makes a tag or a release, or moves a branch, so that its push starts the workflow. What was done already is not done anew.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::json;

use super::GitHubActions;
use super::answers::{ComparisonBody, GitRefBody, ReleaseBody};
use super::ways::{answered, not_looked};
use crate::domain::ids::Sha;
use crate::domain::repository_address::RepositoryAddress;
use crate::engine::runner::remote::answers::SendAnswer;
use crate::engine::runner::remote::client::{
    CallError, EngineAnswer, EngineClient, IsWanted, sentence,
};
use crate::engine::runner::remote::order::Order;

/// The permission that all of this needs.
const NEEDS: &str =
    "the token needs Contents: write, and the rules of the repository have to let it";

impl GitHubActions {
    pub(super) async fn tag(
        &self,
        order: &Order,
        repository: &str,
        (name, release): (&str, bool),
        is_wanted: IsWanted<'_>,
    ) -> SendAnswer {
        // Once it went out, the tag alone says that it was done: somebody may have deleted the release.
        let of_release = release && order.times == 1;
        match tag_is_free(&self.client, repository, (name, of_release), &order.sha).await {
            Ok(TagPlace::Free) => {}
            // Ours, of the send before.
            Ok(TagPlace::Ours(_)) if order.times > 1 => return SendAnswer::Accepted,
            Ok(TagPlace::Ours(why) | TagPlace::Taken(why)) => return refused(order, why),
            Err(error) => return not_looked(error),
        }
        let asked = if release {
            let what = format!(
                "Build #{} of {}, {} {} by {} ({})",
                order.build, order.service, order.kind, order.run.deployment, order.by, order.key
            );
            let body = json!({
                "tag_name": name, "target_commitish": order.sha, "name": name, "body": what,
            });
            let path = format!("/repos/{repository}/releases");
            self.change((Method::POST, &path), &body, is_wanted).await
        } else {
            let body = json!({ "ref": format!("refs/tags/{name}"), "sha": order.sha });
            let path = format!("/repos/{repository}/git/refs");
            self.change((Method::POST, &path), &body, is_wanted).await
        };
        started(order, asked)
    }

    pub(super) async fn move_branch(
        &self,
        order: &Order,
        repository: &str,
        branch: &str,
        is_wanted: IsWanted<'_>,
    ) -> SendAnswer {
        let path = ref_path(repository, &format!("heads/{branch}"));
        let at = match commit_at(&self.client, &path).await {
            Ok(at) => at,
            Err(error) => return not_looked(error),
        };
        if let Err(why) = may_move(branch, at.as_deref(), &order.sha) {
            return refused(order, why);
        }
        let body = json!({ "sha": order.sha, "force": false });
        let path = path.replacen("/git/ref/", "/git/refs/", 1);
        match self.change((Method::PATCH, &path), &body, is_wanted).await {
            Err(SendAnswer::Rejected(why)) if why.to_ascii_lowercase().contains("fast forward") => {
                refused(order, not_forwards(branch, order.build))
            }
            asked => started(order, asked),
        }
    }

    async fn change(
        &self,
        (method, path): (Method, &str),
        body: &impl Serialize,
        is_wanted: IsWanted<'_>,
    ) -> Result<EngineAnswer, SendAnswer> {
        let asked = self.client.start(is_wanted, method, path, HeaderMap::new(), Some(body));
        answered(asked.await, NEEDS)
    }
}

/// The run is looked for: no answer tells it.
fn started(order: &Order, asked: Result<EngineAnswer, SendAnswer>) -> SendAnswer {
    match asked {
        Ok(_) => SendAnswer::Accepted,
        Err(SendAnswer::Rejected(why)) => refused(order, why),
        Err(other) => other,
    }
}

/// What was perhaps done by an earlier send is not called not started.
fn refused(order: &Order, why: String) -> SendAnswer {
    if order.times > 1 { SendAnswer::Unknown(why) } else { SendAnswer::Rejected(why) }
}

/// Whether a name of a tag is free.
pub(super) enum TagPlace {
    Free,
    /// It is there, at the commit that is to be deployed.
    Ours(String),
    Taken(String),
}

/// Looks whether a tag, or a release with it, can be made at a commit.
///
/// # Errors
/// When that cannot be asked now.
pub(super) async fn tag_is_free(
    client: &EngineClient,
    repository: &str,
    (name, release): (&str, bool),
    sha: &Sha,
) -> Result<TagPlace, CallError> {
    let at = commit_at(client, &ref_path(repository, &format!("tags/{name}"))).await?;
    if let Some(at) = at.as_deref().filter(|at| *at != sha.as_str()) {
        let at: String = sentence(at).chars().take(7).collect();
        return Ok(TagPlace::Taken(format!("the tag {name} is there already, at {at}")));
    }
    let (is_there, what) = if release {
        let path = format!("/repos/{repository}/releases/tags/{}", in_path(name));
        let release = client.read::<ReleaseBody>(&path).await?;
        (release.is_some_and(|read| read.value.tag_name.is_some()), "release")
    } else {
        (at.is_some(), "tag")
    };
    if is_there {
        return Ok(TagPlace::Ours(format!(
            "the {what} {name} of this commit is there already, and starts nothing a second time; {{deployment}} in its name makes it a new one"
        )));
    }
    Ok(TagPlace::Free)
}

/// Looks whether a branch can be moved forwards to a commit: `Err` inside says why it cannot.
///
/// # Errors
/// When that cannot be asked now.
pub(super) async fn branch_goes_forwards(
    client: &EngineClient,
    repository: &str,
    branch: &str,
    (build, sha): (u64, &Sha),
) -> Result<Result<(), String>, CallError> {
    let at = commit_at(client, &ref_path(repository, &format!("heads/{branch}"))).await?;
    if let Err(why) = may_move(branch, at.as_deref(), sha) {
        return Ok(Err(why));
    }
    let from = at.unwrap_or_default();
    let path = format!("/repos/{repository}/compare/{}...{sha}?per_page=1", in_path(&from));
    let Some(read) = client.read::<ComparisonBody>(&path).await? else {
        return Ok(Err(format!("{repository} has no commit {}", sha.short())));
    };
    Ok(match read.value.status.as_deref() {
        Some("behind" | "diverged") => Err(not_forwards(branch, build)),
        _ => Ok(()),
    })
}

fn may_move(branch: &str, at: Option<&str>, to: &Sha) -> Result<(), String> {
    match at {
        None => Err(format!("there is no branch {branch} that could be moved")),
        Some(at) if at == to.as_str() => Err(format!(
            "the branch {branch} is at {} already, so moving it starts nothing",
            to.short()
        )),
        Some(_) => Ok(()),
    }
}

/// The head of a branch as GitHub tells it. `None` if it does not.
pub async fn head_of(
    client: &EngineClient,
    address: &RepositoryAddress,
    branch: &str,
) -> Option<Sha> {
    let (owner, name) = address.path().split_once('/')?;
    let repository = format!("{}/{}", in_path(owner), in_path(name));
    // A list of all that begin so may be the answer where there is no such branch.
    let told = commit_at(client, &ref_path(&repository, &format!("heads/{branch}"))).await;
    told.ok().flatten()?.parse().ok()
}

fn not_forwards(branch: &str, build: u64) -> String {
    format!(
        "the branch {branch} has commits that #{build} does not have, and it is only ever moved forwards"
    )
}

/// What a branch or a tag names, if it is there.
async fn commit_at(client: &EngineClient, path: &str) -> Result<Option<String>, CallError> {
    let read = client.read::<GitRefBody>(path).await?;
    Ok(read.and_then(|read| read.value.object.sha.clone()))
}

fn ref_path(repository: &str, name: &str) -> String {
    format!("/repos/{repository}/git/ref/{}", in_path(name))
}

/// A text as one part of a path.
fn in_path(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let part = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(part).collect()
}
