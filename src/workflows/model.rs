//! A workflow file as typed values: triggers, inputs, jobs and steps.

use crate::matrix::MatrixSpec;
use crate::yaml::{self, Node, Unreadable};

/// The most jobs of one file that are looked at.
const MOST_JOBS: usize = 256;

/// A workflow file, or the part of it that says how it deploys.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowFile {
    /// Its name in `.github/workflows`.
    pub file: String,
    /// `name:`, else its path, as GitHub shows it.
    pub name: String,
    pub run_name: Option<String>,
    pub triggers: Triggers,
    pub concurrency: Option<ConcurrencySetting>,
    pub env: Vec<(String, String)>,
    pub jobs: Vec<JobSpec>,
    pub tree: Node,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Triggers {
    pub push: Option<Filters>,
    pub pull_request: Option<Filters>,
    pub release: Option<Filters>,
    pub workflow_run: Option<Filters>,
    pub merge_group: bool,
    pub schedule: bool,
    pub repository_dispatch: bool,
    /// The inputs of `workflow_dispatch`.
    pub dispatch: Option<Vec<DeclaredInput>>,
    /// The inputs of `workflow_call`.
    pub call: Option<Vec<DeclaredInput>>,
}

/// What narrows a trigger. `None` is "not given".
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    pub branches: Option<Vec<String>>,
    pub branches_ignore: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub tags_ignore: Option<Vec<String>>,
    pub types: Option<Vec<String>>,
    pub workflows: Vec<String>,
    pub paths: Option<Vec<String>>,
    pub paths_ignore: Option<Vec<String>>,
}

