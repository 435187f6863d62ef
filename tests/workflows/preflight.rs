//! What is said of a workflow before it is started.

use std::collections::BTreeMap;

use trunkline::workflows::preflight::{
    MOST_INPUTS, MOST_INPUTS_OF_SERVER, PlannedStart, Remark, Weight, remarks,
};
use trunkline::workflows::{WorkflowFiles, WorkflowPlace, named_group};

const GOOD: &str = "run-name: deploy ${{ inputs.sha }} ${{ inputs.trunkline }}\non:\n  workflow_dispatch:\n    inputs:\n      sha: {type: string, required: true}\n      kind: {type: choice, options: [promote, rollback]}\n      dry: {type: boolean, required: true}\n      trunkline: {type: string, default: \"\"}\nconcurrency: {group: production, cancel-in-progress: false}\njobs:\n  deploy:\n    environment: production\n    steps: [{run: ./deploy.sh}]\n";

fn said(texts: &[(&str, &str)], inputs: &[(&str, Option<&str>)], most: usize) -> Vec<Remark> {
    let paths: Vec<_> =
        texts.iter().map(|(file, text)| (format!(".github/workflows/{file}"), *text)).collect();
    let files = WorkflowFiles::read(paths.iter().map(|(path, text)| (path.as_str(), *text)));
    let place = WorkflowPlace { repository: Some("acme/shop".into()), trunk: "main".into() };
    let inputs: BTreeMap<_, _> =
        inputs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
    let key = inputs.keys().find(|name| *name == "trunkline").map(String::as_str);
    let start =
        PlannedStart { workflow: "deploy.yml", key, inputs: inputs.clone(), most_inputs: most };
    remarks(&files, &place, &start)
}

/// The sentence of the one remark of this weight.
fn one(found: &[Remark], weight: Weight) -> String {
    let of: Vec<_> = found.iter().filter(|remark| remark.weight == weight).collect();
    assert_eq!(of.len(), 1, "{found:?}");
    of[0].sentence.clone()
}

const INPUTS: [(&str, Option<&str>); 3] =
    [("sha", None), ("kind", Some("promote")), ("trunkline", None)];

#[test]
fn a_workflow_that_takes_all_and_shows_the_key_is_not_spoken_of() {
    assert_eq!(said(&[("deploy.yml", GOOD)], &INPUTS, MOST_INPUTS), []);
}

#[test]
fn what_github_would_refuse_is_refused_before_it_goes_out() {
    let with = |more: &[(&'static str, Option<&'static str>)]| [&INPUTS[..], more].concat();
    let many: Vec<_> = (0..26).map(|n| format!("      i{n}: {{}}\n")).collect();
    let many = GOOD.replace("      sha:", &format!("{}      sha:", many.concat()));
    let cases = [
        (GOOD.to_owned(), with(&[("who", None)]), "does not declare the input who"),
        (GOOD.to_owned(), INPUTS[1..].to_vec(), "requires the input sha, and the step gives none"),
        (
            GOOD.to_owned(),
            with(&[("dry", Some("perhaps"))]),
            "takes true or false as dry, not perhaps",
        ),
        (
            GOOD.to_owned(),
            vec![("sha", None), ("kind", Some("retry")), ("trunkline", None)],
            "takes promote, rollback as kind, not retry",
        ),
        (
            GOOD.to_owned(),
            vec![("sha", Some("")), ("trunkline", None)],
            "requires the input sha, and its value is empty",
        ),
        (
            GOOD.replace("workflow_dispatch", "workflow_call"),
            INPUTS.to_vec(),
            "has no workflow_dispatch",
        ),
        (many, INPUTS.to_vec(), "has 30 inputs; this GitHub takes 25 at most"),
    ];
    for (text, inputs, wanted) in cases {
        let found = said(&[("deploy.yml", &text)], &inputs, MOST_INPUTS);
        let sentence = one(&found, Weight::Refused);
        assert!(sentence.contains(wanted), "{sentence}");
    }
    let eleven: Vec<_> = (0..7).map(|n| format!("      i{n}: {{}}\n")).collect();
    let eleven = GOOD.replace("      sha:", &format!("{}      sha:", eleven.concat()));
    assert_eq!(said(&[("deploy.yml", &eleven)], &INPUTS, MOST_INPUTS), []);
    let server = said(&[("deploy.yml", &eleven)], &INPUTS, MOST_INPUTS_OF_SERVER);
    assert!(one(&server, Weight::Refused).contains("takes 10 at most"));
    let missing = said(&[("other.yml", GOOD)], &INPUTS, MOST_INPUTS);
    assert!(one(&missing, Weight::Refused).contains("main has no .github/workflows/deploy.yml"));
}

