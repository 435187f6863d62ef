//! Which jobs run on an occasion, called workflows followed, each with its environment and the names that GitHub shows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::WorkflowFiles;
use crate::expression::{Certainty, KnownValues, Value};
use crate::matrix::{MatrixRow, MatrixSpec};
use crate::model::{JobSpec, StepText, WorkflowFile, action_steps};
use crate::occasion::Occasion;

/// How deep called workflows are followed. GitHub's own limit.
const DEEPEST: usize = 4;
/// How deep local actions are followed.
const DEEPEST_ACTION: usize = 3;
/// The most jobs of one occasion.
const MOST_JOBS: usize = 1_000;

/// A job that runs on an occasion.
#[derive(Debug, Clone)]
pub(crate) struct ReachedJob {
    /// `deploy-prod/push`: the keys from the workflow down to it.
    pub id: String,
    pub certainty: Certainty,
    /// As GitHub's API names it, without the names below a foreign workflow.
    pub shown: ShownName,
    /// The keys and names that speak of it, from the outside in.
    pub words: Vec<String>,
    pub environment: NamedEnvironment,
    /// A workflow of another repository that it calls, with what it hands over.
    pub foreign: Option<ForeignCall>,
    /// The calls that were followed to it, the outermost first.
    pub followed: Vec<FollowedCall>,
    pub steps: Vec<ReachedStep>,
    /// Ids of the jobs that have to end before it.
    pub before: BTreeSet<String>,
    /// Its own group and those of its callers, with whether they cancel.
    pub concurrency: Vec<(Option<String>, Certainty)>,
    /// The names of the secrets that it hands over.
    pub secrets: Vec<String>,
}

