//! A rollback by hand: the commands that do without trunkline what it would do itself, and what to know before.

mod remote;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::remote::HandJobs;
use super::event::{DeploymentKind, Run, StepSpec, are_remote};
use super::ids::{BuildNumber, Environment, ServiceName, Sha};
use super::remote::EngineName;
use super::schema::Outlook;
use super::service::ServiceState;
use super::time::say;
use super::wave::{ALL_TARGETS, loops_over_nothing, targets_in_words};
use crate::gate;

/// The most reasons of a verdict that are written.
const REASONS: usize = 5;
/// The value of a fact that only trunkline can give.
const NO_DEPLOYMENT: &str = "by-hand";

/// How a person rolls production back in a shell, on the machine of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByHand {
    pub service: ServiceName,
    pub to: BuildNumber,
    pub sha: Sha,
    pub subject: String,
    /// The tree of the target on the machine of the engine, as git made it.
    pub checkout: String,
    /// Whether the engine keeps that tree. Without it the commands take the files from the mirror.
    pub checkout_kept: bool,
    /// What to know before, as sentences, the verdict first.
    pub warnings: Vec<String>,
    /// The variables of the steps, in the order in which they are set.
    pub variables: Vec<HandVariable>,
    /// Where the engine finds the values that are not listed.
    pub values_from: String,
    /// A script for `sh`, line by line. Empty while the steps are not known.
    pub commands: Vec<String>,
}

/// A variable of the steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandVariable {
    pub name: String,
    /// Absent if whoever runs the commands has to give it: the record has no value of the operator, and no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default)]
    pub secret: bool,
    /// Whether the steps may run without it.
    #[serde(default)]
    pub optional: bool,
}

impl HandVariable {
    /// One whose value is known and no secret.
    #[must_use]
    pub fn known(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), Some(value.into()));
        Self { name, value, secret: false, optional: false }
    }

    /// How it is given to `env`.
    fn assignment(&self) -> String {
        let name = &self.name;
        match &self.value {
            Some(value) => format!("{name}={}", quoted(value)),
            None if self.optional => format!("${{{name}+\"{name}=${name}\"}}"),
            None => format!("{name}=\"${name}\""),
        }
    }
}

/// An engine at which steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandEngine {
    pub url: String,
    /// The file of the certificates to trust.
    pub ca: Option<String>,
    pub wants_token: bool,
    /// It speaks HTTP of its own, in which no command here is written.
    pub has_preset: bool,
}

/// What only the engine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandFacts {
    pub checkout: String,
    pub checkout_kept: bool,
    pub mirror: String,
    /// The folder of the service in the tree; absent at its top.
    pub folder: Option<String>,
    /// All variables but the facts of the deployment.
    pub variables: Vec<HandVariable>,
    pub values_from: String,
    /// The engines that steps may run at.
    pub engines: BTreeMap<EngineName, HandEngine>,
    /// What else to say before.
    pub warnings: Vec<String>,
}

impl ByHand {
    /// How to roll back to a build whose steps are these, as far as they are known. `None` if the record has no such build.
    #[must_use]
    pub fn of(
        service: &ServiceName,
        state: &ServiceState,
        to: BuildNumber,
        steps: Option<&[StepSpec]>,
        facts: HandFacts,
    ) -> Option<Self> {
        let build = state.builds.get(&to)?;
        let HandFacts { checkout, checkout_kept, mirror, folder, mut variables, .. } = facts;
        let live = state.live(Environment::Production).map(|live| live.build);
        let previous =
            live.and_then(|live| state.builds.get(&live)).map(|build| build.sha.as_str());
        let told = [
            ("TRUNKLINE_SERVICE", service.as_str()),
            ("TRUNKLINE_ENVIRONMENT", Environment::Production.as_str()),
            ("TRUNKLINE_BUILD", &to.0.to_string()),
            ("TRUNKLINE_SHA", build.sha.as_str()),
            ("TRUNKLINE_PREVIOUS_SHA", previous.unwrap_or_default()),
            ("TRUNKLINE_KIND", DeploymentKind::Rollback.as_str()),
            ("TRUNKLINE_DEPLOYMENT", NO_DEPLOYMENT),
        ];
        let mut told: Vec<_> =
            told.into_iter().map(|(name, value)| HandVariable::known(name, value)).collect();
        let targets = state.targets_to_roll_back(to, None);
        if !targets.is_empty() {
            told.push(HandVariable::known("TRUNKLINE_WAVE", ALL_TARGETS));
            told.push(HandVariable::known("TRUNKLINE_TARGETS", targets_in_words(&targets)));
        }
        variables.extend(told.iter().cloned());
        let jobs = HandJobs { engines: &facts.engines, told: &told };
        let mut warnings = warnings(state, to);
        warnings.extend(loops_over_nothing(steps.unwrap_or_default(), &targets));
        warnings.extend(facts.warnings);
        let place = SourceTree {
            sha: &build.sha,
            tree: checkout_kept.then_some(checkout.as_str()),
            mirror: &mirror,
            folder: folder.as_deref(),
        };
        let commands = match steps {
            None | Some([]) => {
                warnings
                    .push(format!("The steps of {to} are not known: its service file is not read"));
                Vec::new()
            }
            Some(steps) => {
                let impossible = jobs.impossible(steps, to);
                let is_possible = impossible.is_empty();
                warnings.extend(impossible);
                if is_possible { script(place, &variables, &jobs, steps) } else { Vec::new() }
            }
        };
        let tokens = steps.map(|steps| jobs.tokens(steps)).unwrap_or_default();
        if are_remote(steps.unwrap_or_default()) {
            variables.clone_from(&told);
        }
        variables.extend(tokens);
        Some(Self {
            service: service.clone(),
            to,
            sha: build.sha.clone(),
            subject: build.subject().to_owned(),
            checkout,
            checkout_kept,
            warnings,
            variables,
            values_from: facts.values_from,
            commands,
        })
    }

