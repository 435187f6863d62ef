//! How a step has a workflow of GitHub deploy: `ref` dispatches it, `approve`, `tag` and `branch` do something else.

use super::names::{LONGEST_NAME, has_control, named, required};
use super::pipeline_name::PipelineName;
use crate::domain::remote::{GitHubWay, filled, unknown_placeholder};
use crate::settings::{Mistakes, Section, Setting};

/// What a tag may be made of, beside letters and digits. None of these is a part of an address or of a pattern.
const IN_TAG: [&str; 7] =
    ["build", "deployment", "sha", "short_sha", "environment", "service", "kind"];
/// One of these makes a tag that no other build or deployment has.
const UNIQUE: [&str; 2] = ["{build}", "{deployment}"];
/// The rule for the name of a tag or a branch.
const NAME_RULE: &str =
    "use letters, digits, \"-\", \"_\", \".\", \"+\" and \"/\" as git allows them in a name";
const INSTEAD: &str = "write a rollback step that starts a workflow (ref), makes a tag with {deployment} or runs here";

/// What the step does.
pub(super) enum WayKeys {
    /// A dispatch, on this branch or tag.
    Dispatch(String),
    Other(GitHubWay),
}

/// The one of the keys that the step has.
pub(super) fn read(
    section: &mut Section<'_>,
    pipeline: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> Option<WayKeys> {
    let [approve, tag, release, branch] =
        ["approve", "tag", "release", "branch"].map(|key| section.take(key));
    if let (Some(release), None) = (&release, &tag) {
        release.reject(mistakes, "is for tag; add tag = \"v{deployment}\"");
    }
    if approve.is_none() && tag.is_none() && branch.is_none() {
        let rule = "write the name of a branch or tag, such as \"main\"";
        let at = required(section, "ref", mistakes)?;
        return named(&at, is_ref, rule, mistakes).map(WayKeys::Dispatch);
    }
    let all = [section.take("ref"), approve, tag, branch];
    let mut given = all.iter().flatten();
    let first = given.next()?;
    for other in given {
        let sentence = format!("stands beside {}; a step does one of them", first.name);
        other.reject(mistakes, sentence);
    }
    let [_, approve, tag, branch] = &all;
    let way = match (approve, tag, branch) {
        (Some(entry), ..) => approval(entry, pipeline, mistakes),
        (_, Some(entry), _) => tagged(entry, release.as_ref(), pipeline, mistakes),
        (.., Some(entry)) => moved(entry, pipeline, mistakes),
        (None, None, None) => None,
    };
    way.map(WayKeys::Other)
}

fn approval(
    entry: &Setting<'_>,
    pipeline: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> Option<GitHubWay> {
    match pipeline {
        PipelineName::Staging => {
            let sentence = "is for production: staging deploys by itself, and nobody is there whose approval it could be";
            entry.reject(mistakes, sentence);
        }
        PipelineName::Rollback => {
            let sentence =
                format!("cannot roll back: no run of an older build waits for a review; {INSTEAD}");
            entry.reject(mistakes, sentence);
        }
        PipelineName::Production => {}
    }
    let is_name = |text: &str| !text.is_empty() && !has_control(text);
    let rule = "write the name of the environment that the job waits for";
    let environment = named(entry, is_name, rule, mistakes)?;
    Some(GitHubWay::Approve { environment })
}

fn tagged(
    entry: &Setting<'_>,
    release: Option<&Setting<'_>>,
    pipeline: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> Option<GitHubWay> {
    let release = match release {
        Some(entry) => entry.flag(mistakes)?,
        None => false,
    };
    let name = entry.text(mistakes)?;
    let why = if let Some(unknown) = unknown_placeholder(name) {
        Some(format!("{{{unknown}}} is no placeholder"))
    } else if !UNIQUE.iter().any(|part| name.contains(part)) {
        Some(format!("{name:?} would be the same tag each time; add {{build}} or {{deployment}}"))
    } else if !is_tag(name) {
        let known: Vec<_> = IN_TAG.iter().map(|name| format!("{{{name}}}")).collect();
        Some(format!(
            "{name:?} makes no tag; {NAME_RULE}, and of the placeholders {}",
            known.join(" ")
        ))
    } else if pipeline == PipelineName::Rollback && !name.contains("{deployment}") {
        Some("cannot roll back: an older build may have this tag already; add {deployment}".into())
    } else {
        None
    };
    if let Some(why) = why {
        entry.reject(mistakes, why);
        return None;
    }
    Some(GitHubWay::Tag { name: name.to_owned(), release })
}

fn moved(
    entry: &Setting<'_>,
    pipeline: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> Option<GitHubWay> {
    if pipeline == PipelineName::Rollback {
        let sentence = format!("cannot roll back: a branch is only ever moved forwards; {INSTEAD}");
        entry.reject(mistakes, sentence);
    }
    let branch = named(entry, is_git_name, NAME_RULE, mistakes)?;
    Some(GitHubWay::Branch { branch })
}

/// As git allows it, as far as it matters: it goes into a body and an argument, never into an address.
fn is_ref(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.contains(' ') && !has_control(text)
}

/// Whether each value of the placeholders makes a name of it.
fn is_tag(template: &str) -> bool {
    let is_known = |name: &str| IN_TAG.contains(&name);
    let example = filled(template, |name| if is_known(name) { "a1".into() } else { " ".into() });
    is_git_name(&example)
}

/// The name of a branch or a tag that can be a part of an address.
fn is_git_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let is_part = |part: &str| {
        let lock = part.rsplit('.').next().is_some_and(|end| end == "lock");
        let ends_badly = part.ends_with('.') || lock;
        !part.is_empty() && !part.starts_with('.') && !ends_badly && part.chars().all(inside)
    };
    let is_short = name.len() <= LONGEST_NAME && !name.contains("..");
    is_short && !name.starts_with('-') && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_tag_or_a_branch_is_no_path_and_no_option() {
        for name in ["production", "release/eu-1", "v1.2", "v1+2_a"] {
            assert!(is_git_name(name), "{name}");
        }
        for name in [
            "", "-f", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a.", "a.lock", "a b", "a?b",
            "a%2f", "ü",
        ] {
            assert!(!is_git_name(name), "{name}");
        }
        assert!(is_tag("v{build}") && is_tag("{service}/{deployment}-{short_sha}"));
        for template in ["v{build}-{actor}", "v{build}.{", "v{build}.", "{run}", "v{previous_sha}"]
        {
            assert!(!is_tag(template), "{template}");
        }
    }
}
