//! The concurrency group of a workflow: GitHub lets one run of a group work at a time, and keeps the next one behind it.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use super::answers::GroupsBody;
use super::{GitHubActions, Workflow};
use crate::domain::remote::{RemoteCall, RemoteJob};
use crate::engine::runner::remote::client::CallError;
use crate::engine::runner::remote::order::Order;
use crate::workflows::named_group;

impl GitHubActions {
    /// The group that the run of this order holds now, if the workflow of the next job is of it in plain words. An expression
    /// may have another value for the next run, so that it is no evidence.
    ///
    /// # Errors
    /// When that cannot be asked now.
    pub async fn keeps_behind(
        &self,
        order: &Order,
        next: &RemoteJob,
    ) -> Result<Option<String>, CallError> {
        let here = Workflow::of(order)?;
        let RemoteCall::GitHub { repository, workflow, at, .. } = &next.call else {
            return Ok(None);
        };
        if next.engine != order.job.engine || !repository.eq_ignore_ascii_case(here.repository) {
            return Ok(None);
        }
        let held = self.held_groups(&here, order).await?;
        if held.is_empty() {
            return Ok(None);
        }
        let path = format!(
            "/repos/{repository}/contents/.github/workflows/{workflow}?ref={}",
            in_query(at)
        );
        let raw = HeaderValue::from_static("application/vnd.github.raw+json");
        let headers = HeaderMap::from_iter([(ACCEPT, raw)]);
        let none: Option<&()> = None;
        let file = self.client.ask(Method::GET, &path, headers, none, Duration::ZERO).await?;
        if file.status != StatusCode::OK {
            return Ok(None);
        }
        let named = named_group(&String::from_utf8_lossy(&file.body));
        // GitHub ignores case in names.
        Ok(named.filter(|named| held.iter().any(|held| held.eq_ignore_ascii_case(named))))
    }

    /// The groups that the run as a whole holds. A server that cannot tell has none.
    async fn held_groups(
        &self,
        workflow: &Workflow<'_>,
        order: &Order,
    ) -> Result<Vec<String>, CallError> {
        let path = format!("{}/concurrency_groups?per_page=100", workflow.run(order)?);
        let Some(read) = self.client.read::<GroupsBody>(&path).await? else {
            return Ok(Vec::new());
        };
        let id = order.found.as_ref().and_then(|run| run.id.parse().ok());
        let groups = read.value.concurrency_groups.iter().flatten();
        let held = groups.filter(|group| {
            let mut members = group.group_members.iter().flatten();
            members.any(|member| {
                let holds = member.position == Some(0);
                holds && member.job_id.is_none() && member.run_id.is_some() && member.run_id == id
            })
        });
        Ok(held.filter_map(|group| group.group_name.clone()).collect())
    }
}

/// A text as a part of a query.
fn in_query(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    let part = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_adds_nothing_to_a_query() {
        assert_eq!(in_query("release/1.0"), "release/1.0");
        assert_eq!(in_query("a&b=c#d ü"), "a%26b%3Dc%23d%20%C3%BC");
    }
}
