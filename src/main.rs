//! The `trunkline` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    trunkline::cli::main()
}
