//! The commands and actions that deploy, and those that hand a deploy over to somebody else.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use crate::expression::Value;
use crate::reach::ReachedStep;

/// Commands that change what runs somewhere.
static COMMANDS: LazyLock<Regex> = LazyLock::new(|| {
    let commands = [
        r"\bkamal\b[^\n]*\b(deploy|redeploy|setup)\b",
        r"\b(flyctl|fly)\s+deploy\b",
        r"\bkubectl\b[^\n]*\b(set\s+image|apply|rollout|replace)\b",
        r"\bhelm\s[^\n]*\b(upgrade|install)\b",
        r"\bhelmfile\b[^\n]*\b(apply|sync)\b",
        r"\baws\s+ecs\s+(update-service|deploy)\b",
        r"\baws\s+(lambda\s+update-function-code|deploy\s+create-deployment|elasticbeanstalk\s+update-environment)\b",
        r"\beb\s+deploy\b",
        r"\bgcloud\b[^\n]*\b(run|app|functions)\s+(services\s+)?(deploy|update|update-traffic)\b",
        r"\baz\s+(webapp|containerapp|functionapp)\s+(deploy|deployment|up|update|config)\b",
        r"\bcf\s+(push|v3-zdt-push)\b",
        r"\bgit\s+push\b[^\n]*\b(heroku|dokku)\b",
        r"\bheroku\b[^\n]*\b(container:release|pipelines:promote|builds:create)\b",
        r"\bdokku\b[^\n]*\b(git:from-image|git:sync|deploy|tags:deploy|ps:rebuild)\b",
        r"\bcap\s+\S+\s+deploy\b",
        r"\bansible-playbook\b",
        r"\bargocd\s+app\s+(sync|set)\b",
        r"\bwrangler\b[^\n]*\b(deploy|publish)\b",
        r"\bvercel\b[^\n]*\s--prod\b",
        r"\bnetlify\b[^\n]*\s--prod\b",
        r"\boc\s+(apply|rollout|set\s+image|process|tag|new-app)\b",
        r"\b(terraform|terragrunt|tofu)\b[^\n]*\bapply\b",
        r"\bcdk\b[^\n]*\bdeploy\b",
        r"\b(serverless|sls)\s+deploy\b",
        r"\bcopilot\s+(svc\s+|app\s+|job\s+)?deploy\b",
        r"\bdocker\s+stack\s+deploy\b",
        r"\bpulumi\s+up\b",
        r"\bnomad\s+(job\s+)?run\b",
        r"(^|[\s/])deploy[\w.-]*\.(sh|py|rb|js|ts)\b",
        r"(^|\s)(\./)?(bin|scripts?)/(\w+[-_])*deploy\b",
        r"\b(make|just|rake|task|npm\s+run|yarn|pnpm)\s+(\S+\s+)?[\w:-]*deploy[\w:-]*",
    ];
    compiled(&commands.join("|"))
});

/// Boundaries between words of ASCII: for those of Unicode the fast engines of the library give up.
fn compiled(pattern: &str) -> Regex {
    let pattern = pattern.replace(r"\b", r"(?-u:\b)");
    Regex::new(&format!("(?m){pattern}")).expect("the patterns are valid")
}

/// Actions that deploy and do not say so by "deploy" in their path.
const ACTIONS: [&str; 5] = [
    "amazon-ecs-deploy",
    "akhileshns/heroku-",
    "azure/webapps-",
    "azure/k8s-",
    "cloudflare/wrangler-action",
];

/// Actions with "deploy" in their path that deploy no service.
const NO_DEPLOY: [&str; 9] = [
    "actions/deploy-pages",
    "pages-deploy",
    "gh-pages",
    "deploy-pages",
    "deployment-status",
    "delete-deployment",
    "deactivate",
    "deployment-action",
    "bobheadxi/deployments",
];

/// What a step does for a deploy.
#[derive(Debug, Clone)]
pub(crate) enum StepVerb {
    /// The text that does it: it may name the environment.
    Deploys(String),
    HandsOver(HandOver),
}

/// Who gets the rest of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HandOver {
    /// `owner/name`, if the file says it.
    pub repository: Option<String>,
    pub workflow: Option<String>,
}

pub(crate) fn verb(step: &ReachedStep) -> Option<StepVerb> {
    if let Some(hand_over) = hand_over(step) {
        return Some(StepVerb::HandsOver(hand_over));
    }
    if let Some(uses) = &step.uses {
        return action(uses, step).then(|| StepVerb::Deploys(said_by(step)));
    }
    let run = step.run.as_deref()?;
    let found = COMMANDS.find(run)?;
    let line_start = run[..found.start()].rfind('\n').map_or(0, |at| at + 1);
    let line_end = run[found.end()..].find('\n').map_or(run.len(), |at| found.end() + at);
    let line: String = run[line_start..line_end].chars().take(400).collect();
    let is_comment = line.trim_start().starts_with('#');
    (!is_comment).then(|| StepVerb::Deploys(format!("{} {line}", said_by(step))))
}