    /// All of it as one text: a script for `sh` whose comments say what to know. It was so `at` this time; it runs on
    /// `machine`, and the commands `afterwards` tell trunkline of it. No byte of it is one that a terminal acts on.
    #[must_use]
    pub fn text(&self, at: DateTime<Utc>, machine: &str, afterwards: &[String]) -> Vec<String> {
        let Self { service, to, sha, subject, .. } = self;
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut told = vec![
            format!(
                "Roll production of {service} back to {to} ({} {subject}) without trunkline.",
                sha.short()
            ),
            format!("As of {at}. Check first that nothing else was deployed since."),
        ];
        told.extend(self.warnings.iter().cloned());
        told.push(format!("Where: in a shell on {machine}, as the user of its engine."));
        if !self.commands.is_empty() {
            let is_copied = self.commands.iter().any(|line| line.starts_with("tree="));
            told.extend(is_copied.then(|| {
                if self.checkout_kept {
                    return format!("Files: a copy of the checkout {}", self.checkout);
                }
                "Files: from the mirror, without submodules and files of LFS, as no checkout is kept of it."
                    .into()
            }));
            told.extend(self.values_to_give());
            told.push("Run: save this text as a file, read it, then run: sh FILE".into());
        }
        told.push(
            "trunkline does not see what is done by hand. When it runs again, tell it:".into(),
        );
        told.extend(afterwards.iter().map(|command| format!("  {command}")));
        let comments = told.iter().map(|line| format!("# {}", gate::line(line)));
        comments.chain(self.commands.iter().cloned()).collect()
    }

