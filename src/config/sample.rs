//! The commented service file that `trunkline init` writes: it has the defaults and runs unchanged.

use crate::domain::ids::ServiceName;

const SAMPLE: &str = include_str!("../../assets/trunkline.toml");

/// The sample for a service and its trunk.
#[must_use]
pub fn service_file(name: &ServiceName, trunk: &str) -> String {
    let trunk = toml::Value::from(trunk).to_string();
    SAMPLE.replace("\"SERVICE\"", &format!("\"{name}\"")).replace("\"TRUNK\"", &trunk)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::process::Command;

    use super::*;
    use crate::calendar::FreezesFile;
    use crate::config::ServiceFile;
    use crate::config::service_file::DeclaredVariables;
    use crate::domain::event::{Run, StepSpec};
    use crate::domain::people::People;
    use crate::domain::policy::Policy;

    const FREEZES: &str = include_str!("../../assets/freezes.toml");

    fn sample() -> String {
        service_file(&"shop".parse().unwrap(), "main")
    }

    /// A documented key is `# key = value`; examples are indented.
    fn with_every_key_spelled_out(text: &str) -> (String, usize) {
        let (mut spelled_out, mut keys) = (String::new(), 0);
        for line in text.lines() {
            let key = line.strip_prefix("# ").filter(|rest| {
                let name = rest.split_once(" = ").map_or("", |(name, _)| name);
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            });
            keys += usize::from(key.is_some());
            writeln!(spelled_out, "{}", key.unwrap_or(line)).unwrap();
        }
        (spelled_out, keys)
    }

    #[test]
    fn the_sample_names_the_service_and_is_otherwise_all_defaults() {
        let file = ServiceFile::parse(&sample(), "trunkline.toml").unwrap();
        assert_eq!(file.name.as_str(), "shop");
        assert_eq!(file.trunk.as_deref(), Some("main"));
        let policy = Policy { leaves: Some(Vec::new()), ..Policy::default() };
        assert_eq!(file.policy, policy, "it declares no leaves, and was read");
        assert_eq!(file.people, People::default());
        assert_eq!(file.variables, DeclaredVariables::default());
    }

    #[test]
    fn every_key_that_the_sample_documents_equals_its_default() {
        let (spelled_out, keys) = with_every_key_spelled_out(&sample());
        assert_eq!(keys, 11, "{spelled_out}");
        let plain = ServiceFile::parse(&sample(), "trunkline.toml").unwrap();
        let spelled_out = ServiceFile::parse(&spelled_out, "trunkline.toml").unwrap();
        assert_eq!(spelled_out, plain);
    }

    #[test]
    fn every_key_that_the_sample_of_freezes_documents_equals_its_default() {
        let rules = |text: &str| {
            let file = FreezesFile::parse(text, "freezes.toml").unwrap();
            format!("{:#?}", file.rules)
        };
        let (spelled_out, keys) = with_every_key_spelled_out(FREEZES);
        assert_eq!(keys, 7, "{spelled_out}");
        assert_eq!(rules(&spelled_out), rules(FREEZES));
    }

    #[test]
    fn the_indented_examples_are_valid_too() {
        let (mut freezes, mut service) = (FREEZES.to_owned(), String::new());
        for line in FREEZES.lines() {
            let example = line.strip_prefix("#     ").unwrap_or_default();
            writeln!(freezes, "{example}").unwrap();
        }
        let file = FreezesFile::parse(&freezes, "freezes.toml").unwrap();
        assert_eq!(file.feeds.len(), 1);
        let mut examples = 0;
        for line in sample().lines() {
            let example = line.strip_prefix("# Example:    ");
            examples += usize::from(example.is_some());
            writeln!(service, "{}", example.unwrap_or(line)).unwrap();
        }
        let file = ServiceFile::parse(&service, "trunkline.toml").unwrap();
        assert_eq!(examples, 8, "{service}");
        assert_eq!(file.database.as_deref(), Some("main"));
        assert_eq!(file.migrations.paths, ["db/migrate/*.sql"]);
    }

    #[test]
    fn a_strange_trunk_is_quoted() {
        let text = service_file(&"shop".parse().unwrap(), "odd\"$(id)");
        let file = ServiceFile::parse(&text, "trunkline.toml").unwrap();
        assert_eq!(file.trunk.as_deref(), Some("odd\"$(id)"));
    }

    #[test]
    fn the_steps_of_the_sample_succeed() {
        let file = ServiceFile::parse(&sample(), "trunkline.toml").unwrap();
        for StepSpec { name, run, .. } in
            file.staging.iter().chain(&file.production).chain(&file.rollback)
        {
            let Run::Shell(line) = run else { panic!("{name} is not a shell line") };
            let ran = Command::new("sh").arg("-c").arg(line).output().unwrap();
            assert!(ran.status.success(), "{name}: {ran:?}");
        }
    }
}
