//! The commands for steps at other engines: what trunkline sends there, sent with `curl`, or with `gh` to GitHub.

use std::collections::BTreeMap;

use serde_json::json;

use super::{HandEngine, HandVariable, NO_DEPLOYMENT, quoted};
use crate::domain::event::StepSpec;
use crate::domain::ids::BuildNumber;
use crate::domain::remote::{EngineName, GitHubWay, RemoteCall, RemoteJob, filled};

/// Starts a job and waits for its end: its number, the engine's address, its token, what is sent, how many seconds it may
/// take, and the certificates to trust. The token is in no argument of a program, which others could read.
const JOB: &str = r#"job() (
  key=by-hand-$1-$(date +%s)-$$ url=$2 token=$3 until=$(($(date +%s) + $5)) ca=$6
  ask() {
    if [ -n "$token" ]; then printf 'header = "Authorization: Bearer %s"\n' "$token"; fi |
      curl -sS -f -m 60 ${ca:+--cacert "$ca"} -K - "$@"
  }
  echo "run $key at $url" >&2
  # The same request with the same key starts it once.
  for try in 1 2 3 last; do
    ask -X PUT -H 'Content-Type: application/json' -d "$4" "$url/runs/$key" >/dev/null && break
    if [ $try = last ]; then echo "it may run: look at run $key before you start it again" >&2; exit 1; fi
    sleep 2
  done
  while [ "$(date +%s)" -lt "$until" ]; do
    state=$(ask "$url/runs/$key" | tr ',{}' '\n\n\n' | sed -n 's/^ *"state" *: *"\([a-z]*\)" *$/\1/p')
    case $state in
      succeeded) exit 0 ;;
      failed | cancelled) echo "it $state at $url" >&2; exit 1 ;;
    esac
    sleep 2
  done
  echo "it has not ended: look at run $key" >&2
  exit 1
)"#;

/// Wait for the end of the run of a workflow that `gh` started, which has its own token. Their arguments are the repository, the
/// workflow, the newest run before, the key, how many seconds it may take, the job that deploys, what starts
/// the run, and its branch or tag.
const WORKFLOW: &str = include_str!("workflow.sh");

/// What stands for the key of a run until a shell has made one.
const KEY: &str = "TRUNKLINE-BY-HAND-KEY";

/// The address of GitHub for everybody, which `gh` asks without being told.
const GITHUB: &str = "https://api.github.com";

/// The steps that run at other engines.
pub(super) struct HandJobs<'a> {
    pub engines: &'a BTreeMap<EngineName, HandEngine>,
    /// The facts, by the names of their variables.
    pub told: &'a [HandVariable],
}

