//! The service file that follows from a repository's workflows: what is certain as settings, the rest as comments with the
//! question that has to be answered.

use std::fmt::Write as _;

use crate::domain::ids::ServiceName;
use crate::workflows::{
    LaneName, LaneQuestion, ObservedLane, ProductionPattern, Proposal, WorkflowCall,
};

/// What the engine is called in the operator's file.
pub const ENGINE: &str = "github";
/// Stands where the repository is not known.
const NO_REPOSITORY: &str = "OWNER/NAME";

/// For whom it is.
#[derive(Debug, Clone)]
pub struct ProposedFor<'a> {
    pub name: &'a ServiceName,
    pub trunk: &'a str,
    /// `owner/name` at GitHub. Without it nothing is certain.
    pub repository: Option<&'a str>,
}

/// The text of the service file.
#[must_use]
pub fn service_file(wanted: &ProposedFor<'_>, proposal: &Proposal) -> String {
    let mut text = String::from(
        "# How trunkline brings this service from its trunk to production and back, as its workflows at GitHub do it.\n",
    );
    comment(&mut text, &proposal.sentence);
    text.push_str(
        "# What stands commented out is not certain: answer the question above it, then remove the \"# \" of its lines.\n\n",
    );
    let _ = writeln!(text, "service = {}", quoted(wanted.name.as_str()));
    let _ = writeln!(text, "trunk = {}", quoted(wanted.trunk));
    let is_known = wanted.repository.is_some();
    if !is_known {
        text.push('\n');
        comment(&mut text, "Which repository at GitHub is this? Write its OWNER/NAME below.");
    }
    for lane in [LaneName::Staging, LaneName::Production] {
        let sure = if lane == LaneName::Staging { &proposal.staging } else { &proposal.production };
        text.push('\n');
        match sure {
            Some(observed) => {
                let written = observe(lane, observed, wanted);
                comment(&mut text, &format!("Where it is seen what {} runs.", lane.as_str()));
                push(&mut text, &written, is_known);
            }
            None => open_lane(&mut text, lane, wanted, proposal),
        }
    }
    call(&mut text, wanted, proposal, is_known);
    live(&mut text);
    text
}

/// That nothing tells what production runs, and what could.
fn live(text: &mut String) {
    text.push('\n');
    comment(
        text,
        "Does production tell which commit it runs? GitHub tells what ran, not what runs. Write the address that answers with \
         JSON, and list its host in [live] hosts of config.toml; or a command that prints a line TARGET COMMIT for each target.",
    );
    let address = "[production.live]\nurl = \"https://HOST/version\"\npointer = \"/sha\"\n";
    push(text, address, false);
}

/// A lane that is not certain: its questions, with what would be written.
fn open_lane(text: &mut String, lane: LaneName, wanted: &ProposedFor<'_>, proposal: &Proposal) {
    for question in proposal.questions.iter().filter(|question| question.lane == lane) {
        comment(text, &question.question);
        for observed in &question.observe {
            push(text, &observe(lane, observed, wanted), false);
        }
    }
    let is_asked = proposal.questions.iter().any(|question| question.lane == lane);
    if let Some(answer) = proposal.answers.iter().find(|answer| answer.lane == lane && !is_asked) {
        let name = lane.as_str();
        comment(text, &format!("{name}: {}.", answer.sentence.trim_end_matches('.')));
        if lane == LaneName::Staging {
            comment(
                text,
                "trunkline needs [staging.observe] or [[staging.steps]] before it can use this file.",
            );
        }
    }
}

/// The steps of a promote and of a rollback.
fn call(text: &mut String, wanted: &ProposedFor<'_>, proposal: &Proposal, is_known: bool) {
    text.push('\n');
    if let Some(call) = &proposal.call {
        push(text, &steps(call, wanted), is_known);
        return;
    }
    for question in proposal.questions.iter().filter(|question| question.lane == LaneName::Promote)
    {
        comment(text, &question.question);
        if let Some(call) = &question.call {
            push(text, &steps(call, wanted), false);
        }
    }
    for answer in &proposal.answers {
        let is_call = matches!(answer.lane, LaneName::Promote | LaneName::Rollback);
        let is_asked =
            proposal.questions.iter().any(|question| question.question == answer.sentence);
        if is_call && !is_asked {
            comment(
                text,
                &format!("{}: {}.", answer.lane.as_str(), answer.sentence.trim_end_matches('.')),
            );
        }
    }
    if proposal.questions.iter().all(|question| question.call.is_none()) {
        other_way(text, wanted, proposal);
    }
}

