//! Finds the default branch in what a repository says of its branches.

/// The usual names of a trunk.
pub(super) const USUAL_TRUNKS: [&str; 3] = ["main", "master", "trunk"];

/// The candidates for the default branch of a repository.
#[derive(Default)]
pub(super) struct Heads {
    head: Option<String>,
    origin: Option<String>,
    usual: Vec<String>,
}

impl Heads {
    pub(super) fn parse(answer: &str) -> Self {
        let mut heads = Self::default();
        for (value, name) in answer.lines().filter_map(|line| line.split_once('\t')) {
            let target = value.strip_prefix("ref: ");
            match name {
                "HEAD" => heads.head = branch(target, "refs/heads/").or(heads.head),
                "refs/remotes/origin/HEAD" => {
                    heads.origin = branch(target, "refs/remotes/origin/").or(heads.origin);
                }
                _ => heads.usual.extend(branch(Some(name), "refs/heads/")),
            }
        }
        heads
    }

    pub(super) fn trunk(self, has_work_tree: bool) -> Option<String> {
        if !has_work_tree {
            return self.head.or_else(|| self.usual.into_iter().next());
        }
        let head = self.head.clone().filter(|head| USUAL_TRUNKS.contains(&head.as_str()));
        self.origin.or(head).or_else(|| self.usual.into_iter().next()).or(self.head)
    }
}

fn branch(name: Option<&str>, prefix: &str) -> Option<String> {
    name?.strip_prefix(prefix).map(str::to_owned)
}
