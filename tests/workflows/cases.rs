//! One file for each shape of a repository in tests/data/workflows: its workflows, and beside it what has to be proposed.
//! Set `TRUNKLINE_RENEW_GOLDEN=1` to write the proposals anew, and read what changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use trunkline::config::ServiceFile;
use trunkline::config::proposed::{ProposedFor, service_file};
use trunkline::workflows::{ChangedWorkflow, Proposal, WorkflowFiles, WorkflowPlace, propose};

const FOLDER: &str = "tests/data/workflows";

/// A shape: its repository and trunk, and its files.
pub struct RepositoryShape {
    pub place: WorkflowPlace,
    pub files: Vec<(String, String)>,
}

impl RepositoryShape {
    /// The first line has the repository and the trunk; `=== PATH` begins a file.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let (head, rest) = text.split_once('\n').unwrap();
        let (repository, trunk) = head.split_once(' ').unwrap();
        let mut files = Vec::new();
        for part in rest.split("=== ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            files.push((name.trim().to_owned(), text.to_owned()));
        }
        let repository = Some(repository.to_owned()).filter(|name| name != "unknown");
        Self { place: WorkflowPlace { repository, trunk: trunk.trim().to_owned() }, files }
    }

    pub fn parsed(&self) -> WorkflowFiles {
        WorkflowFiles::read(self.files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    fn proposal(&self) -> Proposal {
        propose(&self.parsed(), &self.place)
    }
}

pub fn shape(name: &str) -> RepositoryShape {
    RepositoryShape::read(&Path::new(FOLDER).join(format!("{name}.shape")))
}

fn shapes() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut shapes: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "shape")).collect();
    shapes.sort();
    shapes
}

fn shown(shape: &RepositoryShape, proposal: &Proposal) -> String {
    let mut text = format!("{}: {}\n", proposal.pattern.letter(), proposal.sentence);
    for answer in &proposal.answers {
        let _ =
            writeln!(text, "{} {}: {}", answer.is.as_str(), answer.lane.as_str(), answer.sentence);
    }
    for note in &proposal.notes {
        let _ = writeln!(text, "- {note}");
    }
    for error in &proposal.unreadable {
        let _ = writeln!(text, "- not read: {error}");
    }
    let name = "shop".parse().unwrap();
    let (trunk, repository) = (shape.place.trunk.as_str(), shape.place.repository.as_deref());
    let file = service_file(&ProposedFor { name: &name, trunk, repository }, proposal);
    let _ = write!(text, "\ntrunkline.toml\n{file}");
    match ServiceFile::parse(&file, "trunkline.toml") {
        Ok(_) => text.push_str("\n(complete)\n"),
        // Nothing else may be missing: what is certain can always be read.
        Err(error) => {
            assert!(error.to_string().contains("staging"), "{error}\n{file}");
            text.push_str("\n(not complete: it says nothing of staging)\n");
        }
    }
    if let Some(change) = &proposal.change {
        let _ = writeln!(text, "\nchange: {}", change.why);
        match &change.file {
            ChangedWorkflow::New { path, text: new } => {
                let _ = write!(text, "{path}\n{new}");
            }
            ChangedWorkflow::Lines { path, add } => {
                let _ = writeln!(text, "{path}");
                for (line, added) in add {
                    let _ = writeln!(text, "behind line {line}:\n{added}");
                }
            }
        }
    }
    text
}