#[test]
fn a_run_that_could_not_be_found_again_is_warned_of() {
    let silent = GOOD.replace(" ${{ inputs.trunkline }}", "");
    let sentence = one(&said(&[("deploy.yml", &silent)], &INPUTS, MOST_INPUTS), Weight::Warning);
    assert_eq!(
        sentence,
        "deploy.yml does not show our key: a lost answer cannot be cleared up by itself"
    );
    let sentence = one(&said(&[("deploy.yml", GOOD)], &INPUTS[..2], MOST_INPUTS), Weight::Warning);
    assert!(sentence.contains("no input of the step gives our key"), "{sentence}");
    for shown in [
        "github.event.inputs.trunkline",
        "inputs.trunkline || github.run_id",
        "format('{0}', inputs.trunkline)",
    ] {
        let text = GOOD.replace("inputs.trunkline }}", &format!("{shown} }}}}"));
        assert_eq!(said(&[("deploy.yml", &text)], &INPUTS, MOST_INPUTS), [], "{shown}");
    }
}

const MERGES: &str = "on: {push: {branches: [main]}}\nconcurrency: {group: PRODUCTION, cancel-in-progress: true}\njobs:\n  deploy:\n    environment: production\n    steps: [{run: kamal deploy}]\n";

#[test]
fn a_group_that_merges_share_is_warned_of_and_so_is_one_that_cancels_its_own() {
    let found = said(&[("deploy.yml", GOOD), ("merge.yml", MERGES)], &INPUTS, MOST_INPUTS);
    let sentence = one(&found, Weight::Warning);
    assert!(
        sentence.starts_with("the next merge would cancel this deploy")
            && sentence.contains("merge.yml"),
        "{sentence}"
    );
    let calm = MERGES.replace("true", "false");
    let found = said(&[("deploy.yml", GOOD), ("merge.yml", &calm)], &INPUTS, MOST_INPUTS);
    assert!(one(&found, Weight::Warning).contains("takes its place while it waits"), "{found:?}");
    let by_job = MERGES.replace("concurrency: {group: PRODUCTION, cancel-in-progress: true}\n", "")
        .replace("    environment:", "    concurrency: {group: production, cancel-in-progress: \"${{ github.ref == 'refs/heads/main' }}\"}\n    environment:");
    let found = said(&[("deploy.yml", GOOD), ("merge.yml", &by_job)], &INPUTS, MOST_INPUTS);
    assert!(one(&found, Weight::Warning).starts_with("the next merge would cancel"), "{found:?}");
    let own = GOOD.replace("cancel-in-progress: false", "cancel-in-progress: true");
    let sentence = one(&said(&[("deploy.yml", &own)], &INPUTS, MOST_INPUTS), Weight::Warning);
    assert!(
        sentence.starts_with("the next start of deploy.yml would cancel this deploy"),
        "{sentence}"
    );
    let apart = GOOD.replace("group: production", "group: \"deploy-${{ github.event_name }}\"");
    let merges = MERGES.replace("group: PRODUCTION", "group: \"deploy-${{ github.event_name }}\"");
    assert_eq!(said(&[("deploy.yml", &apart), ("merge.yml", &merges)], &INPUTS, MOST_INPUTS), []);
}

#[test]
fn what_cannot_be_read_is_said_as_not_known() {
    let found = said(&[("deploy.yml", "on: push\njobs: [\n")], &INPUTS, MOST_INPUTS);
    assert!(one(&found, Weight::NotKnown).contains("deploy.yml:2: "), "{found:?}");
    let computed = GOOD.replace("group: production", "group: \"${{ vars.GROUP }}\"");
    let found = said(&[("deploy.yml", &computed)], &INPUTS, MOST_INPUTS);
    assert!(one(&found, Weight::NotKnown).contains("is computed when it runs"), "{found:?}");
    let of_run = GOOD.replace("group: production", "group: \"${{ github.run_id }}\"");
    assert_eq!(said(&[("deploy.yml", &of_run)], &INPUTS, MOST_INPUTS), []);
}

#[test]
fn only_a_group_in_plain_words_is_one() {
    for (text, group) in [
        ("concurrency: production", Some("production")),
        ("concurrency: {group: production, cancel-in-progress: false}", Some("production")),
        ("concurrency: { cancel-in-progress: true, group: 'Prod 1' } # one", Some("Prod 1")),
        (
            "concurrency:\n  # one at a time\n  group: \"production\"\n\n  queue: max",
            Some("production"),
        ),
        ("concurrency:\n  group: &name production", Some("production")),
        ("concurrency: ${{ github.workflow }}", None),
        ("concurrency:\n  group: deploy-${{ inputs.kind }}", None),
        ("concurrency: {group: \"${{ inputs.kind }}\"}", None),
        ("concurrency:\n  group: >\n    production\n    two", None),
        ("concurrency:\n  group: |\n    production\n    two", None),
        ("concurrency:\n  <<: *one", None),
        ("concurrency:\n\tgroup: production", None),
        ("concurrency: one\nconcurrency: two", None),
        ("env: {}", None),
    ] {
        let file = format!("on: push\n{text}\njobs:\n  a:\n    concurrency: inner\n");
        assert_eq!(named_group(&file).as_deref(), group, "{file}");
    }
    assert_eq!(named_group(""), None);
}