impl ReachedJob {
    pub fn environment_name(&self) -> Option<&str> {
        match &self.environment {
            NamedEnvironment::Known(name) => Some(name),
            NamedEnvironment::None | NamedEnvironment::Computed(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShownName {
    Exact(String),
    /// Computed in part; this is what stands before that.
    Begins(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamedEnvironment {
    None,
    Known(String),
    /// Computed when it runs; the expression.
    Computed(String),
}

/// A job that calls a workflow of this repository.
#[derive(Debug, Clone)]
pub(crate) struct FollowedCall {
    pub id: String,
    pub shown: ShownName,
    pub path: String,
    pub with: Vec<(String, Value)>,
}

#[derive(Debug, Clone)]
pub(crate) struct ForeignCall {
    pub path: String,
    pub with: Vec<(String, Value)>,
}

/// A step that runs, or perhaps runs, with its values filled in as far as they are known.
#[derive(Debug, Clone)]
pub(crate) struct ReachedStep {
    pub certainty: Certainty,
    pub name: Option<String>,
    pub uses: Option<String>,
    pub run: Option<String>,
    pub with: Vec<(String, Value)>,
    pub env: Vec<(String, Value)>,
    /// `with` as it is written.
    pub raw: Vec<(String, String)>,
}

/// The jobs that run, or perhaps run, when this happens.
pub(crate) fn reached(
    file: &WorkflowFile,
    occasion: &Occasion,
    files: &WorkflowFiles,
) -> Vec<ReachedJob> {
    let mut walk = JobWalk { files, found: Vec::new() };
    let caller = CallerContext {
        known: with_env(&occasion.known, &file.env).into_owned(),
        certainty: Certainty::Yes,
        id: String::new(),
        shown: None,
        words: Vec::new(),
        followed: Vec::new(),
        before: BTreeSet::new(),
        concurrency: Vec::new(),
        secrets: Vec::new(),
    };
    walk.workflow(file, &caller, 0);
    walk.found
}

/// What a called workflow gets from its caller.
#[derive(Clone)]
struct CallerContext {
    known: KnownValues,
    certainty: Certainty,
    id: String,
    shown: Option<ShownName>,
    words: Vec<String>,
    followed: Vec<FollowedCall>,
    before: BTreeSet<String>,
    concurrency: Vec<(Option<String>, Certainty)>,
    secrets: Vec<String>,
}

struct JobWalk<'a> {
    files: &'a WorkflowFiles,
    found: Vec<ReachedJob>,
}

impl JobWalk<'_> {
    fn workflow(&mut self, file: &WorkflowFile, caller: &CallerContext, depth: usize) {
        let certainties = certainties(file, &caller.known);
        for job in &file.jobs {
            let certainty =
                certainties.get(job.key.as_str()).copied().unwrap_or(Certainty::Perhaps);
            let certainty = certainty.min(caller.certainty);
            if certainty == Certainty::No {
                continue;
            }
            if self.found.len() >= MOST_JOBS {
                self.files.give_up();
            }
            if !self.files.visit() {
                return;
            }
            let mut known = with_env(&caller.known, &job.env).into_owned();
            results(&mut known, &certainties);
            let mut before = caller.before.clone();
            let mut open: Vec<_> = job.needs.iter().filter_map(|need| file.job(need)).collect();
            while let Some(needed) = open.pop() {
                if before.insert(join(&caller.id, &needed.key)) {
                    open.extend(needed.needs.iter().filter_map(|need| file.job(need)));
                }
            }
            for row in matrix_rows(&job.matrix, &known) {
                let context = CallerContext { certainty, before: before.clone(), ..caller.clone() };
                self.job(job, &with_row(&known, row.as_ref()), row.as_ref(), &context, depth);
            }
        }
    }

    fn job(
        &mut self,
        job: &JobSpec,
        known: &KnownValues,
        row: Option<&MatrixRow>,
        caller: &CallerContext,
        depth: usize,
    ) {
        let mut context = caller.clone();
        context.id = join(&caller.id, &job.key);
        context.words.push(job.key.clone());
        context.words.extend(job.name.as_deref().and_then(|name| known.fill(name)));
        context.shown = Some(below(caller.shown.as_ref(), shown(job, known, row)));
        context.secrets.extend(job.secrets.iter().map(|(name, _)| name.clone()));
        context.concurrency.extend(job.concurrency.as_ref().map(|setting| {
            let cancel = setting.cancel.as_deref().map_or(Certainty::No, |text| known.holds(text));
            (known.fill(&setting.group), cancel)
        }));
        let with: Vec<_> =
            job.with.iter().map(|(key, text)| (key.clone(), value(known, text))).collect();
        if let Some(path) = job.uses.as_deref().and_then(|uses| uses.strip_prefix("./"))
            && let Some(called) = self.files.workflow(path)
            && depth < DEEPEST
            // GitHub lets no workflow call itself.
            && context.followed.iter().all(|call| call.path != path)
        {
            context.followed.push(FollowedCall {
                id: context.id.clone(),
                shown: context.shown.clone().unwrap_or_else(|| ShownName::Exact(job.key.clone())),
                path: path.to_owned(),
                with: with.clone(),
            });
            context.known = called_with(known, called, &with);
            self.workflow(called, &context, depth + 1);
            return;
        }
        let environment = match &job.environment {
            None => NamedEnvironment::None,
            Some(text) => known.fill(text).map_or_else(
                || NamedEnvironment::Computed(text.clone()),
                |name| {
                    if name.is_empty() {
                        NamedEnvironment::None
                    } else {
                        NamedEnvironment::Known(name)
                    }
                },
            ),
        };
        let mut steps = Vec::new();
        self.steps(&job.steps, known, Certainty::Yes, 0, &mut steps);
        let CallerContext {
            certainty,
            id,
            shown,
            words,
            followed,
            before,
            concurrency,
            secrets,
            ..
        } = context;
        self.found.push(ReachedJob {
            id,
            certainty,
            shown: shown.unwrap_or_else(|| ShownName::Exact(job.key.clone())),
            words,
            environment,
            foreign: job.uses.clone().map(|path| ForeignCall { path, with }),
            followed,
            steps,
            before,
            concurrency,
            secrets,
        });
    }

    /// The steps that run, those of local actions in the place of their call.
    fn steps(
        &self,
        steps: &[StepText],
        known: &KnownValues,
        outer: Certainty,
        depth: usize,
        found: &mut Vec<ReachedStep>,
    ) {
        for step in steps {
            let known = with_env(known, &step.env);
            let certainty =
                step.condition.as_deref().map_or(Certainty::Yes, |text| known.holds(text));
            let certainty = certainty.min(outer);
            if certainty == Certainty::No || found.len() >= MOST_JOBS {
                continue;
            }
            let values = |pairs: &[(String, String)]| -> Vec<(String, Value)> {
                pairs.iter().map(|(key, text)| (key.clone(), value(&known, text))).collect()
            };
            let reached = ReachedStep {
                certainty,
                name: step
                    .name
                    .as_deref()
                    .map(|name| known.fill(name).unwrap_or_else(|| name.to_owned())),
                uses: step.uses.clone(),
                run: step.run.clone(),
                with: values(&step.with),
                env: values(&step.env),
                raw: step.with.clone(),
            };
            let local = step.uses.as_deref().and_then(|uses| uses.strip_prefix("./"));
            let action =
                local.and_then(|path| self.files.action(path)).filter(|_| depth < DEEPEST_ACTION);
            let with = reached.with.clone();
            found.push(reached);
            if let Some((file, text)) = action
                && let Ok(inner) = action_steps(text, file)
            {
                let mut known = known.clone().into_owned();
                known.clear("inputs");
                for (name, value) in with {
                    known.set(&format!("inputs.{name}"), value);
                }
                self.steps(&inner, &known, certainty, depth + 1, found);
            }
        }
    }
}

/// How certain it is that each job of a workflow runs. One whose need was skipped is skipped, unless its condition asks for
/// the state of the run.
fn certainties<'a>(file: &'a WorkflowFile, known: &KnownValues) -> BTreeMap<&'a str, Certainty> {
    let mut done: BTreeMap<&str, Certainty> = BTreeMap::new();
    // In the order of their needs; jobs that need each other run never.
    for _ in 0..file.jobs.len() {
        let before = done.len();
        for job in &file.jobs {
            let needs: Option<Vec<_>> = job
                .needs
                .iter()
                .filter_map(|need| file.job(need))
                .map(|need| done.get(need.key.as_str()).copied())
                .collect();
            let Some(needs) = needs.filter(|_| !done.contains_key(job.key.as_str())) else {
                continue;
            };
            done.insert(&job.key, certainty(job, &needs, known, &done));
        }
        if done.len() == before {
            break;
        }
    }
    file.jobs
        .iter()
        .map(|job| (job.key.as_str(), done.get(job.key.as_str()).copied().unwrap_or(Certainty::No)))
        .collect()
}

fn certainty(
    job: &JobSpec,
    needs: &[Certainty],
    known: &KnownValues,
    done: &BTreeMap<&str, Certainty>,
) -> Certainty {
    let condition = job.condition.as_deref();
    let own = condition.map_or(Certainty::Yes, |text| {
        let mut known = with_env(known, &job.env).into_owned();
        results(&mut known, done);
        known.holds(text)
    });
    let asks = |name: &str| condition.is_some_and(|text| text.to_ascii_lowercase().contains(name));
    let runs_anyway = ["always()", "cancelled()", "failure()"].into_iter().any(asks);
    let needed = needs.iter().copied().min().filter(|_| !runs_anyway);
    own.min(needed.unwrap_or(Certainty::Yes))
}

/// What `needs.JOB.result` is in a run in which nothing fails.
fn results(known: &mut KnownValues, certainties: &BTreeMap<&str, Certainty>) {
    for (key, certainty) in certainties {
        let result = match certainty {
            Certainty::Yes => "success",
            Certainty::No => "skipped",
            Certainty::Perhaps => continue,
        };
        known.set(&format!("needs.{key}.result"), Value::Text(result.into()));
    }
}

/// One entry for each run of the job; `None` without a matrix.
fn matrix_rows(matrix: &MatrixSpec, known: &KnownValues) -> Vec<Option<MatrixRow>> {
    match matrix {
        MatrixSpec::None | MatrixSpec::Unknown => vec![None],
        MatrixSpec::Rows(rows) => {
            let filled = |row: &MatrixRow| {
                let pair = |(key, text): &(String, String)| {
                    (key.clone(), known.fill(text).unwrap_or_else(|| text.clone()))
                };
                Some(row.iter().map(pair).collect())
            };
            rows.iter().map(filled).collect()
        }
    }
}

fn with_row(known: &KnownValues, row: Option<&MatrixRow>) -> KnownValues {
    let mut known = known.clone();
    for (key, text) in row.into_iter().flatten() {
        let value = if text.contains("${{") { Value::Unknown } else { scalar(text) };
        known.set(&format!("matrix.{key}"), value);
    }
    known
}

/// The name that GitHub shows for a job: its `name:`, else its key, with the values of its matrix.
fn shown(job: &JobSpec, known: &KnownValues, row: Option<&MatrixRow>) -> ShownName {
    let is_matrix = !matches!(job.matrix, MatrixSpec::None);
    let Some(name) = &job.name else {
        // GitHub adds the values; a name without them stands for all of them.
        let values = row.map(|row| {
            row.iter()
                .map(|(_, text)| text.as_str())
                .filter(|text| !text.contains("${{"))
                .collect::<Vec<_>>()
        });
        return ShownName::Exact(match values.filter(|values| is_matrix && !values.is_empty()) {
            Some(values) => format!("{} ({})", job.key, values.join(", ")),
            None => job.key.clone(),
        });
    };
    match known.fill(name) {
        Some(name) => ShownName::Exact(name),
        None => {
            ShownName::Begins(name.split("${{").next().unwrap_or_default().trim_end().to_owned())
        }
    }
}

fn below(caller: Option<&ShownName>, own: ShownName) -> ShownName {
    match (caller, own) {
        (None, own) => own,
        (Some(ShownName::Exact(caller)), ShownName::Exact(own)) => {
            ShownName::Exact(format!("{caller} / {own}"))
        }
        // What the name begins with is all that is certain.
        (Some(ShownName::Exact(caller)), ShownName::Begins(_)) => ShownName::Exact(caller.clone()),
        (Some(caller @ ShownName::Begins(_)), _) => caller.clone(),
    }
}

/// What a called workflow knows: the event of its caller, and its inputs.
fn called_with(
    known: &KnownValues,
    called: &WorkflowFile,
    with: &[(String, Value)],
) -> KnownValues {
    let mut inner = known.clone();
    for context in ["inputs", "matrix", "needs", "env"] {
        inner.clear(context);
    }
    inner.close("inputs");
    for input in called.triggers.call.as_deref().unwrap_or_default() {
        let default = input.default.as_deref().map_or(Value::Null, scalar);
        inner.set(&format!("inputs.{}", input.name), default);
    }
    for (name, value) in with {
        inner.set(&format!("inputs.{name}"), value.clone());
    }
    with_env(&inner, &called.env).into_owned()
}

fn with_env<'a>(known: &'a KnownValues, env: &[(String, String)]) -> Cow<'a, KnownValues> {
    if env.is_empty() {
        return Cow::Borrowed(known);
    }
    let mut inner = known.clone();
    for (name, text) in env {
        let value = value(known, text);
        inner.set(&format!("env.{name}"), value);
    }
    Cow::Owned(inner)
}

/// The value of a text of a file: one expression gives its own kind of value, else it is a text.
fn value(known: &KnownValues, text: &str) -> Value {
    match crate::expression::only_expression(text) {
        Some(inside) => known.value(inside),
        None => known.fill(text).map_or(Value::Unknown, |text| scalar(&text)),
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::Text(text.to_owned()),
    }
}

fn join(outer: &str, key: &str) -> String {
    if outer.is_empty() { key.to_owned() } else { format!("{outer}/{key}") }
}
