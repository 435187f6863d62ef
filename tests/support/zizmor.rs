//! Looks for what is unsafe in workflow files: zizmor, which nobody here wrote, finds it.

use std::process::Command;

use crate::proofs::installed;

/// What zizmor finds in these workflows, which are given with their names. `None` if that is nothing, or if zizmor is not
/// installed, which is said.
pub fn unsafe_in(workflows: &[(&str, &str)]) -> Option<String> {
    let zizmor = installed("TRUNKLINE_ZIZMOR", "whether workflows are safe")?;
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join(".github/workflows");
    std::fs::create_dir_all(&files).unwrap();
    for (name, text) in workflows {
        std::fs::write(files.join(name), text).unwrap();
    }
    let mut zizmor = Command::new(zizmor);
    zizmor.args([
        "--offline",
        "--no-progress",
        "--no-config",
        "--no-ignores",
        "--strict-collection",
    ]);
    let told = zizmor.arg(folder.path()).output().unwrap();
    let [found, said] = [&told.stdout, &told.stderr].map(|text| String::from_utf8_lossy(text));
    (!told.status.success()).then(|| format!("{said}{found}"))
}
