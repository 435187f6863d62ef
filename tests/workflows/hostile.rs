//! Files that mean harm: each gives an error with its line or a proposal, never a panic and never a wait.

use proptest::prelude::*;
use trunkline::workflows::{LARGEST, WorkflowFiles, WorkflowPlace, propose};

const PATH: &str = ".github/workflows/deploy.yml";

fn place() -> WorkflowPlace {
    WorkflowPlace { repository: Some("acme/shop".into()), trunk: "main".into() }
}

fn read(text: &str) -> WorkflowFiles {
    let files = WorkflowFiles::read([(PATH, text)]);
    let proposal = propose(&files, &place());
    assert!(!proposal.answers.is_empty());
    files
}

fn error_of(text: &str) -> String {
    let files = read(text);
    files.unreadable().first().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_file_that_cannot_be_read_names_its_line() {
    let bomb: Vec<_> =
        (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect();
    for (text, wanted) in [
        ("on: push\njobs:\n\ta: 1\n".to_owned(), "deploy.yml:3: "),
        ("on: push\non: pull_request\n".to_owned(), "deploy.yml:2: the key \"on\" stands twice"),
        ("name: x\njobs: {}\n".to_owned(), "deploy.yml:1: is no workflow: it has no \"on\""),
        ("- a\n- b\n".to_owned(), "is no workflow: it has no keys"),
        (String::new(), "deploy.yml:1: is empty"),
        (
            format!("on: push\nx: {}{}\n", "[".repeat(70), "]".repeat(70)),
            "deploy.yml:2: is nested deeper than 64 levels",
        ),
        (
            format!("on: push\na0: &a0 [x,x,x,x,x,x,x,x,x]\n{}", bomb.concat()),
            "has more than 100000 values",
        ),
        ("on: push\na: &a [*a]\n".to_owned(), "deploy.yml:2: "),
        ("on: push\na: *b\n".to_owned(), "deploy.yml:2: "),
        (" ".repeat(LARGEST + 1), "is larger than 512 KiB"),
    ] {
        let error = error_of(&text);
        assert!(error.starts_with(PATH) && error.contains(wanted), "{wanted:?}: {error:?}");
    }
}

#[test]
fn workflows_that_call_each_other_and_needs_in_a_circle_come_to_an_end() {
    let called = "on: {workflow_call: {}, push: {branches: [main]}}\njobs:\n  a:\n    needs: b\n    uses: ./.github/workflows/deploy.yml\n  b:\n    needs: a\n    uses: ./.github/workflows/deploy.yml\n  c:\n    uses: ./.github/workflows/deploy.yml\n    with: {environment: production}\n";
    assert!(read(called).unreadable().is_empty());
}

#[test]
fn calls_that_multiply_are_given_up_and_that_is_said() {
    let call = |to: usize| {
        let job = |n: usize| format!("  j{n}: {{uses: ./.github/workflows/w{to}.yml}}\n");
        let jobs: Vec<_> = (0..25).map(job).collect();
        format!("on: {{workflow_call: {{}}, push: {{branches: [main]}}}}\njobs:\n{}", jobs.concat())
    };
    let texts: Vec<_> =
        (0..5).map(|n| (format!(".github/workflows/w{n}.yml"), call(n + 1))).collect();
    let files =
        WorkflowFiles::read(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let proposal = propose(&files, &place());
    assert!(files.are_too_many());
    assert!(
        proposal
            .notes
            .iter()
            .any(|note| note.contains("more in these workflows than was looked at"))
    );
}

#[test]
fn a_long_condition_is_not_known_and_does_no_harm() {
    for condition in [
        "(".repeat(5_000),
        "!".repeat(20_000),
        "true && ".repeat(2_000) + "true",
        "a.".repeat(9_000),
    ] {
        let text = format!(
            "on: {{push: {{branches: [main]}}}}\njobs:\n  deploy:\n    if: {}\n    environment: production\n    steps: [{{run: kamal deploy}}]\n",
            serde_json::Value::from(condition)
        );
        assert!(read(&text).unreadable().is_empty());
    }
}

const PIECES: [&str; 44] = [
    "on:",
    "push",
    "\n",
    "  ",
    "jobs:",
    "deploy:",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "branches",
    "main",
    "'v*'",
    "environment: production",
    "uses: ./.github/workflows/deploy.yml",
    "with:",
    "steps:",
    "run: kamal deploy",
    "if: ",
    "${{ ",
    " }}",
    "github.ref",
    " == ",
    "'refs/heads/",
    "'",
    "\"",
    "&a ",
    "*a",
    "|\n",
    "needs: [a, deploy]",
    "strategy: {matrix: {env: [staging, prod]}}",
    "workflow_dispatch: {inputs: {sha: {required: true}}}",
    "concurrency: ",
    "fromJSON('[",
    "contains(",
    ")",
    "!",
    "---\n",
    "# x",
    "\u{202e}",
    "a\u{0}b",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(parts in prop::collection::vec(0..PIECES.len(), 0..60)) {
        read(&parts.into_iter().map(|at| PIECES[at]).collect::<String>());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in any::<String>()) {
        read(&text);
        read(&format!("on: push\njobs: {{deploy: {{environment: production, steps: [], if: {text:?}}}}}\n"));
    }

    #[test]
    fn a_workflow_that_was_cut_or_changed_anywhere_does_no_harm(at in 0usize..4000, piece in 0..PIECES.len()) {
        let whole = crate::cases::shape("one-run").files.remove(0).1;
        let at = (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
        read(&whole[..at]);
        read(&format!("{}{}{}", &whole[..at], PIECES[piece], &whole[at..]));
    }
}