    /// Which values whoever runs it has to give, and where the engine has them from.
    fn values_to_give(&self) -> Vec<String> {
        let names = |is: fn(&HandVariable) -> bool| {
            let open = self.variables.iter().filter(|variable| variable.value.is_none());
            let names: Vec<_> = open.filter(|v| is(v)).map(|v| v.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let needed = names(|variable| !variable.optional);
        let optional = names(|variable| variable.optional);
        let Self { values_from, .. } = self;
        let known = needed.is_some() || optional.is_some();
        let needed =
            needed.map(|names| format!("Export first, as no value of it is in here: {names}."));
        let optional =
            optional.map(|names| format!("Export too, if the engine has a value of it: {names}."));
        let from = known.then(|| format!("The engine has these values from {values_from}."));
        needed.into_iter().chain(optional).chain(from).collect()
    }
}

/// The verdict with its reasons, and what runs already.
fn warnings(state: &ServiceState, to: BuildNumber) -> Vec<String> {
    let verdict = state.verdict(to);
    let mut warnings = vec![verdict.headline()];
    warnings.extend(verdict.why.iter().take(REASONS).cloned());
    if verdict.outlook == Outlook::PointOfNoReturn {
        let other = verdict
            .floor
            .map_or_else(String::new, |floor| format!("deploy {floor} or newer instead, or "));
        warnings.push(format!(
            "The code of {to} breaks on the schema: {other}restore what is missing first"
        ));
    }
    warnings.extend(verdict.remedy.iter().map(|remedy| format!("First {remedy}")));
    warnings.extend(state.in_flight(Environment::Production).map(|running| {
        let (id, build) = (running.id, running.request.build);
        let kind = running.request.kind.noun();
        format!("{id}, a {kind} of {build}, ran at that time. Its steps go on without the engine: end them first")
    }));
    warnings
}

/// Where the files are.
#[derive(Clone, Copy)]
struct SourceTree<'a> {
    sha: &'a Sha,
    tree: Option<&'a str>,
    mirror: &'a str,
    folder: Option<&'a str>,
}

/// The steps in a copy of the tree, with their variables and nothing else, each only after the one before succeeded.
fn script(
    place: SourceTree<'_>,
    variables: &[HandVariable],
    jobs: &HandJobs<'_>,
    steps: &[StepSpec],
) -> Vec<String> {
    let (mut lines, mut lacking) = (Vec::new(), Vec::new());
    if steps.iter().any(|step| step.remote().is_some()) {
        lines.extend(HandJobs::functions(steps));
        lacking.extend(jobs.tokens(steps));
    }
    if !are_remote(steps) {
        lines.extend(step_function(place, variables, steps));
        let needed = |variable: &&HandVariable| variable.value.is_none() && !variable.optional;
        lacking.extend(variables.iter().filter(needed).cloned());
    }
    lines.extend(
        lacking
            .iter()
            .map(|HandVariable { name, .. }| format!(": \"${{{name}:?export it first}}\" &&")),
    );
    if !are_remote(steps) {
        lines.extend(copied(place));
    }
    for (at, step) in steps.iter().enumerate() {
        let name = gate::line(&step.name);
        lines.push(format!("# {name}, for at most {}", say(step.timeout)));
        lines.push(format!("echo {} >&2 &&", quoted(&format!("Step {name}"))));
        let line = match step.remote() {
            Some(job) => jobs.line(step, at + 1, job),
            None => format!("step {}", run(&step.run)),
        };
        lines.push(format!("{line} &&"));
    }
    lines.push("echo 'All steps succeeded.' ||".into());
    lines.push(
        "{ echo 'NOT DONE: what failed is above; the steps after it did not run.' >&2; exit 1; }"
            .into(),
    );
    lines.iter().flat_map(|line| line.split('\n').map(str::to_owned)).collect()
}

/// The function that runs a step in the copy of the tree.
fn step_function(
    place: SourceTree<'_>,
    variables: &[HandVariable],
    steps: &[StepSpec],
) -> Vec<String> {
    let mut lines = vec!["step() (".to_owned()];
    let folder = place.folder.map_or_else(String::new, |folder| format!("/{}", quoted(folder)));
    lines.push(format!("  cd \"$tree\"{folder} && env -i \\"));
    lines.extend(variables.iter().map(|variable| format!("    {} \\", variable.assignment())));
    lines.extend(["    \"$@\" </dev/null", ")"].map(str::to_owned));
    if steps.iter().any(|step| matches!(step.run, Run::Shell(_))) {
        lines.push(
            "if sh -o pipefail -c : 2>/dev/null; then strict='-e -o pipefail'; else strict=-e; fi"
                .into(),
        );
    }
    lines
}

/// The lines that make the copy.
fn copied(place: SourceTree<'_>) -> Vec<String> {
    let mut lines = vec!["tree=$(mktemp -d) &&".to_owned()];
    if let Some(tree) = place.tree {
        lines.push(format!("cp -RPp {}/. \"$tree\" &&", quoted(tree)));
    } else {
        let (mirror, sha) = (quoted(place.mirror), place.sha);
        // An archive would leave out what `.gitattributes` says.
        lines.push(format!("git clone -q -s -n {mirror} \"$tree\" &&"));
        lines.push(format!("GIT_LFS_SKIP_SMUDGE=1 git -C \"$tree\" checkout -q {sha} &&"));
    }
    lines
}

/// A step as the engine starts it.
fn run(run: &Run) -> String {
    match run {
        Run::Shell(text) => format!("sh $strict -c {}", quoted(text)),
        Run::Bash(text) => format!("bash -e -o pipefail -c {}", quoted(text)),
        // It is no process here: `HandJobs` has its line.
        Run::Remote(_) => "false".into(),
        Run::Argv(words) => {
            // `env` takes a first word with this sign for a variable.
            let is_assignment = words.first().is_some_and(|program| program.contains('='));
            let through = if is_assignment { "sh -c 'exec \"$@\"' sh " } else { "" };
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            format!("{through}{}", words.join(" "))
        }
    }
}

/// A text as one word of a shell. What a terminal would act on, or not show, is written by its bytes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    // The gate would change some of its characters.
    let is_clean = text.split('\n').all(|line| gate::line(line) == line);
    let mut word = String::from("'");
    for c in text.chars() {
        match c {
            '\'' => word.push_str("'\\''"),
            '\n' => word.push(c),
            c if c.is_ascii_control() || !is_clean && !c.is_ascii() => {
                word.push_str("'\"$(printf '");
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _always_fits = write!(word, "\\{byte:03o}");
                }
                word.push_str("')\"'");
            }
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Output};
    use std::time::Duration;

