//! The concurrency group of a workflow: GitHub lets one run of a group work at a time, and keeps the next one behind it.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use super::answers::GroupsBody;
use super::{GitHubActions, Workflow};
use crate::domain::remote::{RemoteCall, RemoteJob};
use crate::engine::runner::remote::client::CallError;
use crate::engine::runner::remote::order::Order;

/// The longest name of a group that is taken for one.
const LONGEST: usize = 200;

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

/// The group of all runs of a workflow, if its file names it in plain words. What is not certainly that is none.
fn named_group(file: &str) -> Option<String> {
    let mut lines = file.lines().skip_while(|line| !line.starts_with("concurrency:"));
    let value = uncommented(lines.next()?.strip_prefix("concurrency:")?);
    let rest: Vec<_> = lines.collect();
    if file.contains('\t') || rest.iter().any(|line| line.starts_with("concurrency")) {
        return None;
    }
    if !value.is_empty() {
        let Some(map) = value.strip_prefix('{') else { return plain(value) };
        let pairs = map.strip_suffix('}')?.split(',');
        return group_of(pairs.filter_map(|pair| pair.trim().split_once(':')));
    }
    let is_inside = |line: &&&str| line.starts_with(' ') || uncommented(line).is_empty();
    let block = rest.iter().take_while(is_inside).map(|line| uncommented(line));
    group_of(block.filter_map(|line| line.split_once(':')))
}

fn group_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut named = pairs.filter(|(key, _)| key.trim() == "group");
    let (_, value) = named.next()?;
    if named.next().is_some() { None } else { plain(value.trim()) }
}

/// A line without its comment and the space around it.
fn uncommented(line: &str) -> &str {
    let is_comment = |at: &usize| *at == 0 || line[..*at].ends_with(' ');
    let end = line.match_indices('#').map(|(at, _)| at).find(is_comment);
    line[..end.unwrap_or(line.len())].trim()
}

/// A name that is no expression, no reference and no text of several lines.
fn plain(value: &str) -> Option<String> {
    let quoted = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
    let is_good = !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_inside);
    (is_good && name.starts_with(|c: char| c.is_ascii_alphanumeric())).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_group_in_plain_words_is_one() {
        for (file, group) in [
            ("on: push\nconcurrency: production\njobs:\n", Some("production")),
            ("concurrency: {group: production, cancel-in-progress: false}\n", Some("production")),
            ("concurrency: { cancel-in-progress: true, group: 'Prod 1' } # one\n", Some("Prod 1")),
            (
                "concurrency:\n  # one at a time\n  group: \"production\"\n\n  queue: max\njobs: {}\n",
                Some("production"),
            ),
            ("concurrency: ${{ github.workflow }}\n", None),
            ("concurrency:\n  group: deploy-${{ inputs.kind }}\n", None),
            ("concurrency: {group: \"${{ inputs.kind }}\"}\n", None),
            ("concurrency:\n  group: &name production\n", None),
            ("concurrency:\n  group: >\n    production\n", None),
            ("concurrency:\n  <<: *one\n", None),
            ("concurrency:\n\tgroup: production\n", None),
            ("concurrency: one\nconcurrency: two\n", None),
            ("concurrency:\njobs:\n  a:\n    concurrency:\n      group: production\n", None),
            ("jobs:\n  deploy:\n    concurrency: production\n", None),
            ("", None),
        ] {
            assert_eq!(named_group(file).as_deref(), group, "{file}");
        }
    }

    #[test]
    fn a_branch_adds_nothing_to_a_query() {
        assert_eq!(in_query("release/1.0"), "release/1.0");
        assert_eq!(in_query("a&b=c#d ü"), "a%26b%3Dc%23d%20%C3%BC");
    }
}
