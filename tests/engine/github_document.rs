//! docs/github.md and the workflow that it offers, held against what trunkline reads and sends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trunkline::config::engines::TokenSource;
use trunkline::config::service_file::ServiceFile;
use trunkline::config::user_file::UserFile;
use trunkline::domain::remote::{RemoteCall, RemoteJob};
use trunkline_testing::zizmor::unsafe_in;

const DOCUMENT: &str = include_str!("../../docs/github.md");
const WORKFLOW: &str = include_str!("../../assets/github/deploy.yml");

/// The blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks = DOCUMENT.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The one of its pieces of TOML that has this.
fn block(part: &str) -> &'static str {
    let all = blocks("toml");
    let mut with = all.into_iter().filter(|block| block.contains(part));
    with.next().unwrap_or_else(|| panic!("no piece has {part}"))
}

/// The jobs that the document's `trunkline.toml` calls.
fn jobs() -> Vec<RemoteJob> {
    let steps = block("[[production.steps]]");
    let staging = "[[staging.steps]]\nname = \"smoke\"\nrun = \"true\"\n";
    let text = format!("service = \"shop\"\ntrunk = \"main\"\n{staging}{steps}");
    let file = ServiceFile::parse(&text, "trunkline.toml").unwrap_or_else(|why| panic!("{why}"));
    let steps = file.production.iter().chain(&file.rollback);
    steps.filter_map(|step| step.remote().cloned()).collect()
}

#[test]
fn the_files_of_the_document_are_read_and_fit_each_other() {
    let (user, observed) = (block("token = { command"), block("[production.observe]"));
    let user = UserFile::parse(user, "config.toml").unwrap_or_else(|why| panic!("{why}"));
    let jobs = jobs();
    assert_eq!(jobs.len(), 2);
    let observed = ServiceFile::parse(&format!("service = \"shop\"\n{observed}"), "trunkline.toml");
    let lanes = observed.unwrap_or_else(|why| panic!("{why}")).lanes;
    assert_eq!(lanes.all().count(), 2);
    for (environment, lane) in lanes.all() {
        assert_eq!(
            user.unreadable(&lane.engine, &lane.repository, "config.toml"),
            None,
            "{environment}"
        );
    }
    for job in jobs {
        assert_eq!(user.unusable(&job, "config.toml"), None);
        assert_eq!(job.call.wait_within().map(|within| within.as_secs()), Some(24 * 3600));
    }
}

#[test]
fn the_app_of_the_document_is_read() {
    let app = blocks("toml").into_iter().find(|block| block.contains("app = ")).unwrap();
    let file = UserFile::parse(app, "config.toml").unwrap_or_else(|why| panic!("{why}"));
    let engine = &file.engines[&"github".parse().unwrap()];
    assert!(matches!(engine.token, Some(TokenSource::App(_))), "{engine:?}");
    assert_eq!(engine.repositories_of("acme"), ["shop", "site"]);
}

#[test]
fn the_workflow_of_the_document_takes_what_is_sent_and_shows_the_key() {
    // Inputs are the names six spaces deep below `inputs:`.
    let inputs = WORKFLOW.split("    inputs:\n").nth(1).unwrap();
    let inputs = inputs.lines().take_while(|line| line.starts_with("      "));
    let inputs: BTreeSet<_> = inputs
        .filter_map(|line| line.strip_prefix("      ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect();
    for job in jobs() {
        let RemoteCall::GitHub { workflow, job: named, .. } = &job.call else { panic!("{job:?}") };
        assert_eq!(workflow, "deploy.yml");
        assert!(WORKFLOW.contains(&format!("\n  {}:\n", named.as_ref().unwrap())));
        let sent: BTreeSet<_> = job.inputs.keys().map(String::as_str).collect();
        assert!(sent.is_subset(&inputs), "{sent:?} {inputs:?}");
    }
    let title = WORKFLOW.lines().find(|line| line.starts_with("run-name:")).unwrap();
    assert!(title.contains("${{ inputs.trunkline }}"), "{title}");
    assert!(DOCUMENT.contains(title), "the document shows the same title");
    for line in WORKFLOW.lines().filter(|line| line.trim_start().starts_with("run:")) {
        assert!(!line.contains("${{"), "an input is no part of a script: {line}");
    }
}

/// The workflows that trunkline ships or shows, with a name for each: a part of one that a document shows has no jobs.
fn workflows() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for file in files(&root.join("assets/github")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        all.push((name, std::fs::read_to_string(&file).unwrap()));
    }
    for file in files(&root.join("docs")).into_iter().chain([root.join("README.md")]) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let whole = blocks.filter(|block| block.contains("\njobs:") && block.contains("\non:"));
        all.extend(
            whole.enumerate().map(|(at, text)| (format!("{name}-{at}.yml"), text.to_owned())),
        );
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn nothing_unsafe_is_found_in_the_workflows_that_are_shipped() {
    let workflows = workflows();
    assert!(workflows.iter().any(|(name, _)| name == "deploy.yml"), "{workflows:?}");
    let workflows: Vec<_> =
        workflows.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let found = unsafe_in(&workflows);
    assert_eq!(found, None, "{}", found.clone().unwrap_or_default());
}
