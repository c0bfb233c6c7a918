//! `scope keys`: lists, makes and revokes API keys. A running server reads their file again by itself.

use std::process::ExitCode;

use serde_json::json;

use super::{FAILED, print};
use crate::{
    access::{KeyFile, Role, Row},
    config::{Config, Form, KeyTask},
};

/// Width of the columns; a longer name shifts its line.
const NAME_COLUMN: usize = 24;
const ROLE_COLUMN: usize = 9;

/// Does it, and gives the process's exit code.
pub fn handle(task: &KeyTask, config: &Config) -> ExitCode {
    let file = config.access.keys(&config.state_dir);
    let done = match task {
        KeyTask::List(form) => file.read().map(|rows| list(&rows, *form)).map_err(|error| error.to_string()),
        KeyTask::New { name, role } => add(config, &file, name, *role),
        KeyTask::Revoke(name) => file.revoke(name).map(|()| String::new()).map_err(|error| error.to_string()),
    };
    match done {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(FAILED)
        }
    }
}

/// The key alone goes to standard output, so that a script can keep it.
fn add(config: &Config, file: &KeyFile, name: &str, role: Role) -> Result<String, String> {
    if config.access.keys_file.is_none() {
        let fault = |error| format!("{}: {error}; set SCOPE_STATE_DIR", file.path().display());
        config.state_dir.prepare().map_err(fault)?;
    }
    let key = file.add(name, role).map_err(|error| error.to_string())?;
    let path = file.path().display();
    eprintln!(
        "key {name} of the role {}, kept in {path} as its digest; this is the only time it is shown:",
        role.name()
    );
    Ok(format!("{}\n", key.expose()))
}

fn list(rows: &[Row], form: Form) -> String {
    match form {
        Form::Json => {
            let keys =
                rows.iter().map(|row| json!({"name": row.name, "role": row.role, "created": row.created}));
            format!("{:#}\n", json!({ "keys": keys.collect::<Vec<_>>() }))
        }
        Form::Text => rows
            .iter()
            .map(|row| {
                format!("{:NAME_COLUMN$}  {:ROLE_COLUMN$} {}\n", row.name, row.role.name(), row.created)
            })
            .collect::<Vec<_>>()
            .concat(),
    }
}