/// An input that `workflow_dispatch` or `workflow_call` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredInput {
    pub name: String,
    /// `string`, `boolean`, `choice`, `number` or `environment`.
    pub kind: String,
    pub required: bool,
    pub default: Option<String>,
    /// Those of a choice.
    pub options: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConcurrencySetting {
    pub group: String,
    /// `cancel-in-progress` as it is written: a boolean or an expression.
    pub cancel: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct JobSpec {
    pub key: String,
    pub name: Option<String>,
    pub needs: Vec<String>,
    pub condition: Option<String>,
    pub environment: Option<String>,
    pub concurrency: Option<ConcurrencySetting>,
    /// The workflow that this job calls.
    pub uses: Option<String>,
    pub with: Vec<(String, String)>,
    /// Names of secrets that are handed over, with what is handed.
    pub secrets: Vec<(String, String)>,
    pub matrix: MatrixSpec,
    pub env: Vec<(String, String)>,
    pub steps: Vec<StepText>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct StepText {
    pub name: Option<String>,
    pub condition: Option<String>,
    pub uses: Option<String>,
    pub run: Option<String>,
    pub with: Vec<(String, String)>,
    pub env: Vec<(String, String)>,
}

impl WorkflowFile {
    /// # Errors
    /// When it is no YAML, or no workflow.
    pub fn parse(text: &str, file: &str) -> Result<Self, Unreadable> {
        let tree = yaml::parse(text, file)?;
        let wrong = |line, why: &str| Unreadable { file: file.to_owned(), line, why: why.into() };
        if !tree.is_map() {
            return Err(wrong(tree.line, "is no workflow: it has no keys"));
        }
        let on = tree.get("on").ok_or_else(|| wrong(1, "is no workflow: it has no \"on\""))?;
        let short = file.rsplit('/').next().unwrap_or(file).to_owned();
        let name = tree.get("name").and_then(Node::text).filter(|name| !name.is_empty());
        Ok(Self {
            name: name.map_or_else(|| format!(".github/workflows/{short}"), str::to_owned),
            file: short,
            run_name: tree.get("run-name").and_then(Node::text).map(str::to_owned),
            triggers: Triggers::of(on),
            concurrency: tree.get("concurrency").and_then(ConcurrencySetting::of),
            env: pairs(tree.get("env")),
            jobs: jobs(tree.get("jobs")),
            tree,
        })
    }

    pub fn job(&self, key: &str) -> Option<&JobSpec> {
        self.jobs.iter().find(|job| job.key.eq_ignore_ascii_case(key))
    }
}

fn jobs(node: Option<&Node>) -> Vec<JobSpec> {
    let entries = node.into_iter().flat_map(Node::entries).take(MOST_JOBS);
    entries.map(|(key, job)| JobSpec::of(&key.text, job)).collect()
}

/// The steps of a composite action. Empty for another kind.
///
/// # Errors
/// When it is no YAML.
pub(crate) fn action_steps(text: &str, file: &str) -> Result<Vec<StepText>, Unreadable> {
    let tree = yaml::parse(text, file)?;
    let steps = tree.get("runs").and_then(|runs| runs.get("steps"));
    Ok(steps.map(steps_of).unwrap_or_default())
}

impl Triggers {
    /// `on` is a text, a list or a map.
    fn of(on: &Node) -> Self {
        let mut triggers = Self::default();
        for name in on.texts() {
            triggers.add(&name, None);
        }
        for (key, node) in on.entries() {
            triggers.add(&key.text, Some(node));
        }
        triggers
    }

    fn add(&mut self, name: &str, node: Option<&Node>) {
        let filters = || Some(node.map(Filters::of).unwrap_or_default());
        let inputs =
            || Some(node.and_then(|node| node.get("inputs")).map_or_else(Vec::new, inputs_of));
        match name {
            "push" => self.push = filters(),
            "pull_request" | "pull_request_target" => self.pull_request = filters(),
            "release" => self.release = filters(),
            "workflow_run" => self.workflow_run = filters(),
            "merge_group" => self.merge_group = true,
            "schedule" => self.schedule = true,
            "repository_dispatch" => self.repository_dispatch = true,
            "workflow_dispatch" => self.dispatch = inputs(),
            "workflow_call" => self.call = inputs(),
            _ => {}
        }
    }
}

impl Filters {
    fn of(node: &Node) -> Self {
        let list = |name| node.get(name).map(Node::texts);
        Self {
            branches: list("branches"),
            branches_ignore: list("branches-ignore"),
            tags: list("tags"),
            tags_ignore: list("tags-ignore"),
            types: list("types"),
            workflows: list("workflows").unwrap_or_default(),
            paths: list("paths"),
            paths_ignore: list("paths-ignore"),
        }
    }
}

fn inputs_of(node: &Node) -> Vec<DeclaredInput> {
    let input = |(key, node): (&yaml::MapKey, &Node)| {
        let options = node.get("options").map(Node::texts).unwrap_or_default();
        let kind = node.get("type").and_then(Node::text);
        DeclaredInput {
            name: key.text.clone(),
            kind: kind.unwrap_or("string").to_owned(),
            required: node.get("required").and_then(Node::boolean).unwrap_or(false),
            default: node
                .get("default")
                .filter(|node| !node.is_null())
                .and_then(Node::text)
                .map(str::to_owned),
            options,
        }
    };
    node.entries().map(input).collect()
}

impl ConcurrencySetting {
    fn of(node: &Node) -> Option<Self> {
        if let Some(group) = node.text() {
            return Some(Self { group: group.to_owned(), cancel: None });
        }
        let group = node.get("group")?.text()?.to_owned();
        let cancel = node.get("cancel-in-progress").and_then(Node::text).map(str::to_owned);
        Some(Self { group, cancel })
    }
}

impl JobSpec {
    fn of(key: &str, node: &Node) -> Self {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
        let environment = node.get("environment");
        let name =
            environment.and_then(|node| node.get("name").or(Some(node))).and_then(Node::text);
        Self {
            key: key.to_owned(),
            name: text("name").filter(|name| !name.is_empty()),
            needs: node.get("needs").map(Node::texts).unwrap_or_default(),
            condition: text("if"),
            environment: name.filter(|name| !name.is_empty()).map(str::to_owned),
            concurrency: node.get("concurrency").and_then(ConcurrencySetting::of),
            uses: text("uses"),
            with: pairs(node.get("with")),
            secrets: pairs(node.get("secrets")),
            matrix: MatrixSpec::of(node.get("strategy").and_then(|node| node.get("matrix"))),
            env: pairs(node.get("env")),
            steps: node.get("steps").map(steps_of).unwrap_or_default(),
        }
    }
}

fn steps_of(node: &Node) -> Vec<StepText> {
    let step = |node: &Node| {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
        StepText {
            name: text("name"),
            condition: text("if"),
            uses: text("uses"),
            run: text("run"),
            with: pairs(node.get("with")),
            env: pairs(node.get("env")),
        }
    };
    node.items().iter().map(step).collect()
}

fn pairs(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.into_iter().flat_map(Node::entries);
    entries.filter_map(|(key, value)| Some((key.text.clone(), value.text()?.to_owned()))).collect()
}