impl HandJobs<'_> {
    /// Why no commands can do these steps, if so.
    pub fn impossible(&self, steps: &[StepSpec], to: BuildNumber) -> Vec<String> {
        let mut named = steps.iter().filter_map(StepSpec::remote).map(|job| &job.engine);
        match named.find(|engine| !self.engines.contains_key(engine)) {
            Some(engine) => vec![format!(
                "The address of {engine}, where steps of {to} run, is not known: config.toml does not name it"
            )],
            None => self.only_there(steps),
        }
    }

    /// What to do for the steps whose engines no command here can ask: a person starts them there.
    fn only_there(&self, steps: &[StepSpec]) -> Vec<String> {
        let of = |step: &StepSpec| {
            let job = step.remote()?;
            let engine = self.engines.get(&job.engine).filter(|engine| engine.has_preset)?;
            let inputs: Vec<_> = self
                .inputs(job)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let with = if inputs.is_empty() {
                String::new()
            } else {
                format!(", with {}", inputs.join(" "))
            };
            Some(format!(
                "Step {} cannot be done by hand from here: start {} of {} yourself at {}{with}",
                step.name,
                job.call.job(),
                job.engine,
                engine.url
            ))
        };
        steps.iter().filter_map(of).collect()
    }

    /// The tokens that whoever runs it has to give.
    pub fn tokens(&self, steps: &[StepSpec]) -> Vec<HandVariable> {
        let is_http = |job: &&RemoteJob| matches!(job.call, RemoteCall::Http { .. });
        let named =
            steps.iter().filter_map(StepSpec::remote).filter(is_http).map(|job| &job.engine);
        let mut named: Vec<_> = named.filter(|engine| self.wants_token(engine)).collect();
        named.sort();
        named.dedup();
        let token = |engine| HandVariable {
            name: token(engine),
            value: None,
            secret: true,
            optional: false,
        };
        named.into_iter().map(token).collect()
    }

    /// The functions that the lines of these steps call.
    pub fn functions(steps: &[StepSpec]) -> impl Iterator<Item = String> {
        let jobs = || steps.iter().filter_map(StepSpec::remote);
        let has_jobs = jobs().any(|job| matches!(job.call, RemoteCall::Http { .. }));
        let has_workflows = jobs().any(|job| !matches!(job.call, RemoteCall::Http { .. }));
        let functions =
            has_jobs.then_some(JOB).into_iter().chain(has_workflows.then_some(WORKFLOW));
        functions.flat_map(str::lines).map(str::to_owned)
    }

    /// The lines that run a step.
    pub fn line(&self, step: &StepSpec, number: usize, job: &RemoteJob) -> String {
        match &job.call {
            RemoteCall::GitHub { at, job: named, .. } => {
                return self.workflow(step, job, at, named.as_deref());
            }
            RemoteCall::GitHubBy { way, job: named, .. } => {
                return self.workflow_by(step, job, way, named.as_deref());
            }
            RemoteCall::Http { .. } => {}
        }
        let url = self.engines.get(&job.engine).map_or("", |engine| engine.url.as_str());
        let token = if self.wants_token(&job.engine) {
            format!("\"${}\"", token(&job.engine))
        } else {
            "''".into()
        };
        let seconds = (step.timeout + job.start_within).as_secs();
        let ca = self.engines.get(&job.engine).and_then(|engine| engine.ca.as_deref());
        let (url, body, ca) =
            (quoted(url), quoted(&self.body(job)), quoted(ca.unwrap_or_default()));
        format!("job {number} {url} {token} {body} {seconds} {ca}")
    }

    /// Starts a workflow with the inputs of the step, and waits for its end.
    fn workflow(&self, step: &StepSpec, job: &RemoteJob, at: &str, named: Option<&str>) -> String {
        let repository = self.host(job).map(|host| format!("{host}/{}", job.call.allowed_as()));
        let repository = quoted(repository.as_deref().unwrap_or(job.call.allowed_as()));
        let (workflow, at) = (quoted(job.call.job()), quoted(at));
        let is_keyed = job.inputs.values().any(|text| text.contains("{run}"));
        let inputs = job.inputs.iter().map(|(name, text)| {
            let text = text.replace("{run}", KEY);
            let value = filled(&text, |placeholder| self.value(placeholder));
            format!(" -f {}", in_shell(&format!("{name}={value}")))
        });
        let inputs: String = inputs.collect();
        let key = if is_keyed { "\"$key\"" } else { "''" };
        let seconds = (step.timeout + job.start_within).as_secs();
        let named = quoted(named.unwrap_or_default());
        format!(
            "key=by-hand-$(date +%s)-$$ &&\n\
             newest=$(newest_run {repository} {workflow} workflow_dispatch) &&\n\
             gh workflow run {workflow} -R {repository} -r {at}{inputs} &&\n\
             watch_run {repository} {workflow} \"$newest\" {key} {seconds} {named} workflow_dispatch"
        )
    }

    /// The host of GitHub's pages, if it is another than the one that `gh` asks without being told.
    fn host(&self, job: &RemoteJob) -> Option<&str> {
        let url = self.engines.get(&job.engine).map_or("", |engine| engine.url.as_str());
        let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
        // GitHub's own data centres have the address of the API beside that of the pages.
        let host = host.map(|host| match host.strip_prefix("api.") {
            Some(rest) if rest.ends_with(".ghe.com") => rest,
            _ => host,
        });
        host.filter(|_| url != GITHUB)
    }

    /// Makes a tag or a release, or moves a branch, and waits for the end of the run that follows. What waits for a review is
    /// approved on its page.
    fn workflow_by(
        &self,
        step: &StepSpec,
        job: &RemoteJob,
        way: &GitHubWay,
        named: Option<&str>,
    ) -> String {
        let name = job.call.allowed_as();
        let host = self.host(job);
        let full = quoted(&host.map_or_else(|| name.to_owned(), |host| format!("{host}/{name}")));
        let (host, name) = (quoted(host.unwrap_or_default()), quoted(name));
        let sha = self.fact("TRUNKLINE_SHA");
        // The number of a deployment is not known by hand: the key makes it another tag each time.
        let tag_of = |name: &str| {
            filled(&name.replace("{deployment}", KEY), |placeholder| self.value(placeholder))
        };
        let (act, branch) = match way {
            GitHubWay::Approve { environment } => {
                let what = format!(
                    "approve the deployment to {environment} of the run of {sha} on its page, then press Enter"
                );
                return format!("echo {} >&2 && read -r _", quoted(&what));
            }
            GitHubWay::Tag { name: tag, release } => {
                let tag = in_shell(&tag_of(tag));
                let act = if *release {
                    format!("make_release {full} {tag} {sha}")
                } else {
                    format!("make_tag {host} {name} {tag} {sha}")
                };
                (act, tag)
            }
            GitHubWay::Branch { branch } => {
                let branch = quoted(branch);
                (format!("move_branch {host} {name} {branch} {sha}"), branch)
            }
        };
        let event = way.event().unwrap_or("push");
        let (workflow, seconds) =
            (quoted(job.call.job()), (step.timeout + job.start_within).as_secs());
        let named = quoted(named.unwrap_or_default());
        format!(
            "key=by-hand-$(date +%s)-$$ &&\n\
             newest=$(newest_run {full} {workflow} {event}) &&\n\
             {act} &&\n\
             watch_run {full} {workflow} \"$newest\" '' {seconds} {named} {event} {branch}"
        )
    }

    /// The inputs with their values.
    fn inputs<'j>(&self, job: &'j RemoteJob) -> BTreeMap<&'j String, String> {
        let value = |placeholder: &str| self.value(placeholder);
        job.inputs.iter().map(|(name, text)| (name, filled(text, value))).collect()
    }

    fn value(&self, placeholder: &str) -> String {
        match placeholder {
            "short_sha" => self.fact("TRUNKLINE_SHA").chars().take(7).collect(),
            "actor" | "run" => NO_DEPLOYMENT.to_owned(),
            name => self.fact(&format!("TRUNKLINE_{}", name.to_ascii_uppercase())),
        }
    }

    fn fact(&self, name: &str) -> String {
        let told = self.told.iter().find(|told| told.name == name);
        told.and_then(|told| told.value.clone()).unwrap_or_default()
    }

    fn body(&self, job: &RemoteJob) -> String {
        let fact = |name: &str| self.fact(name);
        let inputs = self.inputs(job);
        let previous = fact("TRUNKLINE_PREVIOUS_SHA");
        let body = json!({
            "job": job.call.job(),
            "service": fact("TRUNKLINE_SERVICE"),
            "environment": fact("TRUNKLINE_ENVIRONMENT"),
            "build": fact("TRUNKLINE_BUILD").parse::<u64>().unwrap_or_default(),
            "sha": fact("TRUNKLINE_SHA"),
            "previous_sha": (!previous.is_empty()).then_some(previous),
            "kind": fact("TRUNKLINE_KIND"),
            "deployment": NO_DEPLOYMENT,
            "by": NO_DEPLOYMENT,
            "inputs": inputs,
        });
        body.to_string()
    }

    fn wants_token(&self, engine: &EngineName) -> bool {
        self.engines.get(engine).is_some_and(|engine| engine.wants_token)
    }
}

/// A text as one word of a shell, with the variable `key` in the place of the key.
fn in_shell(text: &str) -> String {
    let word = |part| if str::is_empty(part) { String::new() } else { quoted(part) };
    let parts: Vec<_> = text.split(KEY).map(word).collect();
    parts.join("\"$key\"")
}

/// The variable for the token of an engine: `DEPLOYER_TOKEN`.
fn token(engine: &EngineName) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = engine.as_str().chars().map(letter).collect();
    // A name that starts with a digit is none.
    let name =
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name };
    format!("{name}_TOKEN")
}
