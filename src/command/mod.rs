//! The commands `scope serve`, `scope codecs`, `scope doctor`, `scope keys` and `scope pipelines`, one file or folder
//! each, and `scope openapi`.
//!
//! Runs on the main thread, which starts a runtime where one is needed. Results go to standard output, log lines and
//! errors to standard error; the exit codes are those of sysexits.h.

mod codecs;
mod doctor;
mod keys;
mod pipelines;
mod serve;

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

use crate::{
    api,
    config::{Config, Form, Outcome, Subject},
    telemetry,
};

/// Bad use or configuration (`EX_USAGE`).
const BAD_USE: u8 = 64;
/// Something required is missing (`EX_UNAVAILABLE`).
const MISSING: u8 = 69;
/// Every other failure.
const FAILED: u8 = 1;

/// Runs the command; gives the process's exit code.
pub fn run(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Serve(config) => serve::serve(*config),
        Outcome::Inspect(subject, form, config) => inspect(subject, form, &config),
        Outcome::Pipelines(task, config) => {
            quiet(&config);
            pipelines::handle(&task, &config)
        }
        Outcome::Keys(task, config) => {
            quiet(&config);
            keys::handle(&task, &config)
        }
        Outcome::Document => {
            print(&format!("{:#}\n", api::document()));
            ExitCode::SUCCESS
        }
        Outcome::Print(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Outcome::Faults(text) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(BAD_USE)
        }
    }
}

fn inspect(subject: Subject, form: Form, config: &Config) -> ExitCode {
    quiet(config);
    match subject {
        Subject::Codecs => codecs::show(config, form),
        Subject::Doctor => doctor::examine(config, form),
    }
}

/// A command logs only if asked to.
fn quiet(config: &Config) {
    if config.log.verbose {
        telemetry::init(config.log);
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is not an error.
fn print(text: &str) {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => eprintln!("standard output: {error}"),
        _ => {}
    }
}