/// The step that does what production follows, where no workflow takes a commit. Something of it has to be answered.
fn other_way(text: &mut String, wanted: &ProposedFor<'_>, proposal: &Proposal) {
    let of_production = |question: &&LaneQuestion| question.lane == LaneName::Production;
    let asked = proposal.questions.iter().find(of_production);
    let asked = asked.and_then(|question| question.observe.first());
    let Some(lane) = proposal.production.as_ref().or(asked) else { return };
    let (job, environment) = (lane.jobs.first(), lane.environments.first());
    let needs_rollback =
        "It needs [[rollback.steps]] beside it, which start a workflow, make a tag or run here.";
    let (question, keys, is_both) = match (proposal.pattern, &lane.tag, &lane.branch) {
        (ProductionPattern::AfterStaging, ..) => {
            let environment = environment.map_or("ENVIRONMENT", String::as_str);
            let question = format!(
                "Does this job wait for a review of this environment? Then a promote can approve it, with a token of whoever promotes: see [engines.{ENGINE}.people] of config.toml. {needs_rollback}"
            );
            (question, vec![("approve", quoted(environment))], false)
        }
        (ProductionPattern::TagOrRelease, tag, _) => {
            let pattern = tag.as_deref().unwrap_or("v*");
            let Some(start) = tag_start(pattern) else { return };
            let mut keys = vec![("tag", quoted(&format!("{start}{{deployment}}")))];
            let what = if tag.is_none() { "release" } else { "tag" };
            if tag.is_none() {
                keys.push(("release", "true".into()));
            }
            let question = format!(
                "Is trunkline to make a {what}, and how is it to be named? It needs {{build}} or {{deployment}}, and a rollback {{deployment}}."
            );
            (question, keys, true)
        }
        (ProductionPattern::Branch, _, Some(branch)) => {
            let question =
                format!("Is a promote to move the branch {branch} forwards? {needs_rollback}");
            (question, vec![("branch", quoted(branch))], false)
        }
        _ => return,
    };
    comment(text, &question);
    let mut all = vec![
        ("engine", quoted(ENGINE)),
        ("repository", quoted(wanted.repository.unwrap_or(NO_REPOSITORY))),
        ("workflow", quoted(&lane.workflow)),
    ];
    all.extend(keys);
    all.extend(job.map(|job| ("job", quoted(job))));
    for section in ["production", "rollback"].iter().take(if is_both { 2 } else { 1 }) {
        let step = format!("[[{section}.steps]]\nname = \"release\"\ngithub = {}\n", table(&all));
        push(text, &step, false);
    }
}

/// What a tag begins with so that a pattern such as `v*` takes it. `None` if it takes one name alone, or may take another.
fn tag_start(pattern: &str) -> Option<&str> {
    let start = pattern.strip_suffix("**").or(pattern.strip_suffix('*'))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    start.chars().all(is_plain).then_some(start)
}

fn observe(lane: LaneName, observed: &ObservedLane, wanted: &ProposedFor<'_>) -> String {
    let mut keys = vec![
        ("engine", quoted(ENGINE)),
        ("repository", quoted(wanted.repository.unwrap_or(NO_REPOSITORY))),
        ("workflow", quoted(&observed.workflow)),
    ];
    if !observed.jobs.is_empty() {
        let jobs: Vec<_> = observed.jobs.iter().map(|job| quoted(job)).collect();
        keys.push(("jobs", format!("[{}]", jobs.join(", "))));
    }
    keys.push(("event", quoted(&observed.event)));
    for (key, value) in
        [("branch", &observed.branch), ("tag", &observed.tag), ("sha", &observed.sha)]
    {
        keys.extend(value.as_ref().map(|value| (key, quoted(value))));
    }
    if observed.handed_over {
        keys.push(("means", quoted("handed over")));
    }
    format!("[{}.observe]\ngithub = {}\n", lane.as_str(), table(&keys))
}

fn steps(call: &WorkflowCall, wanted: &ProposedFor<'_>) -> String {
    let mut keys = vec![
        ("engine", quoted(ENGINE)),
        ("repository", quoted(wanted.repository.unwrap_or(NO_REPOSITORY))),
        ("workflow", quoted(&call.workflow)),
        ("ref", quoted(&call.at)),
    ];
    keys.extend(call.job.as_ref().map(|job| ("job", quoted(job))));
    let inputs: Vec<_> =
        call.inputs.iter().map(|(name, value)| (key(name), quoted(value))).collect();
    let inputs: Vec<_> =
        inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let step = |section: &str| {
        format!(
            "[[{section}.steps]]\nname = \"release\"\ngithub = {}\ninputs = {}\n",
            table(&keys),
            table(&inputs)
        )
    };
    format!("{}\n{}", step("production"), step("rollback"))
}

fn table(keys: &[(&str, String)]) -> String {
    let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A name as a key, quoted if it has to be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// As TOML writes it in one line.
fn quoted(text: &str) -> String {
    let has_backslash = text.contains('\\') && !text.contains('\'') && !text.contains(is_hidden);
    if has_backslash {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if is_hidden(c) => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What changes how a file is shown and is not seen itself: control characters, and those that turn the direction of text.
fn is_hidden(c: char) -> bool {
    let hidden = [
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
    ];
    c.is_control() || hidden.iter().any(|range| range.contains(&c))
}

/// The longest line of a comment.
const WIDTH: usize = 118;

/// Adds a comment, in as many lines as it needs. Nothing of it can end the comment.
fn comment(text: &mut String, sentence: &str) {
    let clean: String = sentence.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let mut line = String::from("#");
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        if line.len() > 1 && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        text.push_str(&line);
        text.push('\n');
    }
}

/// Adds lines of settings, commented out unless they are certain.
fn push(text: &mut String, lines: &str, is_sure: bool) {
    for line in lines.lines() {
        match (is_sure, line.is_empty()) {
            (true, _) => text.push_str(line),
            (false, true) => text.push('#'),
            (false, false) => {
                text.push_str("# ");
                text.push_str(line);
            }
        }
        text.push('\n');
    }
}
