//! Loads the settings, then runs the requested command.

use std::process::ExitCode;

use scope::{command, config, memory};

fn main() -> ExitCode {
    memory::settle();
    // Skip variables that are not UTF-8.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    command::run(config::load(std::env::args_os(), environment))
}
