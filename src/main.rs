//! The `trunkline` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        eprintln!("trunkline: {error}");
        return ExitCode::FAILURE;
    }
    trunkline::cli::main()
}
