//! Software of others that `.ci/github-proofs` installs, if it is there.

use std::path::PathBuf;

/// Where it is by the variable that `.ci/run` sets. Whoever runs the tests without that is told what is not tried.
pub fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let place = std::env::var_os(variable).map(PathBuf::from);
    match &place {
        Some(place) => assert!(place.exists(), "{variable} names {}", place.display()),
        None => {
            eprintln!("{what} is not tried: {variable} is not set; .ci/github-proofs prints it");
        }
    }
    place
}
