//! The samples of the pages, read as an operator's files are.

use std::fs;

use trunkline::config::user_file::UserFile;

/// The samples in TOML of a page.
fn samples(page: &str) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let parts = text.split("```toml\n").skip(1);
    parts.filter_map(|part| part.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn each_sample_of_a_destination_is_one() {
    let mut kinds = Vec::new();
    for page in ["docs/destinations.md", "docs/webhooks-out.md"] {
        let all = samples(page);
        assert!(!all.is_empty(), "{page} has samples");
        for sample in all {
            // That of a service has no kind.
            if !sample.contains("kind =") {
                assert!(sample.contains("staging ="), "{sample}");
                continue;
            }
            let file =
                UserFile::parse(&sample, page).unwrap_or_else(|why| panic!("{sample}\n{why}"));
            assert_eq!(file.destinations.len(), 1, "{sample}");
            kinds.extend(file.destinations.values().map(|one| one.kind.as_str()));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["discord", "mattermost", "pagerduty", "teams", "webhook"]);
}
