//! Reads the deployments that GitHub keeps of an environment, whoever made them.

use std::collections::BTreeMap;

use super::answers::{DeploymentBody, DeploymentStatusBody, NameBody, WorkflowRunBody, instant};
use crate::engine::runner::remote::client::{CallError, EngineClient, is_page, sentence};
use crate::engine::runner::remote::runs::{DeploymentWord, RepositoryDeployment};

/// How many deployments are looked at.
const DEPLOYMENTS: usize = 30;
/// How many of them are asked for their words although they say that they did not change.
const ALWAYS: usize = 3;
/// How many words of one.
const WORDS: usize = 30;
/// The most that is remembered.
const MOST_REMEMBERED: usize = 500;
/// Who makes the deployments of workflow runs.
const ACTIONS: &str = "github-actions[bot]";

/// What does not change as long as the deployment says so.
#[derive(Default)]
pub struct KnownDeployments {
    words: BTreeMap<u64, (String, Vec<DeploymentWord>)>,
    /// What started a run.
    events: BTreeMap<u64, String>,
}

/// Which deployments are asked for.
pub struct DeploymentQuestion<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    pub environment: &'a str,
    /// Those that are wanted wherever they stand in the list.
    pub open: &'a [u64],
}

/// The newest deployments of an environment, the newest first, and those that are open.
///
/// # Errors
/// When a part of them cannot be read: then nobody can tell what is missing.
pub async fn deployments_of(
    client: &EngineClient,
    question: &DeploymentQuestion<'_>,
    known: &mut KnownDeployments,
) -> Result<Vec<RepositoryDeployment>, CallError> {
    let DeploymentQuestion { repository, environment, open } = *question;
    let base = format!("/repos/{repository}/deployments");
    let named = encoded(environment);
    let path = format!("{base}?environment={named}&per_page={DEPLOYMENTS}");
    let read = client.read::<Vec<DeploymentBody>>(&path).await?;
    let read = read.ok_or_else(|| CallError::Lost(not_there(repository)))?;
    // The answer need not be only of what was asked for.
    let is_asked = |body: &&DeploymentBody| body.environment.as_deref() == Some(environment);
    let mut bodies: Vec<_> = read.value.iter().filter(is_asked).cloned().collect();
    for id in open {
        if !bodies.iter().any(|body| body.id == Some(*id)) {
            let one = client.read::<DeploymentBody>(&format!("{base}/{id}")).await?;
            bodies.extend(one.map(|one| (*one.value).clone()));
        }
    }
    let mut all = Vec::new();
    for (at, body) in bodies.into_iter().enumerate() {
        let Some(id) = body.id else { continue };
        let words = words_of(client, known, &base, (id, &body), at < ALWAYS).await?;
        let by = login(body.creator.as_ref());
        let is_of_run = by == ACTIONS;
        let run = words.iter().rev().find_map(|word| word.run).filter(|_| is_of_run);
        let event = match run {
            Some(run) => event_of(client, known, repository, run).await?,
            None => None,
        };
        all.push(RepositoryDeployment {
            id,
            sha: sentence(body.sha.as_deref().unwrap_or_default()),
            by,
            is_of_run,
            run,
            event,
            created_at: instant(body.created_at.as_ref()),
            words,
        });
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.id));
    Ok(all)
}

/// The words of a deployment, the oldest first.
async fn words_of(
    client: &EngineClient,
    known: &mut KnownDeployments,
    base: &str,
    (id, body): (u64, &DeploymentBody),
    is_new: bool,
) -> Result<Vec<DeploymentWord>, CallError> {
    let changed = body.updated_at.clone().unwrap_or_default();
    if let Some((as_of, words)) = known.words.get(&id)
        && *as_of == changed
        && !changed.is_empty()
        && !is_new
    {
        return Ok(words.clone());
    }
    let path = format!("{base}/{id}/statuses?per_page={WORDS}");
    let read = client.read::<Vec<DeploymentStatusBody>>(&path).await?;
    let bodies = read.map(|read| read.value.clone());
    let mut words: Vec<_> = bodies.iter().flat_map(|all| all.iter()).filter_map(word).collect();
    words.sort_by_key(|word| (word.at, word.id));
    let is_settled = words.iter().any(DeploymentWord::is_end);
    if known.words.len() >= MOST_REMEMBERED {
        known.words.pop_first();
    }
    if is_settled {
        known.words.insert(id, (changed, words.clone()));
    }
    Ok(words)
}

fn word(body: &DeploymentStatusBody) -> Option<DeploymentWord> {
    let links = [body.log_url.as_ref(), body.target_url.as_ref()];
    let mut pages = links.into_iter().flatten().filter(|page| is_page(page));
    let page = pages.next().cloned();
    Some(DeploymentWord {
        id: body.id?,
        word: sentence(body.state.as_deref().unwrap_or_default()),
        at: instant(body.created_at.as_ref())?,
        by: login(body.creator.as_ref()),
        run: page.as_deref().and_then(run_in),
        page,
    })
}

/// The run of a workflow that a page is of: `https://github.com/acme/shop/actions/runs/881/job/5`.
fn run_in(page: &str) -> Option<u64> {
    let (_, rest) = page.split_once("/actions/runs/")?;
    rest.split(['/', '?', '#']).next()?.parse().ok()
}

/// What started a run; `None` if there is no such run.
async fn event_of(
    client: &EngineClient,
    known: &mut KnownDeployments,
    repository: &str,
    run: u64,
) -> Result<Option<String>, CallError> {
    if let Some(event) = known.events.get(&run) {
        return Ok(Some(event.clone()));
    }
    let path = format!("/repos/{repository}/actions/runs/{run}");
    let read = client.read::<WorkflowRunBody>(&path).await?;
    let Some(event) = read.and_then(|read| read.value.event.clone()) else { return Ok(None) };
    let event = sentence(&event);
    if known.events.len() >= MOST_REMEMBERED {
        known.events.pop_first();
    }
    known.events.insert(run, event.clone());
    Ok(Some(event))
}

fn login(of: Option<&NameBody>) -> String {
    sentence(of.and_then(|of| of.login.as_deref()).unwrap_or_default())
}

fn not_there(repository: &str) -> String {
    format!("there is no repository {repository}, or the token may not see its Deployments")
}

/// A text as a part of a query.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes any text");
        }
    }
    encoded
}