    use super::*;

    fn sh(script: &str) -> Output {
        Command::new("sh").arg("-c").arg(script).env("TOKEN", "it's \"secret\"").output().unwrap()
    }

    fn said(script: &str) -> String {
        let output = sh(script);
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn step(run: Run) -> StepSpec {
        StepSpec {
            name: "release\nrm -rf /".into(),
            run,
            timeout: Duration::from_mins(1),
            expected: None,
            target: None,
        }
    }

    /// The script of these steps in a tree with one file.
    fn script_in(tree: &Path, variables: &[HandVariable], steps: &[Run]) -> String {
        fs::write(tree.join("file"), "as committed").unwrap();
        let sha = "90ddc3e90ddc3e90ddc3e90ddc3e90ddc3e90ddc".to_owned().try_into().unwrap();
        let tree = tree.display().to_string();
        let place = SourceTree { sha: &sha, tree: Some(&tree), mirror: "/nowhere", folder: None };
        let steps: Vec<_> = steps.iter().cloned().map(step).collect();
        let jobs = HandJobs { engines: &BTreeMap::new(), told: &[] };
        script(place, variables, &jobs, &steps).join("\n")
    }

    #[test]
    fn a_shell_reads_a_quoted_text_as_it_was_and_a_terminal_acts_on_no_byte_of_it() {
        let texts = [
            "",
            "plain",
            "two words",
            "it's",
            "$HOME `id` \"x\" \\n",
            "a\nb\n\n",
            "~",
            "-n",
            "*",
            "#no",
            "\u{1b}[31mred\u{7}\t\r",
            "caf\u{e9}",
            "\u{202e}evil",
            "a\u{200b}b",
            "\u{9b}2J",
            "'",
            "''",
            "!x",
            "\u{a0}",
            "e\u{301}",
            "\u{feff}",
            "%s\\033",
        ];
        for text in texts {
            let word = quoted(text);
            assert_eq!(said(&format!("printf '%s.' {word}")), format!("{text}."), "{word}");
            for line in word.split('\n') {
                assert_eq!(gate::line(line), line, "{text:?}");
            }
        }
    }

    #[test]
    fn the_steps_run_in_a_copy_with_these_variables_and_nothing_else() {
        let tree = tempfile::tempdir().unwrap();
        let given =
            HandVariable { name: "TOKEN".into(), value: None, secret: true, optional: false };
        let unset =
            HandVariable { name: "UNSET".into(), value: None, secret: false, optional: true };
        let path = HandVariable::known("PATH", std::env::var("PATH").unwrap());
        let variables = [path, HandVariable::known("SET", "a 'b'"), given, unset];
        let text = "cat file; echo changed > file; env | grep -c UNSET || true; printf '|%s|%s|%s' \"$SET\" \"$TOKEN\" \"${HOME-none}\"";
        let words = ["printf", "[%s]", "x y", "$SET"].map(str::to_owned).to_vec();
        let steps = [Run::Shell(text.into()), Run::Argv(words), Run::Bash("cat file".into())];
        let said = said(&script_in(tree.path(), &variables, &steps));
        let all =
            "as committed0\n|a 'b'|it's \"secret\"|none[x y][$SET]changed\nAll steps succeeded.\n";
        assert_eq!(said, all);
        assert_eq!(fs::read_to_string(tree.path().join("file")).unwrap(), "as committed");
    }

    #[test]
    fn nothing_runs_after_a_step_that_failed_or_without_a_value_or_the_files() {
        let tree = tempfile::tempdir().unwrap();
        let path = HandVariable::known("PATH", std::env::var("PATH").unwrap());
        let missing =
            HandVariable { name: "ABSENT".into(), value: None, secret: true, optional: false };
        let second = || Run::Shell("echo second".into());
        for failing in ["exit 3", "false; true", "false | true"] {
            let text = script_in(
                tree.path(),
                std::slice::from_ref(&path),
                &[Run::Bash(failing.into()), second()],
            );
            let output = sh(&text);
            assert!(!output.status.success() && output.stdout.is_empty(), "{failing}: {output:?}");
        }
        let text = script_in(tree.path(), &[path.clone(), missing], &[second()]);
        let output = sh(&text);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        let text = script_in(tree.path(), &[path], &[second()]);
        let output = sh(&text.replace("/. \"$tree\"", "/gone/. \"$tree\""));
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
}