fn action(uses: &str, step: &ReachedStep) -> bool {
    let uses = uses.to_ascii_lowercase();
    let path = uses.split('@').next().unwrap_or_default();
    if NO_DEPLOY.iter().any(|name| path.contains(name)) {
        return false;
    }
    // A local action is judged by its own steps too; its name alone is enough here.
    let redeploys =
        step.with.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with("redeploy"));
    let is_remote_shell = path.contains("ssh-action") && ssh_deploys(step);
    redeploys
        || is_remote_shell
        || path.contains("deploy")
        || ACTIONS.iter().any(|name| path.contains(name))
        || by_arguments(path, step)
}

/// A remote shell is a deploy if its script pulls code or images, or starts containers.
fn ssh_deploys(step: &ReachedStep) -> bool {
    let script = step.raw.iter().filter(|(key, _)| key == "script" || key == "command");
    let script: String = script.map(|(_, text)| text.as_str()).collect();
    let words = ["deploy", "docker", "git pull", "git checkout", "git fetch", "systemctl"];
    words.iter().any(|word| script.contains(word)) || COMMANDS.is_match(&script)
}

/// Actions that run a command of their tool.
fn by_arguments(path: &str, step: &ReachedStep) -> bool {
    let runs_tool = [
        "flyctl-actions",
        "superfly/",
        "helm",
        "cdk",
        "argocd",
        "kubectl",
        "netlify",
        "vercel",
        "cf-cli",
        "terraform",
    ]
    .iter()
    .any(|tool| path.contains(tool));
    runs_tool
        && step.raw.iter().any(|(_, text)| {
            let text = text.to_ascii_lowercase();
            ["deploy", "upgrade", "apply", "--prod", "push", "sync"]
                .iter()
                .any(|word| text.contains(word))
        })
}

/// What a step says of where it deploys: its name, and its values that name an environment.
fn said_by(step: &ReachedStep) -> String {
    let named = step.with.iter().chain(&step.env).filter(|(key, _)| {
        names_environment(key) || key.to_ascii_lowercase().starts_with("redeploy")
    });
    let values = named.filter_map(|(_, value)| value.text());
    step.name.clone().into_iter().chain(values).collect::<Vec<_>>().join(" ")
}

/// Whether a key is one whose value names an environment.
pub(crate) fn names_environment(key: &str) -> bool {
    let words = crate::class::words(key);
    let is_one = |word: &String| {
        word.starts_with("env")
            || ["cluster", "workspace", "stage", "namespace"].contains(&word.as_str())
    };
    let joined = words.join("");
    (words.iter().any(is_one) || joined.contains("environment"))
        && !words.iter().any(|word| word == "url")
}

/// A step that asks another workflow or repository to go on.
fn hand_over(step: &ReachedStep) -> Option<HandOver> {
    let value = |names: &[&str]| {
        let pairs = step.with.iter().chain(&step.env);
        let named =
            |(key, _): &&(String, Value)| names.contains(&key.to_ascii_lowercase().as_str());
        pairs.filter(named).find_map(|(_, value)| value.text()).filter(|text| !text.is_empty())
    };
    if let Some(uses) = &step.uses {
        let path = uses.to_ascii_lowercase();
        let is_one = [
            "repository-dispatch",
            "workflow-dispatch",
            "dispatch-workflow",
            "trigger-workflow",
            "return-dispatch",
        ]
        .iter()
        .any(|name| path.contains(name));
        let owner = value(&["owner"]);
        let repository = value(&["repository", "repo", "target_repo", "target_repository"]);
        let repository = match (owner, repository) {
            (Some(owner), Some(name)) if !name.contains('/') => Some(format!("{owner}/{name}")),
            (_, repository) => repository,
        };
        let workflow = value(&[
            "workflow",
            "target_workflow",
            "workflow_file_name",
            "workflow_id",
            "event-type",
            "event_type",
        ]);
        return is_one.then_some(HandOver { repository, workflow });
    }
    let run = step.run.as_deref()?;
    let found = DISPATCHES.captures(run)?;
    let named = |name: &str| found.name(name).map(|text| text.as_str().to_owned());
    Some(HandOver { repository: named("repo"), workflow: named("workflow") })
}

static DISPATCHES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"repos/(?P<repo>[\w.-]+/[\w.-]+)/(actions/workflows/(?P<workflow>[\w.-]+)/)?dispatches|/dispatches\b",
    )
});

/// A branch that a step moves by `git push`.
pub(crate) fn moved_branch(run: &str) -> Option<String> {
    let found = MOVES.captures(run)?;
    Some(found.get(1)?.as_str().to_owned())
}

static MOVES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"\bgit\s+push\b[^\n]*?\s\+?[\w./${}-]*:(?:refs/heads/)?([\w.-][\w./-]*)")
});