#[test]
fn each_shape_of_a_repository_gets_its_proposal() {
    let mut wrong = Vec::new();
    let all = shapes();
    for path in &all {
        let shape = RepositoryShape::read(path);
        let shown = shown(&shape, &shape.proposal());
        let golden = path.with_extension("proposal");
        if std::env::var_os("TRUNKLINE_RENEW_GOLDEN").is_some() {
            fs::write(&golden, &shown).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", path.display()));
        }
    }
    assert!(all.len() >= 24, "{all:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every question's answer is written as a comment: without its "# " the file has to be one that trunkline reads.
#[test]
fn what_is_proposed_as_a_comment_can_be_read_once_it_is_answered() {
    for path in shapes() {
        let shape = RepositoryShape::read(&path);
        let mut proposal = shape.proposal();
        for question in std::mem::take(&mut proposal.questions) {
            let lane = question.observe.into_iter().next();
            match question.lane.as_str() {
                "staging" => proposal.staging = lane,
                "production" => proposal.production = lane,
                _ => proposal.call = question.call,
            }
        }
        if proposal.staging.is_none() {
            continue;
        }
        let name = "shop".parse().unwrap();
        let wanted =
            ProposedFor { name: &name, trunk: &shape.place.trunk, repository: Some("acme/shop") };
        let file = service_file(&wanted, &proposal);
        ServiceFile::parse(&file, "trunkline.toml")
            .unwrap_or_else(|error| panic!("{}: {error}\n{file}", path.display()));
    }
}

/// A way without a dispatch is proposed as a comment; only one that can roll back too is whole with its lines alone.
#[test]
fn a_tag_that_would_deploy_is_proposed_with_its_rollback_and_an_approval_or_a_branch_without() {
    let mut seen = [0, 0, 0];
    for path in shapes() {
        let shape = RepositoryShape::read(&path);
        let mut proposal = shape.proposal();
        let name = "shop".parse().unwrap();
        let wanted =
            ProposedFor { name: &name, trunk: &shape.place.trunk, repository: Some("acme/shop") };
        if proposal.staging.is_none() {
            let asked = proposal.questions.iter().find(|question| !question.observe.is_empty());
            proposal.staging = asked.map(|question| question.observe[0].clone());
        }
        let file = service_file(&wanted, &proposal);
        let kinds = ["approve = \"", "tag = \"", "branch = \""];
        let is_step = |line: &&str| line.starts_with("# github = ") && !line.contains("event = ");
        for line in file.lines().filter(is_step) {
            let Some(at) = kinds.iter().position(|kind| line.contains(kind)) else { continue };
            seen[at] += 1;
        }
        let answered: Vec<_> = file
            .lines()
            .map(|line| {
                let is_setting = line.starts_with("# [[")
                    || line.starts_with("# github = ")
                    || line.starts_with("# name = ");
                if is_setting && !line.contains("event = ") { &line[2..] } else { line }
            })
            .collect();
        let answered = answered.join("\n");
        let has_rollback = answered.contains("\n[[rollback.steps]]");
        if !answered.contains("\n[[production.steps]]") || proposal.staging.is_none() {
            continue;
        }
        match ServiceFile::parse(&answered, "trunkline.toml") {
            Ok(_) => assert!(has_rollback, "{}", path.display()),
            Err(error) => {
                let why = error.to_string();
                assert!(
                    !has_rollback && why.contains("rollback has none"),
                    "{}: {why}\n{answered}",
                    path.display()
                );
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_new_workflow_that_is_shown_is_one_and_takes_the_commit_and_the_key() {
    let mut seen = 0;
    for path in shapes() {
        let shape = RepositoryShape::read(&path);
        let Some(change) = shape.proposal().change else { continue };
        let ChangedWorkflow::New { path: file, text } = change.file else { continue };
        let files = WorkflowFiles::read([(file.as_str(), text.as_str())]);
        assert!(
            files.unreadable().is_empty(),
            "{}: {:?}\n{text}",
            path.display(),
            files.unreadable()
        );
        let place = WorkflowPlace { repository: Some("acme/shop".into()), trunk: "main".into() };
        let facts = trunkline::workflows::WorkflowFacts::of(&files, "promote.yml", &place).unwrap();
        let inputs: Vec<_> =
            facts.inputs().unwrap().iter().map(|input| input.name.as_str()).collect();
        assert!(inputs.contains(&"sha") && inputs.contains(&"trunkline"), "{inputs:?}");
        assert!(facts.shows("trunkline"), "{text}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}
