//! Load, then run what was asked for.

use std::process::ExitCode;

use scope::{command, config, memory};

fn main() -> ExitCode {
    memory::settle();
    // A variable that is no text is none of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    command::run(config::load(std::env::args_os(), environment))
}
